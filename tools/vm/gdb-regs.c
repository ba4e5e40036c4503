// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers as gdb sees them. One table gives the order of `g` packets, the
 * numbers of `p` and the target description (gdb's manual, "Target
 * Descriptions", "i386 Features"); what gdb has no feature for is in one of ours.
 */
#include <stdio.h>
#include "bytes.h"
#include "gdb.h"
#include "str.h"
#include "x86/saved.h"

enum kind {
	R_GPR, R_RIP, R_FLAGS, R_SEL, R_ST, R_FPU, R_XMM, R_MXCSR, R_YMMH, R_BASE, R_SYS,
};

enum fpu { F_CTRL, F_STAT, F_TAG, F_ISEG, F_IOFF, F_OSEG, F_OOFF, F_OP };
enum sys { S_KGS, S_CR0, S_CR2, S_CR3, S_CR4, S_CR8, S_EFER, S_XCR0, S_DR0, S_DR6 = S_DR0 + 4, S_DR7, S_GDT, S_IDT, S_TR, S_TRBASE, S_LDT };

enum feature { CORE, SSE, AVX, SEGMENTS, CONTROL };
static const char *const features[] = {
	"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.avx", "org.gnu.gdb.i386.segments",
	"org.vmbox.gdb.i386.control",
};

struct reg {
	const char *wide, *narrow;	/* names; NULL: not in that set */
	const char *type;		/* NULL: int of its size */
	u8 bytes, narrow_bytes;
	u8 feature, kind, index;
};

#define G(w, n, i)	{ w, n, NULL, 8, 4, CORE, R_GPR, i }
#define GP(w, n, i)	{ w, n, "data_ptr", 8, 4, CORE, R_GPR, i }
#define SEL(n, i)	{ n, n, NULL, 4, 4, CORE, R_SEL, i }
#define ST(n, i)	{ n, n, "i387_ext", 10, 10, CORE, R_ST, i }
#define FPU(n, i)	{ n, n, NULL, 4, 4, CORE, R_FPU, i }
#define XMM(n, i)	{ n, i < 8 ? n : NULL, "vec128", 16, 16, SSE, R_XMM, i }
#define YMMH(n, i)	{ n, i < 8 ? n : NULL, "uint128", 16, 16, AVX, R_YMMH, i }
#define SYS(n, i)	{ n, n, NULL, 8, 8, CONTROL, R_SYS, i }

static const struct reg regs[] = {
	/* The 64-bit order begins a b c d, the 32-bit one a c d b; see index_of(). */
	G("rax", "eax", 0), G("rbx", NULL, 3), G("rcx", "ecx", 1), G("rdx", "edx", 2), G(NULL, "ebx", 3),
	G("rsi", NULL, 6), G("rdi", NULL, 7), GP("rbp", NULL, 5), GP("rsp", "esp", 4), GP(NULL, "ebp", 5),
	G(NULL, "esi", 6), G(NULL, "edi", 7),
	G("r8", NULL, 8), G("r9", NULL, 9), G("r10", NULL, 10), G("r11", NULL, 11),
	G("r12", NULL, 12), G("r13", NULL, 13), G("r14", NULL, 14), G("r15", NULL, 15),
	{ "rip", "eip", "code_ptr", 8, 4, CORE, R_RIP, 0 },
	{ "eflags", "eflags", "i386_eflags", 4, 4, CORE, R_FLAGS, 0 },
	SEL("cs", X86_CS), SEL("ss", X86_SS), SEL("ds", X86_DS), SEL("es", X86_ES), SEL("fs", X86_FS), SEL("gs", X86_GS),
	ST("st0", 0), ST("st1", 1), ST("st2", 2), ST("st3", 3), ST("st4", 4), ST("st5", 5), ST("st6", 6), ST("st7", 7),
	FPU("fctrl", F_CTRL), FPU("fstat", F_STAT), FPU("ftag", F_TAG), FPU("fiseg", F_ISEG), FPU("fioff", F_IOFF),
	FPU("foseg", F_OSEG), FPU("fooff", F_OOFF), FPU("fop", F_OP),
	XMM("xmm0", 0), XMM("xmm1", 1), XMM("xmm2", 2), XMM("xmm3", 3), XMM("xmm4", 4), XMM("xmm5", 5), XMM("xmm6", 6),
	XMM("xmm7", 7), XMM("xmm8", 8), XMM("xmm9", 9), XMM("xmm10", 10), XMM("xmm11", 11), XMM("xmm12", 12),
	XMM("xmm13", 13), XMM("xmm14", 14), XMM("xmm15", 15),
	{ "mxcsr", "mxcsr", "i386_mxcsr", 4, 4, SSE, R_MXCSR, 0 },
	YMMH("ymm0h", 0), YMMH("ymm1h", 1), YMMH("ymm2h", 2), YMMH("ymm3h", 3), YMMH("ymm4h", 4), YMMH("ymm5h", 5),
	YMMH("ymm6h", 6), YMMH("ymm7h", 7), YMMH("ymm8h", 8), YMMH("ymm9h", 9), YMMH("ymm10h", 10), YMMH("ymm11h", 11),
	YMMH("ymm12h", 12), YMMH("ymm13h", 13), YMMH("ymm14h", 14), YMMH("ymm15h", 15),
	{ "fs_base", NULL, NULL, 8, 8, SEGMENTS, R_BASE, X86_FS }, { "gs_base", NULL, NULL, 8, 8, SEGMENTS, R_BASE, X86_GS },
	SYS("k_gs_base", S_KGS), SYS("cr0", S_CR0), SYS("cr2", S_CR2), SYS("cr3", S_CR3), SYS("cr4", S_CR4), SYS("cr8", S_CR8),
	SYS("efer", S_EFER), SYS("xcr0", S_XCR0), SYS("dr0", S_DR0), SYS("dr1", S_DR0 + 1), SYS("dr2", S_DR0 + 2),
	SYS("dr3", S_DR0 + 3), SYS("dr6", S_DR6), SYS("dr7", S_DR7), SYS("gdt_base", S_GDT), SYS("idt_base", S_IDT),
	SYS("tr", S_TR), SYS("tr_base", S_TRBASE), SYS("ldt", S_LDT),
};

static const char *name_of(const struct reg *r, bool wide) { return wide ? r->wide : r->narrow; }
static unsigned bytes_of(const struct reg *r, bool wide) { return wide ? r->bytes : r->narrow_bytes; }

/* Register number n of the set. */
static const struct reg *find(bool wide, unsigned n)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (name_of(&regs[i], wide) && n-- == 0)
			return &regs[i];
	return NULL;
}

