// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page walks: 32-bit, PAE, 4- and 5-level tables (SDM vol. 3, chapter 4).
 * Accessed and dirty bits are set by compare-and-exchange on guest RAM, only
 * after the whole walk and its permissions are known to be good.
 */
#include "../priv.h"

#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7)
#define PTE_G	BIT(8)
#define PTE_NX	BIT(63)

struct walk_step {
	u64 addr;
	u64 pte;
};

struct walk {
	struct x86_cpu *cpu;
	u64 lin;
	int access;
	bool user;
	unsigned entry_size;
	unsigned nsteps;
	struct walk_step step[5];
	u64 combined;		/* AND of RW and US, OR of NX over the levels */
};

static u64 pte_load(struct x86_cpu *cpu, u64 addr, unsigned size)
{
	const struct x86_run_cache *run = mmu_phys_run(cpu, addr);

	if (unlikely(run->kind == X86_PHYS_MMIO))
		return mmu_mmio_read(cpu, addr, size);
	u8 *p = run->host + (addr - run->first);
	return size == 8 ? __atomic_load_n((u64 *)(void *)p, __ATOMIC_ACQUIRE)
			 : __atomic_load_n((u32 *)(void *)p, __ATOMIC_ACQUIRE);
}

/* Sets bits in an entry if it still is what the walk saw. False: walk again. */
static bool pte_update(struct x86_cpu *cpu, u64 addr, unsigned size, u64 old, u64 set)
{
	const struct x86_run_cache *run = mmu_phys_run(cpu, addr);
	bool ok;

	if (run->kind != X86_PHYS_RAM)
		return true;
	u8 *p = run->host + (addr - run->first);
	if (size == 8) {
		u64 expect = old;
		ok = __atomic_compare_exchange_n((u64 *)(void *)p, &expect, old | set, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	} else {
		u32 expect = (u32)old;
		ok = __atomic_compare_exchange_n((u32 *)(void *)p, &expect, (u32)(old | set), false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	}
	if (ok) {
		mmu_mark_dirty(run->dirty, run->first, addr);
		if (unlikely(code_present(cpu->sys, addr)))
			code_stored(cpu, addr, size);
	}
	return ok;
}

static u32 fault_bits(const struct walk *w)
{
	const struct x86_cpu *cpu = w->cpu;
	u32 err = (w->access == X86_WRITE ? PF_W : 0) | (w->user ? PF_U : 0);

	if (w->access == X86_EXEC && ((cpu->efer & EFER_NXE) || (cpu->cr4 & CR4_SMEP)))
		err |= PF_I;
	return err;
}

static int walk_fault(const struct walk *w, u32 extra, struct mmu_walk_result *r)
{
	r->err = fault_bits(w) | extra;
	return -1;
}

/* Reads the entry of one level; returns -1 when the walk ends in a fault. */
static int walk_entry(struct walk *w, u64 addr, u64 rsvd, struct mmu_walk_result *r, u64 *pte)
{
	u64 e = pte_load(w->cpu, addr, w->entry_size);

	if (!(e & PTE_P))
		return walk_fault(w, 0, r);
	if (e & rsvd)
		return walk_fault(w, PF_P | PF_RSVD, r);
	w->step[w->nsteps++] = (struct walk_step){ addr, e };
	w->combined = (w->combined & ~(PTE_RW | PTE_US)) | (w->combined & e & (PTE_RW | PTE_US)) | (e & PTE_NX);
	*pte = e;
	return 0;
}

static u32 leaf_flags(const struct walk *w, u64 leaf)
{
	const struct x86_cpu *cpu = w->cpu;
	u32 fl = 0;

	fl |= w->combined & PTE_RW ? XL_RW : 0;
	fl |= w->combined & PTE_US ? XL_US : 0;
	fl |= w->combined & PTE_NX ? XL_NX : 0;
	fl |= leaf & PTE_D ? XL_D : 0;
	fl |= (leaf & PTE_G) && (cpu->cr4 & CR4_PGE) ? XL_G : 0;
	if (sys_lma(cpu) && (cpu->cr4 & CR4_PKE))
		fl |= (u32)((leaf >> 59) & 15) << XL_PKEY_SHIFT;
	return fl;
}

/* Sets A on every level and D on the leaf. False: an entry changed meanwhile. */
static bool set_accessed(struct walk *w)
{
	for (unsigned i = 0; i < w->nsteps; i++) {
		u64 set = PTE_A;

		if (i == w->nsteps - 1 && w->access == X86_WRITE)
			set |= PTE_D;
		if ((w->step[i].pte & set) == set)
			continue;
		if (!pte_update(w->cpu, w->step[i].addr, w->entry_size, w->step[i].pte, set))
			return false;
		w->step[i].pte |= set;
	}
	return true;
}

static int walk_legacy(struct walk *w, struct mmu_walk_result *r)
{
	struct x86_cpu *cpu = w->cpu;
	u64 e;

	w->entry_size = 4;
	w->combined = PTE_RW | PTE_US;
	if (walk_entry(w, (cpu->cr3 & 0xfffff000) | ((w->lin >> 20) & 0xffc), 0, r, &e))
		return -1;
	if ((e & PTE_PS) && (cpu->cr4 & CR4_PSE)) {
		/* PSE-36: bits 20-13 are address bits 39-32, bit 21 is reserved */
		if (e & BIT(21))
			return walk_fault(w, PF_P | PF_RSVD, r);
		r->size = 4 * MiB;
		r->gpa = (e & 0xffc00000) | ((e & 0x1fe000) << 19);
		return 0;
	}
	if (walk_entry(w, (e & 0xfffff000) | ((w->lin >> 10) & 0xffc), 0, r, &e))
		return -1;
	r->size = 4 * KiB;
	r->gpa = e & 0xfffff000;
	return 0;
}

/* Levels below (and with) `level` of 8-byte entries; table is the first table's address. */
static int walk_long(struct walk *w, u64 table, unsigned level, struct mmu_walk_result *r)
{
	struct x86_cpu *cpu = w->cpu;
	u64 high = GENMASK(51, 0) & ~(BIT(cpu->sys->model.phys_bits) - 1);
	u64 rsvd = high | (cpu->efer & EFER_NXE ? 0 : PTE_NX);
	u64 addr_mask = GENMASK(51, 12);
	bool pae = !sys_lma(cpu);
	u64 e;

	if (pae)
		rsvd |= GENMASK(62, 52);
	for (;; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		u64 lv_rsvd = rsvd | (level >= 4 ? PTE_PS : 0);

		if (level == 3 && !sys_feature_1g(cpu))
			lv_rsvd |= PTE_PS;
		if (walk_entry(w, table + ((w->lin >> shift) & 511) * 8, lv_rsvd, r, &e))
			return -1;
		if (level == 1 || (e & PTE_PS)) {
			r->size = BIT(shift);
			if (level > 1 && (e & (r->size - 1) & GENMASK(51, 13)))
				return walk_fault(w, PF_P | PF_RSVD, r);
			r->gpa = e & addr_mask & ~(r->size - 1);
			return 0;
		}
		table = e & addr_mask;
	}
}

static int walk_pae(struct walk *w, struct mmu_walk_result *r)
{
	u64 pdpte = w->cpu->mmu->pdpte[(w->lin >> 30) & 3];

	if (!(pdpte & PTE_P))
		return walk_fault(w, 0, r);
	w->entry_size = 8;
	w->combined = PTE_RW | PTE_US;
	return walk_long(w, pdpte & GENMASK(51, 12), 2, r);
}

static int walk_tables(struct walk *w, struct mmu_walk_result *r)
{
	struct x86_cpu *cpu = w->cpu;

	w->nsteps = 0;
	if (!(cpu->cr4 & CR4_PAE))
		return walk_legacy(w, r);
	if (!sys_lma(cpu))
		return walk_pae(w, r);
	w->entry_size = 8;
	w->combined = PTE_RW | PTE_US;
	return walk_long(w, cpu->cr3 & GENMASK(51, 12), cpu->cr4 & CR4_LA57 ? 5 : 4, r);
}

static int walk_off(const struct x86_cpu *cpu, u64 lin, struct mmu_walk_result *r)
{
	(void)cpu;
	r->gpa = lin & ~X86_PAGE_MASK;
	r->size = 4 * KiB;
	r->flags = XL_RW | XL_US | XL_D | XL_G | XL_VALID;
	return 0;
}

int mmu_walk(struct x86_cpu *cpu, u64 lin, int access, bool user, bool set_ad, struct mmu_walk_result *r)
{
	struct walk w = { .cpu = cpu, .lin = lin, .access = access, .user = user };

	r->err = 0;
	if (!(cpu->cr0 & CR0_PG))
		return walk_off(cpu, lin, r);
	for (unsigned tries = 0; tries < 1000; tries++) {
		if (walk_tables(&w, r))
			return -1;
		r->flags = leaf_flags(&w, w.step[w.nsteps - 1].pte) | XL_VALID;
		if (!set_ad)
			return 0;
		u32 deny = mmu_deny(cpu, r->flags | XL_D, access, user ? X86_TLB_USER : cpu->mmu->walk_cls);
		if (deny) {
			r->err = deny;
			return -1;
		}
		if (set_accessed(&w)) {
			r->flags = leaf_flags(&w, w.step[w.nsteps - 1].pte) | XL_VALID;
			return 0;
		}
	}
	/* Another CPU rewrites the tables faster than we read them: report what a miss would be. */
	return walk_fault(&w, 0, r);
}

static u32 deny_code(const struct x86_cpu *cpu, int access, bool user, u32 extra)
{
	struct walk w = { .cpu = (struct x86_cpu *)(uintptr_t)cpu, .access = access, .user = user };

	return fault_bits(&w) | PF_P | extra;
}

/* PF_PK when the page's key forbids the data access; told along with other reasons. */
static u32 deny_key(const struct x86_cpu *cpu, u32 flags, int access, bool user)
{
	u32 bits;

	if (!(flags & XL_US) || !(cpu->cr4 & CR4_PKE) || !sys_lma(cpu))
		return 0;
	bits = cpu->pkru >> (2 * ((flags >> XL_PKEY_SHIFT) & 15));
	if ((bits & 1) || (access == X86_WRITE && (bits & 2) && (user || (cpu->cr0 & CR0_WP))))
		return PF_PK;
	return 0;
}

static bool deny_fetch(const struct x86_cpu *cpu, u32 flags, bool user)
{
	if (user && !(flags & XL_US))
		return true;
	return (flags & XL_NX) || (!user && (flags & XL_US) && (cpu->cr4 & CR4_SMEP));
}

static bool deny_data(const struct x86_cpu *cpu, u32 flags, int access, enum x86_tlb_class cls)
{
	bool user = cls == X86_TLB_USER;

	if (user && !(flags & XL_US))
		return true;
	if (!user && (flags & XL_US) && (cpu->cr4 & CR4_SMAP) && cls != X86_TLB_OVERRIDE)
		return true;
	return access == X86_WRITE && !(flags & XL_RW) && (user || (cpu->cr0 & CR0_WP));
}

u32 mmu_deny(const struct x86_cpu *cpu, u32 flags, int access, enum x86_tlb_class cls)
{
	bool user = cls == X86_TLB_USER;
	u32 key;

	if (!(cpu->cr0 & CR0_PG))
		return 0;
	if (access == X86_EXEC)
		return deny_fetch(cpu, flags, user) ? deny_code(cpu, access, user, 0) : 0;
	key = deny_key(cpu, flags, access, user);
	return key || deny_data(cpu, flags, access, cls) ? deny_code(cpu, access, user, key) : 0;
}

bool mmu_load_pdptes(struct x86_cpu *cpu, u64 cr3)
{
	u64 rsvd = GENMASK(63, 52) | (GENMASK(51, 0) & ~(BIT(cpu->sys->model.phys_bits) - 1)) | GENMASK(8, 5) | GENMASK(2, 1);
	u64 e[4];

	for (unsigned i = 0; i < 4; i++) {
		e[i] = pte_load(cpu, (cr3 & 0xffffffe0) + 8 * i, 8);
		if ((e[i] & PTE_P) && (e[i] & rsvd))
			return false;
	}
	for (unsigned i = 0; i < 4; i++)
		cpu->mmu->pdpte[i] = e[i];
	return true;
}

void x86_walk_debug(struct x86_cpu *cpu, u64 lin, struct x86_walk *w)
{
	struct mmu_walk_result r;
	bool canonical = !sys_lma(cpu) || x86_canonical(cpu, lin);

	*w = (struct x86_walk){ 0 };
	if (!canonical || mmu_walk(cpu, sys_lma(cpu) ? lin : (u32)lin, X86_READ, false, false, &r)) {
		w->err = canonical ? r.err : 0;
		return;
	}
	w->ok = true;
	w->size = r.size;
	w->gpa = r.gpa | (lin & (r.size - 1));
	w->global = r.flags & XL_G;
	w->perm = (r.flags & XL_RW ? 2 : 0) | (r.flags & XL_US ? 4 : 0) | (r.flags & XL_D ? 0x40 : 0) |
		  (r.flags & XL_NX ? BIT(31) : 0) | ((r.flags >> XL_PKEY_SHIFT) & 15) << 24;
}
