/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operands of vector instructions and the drivers that make handlers out of
 * element functions. A driver is always inlined with a constant function and
 * a constant vector length, so that the compiler sees straight loops over 8,
 * 16 or 32 bytes and vectorises them.
 *
 * Rules of every driver (SDM vol. 1, 14.1.2; vol. 2, 2.3.10): memory is read first, the
 * result is formed in a temporary, registers are written last; legacy forms
 * keep the bits above 127, VEX forms clear those above the vector length.
 */
#ifndef X86_SIMD_H
#define X86_SIMD_H

#include "x86/exec.h"

#define X87_SW_ES	0x0080	/* an unmasked exception is pending */
#define X87_SW_TOP	0x3800

typedef void (*simd_bin_fn)(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n);
typedef void (*simd_un_fn)(union x86_vec *d, const union x86_vec *a, unsigned n);
typedef void (*simd_imm_fn)(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, u8 imm, unsigned n);
typedef void (*simd_unimm_fn)(union x86_vec *d, const union x86_vec *a, u8 imm, unsigned n);

/* A pending x87 exception is reported before an MMX instruction does anything. */
void x87_pending(struct x86_cpu *cpu);

static __always_inline void mmx_check(struct x86_cpu *cpu)
{
	if (unlikely(cpu->fpu.sw & X87_SW_ES))
		x87_pending(cpu);
}

/* What every MMX instruction but EMMS does to the x87 state (SDM vol. 1, 9.5.1). */
static __always_inline void mmx_touch(struct x86_cpu *cpu)
{
	cpu->fpu.sw &= (u16)~X87_SW_TOP;
	cpu->fpu.valid = 0xff;
}

/* Before a store from MMX: TOP is cleared even if it faults. */
static __always_inline void mmx_store_begin(struct x86_cpu *cpu)
{
	mmx_check(cpu);
	cpu->fpu.sw &= (u16)~X87_SW_TOP;
}

static __always_inline void mmx_put(struct x86_cpu *cpu, unsigned reg, u64 val)
{
	mmx_touch(cpu);
	cpu->fpu.st[reg].man = val;
	cpu->fpu.st[reg].se = 0xffff;
}

static __always_inline u64 mmx_get(const struct x86_cpu *cpu, unsigned reg)
{
	return cpu->fpu.st[reg].man;
}

/* Reads the memory operand n into tmp, zero-extended to 8 bytes if it is smaller. */
const union x86_vec *simd_load(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, union x86_vec *tmp);

/* Source operand n (register or memory); tmp holds what is not a vector register. */
static __always_inline const union x86_vec *simd_src(struct x86_cpu *cpu, const struct x86_insn *in,
						     unsigned n, union x86_vec *tmp)
{
	const struct x86_operand *o = &in->opnd[n];

	if (unlikely(o->kind == X86_OPND_MEM))
		return simd_load(cpu, in, n, tmp);
	if (unlikely(o->kind == X86_OPND_MMX)) {
		tmp->q[0] = mmx_get(cpu, o->reg);
		return tmp;
	}
	return &cpu->vec[o->reg];
}

/*
 * Registers are written 16 bytes at a time: a later load of the whole register
 * would have to wait for two smaller stores.
 */
typedef u64 simd_half __attribute__((vector_size(16), may_alias));

static __always_inline simd_half *simd_part(union x86_vec *v, unsigned half)
{
	return (simd_half *)&v->q[2 * half];
}

static __always_inline simd_half simd_get_part(const union x86_vec *v, unsigned half)
{
	return *(const simd_half *)&v->q[2 * half];
}

static __always_inline void simd_put_xmm(struct x86_cpu *cpu, unsigned reg, const union x86_vec *d)
{
	*simd_part(&cpu->vec[reg], 0) = simd_get_part(d, 0);
}

static __always_inline void simd_clear_high(struct x86_cpu *cpu, unsigned reg)
{
	*simd_part(&cpu->vec[reg], 1) = (simd_half){ 0, 0 };
}

static __always_inline void simd_put_ymm(struct x86_cpu *cpu, unsigned reg, const union x86_vec *d)
{
	*simd_part(&cpu->vec[reg], 0) = simd_get_part(d, 0);
	*simd_part(&cpu->vec[reg], 1) = simd_get_part(d, 1);
}

/* A 128-bit result of either encoding, by its quarters. */
static __always_inline void simd_put_quads(struct x86_cpu *cpu, const struct x86_insn *in, unsigned reg, u64 lo, u64 hi)
{
	*simd_part(&cpu->vec[reg], 0) = (simd_half){ lo, hi };
	if (in->flags & X86_INSN_VEX)
		simd_clear_high(cpu, reg);
}

/* A 128-bit result of either encoding. */
static __always_inline void simd_put128(struct x86_cpu *cpu, const struct x86_insn *in, unsigned reg,
					const union x86_vec *d)
{
	simd_put_xmm(cpu, reg, d);
	if (in->flags & X86_INSN_VEX)
		simd_clear_high(cpu, reg);
}

static __always_inline bool simd_is_mmx(const struct x86_insn *in)
{
	return in->opnd[0].kind == X86_OPND_MMX;
}

