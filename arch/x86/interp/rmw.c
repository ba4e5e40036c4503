// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Read-modify-write. LOCKed operations are compare-and-exchange on the
 * guest's own memory, so any number of vCPUs (and the translator's native
 * LOCK instructions) agree; what is misaligned, crosses a page or is MMIO
 * runs with all other vCPUs stopped.
 * Order: every LOCKed operation is sequentially consistent on the host too.
 */
#include "general.h"

#define CAS(type, p, old, new) \
	__atomic_compare_exchange_n((type *)(p), &(type){ (type)(old) }, (type)(new), false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

static bool host_cas(void *p, u64 old, u64 new, unsigned size)
{
	switch (size) {
	case 1: return CAS(u8, p, old, new);
	case 2: return CAS(u16, p, old, new);
	case 4: return CAS(u32, p, old, new);
	default: return CAS(u64, p, old, new);
	}
}

static u64 host_read(const void *p, unsigned size)
{
	switch (size) {
	case 1: return __atomic_load_n((const u8 *)p, __ATOMIC_RELAXED);
	case 2: return __atomic_load_n((const u16 *)p, __ATOMIC_RELAXED);
	case 4: return __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
	default: return __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
	}
}

static u64 rmw_plain(struct x86_cpu *cpu, u64 lin, unsigned size, rmw_fn fn, u64 src)
{
	x86_probe(cpu, lin, size, X86_WRITE);
	u64 old = x86_ld(cpu, lin, size);
	u64 res = fn(cpu, old, src, size * 8);

	x86_st(cpu, lin, size, res);
	return old;
}

static u64 rmw_exclusive(struct x86_cpu *cpu, u64 lin, unsigned size, rmw_fn fn, u64 src)
{
	x86_probe(cpu, lin, size, X86_WRITE);
	x86_exclusive_begin(cpu);
	u64 old = rmw_plain(cpu, lin, size, fn, src);
	x86_exclusive_end(cpu);
	return old;
}

static u64 rmw_atomic(struct x86_cpu *cpu, u64 lin, unsigned size, rmw_fn fn, u64 src)
{
	u64 res = cpu->fl_res, aux = cpu->fl_aux, old, new;
	bool code;
	void *p;

	if (unlikely(lin & (size - 1)))
		return rmw_exclusive(cpu, lin, size, fn, src);
	p = x86_rmw_begin(cpu, lin, size, &code);
	if (unlikely(!p))
		return rmw_exclusive(cpu, lin, size, fn, src);
	do {
		cpu->fl_res = res;
		cpu->fl_aux = aux;
		old = host_read(p, size);
		new = fn(cpu, old, src, size * 8);
	} while (!host_cas(p, old, new, size));
	if (unlikely(code))
		x86_rmw_done(cpu, lin, size);
	return old;
}

u64 rmw_memory(struct x86_cpu *cpu, u64 lin, unsigned size, bool lock, rmw_fn fn, u64 src)
{
	return lock ? rmw_atomic(cpu, lin, size, fn, src) : rmw_plain(cpu, lin, size, fn, src);
}

u64 rmw_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, rmw_fn fn, u64 src)
{
	unsigned size = in->opnd[n].size;

	if (in->opnd[n].kind != X86_OPND_MEM) {
		u64 old = x86_get_operand(cpu, in, n);

		x86_put_operand(cpu, in, n, fn(cpu, old, src, size * 8));
		return old;
	}
	return rmw_memory(cpu, x86_mem(cpu, in, size, X86_WRITE), size, in->prefixes & X86_PFX_LOCK, fn, src);
}

/* ---- arithmetic ---- */

static u64 do_add(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	u64 r = zext(a + b, bits);

	fl_add(cpu, a, zext(b, bits), r, bits);
	return r;
}

static u64 do_adc(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	u64 r = zext(a + b + x86_cf(cpu), bits);

	fl_add(cpu, a, zext(b, bits), r, bits);
	return r;
}

static u64 do_sub(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	u64 r = zext(a - b, bits);

	fl_sub(cpu, a, zext(b, bits), r, bits);
	return r;
}

