// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a decoded instruction to its uop: a specialised handler where there
 * is one (hot_*.c), otherwise the general handler behind a frame that makes
 * the checks exec.h promises (features, privilege, CR0/CR4/XCR0 switches,
 * alignment) and says whether the block ends.
 */
#include "uop.h"

/* ---- frames around general handlers ---- */

static const struct x86_uop *frame_plain(struct x86_cpu *cpu, const struct x86_uop *u)
{
	u->exec(cpu, u->in);
	return u + 1;
}

static const struct x86_uop *frame_end(struct x86_cpu *cpu, const struct x86_uop *u)
{
	cpu->rip_next = (cpu->rip + u->off + u->len) & cpu->lin_mask;
	u->exec(cpu, u->in);
	return uop_goto_indirect(cpu, cpu->rip_next);
}

static void check_privilege(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned fl = x86_insn_form(in)->flags;

	if ((fl & X86_FF_CPL0_UD) && cpu->cpl)
		x86_raise_ud(cpu);
	if ((fl & X86_FF_CPL0) && cpu->cpl)
		x86_raise_gp(cpu, 0);
	if ((fl & X86_FF_UMIP) && cpu->cpl && (cpu->cr4 & CR4_UMIP))
		x86_raise_gp(cpu, 0);
}

static const struct x86_uop *frame_priv(struct x86_cpu *cpu, const struct x86_uop *u)
{
	check_privilege(cpu, u->in);
	u->exec(cpu, u->in);
	return u + 1;
}

static const struct x86_uop *frame_priv_end(struct x86_cpu *cpu, const struct x86_uop *u)
{
	check_privilege(cpu, u->in);
	return frame_end(cpu, u);
}

/* A misaligned address is found before a non-canonical one or one beyond the limit. */
static void check_align(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin;

	if (!(in->flags & X86_INSN_MEM))
		return;
	lin = x86_ea(cpu, in) + cpu->seg_base[in->seg];
	for (unsigned i = 0; i < ARRAY_SIZE(in->opnd); i++)
		if (in->opnd[i].kind == X86_OPND_MEM && (lin & (in->opnd[i].size - 1u)))
			x86_raise_gp(cpu, 0);
}

/* CVTPD2PI and CVTTPD2PI: a pending x87 exception goes first, and is the handler's. */
static void check_align_mmx(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (!(cpu->fpu.sw & 0x80))
		check_align(cpu, in);
}

static __cold __noreturn void raise_denied(struct x86_cpu *cpu, u8 ud)
{
	x86_raise(cpu, cpu->exec_deny & ud ? X86_EXC_UD : X86_EXC_NM);
}

#define FRAME_UNIT(name, ud, nm, body) \
static const struct x86_uop *name(struct x86_cpu *cpu, const struct x86_uop *u) \
{ \
	if (unlikely(cpu->exec_deny & ((ud) | (nm)))) \
		raise_denied(cpu, ud); \
	body \
	u->exec(cpu, u->in); \
	return u + 1; \
}

FRAME_UNIT(frame_x87, 0, X86_DENY_X87_NM, )
FRAME_UNIT(frame_wait, 0, X86_DENY_WAIT_NM, )
FRAME_UNIT(frame_mmx, X86_DENY_MMX_UD, X86_DENY_SSE_NM, )
FRAME_UNIT(frame_mmx_align, X86_DENY_MMX_UD, X86_DENY_SSE_NM, check_align_mmx(cpu, u->in);)
FRAME_UNIT(frame_sse, X86_DENY_SSE_UD, X86_DENY_SSE_NM, )
FRAME_UNIT(frame_sse_align, X86_DENY_SSE_UD, X86_DENY_SSE_NM, check_align(cpu, u->in);)
FRAME_UNIT(frame_avx, X86_DENY_AVX_UD, X86_DENY_SSE_NM, )
FRAME_UNIT(frame_avx_align, X86_DENY_AVX_UD, X86_DENY_SSE_NM, check_align(cpu, u->in);)

void predecode_sti_inside(struct x86_uop *u)
{
	u->fn = frame_plain;
	u->exec = sys_sti_inside;
}

/* ---- faults that are known when the bytes are seen ---- */

static const struct x86_uop *fault_ud(struct x86_cpu *cpu, const struct x86_uop *u)
{
	(void)u;
	x86_raise_ud(cpu);
}

static const struct x86_uop *fault_gp(struct x86_cpu *cpu, const struct x86_uop *u)
{
	(void)u;
	x86_raise_gp(cpu, 0);
}

void predecode_fault(struct x86_uop *u, int err, unsigned off)
{
	*u = (struct x86_uop){ .fn = err == -X86_DECODE_GP ? fault_gp : fault_ud, .off = (u16)off, .seg = X86_DS };
}

static const struct x86_uop *end_go_on(struct x86_cpu *cpu, const struct x86_uop *u)
{
	return uop_goto(cpu, (cpu->rip + u->off) & cpu->lin_mask, 1);
}

static const struct x86_uop *end_stop(struct x86_cpu *cpu, const struct x86_uop *u)
{
	cpu->rip = (cpu->rip + u->off) & cpu->lin_mask;
	cpu->icount++;
	return NULL;
}

void predecode_end(struct x86_uop *u, unsigned off, bool one)
{
	*u = (struct x86_uop){ .fn = one ? end_stop : end_go_on, .off = (u16)off, .seg = X86_DS };
}

/* ---- choice ---- */

