// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. imm: bits 1-0 element type,
 * 3-2 aggregation, 5-4 polarity, 6 index or mask form. SDM vol. 2, 4.1.
 */
#include "simd.h"

enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct operand {
	s32 e[16];
	unsigned len;	/* valid elements */
};

static unsigned elements(u8 imm)
{
	return imm & 1 ? 8 : 16;
}

static void read_elements(struct operand *o, const union x86_vec *v, u8 imm)
{
	for (unsigned i = 0; i < elements(imm); i++) {
		switch (imm & 3) {
		case 0: o->e[i] = v->b[i]; break;
		case 1: o->e[i] = v->w[i]; break;
		case 2: o->e[i] = (s8)v->b[i]; break;
		default: o->e[i] = (s16)v->w[i]; break;
		}
	}
}

/* |length register|, at most the number of elements. */
static unsigned explicit_length(const struct x86_cpu *cpu, unsigned reg, const struct x86_insn *in)
{
	bool wide = in->flags & X86_INSN_W && x86_in_64bit(cpu);
	s64 v = wide ? (s64)cpu->gpr[reg] : (s64)(s32)cpu->gpr[reg];
	unsigned n = elements((u8)in->imm);
	u64 mag = v < 0 ? -(u64)v : (u64)v;

	return mag > n ? n : (unsigned)mag;
}

static unsigned implicit_length(const struct operand *o, u8 imm)
{
	unsigned n = 0;

	while (n < elements(imm) && o->e[n])
		n++;
	return n;
}

/* Does any valid element (or range) of a take b's element j? */
static bool in_set(const struct operand *a, s32 b, bool ranges)
{
	if (!ranges) {
		for (unsigned i = 0; i < a->len; i++)
			if (a->e[i] == b)
				return true;
		return false;
	}
	for (unsigned i = 0; i + 1 < a->len; i += 2)
		if (a->e[i] <= b && b <= a->e[i + 1])
			return true;
	return false;
}

/* Does a, as far as it is valid, stand in b at j? What runs past the register's end counts. */
static bool stands_at(const struct operand *a, const struct operand *b, unsigned j, unsigned n)
{
	for (unsigned i = 0; i < a->len && i + j < n; i++)
		if (i + j >= b->len || a->e[i] != b->e[i + j])
			return false;
	return true;
}

static u32 aggregate(const struct operand *a, const struct operand *b, u8 imm)
{
	unsigned n = elements(imm), mode = imm >> 2 & 3;
	u32 res = 0;

	for (unsigned j = 0; j < n; j++) {
		bool hit;

		switch (mode) {
		case EQUAL_ANY:
		case RANGES:
			hit = j < b->len && in_set(a, b->e[j], mode == RANGES);
			break;
		case EQUAL_EACH:
			hit = j < a->len && j < b->len ? a->e[j] == b->e[j] : j >= a->len && j >= b->len;
			break;
		default:
			hit = stands_at(a, b, j, n);
			break;
		}
		res |= (u32)hit << j;
	}
	return res;
}

static u32 polarise(u32 res, unsigned blen, u8 imm)
{
	unsigned n = elements(imm);

	if (imm & 0x10)
		res ^= imm & 0x20 ? (1u << blen) - 1 : (1u << n) - 1;
	return res;
}

static u32 compare(struct x86_cpu *cpu, const struct x86_insn *in, bool is_explicit)
{
	struct operand a, b;
	u8 imm = (u8)in->imm;
	unsigned n = elements(imm);
	union x86_vec tmp;
	const union x86_vec *src = simd_src(cpu, in, 1, &tmp);
	u32 res;

	read_elements(&a, &cpu->vec[in->opnd[0].reg], imm);
	read_elements(&b, src, imm);
	a.len = is_explicit ? explicit_length(cpu, X86_RAX, in) : implicit_length(&a, imm);
	b.len = is_explicit ? explicit_length(cpu, X86_RDX, in) : implicit_length(&b, imm);
	res = polarise(aggregate(&a, &b, imm), b.len, imm);
	x86_set_arith(cpu, (res ? X86_FL_CF : 0) | (b.len < n ? X86_FL_ZF : 0) |
		      (a.len < n ? X86_FL_SF : 0) | (res & 1 ? X86_FL_OF : 0));
	return res;
}

static void put_index(struct x86_cpu *cpu, const struct x86_insn *in, u32 res)
{
	u8 imm = (u8)in->imm;

	if (!res)
		cpu->gpr[X86_RCX] = elements(imm);
	else
		cpu->gpr[X86_RCX] = imm & 0x40 ? 31 - (unsigned)__builtin_clz(res) : (unsigned)__builtin_ctz(res);
}

static void put_mask(struct x86_cpu *cpu, const struct x86_insn *in, u32 res)
{
	union x86_vec d = { .q = { res } };

	if (in->imm & 0x40) {
		for (unsigned i = 0; i < 16; i++)
			d.b[i] = res >> (in->imm & 1 ? i / 2 : i) & 1 ? 0xff : 0;
	}
	simd_put128(cpu, in, 0, &d);
}

static void exec_pcmpestri(struct x86_cpu *cpu, const struct x86_insn *in)
{
	put_index(cpu, in, compare(cpu, in, true));
}

static void exec_pcmpestrm(struct x86_cpu *cpu, const struct x86_insn *in)
{
	put_mask(cpu, in, compare(cpu, in, true));
}

static void exec_pcmpistri(struct x86_cpu *cpu, const struct x86_insn *in)
{
	put_index(cpu, in, compare(cpu, in, false));
}

static void exec_pcmpistrm(struct x86_cpu *cpu, const struct x86_insn *in)
{
	put_mask(cpu, in, compare(cpu, in, false));
}

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY(PCMPESTRI, pcmpestri), SIMD_ENTRY(PCMPESTRM, pcmpestrm),
	SIMD_ENTRY(PCMPISTRI, pcmpistri), SIMD_ENTRY(PCMPISTRM, pcmpistrm),
};
static const struct x86_exec_set simd_string = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_string);
