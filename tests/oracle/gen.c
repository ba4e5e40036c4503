// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cases: an encoding of a table line and a state in which it does something
 * worth comparing. Registers get corner values; then whatever the instruction
 * uses as an address is bent so that it points into the data pages (mostly
 * aligned, sometimes across their edges), and implicit operands get values
 * that do not always fault.
 */
#include <string.h>
#include "bytes.h"
#include "oracle.h"
#include "values.h"

struct gen {
	struct rng *r;
	struct oracle_case *c;
	struct encoding e;
	const struct x86_form *form;
	enum flavour flavour;
	bool alignment_checks;	/* EFLAGS.AC in some cases */
	u64 target;		/* linear address of the memory operand */
};

bool oracle_form_usable(const struct x86_form *f)
{
	switch (f->op) {
	case X86_OP_INVALID:
	/* not the same twice, or the same on two processors */
	case X86_OP_CPUID: case X86_OP_RDTSC: case X86_OP_RDTSCP: case X86_OP_RDPMC: case X86_OP_RDPID:
	case X86_OP_RDRAND: case X86_OP_RDSEED: case X86_OP_XGETBV:
	/* go into the host's kernel, which emulates or answers them */
	case X86_OP_SYSCALL: case X86_OP_SYSENTER: case X86_OP_INT1:
	case X86_OP_SGDT: case X86_OP_SIDT: case X86_OP_SMSW: case X86_OP_SLDT: case X86_OP_STR:
	/* fault by what the host's hypervisor shows */
	case X86_OP_MONITORX: case X86_OP_MWAITX: case X86_OP_VMCALL: case X86_OP_VMMCALL: case X86_OP_VMRUN:
		return false;
	default:
		return true;
	}
}

void oracle_gen_common(struct rng *r, u8 *common)
{
	static const enum flavour cycle[] = { FLAVOUR_INT, FLAVOUR_F32, FLAVOUR_F64, FLAVOUR_INT };

	for (unsigned i = 0; i < ORACLE_DATA_SIZE; i += 64)
		values_fill(r, cycle[rng_below(r, 4)], common + i, 64);
}

static enum flavour flavour_of(const struct gen *g)
{
	const struct x86_form *f = g->form;
	const char *name = x86_op_info(f->op)->name;
	size_t n = strlen(name);

	if (f->op == X86_OP_VCVTPH2PS)
		return FLAVOUR_F16;
	if (f->op == X86_OP_FBLD)
		return rng_one_in(g->r, 4) ? FLAVOUR_INT : FLAVOUR_BCD;
	if (f->exc == X86_EXC_X87) {
		unsigned size = 0;

		for (unsigned i = 0; i < 4; i++)
			if (g->c->insn.opnd[i].kind == X86_OPND_MEM)
				size = g->c->insn.opnd[i].size;
		if (name[1] == 'I' || rng_one_in(g->r, 12))
			return FLAVOUR_INT;
		return size == 4 ? FLAVOUR_F32 : size == 8 ? FLAVOUR_F64 : size == 10 ? FLAVOUR_F80 : FLAVOUR_INT;
	}
	if (f->exc != X86_EXC_NONE && f->exc != X86_EXC_13 && name[0] != 'P' && n > 2 &&
	    strchr("PSH", name[n - 2]) && !rng_one_in(g->r, 10)) {
		if (strstr(name, "DQ2P") || strstr(name, "PI2P"))
			return FLAVOUR_INT;
		if (strstr(name, "PS2") || strstr(name, "SS2"))
			return FLAVOUR_F32;
		if (strstr(name, "PD2") || strstr(name, "SD2"))
			return FLAVOUR_F64;
		return name[n - 1] == 'S' ? FLAVOUR_F32 : FLAVOUR_F64;
	}
	if (strstr(name, "2DQ") || strstr(name, "2PI") || strstr(name, "2SI"))
		return strstr(name, "PS2") || strstr(name, "SS2") ? FLAVOUR_F32 : FLAVOUR_F64;
	return FLAVOUR_INT;
}

/* ---- registers ---- */

