/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building blocks of the specialised handlers: registers by size with the
 * width in the name, memory through uea(), read-modify-write of memory.
 */
#ifndef ARCH_X86_INTERP_HOT_H
#define ARCH_X86_INTERP_HOT_H

#include "flags.h"
#include "uop.h"

#define HOT static __hot const struct x86_uop *

static __always_inline u8  rd8(struct x86_cpu *cpu, unsigned r) { return *reg8(cpu, r); }
static __always_inline u16 rd16(struct x86_cpu *cpu, unsigned r) { return (u16)cpu->gpr[r]; }
static __always_inline u32 rd32(struct x86_cpu *cpu, unsigned r) { return (u32)cpu->gpr[r]; }
static __always_inline u64 rd64(struct x86_cpu *cpu, unsigned r) { return cpu->gpr[r]; }
static __always_inline void wr8(struct x86_cpu *cpu, unsigned r, u8 v) { *reg8(cpu, r) = v; }
static __always_inline void wr16(struct x86_cpu *cpu, unsigned r, u16 v)
{
	cpu->gpr[r] = (cpu->gpr[r] & ~0xffffULL) | v;
}
static __always_inline void wr32(struct x86_cpu *cpu, unsigned r, u32 v) { cpu->gpr[r] = v; }
static __always_inline void wr64(struct x86_cpu *cpu, unsigned r, u64 v) { cpu->gpr[r] = v; }

/*
 * Reads memory for modification: *host gets where to write, or NULL when
 * rmw_put() must take the slow way (the address is checked by then).
 */
#define DEFINE_RMW(bits, type) \
static __always_inline u##bits rmw_get##bits(struct x86_cpu *cpu, u64 lin, void **host) \
{ \
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin); \
	if (x86_tlb_hit(cpu, e, lin, bits / 8)) { \
		*host = (void *)(uintptr_t)(lin + e->addend); \
		return *(const volatile type *)*host; \
	} \
	*host = NULL; \
	x86_probe(cpu, lin, bits / 8, X86_WRITE); \
	return x86_ld##bits(cpu, lin); \
} \
static __always_inline void rmw_put##bits(struct x86_cpu *cpu, u64 lin, void *host, u##bits v) \
{ \
	if (likely(host)) \
		*(volatile type *)host = v; \
	else \
		x86_store_slow(cpu, lin, v, bits / 8); \
}

DEFINE_RMW(8, u8)
DEFINE_RMW(16, x86_u16u)
DEFINE_RMW(32, x86_u32u)
DEFINE_RMW(64, x86_u64u)

/* Index of a size in tables of handlers: 1, 2, 4, 8 -> 0, 1, 2, 3. */
static inline unsigned size_index(unsigned size)
{
	return (unsigned)__builtin_ctz(size);
}

static inline bool is_reg(const struct x86_operand *o)
{
	return o->kind == X86_OPND_GPR || o->kind == X86_OPND_GPRH;
}

/* r1 or r2 for a register operand. */
static inline u8 reg_code(const struct x86_operand *o)
{
	if (o->size != 1)
		return o->reg;
	return (u8)(o->reg * 8 + (o->kind == X86_OPND_GPRH));
}

/* Condition cc of Jcc, SETcc, CMOVcc as an expression; cc is a constant. */
static __always_inline bool hot_cond(const struct x86_cpu *cpu, const unsigned cc)
{
	bool v;

	switch (cc >> 1) {
	case 0: v = x86_of(cpu); break;
	case 1: v = x86_cf(cpu); break;
	case 2: v = x86_zf(cpu); break;
	case 3: v = (int)x86_cf(cpu) | (int)x86_zf(cpu); break;
	case 4: v = x86_sf(cpu); break;
	case 5: v = x86_pf(cpu); break;
	case 6: v = x86_sf(cpu) != x86_of(cpu); break;
	default: v = (int)x86_zf(cpu) | (x86_sf(cpu) != x86_of(cpu)); break;
	}
	return v != (cc & 1);
}

#define FOR_EACH_CC(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

x86_uop_fn hot_alu_select(const struct x86_insn *in, struct x86_uop *u);
x86_uop_fn hot_unary_select(const struct x86_insn *in, struct x86_uop *u);
x86_uop_fn hot_move_select(const struct x86_insn *in, struct x86_uop *u);
x86_uop_fn hot_extend_select(const struct x86_insn *in, struct x86_uop *u);
x86_uop_fn hot_shift_select(const struct x86_insn *in, struct x86_uop *u);
x86_uop_fn hot_branch_select(const struct x86_insn *in, struct x86_uop *u, bool long_mode);
x86_uop_fn hot_stack_select(const struct x86_insn *in, struct x86_uop *u, bool long_mode);

#endif