static u64 do_sbb(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	u64 r = zext(a - b - x86_cf(cpu), bits);

	fl_sub(cpu, a, zext(b, bits), r, bits);
	return r;
}

#define LOGIC(name, expr) \
static u64 do_##name(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits) \
{ \
	u64 r = zext(expr, bits); \
	fl_logic(cpu, r, bits); \
	return r; \
}
LOGIC(or, a | b)
LOGIC(and, a & b)
LOGIC(xor, a ^ b)

static u64 do_inc(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	(void)b;
	fl_inc(cpu, zext(a + 1, bits), bits);
	return a + 1;
}

static u64 do_dec(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	(void)b;
	fl_dec(cpu, zext(a - 1, bits), bits);
	return a - 1;
}

static u64 do_neg(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	(void)b;
	return do_sub(cpu, 0, a, bits);
}

static u64 do_not(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	(void)cpu;
	(void)b;
	(void)bits;
	return ~a;
}

static u64 do_swap(struct x86_cpu *cpu, u64 a, u64 b, unsigned bits)
{
	(void)cpu;
	(void)a;
	(void)bits;
	return b;
}

/* src is the value to store; the accumulator is compared. */
static u64 do_cmpxchg(struct x86_cpu *cpu, u64 old, u64 src, unsigned bits)
{
	u64 acc = zext(cpu->gpr[X86_RAX], bits);

	do_sub(cpu, acc, old, bits);
	return acc == old ? src : old;
}

#define BINARY(name) \
static void x_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	u64 src = x86_get_operand(cpu, in, 1); \
	rmw_operand(cpu, in, 0, do_##name, src); \
}
BINARY(add) BINARY(or) BINARY(adc) BINARY(sbb) BINARY(and) BINARY(sub) BINARY(xor)

#define UNARY(name) \
static void x_##name(struct x86_cpu *cpu, const struct x86_insn *in) \
{ \
	rmw_operand(cpu, in, 0, do_##name, 0); \
}
UNARY(inc) UNARY(dec) UNARY(neg) UNARY(not)

static void x_cmp(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 a = x86_get_operand(cpu, in, 0), b = x86_get_operand(cpu, in, 1);

	do_sub(cpu, a, b, in->opnd[0].size * 8);
}

static void x_test(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 a = x86_get_operand(cpu, in, 0), b = x86_get_operand(cpu, in, 1);

	do_and(cpu, a, b, in->opnd[0].size * 8);
}

static void x_xchg(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned m = in->opnd[1].kind == X86_OPND_MEM ? 1 : 0;
	u64 src = x86_get_operand(cpu, in, !m), old;

	if (in->opnd[m].kind == X86_OPND_MEM)	/* always LOCKed */
		old = rmw_memory(cpu, x86_mem(cpu, in, in->opnd[m].size, X86_WRITE), in->opnd[m].size, true, do_swap, src);
	else
		old = rmw_operand(cpu, in, m, do_swap, src);
	x86_put_operand(cpu, in, !m, old);
}

static void x_xadd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 old = rmw_operand(cpu, in, 0, do_add, x86_get_operand(cpu, in, 1));

	if (in->opnd[0].kind == X86_OPND_MEM) {
		x86_put_operand(cpu, in, 1, old);
		return;
	}
	/* both registers: the sum wins when they are the same one */
	u64 sum = x86_get_operand(cpu, in, 0);
	x86_put_operand(cpu, in, 1, old);
	x86_put_operand(cpu, in, 0, sum);
}

static void x_cmpxchg(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned size = in->opnd[0].size;
	u64 src = x86_get_operand(cpu, in, 1), acc = zext(cpu->gpr[X86_RAX], size * 8), old;
	bool mem = in->opnd[0].kind == X86_OPND_MEM;

	/* Of destination register and rAX one is written: a 32-bit form keeps bits 63-32 of the other. */
	if (mem) {
		old = rmw_operand(cpu, in, 0, do_cmpxchg, src);
	} else {
		old = x86_get_operand(cpu, in, 0);
		do_sub(cpu, acc, old, size * 8);
		if (old == acc)
			x86_put_operand(cpu, in, 0, src);
	}
	if (old != acc)
		x86_set_reg(cpu, X86_RAX, size, old);
}

