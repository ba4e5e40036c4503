// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The common pieces of generated code: going in and out, calls of C with the
 * guest's registers put into struct x86_cpu and taken out again, the vector
 * registers. They are made once, at the start of the cache. What the host's
 * processor can do is found out here too.
 */
#include <cpuid.h>
#include "gen.h"
#include "mem.h"

#define RETURN 8	/* what a call has pushed below struct x86_cpu */

static struct hrm cpu_at(unsigned depth, size_t off)
{
	return m_(H_RSP, (s32)(depth + off));
}

#define AT(depth, field) cpu_at(depth, offsetof(struct x86_cpu, field))

static void save_gprs(struct ebuf *b, unsigned depth)
{
	for (unsigned n = 0; n < 16; n++)
		if (gen_pin[n] != H_NONE)
			e_st(b, cpu_at(depth, n * 8), gen_pin[n]);
}

static void load_gprs(struct ebuf *b, unsigned depth)
{
	for (unsigned n = 0; n < 16; n++)
		if (gen_pin[n] != H_NONE)
			e_ld(b, gen_pin[n], cpu_at(depth, n * 8));
}

static struct hrm vec_at(unsigned depth, unsigned n, unsigned off)
{
	return cpu_at(depth, offsetof(struct x86_cpu, vec) + n * sizeof(union x86_vec) + off);
}

static void vzeroupper(struct ebuf *b)
{
	e_vex(b, 0x177, 0, 0, 0, r_(0));
	b->p--;
}

static void move_vec(struct ebuf *b, bool avx, bool load, unsigned depth)
{
	for (unsigned n = 0; n < 16; n++) {
		struct hrm m = vec_at(depth, n, 0);

		if (avx)
			e_vex(b, load ? 0x110 : 0x111, E_L, n, 0, m);
		else
			e_op(b, load ? 0x110 : 0x111, 0, n, m);
	}
}

static void ldmxcsr(struct ebuf *b, struct hrm m) { e_op(b, 0x1ae, 0, 2, m); }
static void stmxcsr(struct ebuf *b, struct hrm m) { e_op(b, 0x1ae, 0, 3, m); }

/* Vector registers to struct x86_cpu if they are in the host's. */
static void save_vec(struct ebuf *b, bool avx, unsigned depth)
{
	e_op(b, 0x80, 0, 7, AT(depth, jit.vec_live));
	e8(b, 0);
	u8 *skip = e_jcc(b, CC_E);
	move_vec(b, avx, false, depth);
	stmxcsr(b, AT(depth, mxcsr));
	ldmxcsr(b, AT(depth, jit.host_mxcsr));
	if (avx)
		vzeroupper(b);
	e_op(b, 0xc6, 0, 0, AT(depth, jit.vec_live));
	e8(b, 0);
	e_patch_here(b, skip);
}

/* The x87 stack into its image; FNSAVE leaves the unit as C wants it. */
static void save_x87(struct ebuf *b, unsigned depth)
{
	e_op(b, 0x80, 0, 7, AT(depth, jit.x87_live));
	e8(b, 1);
	u8 *skip = e_jcc8(b, CC_NE);
	e_op(b, 0xdd, 0, 6, AT(depth, jit.x87_image));
	e_op(b, 0xc6, 0, 0, AT(depth, jit.x87_live));
	e8(b, 2);
	e_patch8(b, skip);
}

static void pop_and_return(struct ebuf *b)
{
	static const u8 saved[] = { H_R15, H_R14, H_R13, H_R12, H_RBP, H_RBX };

	for (unsigned n = 0; n < sizeof(saved); n++) {
		if (saved[n] >= 8)
			e8(b, 0x41);
		e8(b, 0x58 | (saved[n] & 7));
	}
	e8(b, 0xc3);
}

static const u8 *make_enter(struct ebuf *b)
{
	static const u8 saved[] = { H_RBX, H_RBP, H_R12, H_R13, H_R14, H_R15 };

	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	for (unsigned n = 0; n < sizeof(saved); n++) {
		if (saved[n] >= 8)
			e8(b, 0x41);
		e8(b, 0x50 | (saved[n] & 7));
	}
	e_st(b, m_(H_RDI, offsetof(struct x86_cpu, jit.host_sp)), H_RSP);
	e_mov(b, H_RSP, H_RDI);
	e_mov(b, H_RAX, H_RSI);
	stmxcsr(b, AT(0, jit.host_mxcsr));
	load_gprs(b, 0);
	e_op(b, 0xff, 0, 4, r_(H_RAX));
	return at;
}

