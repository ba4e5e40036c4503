// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which instructions become code of their own. Most are the guest's bytes
 * with other registers (recode.c), so the question is what their operands are
 * and whether guest model and host have the instruction; what is not known
 * to be right is the interpreter's.
 */
#include "gen.h"
#include "x86/spec.h"

static bool host_has(const struct gen *g, unsigned feat)
{
	return g->j->host_features[feat / 32] >> (feat & 31) & 1;
}

static bool has_both(const struct gen *g, const struct x86_insn *in)
{
	unsigned feat = x86_insn_form(in)->feature;

	if (feat == X86_FEAT_NONE)
		return true;
	return g->t->cpu->sys->model.features[feat] && host_has(g, feat);
}

static const struct x86_operand *mem_operand(const struct x86_insn *in)
{
	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++)
		if (in->opnd[n].kind == X86_OPND_MEM)
			return &in->opnd[n];
	return NULL;
}

static bool good_memory(struct gen *g, const struct jit_insn *i)
{
	const struct x86_insn *in = &i->in;
	s64 disp = in->disp + (in->base == X86_REG_RIP ? i->off + in->len : 0);

	if (!(in->flags & X86_INSN_MEM))
		return true;
	if (in->flags & X86_INSN_VSIB)
		return gen_good_gather(g, in);
	if (in->asize < 4 || (in->asize == 4 && in->base == X86_REG_RIP))
		return false;
	return disp == (s32)disp || (in->base == X86_REG_NONE && in->index == X86_REG_NONE);
}

/* AH..BH: rotated into a scratch register, and back when written. */
static bool good_high(const struct gen *g, const struct x86_insn *in)
{
	bool high = false;

	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++)
		high |= in->opnd[n].kind == X86_OPND_GPRH;
	if (!high)
		return true;
	return host_has(g, X86_FEAT_BMI2) && in->op != X86_OP_XCHG && in->op != X86_OP_XADD && in->op != X86_OP_CMPXCHG;
}

/*
 * Shifts whose CF, or whose result even, no manual defines, since they may go beyond their operand, are the interpreter's
 * if somebody may look.
 */
static bool good_shift(const struct jit_insn *i)
{
	const struct x86_insn *in = &i->in;
	bool imm = in->opnd[1].kind == X86_OPND_IMM;

	if (in->op == X86_OP_SHLD || in->op == X86_OP_SHRD)
		return in->opsize != 2;
	if ((in->op != X86_OP_SHL && in->op != X86_OP_SHR) || in->opnd[0].size >= 4 || !(i->live & X86_FL_CF))
		return true;
	return imm && (in->imm & 31) < in->opnd[0].size * 8u;
}

static enum plan plan_integer(struct gen *g, struct jit_insn *i)
{
	const struct x86_insn *in = &i->in;
	const struct x86_operand *m = mem_operand(in);

