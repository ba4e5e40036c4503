// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -accel jit,verify=on: each block is executed by generated code, its stores
 * are taken back, and the interpreter executes the same instructions from the same
 * state. Registers, flags that are alive, vector and x87 state and all stored
 * bytes must be equal. What the interpreter left is what the guest goes
 * on with, so one difference makes no second one.
 *
 * attn is set all the time, so blocks end at their first branch that is taken back or far, and
 * REP stops at each element. Generated code leaves before any call of a handler, and
 * before it touches a device or a page with code: those are executed once, by the
 * interpreter. Writes never go into the first TLB level, so each one is seen
 * here. No other vCPU runs meanwhile; a device that writes
 * to memory in the middle could look like a difference: each is tried three times.
 */
#include <setjmp.h>
#include <stdio.h>
#include "jit.h"
#include "log.h"
#include "mem.h"
#include "x86/disasm.h"

#define NOTES		4096
#define NOTE_BYTES	(256 * KiB)
#define ELEMENTS_MAX	70000	/* of a REP, that the interpreter does one by one */
#define REPORTS_MAX	50
#define TRIES		3

/* What blocks of instructions can change. */
struct state {
	u64 gpr[16], rip, fl_res, fl_aux, icount;
	u64 gs[3];		/* SWAPGS: the base twice, the kernel's */
	u32 eflags, mxcsr;
	union x86_vec vec[16];
	struct x86_fpu fpu;
};

struct note {
	u8 *host;
	u32 len, old;		/* bytes before the store, in bytes[] */
};

struct notes {
	unsigned count, used;
	bool full;
	struct note note[NOTES];
	u8 bytes[NOTE_BYTES];
};

struct jit_proof {
	struct notes jit, interp;
	u8 made[NOTE_BYTES];	/* what generated code had stored, laid out as jit.bytes */
	struct state before, after;
	jmp_buf jb;
	/* of the block */
	struct jit_block *b;
	u64 page, rip;		/* rip: where generated code left */
	bool inside;		/* and it left in front of an instruction of the block, not by a branch */
	unsigned at;		/* number of that instruction */
	/* of the interpreter's run */
	unsigned n, elements;
	bool met;		/* it came by rip with other registers */
	struct state there;
	bool has_there;
};

static void state_get(const struct x86_cpu *cpu, struct state *s)
{
	__builtin_memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
	s->rip = cpu->rip;
	s->fl_res = cpu->fl_res;
	s->fl_aux = cpu->fl_aux;
	s->icount = cpu->icount;
	s->eflags = cpu->eflags;
	s->mxcsr = cpu->mxcsr;
	s->gs[0] = cpu->seg[X86_GS].base;
	s->gs[1] = cpu->seg_base[X86_GS];
	s->gs[2] = cpu->msr.kernel_gs_base;
	__builtin_memcpy(s->vec, cpu->vec, sizeof(s->vec));
	s->fpu = cpu->fpu;
}

static void state_set(struct x86_cpu *cpu, const struct state *s)
{
	__builtin_memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
	cpu->rip = s->rip;
	cpu->fl_res = s->fl_res;
	cpu->fl_aux = s->fl_aux;
	cpu->icount = s->icount;
	cpu->eflags = s->eflags;
	cpu->mxcsr = s->mxcsr;
	cpu->seg[X86_GS].base = s->gs[0];
	cpu->seg_base[X86_GS] = s->gs[1];
	cpu->msr.kernel_gs_base = s->gs[2];
	__builtin_memcpy(cpu->vec, s->vec, sizeof(s->vec));
	cpu->fpu = s->fpu;
}

static u32 state_flags(struct x86_cpu *cpu, const struct state *s)
{
	u64 res = cpu->fl_res, aux = cpu->fl_aux;
	u32 fl;

	cpu->fl_res = s->fl_res;
	cpu->fl_aux = s->fl_aux;
	fl = x86_arith(cpu);
	cpu->fl_res = res;
	cpu->fl_aux = aux;
	return fl;
}

static bool vec_equal(const struct state *a, const struct state *b)
{
	for (unsigned n = 0; n < 16; n++)
		if (__builtin_memcmp(&a->vec[n], &b->vec[n], 32))
			return false;
	return a->mxcsr == b->mxcsr;
}