static void fill_x87(struct gen *g)
{
	struct oracle_x87 *x = &g->c->in.x87;
	struct rng *r = g->r;
	unsigned top = rng_below(r, 8), depth = rng_below(r, 9);

	x->cw = (u16)(0x7f | rng_below(r, 4) << 10 | (rng_one_in(r, 3) ? rng_below(r, 4) : 3) << 8);
	if (rng_one_in(r, 6))
		x->cw &= ~(u16)rng_below(r, 64);
	x->sw = (u16)(top << 11);
	if (rng_one_in(r, 3))
		x->sw |= rng_u64(r) & 0x477f;
	if (x->sw & ~x->cw & 0x3f)
		x->sw |= 0x8080;
	x->valid = 0;
	for (unsigned i = 0; i < depth; i++)
		x->valid |= (u8)(1 << ((top + i) & 7));
	if (rng_one_in(r, 10))
		x->valid = (u8)rng_u64(r);
	for (unsigned i = 0; i < 8; i++) {
		if (g->form->flags & X86_FF_MMX || rng_one_in(r, 16))
			values_fill(r, g->flavour == FLAVOUR_F16 ? FLAVOUR_INT : g->flavour, x->st[i], 10);
		else
			values_f80(r, x->st[i]);
	}
}

static u32 random_mxcsr(struct rng *r)
{
	u32 m = 0x1f80;

	if (rng_one_in(r, 2))
		m |= rng_below(r, 4) << 13;
	if (rng_one_in(r, 5))
		m |= 0x8000;
	if (rng_one_in(r, 5))
		m |= 0x0040;
	if (rng_one_in(r, 4))
		m |= rng_below(r, 64);
	if (rng_one_in(r, 8))
		m &= ~(rng_below(r, 64) << 7);
	return m;
}

static void fill_registers(struct gen *g)
{
	struct oracle_state *s = &g->c->in;
	struct rng *r = g->r;

	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = rng_corner(r);
	s->gpr[X86_RSP] = ORACLE_STACK + rng_below(r, 32) * 8;
	s->rflags = 0x202 | (rng_u64(r) & X86_FL_ARITH) | (rng_one_in(r, 3) ? X86_FL_DF : 0);
	if (g->alignment_checks && rng_one_in(r, 16))
		s->rflags |= X86_FL_AC;
	s->cs = g->c->mode == X86_MODE_64 ? ORACLE_CS64 : ORACLE_CS32;
	s->ds = s->es = ORACLE_DS;
	s->mxcsr = random_mxcsr(r);
	for (unsigned i = 0; i < 16; i++)
		values_fill(r, g->flavour == FLAVOUR_F80 ? FLAVOUR_INT : g->flavour, s->vec[i], 32);
	/* Like operands, sometimes equal ones. */
	if (rng_one_in(r, 6))
		memcpy(s->vec[rng_below(r, 8)], s->vec[rng_below(r, 8)], 32);
	fill_x87(g);
}

/* ---- addresses ---- */

/* The native side's own program, stack and kernel pages lie there; we have nothing. */
static bool is_native_only(u64 addr)
{
	return (addr >= 0x300000 && addr < ORACLE_CODE) || addr >> 40 == 0x7f;
}

static u64 wild_address(const struct gen *g)
{
	u64 v;

	do {
		v = g->c->mode == X86_MODE_64 ? rng_corner(g->r) : (u32)rng_corner(g->r);
	} while (is_native_only(v));
	return v;
}

static u64 choose_target(struct gen *g, unsigned size)
{
	struct rng *r = g->r;
	u64 in = ORACLE_DATA + 0x400 + rng_below(r, 0x40) * 64;

	if (size == 0)
		size = 64;
	switch (rng_below(r, 24)) {
	case 0:
		return ORACLE_DATA + 0x1000 - rng_below(r, size + 1);
	case 1:
		return ORACLE_DATA + 0x2000 - rng_below(r, size + 1);
	case 2:
		return ORACLE_DATA + (rng_one_in(r, 2) ? 0x3000 : 0x2100) - rng_below(r, size + 1);
	case 3:
		return wild_address(g);
	case 4:
	case 5:
	case 6:
		return in + rng_below(r, 64);
	default:
		return in + (rng_one_in(r, 2) ? 0 : rng_below(r, 4) * 16);
	}
}

static u64 segment_base(const struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;

	return i->seg == X86_FS ? g->c->in.fs_base : i->seg == X86_GS ? g->c->in.gs_base : 0;
}

