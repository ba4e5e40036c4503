// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves of whole registers, halves and low elements between vector
 * registers, MMX, general registers and memory. The full-width ones are what
 * a C library's string functions live on, so they copy straight between
 * memory and register.
 */
#include "simd.h"

/* MOVUPS, MOVAPS, MOVDQU, ... in either direction; alignment is checked before. */
static void exec_mov_full(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_operand *to = &in->opnd[0], *from = &in->opnd[1];

	if (to->kind == X86_OPND_MEM)
		x86_st128(cpu, x86_mem(cpu, in, 16, X86_WRITE), &cpu->vec[from->reg]);
	else if (from->kind == X86_OPND_MEM)
		x86_ld128(cpu, x86_mem(cpu, in, 16, X86_READ), &cpu->vec[to->reg]);
	else
		simd_put_xmm(cpu, to->reg, &cpu->vec[from->reg]);
}

static void exec_vmov_full(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_operand *to = &in->opnd[0], *from = &in->opnd[1];

	if (!(in->flags & X86_INSN_L)) {
		exec_mov_full(cpu, in);
		if (to->kind != X86_OPND_MEM)
			simd_clear_high(cpu, to->reg);
	} else if (to->kind == X86_OPND_MEM) {
		x86_st256(cpu, x86_mem(cpu, in, 32, X86_WRITE), &cpu->vec[from->reg]);
	} else if (from->kind == X86_OPND_MEM) {
		x86_ld256(cpu, x86_mem(cpu, in, 32, X86_READ), &cpu->vec[to->reg]);
	} else {
		simd_put_ymm(cpu, to->reg, &cpu->vec[from->reg]);
	}
}

static u64 get_low(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n)
{
	const struct x86_operand *o = &in->opnd[n];

	switch (o->kind) {
	case X86_OPND_MMX: return mmx_get(cpu, o->reg);
	case X86_OPND_XMM: return cpu->vec[o->reg].q[0];
	default: return x86_get_operand(cpu, in, n);
	}
}

/* MOVD and MOVQ: the low 4 or 8 bytes, registers are filled up with zeroes. */
static __always_inline void mov_low(struct x86_cpu *cpu, const struct x86_insn *in, u64 mask)
{
	const struct x86_operand *to = &in->opnd[0];
	bool mmx = to->kind == X86_OPND_MMX || in->opnd[1].kind == X86_OPND_MMX;
	u64 val;

	if (mmx)
		mmx_check(cpu);
	val = get_low(cpu, in, 1) & mask;
	if (to->kind == X86_OPND_XMM) {
		simd_put_quads(cpu, in, to->reg, val, 0);
	} else if (to->kind == X86_OPND_MMX) {
		mmx_put(cpu, to->reg, val);
		return;
	} else {
		if (mmx)
			mmx_store_begin(cpu);
		x86_put_operand(cpu, in, 0, val);
	}
	if (mmx)
		mmx_touch(cpu);
}

static void exec_movd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_low(cpu, in, 0xffffffff);
}

static void exec_movq(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_low(cpu, in, ~0ULL);
}

static void exec_movq2dq(struct x86_cpu *cpu, const struct x86_insn *in)
{
	union x86_vec d = { .q = { mmx_get(cpu, in->opnd[1].reg) } };

	mmx_check(cpu);
	simd_put_xmm(cpu, in->opnd[0].reg, &d);
	mmx_touch(cpu);
}

static void exec_movdq2q(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mmx_check(cpu);
	mmx_put(cpu, in->opnd[0].reg, cpu->vec[in->opnd[1].reg].q[0]);
}

/*
 * MOVSS and MOVSD: a load clears the rest of the register, a register move
 * keeps it (legacy) or takes it from the second operand (VEX).
 */
static __always_inline void mov_scalar(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size)
{
	const struct x86_operand *to = &in->opnd[0], *from = &in->opnd[1];
	bool vex = in->flags & X86_INSN_VEX;
	const union x86_vec *rest;
	u64 low;

	if (to->kind == X86_OPND_MEM) {
		x86_st(cpu, x86_mem(cpu, in, size, X86_WRITE), size, cpu->vec[from->reg].q[0]);
		return;
	}
	if (from->kind == X86_OPND_MEM) {
		simd_put_quads(cpu, in, to->reg, x86_ld(cpu, x86_mem(cpu, in, size, X86_READ), size), 0);
		return;
	}
	rest = &cpu->vec[in->opnd[vex].reg];
	low = cpu->vec[in->opnd[1 + vex].reg].q[0];
	if (size == 4)
		low = (rest->q[0] & ~0xffffffffULL) | (u32)low;
	simd_put_quads(cpu, in, to->reg, low, rest->q[1]);
}

static void exec_movss(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_scalar(cpu, in, 4);
}

static void exec_movsd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_scalar(cpu, in, 8);
}

/*
 * MOVLPS/MOVHPS and their register forms: one half of the destination comes
 * from half src_half of the last operand, the other half stays (legacy) or
 * comes from vvvv.
 */
