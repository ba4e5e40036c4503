// SPDX-License-Identifier: GPL-2.0-or-later
/* The running state of a vCPU and its LAPIC to and from struct x86_saved. */
#include <string.h>
#include "apic.h"
#include "x86/saved.h"

#define REQ_SAVED (X86_REQ_INTR | X86_REQ_EXTINT | X86_REQ_NMI | X86_REQ_INIT | X86_REQ_SIPI | \
		   X86_REQ_NMI_MORE)

/* Both directions name each field once: GET copies to s, SET to the vCPU. */
#define GET(field, place) s->field = place
#define SET(field, place) place = s->field

#define SCALARS(X) \
	X(rip, cpu->rip); X(cr0, cpu->cr0); X(cr2, cpu->cr2); X(cr3, cpu->cr3); X(cr4, cpu->cr4); X(xcr0, cpu->xcr0); \
	X(efer, cpu->efer); X(dr6, cpu->dr6); X(dr7, cpu->dr7); X(pkru, cpu->pkru); X(mxcsr, cpu->mxcsr); \
	X(fcw, cpu->fpu.cw); X(fsw, cpu->fpu.sw); X(fop, cpu->fpu.fop); X(fcs, cpu->fpu.fcs); X(fds, cpu->fpu.fds); \
	X(fvalid, cpu->fpu.valid); X(fip, cpu->fpu.fip); X(fdp, cpu->fpu.fdp); X(star, cpu->msr.star); \
	X(lstar, cpu->msr.lstar); X(cstar, cpu->msr.cstar); X(sfmask, cpu->msr.sfmask); \
	X(kernel_gs_base, cpu->msr.kernel_gs_base); X(tsc_aux, cpu->msr.tsc_aux); X(sysenter_cs, cpu->msr.sysenter_cs); \
	X(sysenter_esp, cpu->msr.sysenter_esp); X(sysenter_eip, cpu->msr.sysenter_eip); X(pat, cpu->msr.pat); \
	X(apic_base, cpu->msr.apic_base); X(misc_enable, cpu->msr.misc_enable); X(tsc_adjust, cpu->msr.tsc_adjust); \
	X(tsc_offset, cpu->tsc_offset); X(mtrr_def_type, cpu->msr.mtrr_def_type); X(syscfg, cpu->msr.syscfg); \
	X(hwcr, cpu->msr.hwcr); X(top_mem[0], cpu->msr.top_mem); X(top_mem[1], cpu->msr.top_mem2); \
	X(hsave_pa, cpu->msr.hsave_pa); X(vm_cr, cpu->msr.vm_cr); X(activity, cpu->activity); X(shadow, cpu->shadow); \
	X(nmi_masked, cpu->nmi_masked); X(sipi_vector, cpu->sipi_vector); X(db_pending, cpu->db_pending)

#define APIC_SCALARS(X) \
	X(svr, a->svr); X(ldr, a->ldr); X(dfr, a->dfr); X(tpr, a->tpr); X(esr, a->esr); X(esr_pending, a->esr_pending); \
	X(icr_low, a->icr_low); X(icr_high, a->icr_high); X(initial_count, a->initial_count); X(divide, a->divide); \
	X(tsc_deadline, a->tsc_deadline)

#define ARRAYS(X) \
	X(gpr, 16, cpu->gpr[i]); X(dr, 4, cpu->dr[i]); X(pdpte, 4, cpu->mmu->pdpte[i]); \
	X(mtrr_phys, 16, cpu->msr.mtrr_phys[i]); X(mtrr_fixed, 11, cpu->msr.mtrr_fixed[i]); X(iorr, 4, cpu->msr.iorr[i]); \
	X(irr, 4, a->irr[i]); X(isr, 4, a->isr[i]); X(tmr, 4, a->tmr[i]); X(lvt, LVT_COUNT, a->lvt[i])

#define GET_ARRAY(field, n, place) for (unsigned i = 0; i < (n); i++) s->field[i] = place
#define SET_ARRAY(field, n, place) for (unsigned i = 0; i < (n); i++) place = s->field[i]

