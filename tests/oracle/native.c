// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real processor's side. A forked child under seccomp runs each case by
 * returning from a signal handler into the wanted state: the kernel loads
 * registers, flags, code segment and the XSAVE image from the frame, TF makes
 * the processor trap after one instruction, and the next signal's frame holds
 * the resulting state. So nothing of the child's own survives in a register
 * that a case could see, and whatever the instruction does ends in the handler.
 */
#include <cpuid.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "bytes.h"
#include "oracle.h"

#define TF		0x100u
#define XSTATE_HEADER	512
#define XSTATE_YMMH	576
#define REP_TRAPS_MAX	64

static struct {
	struct oracle_batch *b;
	pid_t pid;
	int to, from;
} side;

/* The child's own state; touched in the handler only. */
static struct {
	volatile int running;
	u32 rep_traps;
	u64 fs_base, gs_base;
	gregset_t home;
	bool fsgsbase;
	bool avx;
} child;

static inline u64 rd_fs(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static inline u64 rd_gs(void)
{
	u64 v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static void set_seg_bases(u64 fs, u64 gs)
{
	__asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs));
}

/* musl's greg order to encoding order. */
static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* FXSAVE area and the upper halves behind it, in the frame. */
static void load_fp(u8 *x, const struct oracle_state *s)
{
	put_le16(x + 0, s->x87.cw);
	put_le16(x + 2, s->x87.sw);
	x[4] = s->x87.valid;
	memset(x + 5, 0, 19);
	put_le32(x + 24, s->mxcsr);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x + 32 + 16 * i, s->x87.st[i], 10);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(x + 160 + 16 * i, s->vec[i], 16);
		if (child.avx)
			memcpy(x + XSTATE_YMMH + 16 * i, s->vec[i] + 16, 16);
	}
	put_le64(x + XSTATE_HEADER, child.avx ? 7 : 3);
}

static void save_fp(const u8 *x, struct oracle_state *s)
{
	u64 bv = get_le64(x + XSTATE_HEADER);

	memset(&s->x87, 0, sizeof(s->x87));
	memset(s->vec, 0, sizeof(s->vec));
	s->mxcsr = get_le32(x + 24);
	if (bv & 1) {
		s->x87.cw = get_le16(x + 0);
		s->x87.sw = get_le16(x + 2);
		s->x87.valid = x[4];
		for (unsigned i = 0; i < 8; i++)
			memcpy(s->x87.st[i], x + 32 + 16 * i, 10);
	} else {
		s->x87.cw = 0x37f;
	}
	for (unsigned i = 0; i < 16; i++) {
		if (bv & 2)
			memcpy(s->vec[i], x + 160 + 16 * i, 16);
		if (child.avx && (bv & 4))
			memcpy(s->vec[i] + 16, x + XSTATE_YMMH + 16 * i, 16);
	}
}

static void load_case(ucontext_t *uc, const struct oracle_case *c)
{
	greg_t *g = uc->uc_mcontext.gregs;
	const struct oracle_state *s = &c->in;
	u8 *data = (u8 *)ORACLE_DATA;

	memcpy(data, side.b->common, ORACLE_DATA_RW);
	for (unsigned i = 0; i < ARRAY_SIZE(c->overlay); i++)
		memcpy(data + c->overlay[i].at, c->overlay[i].bytes, c->overlay[i].len);
	for (unsigned i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)s->gpr[i];
	g[REG_RIP] = (greg_t)s->rip;
	g[REG_EFL] = (greg_t)(s->rflags | TF);
	g[REG_CSGSFS] = (greg_t)((u64)ORACLE_DS << 48 | s->cs);
	load_fp((u8 *)uc->uc_mcontext.fpregs, s);
	child.rep_traps = 0;
	set_seg_bases(s->fs_base, s->gs_base);
}

