/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter "blkdebug": I/O errors by rule, for tests. Rules come from
 * options (inject-error.0.event=..., set-state.0...) or from a file:
 *	[inject-error]		event, state, errno, sector, once, iotype
 *	[set-state]		event, state, new_state
 * Drivers and the engine name events with blk_event(); "none" is always on.
 */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "str.h"

enum { IO_READ = 1, IO_WRITE = 2, IO_ZERO = 4, IO_DISCARD = 8, IO_FLUSH = 16, IO_STATUS = 32 };

struct rule {
	char event[32];
	u64 state, new_state;		/* state 0: any */
	int error;			/* 0: a set-state rule */
	s64 sector;
	u32 io;
	bool once, active, gone;
	struct rule *next;
};

/* A breakpoint, then the request that it stopped. */
struct stop {
	char event[32], tag[32];
	bool hit, go;
	struct stop *next;
};

struct debug {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct stop *stops;
	struct rule *rules;
	u64 state;
};

/* ---- rules ---- */

static int set_field(struct rule *r, const char *key, const char *val, struct err *e)
{
	static const char *const ios[] = { "read", "write", "write-zeroes", "discard", "flush", "block-status", NULL };
	u64 v = 0;
	int i;

	if (!strcmp(key, "event")) {
		snprintf(r->event, sizeof(r->event), "%s", val);
		return 0;
	}
	if (!strcmp(key, "once") || !strcmp(key, "immediately")) {
		bool b = false;

		if (str_to_bool(val, &b))
			return err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", key);
		if (key[0] == 'o')
			r->once = b;
		return 0;
	}
	if (!strcmp(key, "iotype")) {
		i = str_to_index(val, ios);
		if (i < 0)
			return err_set(e, EINVAL, "Invalid iotype '%s'", val);
		r->io = 1U << i;
		return 0;
	}
	if (!strcmp(key, "sector") && !strcmp(val, "-1"))
		return 0;
	if (str_to_u64(val, 0, &v))
		return err_set(e, EINVAL, "Parameter '%s' expects a number", key);
	if (!strcmp(key, "state"))
		r->state = v;
	else if (!strcmp(key, "new_state"))
		r->new_state = v;
	else if (!strcmp(key, "errno"))
		r->error = (int)v;
	else if (!strcmp(key, "sector"))
		r->sector = (s64)v;
	else
		return err_set(e, EINVAL, "Invalid parameter '%s'", key);
	return 0;
}

static struct rule *new_rule(struct debug *d, bool inject)
{
	struct rule *r = calloc(1, sizeof(*r)), **at = &d->rules;

	if (!r)
		return NULL;
	r->error = inject ? EIO : 0;
	r->sector = -1;
	r->io = IO_READ | IO_WRITE | IO_ZERO | IO_DISCARD | IO_FLUSH;
	while (*at)
		at = &(*at)->next;
	*at = r;
	return r;
}

static int rules_of_options(struct debug *d, struct blk_opts *o, const char *group, struct err *e)
{
	struct blk_opts all = { 0 };
	struct rule *r = NULL;
	char cur[16] = "";
	int ret = blk_opts_take_sub(o, group, &all);

	for (int i = 0; !ret && i < all.n; i++) {
		char *dot = strchr(all.v[i].key, '.');
		size_t n = dot ? (size_t)(dot - all.v[i].key) : 0;

		if (n >= sizeof(cur)) {
			ret = err_set(e, EINVAL, "Invalid rule '%s'", all.v[i].key);
			break;
		}
		/* "inject-error.event" is of the only rule, "inject-error.0.event" of one of several. */
		if (!r || strlen(cur) != n || strncmp(cur, all.v[i].key, n)) {
			r = new_rule(d, group[0] == 'i');
			snprintf(cur, sizeof(cur), "%.*s", (int)n, all.v[i].key);
			if (!r)
				ret = -ENOMEM;
		}
		ret = ret ?: set_field(r, dot ? dot + 1 : all.v[i].key, all.v[i].val, e);
	}
	blk_opts_free(&all);
	return ret;
}

static int rules_of_file(struct debug *d, const char *name, struct err *e)
{
	FILE *f = fopen(name, "r");
	char line[256], key[64], val[128];
	struct rule *r = NULL;
	int ret = 0;

	if (!f)
		return err_errno(e, errno, "Could not read blkdebug config file");
	while (!ret && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " [%63[a-z-]]", key) == 1) {
			r = new_rule(d, key[0] == 'i');
			ret = r ? 0 : -ENOMEM;
		} else if (sscanf(line, " %63[a-z_] = \"%127[^\"]\"", key, val) == 2) {
			ret = r ? set_field(r, key, val, e) : err_set(e, EINVAL, "blkdebug: a value outside of a rule");
		}
	}
	fclose(f);
	return ret;
}

