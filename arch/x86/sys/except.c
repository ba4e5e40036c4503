// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raising exceptions and what happens when their delivery faults in turn
 * (SDM vol. 3, 6.15, table 6-5).
 */
#include "../priv.h"

static bool contributory(unsigned vec)
{
	return vec == X86_EXC_DE || (vec >= X86_EXC_TS && vec <= X86_EXC_GP);
}

static bool makes_double(unsigned first, unsigned second)
{
	if (first == X86_EXC_PF)
		return second == X86_EXC_PF || contributory(second);
	return contributory(first) && contributory(second);
}

static __noreturn void unwind(struct x86_cpu *cpu, unsigned vec, bool has_err, u32 err)
{
	if (cpu->delivering) {
		unsigned first = cpu->delivering_vec;

		cpu->delivering = 0;
		if (first == X86_EXC_DF && (contributory(vec) || vec == X86_EXC_PF)) {
			cpu->activity = X86_ACT_SHUTDOWN;
			cpu->exc_pending = 0;
			longjmp(*cpu->unwind, 1);
		}
		if (first < 32 && makes_double(first, vec)) {
			vec = X86_EXC_DF;
			has_err = true;
			err = 0;
		}
	}
	cpu->exc_vec = (u8)vec;
	cpu->exc_has_err = has_err;
	cpu->exc_err = err;
	cpu->exc_pending = 1;
	longjmp(*cpu->unwind, 1);
}

/* In real mode no error code is pushed. */
static bool pushes_code(const struct x86_cpu *cpu)
{
	return cpu->cr0 & CR0_PE;
}

void x86_raise(struct x86_cpu *cpu, enum x86_vector vec)
{
	unwind(cpu, vec, false, 0);
}

void x86_raise_err(struct x86_cpu *cpu, enum x86_vector vec, u32 err)
{
	unwind(cpu, vec, pushes_code(cpu), err);
}

void x86_raise_pf(struct x86_cpu *cpu, u64 lin, u32 err)
{
	cpu->exc_cr2 = lin;
	unwind(cpu, X86_EXC_PF, true, err);
}

/* CR2 is written when the fault is delivered, so a #PF that became #DF has set it too. */
void sys_deliver_pending_fault(struct x86_cpu *cpu)
{
	struct sys_intr ev = {
		.vec = cpu->exc_vec, .has_err = cpu->exc_has_err, .err = cpu->exc_err,
		.kind = EV_FAULT, .ret_rip = cpu->rip,
	};

	cpu->exc_pending = 0;
	if (ev.vec == X86_EXC_PF)
		cpu->cr2 = cpu->exc_cr2;
	if (ev.vec == X86_EXC_DB)
		ev.kind = EV_TRAP;	/* instruction breakpoints and general detect leave RF clear */
	sys_deliver(cpu, &ev);
}

static const char *const names[] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS", "#NP", "#SS", "#GP", "#PF",
	"15", "#MF", "#AC", "#MC", "#XM",
};

static void log_event(const struct x86_cpu *cpu, const struct sys_intr *ev)
{
	sys_log(cpu, "int: v=%02x %s e=%04x kind=%d cpl=%u ip=%04x:%016llx cr2=%016llx\n", ev->vec,
		ev->kind <= EV_TRAP && ev->vec < ARRAY_SIZE(names) ? names[ev->vec] : "",
		ev->has_err ? ev->err : 0, ev->kind, cpu->cpl, cpu->seg[X86_CS].sel, cpu->rip, cpu->cr2);
}

void sys_deliver(struct x86_cpu *cpu, const struct sys_intr *ev)
{
	if (sys_log_on(cpu, X86_LOG_INT))
		log_event(cpu, ev);
	cpu->delivering = 1;
	cpu->delivering_vec = (u8)(ev->kind <= EV_TRAP ? ev->vec : 0xff);
	sys_gate(cpu, ev);
	cpu->delivering = 0;
	cpu->rip = cpu->rip_next;
	cpu->activity = X86_ACT_RUN;
	cpu->shadow = 0;
}
