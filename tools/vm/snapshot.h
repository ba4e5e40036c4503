/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of the whole machine inside of its qcow2 disks (savevm, loadvm):
 * every writable disk gets one of the same name, one of them the state of
 * the machine as well. Main thread; the machine stands meanwhile.
 */
#ifndef VMBOX_TOOLS_VM_SNAPSHOT_H
#define VMBOX_TOOLS_VM_SNAPSHOT_H

#include "json.h"
#include "vm.h"

/* Which disks: names of drives or nodes; NULL: all writable ones. state: the disk that takes the machine; NULL: the first. */
struct vm_snapshot_disks {
	const struct json *names;
	const char *state;
};

#if IS_ENABLED(CONFIG_MIGRATION) && IS_ENABLED(CONFIG_BLOCK)
/* replace: one of that name goes first; otherwise -EEXIST. The machine goes on afterwards if it ran. */
int vm_snapshot_save(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, bool replace, struct err *err);
/* After a failure in the midst of it the machine stands and is of no use but for a reset. */
int vm_snapshot_load(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err);
int vm_snapshot_delete(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err);
/* `info snapshots` */
void vm_snapshot_list(struct vm *vm, struct strbuf *out);
#else
static inline int vm_snapshot_save(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, bool replace, struct err *err)
{
	(void)vm, (void)name, (void)d, (void)replace;
	return err_set(err, ENOTSUP, "snapshots of machines are not built in");
}
static inline int vm_snapshot_load(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err)
{
	return vm_snapshot_save(vm, name, d, false, err);
}
static inline int vm_snapshot_delete(struct vm *vm, const char *name, const struct vm_snapshot_disks *d, struct err *err)
{
	return vm_snapshot_save(vm, name, d, false, err);
}
static inline void vm_snapshot_list(struct vm *vm, struct strbuf *out) { (void)vm, (void)out; }
#endif

#endif
