// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What two results of one case may differ in: flags and values that the SDM
 * leaves undefined, the approximations whose error it only bounds, and the
 * x87 pointers that processors stopped keeping. Everything else is a difference.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "oracle.h"

#define USER_END 0x7ffffffff000

struct cmp {
	const struct oracle_case *c;
	const struct oracle_result *n, *g;
	char *text;
	size_t size, used;
	unsigned diffs;
};

static __printf(2, 3) void differ(struct cmp *m, const char *fmt, ...)
{
	va_list ap;
	int k;

	m->diffs++;
	va_start(ap, fmt);
	k = vsnprintf(m->text + m->used, m->size - m->used, fmt, ap);
	va_end(ap);
	m->used = MIN(m->used + (size_t)MAX(k, 0), m->size - 1);
}

/* The masked shift or rotate count of a case, or -1. */
static int shift_count(const struct oracle_case *c)
{
	const struct x86_insn *i = &c->insn;
	unsigned last = i->op == X86_OP_SHLD || i->op == X86_OP_SHRD ? 2 : 1;
	u64 v = i->opnd[last].kind == X86_OPND_IMM ? i->imm : c->in.gpr[X86_RCX];

	switch (i->op) {
	case X86_OP_SHL: case X86_OP_SHR: case X86_OP_SAR: case X86_OP_ROL: case X86_OP_ROR:
	case X86_OP_RCL: case X86_OP_RCR: case X86_OP_SHLD: case X86_OP_SHRD:
		return (int)(v & (i->opnd[0].size == 8 ? 63 : 31));
	default:
		return -1;
	}
}

/* Flags without a defined value after this case. */
static u32 undefined_flags(const struct cmp *m)
{
	const struct x86_insn *i = &m->c->insn;
	u32 undef = x86_op_info(i->op)->fl_undef;
	int count = shift_count(m->c);
	unsigned bits = i->opnd[0].size * 8u;

	if (m->n->trap != ORACLE_DONE && i->op != X86_OP_DIV && i->op != X86_OP_IDIV)
		return 0;
	if (count < 0)
		return undef;
	if (count == 0)
		return 0;
	if (count == 1)
		undef &= ~X86_FL_OF;
	/* Beyond the operand's width: SHL and SHR lose CF, double shifts everything. */
	if ((unsigned)count >= bits && (i->op == X86_OP_SHL || i->op == X86_OP_SHR))
		undef |= X86_FL_CF;
	if ((unsigned)count > bits && (i->op == X86_OP_SHLD || i->op == X86_OP_SHRD))
		undef |= X86_FL_ARITH;
	return undef;
}

/* The destination itself is undefined. */
static bool result_undefined(const struct cmp *m)
{
	const struct x86_insn *i = &m->c->insn;

	return (i->op == X86_OP_SHLD || i->op == X86_OP_SHRD) && shift_count(m->c) > i->opnd[0].size * 8;
}

static void compare_flags(struct cmp *m)
{
	u32 mask = (X86_FL_ARITH | X86_FL_DF | X86_FL_AC) & ~undefined_flags(m);
	u64 n = m->n->out.rflags & mask, g = m->g->out.rflags & mask;

	if (n != g)
		differ(m, "  flags: native %05llx guest %05llx (in %05llx)\n", n, g, m->c->in.rflags);
}

static void compare_gprs(struct cmp *m)
{
	static const char names[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
	bool wide = m->c->mode == X86_MODE_64;

	for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
		u64 n = m->n->out.gpr[i], g = m->g->out.gpr[i];

		/* A string instruction that faults may have cleared the upper halves before. */
		if (m->n->trap != ORACLE_DONE && m->c->insn.asize == 4 &&
		    (x86_op_info(m->c->insn.op)->flags & X86_OPF_STRING) && (u32)n == (u32)g)
			continue;
		if (wide ? n != g : (u32)n != (u32)g)
			differ(m, "  %s: native %016llx guest %016llx (in %016llx)\n", names[i], n, g, m->c->in.gpr[i]);
	}
}