/* Writes a displacement into the code and decodes again. */
static bool patch_disp(struct gen *g, u64 value)
{
	struct encoding *e = &g->e;
	const struct x86_insn *i = &g->c->insn;
	struct x86_insn again;

	if (e->disp_size == 4)
		put_le32(e->bytes + e->disp_at, (u32)value);
	else if (!(i->flags & X86_INSN_MODRM) && i->asize == 8)
		put_le64(e->bytes + i->len - 8, value);
	else if (!(i->flags & X86_INSN_MODRM) && i->asize == 4)
		put_le32(e->bytes + i->len - 4, (u32)value);
	else
		return false;
	if (x86_decode(&again, e->bytes, 15, (enum x86_mode)g->c->mode) || again.len != i->len)
		return false;
	g->c->insn = again;
	return true;
}

static u64 effective_address(const struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	const u64 *gpr = g->c->in.gpr;
	u64 ea = (u64)i->disp;

	if (i->base == X86_REG_RIP)
		ea += g->c->in.rip + i->len;
	else if (i->base != X86_REG_NONE)
		ea += gpr[i->base];
	if (i->index != X86_REG_NONE && !(i->flags & X86_INSN_VSIB))
		ea += gpr[i->index] << i->scale;
	if (i->asize == 4)
		ea = (u32)ea;
	return ea + segment_base(g);
}

/* Bends registers or displacement so that the operand is (nearly) at target. */
static bool solve_address(struct gen *g, u64 target)
{
	struct x86_insn *i = &g->c->insn;
	u64 *gpr = g->c->in.gpr;
	u64 ea = target - segment_base(g), rest;

	if (i->asize == 2)
		return true;
	if (i->base == X86_REG_RIP) {
		if (!patch_disp(g, ea - (g->c->in.rip + i->len)))
			return false;
	} else if (i->base == X86_REG_NONE) {
		u64 index = 0;

		if (i->index != X86_REG_NONE && !(i->flags & X86_INSN_VSIB)) {
			gpr[i->index] = rng_below(g->r, 256);
			index = gpr[i->index] << i->scale;
		}
		if (!patch_disp(g, ea - index))
			return false;
	} else {
		rest = ea - (u64)i->disp;
		if (i->index == X86_REG_NONE || (i->flags & X86_INSN_VSIB))
			gpr[i->base] = rest;
		else if (i->index == i->base)
			gpr[i->base] = rest / (1 + (1u << i->scale));
		else
			gpr[i->base] = rest - (gpr[i->index] << i->scale);
	}
	g->target = effective_address(g);
	return true;
}

static void overlay_put(struct oracle_overlay *o, u64 at, unsigned len)
{
	o->len = 0;
	if (at < ORACLE_DATA || at > ORACLE_DATA + ORACLE_DATA_RW - len)
		return;
	o->at = (u16)(at - ORACLE_DATA);
	o->len = (u16)len;
}

/* ---- what single instructions want ---- */

static u64 sized(u64 v, unsigned size)
{
	return size >= 8 ? v : v & ((1ULL << size * 8) - 1);
}

/* Selectors that mean the same on both sides: ours, null, beyond the table. */
static u16 random_selector(struct rng *r)
{
	static const u16 pool[] = { 0, 3, ORACLE_DS, ORACLE_CS32, ORACLE_CS64, 0x2a, 0x30, 0xfff8, 0xfffb };

	return pool[rng_below(r, ARRAY_SIZE(pool))];
}

static void want_strings(struct gen *g)
{
	u64 *gpr = g->c->in.gpr;
	struct rng *r = g->r;
	const struct x86_insn *i = &g->c->insn;
	u64 src = choose_target(g, 8), dst = choose_target(g, 8);

	if (rng_one_in(r, 3))
		dst = src + rng_below(r, 16) - 8;
	gpr[X86_RSI] = src - segment_base(g);
	gpr[X86_RDI] = dst;
	gpr[X86_RCX] = rng_below(r, 12);
	if (i->asize == 4 && rng_one_in(r, 3))
		gpr[X86_RCX] |= rng_u64(r) << 32;
	if (i->op == X86_OP_SCAS && rng_one_in(r, 2))
		gpr[X86_RAX] = 0;
	g->c->is_rep = (i->prefixes & (X86_PFX_REP | X86_PFX_REPNE)) != 0;
}

