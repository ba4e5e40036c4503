// SPDX-License-Identifier: GPL-2.0-or-later
/* MUL, IMUL, DIV, IDIV, MULX and the decimal instructions. */
#include "general.h"

/* AX, DX:AX, EDX:EAX, RDX:RAX <- lo, hi */
static void put_wide(struct x86_cpu *cpu, unsigned size, u64 lo, u64 hi)
{
	if (size == 1) {
		x86_set_reg(cpu, X86_RAX, 2, (u8)lo | (u8)hi << 8);
		return;
	}
	x86_set_reg(cpu, X86_RAX, size, lo);
	x86_set_reg(cpu, X86_RDX, size, hi);
}

/* The operand that is in the assembler text: the others are implicit. */
static unsigned explicit_operand(const struct x86_insn *in)
{
	for (unsigned i = 0; i < ARRAY_SIZE(in->opnd); i++)
		if (in->opnd[i].kind != X86_OPND_NONE && !(in->opnd[i].access & X86_ACC_IMPL))
			return i;
	return 0;
}

static void x_mul(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = explicit_operand(in), size = in->opnd[n].size, bits = size * 8;
	u128 r = (u128)zext(cpu->gpr[X86_RAX], bits) * x86_get_operand(cpu, in, n);
	u64 lo = zext((u64)r, bits), hi = zext((u64)(r >> bits), bits);

	put_wide(cpu, size, lo, hi);
	fl_set_mul(cpu, hi != 0);
}

static void imul_wide(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n)
{
	unsigned size = in->opnd[n].size, bits = size * 8;
	s128 r = (s128)(s64)sext(cpu->gpr[X86_RAX], bits) * (s64)sext(x86_get_operand(cpu, in, n), bits);
	u64 lo = zext((u64)r, bits);
	bool over = r != (s64)sext(lo, bits);

	put_wide(cpu, size, lo, zext((u64)(r >> bits), bits));
	fl_set_mul(cpu, over);
}

static void x_imul(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = explicit_operand(in);
	bool two = in->opnd[n + 1].kind != X86_OPND_NONE && !(in->opnd[n + 1].access & X86_ACC_IMPL);

	if (!two) {
		imul_wide(cpu, in, n);
		return;
	}
	bool three = in->opnd[2].kind == X86_OPND_IMM;
	unsigned size = in->opnd[0].size, bits = size * 8;
	s64 a = (s64)sext(x86_get_operand(cpu, in, three ? 1 : 0), bits);
	s64 b = (s64)sext(x86_get_operand(cpu, in, three ? 2 : 1), bits);
	s128 r = (s128)a * b;
	bool over = r != (s64)sext((u64)r, bits);

	x86_put_operand(cpu, in, 0, (u64)r);
	fl_set_mul(cpu, over);
}

static u128 dividend(const struct x86_cpu *cpu, unsigned size)
{
	unsigned bits = size * 8;

	if (size == 1)
		return (u16)cpu->gpr[X86_RAX];
	return (u128)zext(cpu->gpr[X86_RDX], bits) << bits | zext(cpu->gpr[X86_RAX], bits);
}

/* SDM: the flags are undefined behind DIV and IDIV. They stay, as on Intel's newer processors and in generated code. */
static void x_div(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = explicit_operand(in), size = in->opnd[n].size, bits = size * 8;
	u64 d = x86_get_operand(cpu, in, n), q, r;
	u128 num = dividend(cpu, size);

	if (!d || (u64)(num >> bits) >= d)
		x86_raise(cpu, X86_EXC_DE);
	if (size < 8) {
		q = (u64)num / d;
		r = (u64)num % d;
	} else {
		q = (u64)(num / d);
		r = (u64)(num % d);
	}
	put_wide(cpu, size, q, r);
}

