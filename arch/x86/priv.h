/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the folders of arch/x86 share among themselves: the machine-wide
 * struct x86_system, the MMU's and interpreter's insides, and the functions
 * that one folder calls in another. Nothing here is a contract to outside.
 */
#ifndef ARCH_X86_PRIV_H
#define ARCH_X86_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include "config.h"
#include "x86/exec.h"

#define CR0_PE	BIT(0)
#define CR0_MP	BIT(1)
#define CR0_EM	BIT(2)
#define CR0_TS	BIT(3)
#define CR0_ET	BIT(4)
#define CR0_NE	BIT(5)
#define CR0_WP	BIT(16)
#define CR0_AM	BIT(18)
#define CR0_NW	BIT(29)
#define CR0_CD	BIT(30)
#define CR0_PG	BIT(31)

#define CR4_VME	BIT(0)
#define CR4_PVI	BIT(1)
#define CR4_TSD	BIT(2)
#define CR4_DE	BIT(3)
#define CR4_PSE	BIT(4)
#define CR4_PAE	BIT(5)
#define CR4_MCE	BIT(6)
#define CR4_PGE	BIT(7)
#define CR4_PCE	BIT(8)
#define CR4_OSFXSR	BIT(9)
#define CR4_OSXMMEXCPT	BIT(10)
#define CR4_UMIP	BIT(11)
#define CR4_LA57	BIT(12)
#define CR4_FSGSBASE	BIT(16)
#define CR4_PCIDE	BIT(17)
#define CR4_OSXSAVE	BIT(18)
#define CR4_SMEP	BIT(20)
#define CR4_SMAP	BIT(21)
#define CR4_PKE		BIT(22)

#define EFER_SCE	BIT(0)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define EFER_NXE	BIT(11)
#define EFER_SVME	BIT(12)
#define EFER_LMSLE	BIT(13)
#define EFER_FFXSR	BIT(14)
#define EFER_TCE	BIT(15)

#define PF_P	0x01u
#define PF_W	0x02u
#define PF_U	0x04u
#define PF_RSVD	0x08u
#define PF_I	0x10u
#define PF_PK	0x20u

#include "sys/features.h"

/* ---- machine-wide ---- */

/* Code decoded from one guest-physical page: which 64-byte granules, and a count that rises when any of it was written. */
struct x86_code_page {
	_Atomic u64 granules;
	_Atomic u32 gen;
	_Atomic u16 beside;	/* somebody stores to it without coming by code_stored() */
	_Atomic u16 marking;	/* vCPUs that set granules, and whose exclusive section is still to come */
};

#define CODE_CHUNK_BITS	18			/* pages of one chunk: 1 GiB */
#define CODE_CHUNKS	1024

struct jit;

struct x86_system {
	const struct x86_platform *platform;
	struct x86_cpu_model model;
	unsigned cpus_max, ncpus;
	struct x86_topology topology;
	struct x86_cpu *cpu[X86_CPUS_MAX];
	x86_exec_fn exec[X86_OP_COUNT], exec_vex[X86_OP_COUNT];
	_Atomic(struct x86_code_page *) code[CODE_CHUNKS];

	struct jit *jit;			/* the translator, or NULL */
	_Atomic u64 eoi_watch[4];		/* vectors whose next EOI somebody wants to know */

	pthread_mutex_t excl_lock;		/* held by whoever is exclusive */
	pthread_mutex_t wait_lock;		/* guards the condition only */
	pthread_cond_t wait_cond;		/* running became 0, or excl_active became 0 */
	_Atomic u32 excl_active;
	bool take_turns;
	struct x86_cpu *turn;			/* whose it is, NULL: nobody's; under wait_lock */
	unsigned turn_next, turn_last;		/* numbers of those that wait, in order of arrival */

	u32 log_mask;
	int log_fd;
};

static inline u64 x86_now_ns(const struct x86_cpu *cpu)
{
	return cpu->platform->ops->clock_ns(cpu->platform->ctx);
}

