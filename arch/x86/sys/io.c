// SPDX-License-Identifier: GPL-2.0-or-later
/* IN, OUT and the I/O permission bitmap (SDM vol. 1, 19.5). */
#include "../priv.h"
#include "../interp/general.h"

static bool tss_allows(struct x86_cpu *cpu, u16 port, unsigned size)
{
	unsigned type = cpu->tr.attr & X86_ATTR_TYPE;
	u32 base, bits;

	if (!(cpu->tr.attr & X86_ATTR_P) || (type & ~2u) != 9 || cpu->tr.limit < 103)
		return false;
	base = (u32)x86_ld_sys(cpu, cpu->tr.base + 0x66, 2) + port / 8;
	if (base + 1 > cpu->tr.limit)
		return false;
	bits = (u32)x86_ld_sys(cpu, cpu->tr.base + base, 2);
	return !((bits >> (port & 7)) & ((1u << size) - 1));
}

/* #GP(0) unless the current task may use the ports. */
void sys_io_check(struct x86_cpu *cpu, u16 port, unsigned size)
{
	if (!(cpu->cr0 & CR0_PE) || (!sys_v86(cpu) && cpu->cpl <= sys_iopl(cpu)))
		return;
	if (!tss_allows(cpu, port, size))
		x86_raise_gp(cpu, 0);
}

u32 sys_io_read(struct x86_cpu *cpu, u16 port, unsigned size)
{
	u32 v = cpu->platform->ops->pio_read(cpu->platform->ctx, port, size);

	drx_io(cpu, port, size);
	mmu_check_phys_generation(cpu);
	return v;
}

void sys_io_write(struct x86_cpu *cpu, u16 port, u32 val, unsigned size)
{
	cpu->platform->ops->pio_write(cpu->platform->ctx, port,
				      size == 4 ? val : val & ((1u << size * 8) - 1), size);
	drx_io(cpu, port, size);
	mmu_check_phys_generation(cpu);
}

static void x_in(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 port = (u16)x86_get_operand(cpu, in, 1);
	unsigned size = in->opnd[0].size;

	if (in->opnd[1].kind == X86_OPND_IMM)
		port &= 0xff;
	sys_io_check(cpu, port, size);
	x86_put_operand(cpu, in, 0, sys_io_read(cpu, port, size));
}

static void x_out(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 port = (u16)x86_get_operand(cpu, in, 0);
	unsigned size = in->opnd[1].size;

	if (in->opnd[0].kind == X86_OPND_IMM)
		port &= 0xff;
	sys_io_check(cpu, port, size);
	sys_io_write(cpu, port, (u32)x86_get_operand(cpu, in, 1), size);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_IN, x_in, NULL }, { X86_OP_OUT, x_out, NULL },
};
EXEC_REGISTER(x86_io_ops, entries);