	if (!good_high(g, in))
		return PLAN_HELPER;
	switch (in->op) {
	case X86_OP_ADD: case X86_OP_OR: case X86_OP_ADC: case X86_OP_SBB: case X86_OP_AND: case X86_OP_SUB:
	case X86_OP_XOR: case X86_OP_CMP: case X86_OP_INC: case X86_OP_DEC: case X86_OP_NEG: case X86_OP_NOT:
	case X86_OP_TEST: case X86_OP_XCHG: case X86_OP_XADD:
	case X86_OP_ROL: case X86_OP_ROR: case X86_OP_RCL: case X86_OP_RCR: case X86_OP_SAR:
	case X86_OP_BSF: case X86_OP_BSR: case X86_OP_TZCNT: case X86_OP_LZCNT: case X86_OP_POPCNT: case X86_OP_BSWAP:
	case X86_OP_MOVSX: case X86_OP_MOVSXD: case X86_OP_MOVZX: case X86_OP_MOVBE: case X86_OP_MOVNTI:
	case X86_OP_ANDN: case X86_OP_BLSI: case X86_OP_BLSR: case X86_OP_BLSMSK: case X86_OP_BEXTR: case X86_OP_BZHI:
	case X86_OP_MULX: case X86_OP_PDEP: case X86_OP_PEXT: case X86_OP_RORX: case X86_OP_SARX: case X86_OP_SHLX:
	case X86_OP_SHRX: case X86_OP_ADCX: case X86_OP_ADOX: case X86_OP_CRC32:
	case X86_OP_LEA: case X86_OP_CBW: case X86_OP_CWD: case X86_OP_NOP: case X86_OP_PAUSE:
	case X86_OP_CLC: case X86_OP_STC: case X86_OP_CMC: case X86_OP_LAHF: case X86_OP_SAHF:
	case X86_OP_MFENCE: case X86_OP_LFENCE: case X86_OP_SFENCE:
	case X86_OP_PREFETCHT0: case X86_OP_PREFETCHT1: case X86_OP_PREFETCHT2: case X86_OP_PREFETCHNTA: case X86_OP_PREFETCHW: case X86_OP_PREFETCH:
		return PLAN_NATIVE;
	case X86_OP_SHL: case X86_OP_SHR: case X86_OP_SHLD: case X86_OP_SHRD:
		return good_shift(i) ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_MOV:
		for (unsigned n = 0; n < 2; n++)
			if (in->opnd[n].kind == X86_OPND_SEG || in->opnd[n].kind == X86_OPND_CR ||
			    in->opnd[n].kind == X86_OPND_DR)
				return PLAN_HELPER;
		return PLAN_NATIVE;
	case X86_OP_BT: case X86_OP_BTS: case X86_OP_BTR: case X86_OP_BTC:
		return m && in->opnd[1].kind == X86_OPND_GPR ? PLAN_HELPER : PLAN_NATIVE;
	case X86_OP_MUL: case X86_OP_IMUL: case X86_OP_DIV: case X86_OP_IDIV:
		/* with one operand: AH and the 16-bit pair are rare */
		return in->opnd[1].kind != X86_OPND_NONE || in->opnd[0].size >= 4 ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_CMPXCHG:
		return m ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_CMPXCHG8B: case X86_OP_CMPXCHG16B:
		return PLAN_NATIVE;
	case X86_OP_PUSH:
		return in->opsize == 8 && in->opnd[0].kind != X86_OPND_SEG ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_POP:
		return in->opsize == 8 && in->opnd[0].kind == X86_OPND_GPR ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_LEAVE:
		return in->opsize == 8 ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_RET:
		return in->imm < 0x7000 || in->opnd[0].kind == X86_OPND_NONE ? PLAN_NATIVE : PLAN_HELPER;
	case X86_OP_JMP: case X86_OP_CALL:
		return PLAN_NATIVE;
	case X86_OP_JCXZ: case X86_OP_LOOP:
		return PLAN_NATIVE;
	case X86_OP_MOVS: case X86_OP_STOS:
		return (in->prefixes & X86_PFX_REP) && in->asize == 8 && in->seg != X86_FS && in->seg != X86_GS ?
		       PLAN_NATIVE : PLAN_HELPER;
	default:
		if ((in->op >= X86_OP_JO && in->op <= X86_OP_JNLE) || (in->op >= X86_OP_SETO && in->op <= X86_OP_SETNLE) ||
		    (in->op >= X86_OP_CMOVO && in->op <= X86_OP_CMOVNLE))
			return PLAN_NATIVE;
		return PLAN_HELPER;
	}
}

/* Operands that recode.c can name. */
static bool vec_operands(const struct x86_insn *in)
{
	const struct x86_form *form = x86_insn_form(in);

	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++) {
		const struct x86_operand *o = &in->opnd[n];

		switch (o->kind) {
		case X86_OPND_NONE: case X86_OPND_GPR: case X86_OPND_MEM: case X86_OPND_XMM: case X86_OPND_YMM:
		case X86_OPND_IMM:
			break;
		default:
			return false;
		}
		if (o->kind == X86_OPND_GPR && o->reg == X86_RAX &&
		    x86_spec_infos[form->spec[n]].method == METHOD_GPR)
			return false;
		if (o->kind == X86_OPND_MEM && (!o->size || x86_spec_infos[form->spec[n]].method == METHOD_BASE))
			return false;
	}
	return true;
}

static bool vec_op(const struct x86_insn *in)
{
	switch (in->op) {
	case X86_OP_LDMXCSR: case X86_OP_VMASKMOVPS: case X86_OP_VMASKMOVPD:
	case X86_OP_VPMASKMOVD: case X86_OP_VPMASKMOVQ: case X86_OP_MASKMOVDQU: case X86_OP_PCMPESTRI:
	case X86_OP_PCMPESTRM:
		return false;
	default:
		return true;
	}
}

static bool x87_op(const struct x86_insn *in)
{
	switch (in->op) {
	case X86_OP_FLDENV: case X86_OP_FNSTENV: case X86_OP_FRSTOR: case X86_OP_FNSAVE:
	case X86_OP_FNENI: case X86_OP_FNDISI: case X86_OP_FNSETPM:
		return false;
	default:
		return true;
	}
}

