// SPDX-License-Identifier: GPL-2.0-or-later
/* INC DEC NEG NOT on registers and memory; IMUL with two and three operands. */
#include "hot.h"

#define INC_FL(cpu, a, r, bits) fl_inc(cpu, r, bits)
#define DEC_FL(cpu, a, r, bits) fl_dec(cpu, r, bits)
#define NEG_FL(cpu, a, r, bits) fl_sub(cpu, 0, a, r, bits)
#define NOT_FL(cpu, a, r, bits) ((void)0)

#define UNARY(name, bits, RES, FL) \
HOT name##bits##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u##bits a = rd##bits(cpu, u->r1), r = (u##bits)(RES); \
	wr##bits(cpu, u->r1, r); \
	FL(cpu, a, r, bits); \
	return u + 1; \
} \
HOT name##bits##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	void *host; \
	u64 lin = uea(cpu, u); \
	u##bits a = rmw_get##bits(cpu, lin, &host), r = (u##bits)(RES); \
	rmw_put##bits(cpu, lin, host, r); \
	FL(cpu, a, r, bits); \
	return u + 1; \
}

#define SIZE(bits) \
UNARY(inc, bits, a + 1, INC_FL) \
UNARY(dec, bits, a - 1, DEC_FL) \
UNARY(neg, bits, 0 - a, NEG_FL) \
UNARY(not, bits, ~a, NOT_FL)

SIZE(8)
SIZE(16)
SIZE(32)
SIZE(64)

#define FORMS_OF(name, bits) { name##bits##_r, name##bits##_m }
#define SIZES_OF(name) { FORMS_OF(name, 8), FORMS_OF(name, 16), FORMS_OF(name, 32), FORMS_OF(name, 64) }

static const x86_uop_fn table[4][4][2] = { SIZES_OF(inc), SIZES_OF(dec), SIZES_OF(neg), SIZES_OF(not) };

/* SDM: SF ZF AF PF are undefined. They are clear, as generated code leaves them. */
#define IMUL(bits, wide, form, getb, geta) \
HOT imul##bits##_##form(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	s##bits a = (s##bits)(geta), b = (s##bits)(getb); \
	wide full = (wide)a * b; \
	bool over = full != (s##bits)full; \
	wr##bits(cpu, u->r1, (u##bits)full); \
	fl_set_mul(cpu, over); \
	return u + 1; \
}

#define IMUL_SIZE(bits, wide) \
IMUL(bits, wide, rr, rd##bits(cpu, u->r2), rd##bits(cpu, u->r1)) \
IMUL(bits, wide, rm, x86_ld##bits(cpu, uea(cpu, u)), rd##bits(cpu, u->r1)) \
IMUL(bits, wide, rri, u->imm, rd##bits(cpu, u->r2)) \
IMUL(bits, wide, rmi, u->imm, x86_ld##bits(cpu, uea(cpu, u)))

IMUL_SIZE(32, s64)
IMUL_SIZE(64, s128)

static x86_uop_fn imul_select(const struct x86_insn *in, struct x86_uop *u)
{
	static const x86_uop_fn fn[2][4] = {
		{ imul32_rr, imul32_rm, imul32_rri, imul32_rmi },
		{ imul64_rr, imul64_rm, imul64_rri, imul64_rmi },
	};
	const struct x86_operand *o = in->opnd;

	if (o[1].kind == X86_OPND_NONE || (o[1].access & X86_ACC_IMPL) || (o[0].access & X86_ACC_IMPL) || o[0].size < 4)
		return NULL;
	bool mem = o[1].kind == X86_OPND_MEM, imm = o[2].kind == X86_OPND_IMM;
	u->r1 = reg_code(&o[0]);
	if (!mem)
		u->r2 = reg_code(&o[1]);
	if (imm)
		u->imm = in->imm;
	return fn[o[0].size == 8][imm * 2 + mem];
}

x86_uop_fn hot_unary_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *o = &in->opnd[0];
	unsigned op;

	switch (in->op) {
	case X86_OP_INC: op = 0; break;
	case X86_OP_DEC: op = 1; break;
	case X86_OP_NEG: op = 2; break;
	case X86_OP_NOT: op = 3; break;
	case X86_OP_IMUL: return imul_select(in, u);
	default: return NULL;
	}
	if (is_reg(o))
		u->r1 = reg_code(o);
	return table[op][size_index(o->size)][!is_reg(o)];
}