/* ---- x87 ---- */

static unsigned physical(const struct x86_cpu *cpu, unsigned st)
{
	return (st + (cpu->fpu.sw >> 11)) & 7;
}

/* The full tag word: 0 valid, 1 zero, 2 special, 3 empty. */
static u16 full_tag(const struct x86_fpu *f)
{
	u16 tag = 0;

	for (unsigned i = 0; i < 8; i++) {
		u64 man = f->st[i].man;
		u16 exp = f->st[i].se & 0x7fff;
		unsigned t = !(f->valid >> i & 1) ? 3 : !exp && !man ? 1 : !exp || exp == 0x7fff || !(man >> 63) ? 2 : 0;

		tag |= (u16)(t << (2 * i));
	}
	return tag;
}

static u64 fpu_get(const struct x86_fpu *f, unsigned index)
{
	switch (index) {
	case F_CTRL: return f->cw;
	case F_STAT: return f->sw;
	case F_TAG:  return full_tag(f);
	case F_ISEG: return f->fcs;
	case F_IOFF: return (u32)f->fip;
	case F_OSEG: return f->fds;
	case F_OOFF: return (u32)f->fdp;
	default:     return f->fop;
	}
}

static void fpu_set(struct x86_fpu *f, unsigned index, u32 v)
{
	switch (index) {
	case F_CTRL: f->cw = (u16)v; break;
	case F_STAT: f->sw = (u16)v; break;
	case F_TAG:
		f->valid = 0;
		for (unsigned i = 0; i < 8; i++)
			f->valid |= (u8)(((v >> (2 * i)) & 3) != 3) << i;
		break;
	case F_ISEG: f->fcs = (u16)v; break;
	case F_IOFF: f->fip = v; break;
	case F_OSEG: f->fds = (u16)v; break;
	case F_OOFF: f->fdp = v; break;
	default:     f->fop = (u16)(v & 0x7ff);
	}
}