/* Registers that are empty hold nothing; pointers are kept for unmasked exceptions only. */
static bool fpu_equal(const struct x86_fpu *a, const struct x86_fpu *b)
{
	for (unsigned n = 0; n < 8; n++)
		if ((a->valid >> n & 1) && (a->st[n].man != b->st[n].man || a->st[n].se != b->st[n].se))
			return false;
	return a->cw == b->cw && a->sw == b->sw && a->valid == b->valid;
}

/* ---- stores ---- */

static void note(struct notes *n, u8 *host, u32 len)
{
	if (n->count == NOTES || n->used + len > NOTE_BYTES) {
		n->full = true;
		return;
	}
	n->note[n->count++] = (struct note){ .host = host, .len = len, .old = n->used };
	__builtin_memcpy(n->bytes + n->used, host, len);
	n->used += len;
}

static void notes_undo(struct notes *n)
{
	while (n->count) {
		struct note *e = &n->note[--n->count];

		__builtin_memcpy(e->host, n->bytes + e->old, e->len);
	}
}

void jit_note_store(struct x86_cpu *cpu, u8 *host, unsigned len)
{
	note(&cpu->translator->proof->interp, host, len);
}

/* Keeps what generated code has stored, and takes it back. */
static void notes_take(struct jit_proof *p)
{
	struct notes *n = &p->jit;
	unsigned count = n->count;

	for (unsigned i = 0; i < count; i++)
		__builtin_memcpy(p->made + n->note[i].old, n->note[i].host, n->note[i].len);
	notes_undo(n);
	n->count = count;
}

static bool covered(const struct notes *n, const u8 *at)
{
	for (unsigned i = n->count; i-- > 0;)
		if ((uintptr_t)at - (uintptr_t)n->note[i].host < n->note[i].len)
			return true;
	return false;
}

/* A store that only the interpreter made. */
static const u8 *store_missing(const struct jit_proof *p)
{
	for (unsigned i = 0; i < p->interp.count; i++) {
		const struct note *e = &p->interp.note[i];

		for (unsigned k = 0; k < e->len; k++)
			if (e->host[k] != p->interp.bytes[e->old + k] && !covered(&p->jit, e->host + k))
				return e->host + k;
	}
	return NULL;
}

/* Where memory is not what generated code had made of it; NULL: equal. */
static const u8 *store_differs(const struct jit_proof *p)
{
	for (unsigned i = 0; i < p->jit.count; i++) {
		const struct note *e = &p->jit.note[i];

		if (__builtin_memcmp(e->host, p->made + e->old, e->len))
			for (unsigned k = 0; k < e->len; k++)
				if (e->host[k] != p->made[e->old + k])
					return e->host + k;
	}
	return store_missing(p);
}

/* ---- generated code ---- */

static unsigned insn_at(const struct jit_block *b, u64 off)
{
	unsigned n = 0;

	while (n < b->nproof && b->proof[n].off != off)
		n++;
	return n;
}

u64 jit_verify_mem_w(struct x86_cpu *cpu, u64 lin, u32 info)
{
	struct jit_proof *p = cpu->translator->proof;
	unsigned size = JIT_INFO_SIZE(info), n = insn_at(p->b, JIT_INFO_OFF(info));
	struct x86_xlate x;

	/* the instruction's own faults were found by the caller */
	if ((lin & X86_PAGE_MASK) + size > 4096 || mmu_translate(cpu, lin, X86_WRITE, cpu->mmu->cls, &x) || !x.host ||
	    code_present(cpu->sys, x.gpa) || cpu->mmu->align)
		return 0;
	mmu_mark_dirty(x.dirty, x.run_first, x.gpa);
	if (n < p->b->nproof && p->b->proof[n].string)
		size = 4096 - (unsigned)(lin & X86_PAGE_MASK);
	note(&p->jit, x.host, size);
	return p->jit.full ? 0 : (uintptr_t)x.host;
}

/* The target is no address: as the run loop sees it, the branch was not done. */
static void wild_branch(struct x86_cpu *cpu, struct jit_proof *p, u32 far)
{
	p->rip = p->page + JIT_FAR_OFF(far);
	p->inside = true;
	cpu->gpr[X86_RSP] -= (u64)(s64)JIT_FAR_STACK(far);
}

