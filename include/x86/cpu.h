/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual CPU: its state, its life and what machine, debugger, loader and
 * test oracle may do with it. The layout serves the interpreter and the
 * translator alike: hot fields first, nothing behind a pointer that generated
 * code touches.
 *
 * Threads: a vCPU's fields belong to the thread inside x86_cpu_run(); others
 * may use the functions marked "any thread", and all of them while no thread
 * runs the vCPU. req and attn are the only words that others write.
 */
#ifndef VMBOX_X86_CPU_H
#define VMBOX_X86_CPU_H

#include <setjmp.h>
#include "err.h"
#include "x86/insn.h"
#include "x86/platform.h"

struct jit_vcpu;
struct x86_apic;
struct x86_interp;
struct x86_mmu;
struct x86_system;
struct x86_uop;

/* A segment register with its hidden part; attr has the descriptor's bits 40-55 in place (attr = high dword >> 8). */
struct x86_segment {
	u64 base;
	u32 limit;	/* in bytes, granularity applied */
	u16 sel;
	u16 attr;	/* X86_ATTR_* */
};

#define X86_ATTR_TYPE	0x000f
#define X86_ATTR_A	0x0001	/* accessed */
#define X86_ATTR_RW	0x0002	/* code: readable, data: writable */
#define X86_ATTR_CE	0x0004	/* code: conforming, data: expand down */
#define X86_ATTR_CODE	0x0008
#define X86_ATTR_S	0x0010	/* code or data */
#define X86_ATTR_DPL	0x0060
#define X86_ATTR_P	0x0080
#define X86_ATTR_AVL	0x1000
#define X86_ATTR_L	0x2000
#define X86_ATTR_DB	0x4000
#define X86_ATTR_G	0x8000

struct x86_dtable {
	u64 base;
	u32 limit;
};

/* A vector register; the architecture shown to guests has 32 bytes of it. */
union x86_vec {
	u8  b[64];
	u16 w[32];
	u32 d[16];
	u64 q[8];
	float f[16];
	double lf[8];
} __aligned(64);

struct x86_f80 {
	u64 man;
	u16 se;		/* sign and exponent */
};

/* x87: st[] are the physical registers, TOP is in sw. */
struct x86_fpu {
	struct x86_f80 st[8];
	u16 cw;
	u16 sw;
	u8  valid;	/* bit n: physical register n is not empty (FXSAVE's abridged tag) */
	u16 fop;
	u16 fcs;
	u16 fds;
	u64 fip;
	u64 fdp;
};

/*
 * The arithmetic flags are lazy: two words hold what the last flag-setting
 * instruction left. fl_res is the sign-extended result: ZF = fl_res == 0,
 * SF = (fl_res >> 63) ^ SFD, PF = even parity of (fl_res ^ fl_aux >> 8) bits 7-0.
 */
#define X86_AUX_CF	BIT(63)
#define X86_AUX_PO	BIT(62)			/* carry into the sign bit: OF = CF ^ PO */
#define X86_AUX_AF	BIT(3)
#define X86_AUX_SFD	BIT(0)			/* SF differs from the result's sign */
#define X86_AUX_PDB	0xff00ULL		/* parity delta byte */

/* Bits of x86_cpu.req. */
#define X86_REQ_INTR	BIT(0)	/* the LAPIC has a vector in IRR (maybe masked by PPR) */
#define X86_REQ_EXTINT	BIT(1)	/* level of the 8259's INTR line */
#define X86_REQ_NMI	BIT(2)
#define X86_REQ_SMI	BIT(3)
#define X86_REQ_INIT	BIT(4)
#define X86_REQ_SIPI	BIT(5)	/* vector in sipi_vector */
#define X86_REQ_EXIT	BIT(6)	/* x86_cpu_run() is to return X86_EXIT_REQUEST */
#define X86_REQ_SYNC	BIT(7)	/* somebody wants the vCPU at a safe point (exclusive section) */
#define X86_REQ_TLB	BIT(8)	/* drop all cached translations and code: physical map or dirty log changed */
#define X86_REQ_TIMER	BIT(9)	/* the LAPIC timer's time has come */
#define X86_REQ_RESET	BIT(10)	/* power-on reset at the next boundary */
#define X86_REQ_NMI_MORE BIT(11)	/* an NMI that came while one waited: see x86_cpu_nmi() */

#define X86_ATTENTION	2	/* generated code adds it to addresses: arch/jit/jit.h */

