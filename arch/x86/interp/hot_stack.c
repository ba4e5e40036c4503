// SPDX-License-Identifier: GPL-2.0-or-later
/* PUSH, POP and LEAVE of 64-bit and flat 32-bit code, and the selection of all specialised handlers. */
#include "hot.h"

#define WIDTH(bits, bytes) \
HOT push##bits##_val(struct x86_cpu *cpu, const struct x86_uop *u, u##bits val) \
{ \
	u64 sp = (cpu->gpr[X86_RSP] - bytes) & cpu->lin_mask; \
	x86_st##bits(cpu, sp, val); \
	cpu->gpr[X86_RSP] = sp; \
	return u + 1; \
} \
HOT push##bits##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return push##bits##_val(cpu, u, rd##bits(cpu, u->r1)); \
} \
HOT push##bits##_i(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return push##bits##_val(cpu, u, (u##bits)u->imm); \
} \
HOT push##bits##_m(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	return push##bits##_val(cpu, u, x86_ld##bits(cpu, uea(cpu, u))); \
} \
HOT pop##bits##_r(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 sp = cpu->gpr[X86_RSP]; \
	u##bits v = x86_ld##bits(cpu, sp); \
	cpu->gpr[X86_RSP] = (sp + bytes) & cpu->lin_mask; \
	wr##bits(cpu, u->r1, v); \
	return u + 1; \
} \
HOT leave##bits(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	u64 sp = rd##bits(cpu, X86_RBP); \
	u##bits v = x86_ld##bits(cpu, sp); \
	cpu->gpr[X86_RSP] = (sp + bytes) & cpu->lin_mask; \
	wr##bits(cpu, X86_RBP, v); \
	return u + 1; \
}

WIDTH(32, 4)
WIDTH(64, 8)

static x86_uop_fn push_select(const struct x86_insn *in, struct x86_uop *u, bool w64)
{
	switch (in->opnd[0].kind) {
	case X86_OPND_GPR:
		u->r1 = in->opnd[0].reg;
		u->seg = X86_SS;
		return w64 ? push64_r : push32_r;
	case X86_OPND_IMM:
		u->imm = in->imm;
		u->seg = X86_SS;
		return w64 ? push64_i : push32_i;
	case X86_OPND_MEM:
		return w64 ? push64_m : push32_m;
	default:
		return NULL;
	}
}

x86_uop_fn hot_stack_select(const struct x86_insn *in, struct x86_uop *u, bool long_mode)
{
	if (in->opsize != (long_mode ? 8 : 4))
		return NULL;
	switch (in->op) {
	case X86_OP_PUSH:
		return push_select(in, u, long_mode);
	case X86_OP_POP:
		if (in->opnd[0].kind != X86_OPND_GPR)
			return NULL;
		u->r1 = in->opnd[0].reg;
		u->seg = X86_SS;
		return long_mode ? pop64_r : pop32_r;
	case X86_OP_LEAVE:
		u->seg = X86_SS;
		return long_mode ? leave64 : leave32;
	default:
		return NULL;
	}
}

x86_uop_fn hot_select(const struct x86_insn *in, struct x86_uop *u, u32 mode)
{
	bool long_mode = (mode & X86_MODEF_SIZE) == X86_MODE_64;
	x86_uop_fn fn;

	fn = hot_move_select(in, u);
	if (!fn)
		fn = hot_alu_select(in, u);
	if (!fn)
		fn = hot_branch_select(in, u, long_mode);
	if (!fn)
		fn = hot_stack_select(in, u, long_mode);
	if (!fn)
		fn = hot_extend_select(in, u);
	if (!fn)
		fn = hot_unary_select(in, u);
	if (!fn)
		fn = hot_shift_select(in, u);
	return fn;
}
