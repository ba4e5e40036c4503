// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bit tests, scans and counts, BMI1/BMI2, ADX, CRC32. BSF and BSR leave their
 * destination alone when the source is 0 (AMD documents it, Intel does it).
 * Flags that are undefined are clear, as generated code leaves them.
 */
#include "general.h"

static void set_flags(struct x86_cpu *cpu, bool cf, bool zf)
{
	x86_set_arith(cpu, (cf ? X86_FL_CF : 0) | (zf ? X86_FL_ZF : 0));
}

/* By the result: SF and ZF. */
static void set_result_flags(struct x86_cpu *cpu, u64 r, unsigned bits, bool cf)
{
	x86_set_arith(cpu, (cf ? X86_FL_CF : 0) | (r ? 0 : X86_FL_ZF) | (r >> (bits - 1) ? X86_FL_SF : 0));
}

/* Bit tests leave ZF alone. */
static void set_tested(struct x86_cpu *cpu, u64 v, u64 bit)
{
	set_flags(cpu, (v >> bit) & 1, x86_zf(cpu));
}

static u64 do_bts(struct x86_cpu *cpu, u64 a, u64 bit, unsigned bits)
{
	set_tested(cpu, a, bit);
	(void)bits;
	return a | BIT(bit);
}

static u64 do_btr(struct x86_cpu *cpu, u64 a, u64 bit, unsigned bits)
{
	set_tested(cpu, a, bit);
	(void)bits;
	return a & ~BIT(bit);
}

static u64 do_btc(struct x86_cpu *cpu, u64 a, u64 bit, unsigned bits)
{
	set_tested(cpu, a, bit);
	(void)bits;
	return a ^ BIT(bit);
}

/* A register index moves the memory operand by whole units of its size. */
static u64 bit_address(struct x86_cpu *cpu, const struct x86_insn *in, s64 index, int access)
{
	unsigned size = in->opnd[0].size;
	u64 ea = x86_ea(cpu, in);

	if (in->opnd[1].kind == X86_OPND_GPR)
		ea += (u64)((index >> (size == 8 ? 6 : size == 4 ? 5 : 4)) * size);
	if (in->asize != 8)
		ea = in->asize == 4 ? (u32)ea : (u16)ea;
	return x86_seg_linear(cpu, in->seg, ea, size, access);
}

static s64 bit_index(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);

	return in->opnd[1].kind == X86_OPND_GPR ? (s64)sext(v, in->opnd[1].size * 8) : (s64)v;
}

static void bit_change(struct x86_cpu *cpu, const struct x86_insn *in, rmw_fn fn)
{
	unsigned size = in->opnd[0].size;
	s64 index = bit_index(cpu, in);
	u64 bit = (u64)index & (size * 8 - 1);

	if (in->opnd[0].kind == X86_OPND_MEM)
		rmw_memory(cpu, bit_address(cpu, in, index, X86_WRITE), size, in->prefixes & X86_PFX_LOCK, fn, bit);
	else
		rmw_operand(cpu, in, 0, fn, bit);
}

static void x_bts(struct x86_cpu *cpu, const struct x86_insn *in) { bit_change(cpu, in, do_bts); }
static void x_btr(struct x86_cpu *cpu, const struct x86_insn *in) { bit_change(cpu, in, do_btr); }
static void x_btc(struct x86_cpu *cpu, const struct x86_insn *in) { bit_change(cpu, in, do_btc); }

static void x_bt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opnd[0].size;
	s64 index = bit_index(cpu, in);
	u64 v;

	if (in->opnd[0].kind == X86_OPND_MEM)
		v = x86_ld(cpu, bit_address(cpu, in, index, X86_READ), size);
	else
		v = x86_get_operand(cpu, in, 0);
	set_tested(cpu, v, (u64)index & (size * 8 - 1));
}

static void x_bsf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);

	set_flags(cpu, false, !v);
	if (v)
		x86_put_operand(cpu, in, 0, (u64)__builtin_ctzll(v));
}

static void x_bsr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);

	set_flags(cpu, false, !v);
	if (v)
		x86_put_operand(cpu, in, 0, 63 - (u64)__builtin_clzll(v));
}

static void x_tzcnt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u64 v = x86_get_operand(cpu, in, 1), n = v ? (u64)__builtin_ctzll(v) : bits;

	x86_put_operand(cpu, in, 0, n);
	set_flags(cpu, !v, !n);
}

static void x_lzcnt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u64 v = x86_get_operand(cpu, in, 1), n = v ? (u64)__builtin_clzll(v) - (64 - bits) : bits;

	x86_put_operand(cpu, in, 0, n);
	set_flags(cpu, !v, !n);
}

static void x_popcnt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);

	x86_put_operand(cpu, in, 0, (u64)__builtin_popcountll(v));
	x86_set_arith(cpu, v ? 0 : X86_FL_ZF);
}

/* ---- BMI1 ---- */