/* What a thread waits for in a vCPU that runs nothing. */
enum x86_activity {
	X86_ACT_RUN,
	X86_ACT_HLT,
	X86_ACT_WAIT_SIPI,
	X86_ACT_SHUTDOWN,
};

enum x86_exit {
	X86_EXIT_REQUEST,	/* x86_cpu_request_exit() */
	X86_EXIT_SHUTDOWN,	/* triple fault; platform's triple_fault() was called */
	X86_EXIT_DEBUG,		/* debugger's breakpoint, watchpoint or single step: see dbg_* */
	X86_EXIT_EXCEPTION,	/* oracle mode (stop_on_exc): exc_* tells which */
	X86_EXIT_STEPS,		/* x86_cpu_step()'s count is used up */
};

/* Context classes of data accesses: which TLB is looked up. */
enum x86_tlb_class {
	X86_TLB_KERNEL,		/* CPL 0-2, and implicit supervisor accesses */
	X86_TLB_USER,		/* CPL 3 */
	X86_TLB_OVERRIDE,	/* CPL 0-2 with EFLAGS.AC: user pages allowed under SMAP */
	X86_TLB_CLASSES,
};

/* What a debugger may set, in each vCPU. */
#define X86_DEBUG_BREAKS	256
#define X86_DEBUG_WATCHES	16
#define X86_DEBUG_STEP		1
#define X86_DEBUG_NOIRQ		2

enum x86_debug_stop { X86_DEBUG_STOP_STEP, X86_DEBUG_STOP_BREAK, X86_DEBUG_STOP_WATCH };
enum x86_debug_watch { X86_DEBUG_WATCH_WRITE = 1, X86_DEBUG_WATCH_READ, X86_DEBUG_WATCH_ACCESS };

#define X86_TLB_BITS	14
#define X86_TLB_SIZE	(1u << X86_TLB_BITS)

/*
 * tag: linear page address | the context's 12-bit tag; an unused entry has an
 * address that no lookup forms. host = linear + addend.
 */
struct x86_tlb_entry {
	u64 tag;
	u64 addend;
};

/* First level: reads and writes apart, so that one compare decides. */
struct x86_tlb_set {
	struct x86_tlb_entry r[X86_TLB_SIZE];
	struct x86_tlb_entry w[X86_TLB_SIZE];
};

/*
 * What generated code sees of the first TLB level, emptied by the MMU: by bits 20-12 of
 * the address, an access of n bytes at lin hits if lin - page < 4096 - n + 1. An unused
 * entry has the page of an address that is looked for elsewhere: 0, in entry 0 4096.
 */
struct x86_jit_page {
	u64 page;		/* linear address */
	u64 host;
};

#define X86_JIT_PAGES	512
#define X86_JIT_PAGE_GROUP 8	/* entries for a bit of pages_used */

/*
 * And for places that stay in one page for long, at an address of its own: up
 * to 1, 8, 32, 64, 128, 256 bytes at lin hit if lin - page < limit[n].
 */
#define X86_JIT_LIMITS	6
struct x86_jit_slot {
	u64 limit[X86_JIT_LIMITS];
	u64 page;		/* linear address */
	u64 host;
} __aligned(64);

/* Slots of reads, and as many of writes. */
enum x86_jit_slots {
	X86_JIT_SLOT_STACK,			/* off rSP */
	X86_JIT_SLOT_RIP,			/* off RIP, by page of the address */
	X86_JIT_SLOT_CONST = X86_JIT_SLOT_RIP + 8, /* no register but FS or GS base, by page of the displacement */
	X86_JIT_SLOT_BESIDE = X86_JIT_SLOT_CONST + 4, /* a store to a page with code that no other slot is for */
	X86_JIT_SLOT_STRING,			/* of REP: holds whole pages only */
	X86_JIT_SLOTS,
};

#define X86_JIT_GROUPS	8

