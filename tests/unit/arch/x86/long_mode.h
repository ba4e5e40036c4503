/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long mode for bare machines: 4-level tables at 1 MiB that map the first
 * 16 MiB one to one for the supervisor, 4 KiB pages below 2 MiB, GDT, IDT and
 * TSS. Tests change entries through long_pte().
 */
#ifndef TESTS_UNIT_ARCH_X86_LONG_MODE_H
#define TESTS_UNIT_ARCH_X86_LONG_MODE_H

#include "bytes.h"
#include "bare.h"

#define LONG_PML4 0x100000
#define LONG_PT   0x103000
#define LONG_GDT  0x10a000
#define LONG_IDT  0x10b000
#define LONG_TSS  0x10c000
#define LONG_CR4_PAE 0x20

#define PTE_P 1
#define PTE_W 2
#define PTE_U 4
#define PTE_A 0x20
#define PTE_D 0x40
#define PTE_G 0x100
#define PTE_NX (1ULL << 63)

static inline u64 *long_word(struct bare *b, u64 gpa)
{
	return (u64 *)(void *)(b->ram + gpa);
}

/* The page-table entry of a linear address below 2 MiB, in the tables at root (LONG_PML4 or a copy). */
static inline u64 *long_pte(struct bare *b, u64 root, u64 lin)
{
	u64 pdpt = *long_word(b, root) & ~0xfffULL, pd = *long_word(b, pdpt) & ~0xfffULL;
	u64 pt = *long_word(b, pd) & ~0xfffULL;

	return long_word(b, pt + (lin >> 12) * 8);
}

static inline void long_tables(struct bare *b, u64 root)
{
	*long_word(b, root) = (root + 0x1000) | 7;
	*long_word(b, root + 0x1000) = (root + 0x2000) | 7;
	*long_word(b, root + 0x2000) = (root + 0x3000) | 7;
	for (u64 i = 1; i < 8; i++)
		*long_word(b, root + 0x2000 + i * 8) = i << 21 | 0x87;
	for (u64 i = 0; i < 512; i++)
		*long_word(b, root + 0x3000 + i * 8) = i << 12 | PTE_P | PTE_W;
}

static inline void long_gate(struct bare *b, unsigned vec, u64 offset, unsigned dpl)
{
	u64 *g = long_word(b, LONG_IDT + vec * 16);

	g[0] = (offset & 0xffff) | 8 << 16 | (u64)(0x8e | dpl << 5) << 40 | (offset >> 16 & 0xffff) << 48;
	g[1] = offset >> 32;
}

/* Ring 0 in 64-bit mode at rip, stack below 0xf0000. */
static inline void long_enter(struct bare *b, u64 cr4, u64 rip)
{
	static const u64 gdt[] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff,	/* 08 code 0, 10 data 0 */
		0x00affb000000ffff, 0x00cff3000000ffff,		/* 1b code 3, 23 data 3 */
		0x00008b0c00000067ULL | (u64)(LONG_TSS >> 16) << 32, 0,
	};
	struct x86_cpu *c = b->cpu;

	long_tables(b, LONG_PML4);
	memcpy(b->ram + LONG_GDT, gdt, sizeof(gdt));
	put_le64(b->ram + LONG_TSS + 4, 0xe0000);	/* RSP0 is not aligned */
	x86_cpu_setup_flat(c, true, 0);
	c->seg[X86_CS].sel = 8;
	for (unsigned i = 0; i < X86_SEG_COUNT; i++)
		if (i != X86_CS)
			c->seg[i].sel = 0x10;
	c->gdt = (struct x86_dtable){ LONG_GDT, sizeof(gdt) - 1 };
	c->idt = (struct x86_dtable){ LONG_IDT, 0xfff };
	c->tr = (struct x86_segment){ .base = LONG_TSS, .limit = 0x67, .sel = 0x28, .attr = 0x8b };
	c->gpr[X86_RSP] = 0xf0000;
	c->rip = rip;
	x86_set_control(c, 0x80010011, LONG_PML4, cr4 | LONG_CR4_PAE, 0xd01);
}

#endif