static void compare_rip(struct cmp *m)
{
	const struct x86_insn *i = &m->c->insn;
	u64 n = m->n->out.rip, g = m->g->out.rip;
	bool to_ss = (i->op == X86_OP_MOV || i->op == X86_OP_POP) && i->opnd[0].kind == X86_OPND_SEG &&
		     i->opnd[0].reg == X86_SS;

	/* The trap is held for an instruction behind a load of SS: a NOP stands there. */
	if (to_ss && m->n->trap == ORACLE_DONE)
		n--;
	if (n != g)
		differ(m, "  rip: native %016llx guest %016llx (in %016llx)\n", n, g, m->c->in.rip);
}

/* Instructions whose result is an approximation: 12 bits for RCP and RSQRT. */
static bool is_approx(const struct oracle_case *c)
{
	switch (c->insn.op) {
	case X86_OP_RCPPS: case X86_OP_RCPSS: case X86_OP_RSQRTPS: case X86_OP_RSQRTSS:
		return true;
	default:
		return false;
	}
}

static bool close_f32(u32 a, u32 b)
{
	float x, y;

	if (a == b)
		return true;
	memcpy(&x, &a, 4);
	memcpy(&y, &b, 4);
	if (!isfinite(x) || !isfinite(y) || x == 0 || y == 0)
		return false;
	return fabsf(x - y) <= ldexpf(fabsf(x), -10);
}

static bool vec_equal(const struct cmp *m, const u8 *n, const u8 *g)
{
	if (!is_approx(m->c))
		return !memcmp(n, g, 32);
	for (unsigned i = 0; i < 32; i += 4)
		if (!close_f32(get_le32(n + i), get_le32(g + i)))
			return false;
	return true;
}

static void hex(char *out, const u8 *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out += sprintf(out, "%02x", p[n - 1 - i]);
}

static void compare_vectors(struct cmp *m)
{
	char a[65], b[65], in[65];

	for (unsigned i = 0; i < 16; i++) {
		const u8 *n = m->n->out.vec[i], *g = m->g->out.vec[i];

		if (vec_equal(m, n, g))
			continue;
		hex(a, n, 32);
		hex(b, g, 32);
		hex(in, m->c->in.vec[i], 32);
		differ(m, "  ymm%u:\n    native %s\n    guest  %s\n    in     %s\n", i, a, b, in);
	}
	/* A conversion may have set its flags before its store faulted. */
	if (m->c->insn.op == X86_OP_VCVTPS2PH && m->n->trap != ORACLE_DONE)
		return;
	if (m->n->out.mxcsr != m->g->out.mxcsr)
		differ(m, "  mxcsr: native %05x guest %05x (in %05x)\n", m->n->out.mxcsr, m->g->out.mxcsr, m->c->in.mxcsr);
}

/* Transcendental results may be one unit in the last place apart. */
static unsigned x87_tolerance(const struct oracle_case *c)
{
	switch (c->insn.op) {
	case X86_OP_F2XM1: case X86_OP_FYL2X: case X86_OP_FYL2XP1: case X86_OP_FPTAN: case X86_OP_FPATAN:
	case X86_OP_FSIN: case X86_OP_FCOS: case X86_OP_FSINCOS:
		return 1;
	default:
		return 0;
	}
}

static bool f80_equal(const u8 *n, const u8 *g, unsigned ulps)
{
	u64 a = get_le64(n), b = get_le64(g);

	if (!memcmp(n, g, 10))
		return true;
	if (!ulps)
		return false;
	if (n[8] == g[8] && n[9] == g[9])
		return (a > b ? a - b : b - a) <= ulps;
	/* neighbours on two sides of a power of two */
	return (get_le16(n + 8) == get_le16(g + 8) + 1 && a == 1ULL << 63 && b == ~0ULL) ||
	       (get_le16(g + 8) == get_le16(n + 8) + 1 && b == 1ULL << 63 && a == ~0ULL);
}

