/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How instructions are executed: the handler contract, operands, faults.
 *
 * A handler gets the vCPU and the decoded instruction and does all of it, or
 * unwinds through x86_raise() having changed nothing that the guest can see
 * (read and check first, store to memory next, write registers last). It
 * does not touch rip; a handler of an instruction that ends a block may set
 * cpu->rip_next. Privilege, features, CR0/CR4/XCR0 switches (exec_deny), LOCK
 * validity and alignment (X86_FF_ALIGN) are checked before it is called.
 *
 * Rooms register their handlers in sets:
 *	static const struct x86_exec_entry entries[] = {
 *		{ X86_OP_FADD, fadd }, ...
 *	};
 *	static const struct x86_exec_set x87_arith = X86_EXEC_SET(entries);
 *	REGISTER(x86_exec, x87_arith);
 * When legacy and VEX forms of one op want different handlers, .vex gives the latter.
 */
#ifndef VMBOX_X86_EXEC_H
#define VMBOX_X86_EXEC_H

#include "registry.h"
#include "x86/mmu.h"

typedef void (*x86_exec_fn)(struct x86_cpu *cpu, const struct x86_insn *in);

struct x86_exec_entry {
	u16 op;			/* enum x86_op */
	x86_exec_fn fn;		/* legacy encoding, or both when vex is NULL */
	x86_exec_fn vex;
};

struct x86_exec_set {
	const struct x86_exec_entry *entries;
	unsigned count;
};

#define X86_EXEC_SET(e) { (e), ARRAY_SIZE(e) }
REGISTRY_DECLARE(x86_exec);

/* ---- faults ---- */

enum x86_vector {
	X86_EXC_DE, X86_EXC_DB, X86_EXC_NMI, X86_EXC_BP, X86_EXC_OF, X86_EXC_BR, X86_EXC_UD, X86_EXC_NM,
	X86_EXC_DF, X86_EXC_TS = 10, X86_EXC_NP, X86_EXC_SS, X86_EXC_GP, X86_EXC_PF,
	X86_EXC_MF = 16, X86_EXC_AC, X86_EXC_MC, X86_EXC_XM,
};

/* Unwinds to the run loop, which delivers the fault at the current instruction. */
__noreturn void x86_raise(struct x86_cpu *cpu, enum x86_vector vec);
__noreturn void x86_raise_err(struct x86_cpu *cpu, enum x86_vector vec, u32 err);
__noreturn void x86_raise_pf(struct x86_cpu *cpu, u64 lin, u32 err);
static inline __noreturn void x86_raise_ud(struct x86_cpu *cpu) { x86_raise(cpu, X86_EXC_UD); }
static inline __noreturn void x86_raise_gp(struct x86_cpu *cpu, u32 err) { x86_raise_err(cpu, X86_EXC_GP, err); }

/* ---- where we are ---- */

u64 x86_cur_rip(const struct x86_cpu *cpu);	/* of the running instruction (offset in CS) */
u64 x86_next_rip(const struct x86_cpu *cpu);	/* of the one behind it */

/* ---- operands ---- */

/* Effective address of the MEM operand: base + index * scale + disp cut to asize, without segment base. */
u64 x86_ea(struct x86_cpu *cpu, const struct x86_insn *in);
/*
 * Linear address of size bytes at offset off of segment seg, checked: limits,
 * rights, null, canonical; #SS(0) for SS, #GP(0) else. access: X86_READ or X86_WRITE.
 */
u64 x86_seg_linear(struct x86_cpu *cpu, enum x86_seg seg, u64 off, unsigned size, int access);
/* The two together for the MEM operand. */
static inline u64 x86_mem(struct x86_cpu *cpu, const struct x86_insn *in, unsigned size, int access)
{
	return x86_seg_linear(cpu, in->seg, x86_ea(cpu, in), size, access);
}

/* Bytes off.. of the MEM operand, whose offset wraps at the address size as the start does. */
static inline u64 x86_mem_part(struct x86_cpu *cpu, const struct x86_insn *in, u64 off, unsigned size, int access)
{
	u64 ea = x86_ea(cpu, in) + off;

	return x86_seg_linear(cpu, in->seg, in->asize == 8 ? ea : in->asize == 4 ? (u32)ea : (u16)ea, size, access);
}

/* General registers by size; 32-bit writes clear the upper half. */
static inline u64 x86_get_reg(const struct x86_cpu *cpu, unsigned reg, unsigned size)
{
	u64 v = cpu->gpr[reg];
	return size == 8 ? v : size == 4 ? (u32)v : size == 2 ? (u16)v : (u8)v;
}

