// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptor table registers and the instructions that look at descriptors: LGDT ... LTR, LAR, LSL, VERR, VERW, ARPL. */
#include "../priv.h"
#include "../interp/general.h"

static unsigned base_size(const struct x86_cpu *cpu)
{
	return x86_in_64bit(cpu) ? 8 : 4;
}

static void store_table(struct x86_cpu *cpu, const struct x86_insn *in, const struct x86_dtable *t)
{
	unsigned n = base_size(cpu);
	u8 buf[10];

	__builtin_memcpy(buf, &t->limit, 2);
	__builtin_memcpy(buf + 2, &t->base, 8);
	x86_st_block(cpu, x86_mem(cpu, in, 2 + n, X86_WRITE), buf, 2 + n);
}

static void load_table(struct x86_cpu *cpu, const struct x86_insn *in, struct x86_dtable *t)
{
	unsigned n = base_size(cpu);
	u64 lin = x86_mem(cpu, in, 2 + n, X86_READ);
	u16 limit = x86_ld16(cpu, lin);
	u64 base = x86_ld(cpu, lin + 2, n);

	if (n == 8 && !x86_canonical_base(cpu, base))
		x86_raise_gp(cpu, 0);
	if (in->opsize == 2 && n == 4)
		base &= 0xffffff;
	t->limit = limit;
	t->base = base;
}

static void x_sgdt(struct x86_cpu *cpu, const struct x86_insn *in) { store_table(cpu, in, &cpu->gdt); }
static void x_sidt(struct x86_cpu *cpu, const struct x86_insn *in) { store_table(cpu, in, &cpu->idt); }
static void x_lgdt(struct x86_cpu *cpu, const struct x86_insn *in) { load_table(cpu, in, &cpu->gdt); }
static void x_lidt(struct x86_cpu *cpu, const struct x86_insn *in) { load_table(cpu, in, &cpu->idt); }

static void x_sldt(struct x86_cpu *cpu, const struct x86_insn *in) { x86_put_operand(cpu, in, 0, cpu->ldt.sel); }
static void x_str(struct x86_cpu *cpu, const struct x86_insn *in) { x86_put_operand(cpu, in, 0, cpu->tr.sel); }

static void x_lldt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	sys_load_ldt(cpu, (u16)x86_get_operand(cpu, in, 0), false);
}

static void x_ltr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)x86_get_operand(cpu, in, 0);
	struct sys_desc d;
	unsigned type;

	if (!(sel & ~3))
		x86_raise_gp(cpu, 0);
	if ((sel & 4) || sys_desc_read_system(cpu, sel, &d))
		x86_raise_gp(cpu, sel & ~3u);
	type = d.attr & 0x1f;
	if (type != 9 && (type != 1 || sys_lma(cpu)))
		x86_raise_gp(cpu, sel & ~3u);
	if (!(d.attr & X86_ATTR_P))
		x86_raise_err(cpu, X86_EXC_NP, sel & ~3u);
	if (!x86_canonical_base(cpu, d.base))
		x86_raise_gp(cpu, sel & ~3u);
	x86_st_sys(cpu, d.addr + 5, (u8)((d.hi >> 8) | 2), 1);
	cpu->tr = (struct x86_segment){ .base = d.base, .limit = d.limit, .sel = sel, .attr = d.attr | 2 };
}

static void set_zf(struct x86_cpu *cpu, bool zf)
{
	u32 fl = x86_arith(cpu) & ~X86_FL_ZF;

	x86_set_arith(cpu, fl | (zf ? X86_FL_ZF : 0));
}

/* Is the descriptor visible from CPL and the selector's RPL, and of a type that the instruction knows? */
static bool visible(struct x86_cpu *cpu, u16 sel, struct sys_desc *d, bool lsl)
{
	static const u16 lar_types = 0x1a3e, lsl_types = 0x0a0e;	/* 1-5, 9, 11, 12 and 1-3, 9, 11 */
	static const u16 lar_long = 0x1a04, lsl_long = 0x0a04;		/* 2, 9, 11, 12 and 2, 9, 11 */
	unsigned type, dpl;

	if (!(sel & ~3) || sys_desc_read(cpu, sel, d))
		return false;
	type = d->attr & 0xf;
	dpl = (d->attr >> 5) & 3;
	if (d->attr & X86_ATTR_S) {
		if ((d->attr & (X86_ATTR_CODE | X86_ATTR_CE)) == (X86_ATTR_CODE | X86_ATTR_CE))
			return true;
	} else {
		u16 mask = sys_lma(cpu) ? (lsl ? lsl_long : lar_long) : lsl ? lsl_types : lar_types;

		if (!((mask >> type) & 1))
			return false;
	}
	return cpu->cpl <= dpl && (sel & 3u) <= dpl;
}

static void x_lar(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct sys_desc d;
	bool ok = visible(cpu, (u16)x86_get_operand(cpu, in, 1), &d, false);

	if (ok)
		x86_put_operand(cpu, in, 0, d.hi & (in->opsize == 2 ? 0xff00 : 0xffff00));
	set_zf(cpu, ok);
}

static void x_lsl(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct sys_desc d;
	bool ok = visible(cpu, (u16)x86_get_operand(cpu, in, 1), &d, true);

	if (ok)
		x86_put_operand(cpu, in, 0, d.limit);
	set_zf(cpu, ok);
}

static bool verify(struct x86_cpu *cpu, u16 sel, bool write)
{
	struct sys_desc d;
	unsigned dpl;

	if (!(sel & ~3) || sys_desc_read(cpu, sel, &d) || !(d.attr & X86_ATTR_S))
		return false;
	dpl = (d.attr >> 5) & 3;
	bool hidden = cpu->cpl > dpl || (sel & 3u) > dpl;
	if (d.attr & X86_ATTR_CODE) {
		if (write || !(d.attr & X86_ATTR_RW))
			return false;
		return (d.attr & X86_ATTR_CE) || !hidden;
	}
	return !hidden && (!write || (d.attr & X86_ATTR_RW));
}

static void x_verr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)x86_get_operand(cpu, in, 0);

	set_zf(cpu, verify(cpu, sel, false));
}

static void x_verw(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)x86_get_operand(cpu, in, 0);

	set_zf(cpu, verify(cpu, sel, true));
}

static void x_arpl(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 src = x86_get_operand(cpu, in, 1), dst = x86_get_operand(cpu, in, 0);
	bool raise = (dst & 3) < (src & 3);

	if (raise)
		x86_put_operand(cpu, in, 0, (dst & ~3ULL) | (src & 3));
	set_zf(cpu, raise);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_SGDT, x_sgdt, NULL }, { X86_OP_SIDT, x_sidt, NULL }, { X86_OP_LGDT, x_lgdt, NULL },
	{ X86_OP_LIDT, x_lidt, NULL }, { X86_OP_SLDT, x_sldt, NULL }, { X86_OP_STR, x_str, NULL },
	{ X86_OP_LLDT, x_lldt, NULL }, { X86_OP_LTR, x_ltr, NULL }, { X86_OP_LAR, x_lar, NULL },
	{ X86_OP_LSL, x_lsl, NULL }, { X86_OP_VERR, x_verr, NULL }, { X86_OP_VERW, x_verw, NULL },
	{ X86_OP_ARPL, x_arpl, NULL },
};
EXEC_REGISTER(x86_desc_ops, entries);