/* Near targets: canonical most of the time. */
static u64 code_target(struct gen *g)
{
	if (g->c->mode != X86_MODE_64)
		return (u32)rng_corner(g->r);
	return rng_one_in(g->r, 8) ? rng_corner(g->r) : ORACLE_CODE + rng_below(g->r, 0x4000);
}

static void put_sized(u8 *p, unsigned size, u64 v)
{
	memcpy(p, &v, size);
}

/* Stack contents for RET, RETF, IRET, POPF and the loads of segment registers. */
static void want_stack(struct gen *g)
{
	struct oracle_overlay *o = &g->c->overlay[1];
	const struct x86_insn *i = &g->c->insn;
	unsigned w = i->opsize;
	u64 fl = (rng_u64(g->r) & (X86_FL_ARITH | X86_FL_DF)) | 0x202;

	overlay_put(o, g->c->in.gpr[X86_RSP], 40);
	values_fill(g->r, FLAVOUR_INT, o->bytes, 40);
	switch (i->op) {
	case X86_OP_RET:
		put_sized(o->bytes, w, code_target(g));
		break;
	case X86_OP_IRET:
		put_sized(o->bytes + 2 * w, w, fl);
		put_sized(o->bytes + 3 * w, w, ORACLE_STACK);
		put_sized(o->bytes + 4 * w, w, ORACLE_DS);
		__fallthrough;
	case X86_OP_RETF:
		put_sized(o->bytes, w, code_target(g));
		put_sized(o->bytes + w, w, random_selector(g->r));
		break;
	case X86_OP_POPF:
		put_sized(o->bytes, w, fl | (g->alignment_checks && rng_one_in(g->r, 8) ? X86_FL_AC : 0));
		break;
	default:
		if (i->op == X86_OP_POP && i->opnd[0].kind == X86_OPND_SEG)
			put_sized(o->bytes, w, random_selector(g->r));
	}
}

static void want_division(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	u64 *gpr = g->c->in.gpr;
	unsigned size = i->opnd[0].size;

	if (rng_one_in(g->r, 4))
		return;
	if (size == 1)
		gpr[X86_RAX] = sized((u64)(s64)(s8)rng_corner(g->r), 2);
	else if (i->op == X86_OP_IDIV)
		gpr[X86_RDX] = rng_one_in(g->r, 3) ? rng_below(g->r, 8) : gpr[X86_RAX] >> (size * 8 - 1) & 1 ? ~0ULL : 0;
	else
		gpr[X86_RDX] = rng_one_in(g->r, 2) ? 0 : rng_below(g->r, 8);
}

/* The index vectors of gathers: near, with the masked-out ones anywhere. */
static void want_gather(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	u8 *index = g->c->in.vec[i->index], *mask = g->c->in.vec[i->opnd[2].reg];
	bool q = x86_form_opcode(g->form) & 1;
	unsigned wild = rng_one_in(g->r, 6);

	for (unsigned n = 0; n < 32; n += 4) {
		s32 v = (s32)rng_below(g->r, 64) - 32;

		if (q && (n & 4))
			v = get_le32(index + n - 4) >> 31 ? -1 : 0;
		put_le32(index + n, (u32)v);
		put_le32(mask + n, (u32)rng_u64(g->r));
	}
	if (wild)
		index[3 + 8 * rng_below(g->r, 4)] = 0x7e;
}

static void want_cmpxchg(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	u64 *gpr = g->c->in.gpr;
	const u8 *mem = g->c->overlay[0].bytes;

	if (rng_one_in(g->r, 2))
		return;
	if (i->op == X86_OP_CMPXCHG8B) {
		gpr[X86_RAX] = get_le32(mem);
		gpr[X86_RDX] = get_le32(mem + 4);
	} else if (i->op == X86_OP_CMPXCHG16B) {
		gpr[X86_RAX] = get_le64(mem);
		gpr[X86_RDX] = get_le64(mem + 8);
	} else if (i->opnd[0].kind == X86_OPND_GPR) {
		gpr[X86_RAX] = gpr[i->opnd[0].reg];
	} else {
		gpr[X86_RAX] = get_le64(mem);
	}
}