/* What generated code keeps besides the guest's state; arch/jit. */
struct x86_jit_cpu {
	u64 page;		/* linear address of the page that the running block is in */
	struct jit_jump *jumps;	/* jump table of the current (code address space, mode) */
	u64 host_sp;		/* the run loop's stack */
	u16 fl;			/* guest's flags as LAHF and SETO leave them in AX */
	u8  vec_live;		/* vector registers and MXCSR are in the host's registers */
	u8  in_code;		/* fl and page are valid, fl_res, fl_aux and rip are not */
	u8  dropped;		/* code was written to since the last look */
	u32 host_mxcsr;
	u8  x87_live;		/* 1: the x87 stack is in the host's; 2: in x87_image, not in struct x86_fpu */
	u8  verify;		/* generated code is compared with the interpreter: no write is answered by the first TLB level */
	u8  noting;		/* the interpreter's stores are told to jit_note_store() */
	u8  no_fill;		/* the current class fills neither slots nor pages */
	u64 spill[4];
	u64 group[X86_JIT_GROUPS];	/* host addresses that groups of accesses in the running block have checked */
	u64 bounce[8] __aligned(64);	/* operand of a load that no single host address answers */
	u8  gather[3][32] __aligned(32);	/* index, mask and destination of a gather under way */
	u8  x87_image[112];	/* as FNSAVE leaves it */
	u64 slot_tag[2];	/* TLB tags that the slots belong to */
	struct x86_jit_slot slot[2][2 * X86_JIT_SLOTS];	/* CPL 0-2, CPL 3 */
	u64 pages_used[2][2];	/* [CPL 3][write], a bit for each group that is not all unused */
	struct x86_jit_page pages[2][2][X86_JIT_PAGES] __aligned(64);
};

struct x86_cpu {
	/* Hot. gpr[X86_REG_NONE] is always 0; rip is gpr[X86_REG_RIP]. */
	u64 gpr[16];
	u64 rip;		/* of the running block's first instruction; exact between blocks */
	u64 zero;
	u64 fl_res, fl_aux;	/* lazy CF PF AF ZF SF OF */
	u32 eflags;		/* all other bits; bit 1 set, arithmetic bits 0 */
	_Atomic u32 attn;	/* 0, or X86_ATTENTION: leave the chain of blocks and look at req */
	struct x86_tlb_set *tlb;/* of the current class */
	u64 tlb_tag;		/* 12-bit tag of the current class and address space */
	u64 xtag;		/* unique number of the code address space: cached targets are valid while it stands */
	const struct x86_uop *cur;	/* running instruction, NULL between blocks */
	u64 rip_next;		/* where a block-ending handler goes on */
	u64 seg_base[8];	/* bases as the current mode applies them: 0 for ES CS SS DS in 64-bit mode */
	u64 lin_mask;		/* ~0 in 64-bit mode, else 0xffffffff */
	u64 icount;		/* instructions retired by finished blocks */
	u32 mode;		/* X86_MODEF_*: key of predecoded code */
	u8  cpl;
	u8  exec_deny;		/* X86_DENY_*: units switched off by CR0, CR4, XCR0 */
	u8  shadow;		/* X86_SHADOW_*: interrupts held for one instruction */
	u8  nmi_masked;

	/* Segments and tables. */
	struct x86_segment seg[X86_SEG_COUNT];
	struct x86_segment ldt, tr;
	struct x86_dtable gdt, idt;

	/* Control, debug, model-specific. */
	u64 cr0, cr2, cr3, cr4, xcr0;
	u64 efer;
	u64 dr[4], dr6, dr7;
	u32 pkru;
	u32 mxcsr;
	struct {
		u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
		u64 sysenter_cs, sysenter_esp, sysenter_eip;
		u64 pat, apic_base, misc_enable, tsc_adjust, debugctl;
		u64 mtrr_def_type, mtrr_phys[16], mtrr_fixed[11];
		u64 mcg_status, mcg_ctl, mc[4][4];
		u64 hwcr, syscfg, iorr[4], top_mem, top_mem2, vm_cr, hsave_pa;
		u64 kvm_system_time, kvm_wall_clock;
		u64 xss, spec_ctrl, patch_level, smbase;
	} msr;

	/* Vector and x87 registers. */
	union x86_vec vec[16];
	struct x86_fpu fpu;

	/* Requests and activity. */
	_Atomic u32 req;
	_Atomic u32 sleeping;	/* 1 while it waits on attn */
	_Atomic u32 running;	/* 1 while guest code may touch memory (exclusive sections wait for 0) */
	u8  sipi_vector;
	u8  activity;		/* enum x86_activity */
	u8  exit_reason;

	/* Exceptions under way. */
	u8  exc_pending;	/* x86_raise() unwound: deliver exc_* */
	u8  delivering;		/* going through the IDT for delivering_vec: faults combine */
	u8  delivering_vec;
	u64 db_pending;		/* DR6 bits of traps that this instruction has earned */
	u8  exc_vec;		/* the last one raised, for nesting, logs and the oracle */
	u8  exc_has_err;
	u8  stop_on_exc;	/* oracle: return X86_EXIT_EXCEPTION instead of delivering */
	u32 exc_err;
	u64 exc_cr2;
	jmp_buf *unwind;	/* where x86_raise() goes */

