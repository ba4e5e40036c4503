// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FXSAVE and FXRSTOR, the XSAVE family, LDMXCSR and STMXCSR: SDM vol. 1, 10.5
 * and chapter 13. Images are built and taken apart in host buffers; every
 * check is made before the guest's state or memory changes.
 */
#include <string.h>

#include "bytes.h"
#include "x86/xstate.h"
#include "x87.h"

#define CR0_EM		(1u << 2)
#define CR0_TS		(1u << 3)
#define CR4_OSFXSR	(1u << 9)
#define CR4_OSXSAVE	(1u << 18)
#define XCOMP_COMPACT	BIT(63)
#define ST_OFFSET	32
#define XMM_OFFSET	160

static unsigned vec_count(const struct x86_cpu *cpu)
{
	return x86_in_64bit(cpu) ? 16 : 8;
}

static bool wide_pointers(const struct x86_cpu *cpu, const struct x86_insn *in)
{
	return x86_in_64bit(cpu) && (in->rex & X86_REX_W);
}

/* Bytes 0-23 and 32-159 of the legacy region. */
static void build_x87(const struct x86_cpu *cpu, const struct x86_insn *in, u8 *a)
{
	const struct x86_fpu *f = &cpu->fpu;

	memset(a, 0, 24);
	put_le16(a, f->cw);
	put_le16(a + 2, f->sw);
	a[4] = f->valid;
	put_le16(a + 6, f->fop);
	if (wide_pointers(cpu, in)) {
		put_le64(a + 8, f->fip);
		put_le64(a + 16, f->fdp);
	} else {
		put_le32(a + 8, (u32)f->fip);
		put_le16(a + 12, f->fcs);
		put_le32(a + 16, (u32)f->fdp);
		put_le16(a + 20, f->fds);
	}
	for (unsigned i = 0; i < 8; i++) {
		const struct x86_f80 *r = &f->st[x87_phys(cpu, i)];
		u8 *p = a + ST_OFFSET + 16 * i;

		put_le64(p, r->man);
		put_le64(p + 8, r->se);
	}
}

static void take_x87(struct x86_cpu *cpu, const struct x86_insn *in, const u8 *a)
{
	struct x86_fpu *f = &cpu->fpu;

	f->cw = (u16)((get_le16(a) & 0x1f3f) | 0x40);
	f->sw = get_le16(a + 2);
	f->valid = a[4];
	f->fop = get_le16(a + 6) & 0x7ff;
	f->fcs = f->fds = 0;
	f->fip = wide_pointers(cpu, in) ? get_le64(a + 8) : get_le32(a + 8);
	f->fdp = wide_pointers(cpu, in) ? get_le64(a + 16) : get_le32(a + 16);
	for (unsigned i = 0; i < 8; i++) {
		struct x86_f80 *r = &f->st[x87_phys(cpu, i)];
		const u8 *p = a + ST_OFFSET + 16 * i;

		r->man = get_le64(p);
		r->se = get_le16(p + 8);
	}
	x87_update_es(cpu);
}

static void build_mxcsr(const struct x86_cpu *cpu, u8 *a)
{
	put_le32(a + 24, cpu->mxcsr);
	put_le32(a + 28, X86_MXCSR_MASK);
}

static void build_xmm(const struct x86_cpu *cpu, u8 *a)
{
	for (unsigned i = 0; i < vec_count(cpu); i++)
		memcpy(a + XMM_OFFSET + 16 * i, cpu->vec[i].b, 16);
}

static void take_xmm(struct x86_cpu *cpu, const u8 *a)
{
	for (unsigned i = 0; i < vec_count(cpu); i++)
		memcpy(cpu->vec[i].b, a + XMM_OFFSET + 16 * i, 16);
}

static unsigned legacy_bytes(const struct x86_cpu *cpu)
{
	return XMM_OFFSET + 16 * vec_count(cpu);
}

static u64 fx_area(struct x86_cpu *cpu, const struct x86_insn *in, int access)
{
	u64 lin;

	if (cpu->cr0 & (CR0_EM | CR0_TS))
		x86_raise(cpu, X86_EXC_NM);
	lin = x86_mem(cpu, in, 512, access);
	if (lin & 15)
		x86_raise_gp(cpu, 0);
	x86_probe(cpu, x86_mem_part(cpu, in, 511, 1, access), 1, access);	/* the end is touched first, CR2 shows it */
	return lin;
}

