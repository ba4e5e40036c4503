// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moves under a mask (MASKMOVxx, VMASKMOVxx, gathers), broadcasts, halves of
 * YMM registers, VZEROALL and VZEROUPPER. Elements that the mask leaves out
 * are never touched and, but for MASKMOVQ and MASKMOVDQU, never fault.
 */
#include "simd.h"

/*
 * MASKMOVQ, MASKMOVDQU: bytes of a whose mask byte is negative, to seg:rDI.
 * Page faults do not depend on the mask, the upper half's come first: both
 * are the implementation's choice, and this is Intel's.
 */
static void maskmov(struct x86_cpu *cpu, const struct x86_insn *in, const u8 *a, const u8 *mask, unsigned n)
{
	u64 lin = x86_mem(cpu, in, n, X86_WRITE);

	for (unsigned at = n; at; at -= 8)
		x86_probe(cpu, x86_mem_part(cpu, in, at - 8, 8, X86_WRITE), 8, X86_WRITE);
	for (unsigned i = 0; i < n; i++)
		if (mask[i] & 0x80)
			x86_st8(cpu, lin + i, a[i]);
}

static void exec_maskmovdqu(struct x86_cpu *cpu, const struct x86_insn *in)
{
	maskmov(cpu, in, cpu->vec[in->opnd[1].reg].b, cpu->vec[in->opnd[2].reg].b, 16);
}

static void exec_maskmovq(struct x86_cpu *cpu, const struct x86_insn *in)
{
	union x86_vec a, m;

	mmx_check(cpu);
	a.q[0] = mmx_get(cpu, in->opnd[1].reg);
	m.q[0] = mmx_get(cpu, in->opnd[2].reg);
	mmx_touch(cpu);
	maskmov(cpu, in, a.b, m.b, 8);
}

static bool mask_bit(const union x86_vec *m, unsigned i, unsigned size)
{
	return size == 4 ? m->d[i] >> 31 : m->q[i] >> 63;
}

/* VMASKMOVPS/PD, VPMASKMOVD/Q: dst, mask, mem to load; mem, mask, src to store. */
static void vmaskmov_store(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size, unsigned count)
{
	const union x86_vec *m = &cpu->vec[in->opnd[1].reg], *a = &cpu->vec[in->opnd[2].reg];
	u64 ea = x86_ea(cpu, in);

	for (unsigned i = 0; i < count; i++)
		if (mask_bit(m, i, size))
			x86_probe(cpu, x86_seg_linear(cpu, in->seg, ea + i * size, size, X86_WRITE), size, X86_WRITE);
	for (unsigned i = 0; i < count; i++)
		if (mask_bit(m, i, size))
			x86_st(cpu, x86_seg_linear(cpu, in->seg, ea + i * size, size, X86_WRITE), size,
			       size == 4 ? a->d[i] : a->q[i]);
}

static void vmaskmov(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size)
{
	unsigned count = (in->flags & X86_INSN_L ? 32 : 16) / size;
	const union x86_vec *m = &cpu->vec[in->opnd[1].reg];
	union x86_vec d = { .q = { 0 } };
	u64 ea;

	if (in->opnd[0].kind == X86_OPND_MEM) {
		vmaskmov_store(cpu, in, size, count);
		return;
	}
	ea = x86_ea(cpu, in);
	for (unsigned i = 0; i < count; i++) {
		u64 lin;

		if (!mask_bit(m, i, size))
			continue;
		lin = x86_seg_linear(cpu, in->seg, ea + i * size, size, X86_READ);
		if (size == 4)
			d.d[i] = x86_ld32(cpu, lin);
		else
			d.q[i] = x86_ld64(cpu, lin);
	}
	simd_put_ymm(cpu, in->opnd[0].reg, &d);
}

static void exec_vmaskmovd(struct x86_cpu *cpu, const struct x86_insn *in)
{
	vmaskmov(cpu, in, 4);
}

static void exec_vmaskmovq(struct x86_cpu *cpu, const struct x86_insn *in)
{
	vmaskmov(cpu, in, 8);
}

/* Each mask element becomes all ones or zeroes, what is above them zeroes. */
static void normalise_mask(union x86_vec *m, unsigned size, unsigned count)
{
	union x86_vec d = { .q = { 0 } };

	for (unsigned i = 0; i < count; i++) {
		if (size == 4)
			d.d[i] = mask_bit(m, i, size) ? ~0u : 0;
		else
			d.q[i] = mask_bit(m, i, size) ? ~0ULL : 0;
	}
	for (unsigned i = 0; i < 4; i++)
		m->q[i] = d.q[i];
}

static void clear_above(struct x86_cpu *cpu, unsigned reg, unsigned bytes)
{
	for (unsigned i = bytes / 8; i < 4; i++)
		cpu->vec[reg].q[i] = 0;
}

/*
 * Gathers: dst, [base + index * scale], mask. An element that was loaded has
 * its mask cleared at once, so that a fault in a later one can be resumed.
 */