	/* Debugger (gdbstub): independent of DR0-7; x86_debug_*() below. */
	struct {
		u64 addr[X86_DEBUG_BREAKS];
		u32 count;
		u32 nwatch;
		struct { u64 addr, len; u8 kind; } watch[X86_DEBUG_WATCHES];
		u8  step;	/* X86_DEBUG_STEP: stop after each instruction, _NOIRQ: and take no interrupt before it */
		u8  pass;	/* the breakpoint at hit does not count the next time */
		u8  why;	/* enum x86_debug_stop, behind X86_EXIT_DEBUG */
		u8  watched;	/* the running instruction has met watch[watched - 1] */
		u64 hit;	/* address of the breakpoint, or the data address, that stopped us */
	} dbg;

	/* Identity, fixed at creation. */
	u32 index;		/* 0.. in x86_system */
	u32 apic_id;
	struct x86_system *sys;
	const struct x86_platform *platform;
	struct x86_apic *apic;
	struct x86_interp *interp;
	struct x86_mmu *mmu;
	struct x86_jit_cpu jit;
	struct jit_vcpu *translator;	/* NULL: the interpreter runs all */
	void *owner;		/* the machine's own */
	u64 tsc_offset;
};

/* x86_cpu.mode: everything besides the bytes that decoding and handler choice depend on. */
#define X86_MODEF_SIZE	0x0003	/* enum x86_mode of the code segment */
#define X86_MODEF_SS32	0x0004	/* SS.B */
#define X86_MODEF_FLAT	0x0008	/* ES CS SS DS: base 0, limit 4 GiB, present, writable */
#define X86_MODEF_PROT	0x0010	/* CR0.PE and not V8086 */
#define X86_MODEF_V86	0x0020
#define X86_MODEF_LMA	0x0040
#define X86_MODEF_CPL3	0x0080
#define X86_MODEF_ONE	0x0100	/* a block of one instruction: TF, shadows, breakpoints */

/* x86_cpu.exec_deny: the instruction faults before anything else. */
#define X86_DENY_X87_NM	0x01	/* CR0.EM or TS */
#define X86_DENY_WAIT_NM 0x02	/* CR0.MP and TS: FWAIT */
#define X86_DENY_SSE_UD	0x04	/* CR0.EM or no CR4.OSFXSR */
#define X86_DENY_SSE_NM	0x08	/* CR0.TS */
#define X86_DENY_AVX_UD	0x10	/* no CR4.OSXSAVE, or XCR0 lacks SSE or AVX */
#define X86_DENY_MMX_UD	0x20	/* CR0.EM */

#define X86_SHADOW_STI	0x01
#define X86_SHADOW_SS	0x02	/* also holds debug traps and NMI */

/* ---- a machine's CPUs ---- */

#define X86_CPUS_MAX	255
#define X86_APIC_IDS	255	/* 0 to 254: 255 addresses all */

/*
 * How processors are grouped: threads in a core, cores in a die, dies in a socket, each at
 * least 1. Each level has its own bits of the APIC id (SDM vol. 3, 9.9.1), so that a number
 * that is no power of two leaves gaps between ids.
 */
struct x86_topology {
	unsigned dies, cores, threads;
};
/* APIC id of processor number index, counted without gaps. */
u32 x86_topology_apic_id(const struct x86_topology *t, unsigned index);

/*
 * Parses a -cpu argument ("max,-avx2,+x2apic", "qemu64,vendor=GenuineIntel").
 * Models: vmbox (default, x86-64-v3), qemu64, max. Unknown names give an error that
 * lists or suggests. The result is used by x86_system_create().
 */
struct x86_cpu_model {
	const char *name;
	char vendor[13];
	char brand[49];
	u8  features[X86_FEAT_COUNT];	/* 1: shown in CPUID and executable */
	u32 words[16];			/* CPUID feature words as shown; arch/x86/sys/features.h */
	u32 family, model, stepping;
	u32 phys_bits, virt_bits;
	u64 tsc_hz;
	bool hypervisor;		/* leaf 0x40000000 and its CPUID bit */
};
int x86_cpu_model_parse(struct x86_cpu_model *m, const char *arg, struct err *e);
/* Writes the model names, one a line, for -cpu help. */
void x86_cpu_model_list(void (*emit)(void *ctx, const char *line), void *ctx);
/* Every feature that -cpu knows, and whether m has it. */
void x86_cpu_model_features(const struct x86_cpu_model *m, void (*emit)(void *ctx, const char *name, bool on), void *ctx);

