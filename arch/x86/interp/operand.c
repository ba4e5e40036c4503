// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operands of general handlers: effective addresses, segment checks,
 * registers and memory by size, conditions.
 */
#include "uop.h"

u64 x86_ea(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 ea = (u64)in->disp;

	if (in->base == X86_REG_RIP)
		ea += x86_next_rip(cpu);
	else
		ea += ureg(cpu, in->base);
	if (!(in->flags & X86_INSN_VSIB))
		ea += ureg(cpu, in->index) << in->scale;
	return in->asize == 8 ? ea : in->asize == 4 ? (u32)ea : (u16)ea;
}

static __cold __noreturn void raise_seg(struct x86_cpu *cpu, enum x86_seg seg)
{
	x86_raise_err(cpu, seg == X86_SS ? X86_EXC_SS : X86_EXC_GP, 0);
}

/* Protected mode's rights; real mode and V8086 segments are read-write. */
static void check_rights(struct x86_cpu *cpu, enum x86_seg seg, int access)
{
	unsigned attr = cpu->seg[seg].attr;

	if (!(attr & X86_ATTR_P) || !(attr & X86_ATTR_S))
		raise_seg(cpu, seg);
	if (access == X86_WRITE ? (attr & (X86_ATTR_CODE | X86_ATTR_RW)) != X86_ATTR_RW
				: (attr & (X86_ATTR_CODE | X86_ATTR_RW)) == X86_ATTR_CODE)
		raise_seg(cpu, seg);
}

static bool beyond_limit(const struct x86_segment *s, u64 off, unsigned size)
{
	u64 last = off + size - 1;

	if ((s->attr & (X86_ATTR_CODE | X86_ATTR_CE)) == X86_ATTR_CE) {
		u64 top = s->attr & X86_ATTR_DB ? 0xffffffff : 0xffff;

		return off <= s->limit || last > top;
	}
	/* a full segment has no end: accesses wrap round 4 GiB */
	return last > s->limit && s->limit != 0xffffffff;
}

u64 x86_seg_linear(struct x86_cpu *cpu, enum x86_seg seg, u64 off, unsigned size, int access)
{
	const struct x86_segment *s = &cpu->seg[seg];

	if (x86_in_64bit(cpu)) {
		u64 lin = off + cpu->seg_base[seg];

		if (unlikely(!x86_canonical(cpu, lin) || (size > 1 && !x86_canonical(cpu, lin + size - 1))))
			raise_seg(cpu, seg);
		return lin;
	}
	if (cpu->mode & X86_MODEF_PROT)
		check_rights(cpu, seg, access);
	if (unlikely(size && beyond_limit(s, off, size)))
		raise_seg(cpu, seg);
	return (u32)(off + s->base);
}

static u64 mem_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size, int access)
{
	u64 off = x86_ea(cpu, in);

	return x86_seg_linear(cpu, in->seg, off, size, access);
}

u64 x86_get_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n)
{
	const struct x86_operand *o = &in->opnd[n];

	switch (o->kind) {
	case X86_OPND_GPR:
		return x86_get_reg(cpu, o->reg, o->size);
	case X86_OPND_GPRH:
		return (u8)(cpu->gpr[o->reg] >> 8);
	case X86_OPND_IMM:
		return in->imm;
	case X86_OPND_IMM2:
		return in->imm >> 32;
	case X86_OPND_SEG:
		return cpu->seg[o->reg].sel;
	case X86_OPND_MEM:
		return x86_ld(cpu, mem_operand(cpu, in, o->size, X86_READ), o->size);
	default:
		return 0;
	}
}

void x86_put_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, u64 val)
{
	const struct x86_operand *o = &in->opnd[n];

	switch (o->kind) {
	case X86_OPND_GPR:
		x86_set_reg(cpu, o->reg, o->size, val);
		break;
	case X86_OPND_GPRH:
		cpu->gpr[o->reg] = (cpu->gpr[o->reg] & ~0xff00ULL) | (u8)val << 8;
		break;
	case X86_OPND_MEM:
		x86_st(cpu, mem_operand(cpu, in, o->size, X86_WRITE), o->size, val);
		break;
	default:
		break;
	}
}

bool x86_cond(const struct x86_cpu *cpu, unsigned cc)
{
	bool v;

	switch (cc >> 1) {
	case 0: v = x86_of(cpu); break;
	case 1: v = x86_cf(cpu); break;
	case 2: v = x86_zf(cpu); break;
	case 3: v = x86_cf(cpu) || x86_zf(cpu); break;
	case 4: v = x86_sf(cpu); break;
	case 5: v = x86_pf(cpu); break;
	case 6: v = x86_sf(cpu) != x86_of(cpu); break;
	default: v = x86_zf(cpu) || x86_sf(cpu) != x86_of(cpu); break;
	}
	return v != (cc & 1);
}

bool x86_has(const struct x86_cpu *cpu, enum x86_feature f)
{
	return cpu->sys->model.features[f];
}
