/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node graph: secrets and policy, references, children, closing. */
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include "block/int.h"
#include "block/throttle.h"
#include "block/job.h"

struct blk_graph *blk_graph_new(const struct blk_policy *p)
{
	struct blk_graph *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->codecs = blk_codecs_new();
	if (!g->codecs) {
		free(g);
		return NULL;
	}
	if (p)
		g->policy = *p;
	return g;
}

void blk_graph_free(struct blk_graph *g)
{
	if (!g)
		return;
	while (g->secrets) {
		struct blk_secret *s = g->secrets;

		g->secrets = s->next;
		explicit_bzero(s->data, s->len);
		free(s->data);
		free(s->id);
		free(s);
	}
	blk_objects_free(g);
	blk_throttle_free(g);
	blk_mem_stores_free(g);
	blk_codecs_free(g->codecs);
	free(g);
}

struct blk_policy *blk_graph_policy(struct blk_graph *g)
{
	return &g->policy;
}

/* ---- secrets ---- */

static int read_secret_file(const char *file, u8 **data, size_t *len, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t r;

	if (fd < 0)
		return err_errno(e, errno, "Unable to read %s", file);
	*data = calloc(1, 65537);
	r = *data ? read(fd, *data, 65536) : -1;
	close(fd);
	if (r < 0)
		return err_set(e, EIO, "Unable to read %s", file);
	*len = (size_t)r;
	return 0;
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int blk_base64_decode(u8 *p, size_t *len)
{
	size_t out = 0;
	u32 acc = 0;
	int bits = 0;

	for (size_t i = 0; i < *len && p[i] != '='; i++) {
		int v = b64_value((char)p[i]);

		if (v < 0) {
			if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t' || p[i] == ' ')
				continue;
			return -EINVAL;
		}
		acc = acc << 6 | (u32)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			p[out++] = (u8)(acc >> bits);
		}
	}
	*len = out;
	return 0;
}

int blk_graph_add_secret(struct blk_graph *g, struct blk_opts *o, struct err *e)
{
	static const char *const formats[] = { "raw", "base64", NULL };
	char *id = blk_opts_take(o, "id"), *data = blk_opts_take(o, "data");
	char *file = blk_opts_take(o, "file");
	struct blk_secret *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM, format = 0;

	if (!s)
		goto out;
	ret = blk_opts_take_enum(o, "format", formats, &format, e);
	if (ret)
		goto out;
	if (!id || !data == !file) {
		ret = err_set(e, EINVAL, !id ? "Parameter 'id' is missing" :
			      "'file' and 'data' are mutually exclusive, and one is needed");
		goto out;
	}
	if (data) {
		s->len = strlen(data);
		s->data = (u8 *)strdup(data);
		ret = s->data ? 0 : -ENOMEM;
	} else {
		ret = read_secret_file(file, &s->data, &s->len, e);
	}
	if (!ret && format == 1 && blk_base64_decode(s->data, &s->len))
		ret = err_set(e, EINVAL, "Base64 data '%s' is not valid", data ? data : file);
	if (ret)
		goto out;
	s->id = id;
	s->next = g->secrets;
	g->secrets = s;
	id = NULL;
	s = NULL;
out:
	if (s)
		free(s->data);
	free(s);
	free(id);
	free(data);
	free(file);
	return ret;
}

int blk_graph_secret(struct blk_graph *g, const char *id, const u8 **data, size_t *len,
		     struct err *e)
{
	for (struct blk_secret *s = g->secrets; s; s = s->next) {
		if (strcmp(s->id, id))
			continue;
		*data = s->data;
		*len = s->len;
		return 0;
	}
	return err_set(e, ENOENT, "No secret with id '%s'", id);
}

/* ---- nodes ---- */

struct blk_node *blk_graph_find(struct blk_graph *g, const char *node_name)
{
	for (struct blk_node *n = g->nodes; n; n = n->next)
		if (n->name && !strcmp(n->name, node_name))
			return n;
	return NULL;
}

