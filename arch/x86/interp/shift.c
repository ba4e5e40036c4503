// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shifts and rotates in all forms (SDM vol. 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR,
 * SHLD, SHRD) and the flagless BMI2 ones. Where the SDM leaves OF and AF undefined
 * (OF: counts other than 1) they are clear, as generated code leaves them.
 */
#include "general.h"

static unsigned count_mask(unsigned bits)
{
	return bits == 64 ? 63 : 31;
}

static bool top(u64 v, unsigned bits)
{
	return (v >> (bits - 1)) & 1;
}

static u64 do_shl(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	if (!n)
		return a;
	u64 r = n < bits ? zext(a << n, bits) : 0;
	bool cf = n <= bits && ((a >> (bits - n)) & 1);

	fl_set(cpu, r, bits, cf, n == 1 && cf != top(r, bits));
	return r;
}

static u64 do_shr(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	if (!n)
		return a;
	u64 r = n < bits ? a >> n : 0;
	bool cf = n <= bits && ((a >> (n - 1)) & 1);

	/* OF is the operand's sign for a count of 1 */
	fl_set(cpu, r, bits, cf, n == 1 && top(a, bits));
	return r;
}

static u64 do_sar(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	if (!n)
		return a;
	s64 v = (s64)sext(a, bits);
	u64 k = MIN(n, 63ULL);
	u64 r = zext((u64)(v >> k), bits);

	fl_set(cpu, r, bits, (v >> (k - 1)) & 1, false);
	return r;
}

static u64 do_rol(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	if (!n)
		return a;
	unsigned k = n % bits;
	u64 r = k ? zext(a << k, bits) | (a >> (bits - k)) : a;

	fl_set_co(cpu, r & 1, n == 1 && (r & 1) != top(r, bits));
	return r;
}

static u64 do_ror(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	if (!n)
		return a;
	unsigned k = n % bits;
	u64 r = k ? (a >> k) | zext(a << (bits - k), bits) : a;

	fl_set_co(cpu, top(r, bits), n == 1 && top(r, bits) != ((r >> (bits - 2)) & 1));
	return r;
}

static u64 do_rcl(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	bool cf = x86_cf(cpu);

	if (!n)
		return a;
	for (unsigned i = n % (bits + 1); i; i--) {
		bool out = top(a, bits);

		a = zext(a << 1, bits) | cf;
		cf = out;
	}
	fl_set_co(cpu, cf, n == 1 && cf != top(a, bits));
	return a;
}

static u64 do_rcr(struct x86_cpu *cpu, u64 a, u64 n, unsigned bits)
{
	bool cf = x86_cf(cpu);

	if (!n)
		return a;
	for (unsigned i = n % (bits + 1); i; i--) {
		bool out = a & 1;

		a = (a >> 1) | (u64)cf << (bits - 1);
		cf = out;
	}
	fl_set_co(cpu, cf, n == 1 && top(a, bits) != ((a >> (bits - 2)) & 1));
	return a;
}

#define SHIFT(name) \
static void x_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	u64 n = x86_get_operand(cpu, in, 1) & count_mask(in->opnd[0].size * 8); \
	rmw_operand(cpu, in, 0, do_##name, n); \
}
SHIFT(shl) SHIFT(shr) SHIFT(sar) SHIFT(rol) SHIFT(ror) SHIFT(rcl) SHIFT(rcr)

/* ---- double shifts: the register operand goes in the high half of src for 16 and 32 bits ---- */

static u64 shld(struct x86_cpu *cpu, u64 a, u64 b, unsigned n, unsigned bits)
{
	u64 r, cf;

	if (bits == 16) {	/* counts 17-31 go round through the first operand, as Intel does */
		u64 w = a << 32 | b << 16 | a;

		r = (w << n) >> 32 & 0xffff;
		cf = (w >> (48 - n)) & 1;
	} else {
		r = zext(a << n | b >> (bits - n), bits);
		cf = (a >> (bits - n)) & 1;
	}
	fl_set(cpu, r, bits, cf, n == 1 && top(r, bits) != top(a, bits));
	return r;
}

static u64 shrd(struct x86_cpu *cpu, u64 a, u64 b, unsigned n, unsigned bits)
{
	u64 r, cf;

	if (bits == 16) {
		u64 w = a << 32 | b << 16 | a;

		r = (w >> n) & 0xffff;
		cf = (w >> (n - 1)) & 1;
	} else {
		r = zext(a >> n | b << (bits - n), bits);
		cf = (a >> (n - 1)) & 1;
	}
	fl_set(cpu, r, bits, cf, n == 1 && top(r, bits) != top(a, bits));
	return r;
}

static void double_shift(struct x86_cpu *cpu, const struct x86_insn *in,
			 u64 (*fn)(struct x86_cpu *, u64, u64, unsigned, unsigned))
{
	unsigned size = in->opnd[0].size;
	unsigned n = x86_get_operand(cpu, in, 2) & count_mask(size * 8);
	bool mem = in->opnd[0].kind == X86_OPND_MEM;
	u64 lin = mem ? x86_mem(cpu, in, size, X86_WRITE) : 0;

	if (mem)
		x86_probe(cpu, lin, size, X86_WRITE);
	u64 a = mem ? x86_ld(cpu, lin, size) : x86_get_operand(cpu, in, 0);
	u64 r = n ? fn(cpu, a, x86_get_operand(cpu, in, 1), n, size * 8) : a;
	if (mem)
		x86_st(cpu, lin, size, r);
	else
		x86_put_operand(cpu, in, 0, r);
}

static void x_shld(struct x86_cpu *cpu, const struct x86_insn *in) { double_shift(cpu, in, shld); }
static void x_shrd(struct x86_cpu *cpu, const struct x86_insn *in) { double_shift(cpu, in, shrd); }

/* ---- BMI2 ---- */

static void x_rorx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned bits = in->opnd[0].size * 8, n = x86_get_operand(cpu, in, 2) & (bits - 1);
	u64 a = x86_get_operand(cpu, in, 1);

	x86_put_operand(cpu, in, 0, n ? (a >> n) | (a << (bits - n)) : a);
}

static void x_shlx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 n = x86_get_operand(cpu, in, 2) & (in->opnd[0].size * 8 - 1);

	x86_put_operand(cpu, in, 0, x86_get_operand(cpu, in, 1) << n);
}

static void x_shrx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 n = x86_get_operand(cpu, in, 2) & (in->opnd[0].size * 8 - 1);

	x86_put_operand(cpu, in, 0, x86_get_operand(cpu, in, 1) >> n);
}

static void x_sarx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 n = x86_get_operand(cpu, in, 2) & (in->opnd[0].size * 8 - 1);

	x86_put_operand(cpu, in, 0, (u64)((s64)sext(x86_get_operand(cpu, in, 1), in->opnd[0].size * 8) >> n));
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_SHL, x_shl, NULL }, { X86_OP_SHR, x_shr, NULL }, { X86_OP_SAR, x_sar, NULL },
	{ X86_OP_ROL, x_rol, NULL }, { X86_OP_ROR, x_ror, NULL }, { X86_OP_RCL, x_rcl, NULL },
	{ X86_OP_RCR, x_rcr, NULL }, { X86_OP_SHLD, x_shld, NULL }, { X86_OP_SHRD, x_shrd, NULL },
	{ X86_OP_RORX, x_rorx, NULL }, { X86_OP_SHLX, x_shlx, NULL }, { X86_OP_SHRX, x_shrx, NULL },
	{ X86_OP_SARX, x_sarx, NULL },
};
EXEC_REGISTER(x86_shift_ops, entries);