static void compare_x87(struct cmp *m)
{
	const struct oracle_x87 *n = &m->n->out.x87, *g = &m->g->out.x87, *in = &m->c->in.x87;
	unsigned ulps = x87_tolerance(m->c);
	u16 sw_mask = ulps ? (u16)~0x0200 : 0xffff;
	char a[21], b[21], i0[21];

	if (n->cw != g->cw || (n->sw & sw_mask) != (g->sw & sw_mask) || n->valid != g->valid)
		differ(m, "  x87: native cw %04x sw %04x tags %02x, guest cw %04x sw %04x tags %02x (in %04x %04x %02x)\n",
		       n->cw, n->sw, n->valid, g->cw, g->sw, g->valid, in->cw, in->sw, in->valid);
	for (unsigned i = 0; i < 8; i++) {
		if (f80_equal(n->st[i], g->st[i], ulps))
			continue;
		hex(a, n->st[i], 10);
		hex(b, g->st[i], 10);
		hex(i0, in->st[i], 10);
		differ(m, "  st%u: native %s guest %s (in %s)\n", i, a, b, i0);
	}
}

/* The return from the kernel turns null selectors with an RPL into 0. */
static bool same_selector(u16 n, u16 g)
{
	return n == g || (n <= 3 && g <= 3);
}

static void compare_segments(struct cmp *m)
{
	const struct oracle_state *n = &m->n->out, *g = &m->g->out;

	if (!same_selector(n->cs, g->cs) || !same_selector(n->ds, g->ds) || !same_selector(n->es, g->es) ||
	    !same_selector(n->fs, g->fs) || !same_selector(n->gs, g->gs))
		differ(m, "  cs ds es fs gs: native %x %x %x %x %x guest %x %x %x %x %x\n", n->cs, n->ds, n->es, n->fs, n->gs,
		       g->cs, g->ds, g->es, g->fs, g->gs);
	if (m->c->mode == X86_MODE_64 && (n->fs_base != g->fs_base || n->gs_base != g->gs_base))
		differ(m, "  bases: native fs %llx gs %llx guest fs %llx gs %llx\n", n->fs_base, n->gs_base, g->fs_base, g->gs_base);
}

/* Bytes of an image in memory that hold x87 instruction and data pointers. */
static bool is_pointer_byte(const struct oracle_case *c, unsigned at)
{
	const struct x86_insn *i = &c->insn;
	u64 base = 0;
	unsigned off;

	if (!(i->flags & X86_INSN_MEM))
		return false;
	base = (u64)i->disp + (i->base < 16 ? c->in.gpr[i->base] : i->base == X86_REG_RIP ? c->in.rip + i->len : 0);
	if (i->index < 16)
		base += c->in.gpr[i->index] << i->scale;
	if (i->asize == 4)
		base = (u32)base;
	base += i->seg == X86_FS ? c->in.fs_base : i->seg == X86_GS ? c->in.gs_base : 0;
	off = (unsigned)(ORACLE_DATA + at - base);
	switch (i->op) {
	case X86_OP_FXSAVE: case X86_OP_XSAVE: case X86_OP_XSAVEOPT: case X86_OP_XSAVEC:
		return (off >= 6 && off < 24) || (off >= 28 && off < 32);	/* and MXCSR_MASK */
	case X86_OP_FNSTENV: case X86_OP_FNSAVE:
		return i->opsize == 2 ? off >= 6 && off < 14 : off >= 12 && off < 28;
	default:
		return false;
	}
}

/* PUSHF stores the native side's TF. */
static bool is_pushed_tf(const struct cmp *m, unsigned at)
{
	return m->c->insn.op == X86_OP_PUSHF && ORACLE_DATA + at == m->n->out.gpr[X86_RSP] + 1 &&
	       (m->n->mem[at] ^ m->g->mem[at]) == 1;
}