const struct blk_driver *blk_driver_find(const char *name)
{
	const struct blk_driver *d;

	REGISTRY_FOREACH(block, d)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

struct blk_node *blk_ref(struct blk_node *n)
{
	__atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

static void unlink_node(struct blk_node *n)
{
	for (struct blk_node **p = &n->graph->nodes; *p; p = &(*p)->next) {
		if (*p != n)
			continue;
		*p = n->next;
		return;
	}
}

static int settle(struct blk_node *n, bool *told)
{
	int ret, r;

	*told = false;
	if (!(n->flags & BLK_O_RDWR) || n->flags & BLK_O_INACTIVE)
		return 0;
	ret = blk_node_flush(n);
	r = n->drv->settle ? n->drv->settle(n) : 0;
	*told = r && n->drv->flags & BLK_DRV_TELLS;
	return r ?: ret;
}

int blk_settle(struct blk_node *n)
{
	bool told;

	return settle(n, &told);
}

int blk_graph_lost(const struct blk_graph *g, bool *told)
{
	if (told)
		*told = g->lost_told;
	return __atomic_load_n(&g->lost, __ATOMIC_ACQUIRE);
}

static void forget_child(struct blk_node *n, int i)
{
	struct blk_node *c = n->child[i].node;

	memmove(&n->child[i], &n->child[i + 1], (size_t)(n->n_children - i - 1) * sizeof(*n->child));
	n->n_children--;
	if (n->file == c)
		n->file = NULL;
	if (n->backing == c)
		n->backing = NULL;
}

static int unref(struct blk_node *n, bool *told)
{
	int ret = 0;

	if (__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL))
		return 0;
	if (n->priv) {		/* else it was never open */
		ret = settle(n, told);
		if (n->drv->close)
			n->drv->close(n);
	}
	while (n->n_children) {
		struct blk_node *c = n->child[n->n_children - 1].node;
		bool t = false;
		int r;

		forget_child(n, n->n_children - 1);
		r = unref(c, &t);
		if (ret || !r || n->drv->flags & BLK_DRV_VOTES)
			continue;
		ret = r;
		*told = t;
	}
	unlink_node(n);
	blk_units_free(n->units);
	blk_ranges_free(n->ranges);
	blk_opts_free(&n->opts);
	free(n->child);
	free(n->priv);
	free(n->name);
	free(n->filename);
	free(n->backing_name);
	free(n->backing_fmt);
	free(n);
	return ret;
}

int blk_unref(struct blk_node *n)
{
	struct blk_graph *g = n ? n->graph : NULL;
	bool told = false;
	int ret = n ? unref(n, &told) : 0, none = 0;

	if (ret && __atomic_compare_exchange_n(&g->lost, &none, ret, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		g->lost_told = told;
	return ret;
}

int blk_attach(struct blk_node *n, const char *role, struct blk_node *c)
{
	struct blk_child *v;

	if (n->n_children >= 4096)
		return -EMFILE;
	v = realloc(n->child, (size_t)(n->n_children + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	n->child = v;
	snprintf(v[n->n_children].role, sizeof(v->role), "%s", role);
	v[n->n_children++].node = c;
	if (!strcmp(role, "file"))
		n->file = c;
	if (!strcmp(role, "backing"))
		n->backing = c;
	return 0;
}

int blk_detach(struct blk_node *n, struct blk_node *c)
{
	for (int i = n->n_children - 1; i >= 0; i--) {
		if (n->child[i].node != c)
			continue;
		forget_child(n, i);
		return blk_unref(c);
	}
	return 0;
}

struct blk_node *blk_child_find(struct blk_node *n, const char *role)
{
	for (int i = 0; i < n->n_children; i++)
		if (!strcmp(n->child[i].role, role))
			return n->child[i].node;
	return NULL;
}

int blk_set_backing(struct blk_node *n, struct blk_node *base, struct err *e)
{
	int ret = 0;

	if (base && !(n->drv->flags & BLK_DRV_BACKING))
		return err_set(e, ENOTSUP, "The overlay does not support backing images");
	if (base && n->backing)
		return err_set(e, EBUSY, "The overlay already has a backing image");
	for (struct blk_node *p = base; p; p = p->backing)
		if (p == n)
			return err_set(e, EINVAL, "'%s' is below itself", blk_node_name(n));
	blk_drain_begin(n);
	if (!base && n->backing)
		blk_detach(n, n->backing);
	if (base) {
		ret = blk_attach(n, "backing", blk_ref(base));
		if (ret)
			blk_unref(base);
	}
	blk_drain_end(n);
	return ret ? err_set(e, -ret, "out of memory") : 0;
}

int blk_change_backing(struct blk_node *n, struct blk_node *base, const char *file, const char *fmt, struct err *e)
{
	int ret;

	if (!n->drv->change_backing)
		return err_set(e, ENOTSUP, "'%s' cannot name another backing file", blk_node_name(n));
	blk_drain_begin(n);
	ret = n->drv->change_backing(n, file, fmt, e) ?: blk_node_flush(n);
	if (!ret && base)
		blk_ref(base);		/* it may live by the old one alone */
	if (!ret && n->backing)
		blk_detach(n, n->backing);
	if (!ret && base) {
		ret = blk_attach(n, "backing", base);
		if (ret)
			blk_unref(base);
	}
	blk_drain_end(n);
	return ret ? err_set(e, -ret, "Could not change the backing file of '%s'", blk_node_name(n)) : 0;
}

bool blk_has_parent(struct blk_node *n)
{
	for (struct blk_node *p = n->graph->nodes; p; p = p->next)
		for (int i = 0; i < p->n_children; i++)
			if (p->child[i].node == n)
				return true;
	return false;
}

u64 blk_length(const struct blk_node *n)
{
	return __atomic_load_n(&n->size, __ATOMIC_RELAXED);
}

void blk_set_length(struct blk_node *n, u64 size)
{
	__atomic_store_n(&n->size, size, __ATOMIC_RELAXED);
	if (n->resize_cb)
		n->resize_cb(n->resize_opaque, size);
}

void blk_set_resize_cb(struct blk_node *n, void (*cb)(void *opaque, u64 size), void *opaque)
{
	n->resize_cb = cb;
	n->resize_opaque = opaque;
}

u32 blk_flags(const struct blk_node *n)
{
	return n->flags;
}

const char *blk_driver_name(const struct blk_node *n)
{
	return n->drv->name;
}

const char *blk_filename(const struct blk_node *n)
{
	return n->filename ? n->filename : "";
}

const char *blk_node_name(const struct blk_node *n)
{
	return n->name ? n->name : "";
}

bool blk_read_only(const struct blk_node *n)
{
	return !(n->flags & BLK_O_RDWR);
}

u32 blk_request_align(const struct blk_node *n)
{
	return n->lim.request_align ? n->lim.request_align : 1;
}

struct blk_node *blk_backing(struct blk_node *n)
{
	return n->backing;
}

struct blk_node *blk_file(struct blk_node *n)
{
	return n->file;
}

s64 blk_disk_size(struct blk_node *n)
{
	s64 sum = 0;

	if (n->drv->flags & BLK_DRV_PROTOCOL)
		return n->drv->disk_size ? n->drv->disk_size(n) : -ENOTSUP;
	for (int i = 0; i < n->n_children; i++) {
		s64 k = n->child[i].node == n->backing ? 0 : blk_disk_size(n->child[i].node);

		if (k < 0)
			return k;
		sum += k;
	}
	return sum;
}

const struct blk_snapshot_ops *blk_snapshots(struct blk_node *n, struct blk_node **owner)
{
	while (n && !n->drv->snapshots && n->drv->flags & BLK_DRV_FILTER)
		n = n->file;
	*owner = n;
	return n ? n->drv->snapshots : NULL;
}

int blk_check_run(struct blk_node *n, struct blk_check *c, struct err *e)
{
	int ret;

	if (!n->drv->check)
		return err_set(e, ENOTSUP, "This image format does not support checks");
	if (c->fix && !(n->flags & BLK_O_RDWR))
		return err_set(e, EACCES, "The image is read-only");
	blk_drain_begin(n);
	ret = n->drv->check(n, c, e);
	blk_drain_end(n);
	return ret;
}