static void x_idiv(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = explicit_operand(in), size = in->opnd[n].size, bits = size * 8;
	s64 d = (s64)sext(x86_get_operand(cpu, in, n), bits);
	u128 raw = dividend(cpu, size);
	s128 num = (s128)(raw << (128 - 2 * bits)) >> (128 - 2 * bits), q;

	/* the most negative number by -1 would trap on the host */
	if (!d || (d == -1 && num == (s128)((u128)1 << 127)))
		x86_raise(cpu, X86_EXC_DE);
	q = num / d;
	if (q != (s64)sext((u64)q, bits))
		x86_raise(cpu, X86_EXC_DE);
	put_wide(cpu, size, zext((u64)q, bits), zext((u64)(num % d), bits));
}

/* MULX hi, lo, src: lo first, so that hi wins when they are one register */
static void x_mulx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u128 r = (u128)zext(cpu->gpr[X86_RDX], bits) * x86_get_operand(cpu, in, 2);

	x86_put_operand(cpu, in, 1, (u64)r);
	x86_put_operand(cpu, in, 0, (u64)(r >> bits));
}

/* ---- decimal ---- */

static void set_al(struct x86_cpu *cpu, u8 al, bool cf, bool af)
{
	x86_set_reg(cpu, X86_RAX, 1, al);
	fl_logic(cpu, al, 8);
	cpu->fl_aux |= (cf ? AUX_ARITH : 0) | (af ? X86_AUX_AF : 0);
}

static void x_daa(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 old = (u8)cpu->gpr[X86_RAX], al = old;
	bool cf = x86_cf(cpu), af = x86_af(cpu), high = old > 0x99 || cf;

	(void)in;
	if ((al & 15) > 9 || af) {
		al += 6;
		af = true;
	}
	if (high)
		al += 0x60;
	set_al(cpu, al, high, af);
}

static void x_das(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 old = (u8)cpu->gpr[X86_RAX], al = old;
	bool cf = x86_cf(cpu), af = x86_af(cpu), high = old > 0x99 || cf, carry = high;

	(void)in;
	if ((al & 15) > 9 || af) {
		carry |= al < 6;
		al -= 6;
		af = true;
	}
	if (high)
		al -= 0x60;
	set_al(cpu, al, carry, af);
}

static void ascii_adjust(struct x86_cpu *cpu, int sign)
{
	u16 ax = (u16)cpu->gpr[X86_RAX];
	bool adjust = (ax & 15) > 9 || x86_af(cpu);

	if (adjust)
		ax = (u16)(ax + sign * 0x106);
	ax &= 0xff0f;
	x86_set_reg(cpu, X86_RAX, 2, ax);
	fl_logic(cpu, (u8)ax, 8);
	cpu->fl_aux |= adjust ? AUX_ARITH | X86_AUX_AF : 0;
}

static void x_aaa(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	ascii_adjust(cpu, 1);
}

static void x_aas(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	ascii_adjust(cpu, -1);
}

static void x_aam(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 base = (u8)in->imm, al = (u8)cpu->gpr[X86_RAX];

	if (!base)
		x86_raise(cpu, X86_EXC_DE);
	x86_set_reg(cpu, X86_RAX, 2, (u16)(al / base) << 8 | al % base);
	fl_logic(cpu, al % base, 8);
}

static void x_aad(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 ax = (u16)cpu->gpr[X86_RAX];
	u8 al = (u8)((ax & 0xff) + (ax >> 8) * (u8)in->imm);

	x86_set_reg(cpu, X86_RAX, 2, al);
	fl_logic(cpu, al, 8);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_MUL, x_mul, NULL }, { X86_OP_IMUL, x_imul, NULL }, { X86_OP_DIV, x_div, NULL },
	{ X86_OP_IDIV, x_idiv, NULL }, { X86_OP_MULX, x_mulx, NULL }, { X86_OP_DAA, x_daa, NULL },
	{ X86_OP_DAS, x_das, NULL }, { X86_OP_AAA, x_aaa, NULL }, { X86_OP_AAS, x_aas, NULL },
	{ X86_OP_AAM, x_aam, NULL }, { X86_OP_AAD, x_aad, NULL },
};
EXEC_REGISTER(x86_muldiv_ops, entries);