/* Runs the block; where it left is in rip, inside and at. */
static void run_jit(struct x86_cpu *cpu, struct jit_proof *p)
{
	volatile u64 code = 0;
	volatile bool wild = false;

	p->jit.count = p->jit.used = 0;
	p->jit.full = false;
	if (setjmp(p->jb)) {
		jit_unwound(cpu);
		p->rip = x86_cur_rip(cpu);
		cpu->cur = NULL;
		cpu->exc_pending = 0;
		p->inside = true;
	} else {
		code = jit_enter(cpu, p->b->entry);
		p->rip = jit_left_at(cpu, code);
		p->inside = (code & 7) == JIT_EXIT_INTERP || (code & 7) == JIT_EXIT_STALE;
		wild = (code & 7) == JIT_EXIT_FAR && !x86_canonical(cpu, p->rip);
	}
	if (wild)
		wild_branch(cpu, p, (u32)(code >> 32));
	cpu->rip = p->rip;
	p->at = p->inside ? insn_at(p->b, p->rip & X86_PAGE_MASK) : 0;
	state_get(cpu, &p->after);
	notes_take(p);
	/* what a call has pushed by then is as good as not there */
	if (wild && p->jit.count && JIT_FAR_STACK(code >> 32) < 0)
		p->jit.count--;
}

/* ---- the interpreter ---- */

static u32 flags_asked(const struct jit_proof *p)
{
	if (p->inside)
		return p->at < p->b->nproof ? p->b->proof[p->at].live_in : X86_FL_ARITH;
	return p->n && p->n <= p->b->nproof ? p->b->proof[p->n - 1].live_out : X86_FL_ARITH;
}

static bool registers_equal(struct x86_cpu *cpu, const struct state *now, struct jit_proof *p)
{
	u32 asked = flags_asked(p);

	return !((x86_arith(cpu) ^ state_flags(cpu, &p->after)) & asked) && cpu->eflags == p->after.eflags &&
	       !__builtin_memcmp(now->gpr, p->after.gpr, sizeof(now->gpr)) && !__builtin_memcmp(now->gs, p->after.gs, sizeof(now->gs));
}

/* The interpreter stands at rip: is that where generated code left, and with the same state? */
static bool same(struct x86_cpu *cpu, struct jit_proof *p, u64 rip)
{
	struct state now;

	if (rip != p->rip || (p->inside ? p->n != p->at : !p->n))
		return false;
	state_get(cpu, &now);
	if (registers_equal(cpu, &now, p) && vec_equal(&now, &p->after) && fpu_equal(&now.fpu, &p->after.fpu))
		return true;
	p->there = now;
	p->has_there = true;
	return false;
}

/* Called behind each instruction. */
static enum interp_walk walked(struct x86_cpu *cpu, u64 rip, void *ctx)
{
	struct jit_proof *p = ctx;
	const struct jit_proof_insn *i = &p->b->proof[p->n];

	if (i->string && rip == p->page + i->off) {
		if (++p->elements > ELEMENTS_MAX)
			return INTERP_WALK_STOP;
	} else {
		p->n++;
	}
	if (same(cpu, p, rip)) {
		p->met = true;
		return INTERP_WALK_STOP;
	}
	return p->n >= p->b->nproof ? INTERP_WALK_STOP : INTERP_WALK_ON;
}

/* True: it reached the same state. */
static bool run_interp(struct x86_cpu *cpu, struct jit_proof *p)
{
	p->interp.count = p->interp.used = 0;
	p->interp.full = false;
	p->n = p->elements = 0;
	p->met = p->has_there = false;
	if (same(cpu, p, cpu->rip))
		return true;
	if (!p->b->nproof)
		return false;
	cpu->jit.noting = 1;
	if (setjmp(p->jb)) {
		cpu->rip = x86_cur_rip(cpu);
		cpu->cur = NULL;
		cpu->exc_pending = 0;
	} else {
		while (!interp_walk(cpu, walked, p))
			;
	}
	cpu->jit.noting = 0;
	return p->met;
}

/* ---- what is told ---- */

