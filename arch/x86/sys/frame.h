/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stack frame under construction on the stack of the ring that is about to
 * be entered. Pushes go to memory at once; SS and rSP change at frame_commit().
 */
#ifndef ARCH_X86_SYS_FRAME_H
#define ARCH_X86_SYS_FRAME_H

#include "../priv.h"
#include "../interp/general.h"

struct frame {
	struct x86_cpu *cpu;
	unsigned size;		/* of an item */
	unsigned cpl;
	u32 ext;
	bool long_mode;
	bool new_ss;		/* SS changes: to ss, or to null in long mode */
	u16 ss_sel;
	struct sys_desc ss;	/* stack segment in use */
	u64 sp, mask;
};

/*
 * inner: the stack comes from the TSS (RSPn/IST in long mode). ext: EXT bit for
 * error codes. Faults as the SDM says for interrupts and call gates.
 */
void frame_begin(struct frame *f, struct x86_cpu *cpu, unsigned size, unsigned cpl, bool inner, unsigned ist, u32 ext);
/* For call gates: #TS and #SS without EXT, no alignment of the long-mode stack. */
void frame_begin_call(struct frame *f, struct x86_cpu *cpu, unsigned size, unsigned cpl, bool inner);
void frame_push(struct frame *f, u64 val);
void frame_commit(const struct frame *f);

#endif
