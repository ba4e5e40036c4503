// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SHL SHR SAR ROL ROR of registers by an immediate or CL. A count of zero
 * changes nothing, the flags neither; OF is defined for a count of one, and
 * clear for others, as generated code leaves it.
 */
#include "hot.h"

#define N_IMM ((unsigned)u->imm)
#define N_CL(bits) (rd32(cpu, X86_RCX) & ((bits) == 64 ? 63u : 31u))

#define SHIFT(name, bits, form, count, body) \
HOT name##bits##_##form(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	unsigned n = count; \
	u##bits a = rd##bits(cpu, u->r1); \
	if (unlikely(!n)) { \
		wr##bits(cpu, u->r1, a); \
		return u + 1; \
	} \
	body \
	wr##bits(cpu, u->r1, r); \
	return u + 1; \
}

#define SHL_BODY(bits) \
	u##bits r = (u##bits)(a << n); \
	bool cf = (a >> (bits - n)) & 1; \
	fl_set(cpu, r, bits, cf, n == 1 && cf != (bool)(r >> (bits - 1)));
#define SHR_BODY(bits) \
	u##bits r = (u##bits)(a >> n); \
	fl_set(cpu, r, bits, (a >> (n - 1)) & 1, n == 1 && (((r << 1) ^ r) >> (bits - 1) & 1));
#define SAR_BODY(bits) \
	u##bits r = (u##bits)((s##bits)a >> n); \
	fl_set(cpu, r, bits, ((s##bits)a >> (n - 1)) & 1, false);
#define ROL_BODY(bits) \
	u##bits r = (u##bits)((a << n) | (a >> (bits - n))); \
	fl_set_co(cpu, r & 1, n == 1 && (r & 1) != (r >> (bits - 1)));
#define ROR_BODY(bits) \
	u##bits r = (u##bits)((a >> n) | (a << (bits - n))); \
	fl_set_co(cpu, r >> (bits - 1), n == 1 && (((r >> (bits - 1)) ^ (r >> (bits - 2))) & 1));

#define SIZE(bits) \
SHIFT(shl, bits, i, N_IMM, SHL_BODY(bits)) \
SHIFT(shr, bits, i, N_IMM, SHR_BODY(bits)) \
SHIFT(sar, bits, i, N_IMM, SAR_BODY(bits)) \
SHIFT(rol, bits, i, N_IMM, ROL_BODY(bits)) \
SHIFT(ror, bits, i, N_IMM, ROR_BODY(bits)) \
SHIFT(shl, bits, c, N_CL(bits), SHL_BODY(bits)) \
SHIFT(shr, bits, c, N_CL(bits), SHR_BODY(bits)) \
SHIFT(sar, bits, c, N_CL(bits), SAR_BODY(bits)) \
SHIFT(rol, bits, c, N_CL(bits), ROL_BODY(bits)) \
SHIFT(ror, bits, c, N_CL(bits), ROR_BODY(bits))

SIZE(32)
SIZE(64)

#define FORMS_OF(bits, f) { shl##bits##_##f, shr##bits##_##f, sar##bits##_##f, rol##bits##_##f, ror##bits##_##f }
static const x86_uop_fn table[2][2][5] = {
	{ FORMS_OF(32, i), FORMS_OF(32, c) },
	{ FORMS_OF(64, i), FORMS_OF(64, c) },
};

x86_uop_fn hot_shift_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *d = &in->opnd[0];
	unsigned op;

	switch (in->op) {
	case X86_OP_SHL: op = 0; break;
	case X86_OP_SHR: op = 1; break;
	case X86_OP_SAR: op = 2; break;
	case X86_OP_ROL: op = 3; break;
	case X86_OP_ROR: op = 4; break;
	default: return NULL;
	}
	if (!is_reg(d) || d->size < 4)
		return NULL;
	u->r1 = d->reg;
	bool cl = in->opnd[1].kind == X86_OPND_GPR;
	if (!cl)
		u->imm = in->imm & (d->size == 8 ? 63 : 31);
	return table[d->size == 8][cl][op];
}
