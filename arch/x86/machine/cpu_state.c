// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a vCPU and its LAPIC a stream holds. */
#include "cpu_state.h"

#define F(m, t)	STATE(struct x86_saved, m, t)
#define A(m, t)	STATE_ARRAY(struct x86_saved, m, t)

static const struct state_field segment_fields[] = {
	STATE(struct x86_saved_segment, base, U64), STATE(struct x86_saved_segment, limit, U32),
	STATE(struct x86_saved_segment, sel, U16), STATE(struct x86_saved_segment, attr, U16),
	STATE_END
};

static const struct state_field f80_fields[] = {
	STATE(struct x86_saved_f80, man, U64), STATE(struct x86_saved_f80, se, U16),
	STATE_END
};

static const struct state_field vec_fields[] = {
	STATE_ARRAY(struct x86_saved_vec, q, U64),
	STATE_END
};

static const struct state_field fields[] = {
	A(gpr, U64), F(rip, U64), F(rflags, U64),
	STATE_SUB_ARRAY(struct x86_saved, seg, segment_fields), STATE_SUB(struct x86_saved, ldt, segment_fields),
	STATE_SUB(struct x86_saved, tr, segment_fields), STATE_SUB(struct x86_saved, gdt, segment_fields),
	STATE_SUB(struct x86_saved, idt, segment_fields),
	F(cr0, U64), F(cr2, U64), F(cr3, U64), F(cr4, U64), F(cr8, U64), F(xcr0, U64), F(efer, U64),
	A(dr, U64), F(dr6, U64), F(dr7, U64), A(pdpte, U64), F(pkru, U32), F(mxcsr, U32),
	STATE_SUB_ARRAY(struct x86_saved, vec, vec_fields), STATE_SUB_ARRAY(struct x86_saved, st, f80_fields),
	F(fcw, U16), F(fsw, U16), F(fop, U16), F(fcs, U16), F(fds, U16), F(fvalid, U8), F(fip, U64), F(fdp, U64),
	F(star, U64), F(lstar, U64), F(cstar, U64), F(sfmask, U64), F(kernel_gs_base, U64), F(tsc_aux, U64),
	F(sysenter_cs, U64), F(sysenter_esp, U64), F(sysenter_eip, U64), F(pat, U64), F(apic_base, U64),
	F(misc_enable, U64), F(tsc_adjust, U64), F(tsc_offset, U64), F(mtrr_def_type, U64), A(mtrr_phys, U64),
	A(mtrr_fixed, U64), F(syscfg, U64), F(hwcr, U64), A(top_mem, U64), A(iorr, U64), F(hsave_pa, U64), F(vm_cr, U64),
	F(activity, U8), F(shadow, U8), F(nmi_masked, U8), F(sipi_vector, U8), F(db_pending, U64), F(req, U32),
	A(irr, U64), A(isr, U64), A(tmr, U64), F(svr, U32), F(ldr, U32), F(dfr, U32), A(lvt, U32), F(tpr, U32),
	F(esr, U32), F(esr_pending, U32), F(icr_low, U32), F(icr_high, U32), F(initial_count, U32), F(divide, U32),
	F(deadline_ns, U64), F(tsc_deadline, U64),
	STATE_END
};

static void pre_save(void *opaque)
{
	struct cpu_state *c = opaque;

	x86_cpu_get_saved(c->cpu, &c->s);
}

static int post_load(void *opaque, u8 version, struct err *err)
{
	struct cpu_state *c = opaque;

	(void)version;
	return x86_cpu_set_saved(c->cpu, &c->s, err);
}

const struct state_table cpu_state_table = {
	.version = 1, .fields = fields, .pre_save = pre_save, .post_load = post_load,
};