static bool mem_close(const struct cmp *m, unsigned at)
{
	return is_pointer_byte(m->c, at) || is_pushed_tf(m, at);
}

/* The ten bytes of FSTP and FBSTP go out as eight and two. */
static bool stores_in_pieces(const struct oracle_case *c)
{
	return (c->insn.op == X86_OP_FSTP || c->insn.op == X86_OP_FBSTP) && c->insn.opnd[0].size == 10;
}

static void compare_memory(struct cmp *m)
{
	const u8 *n = m->n->mem, *g = m->g->mem;

	if (!memcmp(n, g, ORACLE_DATA_RW))
		return;
	/* A call whose target faults may have pushed its return address, ENTER some of its frame. */
	if (m->n->trap != ORACLE_DONE && stores_in_pieces(m->c))
		return;
	if (m->n->trap != ORACLE_DONE &&
	    (x86_op_info(m->c->insn.op)->ctl == X86_CTL_CALL || m->c->insn.op == X86_OP_ENTER))
		return;
	for (unsigned i = 0; i < ORACLE_DATA_RW; i++) {
		char a[33], b[33];

		if (n[i] == g[i] || mem_close(m, i))
			continue;
		i = MIN(i, ORACLE_DATA_RW - 16);
		hex(a, n + i, 16);
		hex(b, g + i, 16);
		differ(m, "  mem %llx: native %s guest %s\n", ORACLE_DATA + i, a, b);
		return;
	}
}

/* Instructions that touch their operand piece by piece, in no defined order: CR2 is right if its page is. */
static bool cr2_by_page(const struct oracle_case *c)
{
	const struct x86_insn *i = &c->insn;

	switch (i->op) {
	case X86_OP_VMASKMOVPS: case X86_OP_VMASKMOVPD: case X86_OP_VPMASKMOVD: case X86_OP_VPMASKMOVQ:
	case X86_OP_MASKMOVDQU: case X86_OP_MASKMOVQ:
		return true;
	default:
		for (unsigned n = 0; n < 4; n++)
			if (i->opnd[n].kind == X86_OPND_MEM && i->opnd[n].size == 0)
				return true;
		return false;
	}
}

/* Page of an address, cut to the address size: the pieces wrap apart. */
static u64 page_mask(unsigned asize)
{
	return asize == 8 ? ~0xfffULL : asize == 4 ? 0xfffff000 : 0xf000;
}

unsigned oracle_compare(const struct oracle_case *c, const struct oracle_result *n, const struct oracle_result *g,
			char *text, size_t size)
{
	struct cmp m = { .c = c, .n = n, .g = g, .text = text, .size = size };
	u32 err_mask = ~0u;
	u64 cr2_mask = cr2_by_page(c) ? page_mask(c->insn.asize) : ~0ULL;

	text[0] = '\0';
	/* Linux tells users that all pages above theirs are there: theirs end a page below the upper half. */
	if (n->trap == 14 && n->cr2 >= USER_END)
		err_mask = ~1u;
	if (n->trap != g->trap || (n->err ^ g->err) & err_mask || (n->cr2 ^ g->cr2) & cr2_mask) {
		differ(&m, "  trap: native %d err %x cr2 %llx, guest %d err %x cr2 %llx\n",
		       n->trap, n->err, n->cr2, g->trap, g->err, g->cr2);
		return m.diffs;
	}
	compare_rip(&m);
	compare_flags(&m);
	if (!result_undefined(&m)) {
		compare_gprs(&m);
		compare_memory(&m);
	}
	compare_segments(&m);
	compare_vectors(&m);
	/* A faulting MMX instruction may have set TOP already. */
	if (n->trap == ORACLE_DONE || !(x86_insn_form(&c->insn)->flags & X86_FF_MMX))
		compare_x87(&m);
	return m.diffs;
}
