// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data movement in all modes: MOV without system registers, MOVZX and its
 * like, CMOVcc, SETcc, LEA, XLAT, flag transfers, BOUND, cache and ordering hints.
 */
#include "general.h"

static void x_mov(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_operand *d = &in->opnd[0], *s = &in->opnd[1];

	if (d->kind == X86_OPND_SEG) {
		if (d->reg == X86_CS)
			x86_raise_ud(cpu);
		sys_load_seg(cpu, d->reg, (u16)x86_get_operand(cpu, in, 1));
		if (d->reg == X86_SS) {
			cpu->shadow = X86_SHADOW_SS;
			sys_attention(cpu);
		}
		return;
	}
	if (d->kind == X86_OPND_CR || d->kind == X86_OPND_DR || s->kind == X86_OPND_CR || s->kind == X86_OPND_DR) {
		sys_mov_special(cpu, in);
		return;
	}
	x86_put_operand(cpu, in, 0, x86_get_operand(cpu, in, 1));
}

static void x_movzx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, x86_get_operand(cpu, in, 1));
}

static void x_movsx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, sext(x86_get_operand(cpu, in, 1), in->opnd[1].size * 8));
}

static void x_cmov(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);

	if (!x86_cond(cpu, in->op - X86_OP_CMOVO))
		v = x86_get_operand(cpu, in, 0);
	x86_put_operand(cpu, in, 0, v);
}

static void x_setcc(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, x86_cond(cpu, in->op - X86_OP_SETO));
}

static void x_lea(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, x86_ea(cpu, in));
}

static void x_xlat(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 ea = cpu->gpr[X86_RBX] + (u8)cpu->gpr[X86_RAX];

	ea = in->asize == 8 ? ea : in->asize == 4 ? (u32)ea : (u16)ea;
	x86_set_reg(cpu, X86_RAX, 1, x86_ld8(cpu, x86_seg_linear(cpu, in->seg, ea, 1, X86_READ)));
}

static void x_movbe(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = x86_get_operand(cpu, in, 1);
	unsigned size = in->opnd[0].size;

	x86_put_operand(cpu, in, 0, __builtin_bswap64(v) >> (64 - size * 8));
}

static void x_cbw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_set_reg(cpu, X86_RAX, in->opsize, sext(cpu->gpr[X86_RAX], in->opsize * 4));
}

static void x_cwd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	bool neg = (cpu->gpr[X86_RAX] >> (in->opsize * 8 - 1)) & 1;

	x86_set_reg(cpu, X86_RDX, in->opsize, neg ? ~0ULL : 0);
}

static void x_lahf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 fl = (u8)(x86_arith(cpu) | 2);

	if (x86_in_64bit(cpu) && !x86_has(cpu, X86_FEAT_LAHF_LM))
		x86_raise_ud(cpu);
	(void)in;
	cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~0xff00ULL) | fl << 8;
}

static void x_sahf(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 of = x86_of(cpu) ? X86_FL_OF : 0;

	if (x86_in_64bit(cpu) && !x86_has(cpu, X86_FEAT_LAHF_LM))
		x86_raise_ud(cpu);
	(void)in;
	x86_set_arith(cpu, (u8)(cpu->gpr[X86_RAX] >> 8) | of);
}

static void x_clc(struct x86_cpu *cpu, const struct x86_insn *in) { (void)in; fl_set_cf(cpu, false); }
static void x_stc(struct x86_cpu *cpu, const struct x86_insn *in) { (void)in; fl_set_cf(cpu, true); }
static void x_cmc(struct x86_cpu *cpu, const struct x86_insn *in) { (void)in; fl_set_cf(cpu, !x86_cf(cpu)); }
static void x_cld(struct x86_cpu *cpu, const struct x86_insn *in) { (void)in; cpu->eflags &= ~X86_FL_DF; }
static void x_std(struct x86_cpu *cpu, const struct x86_insn *in) { (void)in; cpu->eflags |= X86_FL_DF; }

static void x_salc(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	x86_set_reg(cpu, X86_RAX, 1, x86_cf(cpu) ? 0xff : 0);
}

