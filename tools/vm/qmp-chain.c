// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * block-stream and block-commit: chains of images become shorter while the
 * guest uses them (QEMU 10's qapi/block-core.json).
 */
#include <errno.h>
#include "block/driver.h"
#include "blockjob.h"
#include "str.h"

static const char *const error_names[] = { "report", "ignore", "stop", "enospc", "auto", NULL };

struct order {
	struct blk_job_conf conf;
	struct blockjob_args args;
	struct drive *d;
	const char *backing_file;
};

static int read_order(struct qmp_call *c, struct order *o)
{
	const char *device = qmp_need_str(c, "device"), *filter = NULL;
	bool finalize = true, dismiss = true;
	int on_error = BLK_ON_ERROR_REPORT;
	s64 speed = 0;

	qopts_str(c->args, "job-id", &o->args.id, &c->err);
	qopts_str(c->args, "backing-file", &o->backing_file, &c->err);
	qopts_str(c->args, "filter-node-name", &filter, &c->err);	/* there is no such node */
	qopts_s64(c->args, "speed", INT64_MIN, INT64_MAX, &speed, &c->err);
	qopts_enum(c->args, "on-error", error_names, &on_error, &c->err);
	qopts_bool(c->args, "auto-finalize", &finalize, &c->err);
	qopts_bool(c->args, "auto-dismiss", &dismiss, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (speed < 0)
		return err_set(&c->err, EINVAL, "Parameter 'speed' expects a non-negative value");
	o->conf.speed = (u64)speed;
	o->conf.on_source_error = o->conf.on_target_error =
		on_error > BLK_ON_ERROR_ENOSPC ? BLK_ON_ERROR_REPORT : (enum blk_job_on_error)on_error;
	o->args.manual_finalize = !finalize;
	o->args.manual_dismiss = !dismiss;
	o->d = blockjob_drive(c, device);
	return o->d ? 0 : -c->err.code;
}

/* A node of the chain by its file's name, or its own; NULL with err set. */
static struct blk_node *in_chain(struct qmp_call *c, struct blk_node *top, const char *file, const char *name, const char *missing)
{
	struct blk_node *n;

	for (n = top; n; n = blk_backing(n))
		if (name ? str_eq(blk_node_name(n), name) : str_eq(blk_filename(n), file))
			return n;
	if (name)
		err_set(&c->err, ENOENT, "Node '%s' is not a backing image of '%s'", name, blk_node_name(top));
	else
		err_set(&c->err, ENOENT, missing, file);
	return NULL;
}

/* "base" or "base-node": *out stays NULL where neither is there. */
static int find(struct qmp_call *c, struct blk_node *top, const char *file_key, const char *node_key, struct blk_node **out)
{
	const char *file = NULL, *name = NULL;

	qopts_str(c->args, file_key, &file, &c->err);
	qopts_str(c->args, node_key, &name, &c->err);
	if (!err_is_set(&c->err) && file && name)
		err_set(&c->err, EINVAL, "'%s' and '%s' cannot be specified at the same time", file_key, node_key);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (file || name)
		*out = in_chain(c, top, file, name, str_eq(file_key, "top") ? "Top image file %s not found"
									   : "Can't find '%s' in the backing chain");
	return -c->err.code;
}

static int block_stream(struct qmp_call *c)
{
	struct order o = { .conf = { .kind = BLK_JOB_STREAM } };
	struct blk_node *n, *base = NULL;
	struct blockjob *b;

	if (read_order(c, &o) < 0 || find(c, o.d->node, "base", "base-node", &base) < 0)
		return -c->err.code;
	n = o.d->node;
	if (base == n)
		return err_set(&c->err, EINVAL, "Node '%s' is not a backing image of '%s'", blk_node_name(n), blk_node_name(n));
	if (!n->drv->map || !n->drv->alloc || !n->drv->change_backing)
		return err_set(&c->err, ENOTSUP, "'%s' cannot take what its backing files hold", blk_node_name(n));
	if (blk_read_only(n))
		return err_set(&c->err, EACCES, "Block node is read-only");
	o.conf.base = base;
	b = blockjob_start(c, &o.conf, &o.args, o.d, NULL, blk_ref(n));
	if (!b) {
		blk_unref(n);
		return -c->err.code;
	}
	return blockjob_set_backing(b, n, base, o.backing_file, &c->err);
}
QMP("block-stream", block_stream);

static struct blk_node *above(struct blk_node *top, const struct blk_node *n)
{
	while (top && blk_backing(top) != n)
		top = blk_backing(top);
	return top;
}

static struct blk_node *lowest(struct blk_node *n)
{
	while (blk_backing(n))
		n = blk_backing(n);
	return n;
}

/* Somebody sees n besides the chain that it is a part of. */
static bool has_others(const struct vm *vm, const struct blk_node *n)
{
	const struct drive *d;
	struct blk_node *p = NULL;
	int parents = 0, i;

	while ((p = blk_node_next(vm->drives.graph, p)))
		for (i = 0; i < p->n_children; i++)
			parents += p->child[i].node == n;
	for (d = vm->drives.first; d; d = d->next)
		parents += d->node == n && (d->in_use || d->is_target || !d->is_node);
	return parents > 1;
}

/* Below the top all changes: for those too who have a part of the chain for themselves. */
static int check_others(struct qmp_call *c, struct blk_node *top, struct blk_node *base)
{
	struct blk_node *n = top;

	do {
		n = blk_backing(n);
		if (has_others(c->vm, n))
			return err_set(&c->err, EBUSY, "Node '%s' is used by others, who would see the commit", blk_node_name(n));
	} while (n != base);
	return 0;
}

/* The base must take writes, and be long enough. */
static int open_base(struct qmp_call *c, struct blk_node *base, u64 size, bool *was_read_only)
{
	*was_read_only = blk_read_only(base);
	if (*was_read_only && blk_reopen(base, NULL, blk_flags(base) | BLK_O_RDWR, &c->err) < 0)
		return -c->err.code;
	if (blk_length(base) < size && blk_truncate(base, size, true, BLK_PREALLOC_OFF, &c->err) < 0)
		return -c->err.code;
	return 0;
}

static int block_commit(struct qmp_call *c)
{
	struct order o = { .args = { .type = "commit" } };
	struct blk_node *root, *top, *base = NULL, *overlay;
	struct blockjob *b = NULL;
	bool was_read_only = false;

	if (read_order(c, &o) < 0)
		return -c->err.code;
	top = root = o.d->node;
	if (find(c, root, "top", "top-node", &top) < 0)
		return -c->err.code;
	base = blk_backing(top) ? lowest(top) : NULL;
	if (find(c, top, "base", "base-node", &base) < 0)
		return -c->err.code;
	if (!base || base == top)
		return err_set(&c->err, EINVAL, base ? "Invalid files for merge: top and base are the same" : "There is no backing image below '%s'",
			       blk_node_name(top));
	overlay = above(root, top);
	if (top == root && o.backing_file)
		return err_set(&c->err, EINVAL, "'backing-file' specified, but 'top' is the active layer");
	if (o.d->jobs)
		return err_set(&c->err, EBUSY, "Node '%s' is busy: block device is in use by a block job", o.d->id);
	if (check_others(c, top, base) < 0)
		return -c->err.code;
	if (open_base(c, base, blk_length(top), &was_read_only) < 0)
		goto shut;
	o.conf.kind = top == root ? BLK_JOB_MIRROR : BLK_JOB_COMMIT;
	o.conf.src = top;
	o.conf.base = base;
	b = blockjob_start(c, &o.conf, &o.args, o.d, NULL, blk_ref(base));
	if (!b) {
		blk_unref(base);
		goto shut;
	}
	b->was_read_only = was_read_only;
	return top == root ? 0 : blockjob_set_backing(b, overlay, base, o.backing_file, &c->err);
shut:
	if (was_read_only)
		blk_reopen(base, NULL, blk_flags(base) & ~(u32)BLK_O_RDWR, NULL);
	return -c->err.code;
}
QMP("block-commit", block_commit);