/* ---- events ---- */

/* ---- breakpoints ---- */

static void unlink_stop(struct debug *d, struct stop *s)
{
	struct stop **p = &d->stops;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	free(s);
}

/* Lock held, dropped while the request waits. */
static void maybe_stop(struct debug *d, const char *name)
{
	struct stop *s = d->stops;

	while (s && (s->hit || strcmp(s->event, name)))
		s = s->next;
	if (!s)
		return;
	s->hit = true;
	printf("blkdebug: Suspended request '%s'\n", s->tag);
	pthread_cond_broadcast(&d->changed);
	while (!s->go)
		pthread_cond_wait(&d->changed, &d->lock);
	unlink_stop(d, s);
}

static int set_stop(struct debug *d, const char *event, const char *tag)
{
	struct stop *s = calloc(1, sizeof(*s)), **p = &d->stops;

	if (!s)
		return -ENOMEM;
	snprintf(s->event, sizeof(s->event), "%s", event);
	snprintf(s->tag, sizeof(s->tag), "%s", tag);
	while (*p)
		p = &(*p)->next;
	*p = s;
	return 0;
}

static struct stop *find_stop(struct debug *d, const char *tag, bool hit)
{
	struct stop *s = d->stops;

	while (s && (s->hit != hit || s->go || (tag && strcmp(s->tag, tag))))
		s = s->next;
	return s;
}

static void resume_stop(struct debug *d, struct stop *s)
{
	printf("blkdebug: Resuming request '%s'\n", s->tag);
	s->go = true;
	pthread_cond_broadcast(&d->changed);
}

static int remove_stops(struct debug *d, const char *tag)
{
	struct stop *s;
	int ret = -ENOENT;

	while ((s = find_stop(d, tag, false)) != NULL) {
		unlink_stop(d, s);
		ret = 0;
	}
	while ((s = find_stop(d, tag, true)) != NULL) {
		resume_stop(d, s);
		ret = 0;
	}
	return ret;
}

static int dbg_break(struct blk_node *n, enum blk_break op, const char *event, const char *tag)
{
	struct debug *d = n->priv;
	struct stop *s;
	int ret = 0;

	pthread_mutex_lock(&d->lock);
	switch (op) {
	case BLK_BREAK_SET:
		ret = set_stop(d, event, tag);
		break;
	case BLK_BREAK_REMOVE:
		ret = remove_stops(d, tag);
		break;
	case BLK_BREAK_RESUME_ALL:
		remove_stops(d, NULL);
		break;
	case BLK_BREAK_RESUME:
		s = find_stop(d, tag, true);
		if (s)
			resume_stop(d, s);
		else
			ret = -ENOENT;
		break;
	case BLK_BREAK_WAIT:
		while (!find_stop(d, tag, true) && find_stop(d, tag, false))
			pthread_cond_wait(&d->changed, &d->lock);
		ret = find_stop(d, tag, true) ? 0 : -ENOENT;
		break;
	}
	pthread_mutex_unlock(&d->lock);
	return ret;
}

static void event(struct blk_node *n, const char *name)
{
	struct debug *d = n->priv;
	u64 next;

	pthread_mutex_lock(&d->lock);
	next = d->state;
	for (struct rule *r = d->rules; r; r = r->next) {
		if (r->gone || strcmp(r->event, name) || (r->state && r->state != d->state))
			continue;
		if (r->error)
			r->active = true;
		else
			next = r->new_state;
	}
	d->state = next;
	maybe_stop(d, name);
	pthread_mutex_unlock(&d->lock);
}

static int check(struct blk_node *n, u64 off, u64 len, u32 io)
{
	struct debug *d = n->priv;
	int ret = 0;

	pthread_mutex_lock(&d->lock);
	for (struct rule *r = d->rules; !ret && r; r = r->next) {
		u64 at = (u64)r->sector * 512;
		bool on = r->active || (!strcmp(r->event, "none") && (!r->state || r->state == d->state));

		if (r->gone || !r->error || !on || !(r->io & io))
			continue;
		if (r->sector >= 0 && (io == IO_FLUSH || at + 512 <= off || at >= off + len))
			continue;
		ret = -r->error;
		r->active = false;
		r->gone = r->once;
		if (!r->once)
			r->active = true;
	}
	pthread_mutex_unlock(&d->lock);
	return ret;
}

/* ---- the driver ---- */

