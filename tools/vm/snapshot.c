// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * savevm, loadvm, delvm (see snapshot.h). The state is a stream of migration/
 * in the place that qcow2 keeps for it behind the disk's end; the snapshot
 * takes it along.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/toolbox.h"
#include "dev/clock.h"
#include "mem.h"
#include "migration/migration.h"
#include "snapshot.h"
#include "str.h"

struct disk {
	const char *name;		/* of the drive, for messages */
	struct blk_node *node;		/* that has the snapshots */
	const struct blk_snapshot_ops *ops;
	bool takes_state;
};

struct disks {
	struct disk *v;
	size_t n;
	struct disk *state;		/* has the machine's */
};

/* ---- which disks ---- */

static bool named(const struct drive *d, const struct json *names)
{
	const char *node = d->node ? blk_node_name(d->node) : NULL, *s;
	size_t i;

	for (i = 0; i < names->arr.n; i++) {
		s = json_to_str(names->arr.v[i]);
		if (s && (str_eq(s, d->id) || (node && str_eq(s, node))))
			return true;
	}
	return false;
}

static bool known(struct vm *vm, const char *name)
{
	struct json one = { .type = JSON_ARRAY };
	struct json *v = json_new_str(name);
	bool found = false;
	struct drive *d;

	one.arr.v = &v;
	one.arr.n = 1;
	for (d = vm->drives.first; v && d; d = d->next)
		found |= named(d, &one);
	json_free(v);
	return found;
}

static int check_names(struct vm *vm, const struct json *names, struct err *err)
{
	size_t i;

	for (i = 0; names && i < names->arr.n; i++) {
		const char *s = json_to_str(names->arr.v[i]);

		if (!s || !known(vm, s))
			return err_set(err, ENOENT, "No block device node '%s'", s ? s : "?");
	}
	return 0;
}

/* All that can be written, but for nodes that are only a part of others. */
static bool wanted(struct drive *d)
{
	return !blk_read_only(d->node) && (d->in_use || !d->is_node || !blk_has_parent(d->node));
}

static int add_disk(struct disks *all, struct drive *d, const char *state, struct err *err)
{
	struct disk *k = &all->v[all->n];
	struct json one = { .type = JSON_ARRAY };
	struct json *v;

	k->name = d->id;
	k->ops = blk_snapshots(d->node, &k->node);
	if (!k->ops)
		return err_set(err, ENOTSUP, "Device '%s' is writable but does not support snapshots", d->id);
	all->n++;
	if (!blk_vmstate_base(k->node))
		return 0;
	if (!state) {
		k->takes_state = true;
		return 0;
	}
	v = json_new_str(state);
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	one.arr.v = &v;
	one.arr.n = 1;
	k->takes_state = named(d, &one);
	json_free(v);
	return 0;
}

/* need_state: one of them must be able to take the machine. */
static int list_disks(struct vm *vm, const struct vm_snapshot_disks *which, bool need_state, struct disks *all, struct err *err)
{
	struct drive *d;
	size_t i, n = 0;

	*all = (struct disks){ .v = NULL };
	if (check_names(vm, which->names, err) < 0)
		return -err->code;
	for (d = vm->drives.first; d; d = d->next)
		n++;
	all->v = mem_array(n + 1, sizeof(*all->v));
	if (!all->v)
		return err_set(err, ENOMEM, "out of memory");
	memset(all->v, 0, (n + 1) * sizeof(*all->v));
	for (d = vm->drives.first; d; d = d->next)
		if (d->node && (which->names ? named(d, which->names) : wanted(d)) && add_disk(all, d, which->state, err) < 0)
			return -err->code;
	for (i = 0; i < all->n && !all->state; i++)
		if (all->v[i].takes_state)
			all->state = &all->v[i];
	if (!need_state || all->state)
		return 0;
	if (which->state)
		return err_set(err, ENOENT, "vmstate block device '%s' does not exist", which->state);
	return err_set(err, ENOTSUP, "no block device can store vmstate for snapshot");
}

/* True and *out: the disk has one of that name (or of that number). */
static bool find_snapshot(const struct disk *k, const char *name, struct blk_snapshot *out)
{
	struct blk_snapshot *v = NULL;
	int i, n = k->ops->list(k->node, &v), at = -1;

	for (i = 0; i < n && at < 0; i++)
		if (str_eq(v[i].name, name))
			at = i;
	if (at >= 0 && out)
		*out = v[at];
	free(v);
	return at >= 0;
}

/* ---- the machine's state in a disk ---- */

struct place {
	struct blk_node *node;
	u64 pos, end;
};