static void exec_fxsave(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin = fx_area(cpu, in, X86_WRITE);
	u8 a[512];

	build_x87(cpu, in, a);
	build_mxcsr(cpu, a);
	build_xmm(cpu, a);
	x86_st_block(cpu, lin, a, legacy_bytes(cpu));
}

static void exec_fxrstor(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 lin = fx_area(cpu, in, X86_READ);
	u8 a[512];
	u32 mxcsr;

	x86_ld_block(cpu, lin, a, 512);
	mxcsr = get_le32(a + 24);
	if (cpu->cr4 & CR4_OSFXSR) {
		if (mxcsr & ~X86_MXCSR_MASK)
			x86_raise_gp(cpu, 0);
		cpu->mxcsr = mxcsr;
		take_xmm(cpu, a);
	}
	take_x87(cpu, in, a);
}

static void exec_ldmxcsr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u32 val = (u32)x86_get_operand(cpu, in, 0);

	if (val & ~X86_MXCSR_MASK)
		x86_raise_gp(cpu, 0);
	cpu->mxcsr = val;
}

static void exec_stmxcsr(struct x86_cpu *cpu, const struct x86_insn *in)
{
	x86_put_operand(cpu, in, 0, cpu->mxcsr);
}

/* ---- XSAVE ---- */

static bool x87_in_use(const struct x86_cpu *cpu)
{
	const struct x86_fpu *f = &cpu->fpu;
	u64 any = 0;

	for (unsigned i = 0; i < 8; i++)
		any |= f->st[i].man | f->st[i].se;
	return any || f->cw != 0x37f || f->sw || f->valid || f->fop || f->fip || f->fdp;
}

static bool vec_in_use(const struct x86_cpu *cpu, unsigned half)
{
	u64 any = 0;

	for (unsigned i = 0; i < vec_count(cpu); i++)
		any |= cpu->vec[i].q[2 * half] | cpu->vec[i].q[2 * half + 1];
	return any;
}

/* XINUSE: the components that are not in their initial configuration. */
static u64 in_use(const struct x86_cpu *cpu)
{
	return (x87_in_use(cpu) ? X86_XSTATE_X87 : 0) |
	       (vec_in_use(cpu, 0) || cpu->mxcsr != 0x1f80 ? X86_XSTATE_SSE : 0) |
	       (vec_in_use(cpu, 1) ? X86_XSTATE_AVX : 0) | (cpu->pkru ? X86_XSTATE_PKRU : 0);
}

static u64 requested(const struct x86_cpu *cpu, u64 supported)
{
	return ((u32)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32) & supported;
}

/* The checks common to the family; the address of the area. */
static u64 xsave_area(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size, int access)
{
	u64 lin;

	if (!(cpu->cr4 & CR4_OSXSAVE))
		x86_raise_ud(cpu);
	if (cpu->cr0 & CR0_TS)
		x86_raise(cpu, X86_EXC_NM);
	lin = x86_mem(cpu, in, size, access);
	if (lin & 63)
		x86_raise_gp(cpu, 0);
	return lin;
}

static void build_extended(const struct x86_cpu *cpu, unsigned i, u8 *p)
{
	if (i == 2)
		for (unsigned r = 0; r < vec_count(cpu); r++)
			memcpy(p + 16 * r, cpu->vec[r].b + 16, 16);
	else if (i == 9)
		put_le64(p, cpu->pkru);
}

static unsigned extended_bytes(const struct x86_cpu *cpu, unsigned i)
{
	return i == 2 ? 16 * vec_count(cpu) : x86_xstate_component(i).size;
}

/* mx: MXCSR goes with these components. */
static void save_legacy(struct x86_cpu *cpu, const struct x86_insn *in, u64 lin, u64 mx, u64 write)
{
	u8 a[512];

	if (write & X86_XSTATE_X87) {
		build_x87(cpu, in, a);
		x86_st_block(cpu, lin, a, 24);
		x86_st_block(cpu, lin + ST_OFFSET, a + ST_OFFSET, 128);
	}
	if (mx & (X86_XSTATE_SSE | X86_XSTATE_AVX)) {
		build_mxcsr(cpu, a);
		x86_st_block(cpu, lin + 24, a + 24, 8);
	}
	if (write & X86_XSTATE_SSE) {
		build_xmm(cpu, a);
		x86_st_block(cpu, lin + XMM_OFFSET, a + XMM_OFFSET, 16 * vec_count(cpu));
	}
}

