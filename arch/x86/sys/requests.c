// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What others want of a vCPU: request bits, sleeping and waking, interrupts in
 * their order of priority (SDM vol. 3, table 6-2).
 *
 * req keeps what is wanted; attn only says that somebody should look. The
 * run loop clears attn, then reads req, so nothing is lost: a sender sets req
 * first and attn second.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../priv.h"

static void futex(_Atomic u32 *word, int op, u32 val)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, 0);
}

void x86_cpu_kick(struct x86_cpu *cpu)
{
	atomic_store(&cpu->attn, X86_ATTENTION);
	if (atomic_load(&cpu->sleeping))
		futex(&cpu->attn, FUTEX_WAKE, 1);
}

void x86_cpu_request(struct x86_cpu *cpu, u32 req)
{
	atomic_fetch_or(&cpu->req, req);
	x86_cpu_kick(cpu);
}

void x86_cpu_nmi(struct x86_cpu *cpu)
{
	if (atomic_fetch_or(&cpu->req, X86_REQ_NMI) & X86_REQ_NMI)
		atomic_fetch_or(&cpu->req, X86_REQ_NMI_MORE);
	x86_cpu_kick(cpu);
}

void x86_cpu_withdraw(struct x86_cpu *cpu, u32 req)
{
	atomic_fetch_and(&cpu->req, ~req);
}

void sys_attention(struct x86_cpu *cpu)
{
	atomic_store_explicit(&cpu->attn, X86_ATTENTION, memory_order_relaxed);
}

/* Sleeps until attn is set. The vCPU holds nothing meanwhile. */
void sys_wait(struct x86_cpu *cpu)
{
	sys_leave_guest(cpu);
	atomic_store(&cpu->sleeping, 1);
	while (!atomic_load(&cpu->attn))
		futex(&cpu->attn, FUTEX_WAIT, 0);
	atomic_store(&cpu->sleeping, 0);
	sys_enter_guest(cpu);
}

/* Takes bits out of req. Returns those that were set. */
static u32 take(struct x86_cpu *cpu, u32 bits)
{
	return atomic_fetch_and(&cpu->req, ~bits) & bits;
}

static void deliver(struct x86_cpu *cpu, unsigned vec)
{
	struct sys_intr ev = { .vec = vec, .kind = EV_INTR, .ret_rip = cpu->rip };

	cpu->activity = X86_ACT_RUN;
	sys_attention(cpu);	/* there may be more */
	sys_deliver(cpu, &ev);
}

/* While a handler runs one NMI waits for its end, not two. */
void sys_nmi_latch(struct x86_cpu *cpu)
{
	if (atomic_load_explicit(&cpu->req, memory_order_relaxed) & X86_REQ_NMI)
		take(cpu, X86_REQ_NMI_MORE);
}

static void take_nmi(struct x86_cpu *cpu)
{
	if (!take(cpu, X86_REQ_NMI_MORE))
		take(cpu, X86_REQ_NMI);
	cpu->nmi_masked = 1;
	deliver(cpu, X86_EXC_NMI);
}

/* The highest LAPIC vector that PPR lets through, if there is one. */
static bool take_local(struct x86_cpu *cpu)
{
	if (!(atomic_load(&cpu->req) & X86_REQ_INTR))
		return false;
	if (apic_pending(cpu) < 0) {
		take(cpu, X86_REQ_INTR);
		/* a vector that arrived between the two looks has set the bit again, or is seen here */
		if (apic_pending(cpu) < 0)
			return false;
		atomic_fetch_or(&cpu->req, X86_REQ_INTR);
	}
	int vec = apic_ack(cpu);
	if (apic_pending(cpu) < 0) {
		take(cpu, X86_REQ_INTR);
		if (apic_pending(cpu) >= 0)
			atomic_fetch_or(&cpu->req, X86_REQ_INTR);
	}
	deliver(cpu, (unsigned)vec);
	return true;
}

static bool take_external(struct x86_cpu *cpu)
{
	int vec;

	if (!(atomic_load(&cpu->req) & X86_REQ_EXTINT) || !apic_accepts_extint(cpu))
		return false;
	vec = cpu->platform->ops->pic_ack(cpu->platform->ctx);
	if (vec < 0) {
		take(cpu, X86_REQ_EXTINT);
		return false;
	}
	deliver(cpu, (unsigned)vec);
	return true;
}

static void take_interrupts(struct x86_cpu *cpu)
{
	u32 req = atomic_load(&cpu->req);

	if (cpu->activity > X86_ACT_HLT || (cpu->activity == X86_ACT_RUN && (cpu->dbg.step & X86_DEBUG_NOIRQ)))
		return;
	if (cpu->db_pending)	/* traps of the last instruction go first */
		return;
	if ((req & X86_REQ_NMI_MORE) && cpu->nmi_masked)
		sys_nmi_latch(cpu);
	if ((req & (X86_REQ_NMI | X86_REQ_NMI_MORE)) && !cpu->nmi_masked && !(cpu->shadow & X86_SHADOW_SS)) {
		take_nmi(cpu);
		return;
	}
	if (!(req & (X86_REQ_INTR | X86_REQ_EXTINT)) || !(cpu->eflags & X86_FL_IF) || cpu->shadow)
		return;
	if (!take_external(cpu))
		take_local(cpu);
}

static void start_up(struct x86_cpu *cpu)
{
	if (cpu->activity != X86_ACT_WAIT_SIPI)
		return;
	cpu->activity = X86_ACT_RUN;
	cpu->seg[X86_CS].sel = (u16)(cpu->sipi_vector << 8);
	cpu->seg[X86_CS].base = (u32)cpu->sipi_vector << 12;
	cpu->rip = 0;
	sys_update_mode(cpu);
}

static void drop_cached(struct x86_cpu *cpu)
{
	mmu_check_phys_generation(cpu);
	take(cpu, X86_REQ_TLB);
	x86_tlb_flush_all(cpu);
	mmu_drop_writes(cpu, NULL);
	interp_flush(cpu);
	if (cpu->translator)
		jit_drop_all(cpu->sys);
}

/* True: x86_cpu_run() returns with exit_reason. May unwind while an interrupt is delivered. */
bool sys_handle_requests(struct x86_cpu *cpu)
{
	u32 req;

	atomic_store(&cpu->attn, 0);
	if (cpu->translator)
		jit_cache_seen(cpu);	/* also those that sleep are asked to */
	req = atomic_load(&cpu->req);
	if (req & X86_REQ_SYNC) {
		take(cpu, X86_REQ_SYNC);
		sys_leave_guest(cpu);
		sys_enter_guest(cpu);
	}
	if (req & X86_REQ_RESET) {
		x86_cpu_reset(cpu);
		take(cpu, X86_REQ_RESET);
	}
	if (req & X86_REQ_TLB)
		drop_cached(cpu);
	if (req & X86_REQ_EXIT) {
		take(cpu, X86_REQ_EXIT);
		cpu->exit_reason = X86_EXIT_REQUEST;
		sys_attention(cpu);	/* whatever else is wanted is looked at when it runs again */
		return true;
	}
	if (take(cpu, X86_REQ_TIMER))
		apic_timer_expired(cpu);
	if (take(cpu, X86_REQ_INIT))
		x86_cpu_init_signal(cpu);
	if (take(cpu, X86_REQ_SIPI))
		start_up(cpu);
	take(cpu, X86_REQ_SMI);		/* no SMM: firmware that runs here does not ask for it */
	take_interrupts(cpu);
	return false;
}
