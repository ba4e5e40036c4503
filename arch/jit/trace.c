// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decodes the instructions of a block: one page, one entry, through
 * conditional branches that are not taken and direct jumps inside the page.
 * Then goes backward over them to find which arithmetic flags live where;
 * at direct branches it looks at the first instructions behind the target.
 */
#include "jit.h"

#define LOOK_INSNS 8

static bool note_range(struct jit_trace *t, unsigned off, unsigned len)
{
	for (unsigned i = 0; i < t->nranges; i++)
		if (t->range[i].off <= off && off <= (unsigned)t->range[i].off + t->range[i].len) {
			unsigned end = MAX((unsigned)t->range[i].off + t->range[i].len, off + len);

			t->range[i].len = (u16)(end - t->range[i].off);
			return true;
		}
	if (t->nranges == JIT_RANGES)
		return false;
	t->range[t->nranges].off = (u16)off;
	t->range[t->nranges++].len = (u16)len;
	return true;
}

/* Bytes are read once: what is decoded, compared and generated is all of one copy. */
static void copy_page(struct jit_trace *t, unsigned off, unsigned len)
{
	for (unsigned n = off / JIT_TRACE_PIECE; n * JIT_TRACE_PIECE < MIN(off + len, 4096u); n++) {
		if (t->copied >> n & 1)
			continue;
		__builtin_memcpy(t->page + n * JIT_TRACE_PIECE, t->host + n * JIT_TRACE_PIECE, JIT_TRACE_PIECE);
		t->copied |= 1u << n;
	}
}

static int decode_at(struct jit_trace *t, unsigned off, struct x86_insn *in)
{
	copy_page(t, off, 15);
	return x86_decode(in, t->page + off, MIN(t->limit - off, 15u), t->mode & X86_MODEF_SIZE);
}

/* Target of a direct near branch as an offset from the page's start. */
static s64 branch_target(const struct jit_insn *i)
{
	return (s64)i->off + i->in.len + (s64)i->in.imm;
}

static bool direct(const struct x86_insn *in)
{
	return in->opnd[0].kind == X86_OPND_REL;
}

static bool in_page(s64 off)
{
	return off >= 0 && off < 4096;
}

bool jit_trace_crosses(struct jit_trace *t, unsigned off)
{
	struct x86_insn in;

	return off > 4096 - 15 && decode_at(t, off, &in) == -X86_DECODE_NEED_MORE;
}

/* Instructions behind which the block cannot go on, but for branches. */
static bool ends(const struct x86_insn *in)
{
	enum x86_ctl ctl = x86_op_info(in->op)->ctl;

	if (in->op == X86_OP_MOV)
		return in->opnd[0].kind == X86_OPND_SEG || in->opnd[0].kind == X86_OPND_CR ||
		       in->opnd[0].kind == X86_OPND_DR;
	if (in->op == X86_OP_POP)
		return in->opnd[0].kind == X86_OPND_SEG;
	switch (in->op) {
	case X86_OP_CLI:
	case X86_OP_CLAC:
	case X86_OP_STAC:
	case X86_OP_SWAPGS:
	case X86_OP_WRFSBASE:
	case X86_OP_WRGSBASE:
	case X86_OP_WRPKRU:
		return false;
	case X86_OP_IN:		/* the machine may want something of us */
	case X86_OP_OUT:
	case X86_OP_LDMXCSR:	/* may unmask exceptions: another mode */
	case X86_OP_FXRSTOR:
	case X86_OP_FLDENV:
	case X86_OP_FRSTOR:
	case X86_OP_XRSTOR:
		return true;
	default:
		return ctl != X86_CTL_NONE && ctl != X86_CTL_JCC;
	}
}

/* ---- flags ---- */

/* Undefined, says the manual. They are as before. */
static bool keeps_flags(const struct x86_insn *in)
{
	return in->op == X86_OP_DIV || in->op == X86_OP_IDIV;
}

/* Of a shift or rotation by an immediate; -1: another instruction, or by CL. */
static int shift_count(const struct x86_insn *in)
{
	unsigned last = in->opnd[2].kind == X86_OPND_NONE ? 1 : 2;

	if (!(x86_op_info(in->op)->flags & X86_OPF_CONDFL) || in->opnd[last].kind != X86_OPND_IMM)
		return -1;
	return (int)(in->imm & (in->opnd[0].size == 8 ? 63 : 31));
}

u32 jit_trace_by_count(const struct x86_insn *in)
{
	const struct x86_op_info *info = x86_op_info(in->op);

	return (info->flags & X86_OPF_CONDFL) && shift_count(in) < 0 ? info->fl_undef & X86_FL_ARITH : 0;
}

u32 jit_trace_made_up(const struct x86_insn *in)
{
	u32 undef = x86_op_info(in->op)->fl_undef & X86_FL_ARITH;
	int count = shift_count(in);

	switch (in->op) {
	case X86_OP_AND: case X86_OP_OR: case X86_OP_XOR: case X86_OP_TEST:
		return 0;
	default:
		if (count >= 0)
			return count == 0 ? 0 : count == 1 ? undef & ~X86_FL_OF : undef;
		return keeps_flags(in) || jit_trace_by_count(in) ? 0 : undef;
	}
}