static int write_state(void *ctx, const void *p, size_t n, struct err *err)
{
	struct place *at = ctx;
	int ret = blk_vmstate_write(at->node, at->pos, p, n);

	if (ret < 0)
		return err_errno(err, -ret, "cannot write the machine's state");
	at->pos += n;
	return 0;
}

static ssize_t read_state(void *ctx, void *p, size_t n, struct err *err)
{
	struct place *at = ctx;
	int ret;

	n = (size_t)MIN((u64)n, at->end - at->pos);
	ret = n ? blk_vmstate_read(at->node, at->pos, p, n) : 0;
	if (ret < 0)
		return err_errno(err, -ret, "cannot read the machine's state");
	at->pos += n;
	return (ssize_t)n;
}

static int save_state(struct vm *vm, struct blk_node *node, u64 *size, struct err *err)
{
	struct place at = { .node = node };
	struct mig_io io = { .write = write_state, .ctx = &at };
	struct json *config = vm_migrate_config(vm, false);
	struct mig_stream s = { .buf = NULL };
	int ret;

	if (!config || mig_stream_init(&s, &io) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	else
		ret = mig_save(&s, vm->m, config, err);
	mig_stream_free(&s);
	json_free(config);
	*size = at.pos;
	return ret;
}

static void reset_machine(void *ctx)
{
	pc_reset(((struct vm *)ctx)->pc, false);
}

static int load_state(struct vm *vm, struct blk_node *node, u64 size, struct err *err)
{
	struct place at = { .node = node, .end = size };
	struct mig_io io = { .read = read_state, .ctx = &at };
	struct json *config = vm_migrate_config(vm, false);
	struct mig_stream s = { .buf = NULL };
	int ret;

	if (!config || mig_stream_init(&s, &io) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	else
		ret = mig_load(&s, vm->m, config, NULL, reset_machine, vm, err);
	mig_stream_free(&s);
	json_free(config);
	return ret;
}

/* ---- the three verbs ---- */

static int disk_error(const struct disk *k, const char *verb, const char *name, int ret, struct err *err)
{
	char why[160];

	snprintf(why, sizeof(why), "%.150s", err->msg[0] ? err->msg : strerror(-ret));
	return err_set(err, -ret, "Error while %s snapshot '%s' on '%s': %s", verb, name, k->name, why);
}

static int delete_all(const struct disks *all, const char *name, struct err *err)
{
	size_t i;
	int ret;

	for (i = 0; i < all->n; i++) {
		struct disk *k = &all->v[i];

		if (!find_snapshot(k, name, NULL))
			continue;
		ret = k->ops->remove(k->node, NULL, name, err);
		if (ret < 0)
			return disk_error(k, "deleting", name, ret, err);
	}
	return 0;
}

static int create_all(struct vm *vm, const struct disks *all, const char *name, u64 state_size, struct err *err)
{
	struct timespec now;
	size_t i;
	int ret;

	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < all->n; i++) {
		struct disk *k = &all->v[i];
		struct blk_snapshot s = {
			.vm_state_size = k == all->state ? state_size : 0, .date_sec = (u32)now.tv_sec,
			.date_nsec = (u32)now.tv_nsec, .vm_clock_nsec = clock_ns(vm->m->clock), .icount = ~0ULL,
		};

		snprintf(s.name, sizeof(s.name), "%s", name);
		ret = k->ops->create(k->node, &s, err);
		if (ret < 0)
			return disk_error(k, "creating", name, ret, err);
	}
	return 0;
}

static bool any_has(const struct disks *all, const char *name)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (find_snapshot(&all->v[i], name, NULL))
			return true;
	return false;
}

static int may_begin(struct vm *vm, struct err *err)
{
	enum run_state s = vm->m->state;

	if (s == RUN_INMIGRATE || s == RUN_FINISH_MIGRATE || s == RUN_SAVE_VM || s == RUN_RESTORE_VM)
		return err_set(err, EBUSY, "There's a migration process in progress");
	return 0;
}

int vm_snapshot_save(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, bool replace, struct err *err)
{
	bool ran = vm->m->state == RUN_RUNNING;
	enum run_state before;
	struct disks all;
	u64 size = 0;
	int ret;

	if (may_begin(vm, err) < 0)
		return -err->code;
	ret = list_disks(vm, d, true, &all, err);
	if (ret == 0 && strlen(name) >= sizeof(((struct blk_snapshot *)0)->name))
		ret = err_set(err, EINVAL, "the name of a snapshot has 255 characters at most");
	if (ret == 0 && !replace && any_has(&all, name))
		ret = err_set(err, EEXIST, "Snapshot '%s' already exists in one or more devices", name);
	if (ret < 0)
		goto out;
	vm_stop(vm);
	before = vm->m->state;
	vm->m->state = RUN_SAVE_VM;
	ret = delete_all(&all, name, err);
	if (ret == 0)
		ret = save_state(vm, all.state->node, &size, err);
	if (ret == 0 && (ret = create_all(vm, &all, name, size, err)) < 0)
		delete_all(&all, name, NULL);
	vm->m->state = before;
	if (ran)
		vm_cont(vm);
out:
	mem_free(all.v);
	return ret;
}