static const u8 *make_leave(struct ebuf *b, bool avx)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	save_gprs(b, 0);
	save_vec(b, avx, 0);
	save_x87(b, 0);
	e_ld(b, H_RSP, AT(0, jit.host_sp));
	pop_and_return(b);
	return at;
}

static const u8 *make_raw_leave(struct ebuf *b)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	e_mov(b, H_RAX, H_RSI);
	e_ld(b, H_RSP, m_(H_RDI, offsetof(struct x86_cpu, jit.host_sp)));
	pop_and_return(b);
	return at;
}

/* The target's slot has another one: the others of its set, or C. */
static const u8 *make_far(struct ebuf *b, const u8 *leave)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	e_alui(b, 7, 0, AT(0, attn), 0);
	u8 *wanted = e_jcc8(b, CC_NE);
	for (unsigned n = 1; n < JIT_JUMP_WAYS; n++) {
		e_alui(b, 6, E_W, r_(T2), (s32)((n ^ (n - 1)) * JIT_JUMP_WAY));
		e_op(b, 0x3b, E_W, H_RAX, m_(T2, offsetof(struct jit_jump, lin)));
		u8 *miss = e_jcc8(b, CC_NE);
		e_alui(b, 4, E_W, r_(H_RAX), -4096);
		e_st(b, AT(0, jit.page), H_RAX);
		e_op(b, 0xff, 0, 4, m_(T2, offsetof(struct jit_jump, entry)));
		e_patch8(b, miss);
	}
	e_patch8(b, wanted);
	e_st(b, AT(0, rip), H_RAX);
	e_op(b, 0xc1, E_W, 4, r_(T1));
	e8(b, 32);
	e_lea(b, H_RAX, m_(T1, JIT_EXIT_FAR));
	e_jmp_to(b, leave);
	return at;
}

/* [r15]: the slot that r14d (JIT_INFO) names gets page and host address of the page at rax, addend in r14. */
static void fill_slot(struct ebuf *b, struct hrm addend)
{
	const struct hrm page = m_(T2, offsetof(struct x86_jit_slot, page));
	const struct hrm host = m_(T2, offsetof(struct x86_jit_slot, host));

	e_op(b, 0x8b, 0, T2, AT(RETURN, jit.spill[1]));
	e_op(b, 0xc1, 0, 5, r_(T2));
	e8(b, JIT_INFO_SLOT_SHIFT);
	e_op(b, 0xc1, 0, 4, r_(T2));
	e8(b, 6);
	e_lea(b, T2, mi_(H_RSP, T2, 0, (s32)(RETURN + offsetof(struct x86_cpu, jit.slot))));
	e_ld(b, T1, addend);
	e_st(b, page, H_RAX);
	e_alui(b, 4, E_W, page, -4096);
	e_op(b, 0x03, E_W, T1, page);
	e_st(b, host, T1);
	e_op(b, 0x2b, E_W, H_RAX, page);
	e_op(b, 0x03, E_W, H_RAX, r_(T1));
	for (unsigned n = 0; n < X86_JIT_LIMITS; n++) {
		e_op(b, 0xc7, E_W, 0, m_(T2, (s32)(offsetof(struct x86_jit_slot, limit) + n * 8)));
		e32(b, 4096 - jit_limit_bytes(n) + 1);
	}
	e8(b, 0xc3);
}

/* The same for the entry of the page at rax, in pages[user][write]. */
static void fill_page(struct jit *j, struct ebuf *b, struct hrm addend, bool user, bool write)
{
	const struct hrm used = AT(RETURN, jit.pages_used[user][write]);
	const s32 at = (s32)(RETURN + offsetof(struct x86_cpu, jit.pages[user][write]));

	e_st(b, AT(RETURN, jit.spill[3]), H_RCX);
	e_ld(b, T1, addend);
	e_mov(b, H_RCX, H_RAX);
	e_alui(b, 4, E_W, r_(H_RCX), -4096);
	e_op(b, 0x03, E_W, T1, r_(H_RCX));
	gen_page_index(j, b, T2);
	e_st(b, mi_(H_RSP, T2, 0, at + (s32)offsetof(struct x86_jit_page, page)), H_RCX);
	e_st(b, mi_(H_RSP, T2, 0, at + (s32)offsetof(struct x86_jit_page, host)), T1);
	e_op(b, 0x2b, E_W, H_RAX, r_(H_RCX));
	e_op(b, 0x03, E_W, H_RAX, r_(T1));
	_Static_assert(X86_JIT_PAGES == 64 * X86_JIT_PAGE_GROUP && X86_JIT_PAGE_GROUP == 8, "a bit for 8 entries of 16 bytes");
	e_op(b, 0xc1, 0, 5, r_(T2));
	e8(b, 7);
	e_ld(b, H_RCX, used);
	e_op(b, 0x1ab, E_W, T2, r_(H_RCX));		/* bts */
	e_st(b, used, H_RCX);
	e_ld(b, H_RCX, AT(RETURN, jit.spill[3]));
	e8(b, 0xc3);
}