/*
 * Creates what the CPUs of one machine share. platform must outlive it; model
 * is copied. cpus_max: how many x86_cpu_create() will follow; CPUID tells that they are the
 * cores of one socket unless x86_system_set_topology() says otherwise.
 */
struct x86_system *x86_system_create(const struct x86_platform *platform, const struct x86_cpu_model *model,
				     unsigned cpus_max, struct err *e);
/* What CPUID tells. Before the first x86_cpu_create(), whose APIC ids must be x86_topology_apic_id()'s. */
void x86_system_set_topology(struct x86_system *sys, const struct x86_topology *topology);
/* One vCPU at a time executes guest code, in turns of some milliseconds. Before the first x86_cpu_run(). */
void x86_system_take_turns(struct x86_system *sys);
void x86_system_destroy(struct x86_system *sys);	/* also destroys its CPUs; none may run */

/* Creates CPU number index with its LAPIC, in power-on state; index 0 is the boot processor. */
struct x86_cpu *x86_cpu_create(struct x86_system *sys, u32 apic_id, void *owner, struct err *e);
struct x86_cpu *x86_system_cpu(struct x86_system *sys, unsigned index);	/* NULL: no such */

/* Power-on reset (RESET#): boot processor starts at f000:fff0, others wait for SIPI. Not while it runs. */
void x86_cpu_reset(struct x86_cpu *cpu);
/* INIT: as RESET but CR0.CD/NW, x87, vector state, MSRs stay. Called inside the run loop for X86_REQ_INIT. */
void x86_cpu_init_signal(struct x86_cpu *cpu);

/*
 * Runs guest code on the calling thread until an exit. Halts sleep inside.
 * One thread a vCPU; needs 64 KiB of stack.
 */
enum x86_exit x86_cpu_run(struct x86_cpu *cpu);
/* Executes at most n instructions (an interrupt delivery or a REP iteration group counts as one). */
enum x86_exit x86_cpu_step(struct x86_cpu *cpu, u64 n);

/* ---- any thread ---- */

/* Sets request bits, and wakes the vCPU if it sleeps. */
void x86_cpu_request(struct x86_cpu *cpu, u32 req);
void x86_cpu_withdraw(struct x86_cpu *cpu, u32 req);
/* What CPUID answers now for a leaf: eax, ebx, ecx, edx. Main thread, the vCPU standing. */
void x86_cpu_cpuid(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 out[4]);
/*
 * An NMI. A processor takes one within an instruction and latches one more while its handler runs; a vCPU looks at the
 * end of a block, so that two may have come by then, and both count.
 */
void x86_cpu_nmi(struct x86_cpu *cpu);
/* Makes the vCPU look at its requests soon; wakes a halted one. */
void x86_cpu_kick(struct x86_cpu *cpu);
static inline void x86_cpu_request_exit(struct x86_cpu *cpu) { x86_cpu_request(cpu, X86_REQ_EXIT); }
/* Level of the 8259's INTR output (to LINT0 of the boot processor). */
void x86_cpu_set_extint(struct x86_cpu *cpu, bool level);
/* The A20 gate is the machine's: a mapping above 1 MiB. */

/* Bytes of guest RAM were changed by a device or debugger: drops code decoded from them. After the write. */
void x86_code_written(struct x86_system *sys, u64 gpa, u64 len);
/* The physical map changed (phys_generation was raised): all vCPUs drop what they cached. */
void x86_phys_changed(struct x86_system *sys);

/* ---- LAPIC; any thread ---- */

enum x86_delivery {	/* as in ICR and MSI data bits 10-8 */
	X86_DELIVER_FIXED, X86_DELIVER_LOWEST, X86_DELIVER_SMI, X86_DELIVER_RESERVED,
	X86_DELIVER_NMI, X86_DELIVER_INIT, X86_DELIVER_SIPI, X86_DELIVER_EXTINT,
};
struct x86_intr {
	u32 dest;		/* physical: APIC id; logical: MDA */
	u8  vector;
	u8  delivery;		/* enum x86_delivery */
	bool logical;
	bool level;		/* EOI is broadcast to the IOAPICs */
};
/* Delivers as an IOAPIC does. Returns the number of CPUs that took it, 0: none. */
int x86_apic_deliver(struct x86_system *sys, const struct x86_intr *intr);
/* Message signalled interrupt: address fee?????, data as in PCI; extended destination in address bits 11-5 (+ KVM's 15-bit scheme). */
int x86_apic_deliver_msi(struct x86_system *sys, u64 address, u32 data);
/*
 * True: this message would be lost, for its vector still waits in a LAPIC that it addresses. Then
 * irq_taken() of the platform is called at the vector's next EOI. Any thread.
 */