/* Saves the components of write; rfbm gives the compacted layout. */
static void save(struct x86_cpu *cpu, const struct x86_insn *in, u64 lin, u64 rfbm, u64 write, bool compacted)
{
	unsigned at = X86_XSTATE_LEGACY + X86_XSTATE_HEADER;
	u8 buf[256];

	save_legacy(cpu, in, lin, compacted ? write & X86_XSTATE_SSE : rfbm, write);
	for (unsigned i = 2; rfbm >> i; i++) {
		if (!(rfbm >> i & 1))
			continue;
		if (!compacted)
			at = x86_xstate_component(i).offset;
		if (write >> i & 1) {
			build_extended(cpu, i, buf);
			x86_st_block(cpu, lin + at, buf, extended_bytes(cpu, i));
		}
		at += x86_xstate_component(i).size;
	}
}

/* XSAVE writes all that was asked for, XSAVEOPT leaves out initial states. */
static void xsave_standard(struct x86_cpu *cpu, const struct x86_insn *in, bool opt)
{
	u64 rfbm = requested(cpu, cpu->xcr0), used = in_use(cpu) & rfbm, bv;
	unsigned size = x86_xstate_size(rfbm, false);
	u64 lin = xsave_area(cpu, in, size, X86_WRITE);

	x86_probe(cpu, x86_mem_part(cpu, in, size - 1, 1, X86_WRITE), 1, X86_WRITE);
	x86_probe(cpu, lin, size, X86_WRITE);
	bv = x86_ld64(cpu, lin + X86_XSTATE_LEGACY);
	save(cpu, in, lin, rfbm, opt ? used : rfbm, false);
	x86_st64(cpu, lin + X86_XSTATE_LEGACY, (bv & ~rfbm) | used);
}

static void xsave_compacted(struct x86_cpu *cpu, const struct x86_insn *in, u64 supported)
{
	u64 rfbm = requested(cpu, supported), used = in_use(cpu) & rfbm;
	unsigned size = x86_xstate_size(rfbm, true);
	u64 lin = xsave_area(cpu, in, size, X86_WRITE);

	x86_probe(cpu, x86_mem_part(cpu, in, size - 1, 1, X86_WRITE), 1, X86_WRITE);
	x86_probe(cpu, lin, size, X86_WRITE);
	save(cpu, in, lin, rfbm, used, true);
	x86_st64(cpu, lin + X86_XSTATE_LEGACY, used);
	x86_st64(cpu, lin + X86_XSTATE_LEGACY + 8, rfbm | XCOMP_COMPACT);
}

static void exec_xsave(struct x86_cpu *cpu, const struct x86_insn *in)
{
	xsave_standard(cpu, in, false);
}

static void exec_xsaveopt(struct x86_cpu *cpu, const struct x86_insn *in)
{
	xsave_standard(cpu, in, true);
}

static void exec_xsavec(struct x86_cpu *cpu, const struct x86_insn *in)
{
	xsave_compacted(cpu, in, cpu->xcr0);
}

static void exec_xsaves(struct x86_cpu *cpu, const struct x86_insn *in)
{
	xsave_compacted(cpu, in, cpu->xcr0 | cpu->msr.xss);
}

/* The header's rules (SDM vol. 1, 13.8.1 and 13.8.2); #GP(0) when broken. */
static bool check_header(struct x86_cpu *cpu, const u8 *h, u64 supported, bool must_compact)
{
	u64 bv = get_le64(h), comp = get_le64(h + 8), reserved = 0;
	bool compacted = comp & XCOMP_COMPACT;

	for (unsigned i = 16; i < (compacted ? 64 : 24); i += 8)
		reserved |= get_le64(h + i);
	if (compacted && !must_compact && !x86_has(cpu, X86_FEAT_XSAVEC))
		x86_raise_gp(cpu, 0);
	if (reserved || (must_compact && !compacted))
		x86_raise_gp(cpu, 0);
	if (compacted ? (comp & ~XCOMP_COMPACT & ~supported) || (bv & ~comp) : comp || (bv & ~supported))
		x86_raise_gp(cpu, 0);
	return compacted;
}

static void init_x87(struct x86_cpu *cpu)
{
	x87_init(cpu);
	memset(cpu->fpu.st, 0, sizeof(cpu->fpu.st));
}

static void restore_sse(struct x86_cpu *cpu, const u8 *a, bool present)
{
	if (present)
		take_xmm(cpu, a);
	else
		for (unsigned i = 0; i < vec_count(cpu); i++)
			memset(cpu->vec[i].b, 0, 16);
}

