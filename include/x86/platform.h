/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a vCPU sees of the machine around it. arch/x86 calls these; the
 * machine (drivers/base, arch/x86/machine) hands them over at creation, so
 * that arch never includes a device header.
 *
 * Threads: every function may be called from any vCPU thread, several at
 * once. The implementation takes the lock of the device concerned.
 */
#ifndef VMBOX_X86_PLATFORM_H
#define VMBOX_X86_PLATFORM_H

#include "compiler.h"

struct x86_cpu;

enum x86_phys_kind {
	X86_PHYS_RAM,		/* host pointer, read and write */
	X86_PHYS_ROM,		/* host pointer, writes are ignored or go to mmio_write */
	X86_PHYS_MMIO,		/* no host pointer: mmio_read and mmio_write */
};

/*
 * The answer for one guest-physical 4 KiB page, cacheable in a TLB until
 * phys_generation changes. run_first/run_last: the page-aligned
 * guest-physical range around it that has the same kind and linear host
 * addresses (large pages may use it whole).
 */
struct x86_phys_page {
	enum x86_phys_kind kind;
	u8 *host;		/* host address of the page's first byte */
	u64 run_first;		/* first gpa of the run */
	u64 run_last;		/* last gpa of the run, included */
	u64 *dirty;		/* dirty bitmap word array of the run, 1 bit a 4 KiB page from run_first, or NULL */
};

struct x86_platform_ops {
	/* Fills *page for the page that holds gpa. Unbacked addresses are MMIO. */
	void (*phys_lookup)(void *ctx, u64 gpa, struct x86_phys_page *page);
	/*
	 * size: 1, 2, 4 or 8; the access lies inside one 8-byte aligned unit
	 * or is naturally split by the caller. Unbacked reads give all ones.
	 */
	u64  (*mmio_read)(void *ctx, u64 gpa, unsigned size);
	void (*mmio_write)(void *ctx, u64 gpa, u64 val, unsigned size);
	/* size: 1, 2 or 4. */
	u32  (*pio_read)(void *ctx, u16 port, unsigned size);
	void (*pio_write)(void *ctx, u16 port, u32 val, unsigned size);
	/* ExtINT acknowledge: the 8259's vector, or -1 when nothing is pending. */
	int  (*pic_ack)(void *ctx);
	/* EOI of a level-triggered vector, broadcast to the IOAPICs. */
	void (*ioapic_eoi)(void *ctx, u8 vector);
	/* EOI of a vector that x86_apic_msi_waits() was told to wait for. No lock is held. NULL: nobody asks. */
	void (*irq_taken)(void *ctx);
	/*
	 * FERR#: an x87 exception with CR0.NE clear; a PC raises IRQ 13 until
	 * port 0xf0 is written. NULL: not wired.
	 */
	void (*ferr)(void *ctx, struct x86_cpu *cpu);
	/* Guest clock in ns since machine start; stands still while the machine is stopped. */
	u64  (*clock_ns)(void *ctx);
	/*
	 * One-shot LAPIC timer of this vCPU: at clock time deadline_ns call
	 * x86_lapic_timer_fire(cpu) from any thread. deadline_ns == 0 disarms.
	 */
	void (*lapic_timer_arm)(void *ctx, struct x86_cpu *cpu, u64 deadline_ns);
	/* Shutdown (triple fault) of a vCPU: the machine resets or stops. */
	void (*triple_fault)(void *ctx, struct x86_cpu *cpu);
};

struct x86_platform {
	const struct x86_platform_ops *ops;
	void *ctx;
	/* Rises whenever a phys_lookup answer may have changed; read with acquire. */
	u64 phys_generation;
};

#endif