/* ---- mmu/ ---- */

/* Second-level entry; lin_flags is the page's linear address | XL_*. Large pages are in their own table. */
struct x86_l2_entry {
	u64 lin_flags;
	u64 gpa;		/* of the page (4 KiB, or the large page's first byte) */
	u64 gen;		/* valid while it equals the address space's (or the global) generation */
	u64 size;
};

#define XL_RW	0x001u
#define XL_US	0x002u
#define XL_NX	0x004u
#define XL_D	0x008u
#define XL_G	0x010u
#define XL_VALID 0x020u
#define XL_PKEY_SHIFT 8

#define L2_BITS		13
#define L2_WAYS		2
#define L2_LARGE	1024
#define L2_HUGE		16
#define MMU_CONTEXTS	16
#define MMU_PASSING	8

/* A user address space as tags name it. */
struct x86_context {
	bool used;
	u32 pcid, pkru;
	u64 tag[X86_TLB_CLASSES];
	u64 xtag;
};

/* A run of guest-physical pages with linear host addresses. */
struct x86_run_cache {
	u64 first, last;
	u8 *host;		/* of first */
	u64 *dirty;
	u8 kind;
};

#define MMU_WMAP_BITS 12
#define MMU_WMAP_WAYS 4

struct x86_mmu {
	struct x86_tlb_set set[X86_TLB_CLASSES];
	struct x86_l2_entry l2[1u << L2_BITS][L2_WAYS];
	struct x86_l2_entry large[L2_LARGE], huge[L2_HUGE];	/* 2 and 4 MiB; 1 GiB */
	bool has_large;
	bool huge_orphans;		/* of large_orphans: somewhere */
	u64 large_orphans[64];		/* where first-level pieces of large entries may be that have left their table */
	u8 victim;
	u64 gen_next, gen_global;
	u64 gen_pcid[4096];
	u64 tag_next, xtag_next;
	struct x86_context kernel;	/* tag[X86_TLB_KERNEL] only */
	bool kernel_nonglobal;		/* the kernel class holds what a CR3 write must drop: more than passing[] */
	u8 npassing;
	u64 passing[MMU_PASSING];	/* pages of the kernel class that a CR3 write must drop */
	struct x86_context user[MMU_CONTEXTS];
	unsigned user_next;
	enum x86_tlb_class cls;
	bool align;			/* CPL 3 with CR0.AM and EFLAGS.AC: misaligned accesses fault */
	enum x86_tlb_class walk_cls;	/* class of the supervisor walk under way */
	u64 exec_filter[2][2][64];	/* pages that cached code targets rely on: [CPL 3][upper half] */
	struct x86_run_cache run[4];
	unsigned run_next;
	u64 phys_generation;
	u64 pdpte[4];			/* PAE: loaded at CR3 writes */
	/*
	 * Where host pages are in the write sides of the first level and in what generated code remembers of
	 * them: nowhere but at the linear addresses that are here. What leaves a full set leaves those too.
	 */
	struct mmu_wmap { u64 host, lin; } wmap[1u << MMU_WMAP_BITS][MMU_WMAP_WAYS];
	u8 wmap_victim;
};

/* Result of a translation for one access inside one page. */
struct x86_xlate {
	u64 gpa;		/* of the byte */
	u8 *host;		/* of the byte, NULL: MMIO (or a write to ROM) */
	u64 *dirty;
	u64 run_first;
	u32 flags;		/* XL_* */
	u32 err;		/* #PF error code when translation failed */
};