static void save_case(const ucontext_t *uc, const struct oracle_case *c, struct oracle_result *res)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct oracle_state *s = &res->out;

	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = (u64)g[greg_of[i]];
	s->rip = (u64)g[REG_RIP];
	s->rflags = (u64)g[REG_EFL];
	s->cs = (u16)g[REG_CSGSFS];
	save_fp((const u8 *)uc->uc_mcontext.fpregs, s);
	res->trap = (int)g[REG_TRAPNO];
	res->err = (u32)g[REG_ERR];
	res->cr2 = res->trap == 14 ? (u64)g[REG_CR2] : 0;
	if (res->trap == 1)
		res->trap = ORACLE_DONE;
	if (res->trap == 3 && s->rip != c->in.rip + c->insn.len)
		res->trap = ORACLE_LOST;
	memcpy(res->mem, (const void *)ORACLE_DATA, ORACLE_DATA_RW);
}

static void save_segments(struct oracle_state *s)
{
	__asm__ volatile("mov %%ds, %0" : "=r"(s->ds));
	__asm__ volatile("mov %%es, %0" : "=r"(s->es));
	__asm__ volatile("mov %%fs, %0" : "=r"(s->fs));
	__asm__ volatile("mov %%gs, %0" : "=r"(s->gs));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(ORACLE_DS));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
}

/* REP traps after each iteration, a gather before the element that faults; let them go on. */
static bool rep_goes_on(const ucontext_t *uc, const struct oracle_case *c)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	return (c->is_rep || c->insn.flags & X86_INSN_VSIB) && g[REG_TRAPNO] == 1 && (u64)g[REG_RIP] == c->in.rip && child.rep_traps++ < REP_TRAPS_MAX;
}

/*
 * A signal: first the one that the main loop raises to come in, then one a
 * case. Flags first: AC, since our own code may not be aligned, NT and ID,
 * since the return from the signal would hand them on to the next case.
 */
__attribute__((no_stack_protector)) static void on_signal(int sig, siginfo_t *info, void *ucv)
{
	struct oracle_batch *b = side.b;
	ucontext_t *uc = ucv;
	struct oracle_state segs;
	u64 fs, gs;
	u32 n;

	__asm__ volatile("pushfq; andl $~0x244000, (%%rsp); popfq" : : : "memory", "cc");
	(void)sig;
	(void)info;
	if (!child.running) {
		memcpy(child.home, uc->uc_mcontext.gregs, sizeof(child.home));
		child.running = 1;
		load_case(uc, &b->cases[b->current]);
		return;
	}
	fs = rd_fs();
	gs = rd_gs();
	n = b->current;
	if (rep_goes_on(uc, &b->cases[n])) {
		uc->uc_mcontext.gregs[REG_EFL] |= TF;
		return;
	}
	save_segments(&segs);
	set_seg_bases(child.fs_base, child.gs_base);
	save_case(uc, &b->cases[n], &b->native[n]);
	b->native[n].out.ds = segs.ds;
	b->native[n].out.es = segs.es;
	b->native[n].out.fs = segs.fs;
	b->native[n].out.gs = segs.gs;
	b->native[n].out.fs_base = fs;
	b->native[n].out.gs_base = gs;
	b->current = ++n;
	if (n < b->count) {
		load_case(uc, &b->cases[n]);
		return;
	}
	child.running = 0;
	memcpy(uc->uc_mcontext.gregs, child.home, sizeof(child.home));
	uc->uc_mcontext.gregs[REG_RIP] += 2;	/* behind the UD2 */
	memset((u8 *)uc->uc_mcontext.fpregs + XSTATE_HEADER, 0, 8);
}

static int map_pages(void)
{
	int fl = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	void *code = mmap((void *)ORACLE_CODE, ORACLE_CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, fl, -1, 0);
	void *data = mmap((void *)ORACLE_DATA, ORACLE_DATA_SIZE, PROT_READ | PROT_WRITE, fl, -1, 0);

	return code == MAP_FAILED || data == MAP_FAILED ? -errno : 0;
}

/* Only what the loop and the handler's return need; a case that reaches the kernel ends the child. */
static int seal(void)
{
	static const unsigned allowed[] = { SYS_rt_sigreturn, SYS_read, SYS_write, SYS_mprotect, SYS_exit_group };
	struct sock_filter f[16];
	struct sock_fprog prog = { .filter = f };
	unsigned n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++) {
		u8 past = (u8)(ARRAY_SIZE(allowed) - i);

		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], past, 0);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return -errno;
	return 0;
}