/* ---- system registers ---- */

static u64 sys_get(const struct x86_cpu *cpu, unsigned index)
{
	struct x86_saved s;

	switch (index) {
	case S_KGS:  return cpu->msr.kernel_gs_base;
	case S_CR0:  return cpu->cr0;
	case S_CR2:  return cpu->cr2;
	case S_CR3:  return cpu->cr3;
	case S_CR4:  return cpu->cr4;
	case S_CR8:
		x86_cpu_get_saved(cpu, &s);
		return s.cr8;
	case S_EFER: return cpu->efer;
	case S_XCR0: return cpu->xcr0;
	case S_DR6:  return cpu->dr6;
	case S_DR7:  return cpu->dr7;
	case S_GDT:  return cpu->gdt.base;
	case S_IDT:  return cpu->idt.base;
	case S_TR:   return cpu->tr.sel;
	case S_TRBASE: return cpu->tr.base;
	case S_LDT:  return cpu->ldt.sel;
	default:     return cpu->dr[index - S_DR0];
	}
}

/* What can be set without a descriptor or a side effect elsewhere. */
static bool sys_set(struct x86_cpu *cpu, unsigned index, u64 v)
{
	switch (index) {
	case S_KGS: cpu->msr.kernel_gs_base = v; return true;
	case S_CR0: x86_set_control(cpu, v, cpu->cr3, cpu->cr4, cpu->efer); return true;
	case S_CR2: cpu->cr2 = v; return true;
	case S_CR3: x86_set_control(cpu, cpu->cr0, v, cpu->cr4, cpu->efer); return true;
	case S_CR4: x86_set_control(cpu, cpu->cr0, cpu->cr3, v, cpu->efer); return true;
	case S_EFER: x86_set_control(cpu, cpu->cr0, cpu->cr3, cpu->cr4, v); return true;
	case S_GDT: cpu->gdt.base = v; return true;
	case S_IDT: cpu->idt.base = v; return true;
	default: return false;
	}
}

/* ---- any register ---- */

unsigned gdb_reg_read(const struct x86_cpu *cpu, bool wide, unsigned n, u8 buf[GDB_REG_MAX])
{
	const struct reg *r = find(wide, n);
	u64 v = 0;

	if (!r)
		return 0;
	switch ((enum kind)r->kind) {
	case R_ST:
		put_le64(buf, cpu->fpu.st[physical(cpu, r->index)].man);
		put_le16(buf + 8, cpu->fpu.st[physical(cpu, r->index)].se);
		return 10;
	case R_XMM:
	case R_YMMH:
		memcpy(buf, cpu->vec[r->index].b + (r->kind == R_YMMH ? 16 : 0), 16);
		return 16;
	case R_GPR:   v = cpu->gpr[r->index]; break;
	case R_RIP:   v = cpu->rip; break;
	case R_FLAGS: v = x86_eflags(cpu); break;
	case R_SEL:   v = cpu->seg[r->index].sel; break;
	case R_FPU:   v = fpu_get(&cpu->fpu, r->index); break;
	case R_MXCSR: v = cpu->mxcsr; break;
	case R_BASE:  v = cpu->seg[r->index].base; break;
	case R_SYS:   v = sys_get(cpu, r->index); break;
	}
	put_le64(buf, v);
	return bytes_of(r, wide);
}

/* As a real-mode program would; in protected mode the hidden part stays. */
static void set_selector(struct x86_cpu *cpu, unsigned seg, u16 sel)
{
	struct x86_segment s = cpu->seg[seg];

	if (s.sel == sel)
		return;
	s.sel = sel;
	if (!(cpu->mode & X86_MODEF_PROT))
		s.base = (u64)sel << 4;
	x86_set_segment(cpu, (enum x86_seg)seg, &s);
}