int  mmu_init(struct x86_cpu *cpu);
void mmu_free(struct x86_cpu *cpu);
/* 0, or -1 with out->err. access: X86_READ, _WRITE, _EXEC. Sets A and D. */
int  mmu_translate(struct x86_cpu *cpu, u64 lin, int access, enum x86_tlb_class cls, struct x86_xlate *out);
/* The walk proper: fills gpa, flags (XL_*), size; 0 or -1 with *err. set_ad: update A (and D when write). */
struct mmu_walk_result {
	u64 gpa, size;
	u32 flags, err;
};
int  mmu_walk(struct x86_cpu *cpu, u64 lin, int access, bool user, bool set_ad, struct mmu_walk_result *r);
/* Does a page with these flags allow the access? Returns 0 or the #PF error code (with P). */
u32  mmu_deny(const struct x86_cpu *cpu, u32 flags, int access, enum x86_tlb_class cls);
bool mmu_load_pdptes(struct x86_cpu *cpu, u64 cr3);	/* false: reserved bits, #GP */
void mmu_space_changed(struct x86_cpu *cpu);		/* CR3 or PKRU: non-global pages differ */
void mmu_retag(struct x86_cpu *cpu);			/* first level forgotten, second kept */
void mmu_drop_writes(struct x86_cpu *cpu, const u8 *host_page);	/* from the first level; NULL: all */
void mmu_drop_write_slots(struct x86_cpu *cpu);	/* what generated code remembers of writable pages */
const struct x86_run_cache *mmu_phys_run(struct x86_cpu *cpu, u64 gpa);
void mmu_check_phys_generation(struct x86_cpu *cpu);
void mmu_mark_dirty(u64 *dirty, u64 run_first, u64 gpa);
u64  mmu_mmio_read(struct x86_cpu *cpu, u64 gpa, unsigned size);
void mmu_mmio_write(struct x86_cpu *cpu, u64 gpa, u64 val, unsigned size);

static inline bool x86_canonical(const struct x86_cpu *cpu, u64 lin)
{
	unsigned sh = cpu->cr4 & CR4_LA57 ? 7 : 16;
	return (u64)((s64)(lin << sh) >> sh) == lin;
}

/* Bases in MSRs and table registers: by the widest addresses that the model has, whatever CR4.LA57 says. */
static inline bool x86_canonical_base(const struct x86_cpu *cpu, u64 lin)
{
	unsigned sh = 64 - cpu->sys->model.virt_bits;
	return (u64)((s64)(lin << sh) >> sh) == lin;
}

static inline u64 x86_next_page(const struct x86_cpu *cpu, u64 lin)
{
	u64 next = (lin | X86_PAGE_MASK) + 1;
	return next == BIT(32) && !x86_in_64bit(cpu) ? 0 : next;
}

/* code.c */
struct x86_code_page *code_page(struct x86_system *sys, u64 gpa, bool create);
/* Marks bytes as decoded; afterwards every store to them is seen. */
void code_mark(struct x86_cpu *cpu, struct x86_code_page *cp, u64 gpa, unsigned len, const u8 *host_page);
/* Are these granules still marked? Looked at after the bytes were read. */
bool code_still_marked(struct x86_code_page *cp, u64 gpa, unsigned len);
bool code_present(struct x86_system *sys, u64 gpa);
/* After a store by cpu: drops decoded code, stops the running block if it is hit. */
/*
 * Bytes from *first in the page of gpa, around the len bytes there, that hold no
 * decoded code. They may be stored to until the vCPU's write slots are dropped. 0: there is code.
 */
unsigned code_free_run(struct x86_system *sys, u64 gpa, unsigned len, unsigned *first);
void code_stored(struct x86_cpu *cpu, u64 gpa, unsigned len);

/* ---- interp/ ---- */

int  interp_init(struct x86_cpu *cpu);
void interp_free(struct x86_cpu *cpu);
/* Runs blocks until attn, an exit or (one == true) one instruction is done. May unwind. */
void interp_run(struct x86_cpu *cpu);
void interp_one(struct x86_cpu *cpu);
/*
 * Executes instructions one after the other from the block at rip; behind each, visit is told where it goes on.
 * True: visit said stop, and rip is exact; false: the block ended. attn must be set, so that blocks do not chain.
 */
