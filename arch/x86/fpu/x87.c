// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x87's exceptions and its control instructions: status and control
 * word, environment, save and restore. SDM vol. 1, chapter 8.
 */
#include <string.h>

#include "x87.h"

void x87_pending(struct x86_cpu *cpu)
{
	const struct x86_platform *pf = cpu->platform;

	if (cpu->cr0 & (1u << 5))	/* NE */
		x86_raise(cpu, X86_EXC_MF);
	if (pf && pf->ops->ferr)
		pf->ops->ferr(pf->ctx, cpu);
}

void x87_begin(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	if (unlikely(cpu->fpu.sw & X87_ES))
		x87_pending(cpu);
	cpu->fpu.fip = x86_cur_rip(cpu);
	cpu->fpu.fcs = 0;	/* deprecated, as CPUID.7.0:EBX[13] tells */
}

/* The opcode and operand address are recorded for unmasked exceptions only (CPUID.7.0:EBX[6]). */
static void record_operand(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 escape = (u8)(x86_form_opcode(x86_insn_form(in)) >> 3);

	cpu->fpu.fop = (u16)(escape << 8 | in->modrm);
	if (in->flags & X86_INSN_MEM)
		cpu->fpu.fdp = x86_ea(cpu, in);
	cpu->fpu.fds = 0;
}

bool x87_report(struct x86_cpu *cpu, const struct x86_insn *in, u32 flags, bool c1)
{
	u32 unmasked = flags & ~cpu->fpu.cw & SF_ALL;

	if (unlikely(unmasked & SF_PRE)) {
		flags &= SF_PRE | X87_SF;
		if (!(flags & X87_SF))
			c1 = false;
	}
	cpu->fpu.sw = (u16)((cpu->fpu.sw & ~X87_C1) | flags | (c1 ? X87_C1 : 0));
	if (likely(!unmasked))
		return true;
	cpu->fpu.sw |= X87_ES | X87_B;
	record_operand(cpu, in);
	return !(unmasked & SF_PRE);
}

bool x87_underflow(struct x86_cpu *cpu, const struct x86_insn *in)
{
	return x87_report(cpu, in, SF_IE | X87_SF, false);
}

bool x87_overflow(struct x86_cpu *cpu, const struct x86_insn *in)
{
	return x87_report(cpu, in, SF_IE | X87_SF, true);
}

void x87_update_es(struct x86_cpu *cpu)
{
	if (cpu->fpu.sw & ~cpu->fpu.cw & SF_ALL)
		cpu->fpu.sw |= X87_ES | X87_B;
	else
		cpu->fpu.sw &= (u16)~(X87_ES | X87_B);
}

u16 x87_tag_word(const struct x86_cpu *cpu)
{
	u16 tw = 0;

	for (unsigned i = 0; i < 8; i++) {
		const struct x86_f80 *r = &cpu->fpu.st[i];
		unsigned e = r->se & 0x7fff, tag = 0;

		if (!(cpu->fpu.valid >> i & 1))
			tag = 3;
		else if (!e && !r->man)
			tag = 1;
		else if (!e || e == 0x7fff || !(r->man >> 63))
			tag = 2;
		tw |= (u16)(tag << 2 * i);
	}
	return tw;
}

void x87_init(struct x86_cpu *cpu)
{
	struct x86_fpu *f = &cpu->fpu;

	f->cw = 0x37f;
	f->sw = 0;
	f->valid = 0;
	f->fop = f->fcs = f->fds = 0;
	f->fip = f->fdp = 0;
}

static void fninit(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	x87_init(cpu);
}

static void fnclex(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	cpu->fpu.sw &= (u16)~(X87_B | X87_ES | X87_SF | SF_ALL);
}

static void fnop(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x87_begin(cpu, in);
}

/* FENI, FDISI, FSETPM: 8087 and 80287 instructions, ignored. */
static void fignored(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)cpu;
	(void)in;
}

static void fwait(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	if (cpu->fpu.sw & X87_ES)
		x87_pending(cpu);
}

static void fldcw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 cw;

	if (cpu->fpu.sw & X87_ES)
		x87_pending(cpu);
	cw = (u16)x86_get_operand(cpu, in, 0);
	cpu->fpu.cw = (u16)((cw & 0x1f3f) | 0x40);
	x87_update_es(cpu);
}

static void fnstcw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, cpu->fpu.cw);
}

static void fnstsw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, cpu->fpu.sw);
}

static bool real_format(const struct x86_cpu *cpu)
{
	return !(cpu->mode & X86_MODEF_PROT);
}

static void put16(u8 *p, u16 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
}

static void put32(u8 *p, u32 v)
{
	put16(p, (u16)v);
	put16(p + 2, (u16)(v >> 16));
}

static u16 get16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static u32 get32(const u8 *p)
{
	return get16(p) | (u32)get16(p + 2) << 16;
}