/* XSAVE areas: 64-byte aligned most of the time, a valid header, components that both sides have. */
static void want_xsave(struct gen *g)
{
	struct oracle_case *c = g->c;
	const struct x86_insn *i = &c->insn;
	bool fx = i->op == X86_OP_FXSAVE || i->op == X86_OP_FXRSTOR;
	u8 *x = c->overlay[0].bytes;

	if (!fx) {
		c->in.gpr[X86_RAX] = rng_below(g->r, 8);
		c->in.gpr[X86_RDX] = 0;
	}
	if (!c->overlay[0].len)
		return;
	put_le16(x, c->in.x87.cw ^ (u16)(rng_below(g->r, 4) << 10));
	put_le16(x + 2, c->in.x87.sw);
	put_le32(x + 24, rng_one_in(g->r, 12) ? (u32)rng_corner(g->r) : random_mxcsr(g->r));
	if (fx)
		return;
	overlay_put(&c->overlay[1], g->target + 512, 64);
	memset(c->overlay[1].bytes, 0, 64);
	put_le64(c->overlay[1].bytes, rng_below(g->r, rng_one_in(g->r, 12) ? 16 : 8));
	if (rng_one_in(g->r, 16))
		c->overlay[1].bytes[8 + rng_below(g->r, 56)] = 1;
}

static bool want_bit_offset(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;

	if (i->opnd[0].kind != X86_OPND_MEM || i->opnd[1].kind != X86_OPND_GPR)
		return true;
	if (i->opnd[1].reg == i->base || i->opnd[1].reg == i->index)
		return false;
	g->c->in.gpr[i->opnd[1].reg] = (u64)(s64)((s32)rng_below(g->r, 2048) - 1024);
	return true;
}

static bool uses_selector(const struct x86_insn *i)
{
	switch (i->op) {
	case X86_OP_LAR: case X86_OP_LSL: case X86_OP_VERR: case X86_OP_VERW:
		return true;
	case X86_OP_MOV:
		return i->opnd[0].kind == X86_OPND_SEG;
	default:
		return false;
	}
}

static void want_selector(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;

	for (unsigned n = 0; n < 2; n++) {
		const struct x86_operand *o = &i->opnd[n];

		if (!(o->access & X86_ACC_R))
			continue;
		if (o->kind == X86_OPND_GPR)
			put_sized((u8 *)&g->c->in.gpr[o->reg], 2, random_selector(g->r));
		else if (o->kind == X86_OPND_MEM)
			put_sized(g->c->overlay[0].bytes, 2, random_selector(g->r));
	}
}

/* Far pointers in memory and in the instruction. */
static void want_far(struct gen *g)
{
	struct x86_insn *i = &g->c->insn;
	u16 sel = random_selector(g->r);

	if (i->opnd[0].kind == X86_OPND_FAR) {
		put_le16(g->e.bytes + i->len - 2, sel);
		x86_decode(i, g->e.bytes, 15, (enum x86_mode)g->c->mode);
	} else {
		put_sized(g->c->overlay[0].bytes, i->opsize, code_target(g));
		put_sized(g->c->overlay[0].bytes + i->opsize, 2, sel);
	}
}

