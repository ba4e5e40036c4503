/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory as instructions see it: linear addresses (segmentation is
 * exec.h's), the current privilege, faults raised by unwinding. The inline
 * part is the fast path that the translator emits as code: one compare of a
 * first-level TLB entry, which covers page crossing, permission, address
 * space, dirty logging and code pages all at once, because whatever needs
 * care is not in the first level.
 *
 * Memory order: guest loads and stores are single host accesses of the same
 * width (single-copy atomic where the guest may rely on it: inside 8 aligned
 * bytes). An x86 host then gives TSO by itself. On hosts with weaker order
 * the two marked places need load-acquire (RCpc) and store-release.
 */
#ifndef VMBOX_X86_MMU_H
#define VMBOX_X86_MMU_H

#include "x86/cpu.h"

typedef u16 __attribute__((aligned(1), may_alias)) x86_u16u;
typedef u32 __attribute__((aligned(1), may_alias)) x86_u32u;
typedef u64 __attribute__((aligned(1), may_alias)) x86_u64u;

#define X86_PAGE_MASK 0xfffULL

/* access of the slow paths and of page walks */
#define X86_READ	0x00
#define X86_WRITE	0x01
#define X86_EXEC	0x02
#define X86_RMW		0x01	/* checked as a write: reads follow from it */

static __always_inline struct x86_tlb_entry *x86_tlb_r(const struct x86_cpu *cpu, u64 lin)
{
	return &cpu->tlb->r[(lin >> 12) & (X86_TLB_SIZE - 1)];
}

static __always_inline struct x86_tlb_entry *x86_tlb_w(const struct x86_cpu *cpu, u64 lin)
{
	return &cpu->tlb->w[(lin >> 12) & (X86_TLB_SIZE - 1)];
}

/* An access that leaves its page looks for the next page in this page's slot and misses. */
static __always_inline bool x86_tlb_hit(const struct x86_cpu *cpu, const struct x86_tlb_entry *e, u64 lin, unsigned size)
{
	return likely((((lin + size - 1) & ~X86_PAGE_MASK) | cpu->tlb_tag) == e->tag);
}

/* Slow paths: TLB refill, page crossing, MMIO, stores to pages with code. May unwind with #PF. */
u64  x86_load_slow(struct x86_cpu *cpu, u64 lin, unsigned size);
void x86_store_slow(struct x86_cpu *cpu, u64 lin, u64 val, unsigned size);

#define X86_DEFINE_ACCESS(bits, type) \
static __always_inline u##bits x86_ld##bits(struct x86_cpu *cpu, u64 lin) \
{ \
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin); \
	if (x86_tlb_hit(cpu, e, lin, bits / 8)) /* order: acquire */ \
		return *(const volatile type *)(uintptr_t)(lin + e->addend); \
	return (u##bits)x86_load_slow(cpu, lin, bits / 8); \
} \
static __always_inline void x86_st##bits(struct x86_cpu *cpu, u64 lin, u##bits val) \
{ \
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin); \
	if (x86_tlb_hit(cpu, e, lin, bits / 8)) /* order: release */ \
		*(volatile type *)(uintptr_t)(lin + e->addend) = val; \
	else \
		x86_store_slow(cpu, lin, val, bits / 8); \
}

X86_DEFINE_ACCESS(8, u8)
X86_DEFINE_ACCESS(16, x86_u16u)
X86_DEFINE_ACCESS(32, x86_u32u)
X86_DEFINE_ACCESS(64, x86_u64u)

/*
 * Blocks (FXSAVE areas, 16- and 32-byte vectors, descriptors). Loads check
 * every page before the first byte is used, stores before the first byte is
 * written, so a fault leaves everything unchanged. Copies of 16 and 32 aligned
 * bytes are done in 8-byte units at least. len at most 4096.
 */
void x86_ld_block(struct x86_cpu *cpu, u64 lin, void *buf, unsigned len);
void x86_st_block(struct x86_cpu *cpu, u64 lin, const void *buf, unsigned len);
/* Raises the #PF that an access of len bytes would raise; sets A (and D for writes). */
void x86_probe(struct x86_cpu *cpu, u64 lin, unsigned len, int access);
/* The same. False: some of it is a device's, or a write would go to ROM. */
bool x86_probe_plain(struct x86_cpu *cpu, u64 lin, unsigned len, int access);

