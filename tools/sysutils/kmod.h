/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loader of kernel modules: knows one folder /lib/modules/RELEASE by its
 * modules.dep, modules.alias and modules.builtin, the text forms that depmod
 * and our appliance builder write. For init, modprobe and insmod.
 */
#ifndef VMBOX_TOOLS_KMOD_H
#define VMBOX_TOOLS_KMOD_H

#include "err.h"

struct kmod;

/*
 * Reads the index of dir; NULL: /lib/modules/ and the running kernel's
 * release. NULL with err set when there is none. Free with kmod_close().
 */
struct kmod *kmod_open(const char *dir, struct err *err);
void kmod_close(struct kmod *k);

/*
 * Loads what name stands for (a module's name, or an alias such as
 * "pci:v00001AF4d..."), and first what that depends on. Several modules may
 * match an alias; each is loaded. Modules that are in the kernel or loaded
 * already are fine. Returns the number of modules loaded now, -ENOENT when
 * nothing matches, or the kernel's answer. params: NULL or "a=1 b=2".
 */
int kmod_load(struct kmod *k, const char *name, const char *params, struct err *err);
/* Calls fn with the path of each file that kmod_load() would load, in order. */
int kmod_plan(struct kmod *k, const char *name, void (*fn)(void *ctx, const char *path),
	      void *ctx, struct err *err);

/* Loads one file. -EEXIST: it is loaded already. Compressed files are left to the kernel. */
int kmod_insert(const char *path, const char *params, struct err *err);
/* Unloads. -EWOULDBLOCK: in use. */
int kmod_remove(const char *name, struct err *err);

#endif