unsigned gdb_reg_write(struct x86_cpu *cpu, bool wide, unsigned n, const u8 buf[GDB_REG_MAX])
{
	const struct reg *r = find(wide, n);
	struct x86_segment seg;
	u64 v;

	if (!r)
		return 0;
	v = bytes_of(r, wide) == 4 ? get_le32(buf) : get_le64(buf);
	switch ((enum kind)r->kind) {
	case R_ST:
		cpu->fpu.st[physical(cpu, r->index)] = (struct x86_f80){ get_le64(buf), get_le16(buf + 8) };
		return 10;
	case R_XMM:
	case R_YMMH:
		memcpy(cpu->vec[r->index].b + (r->kind == R_YMMH ? 16 : 0), buf, 16);
		return 16;
	case R_GPR:   cpu->gpr[r->index] = v; break;
	case R_RIP:   cpu->rip = v; break;
	case R_FLAGS: x86_set_eflags(cpu, v); break;
	case R_SEL:   set_selector(cpu, r->index, (u16)v); break;
	case R_FPU:   fpu_set(&cpu->fpu, r->index, (u32)v); break;
	case R_MXCSR: cpu->mxcsr = (u32)v & 0xffff; break;
	case R_BASE:
		seg = cpu->seg[r->index];
		seg.base = v;
		x86_set_segment(cpu, (enum x86_seg)r->index, &seg);
		break;
	case R_SYS:
		if (!sys_set(cpu, r->index, v))
			return 0;
	}
	x86_cpu_changed(cpu);
	return bytes_of(r, wide);
}

/* ---- target.xml ---- */

static const char flags_xml[] =
	"<flags id=\"i386_eflags\" size=\"4\">"
	"<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
	"<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
	"<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
	"<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/><field name=\"RF\" start=\"16\" end=\"16\"/>"
	"<field name=\"VM\" start=\"17\" end=\"17\"/><field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"VIF\" start=\"19\" end=\"19\"/>"
	"<field name=\"VIP\" start=\"20\" end=\"20\"/><field name=\"ID\" start=\"21\" end=\"21\"/></flags>";

static const char sse_xml[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
	"<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>"
	"<flags id=\"i386_mxcsr\" size=\"4\">"
	"<field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/><field name=\"ZE\" start=\"2\" end=\"2\"/>"
	"<field name=\"OE\" start=\"3\" end=\"3\"/><field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>"
	"<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"IM\" start=\"7\" end=\"7\"/><field name=\"DM\" start=\"8\" end=\"8\"/>"
	"<field name=\"ZM\" start=\"9\" end=\"9\"/><field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/>"
	"<field name=\"PM\" start=\"12\" end=\"12\"/><field name=\"FZ\" start=\"15\" end=\"15\"/></flags>";

static void reg_xml(const struct reg *r, bool wide, struct strbuf *out)
{
	unsigned bits = bytes_of(r, wide) * 8;
	char type[16];

	snprintf(type, sizeof(type), "int%u", bits);
	strbuf_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>", name_of(r, wide), bits, r->type ? r->type : type,
		      r->kind == R_FPU ? " group=\"float\"" : r->kind == R_SYS ? " group=\"system\"" : "");
}

void gdb_target_xml(bool wide, struct strbuf *out)
{
	strbuf_printf(out, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">"
		      "<architecture>%s</architecture>", wide ? "i386:x86-64" : "i386");
	for (unsigned f = 0; f < ARRAY_SIZE(features); f++) {
		if (f == SEGMENTS && !wide)
			continue;
		strbuf_printf(out, "<feature name=\"%s\">%s", features[f], f == CORE ? flags_xml : f == SSE ? sse_xml : "");
		for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
			if (regs[i].feature == f && name_of(&regs[i], wide))
				reg_xml(&regs[i], wide, out);
		strbuf_puts(out, "</feature>");
	}
	strbuf_puts(out, "</target>");
}
