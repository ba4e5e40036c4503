// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * String instructions. A repeated one updates rCX, rSI and rDI at every
 * iteration, so faults and interrupts restart it where it stopped. MOVS,
 * STOS, SCAS and CMPS go by whole page pieces when both sides are plain memory.
 */
#include "general.h"

struct string {
	struct x86_cpu *cpu;
	const struct x86_insn *in;
	unsigned size;		/* of an element */
	s64 step;
};

static struct string string_begin(struct x86_cpu *cpu, const struct x86_insn *in)
{
	struct string s = { .cpu = cpu, .in = in };

	for (unsigned i = 0; i < ARRAY_SIZE(in->opnd); i++)
		if (in->opnd[i].kind == X86_OPND_STRSRC || in->opnd[i].kind == X86_OPND_STRDST)
			s.size = in->opnd[i].size;
	s.step = cpu->eflags & X86_FL_DF ? -(s64)s.size : (s64)s.size;
	return s;
}

static u64 src_linear(const struct string *s, int access)
{
	return x86_seg_linear(s->cpu, s->in->seg, x86_get_reg(s->cpu, X86_RSI, s->in->asize), s->size, access);
}

static u64 dst_linear(const struct string *s, int access)
{
	return x86_seg_linear(s->cpu, X86_ES, x86_get_reg(s->cpu, X86_RDI, s->in->asize), s->size, access);
}

static void advance(const struct string *s, unsigned reg, u64 elements)
{
	x86_set_reg(s->cpu, reg, s->in->asize, s->cpu->gpr[reg] + (u64)s->step * elements);
}

/* ---- one element ---- */

static void one_movs(const struct string *s)
{
	u64 v = x86_ld(s->cpu, src_linear(s, X86_READ), s->size);

	x86_st(s->cpu, dst_linear(s, X86_WRITE), s->size, v);
	advance(s, X86_RSI, 1);
	advance(s, X86_RDI, 1);
}

static void one_stos(const struct string *s)
{
	x86_st(s->cpu, dst_linear(s, X86_WRITE), s->size, s->cpu->gpr[X86_RAX]);
	advance(s, X86_RDI, 1);
}

static void one_lods(const struct string *s)
{
	u64 v = x86_ld(s->cpu, src_linear(s, X86_READ), s->size);

	x86_set_reg(s->cpu, X86_RAX, s->size, v);
	advance(s, X86_RSI, 1);
}

static void compare(struct x86_cpu *cpu, u64 a, u64 b, unsigned size)
{
	fl_sub(cpu, a, b, zext(a - b, size * 8), size * 8);
}

static void one_cmps(const struct string *s)
{
	u64 b = x86_ld(s->cpu, dst_linear(s, X86_READ), s->size);	/* faults first */
	u64 a = x86_ld(s->cpu, src_linear(s, X86_READ), s->size);

	compare(s->cpu, a, b, s->size);
	advance(s, X86_RSI, 1);
	advance(s, X86_RDI, 1);
}

static void one_scas(const struct string *s)
{
	u64 b = x86_ld(s->cpu, dst_linear(s, X86_READ), s->size);

	compare(s->cpu, zext(s->cpu->gpr[X86_RAX], s->size * 8), b, s->size);
	advance(s, X86_RDI, 1);
}

static void one_ins(const struct string *s)
{
	u64 lin = dst_linear(s, X86_WRITE);

	x86_probe(s->cpu, lin, s->size, X86_WRITE);
	x86_st(s->cpu, lin, s->size, sys_io_read(s->cpu, (u16)s->cpu->gpr[X86_RDX], s->size));
	advance(s, X86_RDI, 1);
}

static void one_outs(const struct string *s)
{
	u64 v = x86_ld(s->cpu, src_linear(s, X86_READ), s->size);

	sys_io_write(s->cpu, (u16)s->cpu->gpr[X86_RDX], (u32)v, s->size);
	advance(s, X86_RSI, 1);
}

/* ---- whole pieces of pages ---- */

static bool flat_addressing(const struct string *s, enum x86_seg seg)
{
	if (x86_in_64bit(s->cpu))
		return s->in->asize == 8;
	return (s->cpu->mode & X86_MODEF_FLAT) && s->in->asize == 4 && seg < X86_FS;
}

static u64 room_in_page(u64 lin)
{
	return 4096 - (lin & X86_PAGE_MASK);
}