static bool ends_block(const struct x86_insn *in)
{
	/* MOV to a segment or control register changes modes; port I/O may change the machine */
	if (in->op == X86_OP_MOV)
		return in->opnd[0].kind == X86_OPND_SEG || in->opnd[0].kind == X86_OPND_CR ||
		       in->opnd[0].kind == X86_OPND_DR;
	if (in->op == X86_OP_POP)
		return in->opnd[0].kind == X86_OPND_SEG;
	if (x86_op_info(in->op)->flags & X86_OPF_STRING)
		return in->prefixes & (X86_PFX_REP | X86_PFX_REPNE);
	switch (in->op) {
	case X86_OP_CLI:	/* these change what the next instructions do, not what they are */
	case X86_OP_CLAC:
	case X86_OP_STAC:
	case X86_OP_SWAPGS:
	case X86_OP_WRFSBASE:
	case X86_OP_WRGSBASE:
	case X86_OP_WRPKRU:
		return false;
	default:
		return x86_op_info(in->op)->ctl != X86_CTL_NONE;
	}
}

static x86_exec_fn find_exec(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const struct x86_form *form = x86_insn_form(in);
	const struct x86_system *sys = cpu->sys;
	bool prot = cpu->mode & X86_MODEF_PROT;

	if (form->feature == X86_FEAT_LZCNT && !sys->model.features[X86_FEAT_LZCNT])
		return sys->exec[X86_OP_BSR];
	if (in->op == X86_OP_TZCNT && !sys->model.features[X86_FEAT_BMI1])
		return sys->exec[X86_OP_BSF];
	if ((form->flags & X86_FF_UD) || (!prot && (form->flags & (X86_FF_PROT | X86_FF_VEX))))
		return NULL;
	if (form->feature != X86_FEAT_NONE && !sys->model.features[form->feature])
		return NULL;
	return in->flags & X86_INSN_VEX ? sys->exec_vex[in->op] : sys->exec[in->op];
}

static x86_uop_fn choose_frame(const struct x86_insn *in, bool ends)
{
	const struct x86_form *form = x86_insn_form(in);
	bool align = form->flags & X86_FF_ALIGN;

	switch (form->exc) {
	case X86_EXC_NONE:
	case X86_EXC_13:
		if (form->flags & (X86_FF_CPL0 | X86_FF_CPL0_UD | X86_FF_UMIP))
			return ends ? frame_priv_end : frame_priv;
		return ends ? frame_end : frame_plain;
	case X86_EXC_X87:
		return in->op == X86_OP_WAIT ? frame_wait : frame_x87;
	case X86_EXC_MMX:
		return align ? frame_mmx_align : frame_mmx;
	default:
		if (in->flags & X86_INSN_VEX)
			return align ? frame_avx_align : frame_avx;
		return align ? frame_sse_align : frame_sse;
	}
}

static bool hot_mode(u32 mode)
{
	if ((mode & X86_MODEF_SIZE) == X86_MODE_64)
		return true;
	return (mode & X86_MODEF_SIZE) == X86_MODE_32 && (mode & X86_MODEF_FLAT) && (mode & X86_MODEF_SS32);
}

/* Base, index, displacement of a memory operand for uea(). False: not expressible. */
static bool hot_memory(const struct x86_insn *in, struct x86_uop *u, u32 mode, unsigned off)
{
	bool long_mode = (mode & X86_MODEF_SIZE) == X86_MODE_64;
	s64 disp = in->disp;

	if (!(in->flags & X86_INSN_MEM)) {
		u->base = u->index = X86_REG_NONE;
		u->seg = X86_DS;
		return true;
	}
	if (in->asize != (long_mode ? 8 : 4) || (in->flags & X86_INSN_VSIB))
		return false;
	/* FS and GS are not flat, CS cannot be written */
	if (!long_mode && (in->seg == X86_FS || in->seg == X86_GS || in->seg == X86_CS))
		return false;
	if (in->base == X86_REG_RIP)
		disp += off + in->len;
	if (!long_mode)
		disp = (s32)disp;
	if (disp != (s32)disp)
		return false;
	u->base = in->base;
	u->index = in->index;
	u->scale = in->scale;
	u->seg = in->seg;
	u->disp = (s32)disp;
	return true;
}

static bool hot_try(const struct x86_insn *in, struct x86_uop *u, u32 mode, unsigned off)
{
	x86_uop_fn fn;

	if (!hot_mode(mode) || (in->prefixes & X86_PFX_LOCK) ||
	    !hot_memory(in, u, mode, off))
		return false;
	u->off = (u16)off;
	u->len = in->len;
	fn = hot_select(in, u, mode);
	if (!fn)
		return false;
	u->fn = fn;
	return true;
}

bool predecode_insn(struct x86_cpu *cpu, struct x86_uop *u, const struct x86_insn *in,
		    const struct x86_insn *keep, u32 mode, unsigned off)
{
	bool ends = ends_block(in);
	x86_exec_fn exec;

	*u = (struct x86_uop){ .off = (u16)off, .len = in->len };
	exec = find_exec(cpu, in);
	if (!exec) {
		predecode_fault(u, -X86_DECODE_UD, off);
		return true;
	}
	if (hot_try(in, u, mode, off))
		return ends;
	*u = (struct x86_uop){ .off = (u16)off, .len = in->len, .flags = UOP_GENERAL };
	u->exec = exec;
	u->in = keep;
	u->fn = choose_frame(in, ends);
	return ends;
}
