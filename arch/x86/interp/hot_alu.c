// SPDX-License-Identifier: GPL-2.0-or-later
/* Two-operand arithmetic: ADD OR ADC SBB AND SUB XOR CMP TEST in every size and form. */
#include "hot.h"

#define LOGIC(cpu, a, b, r, bits) fl_logic(cpu, r, bits)

#define FORM(name, bits, form, geta, getb, put, RES, FL) \
HOT name##bits##_##form(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	geta; \
	getb; \
	u##bits r = (u##bits)(RES); \
	put; \
	FL(cpu, a, b, r, bits); \
	return u + 1; \
}

#define A_REG(bits) u##bits a = rd##bits(cpu, u->r1)
#define A_RMW(bits) void *host; u64 lin = uea(cpu, u); u##bits a = rmw_get##bits(cpu, lin, &host)
#define A_MEM(bits) u##bits a = x86_ld##bits(cpu, uea(cpu, u))
#define B_REG(bits) u##bits b = rd##bits(cpu, u->r2)
#define B_IMM(bits) u##bits b = (u##bits)u->imm
#define B_MEM(bits) u##bits b = x86_ld##bits(cpu, uea(cpu, u))

/* ops that write their first operand, and ops that only set flags */
#define WRITING(name, bits, RES, FL) \
FORM(name, bits, rr, A_REG(bits), B_REG(bits), wr##bits(cpu, u->r1, r), RES, FL) \
FORM(name, bits, ri, A_REG(bits), B_IMM(bits), wr##bits(cpu, u->r1, r), RES, FL) \
FORM(name, bits, rm, A_REG(bits), B_MEM(bits), wr##bits(cpu, u->r1, r), RES, FL) \
FORM(name, bits, mr, A_RMW(bits), B_REG(bits), rmw_put##bits(cpu, lin, host, r), RES, FL) \
FORM(name, bits, mi, A_RMW(bits), B_IMM(bits), rmw_put##bits(cpu, lin, host, r), RES, FL)

#define TESTING(name, bits, RES, FL) \
FORM(name, bits, rr, A_REG(bits), B_REG(bits), , RES, FL) \
FORM(name, bits, ri, A_REG(bits), B_IMM(bits), , RES, FL) \
FORM(name, bits, rm, A_REG(bits), B_MEM(bits), , RES, FL) \
FORM(name, bits, mr, A_MEM(bits), B_REG(bits), , RES, FL) \
FORM(name, bits, mi, A_MEM(bits), B_IMM(bits), , RES, FL)

#define SIZE(bits) \
WRITING(add, bits, a + b, fl_add) \
WRITING(or, bits, a | b, LOGIC) \
WRITING(adc, bits, a + b + x86_cf(cpu), fl_add) \
WRITING(sbb, bits, a - b - x86_cf(cpu), fl_sub) \
WRITING(and, bits, a & b, LOGIC) \
WRITING(sub, bits, a - b, fl_sub) \
WRITING(xor, bits, a ^ b, LOGIC) \
TESTING(cmp, bits, a - b, fl_sub) \
TESTING(test, bits, a & b, LOGIC)

SIZE(8)
SIZE(16)
SIZE(32)
SIZE(64)

enum { RR, RI, RM, MR, MI, FORMS };
enum { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, OPS };

#define FORMS_OF(name, bits) { name##bits##_rr, name##bits##_ri, name##bits##_rm, name##bits##_mr, name##bits##_mi }
#define SIZES_OF(name) { FORMS_OF(name, 8), FORMS_OF(name, 16), FORMS_OF(name, 32), FORMS_OF(name, 64) }

static const x86_uop_fn table[OPS][4][FORMS] = {
	SIZES_OF(add), SIZES_OF(or), SIZES_OF(adc), SIZES_OF(sbb), SIZES_OF(and),
	SIZES_OF(sub), SIZES_OF(xor), SIZES_OF(cmp), SIZES_OF(test),
};

static int op_index(unsigned op)
{
	switch (op) {
	case X86_OP_ADD: return ADD;
	case X86_OP_OR: return OR;
	case X86_OP_ADC: return ADC;
	case X86_OP_SBB: return SBB;
	case X86_OP_AND: return AND;
	case X86_OP_SUB: return SUB;
	case X86_OP_XOR: return XOR;
	case X86_OP_CMP: return CMP;
	case X86_OP_TEST: return TEST;
	default: return -1;
	}
}

x86_uop_fn hot_alu_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];
	int op = op_index(in->op), form;

	if (op < 0)
		return NULL;
	if (is_reg(d)) {
		form = is_reg(s) ? RR : s->kind == X86_OPND_MEM ? RM : RI;
		u->r1 = reg_code(d);
		if (form == RR)
			u->r2 = reg_code(s);
	} else {
		form = is_reg(s) ? MR : MI;
		if (form == MR)
			u->r2 = reg_code(s);
	}
	if (form == RI || form == MI)
		u->imm = in->imm;
	return table[op][size_index(d->size)][form];
}
