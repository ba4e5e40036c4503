// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT, software interrupts, SWAPGS and the FS
 * and GS base instructions. Vendors differ, the model's vendor decides:
 *   SYSCALL outside 64-bit code	AMD works (to STAR or CSTAR), Intel #UD
 *   SYSENTER/SYSEXIT in long mode	AMD #UD, Intel works
 *   SYSRET to a non-canonical RIP	AMD faults at CPL 3, Intel at CPL 0
 *   SYSRET and SS			AMD keeps SS's hidden part, Intel loads it
 */
#include "../priv.h"
#include "../interp/general.h"

static bool is_amd(const struct x86_cpu *cpu)
{
	return cpu->sys->model.vendor[0] == 'A';
}

static void set_flat(struct x86_cpu *cpu, enum x86_seg seg, u16 sel, u16 attr)
{
	cpu->seg[seg] = (struct x86_segment){ .limit = 0xffffffff, .sel = sel, .attr = attr };
}

#define CODE_ATTR(dpl) (X86_ATTR_P | X86_ATTR_S | X86_ATTR_CODE | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_G | (dpl) << 5)
#define DATA_ATTR(dpl) (X86_ATTR_P | X86_ATTR_S | X86_ATTR_RW | X86_ATTR_A | X86_ATTR_G | X86_ATTR_DB | (dpl) << 5)

static void x_syscall(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)(cpu->msr.star >> 32) & ~3u;
	u64 ret = x86_next_rip(cpu), fl = x86_eflags(cpu);

	(void)in;
	if (!(cpu->efer & EFER_SCE) || (!is_amd(cpu) && !x86_in_64bit(cpu)))
		x86_raise_ud(cpu);
	cpu->gpr[X86_RCX] = ret;
	if (sys_lma(cpu)) {
		cpu->gpr[X86_R11] = fl & ~(u64)X86_FL_RF;
		cpu->rip_next = x86_in_64bit(cpu) ? cpu->msr.lstar : cpu->msr.cstar;
		fl &= ~(cpu->msr.sfmask & 0xffffffff) & ~(u64)X86_FL_RF;
	} else {
		cpu->rip_next = (u32)cpu->msr.star;
		fl &= ~(u64)(X86_FL_IF | X86_FL_VM | X86_FL_RF);
	}
	set_flat(cpu, X86_CS, sel, (u16)(CODE_ATTR(0) | (sys_lma(cpu) ? X86_ATTR_L : X86_ATTR_DB)));
	set_flat(cpu, X86_SS, sel + 8, DATA_ATTR(0));
	cpu->cpl = 0;
	x86_set_eflags(cpu, fl | 2);
	sys_update_mode(cpu);
	x86_mmu_context(cpu);
}

static void x_sysret(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 base = (u16)(cpu->msr.star >> 48);
	bool to64 = in->opsize == 8;
	u64 rip = to64 ? cpu->gpr[X86_RCX] : (u32)cpu->gpr[X86_RCX];

	if (!(cpu->efer & EFER_SCE) || (!is_amd(cpu) && !sys_lma(cpu)))
		x86_raise_ud(cpu);
	if (cpu->cpl || (!is_amd(cpu) && to64 && !x86_canonical(cpu, rip)))
		x86_raise_gp(cpu, 0);
	set_flat(cpu, X86_CS, (u16)((base + (to64 ? 16 : 0)) | 3), (u16)(CODE_ATTR(3) | (to64 ? X86_ATTR_L : X86_ATTR_DB)));
	if (is_amd(cpu) && sys_lma(cpu))
		cpu->seg[X86_SS].sel = (base + 8) | 3;
	else
		set_flat(cpu, X86_SS, (base + 8) | 3, DATA_ATTR(3));
	cpu->seg[X86_SS].attr |= 3 << 5;
	cpu->cpl = 3;
	if (sys_lma(cpu))
		x86_set_eflags(cpu, (cpu->gpr[X86_R11] & 0x3c7fd7) | 2);
	else
		x86_set_eflags(cpu, x86_eflags(cpu) | X86_FL_IF);
	sys_update_mode(cpu);
	x86_mmu_context(cpu);
	cpu->rip_next = rip;
	/* a TF out of R11 traps before the first instruction of the program, not behind it as IRET's does */
	if (cpu->eflags & X86_FL_TF) {
		cpu->db_pending |= BIT(14);
		sys_attention(cpu);
	}
}

static void x_sysenter(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)cpu->msr.sysenter_cs & ~3u;
	bool lma = sys_lma(cpu);

	(void)in;
	if (is_amd(cpu) && lma)
		x86_raise_ud(cpu);
	if (!(cpu->cr0 & CR0_PE) || !sel)
		x86_raise_gp(cpu, 0);
	x86_set_eflags(cpu, x86_eflags(cpu) & ~(u64)(X86_FL_VM | X86_FL_IF | X86_FL_RF));
	set_flat(cpu, X86_CS, sel, (u16)(CODE_ATTR(0) | (lma ? X86_ATTR_L : X86_ATTR_DB)));
	set_flat(cpu, X86_SS, sel + 8, DATA_ATTR(0));
	cpu->cpl = 0;
	cpu->gpr[X86_RSP] = lma ? cpu->msr.sysenter_esp : (u32)cpu->msr.sysenter_esp;
	cpu->rip_next = lma ? cpu->msr.sysenter_eip : (u32)cpu->msr.sysenter_eip;
	sys_update_mode(cpu);
	x86_mmu_context(cpu);
}