bool x86_apic_msi_waits(struct x86_system *sys, u64 address, u32 data);
/* Called by the platform when the time given to lapic_timer_arm() has come. */
void x86_lapic_timer_fire(struct x86_cpu *cpu);
/* Drives LINT0 or LINT1 (pin 0, 1) of one LAPIC. */
void x86_apic_set_lint(struct x86_cpu *cpu, unsigned pin, bool level);

/* ---- register access; owner thread, or not running ---- */

/* Whole EFLAGS with lazy bits, and back. */
u64  x86_eflags(const struct x86_cpu *cpu);
void x86_set_eflags(struct x86_cpu *cpu, u64 val);
/* Segment as a loader wants it: no descriptor is read. Recomputes the mode. */
void x86_set_segment(struct x86_cpu *cpu, enum x86_seg seg, const struct x86_segment *val);
/* CR0, CR3, CR4, EFER without checks (loader, debugger, state load). */
void x86_set_control(struct x86_cpu *cpu, u64 cr0, u64 cr3, u64 cr4, u64 efer);
/* Recomputes everything derived after fields were written directly. */
void x86_cpu_changed(struct x86_cpu *cpu);
/* 64-bit (or 32-bit) flat state in ring cpl, paging off for long == false: for loaders and the oracle. */
void x86_cpu_setup_flat(struct x86_cpu *cpu, bool long_mode, unsigned cpl);

/* Linear to physical as a debugger sees it: no faults, no A/D. -EFAULT if not mapped. */
int x86_debug_translate(struct x86_cpu *cpu, u64 linear, u64 *gpa);
/* Copies through the page tables; returns bytes copied before the first unmapped page. */
size_t x86_debug_read(struct x86_cpu *cpu, u64 linear, void *buf, size_t len);
size_t x86_debug_write(struct x86_cpu *cpu, u64 linear, const void *buf, size_t len);

/*
 * A debugger's breakpoints and watchpoints, by linear address; the vCPU does
 * not run. It leaves with X86_EXIT_DEBUG before the instruction at a
 * breakpoint, behind the one that touched watched bytes, and with dbg.step
 * behind each. dbg.why tells which; a watchpoint's data address is in dbg.hit.
 * -ENOSPC beyond the arrays' sizes, -ENOENT: not set.
 *
 * For executors: pages with a breakpoint (x86_debug_page()) run one
 * instruction at a time, all others as always. A change of the set drops all
 * decoded code (X86_REQ_TLB), so that no edge into such a page stands; nobody
 * may chain into one afterwards. While a watchpoint is set the first TLB
 * level stays empty and all code runs one instruction at a time.
 */
int  x86_debug_break_add(struct x86_cpu *cpu, u64 linear);
int  x86_debug_break_del(struct x86_cpu *cpu, u64 linear);
int  x86_debug_watch_add(struct x86_cpu *cpu, u64 linear, u64 len, enum x86_debug_watch kind);
int  x86_debug_watch_del(struct x86_cpu *cpu, u64 linear, u64 len, enum x86_debug_watch kind);
/* Go on from the breakpoint on which it stands (pass), or run into it again. */
void x86_debug_pass(struct x86_cpu *cpu, bool pass);
/* True when a breakpoint lies in the page of the next instruction. */
bool x86_debug_page(const struct x86_cpu *cpu);

/* ---- log (-d in_asm,cpu,int,exec) ---- */

#define X86_LOG_IN_ASM	0x01	/* each block when it is decoded */
#define X86_LOG_CPU	0x02	/* registers before each block (implies one block at a time) */
#define X86_LOG_INT	0x04	/* exceptions and interrupts */
#define X86_LOG_EXEC	0x08	/* address of each block entered */
#define X86_LOG_UNIMP	0x10	/* unknown MSRs and the like */
/* Sends log lines of the given kinds to fd (-1: off). Set before CPUs run. */
void x86_system_set_log(struct x86_system *sys, u32 mask, int fd);

#endif