/* A store to a page with code that the slot for these holds. r14d: JIT_INFO, destroyed; r15 too. */
static void look_beside(struct ebuf *b, bool user)
{
	const size_t at = offsetof(struct x86_cpu, jit.slot) +
			  ((user ? 3u : 1u) * X86_JIT_SLOTS + X86_JIT_SLOT_BESIDE) * sizeof(struct x86_jit_slot);
	const struct hrm limit = cpu_at(RETURN, at + offsetof(struct x86_jit_slot, limit));
	u8 *out, *behind;

	e_mov(b, T2, H_RAX);
	e_op(b, 0x2b, E_W, T2, cpu_at(RETURN, at + offsetof(struct x86_jit_slot, page)));
	e_op(b, 0x3b, E_W, T2, limit);
	out = e_jcc8(b, CC_AE);
	e_op(b, 0xc1, 0, 5, r_(T1));
	e8(b, 17);
	e_alui(b, 4, 0, r_(T1), 0x7f);
	e_op(b, 0x03, E_W, T1, r_(T2));
	e_op(b, 0x3b, E_W, T1, limit);
	behind = e_jcc8(b, CC_A);
	e_mov(b, H_RAX, T2);
	e_op(b, 0x03, E_W, H_RAX, cpu_at(RETURN, at + offsetof(struct x86_jit_slot, host)));
	e8(b, 0xc3);
	e_patch8(b, out);
	e_patch8(b, behind);
}

/* Which first-level entries a piece looks at before it calls C, and what it fills from them. */
enum look { LOOK_SLOT, LOOK_PAGE };

/* r15: last byte of the access at rax that r14d tells of, JIT_INFO or JIT_GROUP. */
static void last_byte(struct ebuf *b, bool group)
{
	if (group) {
		e_op(b, 0x1b7, 0, T2, r_(T1));		/* movzx */
	} else {
		e_mov32(b, T2, T1);
		e_op(b, 0xc1, 0, 5, r_(T2));
		e8(b, 17);
		e_alui(b, 4, 0, r_(T2), 0x7f);
	}
	e_lea(b, T2, mi_(T2, H_RAX, 0, -1));
}

/*
 * x86_tlb_hit() for the linear address in rax and JIT_INFO or JIT_GROUP in r14d; returns from the piece when it
 * hits. A miss goes on with r14d as it was.
 */
static void look_up(struct jit *j, struct ebuf *b, enum look look, bool user, bool write, bool group)
{
	const s32 set = write ? (s32)offsetof(struct x86_tlb_set, w) : 0;
	u8 *miss, *fill;

	e_st(b, AT(RETURN, jit.spill[1]), T1);
	last_byte(b, group);
	e_alui(b, 4, E_W, r_(T2), -4096);
	e_op(b, 0x0b, E_W, T2, AT(RETURN, tlb_tag));
	e_mov32(b, T1, H_RAX);
	e_op(b, 0xc1, 0, 5, r_(T1));
	e8(b, 12 - 4);
	e_alui(b, 4, 0, r_(T1), (X86_TLB_SIZE - 1) << 4);
	e_op(b, 0x03, E_W, T1, AT(RETURN, tlb));
	e_op(b, 0x3b, E_W, T2, m_(T1, set));
	miss = e_jcc(b, CC_NE);
	e_op(b, 0x80, 0, 7, AT(RETURN, jit.no_fill));
	e8(b, 0);
	fill = e_jcc8(b, CC_E);
	e_op(b, 0x03, E_W, H_RAX, m_(T1, set + 8));
	e8(b, 0xc3);
	e_patch8(b, fill);
	if (look == LOOK_SLOT)
		fill_slot(b, m_(T1, set + 8));
	else
		fill_page(j, b, m_(T1, set + 8), user, write);
	e_patch_here(b, miss);
	e_ld(b, T1, AT(RETURN, jit.spill[1]));
}

/*
 * f(cpu, rax, r14d) with everything saved; its result comes in rax. depth: bytes
 * of return addresses.
 */