static void gather(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size, unsigned index_size)
{
	unsigned dst = in->opnd[0].reg, msk = in->opnd[2].reg;
	unsigned bytes = in->flags & X86_INSN_L ? 32 : 16;
	unsigned count = bytes / (size > index_size ? size : index_size);
	u64 base = cpu->gpr[in->base] + (u64)in->disp;
	const union x86_vec *x;

	if (dst == msk || dst == in->index || msk == in->index)
		x86_raise_ud(cpu);
	x = &cpu->vec[in->index];
	normalise_mask(&cpu->vec[msk], size, bytes / size);
	for (unsigned i = 0; i < count; i++) {
		u64 index = index_size == 4 ? (u64)(s64)(s32)x->d[i] : x->q[i];
		u64 ea, lin;

		if (!mask_bit(&cpu->vec[msk], i, size))
			continue;
		ea = base + (index << in->scale);
		lin = x86_seg_linear(cpu, in->seg, in->asize == 4 ? (u32)ea : ea, size, X86_READ);
		if (size == 4) {
			cpu->vec[dst].d[i] = x86_ld32(cpu, lin);
			cpu->vec[msk].d[i] = 0;
		} else {
			cpu->vec[dst].q[i] = x86_ld64(cpu, lin);
			cpu->vec[msk].q[i] = 0;
		}
		clear_above(cpu, dst, bytes);
	}
	clear_above(cpu, dst, count * size);
	clear_above(cpu, msk, 0);
}

#define GATHER(name, size, index_size) \
static void exec_##name(struct x86_cpu *cpu, const struct x86_insn *in) { gather(cpu, in, size, index_size); }

GATHER(gatherdd, 4, 4)
GATHER(gatherdq, 8, 4)
GATHER(gatherqd, 4, 8)
GATHER(gatherqq, 8, 8)

/* Broadcasts of an element of the source's low part. */
#define BROADCAST(name, f, size) \
static inline void name(union x86_vec *d, const union x86_vec *a, unsigned n) \
{ \
	for (unsigned i = 0; i < n / (size); i++) \
		d->f[i] = a->f[0]; \
} \
SIMD_UN(name)

BROADCAST(broadcastb, b, 1)
BROADCAST(broadcastw, w, 2)
BROADCAST(broadcastd, d, 4)
BROADCAST(broadcastq, q, 8)

static void exec_broadcast128(struct x86_cpu *cpu, const struct x86_insn *in)
{
	union x86_vec d;

	x86_ld128(cpu, x86_mem(cpu, in, 16, X86_READ), &d);
	d.q[2] = d.q[0];
	d.q[3] = d.q[1];
	simd_put_ymm(cpu, in->opnd[0].reg, &d);
}

static void exec_extract128(struct x86_cpu *cpu, const struct x86_insn *in)
{
	const union x86_vec *a = &cpu->vec[in->opnd[1].reg];
	unsigned half = 2 * (in->imm & 1);
	union x86_vec d = { .q = { a->q[half], a->q[half + 1] } };

	if (in->opnd[0].kind == X86_OPND_MEM)
		x86_st128(cpu, x86_mem(cpu, in, 16, X86_WRITE), &d);
	else
		simd_put_ymm(cpu, in->opnd[0].reg, &d);
}

static void exec_insert128(struct x86_cpu *cpu, const struct x86_insn *in)
{
	union x86_vec tmp, d = cpu->vec[in->opnd[1].reg];
	const union x86_vec *b = simd_src(cpu, in, 2, &tmp);
	unsigned half = 2 * (in->imm & 1);

	d.q[half] = b->q[0];
	d.q[half + 1] = b->q[1];
	simd_put_ymm(cpu, in->opnd[0].reg, &d);
}

static void exec_vzeroupper(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	for (unsigned i = 0; i < (x86_in_64bit(cpu) ? 16 : 8); i++)
		simd_clear_high(cpu, i);
}

static void exec_vzeroall(struct x86_cpu *cpu, const struct x86_insn *in)
{
	static const union x86_vec zero;

	(void)in;
	for (unsigned i = 0; i < (x86_in_64bit(cpu) ? 16 : 8); i++)
		simd_put_ymm(cpu, i, &zero);
}

static const struct x86_exec_entry entries[] = {
	SIMD_ENTRY(MASKMOVQ, maskmovq), SIMD_ENTRY(MASKMOVDQU, maskmovdqu),
	SIMD_ENTRY(VMASKMOVPS, vmaskmovd), SIMD_ENTRY(VMASKMOVPD, vmaskmovq),
	SIMD_ENTRY(VPMASKMOVD, vmaskmovd), SIMD_ENTRY(VPMASKMOVQ, vmaskmovq),
	SIMD_ENTRY(VGATHERDPS, gatherdd), SIMD_ENTRY(VGATHERDPD, gatherdq),
	SIMD_ENTRY(VGATHERQPS, gatherqd), SIMD_ENTRY(VGATHERQPD, gatherqq),
	SIMD_ENTRY(VPGATHERDD, gatherdd), SIMD_ENTRY(VPGATHERDQ, gatherdq),
	SIMD_ENTRY(VPGATHERQD, gatherqd), SIMD_ENTRY(VPGATHERQQ, gatherqq),
	SIMD_ENTRY(VBROADCASTSS, broadcastd), SIMD_ENTRY(VBROADCASTSD, broadcastq),
	SIMD_ENTRY(VBROADCASTF128, broadcast128), SIMD_ENTRY(VBROADCASTI128, broadcast128),
	SIMD_ENTRY(VPBROADCASTB, broadcastb), SIMD_ENTRY(VPBROADCASTW, broadcastw),
	SIMD_ENTRY(VPBROADCASTD, broadcastd), SIMD_ENTRY(VPBROADCASTQ, broadcastq),
	SIMD_ENTRY(VEXTRACTF128, extract128), SIMD_ENTRY(VEXTRACTI128, extract128),
	SIMD_ENTRY(VINSERTF128, insert128), SIMD_ENTRY(VINSERTI128, insert128),
	SIMD_ENTRY(VZEROUPPER, vzeroupper), SIMD_ENTRY(VZEROALL, vzeroall),
};
static const struct x86_exec_set simd_move_masked = X86_EXEC_SET(entries);
REGISTER(x86_exec, simd_move_masked);