static int catch_signals(void)
{
	static const int sigs[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS };
	static u8 alt[64 << 10];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	if (sigaltstack(&ss, NULL))
		return -errno;
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		if (sigaction(sigs[i], &sa, NULL))
			return -errno;
	return 0;
}

static void fill_code(const struct oracle_batch *b)
{
	u8 *code = (u8 *)ORACLE_CODE;

	memset(code, 0xcc, ORACLE_CODE_SIZE);
	for (unsigned i = 0; i < b->count; i++) {
		/* One NOP behind it: the trap after MOV SS comes an instruction late. */
		memset(code + i * ORACLE_SLOT, 0x90, 32);
		memcpy(code + i * ORACLE_SLOT, b->cases[i].code, b->cases[i].insn.len);
	}
}

static __noreturn void child_main(int from, int to)
{
	unsigned a, bx, c, d;
	u8 cmd;

	__cpuid_count(7, 0, a, bx, c, d);
	child.fsgsbase = bx & 1;
	child.avx = oracle_native_has(X86_FEAT_AVX);
	if (!child.fsgsbase || map_pages() || catch_signals())
		_exit(3);
	memcpy((void *)ORACLE_DATA, side.b->common, ORACLE_DATA_SIZE);
	if (mprotect((u8 *)ORACLE_DATA + ORACLE_DATA_RW, ORACLE_DATA_SIZE - ORACLE_DATA_RW, PROT_READ))
		_exit(3);
	child.fs_base = rd_fs();
	child.gs_base = rd_gs();
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(ORACLE_DS));
	if (seal() || write(to, "r", 1) != 1)
		_exit(3);
	while (read(from, &cmd, 1) == 1) {
		fill_code(side.b);
		__asm__ volatile("ud2" : : : "memory");
		if (write(to, "d", 1) != 1)
			break;
	}
	_exit(0);
}