static inline void x86_set_reg(struct x86_cpu *cpu, unsigned reg, unsigned size, u64 val)
{
	u64 *r = &cpu->gpr[reg];
	switch (size) {
	case 8: *r = val; break;
	case 4: *r = (u32)val; break;
	case 2: *r = (*r & ~0xffffULL) | (u16)val; break;
	default: *r = (*r & ~0xffULL) | (u8)val; break;
	}
}

/*
 * Operand n of up to 8 bytes: GPR, GPRH, IMM, or MEM through the MMU.
 * x86_put_operand() on MEM stores. An operand that is read and written needs
 * its address only once: use x86_mem() and x86_ldN/x86_stN for it.
 */
u64  x86_get_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n);
void x86_put_operand(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, u64 val);

static inline u64 x86_ld(struct x86_cpu *cpu, u64 lin, unsigned size)
{
	switch (size) {
	case 1: return x86_ld8(cpu, lin);
	case 2: return x86_ld16(cpu, lin);
	case 4: return x86_ld32(cpu, lin);
	default: return x86_ld64(cpu, lin);
	}
}

static inline void x86_st(struct x86_cpu *cpu, u64 lin, unsigned size, u64 val)
{
	switch (size) {
	case 1: x86_st8(cpu, lin, (u8)val); break;
	case 2: x86_st16(cpu, lin, (u16)val); break;
	case 4: x86_st32(cpu, lin, (u32)val); break;
	default: x86_st64(cpu, lin, val); break;
	}
}

/* ---- flags ---- */

static inline bool x86_cf(const struct x86_cpu *cpu) { return cpu->fl_aux >> 63; }
static inline bool x86_of(const struct x86_cpu *cpu) { return ((cpu->fl_aux << 1) ^ cpu->fl_aux) >> 63; }
static inline bool x86_af(const struct x86_cpu *cpu) { return (cpu->fl_aux >> 3) & 1; }
static inline bool x86_zf(const struct x86_cpu *cpu) { return cpu->fl_res == 0; }
static inline bool x86_sf(const struct x86_cpu *cpu) { return ((cpu->fl_res >> 63) ^ cpu->fl_aux) & 1; }
static inline bool x86_pf(const struct x86_cpu *cpu)
{
	return !__builtin_parity((u32)(cpu->fl_res ^ (cpu->fl_aux >> 8)) & 0xff);
}

/* Sets all six from bits in EFLAGS' places (others are ignored): COMISD, PTEST, FCOMI, POPF, the translator. */
static inline void x86_set_arith(struct x86_cpu *cpu, u32 fl)
{
	u64 aux = 0;
	/* result 0 has even parity and sign 0, result 1 odd parity and sign 0 */
	bool zf = fl & X86_FL_ZF, pf = fl & X86_FL_PF, sf = fl & X86_FL_SF, of = fl & X86_FL_OF, cf = fl & X86_FL_CF;
	aux |= sf ? X86_AUX_SFD : 0;
	aux |= pf == zf ? 0 : 0x100;
	aux |= cf ? X86_AUX_CF : 0;
	aux |= cf != of ? X86_AUX_PO : 0;
	aux |= fl & X86_FL_AF ? X86_AUX_AF : 0;
	cpu->fl_res = zf ? 0 : 1;
	cpu->fl_aux = aux;
}

static inline u32 x86_arith(const struct x86_cpu *cpu)
{
	return (x86_cf(cpu) ? X86_FL_CF : 0) | (x86_pf(cpu) ? X86_FL_PF : 0) | (x86_af(cpu) ? X86_FL_AF : 0) |
	       (x86_zf(cpu) ? X86_FL_ZF : 0) | (x86_sf(cpu) ? X86_FL_SF : 0) | (x86_of(cpu) ? X86_FL_OF : 0);
}

/* Condition code 0-15 as in Jcc's opcode. */
bool x86_cond(const struct x86_cpu *cpu, unsigned cc);

/* ---- features and state that fpu and simd share with the rest ---- */

static inline bool x86_in_64bit(const struct x86_cpu *cpu)
{
	return (cpu->mode & X86_MODEF_SIZE) == X86_MODE_64;
}

bool x86_has(const struct x86_cpu *cpu, enum x86_feature f);
/* XCR0 bits that this model supports (7: x87, SSE, AVX; 0x200 with PKU). */
u64  x86_xcr0_mask(const struct x86_cpu *cpu);
/* PKRU was written (WRPKRU, XRSTOR). */
void x86_pkru_changed(struct x86_cpu *cpu);

#endif