static u64 do_cmpxchg8b(struct x86_cpu *cpu, u64 old, u64 src, unsigned bits)
{
	u64 want = (u32)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

	(void)bits;
	return old == want ? src : old;
}

static void set_zf(struct x86_cpu *cpu, bool zf)
{
	u32 fl = x86_arith(cpu) & ~X86_FL_ZF;

	x86_set_arith(cpu, fl | (zf ? X86_FL_ZF : 0));
}

static void x_cmpxchg8b(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 want = (u32)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;
	u64 src = (u32)cpu->gpr[X86_RBX] | cpu->gpr[X86_RCX] << 32;
	u64 old = rmw_memory(cpu, x86_mem(cpu, in, 8, X86_WRITE), 8, in->prefixes & X86_PFX_LOCK, do_cmpxchg8b, src);

	set_zf(cpu, old == want);
	if (old != want) {
		cpu->gpr[X86_RAX] = (u32)old;
		cpu->gpr[X86_RDX] = old >> 32;
	}
}

/* Host 16-byte compare-and-exchange where there is one; p is 16-byte aligned. */
static bool cas16(u64 *p, u64 old[2], const u64 new[2])
{
#ifdef __x86_64__
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(ok), "+m"(*(u128 *)p), "+a"(old[0]), "+d"(old[1])
			 : "b"(new[0]), "c"(new[1]) : "memory");
	return ok;
#else
	u128 o = (u128)old[1] << 64 | old[0];
	bool ok = __atomic_compare_exchange_n((u128 *)p, &o, (u128)new[1] << 64 | new[0], false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);

	old[0] = (u64)o;
	old[1] = (u64)(o >> 64);
	return ok;
#endif
}

static bool cmpxchg16_slow(struct x86_cpu *cpu, u64 lin, u64 old[2], const u64 new[2])
{
	u64 mem[2];
	bool same;

	x86_exclusive_begin(cpu);
	x86_ld_block(cpu, lin, mem, 16);
	same = mem[0] == old[0] && mem[1] == old[1];
	x86_st_block(cpu, lin, same ? new : mem, 16);
	x86_exclusive_end(cpu);
	old[0] = mem[0];
	old[1] = mem[1];
	return same;
}

static void x_cmpxchg16b(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin = x86_mem(cpu, in, 16, X86_WRITE);
	u64 old[2] = { cpu->gpr[X86_RAX], cpu->gpr[X86_RDX] };
	u64 new[2] = { cpu->gpr[X86_RBX], cpu->gpr[X86_RCX] };
	bool code, same;
	void *p;

	if (lin & 15)
		x86_raise_gp(cpu, 0);
	p = x86_rmw_begin(cpu, lin, 16, &code);
	same = p ? cas16(p, old, new) : cmpxchg16_slow(cpu, lin, old, new);
	if (p && code)
		x86_rmw_done(cpu, lin, 16);
	if (!same) {
		cpu->gpr[X86_RAX] = old[0];
		cpu->gpr[X86_RDX] = old[1];
	}
	set_zf(cpu, same);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_ADD, x_add, NULL }, { X86_OP_OR, x_or, NULL }, { X86_OP_ADC, x_adc, NULL }, { X86_OP_SBB, x_sbb, NULL },
	{ X86_OP_AND, x_and, NULL }, { X86_OP_SUB, x_sub, NULL }, { X86_OP_XOR, x_xor, NULL }, { X86_OP_CMP, x_cmp, NULL },
	{ X86_OP_TEST, x_test, NULL }, { X86_OP_INC, x_inc, NULL }, { X86_OP_DEC, x_dec, NULL },
	{ X86_OP_NEG, x_neg, NULL }, { X86_OP_NOT, x_not, NULL }, { X86_OP_XCHG, x_xchg, NULL },
	{ X86_OP_XADD, x_xadd, NULL }, { X86_OP_CMPXCHG, x_cmpxchg, NULL },
	{ X86_OP_CMPXCHG8B, x_cmpxchg8b, NULL }, { X86_OP_CMPXCHG16B, x_cmpxchg16b, NULL },
};
EXEC_REGISTER(x86_rmw_ops, entries);