enum interp_walk { INTERP_WALK_ON, INTERP_WALK_STOP };
bool interp_walk(struct x86_cpu *cpu, enum interp_walk (*visit)(struct x86_cpu *cpu, u64 rip, void *ctx), void *ctx);
unsigned interp_last_op(const struct x86_cpu *cpu);	/* enum x86_op of what interp_one() did */
/* Forgets all predecoded code; only between blocks. */
void interp_flush(struct x86_cpu *cpu);
/* The running block was written to: leave it behind the current instruction. */
/* Segment of the running instruction's memory operand, SS for stack accesses. */
unsigned interp_current_seg(const struct x86_cpu *cpu);
/* Handlers are about to be called by generated code, outside of any block of the interpreter's. */
void interp_foreign(struct x86_cpu *cpu);
void interp_stop_block(struct x86_cpu *cpu, const struct x86_code_page *cp);

/* ---- the translator, arch/jit/ ---- */

#if IS_ENABLED(CONFIG_JIT)
struct x86_cpu *jit_cpu_alloc(const struct x86_system *sys);	/* zeroed, with translator set; NULL: no memory */
void jit_cpu_free(struct x86_cpu *cpu);
void jit_free(struct x86_system *sys);
/* Does generated code run in this mode? */
bool jit_takes(const struct x86_cpu *cpu);
/* Runs until attn or, in modes it does not take, until it may look again. May unwind. */
void jit_run(struct x86_cpu *cpu);
/* One instruction, if the machine is made for that; false: the interpreter is to do it. attn is set. */
bool jit_one(struct x86_cpu *cpu);
/* After an unwind: brings flags back from where generated code keeps them. */
void jit_unwound(struct x86_cpu *cpu);
/* The vCPU is outside of generated code: it holds nothing that was dropped before; out of x86_cpu_run(), nothing at all. */
void jit_cache_seen(struct x86_cpu *cpu);
void jit_idle(struct x86_cpu *cpu);
/* Code in the page of gpa was written to; all pages. Any thread. */
void jit_drop_page(struct x86_system *sys, u64 gpa);
void jit_drop_all(struct x86_system *sys);
/* The interpreter is about to store len bytes at host, and cpu->jit.noting is set. */
void jit_note_store(struct x86_cpu *cpu, u8 *host, unsigned len);
#else
static inline struct x86_cpu *jit_cpu_alloc(const struct x86_system *sys) { (void)sys; return NULL; }
static inline void jit_cpu_free(struct x86_cpu *cpu) { (void)cpu; }
static inline void jit_free(struct x86_system *sys) { (void)sys; }
static inline bool jit_takes(const struct x86_cpu *cpu) { (void)cpu; return false; }
static inline void jit_run(struct x86_cpu *cpu) { (void)cpu; }
static inline bool jit_one(struct x86_cpu *cpu) { (void)cpu; return false; }
static inline void jit_unwound(struct x86_cpu *cpu) { (void)cpu; }
static inline void jit_cache_seen(struct x86_cpu *cpu) { (void)cpu; }
static inline void jit_note_store(struct x86_cpu *cpu, u8 *host, unsigned len) { (void)cpu; (void)host; (void)len; }
static inline void jit_idle(struct x86_cpu *cpu) { (void)cpu; }
static inline void jit_drop_page(struct x86_system *sys, u64 gpa) { (void)sys; (void)gpa; }
static inline void jit_drop_all(struct x86_system *sys) { (void)sys; }
#endif

/* ---- sys/ ---- */

/* exec_deny, mode, seg_base from control registers and segments. */
void sys_update_mode(struct x86_cpu *cpu);
void sys_update_deny(struct x86_cpu *cpu);
void sys_set_cpl(struct x86_cpu *cpu, unsigned cpl);
static inline bool sys_prot(const struct x86_cpu *cpu)
{
	return (cpu->cr0 & CR0_PE) && !(cpu->eflags & X86_FL_VM);
}
static inline bool sys_v86(const struct x86_cpu *cpu) { return cpu->eflags & X86_FL_VM; }
static inline bool sys_lma(const struct x86_cpu *cpu) { return cpu->efer & EFER_LMA; }
static inline unsigned sys_iopl(const struct x86_cpu *cpu) { return (cpu->eflags >> 12) & 3; }

