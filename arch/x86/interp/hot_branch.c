// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Near branches of 64-bit and flat 32-bit code. A target is relative to the
 * block's rip, because blocks are shared by all addresses they are mapped at.
 */
#include "hot.h"

static __always_inline u64 target(const struct x86_cpu *cpu, const struct x86_uop *u)
{
	return (cpu->rip + u->imm) & cpu->lin_mask;
}

static __always_inline u64 behind(const struct x86_cpu *cpu, const struct x86_uop *u)
{
	return (cpu->rip + u->off + u->len) & cpu->lin_mask;
}

#define JCC(cc) \
HOT jcc_##cc(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	if (hot_cond(cpu, cc)) \
		return uop_goto(cpu, target(cpu, u), 0); \
	return uop_goto(cpu, behind(cpu, u), 1); \
}
FOR_EACH_CC(JCC)

HOT jmp_rel(struct x86_cpu *cpu, const struct x86_uop *u)
{
	return uop_goto(cpu, target(cpu, u), 0);
}

HOT jmp_r(struct x86_cpu *cpu, const struct x86_uop *u)
{
	return uop_goto_indirect(cpu, cpu->gpr[u->r1] & cpu->lin_mask);
}

/* rSP stays until the target is known to be good; the store is done by then, as processors do. */
#define WIDTH(bits, bytes) \
HOT call##bits##_rel(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 sp = (cpu->gpr[X86_RSP] - bytes) & cpu->lin_mask; \
	u64 to = target(cpu, u); \
	x86_st##bits(cpu, sp, (u##bits)behind(cpu, u)); \
	cpu->gpr[X86_RSP] = sp; \
	return uop_goto(cpu, to, 0); \
} \
HOT call##bits##_to(struct x86_cpu *cpu, const struct x86_uop *u, u64 to) \
{ \
	u64 sp = (cpu->gpr[X86_RSP] - bytes) & cpu->lin_mask; \
	if (unlikely(sys_lma(cpu) && !x86_canonical(cpu, sp))) \
		x86_raise_err(cpu, X86_EXC_SS, 0); /* not the operand's segment */ \
	x86_st##bits(cpu, sp, (u##bits)behind(cpu, u)); \
	if (unlikely(sys_lma(cpu) && !x86_canonical(cpu, to))) \
		x86_raise_gp(cpu, 0); \
	cpu->gpr[X86_RSP] = sp; \
	return uop_goto_indirect(cpu, to); \
} \
HOT call##bits##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return call##bits##_to(cpu, u, cpu->gpr[u->r1]); \
} \
HOT call##bits##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return call##bits##_to(cpu, u, x86_ld##bits(cpu, uea(cpu, u))); \
} \
HOT jmp##bits##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return uop_goto_indirect(cpu, x86_ld##bits(cpu, uea(cpu, u))); \
} \
HOT ret##bits(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 sp = cpu->gpr[X86_RSP]; \
	u64 to = x86_ld##bits(cpu, sp); \
	if (unlikely(sys_lma(cpu) && !x86_canonical(cpu, to))) \
		x86_raise_gp(cpu, 0); \
	cpu->gpr[X86_RSP] = (sp + bytes + u->imm) & cpu->lin_mask; \
	return uop_goto_indirect(cpu, to); \
}

WIDTH(32, 4)
WIDTH(64, 8)

static x86_uop_fn call_select(const struct x86_insn *in, struct x86_uop *u, bool w64)
{
	switch (in->opnd[0].kind) {
	case X86_OPND_REL:
		u->imm = in->imm + u->off + u->len;
		u->seg = X86_SS;
		return w64 ? call64_rel : call32_rel;
	case X86_OPND_GPR:
		u->r1 = in->opnd[0].reg;
		u->seg = X86_SS;
		return w64 ? call64_r : call32_r;
	case X86_OPND_MEM:
		return w64 ? call64_m : call32_m;
	default:
		return NULL;
	}
}

static x86_uop_fn jmp_select(const struct x86_insn *in, struct x86_uop *u, bool w64)
{
	switch (in->opnd[0].kind) {
	case X86_OPND_REL:
		u->imm = in->imm + u->off + u->len;
		return jmp_rel;
	case X86_OPND_GPR:
		u->r1 = in->opnd[0].reg;
		return jmp_r;
	case X86_OPND_MEM:
		return w64 ? jmp64_m : jmp32_m;
	default:
		return NULL;
	}
}

x86_uop_fn hot_branch_select(const struct x86_insn *in, struct x86_uop *u, bool long_mode)
{
	static const x86_uop_fn jcc[16] = {
#define JCC_ENTRY(cc) jcc_##cc,
		FOR_EACH_CC(JCC_ENTRY)
	};

	if (in->opsize != (long_mode ? 8 : 4))
		return NULL;
	if (in->op >= X86_OP_JO && in->op <= X86_OP_JNLE) {
		u->imm = in->imm + u->off + u->len;
		return jcc[in->op - X86_OP_JO];
	}
	switch (in->op) {
	case X86_OP_CALL:
		return call_select(in, u, long_mode);
	case X86_OP_JMP:
		return jmp_select(in, u, long_mode);
	case X86_OP_RET:
		u->imm = in->opnd[0].kind == X86_OPND_IMM ? in->imm & 0xffff : 0;
		u->seg = X86_SS;
		return long_mode ? ret64 : ret32;
	default:
		return NULL;
	}
}
