/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine as its kernel and firmware describe it: what create makes a system
 * configuration of, and what validate --root compares with. Everything comes
 * from a struct mtree and is taken as hostile: tables are bounded by their length.
 */
#ifndef CELLGEN_MACHINE_H
#define CELLGEN_MACHINE_H

#include "model.h"
#include "tree.h"

struct strbuf;

/* A line of /proc/iomem or /proc/ioports, or a range from a device tree. */
struct io_range {
	u64 start, end;		/* end: last byte */
	u8 level;		/* 0: top */
	bool leaf;
	char name[63];
};

struct io_list {
	struct io_range *v;
	size_t n, cap;
};

struct m_bar {
	u64 start, end;
	u32 flags;		/* Linux's IORESOURCE_* */
};
enum { BAR_IO = 0x100, BAR_MEM = 0x200, BAR_64 = 0x100000 };

struct m_pci {
	u16 domain, bdf;
	u8 iommu;		/* 0xff: none known */
	bool hidden;		/* the function of an IOMMU: for no cell */
	u8 *cfg;		/* config space; cfg_len is 64, 256 or 4096 */
	size_t cfg_len;
	struct m_bar bar[6];
};

struct m_ioapic {
	u32 id, address, gsi;
	u8 iommu;
	u16 bdf;
	bool has_bdf;
};

struct m_mcfg {
	u64 base;
	u16 segment;
	u8 start_bus, end_bus;
};

struct m_cpu {
	u32 nr;			/* Linux's number */
	u64 phys_id;		/* APIC id, MPIDR */
	bool has_phys;
};

#define M_CHIPS 16
#define M_MCFGS 32

struct machine {
	struct mtree *tree;
	u8 arch;
	bool amd;			/* AuthenticAMD, HygonGenuine */
	char cmdline[2048];
	char vendor[64], product[64];
	struct io_list iomem, ioports;
	struct m_cpu *cpus;
	size_t n_cpus, cap_cpus;
	struct m_pci *pci;
	size_t n_pci, cap_pci;
	struct m_mcfg mcfg[M_MCFGS];
	unsigned n_mcfg;
	struct m_ioapic ioapic[M_CHIPS];
	unsigned n_ioapic;
	struct jh_iommu iommu[JH_IOMMUS];
	u16 iommu_segment[JH_IOMMUS];
	unsigned n_iommu;
	struct io_list rmrr;		/* memory that devices reach behind the kernel's back */
	u16 pm_timer;
	struct jh_console console;	/* of the kernel, as far as it is known */
	/* arm, arm64 */
	u8 gic_version, maintenance_irq;
	u64 gicd, gicc, gich, gicv, gicr;
	struct io_list reserved;	/* reserved-memory, and the blob's reservations */
	struct io_list devices;		/* registers of devices in the device tree */
	u32 spis[32];			/* shared interrupts in use, bit n of [n / 32] */
	bool has_dt;
	struct strbuf *notes;		/* what could not be found or is not supported, a line each */
};

/* Reads all there is. NULL with err set. path: a folder or an archive. */
struct machine *machine_open(const char *path, struct err *err);
void machine_close(struct machine *m);
/* Appends a line to the notes. */
void machine_note(struct machine *m, const char *fmt, ...) __printf(2, 3);

/* The parts, called by machine_open(). 0 or -ENOMEM; what is missing or broken becomes a note. */
int io_list_add(struct io_list *l, u64 start, u64 end, u8 level, const char *name);
void io_list_free(struct io_list *l);
int io_list_parse(struct io_list *l, const char *text);
int machine_read_pci(struct machine *m);
int machine_read_acpi(struct machine *m);
int machine_read_dt(struct machine *m);
int machine_read_console(struct machine *m, const char *tty);

/* First range of that name (a prefix), NULL: none. */
const struct io_range *io_find(const struct io_list *l, const char *name);
/* The device at bdf, or NULL. */
struct m_pci *machine_pci(const struct machine *m, u16 domain, u16 bdf);

/* Capabilities of a device by its config space; at most max. Returns how many. */
unsigned pci_capabilities(const struct m_pci *d, struct jh_cap *caps, unsigned max);
/* Fills type, bdf, BAR masks, MSI and MSI-X of a record from config space and BARs (not its capabilities). */
void pci_describe(const struct m_pci *d, const struct jh_cap *caps, unsigned n, struct jh_pci *rec);

/* Memory that is the kernel's to use: System RAM. */
bool machine_ram_covers(const struct machine *m, u64 start, u64 size);
bool machine_ram_touches(const struct machine *m, u64 start, u64 size);

/* The hardware's number of every CPU, by Linux's: *ids is mem_free()d by the caller. How many, or -ENOMEM. */
int machine_cpu_ids(const struct machine *m, u64 **ids);

/* All memmap=SIZE$ADDRESS of the command line into l. */
int machine_memmaps(const struct machine *m, struct io_list *l);

#endif