static __always_inline void mov_half(struct x86_cpu *cpu, const struct x86_insn *in, unsigned half, unsigned src_half)
{
	const struct x86_operand *to = &in->opnd[0];
	bool vex = in->flags & X86_INSN_VEX;
	const struct x86_operand *from = &in->opnd[1 + vex];
	u64 val, rest;

	if (to->kind == X86_OPND_MEM) {
		x86_st64(cpu, x86_mem(cpu, in, 8, X86_WRITE), cpu->vec[in->opnd[1].reg].q[half]);
		return;
	}
	if (from->kind == X86_OPND_MEM)
		val = x86_ld64(cpu, x86_mem(cpu, in, 8, X86_READ));
	else
		val = cpu->vec[from->reg].q[src_half];
	rest = cpu->vec[in->opnd[vex].reg].q[!half];
	simd_put_quads(cpu, in, to->reg, half ? rest : val, half ? val : rest);
}

static void exec_movlps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_half(cpu, in, 0, 1);
}

static void exec_movhps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mov_half(cpu, in, 1, 0);
}

static inline void movsldup(union x86_vec *d, const union x86_vec *a, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++)
		d->d[i] = a->d[i & ~1u];
}
SIMD_UN(movsldup)

static inline void movshdup(union x86_vec *d, const union x86_vec *a, unsigned n)
{
	for (unsigned i = 0; i < n / 4; i++)
		d->d[i] = a->d[i | 1];
}
SIMD_UN(movshdup)

static inline void movddup(union x86_vec *d, const union x86_vec *a, unsigned n)
{
	for (unsigned i = 0; i < n / 8; i++)
		d->q[i] = a->q[i & ~1u];
}
SIMD_UN(movddup)

static void put_gpr(struct x86_cpu *cpu, const struct x86_insn *in, u64 val)
{
	cpu->gpr[in->opnd[0].reg] = val;
}

static void exec_pmovmskb(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_operand *from = &in->opnd[1];
	const union x86_vec *a = &cpu->vec[from->reg];
	union x86_vec tmp;
	u32 mask = 0;
	unsigned n = 2;

	if (from->kind == X86_OPND_MMX) {
		mmx_check(cpu);
		tmp.q[0] = mmx_get(cpu, from->reg);
		mmx_touch(cpu);
		a = &tmp;
		n = 1;
	} else if (in->flags & X86_INSN_L) {
		n = 4;
	}
	/* the multiplication gathers the sign bits of eight bytes in the top byte */
	for (unsigned i = 0; i < n; i++)
		mask |= (u32)((a->q[i] >> 7 & 0x0101010101010101) * 0x0102040810204080 >> 56) << 8 * i;
	put_gpr(cpu, in, mask);
}

static void exec_movmskps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg];
	u32 mask = 0;

	for (unsigned i = 0; i < (in->flags & X86_INSN_L ? 8 : 4); i++)
		mask |= a->d[i] >> 31 << i;
	put_gpr(cpu, in, mask);
}

static void exec_movmskpd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg];
	u32 mask = 0;

	for (unsigned i = 0; i < (in->flags & X86_INSN_L ? 4 : 2); i++)
		mask |= (u32)(a->q[i] >> 63) << i;
	put_gpr(cpu, in, mask);
}

/* PEXTRx, EXTRACTPS: an element to a register (zero-extended) or to memory. */
static __always_inline void extract(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size)
{
	const struct x86_operand *from = &in->opnd[1];
	const union x86_vec *a = &cpu->vec[from->reg];
	unsigned at = (u8)in->imm & (16 / size - 1);
	union x86_vec tmp;
	u64 val;

	if (from->kind == X86_OPND_MMX) {
		mmx_check(cpu);
		tmp.q[0] = mmx_get(cpu, from->reg);
		mmx_touch(cpu);
		a = &tmp;
		at &= 3;
	}
	switch (size) {
	case 1: val = a->b[at]; break;
	case 2: val = a->w[at]; break;
	case 4: val = a->d[at]; break;
	default: val = a->q[at]; break;
	}
	if (in->opnd[0].kind == X86_OPND_MEM)
		x86_st(cpu, x86_mem(cpu, in, size, X86_WRITE), size, val);
	else
		put_gpr(cpu, in, val);
}

/* PINSRx: opnd[1] is vvvv in VEX; the element is the operand before the immediate. */
static __always_inline void insert(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size)
{
	bool vex = in->flags & X86_INSN_VEX;
	const struct x86_operand *to = &in->opnd[0], *from = &in->opnd[1 + vex];
	unsigned at = (u8)in->imm & (16 / size - 1);
	bool mmx = to->kind == X86_OPND_MMX;
	union x86_vec d = { .q = { 0 } };
	u64 val;

	if (mmx)
		mmx_check(cpu);
	if (from->kind == X86_OPND_MEM)
		val = x86_ld(cpu, x86_mem(cpu, in, size, X86_READ), size);
	else
		val = cpu->gpr[from->reg];
	if (mmx)
		d.q[0] = mmx_get(cpu, to->reg);
	else
		d = cpu->vec[in->opnd[vex].reg];
	if (mmx)
		at &= 3;
	switch (size) {
	case 1: d.b[at] = (u8)val; break;
	case 2: d.w[at] = (u16)val; break;
	case 4: d.d[at] = (u32)val; break;
	default: d.q[at] = val; break;
	}
	if (mmx)
		mmx_put(cpu, to->reg, d.q[0]);
	else
		simd_put128(cpu, in, to->reg, &d);
}