static int dbg_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	const char *conf = filename + 9, *colon;
	char *c;
	int ret = 0;

	if (strncmp(filename, "blkdebug:", 9))	/* driver=blkdebug was said already */
		return blk_opts_set(o, "x-image", filename);
	colon = strchr(conf, ':');
	if (!colon)
		return err_set(e, EINVAL, "blkdebug requires both config file and image path");
	if (colon != conf) {
		c = strndup(conf, (size_t)(colon - conf));
		ret = c ? blk_opts_set(o, "config", c) : -ENOMEM;
		free(c);
	}
	return ret ?: blk_opts_set(o, "x-image", colon + 1);
}

static int open_image(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	char *ref = blk_opts_take(o, "image"), *path = blk_opts_take(o, "x-image");
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, "image", &sub);

	if (!ret && ref) {
		struct blk_node *c = blk_graph_find(n->graph, ref);

		ret = c ? blk_attach(n, "image", blk_ref(c)) :
		      err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
	} else if (!ret) {
		ret = blk_open_child(n, "image", path, &sub, (n->flags & ~(u32)BLK_O_CHECK) | BLK_O_PROTOCOL | BLK_O_UNMAP, e);
	}
	free(ref);
	free(path);
	blk_opts_free(&sub);
	if (!ret)
		n->file = blk_child_find(n, "image");
	return ret;
}

static void dbg_close(struct blk_node *n)
{
	struct debug *d = n->priv;

	while (d->rules) {
		struct rule *r = d->rules;

		d->rules = r->next;
		free(r);
	}
	while (d->stops)
		unlink_stop(d, d->stops);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
}

static int dbg_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	static const char *const limits[] = { "max-transfer", "opt-write-zero", "max-write-zero", "opt-discard",
					      "max-discard" };
	struct debug *d = n->priv;
	char *conf = blk_opts_take(o, "config");
	u64 align = 0;
	int ret;

	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	d->state = 1;
	ret = conf ? rules_of_file(d, conf, e) : 0;
	ret = ret ?: rules_of_options(d, o, "inject-error", e);
	ret = ret ?: rules_of_options(d, o, "set-state", e);
	ret = ret ?: blk_opts_take_size(o, "align", &align, e);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		blk_opts_del(o, limits[i]);
	if (!ret && align && (align & (align - 1) || align > MiB))
		ret = err_set(e, EINVAL, "Cannot meet constraints with align %llu", align);
	ret = ret ?: open_image(n, o, e);
	free(conf);
	if (ret) {
		dbg_close(n);
		return ret;
	}
	n->size = blk_length(n->file);
	n->lim.request_align = align ? (u32)align : n->file->lim.request_align;
	if (!n->filename[0]) {
		free(n->filename);
		n->filename = strdup(blk_filename(n->file));
	}
	return 0;
}

static int dbg_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	return check(n, off, len, IO_READ) ?: blk_node_preadv(n->file, off, iov, niov, len);
}

static void follow_size(struct blk_node *n)
{
	if (blk_length(n) != blk_length(n->file))
		blk_set_length(n, blk_length(n->file));
}

static int dbg_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len, u32 flags)
{
	int ret;

	event(n, "pwritev");
	ret = check(n, off, len, IO_WRITE) ?: blk_node_pwritev(n->file, off, iov, niov, len, flags);
	follow_size(n);
	return ret;
}

static int dbg_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	int ret;

	event(n, "pwritev_zero");
	ret = check(n, off, len, IO_ZERO) ?: blk_node_zero(n->file, off, len, flags);
	follow_size(n);
	return ret;
}

static int dbg_discard(struct blk_node *n, u64 off, u64 len)
{
	return check(n, off, len, IO_DISCARD) ?: blk_node_discard(n->file, off, len);
}

static int dbg_flush(struct blk_node *n)
{
	event(n, "flush_to_os");
	event(n, "flush_to_disk");
	return check(n, 0, 0, IO_FLUSH);
}

static int dbg_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	int ret = check(n, off, len, IO_STATUS);

	x->kind = BLK_DATA;
	x->flags = BLK_X_IN_PLACE;
	x->off = x->host = off;
	x->len = len;
	x->node = n->file;
	return ret;
}

static int dbg_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	int ret = blk_node_truncate(n->file, size, exact, prealloc, e);

	follow_size(n);
	return ret;
}

static const struct blk_driver blkdebug = {
	.name = "blkdebug", .prefix = "blkdebug", .flags = BLK_DRV_FILTER | BLK_DRV_NO_FILE,
	.priv_size = sizeof(struct debug), .parse_filename = dbg_parse, .open = dbg_open, .close = dbg_close,
	.brk = dbg_break,
	.preadv = dbg_preadv, .pwritev = dbg_pwritev, .zero = dbg_zero, .discard = dbg_discard,
	.flush = dbg_flush, .status = dbg_status, .truncate = dbg_truncate, .event = event,
};
BLOCK_FORMAT(blkdebug);