/* Disks go back first: from then on there is only forward. */
static int load_from(struct vm *vm, const struct disks *all, const char *name, u64 state_size, struct err *err)
{
	size_t i;
	int ret;

	for (i = 0; i < all->n; i++) {
		ret = all->v[i].ops->apply(all->v[i].node, name, err);
		if (ret < 0)
			return disk_error(&all->v[i], "activating", name, ret, err);
	}
	return load_state(vm, all->state->node, state_size, err);
}

int vm_snapshot_load(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err)
{
	bool ran = vm->m->state == RUN_RUNNING;
	const struct drive *busy;
	struct blk_snapshot s;
	struct disks all;
	size_t i;
	int ret;

	if (may_begin(vm, err) < 0)
		return -err->code;
	ret = list_disks(vm, d, true, &all, err);
	/* A job would not see that the disk changes under it. */
	for (busy = vm->drives.first; ret == 0 && busy; busy = busy->next)
		if (busy->jobs)
			ret = err_set(err, EBUSY, "Node '%s' is busy: block device is in use by a block job", busy->id);
	for (i = 0; ret == 0 && i < all.n; i++)
		if (!find_snapshot(&all.v[i], name, &s))
			ret = err_set(err, ENOENT, "Snapshot '%s' does not exist in one or more devices", name);
	if (ret == 0 && (!find_snapshot(all.state, name, &s) || !s.vm_state_size))
		ret = err_set(err, EINVAL, "This is a disk-only snapshot. Revert to it offline using qemu-img");
	if (ret == 0) {
		vm_stop(vm);
		vm->m->state = RUN_RESTORE_VM;
		ret = load_from(vm, &all, name, s.vm_state_size, err);
		vm->m->state = RUN_PAUSED;
		if (ret == 0 && ran)
			vm_cont(vm);
	}
	mem_free(all.v);
	return ret;
}

int vm_snapshot_delete(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err)
{
	struct disks all;
	int ret = list_disks(vm, d, false, &all, err);

	if (ret == 0)
		ret = delete_all(&all, name, err);
	mem_free(all.v);
	return ret;
}

/* ---- info snapshots ---- */

static void list_one(const struct blk_snapshot *s, const char *id, struct strbuf *out)
{
	char size[STR_SIZE_MAX], date[32], at[48];
	time_t t = (time_t)s->date_sec;
	u64 sec = s->vm_clock_nsec / NSEC_PER_SEC;
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(at, sizeof(at), "%04llu:%02llu:%02llu.%03llu", sec / 3600, sec / 60 % 60, sec % 60, s->vm_clock_nsec / 1000000 % 1000);
	strbuf_printf(out, "%-7s %-16s %8s %19s %15s %10s\n", id, s->name, str_size(size, s->vm_state_size), date, at, "--");
}

static void list_head(struct strbuf *out)
{
	strbuf_printf(out, "%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE", "DATE", "VM_CLOCK", "ICOUNT");
}

/* Those that every disk has can be loaded. */
static bool everywhere(const struct disks *all, const char *name)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (!find_snapshot(&all->v[i], name, NULL))
			return false;
	return true;
}

static void list_disk(const struct disks *all, const struct disk *k, bool loadable, struct strbuf *out)
{
	struct blk_snapshot *v = NULL;
	int i, n = k->ops->list(k->node, &v);
	bool head = false;

	for (i = 0; i < n; i++) {
		if (everywhere(all, v[i].name) != loadable)
			continue;
		if (!head)
			strbuf_printf(out, loadable ? "List of snapshots present on all disks:\n"
						    : "\nList of partial (non-loadable) snapshots on '%s':\n", k->name);
		if (!head)
			list_head(out);
		head = true;
		list_one(&v[i], loadable ? "--" : v[i].id, out);
	}
	if (loadable && !head)
		strbuf_puts(out, "There is no snapshot available.\n");
	free(v);
}

void vm_snapshot_list(struct vm *vm, struct strbuf *out)
{
	struct vm_snapshot_disks which = { .names = NULL };
	struct err err = ERR_INIT;
	struct disks all;
	size_t i;

	if (list_disks(vm, &which, true, &all, &err) < 0) {
		strbuf_printf(out, "Error: %s\n", err.msg);
	} else {
		list_disk(&all, all.state, true, out);
		for (i = 0; i < all.n; i++)
			list_disk(&all, &all.v[i], false, out);
	}
	mem_free(all.v);
}