#define EXTRACT_INSERT(suffix, size) \
static void exec_pextr##suffix(struct x86_cpu *cpu, const struct x86_insn *in) { extract(cpu, in, size); } \
static void exec_pinsr##suffix(struct x86_cpu *cpu, const struct x86_insn *in) { insert(cpu, in, size); }

EXTRACT_INSERT(b, 1)
EXTRACT_INSERT(w, 2)
EXTRACT_INSERT(d, 4)
EXTRACT_INSERT(q, 8)

/* imm: source element in bits 7-6 (registers only), destination 5-4, zero mask 3-0. */
static void exec_insertps(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool vex = in->flags & X86_INSN_VEX;
	const struct x86_operand *from = &in->opnd[1 + vex];
	u8 imm = (u8)in->imm;
	union x86_vec d;
	u32 val;

	if (from->kind == X86_OPND_MEM)
		val = x86_ld32(cpu, x86_mem(cpu, in, 4, X86_READ));
	else
		val = cpu->vec[from->reg].d[imm >> 6];
	d = cpu->vec[in->opnd[vex].reg];
	d.d[imm >> 4 & 3] = val;
	for (unsigned i = 0; i < 4; i++)
		if (imm >> i & 1)
			d.d[i] = 0;
	simd_put128(cpu, in, in->opnd[0].reg, &d);
}

/* MOVNTQ: MMX to memory. */
static void exec_movntq(struct x86_cpu *cpu, const struct x86_insn *in)
{
	mmx_store_begin(cpu);
	x86_st64(cpu, x86_mem(cpu, in, 8, X86_WRITE), mmx_get(cpu, in->opnd[1].reg));
	mmx_touch(cpu);
}

static void exec_emms(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	mmx_check(cpu);
	mmx_touch(cpu);
	cpu->fpu.valid = 0;
}

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY2(MOVUPS, mov_full), SIMD_ENTRY2(MOVUPD, mov_full),
	SIMD_ENTRY2(MOVAPS, mov_full), SIMD_ENTRY2(MOVAPD, mov_full),
	SIMD_ENTRY2(MOVDQA, mov_full), SIMD_ENTRY2(MOVDQU, mov_full),
	SIMD_ENTRY2(MOVNTPS, mov_full), SIMD_ENTRY2(MOVNTPD, mov_full),
	SIMD_ENTRY2(MOVNTDQ, mov_full), SIMD_ENTRY2(MOVNTDQA, mov_full), SIMD_ENTRY2(LDDQU, mov_full),
	SIMD_ENTRY(MOVD, movd), SIMD_ENTRY(MOVQ, movq),
	SIMD_ENTRY(MOVQ2DQ, movq2dq), SIMD_ENTRY(MOVDQ2Q, movdq2q),
	SIMD_ENTRY(MOVSS, movss), SIMD_ENTRY(MOVSD, movsd),
	SIMD_ENTRY(MOVLPS, movlps), SIMD_ENTRY(MOVLPD, movlps), SIMD_ENTRY(MOVHLPS, movlps),
	SIMD_ENTRY(MOVHPS, movhps), SIMD_ENTRY(MOVHPD, movhps), SIMD_ENTRY(MOVLHPS, movhps),
	SIMD_ENTRY(MOVSLDUP, movsldup), SIMD_ENTRY(MOVSHDUP, movshdup), SIMD_ENTRY(MOVDDUP, movddup),
	SIMD_ENTRY(PMOVMSKB, pmovmskb), SIMD_ENTRY(MOVMSKPS, movmskps), SIMD_ENTRY(MOVMSKPD, movmskpd),
	SIMD_ENTRY(PEXTRB, pextrb), SIMD_ENTRY(PEXTRW, pextrw), SIMD_ENTRY(PEXTRD, pextrd),
	SIMD_ENTRY(PEXTRQ, pextrq), SIMD_ENTRY(EXTRACTPS, pextrd),
	SIMD_ENTRY(PINSRB, pinsrb), SIMD_ENTRY(PINSRW, pinsrw), SIMD_ENTRY(PINSRD, pinsrd),
	SIMD_ENTRY(PINSRQ, pinsrq), SIMD_ENTRY(INSERTPS, insertps),
	SIMD_ENTRY(MOVNTQ, movntq), SIMD_ENTRY(EMMS, emms),
};
static const struct x86_exec_set simd_move = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_move);