static __always_inline void x86_ld128(struct x86_cpu *cpu, u64 lin, void *buf)
{
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin);
	if (x86_tlb_hit(cpu, e, lin, 16))
		__builtin_memcpy(buf, (const void *)(uintptr_t)(lin + e->addend), 16);
	else
		x86_ld_block(cpu, lin, buf, 16);
}

static __always_inline void x86_st128(struct x86_cpu *cpu, u64 lin, const void *buf)
{
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin);
	if (x86_tlb_hit(cpu, e, lin, 16))
		__builtin_memcpy((void *)(uintptr_t)(lin + e->addend), buf, 16);
	else
		x86_st_block(cpu, lin, buf, 16);
}

static __always_inline void x86_ld256(struct x86_cpu *cpu, u64 lin, void *buf)
{
	const struct x86_tlb_entry *e = x86_tlb_r(cpu, lin);
	if (x86_tlb_hit(cpu, e, lin, 32))
		__builtin_memcpy(buf, (const void *)(uintptr_t)(lin + e->addend), 32);
	else
		x86_ld_block(cpu, lin, buf, 32);
}

static __always_inline void x86_st256(struct x86_cpu *cpu, u64 lin, const void *buf)
{
	const struct x86_tlb_entry *e = x86_tlb_w(cpu, lin);
	if (x86_tlb_hit(cpu, e, lin, 32))
		__builtin_memcpy((void *)(uintptr_t)(lin + e->addend), buf, 32);
	else
		x86_st_block(cpu, lin, buf, 32);
}

/*
 * Host address for a read-modify-write of size bytes at lin, write-checked
 * (#PF as a write). NULL: the bytes are MMIO or lie on two pages; the caller
 * then brackets plain x86_ld/x86_st by x86_exclusive_begin/end. When the page holds
 * code, *code is set and x86_rmw_done() must follow the write.
 */
void *x86_rmw_begin(struct x86_cpu *cpu, u64 lin, unsigned size, bool *code);
void  x86_rmw_done(struct x86_cpu *cpu, u64 lin, unsigned size);

/* Stops all other vCPUs of the machine at safe points; nests not. May not unwind in between except through _end. */
void x86_exclusive_begin(struct x86_cpu *cpu);
void x86_exclusive_end(struct x86_cpu *cpu);

/* Implicit supervisor accesses (descriptor tables, TSS, IDT) whatever the CPL; EFLAGS.AC does not matter. */
u64  x86_ld_sys(struct x86_cpu *cpu, u64 lin, unsigned size);
void x86_st_sys(struct x86_cpu *cpu, u64 lin, u64 val, unsigned size);

/* ---- what changes translations ---- */

void x86_tlb_flush_all(struct x86_cpu *cpu);		/* with global pages and all PCIDs */
void x86_tlb_flush_nonglobal(struct x86_cpu *cpu);	/* all PCIDs, not global */
void x86_tlb_flush_pcid(struct x86_cpu *cpu, u32 pcid);	/* one PCID, not global */
void x86_tlb_flush_page(struct x86_cpu *cpu, u64 lin);	/* INVLPG: current PCID and global, large pages whole */
void x86_tlb_flush_page_pcid(struct x86_cpu *cpu, u64 lin, u32 pcid);	/* INVPCID type 0 */
/* CR3, CR4, EFER, PKRU, CPL or EFLAGS.AC changed: chooses tlb, tlb_tag and xtag anew. Cheap. */
void x86_mmu_context(struct x86_cpu *cpu);

/*
 * Physical page for execution of the instruction at lin (current CPL), as a
 * host pointer to the byte at lin; *gpa gets its physical address. Returns
 * NULL for code outside RAM and ROM. May unwind with #PF.
 */
const u8 *x86_fetch_page(struct x86_cpu *cpu, u64 lin, u64 *gpa);

/* Walk result; fault is a #PF error code when !ok. */
struct x86_walk {
	u64 gpa;
	u64 size;	/* 4 KiB, 2 MiB, 4 MiB or 1 GiB */
	u32 err;
	bool ok;
	bool global;
	u32 perm;	/* cumulative PTE bits: X86_PTE_RW, _US, _D; NX in bit 31; protection key in bits 27-24 */
};
/* Walks without TLB and without side effects (debugger, trace, tests). */
void x86_walk_debug(struct x86_cpu *cpu, u64 lin, struct x86_walk *w);

/* Guest-physical memory, as devices and page walks see it. Never faults; unbacked reads are all ones. */
u64  x86_phys_read(struct x86_cpu *cpu, u64 gpa, unsigned size);
void x86_phys_write(struct x86_cpu *cpu, u64 gpa, u64 val, unsigned size);

#endif