/* requests.c */
void sys_nmi_latch(struct x86_cpu *cpu);	/* owner, in an NMI handler: one more NMI waits at most */
void sys_attention(struct x86_cpu *cpu);	/* owner: look at req before the next block */
bool sys_handle_requests(struct x86_cpu *cpu);	/* true: leave x86_cpu_run() with exit_reason */
bool sys_wake_condition(struct x86_cpu *cpu);
void sys_wait(struct x86_cpu *cpu);

/* exclusive.c */
void sys_enter_guest(struct x86_cpu *cpu);
void sys_leave_guest(struct x86_cpu *cpu);

/* except.c, gate.c */
enum sys_event {
	EV_FAULT,	/* exception at rip: RF is set in the pushed flags */
	EV_TRAP,	/* exception behind an instruction */
	EV_SOFT,	/* INT n */
	EV_SOFT_EXC,	/* INT3, INTO: as INT n, but V8086's IOPL is not looked at */
	EV_INTR,	/* external interrupt, NMI, INT1 */
};
struct sys_intr {
	unsigned vec;
	bool has_err;
	u32 err;
	enum sys_event kind;
	u64 ret_rip;
};
/* Goes through the IDT; on success CS and the rest are loaded and rip_next is the handler. May unwind. */
void sys_gate(struct x86_cpu *cpu, const struct sys_intr *ev);
/* The same from between instructions, with faults of the delivery combined (double fault). Sets rip. */
void sys_deliver(struct x86_cpu *cpu, const struct sys_intr *ev);
/* After an unwind: delivers what x86_raise() left in exc_*. */
void sys_deliver_pending_fault(struct x86_cpu *cpu);

/* seg.c */
struct sys_desc {
	u64 base;
	u32 limit;
	u16 attr;
	u32 lo, hi, hi2;
	u64 addr;	/* linear address of the descriptor */
};
int  sys_desc_read(struct x86_cpu *cpu, u16 sel, struct sys_desc *d);		/* -1: outside its table */
int  sys_desc_read_system(struct x86_cpu *cpu, u16 sel, struct sys_desc *d);	/* 16 bytes in long mode */
void sys_desc_set_accessed(struct x86_cpu *cpu, struct sys_desc *d);
void sys_desc_parse(struct sys_desc *d);
void sys_load_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel);
/* SS for a stack of ring cpl: faults are exc(selector), #SS when not present. */
void sys_check_ss(struct x86_cpu *cpu, u16 sel, unsigned cpl, unsigned exc, u32 ext, struct sys_desc *d);
void sys_set_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel, const struct sys_desc *d);
void sys_set_seg_real(struct x86_cpu *cpu, enum x86_seg seg, u16 sel);
void sys_null_seg(struct x86_cpu *cpu, enum x86_seg seg, u16 sel);
void sys_drop_inner_segs(struct x86_cpu *cpu);
void sys_load_ldt(struct x86_cpu *cpu, u16 sel, bool in_task_switch);
u64  sys_stack_linear(struct x86_cpu *cpu, u64 sp, unsigned size, int access);

/* task.c */
enum task_kind { TASK_JMP, TASK_CALL, TASK_IRET };
void sys_task_switch(struct x86_cpu *cpu, u16 sel, struct sys_desc *tss, enum task_kind kind, u64 ret_ip);
void sys_tss_stack(struct x86_cpu *cpu, unsigned cpl, u16 *ss, u64 *sp);
u64  sys_tss_ist(struct x86_cpu *cpu, unsigned slot);	/* long mode: 0-2 RSPn, 4-10 IST1-7 at slot 3+n */