static struct x86_saved_segment get_segment(const struct x86_segment *v)
{
	return (struct x86_saved_segment){ .base = v->base, .limit = v->limit, .sel = v->sel, .attr = v->attr };
}

static struct x86_segment set_segment(const struct x86_saved_segment *v)
{
	return (struct x86_segment){ .base = v->base, .limit = v->limit, .sel = v->sel, .attr = v->attr };
}

void x86_cpu_get_saved(const struct x86_cpu *cpu, struct x86_saved *s)
{
	const struct x86_apic *a = cpu->apic;

	memset(s, 0, sizeof(*s));	/* padding too: states are compared as bytes */
	s->rflags = x86_eflags(cpu);
	s->cr8 = apic_cr8(cpu);
	s->deadline_ns = a->deadline_ns;
	SCALARS(GET);
	APIC_SCALARS(GET);
	ARRAYS(GET_ARRAY);
	s->req = atomic_load(&cpu->req) & REQ_SAVED;
	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		s->seg[i] = get_segment(&cpu->seg[i]);
	s->ldt = get_segment(&cpu->ldt);
	s->tr = get_segment(&cpu->tr);
	s->gdt = (struct x86_saved_segment){ .base = cpu->gdt.base, .limit = cpu->gdt.limit };
	s->idt = (struct x86_saved_segment){ .base = cpu->idt.base, .limit = cpu->idt.limit };
	for (unsigned i = 0; i < 16; i++)
		__builtin_memcpy(s->vec[i].q, cpu->vec[i].q, sizeof(s->vec[i].q));
	for (unsigned i = 0; i < 8; i++) {
		s->st[i].man = cpu->fpu.st[i].man;
		s->st[i].se = cpu->fpu.st[i].se;
	}
}

static bool sane(const struct x86_cpu *cpu, const struct x86_saved *s)
{
	if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
		return false;
	if ((s->efer & EFER_LMA) && (s->efer & EFER_LME) == 0)
		return false;
	if ((s->cr4 & ~sys_cr4_mask(cpu)) || (s->xcr0 & ~x86_xcr0_mask(cpu)) || s->cr0 >> 32)
		return false;
	return s->activity <= X86_ACT_SHUTDOWN && !(s->mxcsr & ~0xffffu);
}

int x86_cpu_set_saved(struct x86_cpu *cpu, const struct x86_saved *s, struct err *err)
{
	struct x86_apic *a = cpu->apic;

	x86_cpu_reset(cpu);
	if (!sane(cpu, s))
		return err_set(err, EINVAL, "CPU %u: the saved registers contradict each other or this CPU model", cpu->index);
	SCALARS(SET);
	APIC_SCALARS(SET);
	ARRAYS(SET_ARRAY);
	a->x2 = (cpu->msr.apic_base & (APIC_ENABLED | APIC_X2)) == (APIC_ENABLED | APIC_X2);
	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		cpu->seg[i] = set_segment(&s->seg[i]);
	cpu->ldt = set_segment(&s->ldt);
	cpu->tr = set_segment(&s->tr);
	cpu->gdt = (struct x86_dtable){ s->gdt.base, s->gdt.limit };
	cpu->idt = (struct x86_dtable){ s->idt.base, s->idt.limit };
	for (unsigned i = 0; i < 16; i++)
		__builtin_memcpy(cpu->vec[i].q, s->vec[i].q, sizeof(s->vec[i].q));
	for (unsigned i = 0; i < 8; i++)
		cpu->fpu.st[i] = (struct x86_f80){ s->st[i].man, s->st[i].se };
	x86_set_eflags(cpu, s->rflags);
	x86_cpu_changed(cpu);
	atomic_store(&cpu->req, s->req & REQ_SAVED);
	a->deadline_ns = s->deadline_ns;
	if (a->deadline_ns)
		cpu->platform->ops->lapic_timer_arm(cpu->platform->ctx, cpu, a->deadline_ns);
	return 0;
}