/* Component i >= 2 from p, or its initial state when p is NULL. */
static void restore_extended(struct x86_cpu *cpu, unsigned i, const u8 *p)
{
	if (i == 2) {
		for (unsigned r = 0; r < vec_count(cpu); r++) {
			if (p)
				memcpy(cpu->vec[r].b + 16, p + 16 * r, 16);
			else
				memset(cpu->vec[r].b + 16, 0, 16);
		}
	} else if (i == 9) {
		cpu->pkru = p ? get_le32(p) : 0;
		x86_pkru_changed(cpu);
	}
}

static void restore(struct x86_cpu *cpu, const struct x86_insn *in, u64 supported, bool must_compact)
{
	u64 rfbm = requested(cpu, supported), lin, bv, layout;
	u8 a[X86_XSTATE_LEGACY + X86_XSTATE_HEADER + 512];
	unsigned size, at;
	bool compacted, load_mxcsr;
	u32 mxcsr;

	lin = xsave_area(cpu, in, X86_XSTATE_LEGACY + X86_XSTATE_HEADER, X86_READ);
	x86_probe(cpu, x86_mem_part(cpu, in, X86_XSTATE_LEGACY + 8, 8, X86_READ), 8, X86_READ);
	x86_ld_block(cpu, lin, a, X86_XSTATE_LEGACY + X86_XSTATE_HEADER);
	compacted = check_header(cpu, a + X86_XSTATE_LEGACY, supported, must_compact);
	bv = get_le64(a + X86_XSTATE_LEGACY);
	layout = compacted ? get_le64(a + X86_XSTATE_LEGACY + 8) & ~XCOMP_COMPACT : rfbm & bv;
	size = x86_xstate_size(layout, compacted);
	x86_mem(cpu, in, size, X86_READ);
	x86_ld_block(cpu, lin + 576, a + 576, size - 576);
	mxcsr = get_le32(a + 24);
	load_mxcsr = compacted ? rfbm & bv & X86_XSTATE_SSE : rfbm & (X86_XSTATE_SSE | X86_XSTATE_AVX);
	if (load_mxcsr && (mxcsr & ~X86_MXCSR_MASK))
		x86_raise_gp(cpu, 0);

	if (load_mxcsr)
		cpu->mxcsr = mxcsr;
	else if (rfbm & X86_XSTATE_SSE)
		cpu->mxcsr = 0x1f80;
	if (rfbm & bv & X86_XSTATE_X87)
		take_x87(cpu, in, a);
	else if (rfbm & X86_XSTATE_X87)
		init_x87(cpu);
	if (rfbm & X86_XSTATE_SSE)
		restore_sse(cpu, a, bv & X86_XSTATE_SSE);
	at = X86_XSTATE_LEGACY + X86_XSTATE_HEADER;
	for (unsigned i = 2; (rfbm | layout) >> i; i++) {
		if (!compacted)
			at = x86_xstate_component(i).offset;
		if (rfbm >> i & 1)
			restore_extended(cpu, i, bv >> i & 1 ? a + at : NULL);
		if (layout >> i & 1)
			at += x86_xstate_component(i).size;
	}
}

static void exec_xrstor(struct x86_cpu *cpu, const struct x86_insn *in)
{
	restore(cpu, in, cpu->xcr0, false);
}

static void exec_xrstors(struct x86_cpu *cpu, const struct x86_insn *in)
{
	restore(cpu, in, cpu->xcr0 | cpu->msr.xss, true);
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_FXSAVE, exec_fxsave, NULL }, { X86_OP_FXRSTOR, exec_fxrstor, NULL },
	{ X86_OP_LDMXCSR, exec_ldmxcsr, NULL }, { X86_OP_STMXCSR, exec_stmxcsr, NULL },
	{ X86_OP_XSAVE, exec_xsave, NULL }, { X86_OP_XSAVEOPT, exec_xsaveopt, NULL },
	{ X86_OP_XSAVEC, exec_xsavec, NULL }, { X86_OP_XSAVES, exec_xsaves, NULL },
	{ X86_OP_XRSTOR, exec_xrstor, NULL }, { X86_OP_XRSTORS, exec_xrstors, NULL },
};
static const struct x86_exec_set x87_xsave = X86_EXEC_SET(entries);
REGISTER(x86_exec, x87_xsave);