static void x_sysexit(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u16 sel = (u16)cpu->msr.sysenter_cs & ~3u;
	bool to64 = in->opsize == 8;

	if (is_amd(cpu) && sys_lma(cpu))
		x86_raise_ud(cpu);
	if (!(cpu->cr0 & CR0_PE) || !sel || cpu->cpl)
		x86_raise_gp(cpu, 0);
	if (to64 && (!x86_canonical(cpu, cpu->gpr[X86_RDX]) || !x86_canonical(cpu, cpu->gpr[X86_RCX])))
		x86_raise_gp(cpu, 0);
	set_flat(cpu, X86_CS, (u16)((sel + (to64 ? 32 : 16)) | 3), (u16)(CODE_ATTR(3) | (to64 ? X86_ATTR_L : X86_ATTR_DB)));
	set_flat(cpu, X86_SS, (u16)((sel + (to64 ? 40 : 24)) | 3), DATA_ATTR(3));
	cpu->cpl = 3;
	cpu->gpr[X86_RSP] = to64 ? cpu->gpr[X86_RCX] : (u32)cpu->gpr[X86_RCX];
	cpu->rip_next = to64 ? cpu->gpr[X86_RDX] : (u32)cpu->gpr[X86_RDX];
	sys_update_mode(cpu);
	x86_mmu_context(cpu);
}

static void soft_interrupt(struct x86_cpu *cpu, unsigned vec, enum sys_event kind)
{
	struct sys_intr ev = { .vec = vec, .kind = kind, .ret_rip = x86_next_rip(cpu) };

	if (cpu->stop_on_exc)
		x86_raise(cpu, vec);
	sys_gate(cpu, &ev);
}

static void x_int(struct x86_cpu *cpu, const struct x86_insn *in) { soft_interrupt(cpu, in->imm & 0xff, EV_SOFT); }

static void x_int3(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	soft_interrupt(cpu, X86_EXC_BP, EV_SOFT_EXC);
}

static void x_int1(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 held = cpu->db_pending;

	(void)in;
	/* a breakpoint held back behind a load of SS is the same #DB; with CD 01 it is one of its own */
	cpu->dr6 = (held ? cpu->dr6 & ~0xfULL : cpu->dr6) | held;
	soft_interrupt(cpu, X86_EXC_DB, EV_INTR);
	cpu->db_pending &= ~held;
}

static void x_into(struct x86_cpu *cpu, const struct x86_insn *in)
{
	(void)in;
	if (x86_of(cpu))
		soft_interrupt(cpu, X86_EXC_OF, EV_SOFT_EXC);
}

static void x_swapgs(struct x86_cpu *cpu, const struct x86_insn *in)
{
	u64 v = cpu->seg[X86_GS].base;

	(void)in;
	cpu->seg[X86_GS].base = cpu->seg_base[X86_GS] = cpu->msr.kernel_gs_base;
	cpu->msr.kernel_gs_base = v;
}

static void check_fsgsbase(struct x86_cpu *cpu)
{
	if (!x86_in_64bit(cpu) || !(cpu->cr4 & CR4_FSGSBASE))
		x86_raise_ud(cpu);
}

static void read_base(struct x86_cpu *cpu, const struct x86_insn *in)
{
	check_fsgsbase(cpu);
	x86_put_operand(cpu, in, 0, cpu->seg[in->op == X86_OP_RDFSBASE ? X86_FS : X86_GS].base);
}

static void write_base(struct x86_cpu *cpu, const struct x86_insn *in)
{
	unsigned seg = in->op == X86_OP_WRFSBASE ? X86_FS : X86_GS;
	u64 v;

	check_fsgsbase(cpu);
	v = x86_get_operand(cpu, in, 0);
	if (!x86_canonical(cpu, v))	/* by CR4.LA57, unlike the MSRs */
		x86_raise_gp(cpu, 0);
	cpu->seg[seg].base = cpu->seg_base[seg] = v;
}

static const struct x86_exec_entry entries[] = {
	{ X86_OP_SYSCALL, x_syscall, NULL }, { X86_OP_SYSRET, x_sysret, NULL }, { X86_OP_SYSENTER, x_sysenter, NULL },
	{ X86_OP_SYSEXIT, x_sysexit, NULL }, { X86_OP_INT, x_int, NULL }, { X86_OP_INT3, x_int3, NULL },
	{ X86_OP_INT1, x_int1, NULL }, { X86_OP_INTO, x_into, NULL }, { X86_OP_SWAPGS, x_swapgs, NULL },
	{ X86_OP_RDFSBASE, read_base, NULL }, { X86_OP_RDGSBASE, read_base, NULL },
	{ X86_OP_WRFSBASE, write_base, NULL }, { X86_OP_WRGSBASE, write_base, NULL },
};
EXEC_REGISTER(x86_syscall_ops, entries);
