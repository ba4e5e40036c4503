/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gdb server: gdb.c (packets), gdb-regs.c (registers and the target
 * description made from the same table). Main thread.
 */
#ifndef VMBOX_TOOLS_VM_GDB_H
#define VMBOX_TOOLS_VM_GDB_H

#include <errno.h>
#include "config.h"
#include "vm.h"

struct strbuf;

#if IS_ENABLED(CONFIG_GDBSTUB)
/* -gdb's text: a character backend; TCP and unix sockets listen unless they say otherwise. "none": no server any more. */
int  gdb_start(struct vm *vm, const char *spec, struct err *err);
void gdb_stop(struct vm *vm);
/* The machine has stopped; cpu: at whose breakpoint, NULL: for another reason. */
void gdb_stopped(struct vm *vm, struct x86_cpu *cpu);
/* The program ends with this status. */
void gdb_exit(struct vm *vm, int code);
#else
static inline int gdb_start(struct vm *vm, const char *spec, struct err *err)
{
	(void)vm, (void)spec;
	return err_set(err, ENOTSUP, "the gdb server is not built in");
}
static inline void gdb_stop(struct vm *vm) { (void)vm; }
static inline void gdb_stopped(struct vm *vm, struct x86_cpu *cpu) { (void)vm, (void)cpu; }
static inline void gdb_exit(struct vm *vm, int code) { (void)vm, (void)code; }
#endif

/* gdb-regs.c; wide: the 64-bit set, else the 32-bit one. */

#define GDB_REG_MAX 16	/* bytes of the largest register */
/* Bytes of register n in guest order, 0: there is none. */
unsigned gdb_reg_read(const struct x86_cpu *cpu, bool wide, unsigned n, u8 buf[GDB_REG_MAX]);
/* Takes the register from buf; its length, 0: none, or read only. */
unsigned gdb_reg_write(struct x86_cpu *cpu, bool wide, unsigned n, const u8 buf[GDB_REG_MAX]);
/* target.xml */
void gdb_target_xml(bool wide, struct strbuf *out);

#endif
