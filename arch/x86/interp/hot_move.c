// SPDX-License-Identifier: GPL-2.0-or-later
/* MOV between registers, memory and immediates; LEA; XCHG of registers; NOP. */
#include "hot.h"

#define SIZE(bits) \
HOT mov##bits##_rr(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr##bits(cpu, u->r1, rd##bits(cpu, u->r2)); \
	return u + 1; \
} \
HOT mov##bits##_ri(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr##bits(cpu, u->r1, (u##bits)u->imm); \
	return u + 1; \
} \
HOT mov##bits##_rm(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr##bits(cpu, u->r1, x86_ld##bits(cpu, uea(cpu, u))); \
	return u + 1; \
} \
HOT mov##bits##_mr(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	x86_st##bits(cpu, uea(cpu, u), rd##bits(cpu, u->r2)); \
	return u + 1; \
} \
HOT mov##bits##_mi(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	x86_st##bits(cpu, uea(cpu, u), (u##bits)u->imm); \
	return u + 1; \
} \
HOT xchg##bits(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u##bits a = rd##bits(cpu, u->r1), b = rd##bits(cpu, u->r2); \
	wr##bits(cpu, u->r1, b); \
	wr##bits(cpu, u->r2, a); \
	return u + 1; \
}

SIZE(8)
SIZE(16)
SIZE(32)
SIZE(64)

HOT lea32(struct x86_cpu *cpu, const struct x86_uop *u)
{
	cpu->gpr[u->r1] = (u32)(ureg(cpu, u->base) + (ureg(cpu, u->index) << u->scale) + (u64)(s64)u->disp);
	return u + 1;
}

HOT lea64(struct x86_cpu *cpu, const struct x86_uop *u)
{
	cpu->gpr[u->r1] = ureg(cpu, u->base) + (ureg(cpu, u->index) << u->scale) + (u64)(s64)u->disp;
	return u + 1;
}

HOT nop(struct x86_cpu *cpu, const struct x86_uop *u)
{
	(void)cpu;
	return u + 1;
}

static const x86_uop_fn mov_table[4][5] = {
#define FORMS_OF(bits) { mov##bits##_rr, mov##bits##_ri, mov##bits##_rm, mov##bits##_mr, mov##bits##_mi }
	FORMS_OF(8), FORMS_OF(16), FORMS_OF(32), FORMS_OF(64),
};

static x86_uop_fn mov_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];
	unsigned size = size_index(d->size);

	if (is_reg(d)) {
		u->r1 = reg_code(d);
		if (is_reg(s)) {
			u->r2 = reg_code(s);
			return mov_table[size][0];
		}
		if (s->kind == X86_OPND_MEM)
			return mov_table[size][2];
		if (s->kind != X86_OPND_IMM)
			return NULL;
		u->imm = in->imm;
		return mov_table[size][1];
	}
	if (d->kind != X86_OPND_MEM)
		return NULL;
	if (is_reg(s)) {
		u->r2 = reg_code(s);
		return mov_table[size][3];
	}
	if (s->kind != X86_OPND_IMM)
		return NULL;
	u->imm = in->imm;
	return mov_table[size][4];
}

x86_uop_fn hot_move_select(const struct x86_insn *in, struct x86_uop *u)
{
	static const x86_uop_fn xchg[4] = { xchg8, xchg16, xchg32, xchg64 };
	const struct x86_operand *o = in->opnd;

	switch (in->op) {
	case X86_OP_MOV:
		return mov_select(in, u);
	case X86_OP_LEA:
		u->r1 = o[0].reg;
		return o[0].size == 8 ? lea64 : o[0].size == 4 ? lea32 : NULL;
	case X86_OP_NOP:
		return nop;
	case X86_OP_XCHG:
		if (!is_reg(&o[0]) || !is_reg(&o[1]))
			return NULL;
		u->r1 = reg_code(&o[0]);
		u->r2 = reg_code(&o[1]);
		return xchg[size_index(o[0].size)];
	default:
		return NULL;
	}
}