/* With all exceptions masked the host's x87 does what the guest's would; none is ever pending. */
static enum plan plan_x87(struct gen *g, struct jit_insn *i)
{
	unsigned deny = g->t->mode >> JIT_MODE_DENY_SHIFT & 0xff;

	if (deny & (i->in.op == X86_OP_WAIT ? X86_DENY_WAIT_NM : X86_DENY_X87_NM))
		return PLAN_HELPER;
	return x87_op(&i->in) ? PLAN_X87 : PLAN_HELPER;
}

static enum plan plan_mmx(struct gen *g, struct jit_insn *i)
{
	const struct x86_insn *in = &i->in;
	unsigned deny = g->t->mode >> JIT_MODE_DENY_SHIFT & 0xff;
	/* these report in MXCSR even when they take their operand from memory */
	bool xmm = in->op == X86_OP_CVTPS2PI || in->op == X86_OP_CVTTPS2PI || in->op == X86_OP_CVTPD2PI ||
		   in->op == X86_OP_CVTTPD2PI;

	if (deny & (X86_DENY_MMX_UD | X86_DENY_SSE_NM))
		return PLAN_HELPER;
	for (unsigned n = 0; n < ARRAY_SIZE(in->opnd); n++) {
		const struct x86_operand *o = &in->opnd[n];

		xmm |= o->kind == X86_OPND_XMM;
		if (o->kind == X86_OPND_MEM &&
		    (!o->size || x86_spec_infos[x86_insn_form(in)->spec[n]].method == METHOD_BASE))
			return PLAN_HELPER;
	}
	if (xmm && ((deny & X86_DENY_SSE_UD) || (g->t->mode & JIT_MODE_FPTRAP)))
		return PLAN_HELPER;
	return xmm ? PLAN_VEC_X87 : PLAN_X87;
}

static enum plan plan_vector(struct gen *g, struct jit_insn *i)
{

	const struct x86_insn *in = &i->in;
	const struct x86_form *form = x86_insn_form(in);
	unsigned deny = g->t->mode >> JIT_MODE_DENY_SHIFT & 0xff;

	if (form->exc == X86_EXC_X87 || form->exc == X86_EXC_MMX || (form->flags & X86_FF_MMX)) {
		if (g->t->mode & JIT_MODE_X87TRAP)
			return PLAN_HELPER;
		return form->exc == X86_EXC_X87 ? plan_x87(g, i) : plan_mmx(g, i);
	}
	if (deny & (in->flags & X86_INSN_VEX ? X86_DENY_AVX_UD | X86_DENY_SSE_NM : X86_DENY_SSE_UD | X86_DENY_SSE_NM))
		return PLAN_HELPER;
	if ((in->flags & X86_INSN_VEX) && !host_has(g, X86_FEAT_AVX))
		return PLAN_HELPER;
	if ((form->exc == X86_EXC_2 || form->exc == X86_EXC_3 || form->exc == X86_EXC_11 || form->exc == X86_EXC_5) &&
	    (g->t->mode & JIT_MODE_FPTRAP))
		return PLAN_HELPER;
	return vec_op(in) && vec_operands(in) ? PLAN_VEC : PLAN_HELPER;
}

/* system.c's. STI at the end of a block holds interrupts for the next one: the handler's. */
static bool plan_system(const struct gen *g, const struct jit_insn *i)
{
	bool user = g->t->mode & X86_MODEF_CPL3;

	switch (i->in.op) {
	case X86_OP_PUSHF: return i->in.opsize == 8;
	case X86_OP_POPF: return i->in.opsize == 8 && !user;
	case X86_OP_STI: return !user && i != &g->t->insn[g->t->count - 1];
	case X86_OP_CLI: case X86_OP_SWAPGS: return !user;
	default: return false;
	}
}

enum plan gen_plan(struct gen *g, struct jit_insn *i)
{
	const struct x86_insn *in = &i->in;
	const struct x86_form *form = x86_insn_form(in);

	if (plan_system(g, i))
		return PLAN_NATIVE;
	if ((form->flags & (X86_FF_UD | X86_FF_CPL0 | X86_FF_CPL0_UD | X86_FF_IOPL | X86_FF_UMIP)) || !has_both(g, in) ||
	    !good_memory(g, i))
		return PLAN_HELPER;
	if (in->opnd[0].kind == X86_OPND_REL) {
		s64 off = (s64)i->off + in->len + (s64)in->imm;

		if (off != (s32)off || in->opsize != 8)
			return PLAN_HELPER;
	}
	if (form->exc == X86_EXC_NONE || form->exc == X86_EXC_13)
		return plan_integer(g, i);
	return plan_vector(g, i);
}