static void call_c(struct ebuf *b, bool avx, uintptr_t f, unsigned depth)
{
	save_gprs(b, depth);
	save_vec(b, avx, depth);
	save_x87(b, depth);
	e_lea(b, H_RDI, m_(H_RSP, depth));
	e_mov(b, H_RSI, H_RAX);
	e_mov32(b, H_RDX, T1);
	e_alui(b, 5, E_W, r_(H_RSP), 16 - (depth & 15));
	e_movi(b, H_RAX, f);
	e_op(b, 0xff, 0, 2, r_(H_RAX));
	e_alui(b, 0, E_W, r_(H_RSP), 16 - (depth & 15));
	load_gprs(b, depth);
}

static const u8 *make_call(struct ebuf *b, bool avx, uintptr_t f, unsigned depth)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	call_c(b, avx, f, depth);
	e8(b, 0xc3);
	return at;
}

/* The interpreter executes an instruction; the block goes on, or another one does. */
static const u8 *make_helper(struct ebuf *b, bool avx)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	call_c(b, avx, (uintptr_t)jit_c_helper, RETURN);
	e_op(b, 0x85, E_W, H_RAX, r_(H_RAX));
	u8 *other = e_jcc8(b, CC_NE);
	e8(b, 0xc3);
	e_patch8(b, other);
	e_alui(b, 0, E_W, r_(H_RSP), RETURN);
	e_op(b, 0xff, 0, 4, r_(H_RAX));
	return at;
}

/* Host address of an access: from the first level, else from C. */
static const u8 *make_access(struct jit *j, struct ebuf *b, bool avx, enum look look, bool user, bool write)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	look_up(j, b, look, user, write, false);
	if (look == LOOK_PAGE && write) {
		look_beside(b, user);
		e_ld(b, T1, AT(RETURN, jit.spill[1]));
	}
	call_c(b, avx, write ? (uintptr_t)jit_c_mem_w : (uintptr_t)jit_c_mem_r, RETURN);
	e8(b, 0xc3);
	return at;
}

/* The same for a group of accesses, and 0 if the first level does not have it: nothing has happened then. */
static const u8 *make_group(struct jit *j, struct ebuf *b, enum look look, bool user, bool write)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	look_up(j, b, look, user, write, true);
	e_movi32(b, H_RAX, 0);
	e8(b, 0xc3);
	return at;
}

static const u8 *make_vec_load(struct ebuf *b, bool avx)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	if (avx) {
		/* Upper halves that are all zero stay in their initial state, or each SSE instruction merges with them. */
		e_vex(b, 0x110, 0, 0, 0, vec_at(RETURN, 0, 16));
		for (unsigned n = 1; n < 16; n++)
			e_vex(b, 0x156, 0, 0, 0, vec_at(RETURN, n, 16));	/* vorps */
		e_vex(b, 0x217, E_66, 0, 0, r_(0));				/* vptest */
		u8 *upper = e_jcc(b, CC_NE);
		vzeroupper(b);
		move_vec(b, false, true, RETURN);
		u8 *loaded = e_jmp(b);
		e_patch_here(b, upper);
		move_vec(b, true, true, RETURN);
		e_patch_here(b, loaded);
	} else {
		move_vec(b, false, true, RETURN);
	}
	ldmxcsr(b, AT(RETURN, mxcsr));
	e_op(b, 0xc6, 0, 0, AT(RETURN, jit.vec_live));
	e8(b, 1);
	e8(b, 0xc3);
	return at;
}

static const u8 *make_x87_load(struct ebuf *b, const u8 *fill)
{
	e_align(b, 16, 0);
	const u8 *at = e_here(b);
	e_st(b, AT(RETURN, jit.spill[2]), H_RAX);
	e_call_to(b, fill);
	e_ld(b, H_RAX, AT(RETURN, jit.spill[2]));
	e_op(b, 0xdd, 0, 4, AT(RETURN, jit.x87_image));
	e_op(b, 0xc6, 0, 0, AT(RETURN, jit.x87_live));
	e8(b, 1);
	e8(b, 0xc3);
	return at;
}

/* ---- the host's processor ---- */