static void x_andn(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u64 r = zext(~x86_get_operand(cpu, in, 1) & x86_get_operand(cpu, in, 2), bits);

	x86_put_operand(cpu, in, 0, r);
	set_result_flags(cpu, r, bits, false);
}

static void x_bextr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u64 v = x86_get_operand(cpu, in, 1), ctl = x86_get_operand(cpu, in, 2);
	unsigned start = ctl & 0xff, len = (ctl >> 8) & 0xff;
	u64 r = start < bits ? v >> start : 0;

	if (len < bits)
		r &= BIT(len) - 1;
	x86_put_operand(cpu, in, 0, r);
	set_flags(cpu, false, !zext(r, bits));
}

#define BLS(name, expr, carry) \
static void x_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	unsigned bits = in->opnd[0].size * 8; \
	u64 v = x86_get_operand(cpu, in, 1), r = zext(expr, bits); \
	x86_put_operand(cpu, in, 0, r); \
	set_result_flags(cpu, r, bits, carry); \
}
BLS(blsi, v & (0 - v), v != 0)
BLS(blsmsk, v ^ (v - 1), v == 0)
BLS(blsr, v & (v - 1), v == 0)

/* ---- BMI2 ---- */

static void x_bzhi(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8;
	u64 v = x86_get_operand(cpu, in, 1);
	unsigned n = x86_get_operand(cpu, in, 2) & 0xff;
	u64 r = n < bits ? v & (BIT(n) - 1) : v;

	x86_put_operand(cpu, in, 0, r);
	set_result_flags(cpu, r, bits, n >= bits);
}

static void x_pdep(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1), mask = x86_get_operand(cpu, in, 2), r = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		if (v & 1)
			r |= mask & (0 - mask);
	x86_put_operand(cpu, in, 0, r);
}

static void x_pext(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1), mask = x86_get_operand(cpu, in, 2), r = 0;

	for (unsigned k = 0; mask; mask &= mask - 1, k++)
		if (v & mask & (0 - mask))
			r |= BIT(k);
	x86_put_operand(cpu, in, 0, r);
}

/* ---- ADX ---- */

static u64 add_carry(const struct x86_insn *in, u64 a, u64 b, bool *carry)
{
	unsigned bits = in->opnd[0].size * 8;
	u128 r = (u128)a + b + *carry;

	*carry = (r >> bits) & 1;
	return zext((u64)r, bits);
}

static void x_adcx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool c = x86_cf(cpu), of = x86_of(cpu);
	u64 r = add_carry(in, x86_get_operand(cpu, in, 0), x86_get_operand(cpu, in, 1), &c);

	x86_put_operand(cpu, in, 0, r);
	fl_set_co(cpu, c, of);
}

static void x_adox(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool c = x86_of(cpu), cf = x86_cf(cpu);
	u64 r = add_carry(in, x86_get_operand(cpu, in, 0), x86_get_operand(cpu, in, 1), &c);

	x86_put_operand(cpu, in, 0, r);
	fl_set_co(cpu, cf, c);
}

/* ---- CRC-32C, polynomial 11edc6f41 reflected ---- */

static void x_crc32(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 crc = (u32)cpu->gpr[in->opnd[0].reg];
	u64 v = x86_get_operand(cpu, in, 1);

	for (unsigned i = 0; i < in->opnd[1].size; i++, v >>= 8) {
		crc ^= (u8)v;
		for (unsigned k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	cpu->gpr[in->opnd[0].reg] = crc;
}

static void x_bswap(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 0);

	/* 16 bits: undefined; processors give 0 */
	x86_put_operand(cpu, in, 0, in->opnd[0].size == 8 ? __builtin_bswap64(v) :
			in->opnd[0].size == 4 ? __builtin_bswap32((u32)v) : 0);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_BT, x_bt, NULL }, { X86_OP_BTS, x_bts, NULL }, { X86_OP_BTR, x_btr, NULL }, { X86_OP_BTC, x_btc, NULL },
	{ X86_OP_BSF, x_bsf, NULL }, { X86_OP_BSR, x_bsr, NULL }, { X86_OP_TZCNT, x_tzcnt, NULL },
	{ X86_OP_LZCNT, x_lzcnt, NULL }, { X86_OP_POPCNT, x_popcnt, NULL }, { X86_OP_ANDN, x_andn, NULL },
	{ X86_OP_BEXTR, x_bextr, NULL }, { X86_OP_BLSI, x_blsi, NULL }, { X86_OP_BLSMSK, x_blsmsk, NULL },
	{ X86_OP_BLSR, x_blsr, NULL }, { X86_OP_BZHI, x_bzhi, NULL }, { X86_OP_PDEP, x_pdep, NULL },
	{ X86_OP_PEXT, x_pext, NULL }, { X86_OP_ADCX, x_adcx, NULL }, { X86_OP_ADOX, x_adox, NULL },
	{ X86_OP_CRC32, x_crc32, NULL }, { X86_OP_BSWAP, x_bswap, NULL },
};
EXEC_REGISTER(x86_bit_ops, entries);