/* Host address when the first TLB level has the page, else NULL. */
static u8 *fast_read(struct x86_cpu *cpu, u64 lin)
{
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin);

	return x86_tlb_hit(cpu, e, lin, 1) ? (u8 *)(uintptr_t)(lin + e->addend) : NULL;
}

static u8 *fast_write(struct x86_cpu *cpu, u64 lin)
{
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin);

	return x86_tlb_hit(cpu, e, lin, 1) ? (u8 *)(uintptr_t)(lin + e->addend) : NULL;
}

/* Elements done, 0: take the slow way. Never more than count. */
static u64 piece_movs(const struct string *s, u64 count)
{
	u64 src, dst, n;
	u8 *from, *to;

	if (s->step < 0 || !flat_addressing(s, s->in->seg))
		return 0;
	src = (s->cpu->gpr[X86_RSI] + s->cpu->seg_base[s->in->seg]) & s->cpu->lin_mask;
	dst = s->cpu->gpr[X86_RDI] & s->cpu->lin_mask;
	n = MIN(room_in_page(src), room_in_page(dst)) / s->size;
	n = MIN(count, n);
	from = fast_read(s->cpu, src);
	to = fast_write(s->cpu, dst);
	/* a destination just ahead of the source repeats a pattern: element by element */
	if (!n || !from || !to || (to > from && to < from + n * s->size))
		return 0;
	__builtin_memmove(to, from, n * s->size);
	advance(s, X86_RSI, n);
	advance(s, X86_RDI, n);
	return n;
}

static void fill(u8 *to, u64 val, unsigned size, u64 n)
{
	if (size == 1) {
		__builtin_memset(to, (u8)val, n);
		return;
	}
	for (u64 i = 0; i < n; i++)
		__builtin_memcpy(to + i * size, &val, size);
}

static u64 piece_stos(const struct string *s, u64 count)
{
	u64 dst, n;
	u8 *to;

	if (s->step < 0 || !flat_addressing(s, X86_ES))
		return 0;
	dst = s->cpu->gpr[X86_RDI] & s->cpu->lin_mask;
	n = MIN(count, room_in_page(dst) / s->size);
	to = fast_write(s->cpu, dst);
	if (!n || !to)
		return 0;
	fill(to, s->cpu->gpr[X86_RAX], s->size, n);
	advance(s, X86_RDI, n);
	return n;
}

static u64 element(const u8 *p, unsigned size)
{
	u64 v = 0;

	__builtin_memcpy(&v, p, size);
	return v;
}

/* Stops behind the element that ends it; the flags are that one's, or the last one's. */
static u64 piece_scas(const struct string *s, u64 count)
{
	u64 want = zext(s->cpu->gpr[X86_RAX], s->size * 8), v = 0, dst, n, i;
	bool equal = s->in->prefixes & X86_PFX_REP;
	const u8 *p;

	if (s->step < 0 || !flat_addressing(s, X86_ES))
		return 0;
	dst = s->cpu->gpr[X86_RDI] & s->cpu->lin_mask;
	n = MIN(count, room_in_page(dst) / s->size);
	p = fast_read(s->cpu, dst);
	if (!n || !p)
		return 0;
	if (s->size == 1 && !equal) {
		const u8 *at = __builtin_memchr(p, (int)want, n);

		i = at ? (u64)(at - p) + 1 : n;
		v = p[i - 1];
	} else {
		for (i = 0; i < n; i++) {
			v = element(p + i * s->size, s->size);
			if ((v == want) != equal) {
				i++;
				break;
			}
		}
	}
	compare(s->cpu, want, v, s->size);
	advance(s, X86_RDI, i);
	return i;
}

static u64 piece_cmps(const struct string *s, u64 count)
{
	bool equal = s->in->prefixes & X86_PFX_REP;
	u64 src, dst, n, i, a = 0, b = 0;
	const u8 *p, *q;

	if (s->step < 0 || !flat_addressing(s, s->in->seg))
		return 0;
	src = (s->cpu->gpr[X86_RSI] + s->cpu->seg_base[s->in->seg]) & s->cpu->lin_mask;
	dst = s->cpu->gpr[X86_RDI] & s->cpu->lin_mask;
	n = MIN(room_in_page(src), room_in_page(dst)) / s->size;
	n = MIN(count, n);
	p = fast_read(s->cpu, src);
	q = fast_read(s->cpu, dst);
	if (!n || !p || !q)
		return 0;
	for (i = 0; i < n; i++) {
		a = element(p + i * s->size, s->size);
		b = element(q + i * s->size, s->size);
		if ((a == b) != equal) {
			i++;
			break;
		}
	}
	compare(s->cpu, a, b, s->size);
	advance(s, X86_RSI, i);
	advance(s, X86_RDI, i);
	return i;
}