int oracle_native_start(struct oracle_batch *b)
{
	int down[2], up[2], ret;
	u8 ready;

	side.b = b;
	if (pipe(down) || pipe(up))
		return -errno;
	side.pid = fork();
	if (side.pid < 0)
		return -errno;
	if (!side.pid) {
		close(down[1]);
		close(up[0]);
		child_main(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	side.to = down[1];
	side.from = up[0];
	ret = read(side.from, &ready, 1) == 1 ? 0 : -ENOTSUP;
	if (ret)
		oracle_native_stop();
	return ret;
}

void oracle_native_stop(void)
{
	close(side.to);
	close(side.from);
	waitpid(side.pid, NULL, 0);
}

int oracle_native_run(struct oracle_batch *b)
{
	u8 done;
	int ret;

	b->current = 0;
	while (b->current < b->count) {
		if (write(side.to, "g", 1) == 1 && read(side.from, &done, 1) == 1)
			return 0;
		/* The child died of the current case: a new one goes on behind it. */
		b->native[b->current++].trap = ORACLE_LOST;
		oracle_native_stop();
		ret = oracle_native_start(b);
		if (ret)
			return ret;
	}
	return 0;
}

bool oracle_native_has(enum x86_feature f)
{
	/* leaf, register (a b c d), bit; XCR0 is the kernel's and assumed with AVX's bit in CPUID. */
	static const struct { u32 leaf, sub; u8 reg, bit; } where[X86_FEAT_COUNT] = {
		[X86_FEAT_FPU] = { 1, 0, 3, 0 }, [X86_FEAT_TSC] = { 1, 0, 3, 4 }, [X86_FEAT_MSR] = { 1, 0, 3, 5 },
		[X86_FEAT_CX8] = { 1, 0, 3, 8 }, [X86_FEAT_SEP] = { 1, 0, 3, 11 }, [X86_FEAT_CMOV] = { 1, 0, 3, 15 },
		[X86_FEAT_CLFSH] = { 1, 0, 3, 19 }, [X86_FEAT_MMX] = { 1, 0, 3, 23 }, [X86_FEAT_FXSR] = { 1, 0, 3, 24 },
		[X86_FEAT_SSE] = { 1, 0, 3, 25 }, [X86_FEAT_SSE2] = { 1, 0, 3, 26 }, [X86_FEAT_SSE3] = { 1, 0, 2, 0 },
		[X86_FEAT_PCLMUL] = { 1, 0, 2, 1 }, [X86_FEAT_MONITOR] = { 1, 0, 2, 3 }, [X86_FEAT_SSSE3] = { 1, 0, 2, 9 },
		[X86_FEAT_FMA] = { 1, 0, 2, 12 }, [X86_FEAT_CX16] = { 1, 0, 2, 13 }, [X86_FEAT_SSE41] = { 1, 0, 2, 19 },
		[X86_FEAT_SSE42] = { 1, 0, 2, 20 }, [X86_FEAT_MOVBE] = { 1, 0, 2, 22 }, [X86_FEAT_POPCNT] = { 1, 0, 2, 23 },
		[X86_FEAT_AES] = { 1, 0, 2, 25 }, [X86_FEAT_XSAVE] = { 1, 0, 2, 27 }, [X86_FEAT_AVX] = { 1, 0, 2, 28 },
		[X86_FEAT_F16C] = { 1, 0, 2, 29 }, [X86_FEAT_RDRAND] = { 1, 0, 2, 30 },
		[X86_FEAT_FSGSBASE] = { 7, 0, 1, 0 }, [X86_FEAT_BMI1] = { 7, 0, 1, 3 }, [X86_FEAT_AVX2] = { 7, 0, 1, 5 },
		[X86_FEAT_BMI2] = { 7, 0, 1, 8 }, [X86_FEAT_INVPCID] = { 7, 0, 1, 10 }, [X86_FEAT_RDSEED] = { 7, 0, 1, 18 },
		[X86_FEAT_ADX] = { 7, 0, 1, 19 }, [X86_FEAT_SMAP] = { 7, 0, 1, 20 }, [X86_FEAT_CLFLUSHOPT] = { 7, 0, 1, 23 },
		[X86_FEAT_CLWB] = { 7, 0, 1, 24 }, [X86_FEAT_SHA] = { 7, 0, 1, 29 }, [X86_FEAT_PKU] = { 7, 0, 2, 4 },
		[X86_FEAT_GFNI] = { 7, 0, 2, 8 }, [X86_FEAT_VAES] = { 7, 0, 2, 9 }, [X86_FEAT_VPCLMUL] = { 7, 0, 2, 10 },
		[X86_FEAT_RDPID] = { 7, 0, 2, 22 }, [X86_FEAT_XSAVEOPT] = { 13, 1, 0, 0 }, [X86_FEAT_XSAVEC] = { 13, 1, 0, 1 },
		[X86_FEAT_XSAVES] = { 13, 1, 0, 3 }, [X86_FEAT_LAHF_LM] = { 0x80000001, 0, 2, 0 },
		[X86_FEAT_LZCNT] = { 0x80000001, 0, 2, 5 }, [X86_FEAT_PREFETCHW] = { 0x80000001, 0, 2, 8 },
		[X86_FEAT_SYSCALL] = { 0x80000001, 0, 3, 11 }, [X86_FEAT_RDTSCP] = { 0x80000001, 0, 3, 27 },
		[X86_FEAT_SVM] = { 0x80000001, 0, 2, 2 }, [X86_FEAT_MONITORX] = { 0x80000001, 0, 2, 29 },
		[X86_FEAT_CLZERO] = { 0x80000008, 0, 1, 0 }, [X86_FEAT_WBNOINVD] = { 0x80000008, 0, 1, 9 },
		[X86_FEAT_VMX] = { 1, 0, 2, 5 },
	};
	unsigned r[4];

	if (f == X86_FEAT_NONE)
		return true;
	if (!__get_cpuid_count(where[f].leaf, where[f].sub, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[where[f].reg] >> where[f].bit & 1;
}