/* The four layouts of SDM vol. 1, figures 8-9 to 8-12. Returns the size. */
static unsigned env_store(struct x86_cpu *cpu, const struct x86_insn *in, u8 *e)
{
	const struct x86_fpu *f = &cpu->fpu;
	u32 ip = (u32)f->fip, dp = (u32)f->fdp;
	u16 words[3] = { f->cw, f->sw, x87_tag_word(cpu) };

	if (in->opsize == 2) {
		for (unsigned i = 0; i < 3; i++)
			put16(e + 2 * i, words[i]);
		put16(e + 6, (u16)ip);
		put16(e + 8, real_format(cpu) ? (u16)((ip >> 4 & 0xf000) | f->fop) : f->fcs);
		put16(e + 10, (u16)dp);
		put16(e + 12, real_format(cpu) ? (u16)(dp >> 4 & 0xf000) : f->fds);
		return 14;
	}
	for (unsigned i = 0; i < 3; i++)
		put32(e + 4 * i, words[i] | 0xffff0000);
	if (real_format(cpu)) {
		put32(e + 12, (ip & 0xffff) | 0xffff0000);
		put32(e + 16, (ip >> 16) << 12 | f->fop);
		put32(e + 20, (dp & 0xffff) | 0xffff0000);
		put32(e + 24, (dp >> 16) << 12);
	} else {
		put32(e + 12, ip);
		put32(e + 16, f->fcs | (u32)f->fop << 16);
		put32(e + 20, dp);
		put32(e + 24, f->fds | 0xffff0000);
	}
	return 28;
}

static void load_words(struct x86_cpu *cpu, u16 cw, u16 sw, u16 tw)
{
	cpu->fpu.cw = (u16)((cw & 0x1f3f) | 0x40);
	cpu->fpu.sw = sw;
	cpu->fpu.valid = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((tw >> 2 * i & 3) != 3)
			cpu->fpu.valid |= (u8)(1u << i);
	x87_update_es(cpu);
}

static void env_load(struct x86_cpu *cpu, const struct x86_insn *in, const u8 *e)
{
	struct x86_fpu *f = &cpu->fpu;

	f->fcs = f->fds = 0;
	if (in->opsize == 2) {
		load_words(cpu, get16(e), get16(e + 2), get16(e + 4));
		f->fip = get16(e + 6);
		f->fdp = get16(e + 10);
		if (real_format(cpu)) {
			f->fip |= (get16(e + 8) & 0xf000u) << 4;
			f->fdp |= (get16(e + 12) & 0xf000u) << 4;
			f->fop = get16(e + 8) & 0x7ff;
		}
		return;
	}
	load_words(cpu, get16(e), get16(e + 4), get16(e + 8));
	if (real_format(cpu)) {
		f->fip = get16(e + 12) | (get32(e + 16) & 0x0ffff000u) << 4;
		f->fdp = get16(e + 20) | (get32(e + 24) & 0x0ffff000u) << 4;
		f->fop = get16(e + 16) & 0x7ff;
	} else {
		f->fip = get32(e + 12);
		f->fdp = get32(e + 20);
		f->fop = get16(e + 18) & 0x7ff;
	}
}

static unsigned env_size(const struct x86_insn *in)
{
	return in->opsize == 2 ? 14 : 28;
}

static void fnstenv(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin = x86_mem(cpu, in, env_size(in), X86_WRITE);
	u8 e[28];

	x86_st_block(cpu, lin, e, env_store(cpu, in, e));
	cpu->fpu.cw |= SF_ALL;
	x87_update_es(cpu);
}

static void fldenv(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u8 e[28];

	if (cpu->fpu.sw & X87_ES)
		x87_pending(cpu);
	x86_ld_block(cpu, x86_mem(cpu, in, env_size(in), X86_READ), e, env_size(in));
	env_load(cpu, in, e);
}

static void fnsave(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = env_size(in);
	u64 lin = x86_mem(cpu, in, n + 80, X86_WRITE);
	u8 area[28 + 80];

	env_store(cpu, in, area);
	for (unsigned i = 0; i < 8; i++, n += 10) {
		struct f80 v = x87_get(cpu, i);

		memcpy(area + n, &v.sig, 8);
		memcpy(area + n + 8, &v.se, 2);
	}
	x86_st_block(cpu, lin, area, n);
	x87_init(cpu);
}

static void frstor(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned n = env_size(in);
	u8 area[28 + 80];

	if (cpu->fpu.sw & X87_ES)
		x87_pending(cpu);
	x86_ld_block(cpu, x86_mem(cpu, in, n + 80, X86_READ), area, n + 80);
	env_load(cpu, in, area);
	for (unsigned i = 0; i < 8; i++, n += 10) {
		struct x86_f80 *r = &cpu->fpu.st[x87_phys(cpu, i)];

		memcpy(&r->man, area + n, 8);
		memcpy(&r->se, area + n + 8, 2);
	}
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_FNINIT, fninit, NULL }, { X86_OP_FNCLEX, fnclex, NULL }, { X86_OP_FNOP, fnop, NULL },
	{ X86_OP_FNENI, fignored, NULL }, { X86_OP_FNDISI, fignored, NULL }, { X86_OP_FNSETPM, fignored, NULL },
	{ X86_OP_WAIT, fwait, NULL }, { X86_OP_FLDCW, fldcw, NULL }, { X86_OP_FNSTCW, fnstcw, NULL },
	{ X86_OP_FNSTSW, fnstsw, NULL }, { X86_OP_FNSTENV, fnstenv, NULL }, { X86_OP_FLDENV, fldenv, NULL },
	{ X86_OP_FNSAVE, fnsave, NULL }, { X86_OP_FRSTOR, frstor, NULL },
};
static const struct x86_exec_set x87_control = X86_EXEC_SET(entries);
REGISTER(x86_exec, x87_control);
