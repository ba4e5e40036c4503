// SPDX-License-Identifier: GPL-2.0-or-later
/* MOVZX, MOVSX, MOVSXD, CMOVcc and SETcc. */
#include "hot.h"

#define EXTEND(name, dbits, sbits, cast) \
HOT name##dbits##_##sbits##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr##dbits(cpu, u->r1, (u##dbits)(cast)rd##sbits(cpu, u->r2)); \
	return u + 1; \
} \
HOT name##dbits##_##sbits##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr##dbits(cpu, u->r1, (u##dbits)(cast)x86_ld##sbits(cpu, uea(cpu, u))); \
	return u + 1; \
}

EXTEND(movzx, 32, 8, u8)
EXTEND(movzx, 32, 16, u16)
EXTEND(movzx, 64, 8, u8)
EXTEND(movzx, 64, 16, u16)
EXTEND(movsx, 32, 8, s8)
EXTEND(movsx, 32, 16, s16)
EXTEND(movsx, 64, 8, s8)
EXTEND(movsx, 64, 16, s16)
EXTEND(movsx, 64, 32, s32)

static x86_uop_fn extend_select(const struct x86_insn *in, struct x86_uop *u)
{
	static const x86_uop_fn zx[2][2][2] = {
		{ { movzx32_8_r, movzx32_8_m }, { movzx32_16_r, movzx32_16_m } },
		{ { movzx64_8_r, movzx64_8_m }, { movzx64_16_r, movzx64_16_m } },
	};
	static const x86_uop_fn sx[2][2][2] = {
		{ { movsx32_8_r, movsx32_8_m }, { movsx32_16_r, movsx32_16_m } },
		{ { movsx64_8_r, movsx64_8_m }, { movsx64_16_r, movsx64_16_m } },
	};
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];
	bool mem = s->kind == X86_OPND_MEM;

	if (d->size < 4)
		return NULL;
	u->r1 = d->reg;
	if (!mem)
		u->r2 = reg_code(s);
	if (in->op == X86_OP_MOVSXD)
		return d->size != 8 || s->size != 4 ? NULL : mem ? movsx64_32_m : movsx64_32_r;
	if (s->size > 2)
		return NULL;
	return in->op == X86_OP_MOVZX ? zx[d->size == 8][s->size == 2][mem] : sx[d->size == 8][s->size == 2][mem];
}

/* CMOVcc reads its source whatever the condition; a 32-bit one clears the upper half always. */
#define CMOV(cc) \
HOT cmov32_##cc##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u32 v = hot_cond(cpu, cc) ? rd32(cpu, u->r2) : rd32(cpu, u->r1); \
	wr32(cpu, u->r1, v); \
	return u + 1; \
} \
HOT cmov64_##cc##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 v = hot_cond(cpu, cc) ? rd64(cpu, u->r2) : rd64(cpu, u->r1); \
	wr64(cpu, u->r1, v); \
	return u + 1; \
} \
HOT cmov32_##cc##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u32 v = x86_ld32(cpu, uea(cpu, u)); \
	wr32(cpu, u->r1, hot_cond(cpu, cc) ? v : rd32(cpu, u->r1)); \
	return u + 1; \
} \
HOT cmov64_##cc##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 v = x86_ld64(cpu, uea(cpu, u)); \
	wr64(cpu, u->r1, hot_cond(cpu, cc) ? v : rd64(cpu, u->r1)); \
	return u + 1; \
} \
HOT set_##cc##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	wr8(cpu, u->r1, hot_cond(cpu, cc)); \
	return u + 1; \
} \
HOT set_##cc##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	x86_st8(cpu, uea(cpu, u), hot_cond(cpu, cc)); \
	return u + 1; \
}

FOR_EACH_CC(CMOV)

static const x86_uop_fn cc_table[16][6] = {
#define CC_ENTRY(cc) { cmov32_##cc##_r, cmov32_##cc##_m, cmov64_##cc##_r, cmov64_##cc##_m, set_##cc##_r, set_##cc##_m },
	FOR_EACH_CC(CC_ENTRY)
};

static x86_uop_fn cmov_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];
	bool mem = s->kind == X86_OPND_MEM;

	if (d->size < 4)
		return NULL;
	u->r1 = d->reg;
	if (!mem)
		u->r2 = s->reg;
	return cc_table[in->op - X86_OP_CMOVO][(d->size == 8) * 2 + mem];
}

static x86_uop_fn set_select(const struct x86_insn *in, struct x86_uop *u)
{
	const struct x86_operand *d = &in->opnd[0];
	bool mem = d->kind == X86_OPND_MEM;

	if (!mem)
		u->r1 = reg_code(d);
	return cc_table[in->op - X86_OP_SETO][4 + mem];
}

x86_uop_fn hot_extend_select(const struct x86_insn *in, struct x86_uop *u)
{
	if (in->op == X86_OP_MOVZX || in->op == X86_OP_MOVSX || in->op == X86_OP_MOVSXD)
		return extend_select(in, u);
	if (in->op >= X86_OP_CMOVO && in->op <= X86_OP_CMOVNLE)
		return cmov_select(in, u);
	if (in->op >= X86_OP_SETO && in->op <= X86_OP_SETNLE)
		return set_select(in, u);
	return NULL;
}
