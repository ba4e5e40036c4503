/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of decoded instructions, in AT&T syntax as objdump prints it: for the
 * monitor's x/i and the log of -d in_asm.
 */
#ifndef VMBOX_X86_DISASM_H
#define VMBOX_X86_DISASM_H

#include "config.h"
#include "x86/insn.h"

/* Room for every instruction's text. */
#define X86_DISASM_TEXT 96

#if IS_ENABLED(CONFIG_X86_DISASM)
/*
 * Writes the text of insn at address rip (for branch targets) into buf, always
 * terminated, cut to size. Prefixes that mean nothing are not shown. Returns the
 * length.
 */
size_t x86_disasm(char *buf, size_t size, const struct x86_insn *insn, enum x86_mode mode, u64 rip);
#else
static inline size_t x86_disasm(char *buf, size_t size, const struct x86_insn *insn, enum x86_mode mode, u64 rip)
{
	(void)insn, (void)mode, (void)rip;
	if (size)
		buf[0] = '\0';
	return 0;
}
#endif

#endif