static void report_code(struct x86_cpu *cpu, const struct jit_proof *p)
{
	for (unsigned n = 0; n < p->b->nproof; n++) {
		u64 lin = p->page + p->b->proof[n].off;
		struct x86_insn in;
		char text[96];
		u8 buf[15];
		size_t len = x86_debug_read(cpu, lin, buf, sizeof(buf));

		if (x86_decode(&in, buf, (unsigned)len, cpu->mode & X86_MODEF_SIZE))
			break;
		x86_disasm(text, sizeof(text), &in, cpu->mode & X86_MODEF_SIZE, lin);
		log_error("  %016llx  %s", lin, text);
	}
}

static void report_registers(struct x86_cpu *cpu, const struct jit_proof *p)
{
	const struct state *jit = &p->after, *ref = &p->there;
	u32 a = state_flags(cpu, jit), b = state_flags(cpu, ref);

	for (unsigned n = 0; n < 16; n++)
		if (jit->gpr[n] != ref->gpr[n])
			log_error("  register %u: jit %016llx, interpreter %016llx, before %016llx", n, jit->gpr[n], ref->gpr[n],
				  p->before.gpr[n]);
	if (a != b)
		log_error("  flags: jit %03x, interpreter %03x, asked %03x", a, b, flags_asked(p));
	if (jit->mxcsr != ref->mxcsr)
		log_error("  mxcsr: jit %04x, interpreter %04x", jit->mxcsr, ref->mxcsr);
	for (unsigned n = 0; n < 16; n++)
		if (__builtin_memcmp(&jit->vec[n], &ref->vec[n], 32))
			log_error("  vector %u: jit %016llx.%016llx, interpreter %016llx.%016llx", n, jit->vec[n].q[1], jit->vec[n].q[0],
				  ref->vec[n].q[1], ref->vec[n].q[0]);
	if (!fpu_equal(&jit->fpu, &ref->fpu))
		log_error("  x87: jit sw %04x valid %02x, interpreter sw %04x valid %02x", jit->fpu.sw, jit->fpu.valid,
			  ref->fpu.sw, ref->fpu.valid);
}

static void report(struct x86_cpu *cpu, struct jit_proof *p, const u8 *at)
{
	struct jit *j = cpu->sys->jit;

	j->stats.differences++;
	if (j->stats.differences > REPORTS_MAX)
		return;
	log_error("verify: difference %llu, CPU %u, block at %016llx, generated code left %s %016llx", j->stats.differences, cpu->index,
		  p->before.rip, p->inside ? "before" : "to", p->rip);
	report_code(cpu, p);
	if (at)
		log_error("  stored byte differs: interpreter %02x, physical page offset %03llx", *at, (u64)(uintptr_t)at & 0xfff);
	else if (p->has_there)
		report_registers(cpu, p);
	else
		log_error("  the interpreter never came there; it stands at %016llx behind %u instructions", cpu->rip, p->n);
}

/* ---- one block ---- */

void jit_verify_block(struct x86_cpu *cpu, struct jit_block *b)
{
	struct jit_proof *p = cpu->translator->proof;
	jmp_buf *outer = cpu->unwind;
	const u8 *at = NULL;
	bool good = false;

	p->b = b;
	p->page = cpu->rip & ~X86_PAGE_MASK;
	state_get(cpu, &p->before);
	cpu->unwind = &p->jb;
	for (unsigned tries = 0; tries < TRIES && !good; tries++) {
		if (tries) {
			notes_undo(&p->interp);
			state_set(cpu, &p->before);
		}
		sys_attention(cpu);
		run_jit(cpu, p);
		state_set(cpu, &p->before);
		good = run_interp(cpu, p);
		at = good ? store_differs(p) : NULL;
		good &= !at;
	}
	cpu->unwind = outer;
	cpu->sys->jit->stats.verified++;
	if (!good)
		report(cpu, p, at);
	/* what generated code did not do, and after a difference whatever the interpreter stands at */
	if (p->inside || !good)
		interp_one(cpu);
}

int jit_verify_init(struct jit_vcpu *v)
{
	v->proof = mem_pages(sizeof(*v->proof));
	return v->proof ? 0 : -ENOMEM;
}

void jit_verify_free(struct jit_vcpu *v)
{
	if (v->proof)
		mem_pages_free(v->proof, sizeof(*v->proof));
}