static u32 fl_killed(const struct x86_insn *in)
{
	const struct x86_op_info *info = x86_op_info(in->op);
	u32 all = (info->fl_written | info->fl_undef) & X86_FL_ARITH;

	if (keeps_flags(in))
		return 0;
	if (!(info->flags & X86_OPF_CONDFL))
		return all;
	return shift_count(in) > 0 ? all : 0;
}

static u32 fl_read(const struct x86_insn *in)
{
	const struct x86_op_info *info = x86_op_info(in->op);

	if (info->ctl == X86_CTL_TRAP || info->ctl == X86_CTL_STOP)
		return X86_FL_ARITH;
	return info->fl_read & X86_FL_ARITH;
}

struct jit_proof_insn jit_trace_proof(const struct jit_insn *i)
{
	const struct x86_op_info *info = x86_op_info(i->in.op);
	struct jit_proof_insn p = { .off = i->off, .live_in = i->live_in, .live_out = i->live };

	if (i->err)
		return p;
	if (info->ctl == X86_CTL_JCC)
		p.live_out = i->live_taken;
	p.string = info->flags & X86_OPF_STRING;
	return p;
}

/* Flags that may be read at off or behind it. */
static u32 live_at(struct jit_trace *t, s64 off)
{
	u32 live = 0, killed = 0;
	unsigned start = (unsigned)off, n;

	/* the oracle looks at the flags behind each instruction */
	if (!in_page(off) || t->cpu->sys->jit->single)
		return X86_FL_ARITH;
	for (n = 0; n < LOOK_INSNS && killed != X86_FL_ARITH; n++) {
		struct x86_insn in;

		if (!in_page(off) || decode_at(t, (unsigned)off, &in))
			break;
		live |= fl_read(&in) & ~killed;
		killed |= fl_killed(&in);
		off += in.len;
		if (x86_op_info(in.op)->ctl != X86_CTL_NONE || ends(&in))
			break;
	}
	if (!note_range(t, start, MAX((unsigned)(MIN(off, 4096) - start), 1u)))
		return X86_FL_ARITH;
	return live | (X86_FL_ARITH & ~killed);
}

static void find_live(struct jit_trace *t)
{
	u32 live = t->falls ? live_at(t, t->next) : X86_FL_ARITH;

	for (unsigned n = t->count; n-- > 0;) {
		struct jit_insn *i = &t->insn[n];
		const struct x86_op_info *info;

		i->live_taken = X86_FL_ARITH;
		if (i->err) {
			live = X86_FL_ARITH;
			i->live = i->live_in = (u16)live;
			continue;
		}
		info = x86_op_info(i->in.op);
		if (info->ctl == X86_CTL_JCC || (i->in.op == X86_OP_JMP && n + 1 == t->count)) {
			if (direct(&i->in))
				i->live_taken = (u16)live_at(t, branch_target(i));
			live = info->ctl == X86_CTL_JCC ? live | i->live_taken : i->live_taken;
		} else if (ends(&i->in) && i->in.op != X86_OP_JMP) {
			live = X86_FL_ARITH;
		}
		i->live = (u16)live;
		live = (live & ~fl_killed(&i->in)) | fl_read(&i->in);
		i->live_in = (u16)live;
	}
}

/* ---- decoding ---- */

/* True: the block goes on at *off. */
static bool add_insn(struct jit_trace *t, unsigned *off)
{
	struct jit_insn *i = &t->insn[t->count];
	int err = decode_at(t, *off, &i->in);

	if (err == -X86_DECODE_NEED_MORE)
		return false;
	if (err)
		i->in.len = 1;
	if (!note_range(t, *off, MIN(i->in.len, 4096 - *off)))
		return false;
	i->off = (u16)*off;
	i->err = (s8)err;
	__builtin_memcpy(i->raw, t->page + *off, sizeof(i->raw));
	t->count++;
	if (err) {
		t->falls = false;
		return false;
	}
	*off += i->in.len;
	if (i->in.op == X86_OP_JMP && direct(&i->in)) {
		s64 target = branch_target(i);

		/* forward only: every way round a loop has a backward branch, where requests are looked at */
		if (in_page(target) && target > i->off && t->count < JIT_INSNS / 2) {
			*off = (unsigned)target;
			return true;
		}
	}
	/* one instruction behind STI, and then requests are looked at */
	if (i->in.op == X86_OP_STI)
		return true;
	if (t->count > 1 && t->insn[t->count - 2].in.op == X86_OP_STI && x86_op_info(i->in.op)->ctl == X86_CTL_NONE && !ends(&i->in)) {
		t->look = true;
		return false;
	}
	if (!ends(&i->in))
		return true;
	t->falls = t->look = i->in.op == X86_OP_POPF;
	return false;
}

void jit_trace_decode(struct jit_trace *t)
{
	unsigned off = t->start, max = t->cpu->sys->jit->single || t->gpa2 != JIT_NO_PAGE ? 1 : JIT_INSNS;

	t->count = t->nranges = 0;
	t->falls = true;
	t->look = false;
	t->vec = t->x87 = false;
	t->limit = t->gpa2 != JIT_NO_PAGE ? 4096 + 15 : 4096;
	while (t->count < max && off < 4096 && add_insn(t, &off))
		;
	t->next = off;
	t->limit = 4096;
	if (t->count)
		find_live(t);
	else
		note_range(t, t->start, 4096 - t->start);	/* it goes over the end of the page, and is all copied */
}
