// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of a vCPU thread: blocks while nothing is special, single
 * instructions while TF, breakpoints or an interrupt shadow are, deliveries
 * and requests between them. Faults unwind to here.
 */
#include "../priv.h"

static bool one_at_a_time(const struct x86_cpu *cpu)
{
	return (cpu->eflags & X86_FL_TF) || cpu->shadow || (cpu->dr7 & 0xff) || cpu->dbg.step || cpu->dbg.nwatch ||
	       cpu->db_pending || (cpu->dbg.count && x86_debug_page(cpu));
}

/* Debug exceptions behind an instruction: single step, data breakpoints, task switch. */
static void debug_traps(struct x86_cpu *cpu)
{
	struct sys_intr ev = { .vec = X86_EXC_DB, .kind = EV_TRAP, .ret_rip = cpu->rip };
	u64 bits = cpu->db_pending;

	if (!bits || (cpu->shadow & X86_SHADOW_SS))
		return;
	cpu->db_pending = 0;
	cpu->dr6 = (cpu->dr6 & ~0xfULL) | bits;
	sys_deliver(cpu, &ev);
}

/* Leaves for the debugger. */
static bool debug_exit(struct x86_cpu *cpu, enum x86_debug_stop why)
{
	cpu->dbg.why = (u8)why;
	cpu->exit_reason = X86_EXIT_DEBUG;
	return true;
}

static bool debugger_break(struct x86_cpu *cpu, u64 lin)
{
	if (cpu->dbg.pass && cpu->dbg.hit == lin) {
		cpu->dbg.pass = 0;
		return false;
	}
	for (u32 i = 0; i < cpu->dbg.count; i++)
		if (cpu->dbg.addr[i] == lin) {
			cpu->dbg.hit = lin;
			return true;
		}
	return false;
}

static bool clears_tf(unsigned op)
{
	return op == X86_OP_INT || op == X86_OP_INT3 || op == X86_OP_INT1 || op == X86_OP_INTO || op == X86_OP_SYSCALL ||
	       op == X86_OP_SYSENTER;
}

/* Behind a load of SS: Intel's processors hold code breakpoints too, AMD's do not. */
static bool code_breaks_held(const struct x86_cpu *cpu)
{
	return (cpu->shadow & X86_SHADOW_SS) && cpu->sys->model.vendor[0] == 'G';
}

/* One instruction with all that can be special about it. True: exit. */
static bool single(struct x86_cpu *cpu)
{
	bool tf = cpu->eflags & X86_FL_TF;
	u64 lin = (cpu->rip + cpu->seg_base[X86_CS]) & cpu->lin_mask;

	if (cpu->db_pending && !(cpu->shadow & X86_SHADOW_SS)) {
		sys_attention(cpu);
		debug_traps(cpu);
		return cpu->dbg.step ? debug_exit(cpu, X86_DEBUG_STOP_STEP) : false;
	}
	if (cpu->dbg.count && debugger_break(cpu, lin))
		return debug_exit(cpu, X86_DEBUG_STOP_BREAK);
	cpu->dbg.watched = 0;
	if ((cpu->dr7 & 0xff) && !(cpu->eflags & X86_FL_RF) && !code_breaks_held(cpu) && drx_code_hit(cpu, lin))
		x86_raise(cpu, X86_EXC_DB);
	cpu->eflags &= ~X86_FL_RF;
	cpu->shadow = 0;
	sys_attention(cpu);	/* no chaining, and interrupts are looked at behind it */
	if (!cpu->translator || !jit_one(cpu))
		interp_one(cpu);
	/* an instruction that went through the IDT or was masked by SYSCALL has cleared TF: no trap */
	if (tf && !(cpu->shadow & X86_SHADOW_SS) && ((cpu->eflags & X86_FL_TF) || !clears_tf(interp_last_op(cpu))))
		cpu->db_pending |= BIT(14);
	debug_traps(cpu);
	if (cpu->dbg.watched)
		return debug_exit(cpu, X86_DEBUG_STOP_WATCH);
	return cpu->dbg.step ? debug_exit(cpu, X86_DEBUG_STOP_STEP) : false;
}

/* After x86_raise(): where the fault is, and whether the caller wants to know. True: exit. */
static bool unwound(struct x86_cpu *cpu)
{
	jit_unwound(cpu);
	if (cpu->cur) {
		cpu->rip = x86_cur_rip(cpu);
		cpu->cur = NULL;
	}
	if (cpu->activity == X86_ACT_SHUTDOWN) {
		cpu->exit_reason = X86_EXIT_SHUTDOWN;
		cpu->platform->ops->triple_fault(cpu->platform->ctx, cpu);
		return true;
	}
	if (cpu->stop_on_exc && cpu->exc_pending) {
		cpu->exc_pending = 0;
		cpu->exit_reason = X86_EXIT_EXCEPTION;
		return true;
	}
	return false;
}

/* True: leave with exit_reason. */
static bool between_blocks(struct x86_cpu *cpu)
{
	if (atomic_load_explicit(&cpu->attn, memory_order_acquire) || cpu->activity != X86_ACT_RUN) {
		if (sys_handle_requests(cpu))
			return true;
		if (cpu->activity == X86_ACT_SHUTDOWN) {
			cpu->exit_reason = X86_EXIT_SHUTDOWN;
			return true;
		}
		/* stepping somebody who sleeps: he still does */
		if (cpu->activity != X86_ACT_RUN && cpu->dbg.step)
			return debug_exit(cpu, X86_DEBUG_STOP_STEP);
		if (cpu->activity != X86_ACT_RUN)
			sys_wait(cpu);
	}
	return false;
}

static void loop(struct x86_cpu *cpu, u64 steps)
{
	volatile u64 left = steps;
	jmp_buf jb;

	cpu->unwind = &jb;
	if (setjmp(jb)) {
		if (unwound(cpu))
			return;
	}
	if (cpu->exc_pending) {
		sys_deliver_pending_fault(cpu);
		/* one step from the fault is its handler's first instruction */
		if (cpu->dbg.step) {
			debug_exit(cpu, X86_DEBUG_STOP_STEP);
			return;
		}
	}
	for (;;) {
		if (left == 0) {
			cpu->exit_reason = X86_EXIT_STEPS;
			return;
		}
		if (between_blocks(cpu))
			return;
		if (cpu->activity != X86_ACT_RUN)
			continue;
		if (left == ~0ULL && !one_at_a_time(cpu)) {
			if (cpu->translator)
				jit_run(cpu);
			else
				interp_run(cpu);
			continue;
		}
		if (left != ~0ULL)
			left--;
		if (single(cpu))
			return;
	}
}

static enum x86_exit run(struct x86_cpu *cpu, u64 steps)
{
	jmp_buf *outer = cpu->unwind;

	sys_enter_guest(cpu);
	loop(cpu, steps);
	sys_leave_guest(cpu);
	jit_idle(cpu);
	cpu->unwind = outer;
	return cpu->exit_reason;
}

enum x86_exit x86_cpu_run(struct x86_cpu *cpu)
{
	return run(cpu, ~0ULL);
}

enum x86_exit x86_cpu_step(struct x86_cpu *cpu, u64 n)
{
	return run(cpu, MIN(n, ~0ULL - 1));
}
