// SPDX-License-Identifier: GPL-2.0-or-later
/* Near branches in every mode, LOOP and JCXZ. Far ones are in sys/far.c. */
#include "general.h"

/* Cuts the target to the operand size and checks it. Returns it. */
u64 branch_check(struct x86_cpu *cpu, u64 target, unsigned opsize)
{
	if (opsize == 2)
		target = (u16)target;
	else if (opsize == 4)
		target = (u32)target;
	if (x86_in_64bit(cpu)) {
		if (!x86_canonical(cpu, target))
			x86_raise_gp(cpu, 0);
	} else if (target > cpu->seg[X86_CS].limit) {
		x86_raise_gp(cpu, 0);
	}
	return target;
}

void branch_near(struct x86_cpu *cpu, u64 target, unsigned opsize)
{
	cpu->rip_next = branch_check(cpu, target, opsize);
}

static u64 near_target(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (in->opnd[0].kind == X86_OPND_REL)
		return x86_next_rip(cpu) + in->imm;
	return x86_get_operand(cpu, in, 0);
}

static void x_jmp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	branch_near(cpu, near_target(cpu, in), in->opsize);
}

static void x_call(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 target = near_target(cpu, in), sp = cpu->gpr[X86_RSP] - in->opsize;

	/* The push faults first, and is done when the target faults. */
	x86_st(cpu, sys_stack_linear(cpu, sp, in->opsize, X86_WRITE), in->opsize, x86_next_rip(cpu));
	target = branch_check(cpu, target, in->opsize);
	stack_set_sp(cpu, sp);
	cpu->rip_next = target;
}

static void x_ret(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 target = branch_check(cpu, stack_peek(cpu, 0, in->opsize), in->opsize);
	u64 drop = in->opnd[0].kind == X86_OPND_IMM ? in->imm & 0xffff : 0;

	stack_set_sp(cpu, cpu->gpr[X86_RSP] + in->opsize + drop);
	cpu->rip_next = target;
}

static void x_jcc(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (x86_cond(cpu, in->op - X86_OP_JO))
		branch_near(cpu, near_target(cpu, in), in->opsize);
}

static void x_jcxz(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (!x86_get_reg(cpu, X86_RCX, in->asize))
		branch_near(cpu, near_target(cpu, in), in->opsize);
}

static void x_loop(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 n = x86_get_reg(cpu, X86_RCX, in->asize) - 1;
	bool taken = zext(n, in->asize * 8) != 0;

	if (in->op == X86_OP_LOOPE)
		taken = taken && x86_zf(cpu);
	else if (in->op == X86_OP_LOOPNE)
		taken = taken && !x86_zf(cpu);
	if (taken)
		branch_near(cpu, near_target(cpu, in), in->opsize);
	x86_set_reg(cpu, X86_RCX, in->asize, n);
}

#define JCC(op) { X86_OP_##op, x_jcc, NULL }
static const struct x86_exec_entry entries[] = {
	JCC(JO), JCC(JNO), JCC(JB), JCC(JNB), JCC(JZ), JCC(JNZ), JCC(JBE), JCC(JNBE),
	JCC(JS), JCC(JNS), JCC(JP), JCC(JNP), JCC(JL), JCC(JNL), JCC(JLE), JCC(JNLE),
	{ X86_OP_JMP, x_jmp, NULL }, { X86_OP_CALL, x_call, NULL }, { X86_OP_RET, x_ret, NULL },
	{ X86_OP_JCXZ, x_jcxz, NULL }, { X86_OP_LOOP, x_loop, NULL }, { X86_OP_LOOPE, x_loop, NULL },
	{ X86_OP_LOOPNE, x_loop, NULL },
};
EXEC_REGISTER(x86_branch_ops, entries);