/* ---- repetition ---- */

typedef void (*one_fn)(const struct string *s);
typedef u64 (*piece_fn)(const struct string *s, u64 count);

/* CMPS and SCAS end on ZF; others do not look at it. */
static bool repeat_ends(const struct string *s, bool compares)
{
	return compares && x86_zf(s->cpu) != !!(s->in->prefixes & X86_PFX_REP);
}

static bool must_leave(const struct x86_cpu *cpu)
{
	return atomic_load_explicit(&cpu->attn, memory_order_relaxed) || (cpu->eflags & X86_FL_TF) ||
	       drx_data_armed(cpu) || cpu->mmu->align || cpu->dbg.step;
}

/*
 * 67 clears bits 63-32 of rCX. Intel's processors clear those of the pointers
 * of MOVS and STOS too, and of no other instruction.
 */
static void no_iteration(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_set_reg(cpu, X86_RCX, in->asize, 0);
	if (cpu->sys->model.vendor[0] != 'G' || in->asize != 4 || (in->op != X86_OP_MOVS && in->op != X86_OP_STOS))
		return;
	x86_set_reg(cpu, X86_RDI, 4, cpu->gpr[X86_RDI]);
	if (in->op == X86_OP_MOVS)
		x86_set_reg(cpu, X86_RSI, 4, cpu->gpr[X86_RSI]);
}

static void run(struct x86_cpu *cpu, const struct x86_insn *in, one_fn one, piece_fn piece, bool compares)
{
	struct string s = string_begin(cpu, in);
	u64 fl_res = cpu->fl_res, fl_aux = cpu->fl_aux;

	if (!(in->prefixes & (X86_PFX_REP | X86_PFX_REPNE))) {
		one(&s);
		return;
	}
	for (;;) {
		u64 count = x86_get_reg(cpu, X86_RCX, in->asize), done;

		if (!count) {
			no_iteration(cpu, in);
			return;
		}
		/* An iteration that faults leaves the flags of before the instruction. */
		cpu->fl_res = fl_res;
		cpu->fl_aux = fl_aux;
		done = piece ? piece(&s, count) : 0;
		if (!done) {
			one(&s);
			done = 1;
		}
		x86_set_reg(cpu, X86_RCX, in->asize, count - done);
		if (repeat_ends(&s, compares))
			return;
		if (count != done && must_leave(cpu)) {
			cpu->fl_res = fl_res;
			cpu->fl_aux = fl_aux;
			cpu->rip_next = x86_cur_rip(cpu);
			return;
		}
	}
}

static void x_movs(struct x86_cpu *cpu, const struct x86_insn *in) { run(cpu, in, one_movs, piece_movs, false); }
static void x_stos(struct x86_cpu *cpu, const struct x86_insn *in) { run(cpu, in, one_stos, piece_stos, false); }
static void x_lods(struct x86_cpu *cpu, const struct x86_insn *in) { run(cpu, in, one_lods, NULL, false); }
static void x_cmps(struct x86_cpu *cpu, const struct x86_insn *in) { run(cpu, in, one_cmps, piece_cmps, true); }
static void x_scas(struct x86_cpu *cpu, const struct x86_insn *in) { run(cpu, in, one_scas, piece_scas, true); }

static void x_ins(struct x86_cpu *cpu, const struct x86_insn *in)
{
	sys_io_check(cpu, (u16)cpu->gpr[X86_RDX], string_begin(cpu, in).size);
	run(cpu, in, one_ins, NULL, false);
}

static void x_outs(struct x86_cpu *cpu, const struct x86_insn *in)
{
	sys_io_check(cpu, (u16)cpu->gpr[X86_RDX], string_begin(cpu, in).size);
	run(cpu, in, one_outs, NULL, false);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_MOVS, x_movs, NULL }, { X86_OP_STOS, x_stos, NULL }, { X86_OP_LODS, x_lods, NULL },
	{ X86_OP_CMPS, x_cmps, NULL }, { X86_OP_SCAS, x_scas, NULL }, { X86_OP_INS, x_ins, NULL },
	{ X86_OP_OUTS, x_outs, NULL },
};
EXEC_REGISTER(x86_string_ops, entries);