/* drx.c */
void drx_data(struct x86_cpu *cpu, u64 lin, unsigned len, int access);
void drx_io(struct x86_cpu *cpu, u16 port, unsigned size);
void drx_changed(struct x86_cpu *cpu);
bool drx_code_hit(struct x86_cpu *cpu, u64 lin);
static inline bool drx_data_armed(const struct x86_cpu *cpu)
{
	return ((cpu->dr7 & 0xff) && (cpu->dr7 & 0x33330000)) || cpu->dbg.nwatch;
}

/* cpuid.c, msr.c, tsc */
void sys_cpuid(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 out[4]);
static inline bool sys_extra(const struct x86_cpu *cpu, unsigned bit)	/* X86_EXTRA_* */
{
	return cpu->sys->model.words[bit / 32] >> (bit & 31) & 1;
}
static inline bool sys_feature_1g(const struct x86_cpu *cpu) { return sys_extra(cpu, X86_EXTRA_PDPE1GB); }
int  msr_read(struct x86_cpu *cpu, u32 msr, u64 *val);		/* -1: #GP */
int  msr_write(struct x86_cpu *cpu, u32 msr, u64 val);
u64  sys_tsc(const struct x86_cpu *cpu);
u64  sys_tsc_to_ns(const struct x86_cpu *cpu, u64 tsc);		/* guest clock at which the TSC reads tsc */
u64  sys_cr4_mask(const struct x86_cpu *cpu);
int  sys_write_cr0(struct x86_cpu *cpu, u64 val);		/* -1: #GP(0) */
int  sys_write_cr3(struct x86_cpu *cpu, u64 val);
int  sys_write_cr4(struct x86_cpu *cpu, u64 val);
int  sys_write_efer(struct x86_cpu *cpu, u64 val);

/* misc.c */
void sys_sti_inside(struct x86_cpu *cpu, const struct x86_insn *in);

/* io.c */
void sys_io_check(struct x86_cpu *cpu, u16 port, unsigned size);
u32  sys_io_read(struct x86_cpu *cpu, u16 port, unsigned size);
void sys_io_write(struct x86_cpu *cpu, u16 port, u32 val, unsigned size);

/* crdr.c: MOV to and from control and debug registers */
void sys_mov_special(struct x86_cpu *cpu, const struct x86_insn *in);

/* apic*.c */
int  apic_init(struct x86_cpu *cpu);
void apic_free(struct x86_cpu *cpu);
void apic_reset(struct x86_cpu *cpu, bool keep_id);
bool apic_mmio_hit(const struct x86_cpu *cpu, u64 gpa);
u32  apic_mmio_read(struct x86_cpu *cpu, u32 offset);
void apic_mmio_write(struct x86_cpu *cpu, u32 offset, u32 val);
int  apic_msr_read(struct x86_cpu *cpu, u32 msr, u64 *val);
int  apic_msr_write(struct x86_cpu *cpu, u32 msr, u64 val);
int  apic_base_write(struct x86_cpu *cpu, u64 val);
int  apic_pending(struct x86_cpu *cpu);			/* vector that PPR lets through, or -1 */
int  apic_ack(struct x86_cpu *cpu);			/* IRR -> ISR; vector, or spurious */
bool apic_accepts_extint(const struct x86_cpu *cpu);
u64  apic_cr8(const struct x86_cpu *cpu);
void apic_set_cr8(struct x86_cpu *cpu, u64 val);
void apic_timer_expired(struct x86_cpu *cpu);

/* log.c */
void sys_log(const struct x86_cpu *cpu, const char *fmt, ...) __printf(2, 3) __cold;
void sys_log_regs(struct x86_cpu *cpu) __cold;
static inline bool sys_log_on(const struct x86_cpu *cpu, u32 what)
{
	return unlikely(cpu->sys->log_mask & what);
}

#endif