static void x_bound(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opsize, bits = size * 8;
	u64 ea = x86_ea(cpu, in), next = ea + size;
	s64 v = (s64)sext(x86_get_operand(cpu, in, 0), bits);

	if (v < (s64)sext(x86_ld(cpu, x86_seg_linear(cpu, in->seg, ea, size, X86_READ), size), bits))
		x86_raise(cpu, X86_EXC_BR);
	next = in->asize == 4 ? (u32)next : (u16)next;
	if (v > (s64)sext(x86_ld(cpu, x86_seg_linear(cpu, in->seg, next, size, X86_READ), size), bits))
		x86_raise(cpu, X86_EXC_BR);
}

static void x_nop(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)cpu;
	(void)in;
}

/* Stores to other CPUs' eyes: the one order that an x86 host does not give by itself is store-load. */
static void x_fence(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)cpu;
	(void)in;
	atomic_thread_fence(memory_order_seq_cst);
}

/* CLFLUSH and its like fault as a byte read would. */
static void x_flush_line(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_probe(cpu, x86_mem(cpu, in, 1, X86_READ), 1, X86_READ);
}

static void x_clzero(struct x86_cpu *cpu, const struct x86_insn *in)
{
	static const u8 zero[64];
	u64 ea = in->asize == 8 ? cpu->gpr[X86_RAX] : (u32)cpu->gpr[X86_RAX];

	x86_st_block(cpu, x86_seg_linear(cpu, in->seg, ea & ~63ULL, 64, X86_WRITE), zero, 64);
}

#define CC_RUN(op, fn) \
	{ X86_OP_##op##O, fn, NULL }, { X86_OP_##op##NO, fn, NULL }, { X86_OP_##op##B, fn, NULL }, \
	{ X86_OP_##op##NB, fn, NULL }, { X86_OP_##op##Z, fn, NULL }, { X86_OP_##op##NZ, fn, NULL }, \
	{ X86_OP_##op##BE, fn, NULL }, { X86_OP_##op##NBE, fn, NULL }, { X86_OP_##op##S, fn, NULL }, \
	{ X86_OP_##op##NS, fn, NULL }, { X86_OP_##op##P, fn, NULL }, { X86_OP_##op##NP, fn, NULL }, \
	{ X86_OP_##op##L, fn, NULL }, { X86_OP_##op##NL, fn, NULL }, { X86_OP_##op##LE, fn, NULL }, \
	{ X86_OP_##op##NLE, fn, NULL }

static const struct x86_exec_entry entries[] = {
	CC_RUN(CMOV, x_cmov), CC_RUN(SET, x_setcc),
	{ X86_OP_MOV, x_mov, NULL }, { X86_OP_MOVZX, x_movzx, NULL }, { X86_OP_MOVSX, x_movsx, NULL },
	{ X86_OP_MOVSXD, x_movsx, NULL }, { X86_OP_MOVNTI, x_movzx, NULL }, { X86_OP_LEA, x_lea, NULL },
	{ X86_OP_XLAT, x_xlat, NULL }, { X86_OP_MOVBE, x_movbe, NULL }, { X86_OP_CBW, x_cbw, NULL },
	{ X86_OP_CWD, x_cwd, NULL }, { X86_OP_LAHF, x_lahf, NULL }, { X86_OP_SAHF, x_sahf, NULL },
	{ X86_OP_CLC, x_clc, NULL }, { X86_OP_STC, x_stc, NULL }, { X86_OP_CMC, x_cmc, NULL },
	{ X86_OP_CLD, x_cld, NULL }, { X86_OP_STD, x_std, NULL }, { X86_OP_SALC, x_salc, NULL },
	{ X86_OP_BOUND, x_bound, NULL }, { X86_OP_NOP, x_nop, NULL }, { X86_OP_PAUSE, x_nop, NULL },
	{ X86_OP_PREFETCH, x_nop, NULL }, { X86_OP_PREFETCHW, x_nop, NULL }, { X86_OP_PREFETCHNTA, x_nop, NULL },
	{ X86_OP_PREFETCHT0, x_nop, NULL }, { X86_OP_PREFETCHT1, x_nop, NULL }, { X86_OP_PREFETCHT2, x_nop, NULL },
	{ X86_OP_LFENCE, x_nop, NULL }, { X86_OP_SFENCE, x_nop, NULL }, { X86_OP_MFENCE, x_fence, NULL },
	{ X86_OP_CLFLUSH, x_flush_line, NULL }, { X86_OP_CLFLUSHOPT, x_flush_line, NULL },
	{ X86_OP_CLWB, x_flush_line, NULL }, { X86_OP_CLZERO, x_clzero, NULL },
};
EXEC_REGISTER(x86_xfer_ops, entries);