/* dst = fn(dst, src) */
static __always_inline void simd_binary(struct x86_cpu *cpu, const struct x86_insn *in, simd_bin_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *b;
	union x86_vec tmp, d;

	if (unlikely(simd_is_mmx(in))) {
		union x86_vec a = { .q = { mmx_get(cpu, reg) } };

		mmx_check(cpu);
		b = simd_src(cpu, in, 1, &tmp);
		d.q[0] = 0;
		fn(&d, &a, b, 8);
		mmx_put(cpu, reg, d.q[0]);
		return;
	}
	b = simd_src(cpu, in, 1, &tmp);
	fn(&d, &cpu->vec[reg], b, 16);
	simd_put_xmm(cpu, reg, &d);
}

/* dst = fn(vvvv, src) */
static __always_inline void simd_binary_vex(struct x86_cpu *cpu, const struct x86_insn *in, simd_bin_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg], *b;
	union x86_vec tmp, d;

	b = simd_src(cpu, in, 2, &tmp);
	if (in->flags & X86_INSN_L) {
		fn(&d, a, b, 32);
		simd_put_ymm(cpu, reg, &d);
	} else {
		fn(&d, a, b, 16);
		simd_put_xmm(cpu, reg, &d);
		simd_clear_high(cpu, reg);
	}
}

/* dst = fn(src), legacy and VEX */
static __always_inline void simd_unary(struct x86_cpu *cpu, const struct x86_insn *in, simd_un_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *a;
	union x86_vec tmp, d;

	if (unlikely(simd_is_mmx(in))) {
		mmx_check(cpu);
		a = simd_src(cpu, in, 1, &tmp);
		d.q[0] = 0;
		fn(&d, a, 8);
		mmx_put(cpu, reg, d.q[0]);
		return;
	}
	a = simd_src(cpu, in, 1, &tmp);
	if (in->flags & X86_INSN_L) {
		fn(&d, a, 32);
		simd_put_ymm(cpu, reg, &d);
	} else {
		fn(&d, a, 16);
		simd_put128(cpu, in, reg, &d);
	}
}

/* dst = fn(src, imm), legacy and VEX */
static __always_inline void simd_unary_imm(struct x86_cpu *cpu, const struct x86_insn *in, simd_unimm_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *a;
	union x86_vec tmp, d;

	if (unlikely(simd_is_mmx(in))) {
		mmx_check(cpu);
		a = simd_src(cpu, in, 1, &tmp);
		d.q[0] = 0;
		fn(&d, a, (u8)in->imm, 8);
		mmx_put(cpu, reg, d.q[0]);
		return;
	}
	a = simd_src(cpu, in, 1, &tmp);
	if (in->flags & X86_INSN_L) {
		fn(&d, a, (u8)in->imm, 32);
		simd_put_ymm(cpu, reg, &d);
	} else {
		fn(&d, a, (u8)in->imm, 16);
		simd_put128(cpu, in, reg, &d);
	}
}

/* dst = fn(dst, src, imm) */
static __always_inline void simd_binary_imm(struct x86_cpu *cpu, const struct x86_insn *in, simd_imm_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *b;
	union x86_vec a, tmp, d;

	if (unlikely(simd_is_mmx(in))) {
		mmx_check(cpu);
		b = simd_src(cpu, in, 1, &tmp);
		a.q[0] = mmx_get(cpu, reg);
		a.q[1] = 0;
		d.q[0] = 0;
		fn(&d, &a, b, (u8)in->imm, 8);
		mmx_put(cpu, reg, d.q[0]);
		return;
	}
	b = simd_src(cpu, in, 1, &tmp);
	fn(&d, &cpu->vec[reg], b, (u8)in->imm, 16);
	simd_put_xmm(cpu, reg, &d);
}

/* dst = fn(vvvv, src, imm) */
static __always_inline void simd_binary_imm_vex(struct x86_cpu *cpu, const struct x86_insn *in, simd_imm_fn fn)
{
	unsigned reg = in->opnd[0].reg;
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg], *b;
	union x86_vec tmp, d;

	b = simd_src(cpu, in, 2, &tmp);
	if (in->flags & X86_INSN_L) {
		fn(&d, a, b, (u8)in->imm, 32);
		simd_put_ymm(cpu, reg, &d);
	} else {
		fn(&d, a, b, (u8)in->imm, 16);
		simd_put_xmm(cpu, reg, &d);
		simd_clear_high(cpu, reg);
	}
}

/* Handlers exec_NAME and exec_vNAME of an element function NAME. */
#define SIMD_BIN(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary(cpu, in, name); } \
static void exec_v##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary_vex(cpu, in, name); }
#define SIMD_BIN_IMM(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary_imm(cpu, in, name); } \
static void exec_v##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_binary_imm_vex(cpu, in, name); }
#define SIMD_UN(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_unary(cpu, in, name); }
#define SIMD_UN_IMM(name) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { simd_unary_imm(cpu, in, name); }

/* Lines of a handler table. */
#define SIMD_ENTRY2(OP, name) { X86_OP_##OP, exec_##name, exec_v##name }
#define SIMD_ENTRY(OP, name) { X86_OP_##OP, exec_##name, NULL }

/* Element-wise fn: d[i] = expr of x = a[i], y = b[i] with elements of type T in field f. */
#define SIMD_LANES(name, T, f, expr) \
static inline void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned n) \
{ \
	for (unsigned i = 0; i < n / sizeof(T); i++) { \
		T x = (T)a->f[i], y = (T)b->f[i]; \
		d->f[i] = (__typeof__(d->f[0]))(expr); \
	} \
} \
SIMD_BIN(name)

static inline s32 simd_clamp(s32 v, s32 lo, s32 hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

#endif