static bool want_special(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	const struct x86_op_info *op = x86_op_info(i->op);
	u64 *gpr = g->c->in.gpr;

	if (op->flags & X86_OPF_STRING)
		want_strings(g);
	if (op->flags & X86_OPF_STACK)
		want_stack(g);
	if (i->flags & X86_INSN_VSIB)
		want_gather(g);
	if (uses_selector(i))
		want_selector(g);
	switch (i->op) {
	case X86_OP_DIV: case X86_OP_IDIV:
		want_division(g);
		break;
	case X86_OP_CMPXCHG: case X86_OP_CMPXCHG8B: case X86_OP_CMPXCHG16B:
		want_cmpxchg(g);
		break;
	case X86_OP_BT: case X86_OP_BTS: case X86_OP_BTR: case X86_OP_BTC:
		return want_bit_offset(g);
	case X86_OP_FXSAVE: case X86_OP_FXRSTOR: case X86_OP_XSAVE: case X86_OP_XSAVEOPT:
	case X86_OP_XSAVEC: case X86_OP_XRSTOR:
		want_xsave(g);
		break;
	case X86_OP_LEAVE: case X86_OP_ENTER:
		gpr[X86_RBP] = ORACLE_STACK - 0x200 + rng_below(g->r, 64) * 8;
		break;
	case X86_OP_JMP: case X86_OP_CALL:
		if (i->opnd[0].kind == X86_OPND_GPR && !rng_one_in(g->r, 8))
			gpr[i->opnd[0].reg] = code_target(g);
		else if (i->opnd[0].kind == X86_OPND_MEM)
			put_le64(g->c->overlay[0].bytes, code_target(g));
		break;
	case X86_OP_CALLF:
		/* A stack pointer that is an operand may be one that only one of the two modes can use. */
		if ((i->flags & X86_INSN_MEM) && i->base == X86_RSP)
			return false;
		want_far(g);
		break;
	case X86_OP_JMPF: case X86_OP_LES: case X86_OP_LDS: case X86_OP_LSS:
	case X86_OP_LFS: case X86_OP_LGS:
		if (i->op == X86_OP_JMPF || i->opnd[1].kind == X86_OPND_MEM)
			want_far(g);
		break;
	case X86_OP_INT:
		return i->imm != 0x80 && i->imm != 3 && i->imm != 4;
	case X86_OP_JCXZ: case X86_OP_LOOP: case X86_OP_LOOPE: case X86_OP_LOOPNE:
		gpr[X86_RCX] = rng_one_in(g->r, 2) ? rng_below(g->r, 3) : rng_below(g->r, 3) | rng_u64(g->r) << 32;
		break;
	case X86_OP_WRFSBASE: case X86_OP_WRGSBASE:
		gpr[i->opnd[0].reg] = rng_one_in(g->r, 4) ? rng_corner(g->r) : rng_below(g->r, 0x10000);
		break;
	default:
		break;
	}
	return true;
}

/* Memory operand: an address and contents. */
static bool place_memory(struct gen *g)
{
	const struct x86_insn *i = &g->c->insn;
	struct oracle_overlay *o = &g->c->overlay[0];
	unsigned size = 0, room;

	if (!(i->flags & X86_INSN_MEM))
		return true;
	for (unsigned n = 0; n < 4; n++)
		if (i->opnd[n].kind == X86_OPND_MEM)
			size = i->opnd[n].size;
	if (!solve_address(g, choose_target(g, size)))
		return false;
	room = size && size < 64 ? size : 64;
	overlay_put(o, g->target, room);
	values_fill(g->r, g->flavour, o->bytes, room);
	return true;
}

/* In compatibility mode only the low halves and the low eight exist; inputs must say so on both sides. */
static void narrow_registers(struct oracle_state *s)
{
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = i < 8 ? (u32)s->gpr[i] : 0;
	s->fs_base = s->gs_base = 0;
}

static bool attempt(struct gen *g, unsigned form, enum x86_mode mode, unsigned slot)
{
	struct oracle_case *c = g->c;

	memset(c, 0, sizeof(*c));
	if (!encode_form(g->r, form, mode, ENCODE_ALL, &g->e))
		return false;
	c->mode = (u8)mode;
	c->insn = g->e.insn;
	/* SYSRET outside 64-bit mode is AMD's only. */
	if (c->insn.op == X86_OP_SYSRET && mode != X86_MODE_64)
		return false;
	c->in.rip = ORACLE_CODE + slot * ORACLE_SLOT;
	c->in.fs_base = rng_one_in(g->r, 2) ? 0 : rng_below(g->r, 0x1000) * 16;
	c->in.gs_base = rng_one_in(g->r, 2) ? 0 : 0 - (u64)rng_below(g->r, 0x1000) * 8;
	if (mode != X86_MODE_64)
		c->in.fs_base = c->in.gs_base = 0;
	g->flavour = flavour_of(g);
	fill_registers(g);
	if (!place_memory(g) || !want_special(g))
		return false;
	/* Implicit operands may have moved the address. */
	if ((c->insn.flags & X86_INSN_MEM) && is_native_only(effective_address(g)))
		return false;
	if (mode != X86_MODE_64)
		narrow_registers(&c->in);
	memcpy(c->code, g->e.bytes, 15);
	return true;
}

bool oracle_gen(struct rng *r, unsigned form, enum x86_mode mode, unsigned slot, bool ac, struct oracle_case *c)
{
	struct gen g = { .r = r, .c = c, .form = &x86_form_table[form], .alignment_checks = ac };

	for (unsigned tries = 0; tries < 16; tries++)
		if (attempt(&g, form, mode, slot))
			return true;
	return false;
}
