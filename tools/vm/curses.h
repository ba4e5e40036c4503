/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -display curses: the guest's text screen on the terminal. Main thread.
 */
#ifndef VMBOX_TOOLS_VM_CURSES_H
#define VMBOX_TOOLS_VM_CURSES_H

#include <errno.h>
#include "config.h"
#include "vm.h"

#if IS_ENABLED(CONFIG_VM_CURSES)
/* Takes the terminal over; it is given back by vm_curses_stop(), which may be called at any time. */
int  vm_curses_start(struct vm *vm, struct err *err);
void vm_curses_stop(struct vm *vm);
#else
static inline int vm_curses_start(struct vm *vm, struct err *err)
{
	(void)vm;
	return err_set(err, ENOTSUP, "-display curses is not built in");
}
static inline void vm_curses_stop(struct vm *vm) { (void)vm; }
#endif

#endif
