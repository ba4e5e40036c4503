// SPDX-License-Identifier: GPL-2.0-or-later
/* Log lines of the interpreter, in the order and spirit of QEMU's -d in_asm, cpu and exec. */
#include <stdio.h>
#include "uop.h"
#include "x86/disasm.h"

void interp_log_entry(struct x86_cpu *cpu)
{
	if (cpu->sys->log_mask & X86_LOG_EXEC)
		sys_log(cpu, "exec: %u: %04x:%016llx mode=%03x\n", cpu->index, cpu->seg[X86_CS].sel, cpu->rip, cpu->mode);
	if (cpu->sys->log_mask & X86_LOG_CPU)
		sys_log_regs(cpu);
}

void interp_log_block(struct x86_cpu *cpu, const struct x86_block *b)
{
	u8 code[BLOCK_UOPS * 15];
	size_t n = x86_debug_read(cpu, (cpu->rip + cpu->seg_base[X86_CS]) & cpu->lin_mask, code,
				  MIN((size_t)b->bytes, sizeof(code)));

	sys_log(cpu, "----------------\nIN: %u instructions at gpa %llx\n", b->count, b->gpa);
	for (unsigned i = 0; i < b->count; i++) {
		const struct x86_uop *u = &b->uop[i];
		char text[X86_DISASM_TEXT] = "";
		struct x86_insn in;

		if (u->off >= n || x86_decode(&in, code + u->off, (unsigned)(n - u->off), cpu->mode & X86_MODEF_SIZE))
			continue;
		x86_disasm(text, sizeof(text), &in, cpu->mode & X86_MODEF_SIZE, cpu->rip + u->off);
		sys_log(cpu, "0x%016llx:  %s\n", cpu->rip + u->off, text);
	}
}