static bool os_saves_ymm(u32 ecx1)
{
	u32 lo, hi;

	if (!(ecx1 & BIT(27)))
		return false;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

/* Features of instructions that may be executed natively. word: 0 1.ecx, 1 7.ebx, 2 7.ecx, 3 80000001.ecx */
static const struct { u8 feat, word, bit, avx; } host_bits[] = {
	{ X86_FEAT_SSE3, 0, 0, 0 }, { X86_FEAT_PCLMUL, 0, 1, 0 }, { X86_FEAT_SSSE3, 0, 9, 0 }, { X86_FEAT_FMA, 0, 12, 1 },
	{ X86_FEAT_CX16, 0, 13, 0 }, { X86_FEAT_SSE41, 0, 19, 0 }, { X86_FEAT_SSE42, 0, 20, 0 },
	{ X86_FEAT_MOVBE, 0, 22, 0 }, { X86_FEAT_POPCNT, 0, 23, 0 }, { X86_FEAT_AES, 0, 25, 0 },
	{ X86_FEAT_AVX, 0, 28, 1 }, { X86_FEAT_F16C, 0, 29, 1 }, { X86_FEAT_BMI1, 1, 3, 0 }, { X86_FEAT_AVX2, 1, 5, 1 },
	{ X86_FEAT_BMI2, 1, 8, 0 }, { X86_FEAT_ADX, 1, 19, 0 }, { X86_FEAT_SHA, 1, 29, 0 },
	{ X86_FEAT_GFNI, 2, 8, 0 }, { X86_FEAT_VAES, 2, 9, 1 }, { X86_FEAT_VPCLMUL, 2, 10, 1 },
	{ X86_FEAT_LAHF_LM, 3, 0, 0 }, { X86_FEAT_LZCNT, 3, 5, 0 },
};

static bool find_features(struct jit *j)
{
	static const u8 always[] = { X86_FEAT_NONE, X86_FEAT_CMOV, X86_FEAT_CX8, X86_FEAT_SSE, X86_FEAT_SSE2,
		X86_FEAT_FPU, X86_FEAT_MMX,
		X86_FEAT_PREFETCHW };	/* not executed, so any host has it */
	u32 word[4] = { 0 }, a, b, c, d;
	bool avx;

	if (__get_cpuid(1, &a, &b, &c, &d))
		word[0] = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		word[1] = b;
		word[2] = c;
	}
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		word[3] = c;
	avx = (word[0] & BIT(28)) && os_saves_ymm(word[0]);
	for (unsigned n = 0; n < sizeof(always); n++)
		j->host_features[always[n] / 32] |= 1u << (always[n] & 31);
	for (unsigned n = 0; n < ARRAY_SIZE(host_bits); n++)
		if ((word[host_bits[n].word] >> host_bits[n].bit & 1) && (avx || !host_bits[n].avx))
			j->host_features[host_bits[n].feat / 32] |= 1u << (host_bits[n].feat & 31);
	return avx;
}

void jit_host_free(struct jit *j)
{
	if (j->host)
		mem_pages_free(j->host, sizeof(struct gen));
}

int jit_host_init(struct jit *j, struct err *e)
{
	struct ebuf eb = { j->rw, j->rw + 64 * KiB, j->rx - j->rw }, *b = &eb;
	struct jit_thunks *t = &j->thunks;
	bool avx = find_features(j);
	const u8 *p;

	/* SAHF and LAHF carry the flags over block boundaries */
	if (!(j->host_features[X86_FEAT_LAHF_LM / 32] >> (X86_FEAT_LAHF_LM & 31) & 1))
		return err_set(e, ENOTSUP, "translator: the host's processor has no LAHF in 64-bit mode");
	j->host = mem_pages(sizeof(struct gen));
	if (!j->host)
		return err_set(e, ENOMEM, "out of memory");
	p = make_enter(b);
	__builtin_memcpy(&t->enter, &p, sizeof(p));
	p = make_raw_leave(b);
	__builtin_memcpy(&t->raw_leave, &p, sizeof(p));
	t->leave = make_leave(b, avx);
	t->far = make_far(b, t->leave);
	t->mem_r = make_access(j, b, avx, LOOK_SLOT, false, false);
	t->mem_w = make_access(j, b, avx, LOOK_SLOT, false, true);
	for (unsigned n = 0; n < 4; n++) {
		t->pages[n >> 1][n & 1] = make_access(j, b, avx, LOOK_PAGE, n >> 1, n & 1);
		t->group_page[n >> 1][n & 1] = make_group(j, b, LOOK_PAGE, n >> 1, n & 1);
	}
	for (unsigned n = 0; n < 2; n++)
		t->group_slot[n] = make_group(j, b, LOOK_SLOT, false, n);
	t->helper = make_helper(b, avx);
	t->vec_load = make_vec_load(b, avx);
	p = make_call(b, avx, (uintptr_t)jit_c_x87_load, 2 * RETURN);
	t->x87_load = make_x87_load(b, p);
	e_align(b, 64, 0);
	j->region[0].used = b->p;
	return 0;
}
