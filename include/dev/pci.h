/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI and PCI Express devices (PCI 3.0, PCIe 2.0 capability layout). The
 * core keeps configuration space, sizes and maps BARs (clipped by the
 * windows of the bridges above), does MSI and MSI-X and routes INTx.
 *
 * Threads: configuration accesses come under the device's lock. All
 * functions that take a struct pci_dev are called under it too (or at
 * realize), except where said.
 */
#ifndef VMBOX_DEV_PCI_H
#define VMBOX_DEV_PCI_H

#include "dev/device.h"
#include "dev/machine.h"
#include "dev/memory.h"

#define PCI_DEVFN(slot, fn)	((((slot) & 31) << 3) | ((fn) & 7))
#define PCI_SLOT(devfn)		((devfn) >> 3)
#define PCI_FUNC(devfn)		((devfn) & 7)

/* Header registers (PCI 3.0 section 6.1). */
#define PCI_VENDOR_ID		0x00
#define PCI_DEVICE_ID		0x02
#define PCI_COMMAND		0x04
#define  PCI_COMMAND_IO		0x0001
#define  PCI_COMMAND_MEMORY	0x0002
#define  PCI_COMMAND_MASTER	0x0004
#define  PCI_COMMAND_PARITY	0x0040
#define  PCI_COMMAND_SERR	0x0100
#define  PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS		0x06
#define  PCI_STATUS_INTERRUPT	0x0008
#define  PCI_STATUS_CAP_LIST	0x0010
#define PCI_REVISION_ID		0x08
#define PCI_CLASS_PROG		0x09
#define PCI_CLASS_DEVICE	0x0a
#define PCI_CACHE_LINE_SIZE	0x0c
#define PCI_HEADER_TYPE		0x0e
#define PCI_BASE_ADDRESS_0	0x10
#define PCI_SUBSYSTEM_VENDOR_ID	0x2c
#define PCI_SUBSYSTEM_ID	0x2e
#define PCI_ROM_ADDRESS		0x30
#define PCI_CAPABILITY_LIST	0x34
#define PCI_INTERRUPT_LINE	0x3c
#define PCI_INTERRUPT_PIN	0x3d
#define PCI_PRIMARY_BUS		0x18
#define PCI_SECONDARY_BUS	0x19
#define PCI_SUBORDINATE_BUS	0x1a
#define PCI_IO_BASE		0x1c
#define PCI_IO_LIMIT		0x1d
#define PCI_SEC_STATUS		0x1e
#define PCI_MEMORY_BASE		0x20
#define PCI_MEMORY_LIMIT	0x22
#define PCI_PREF_MEMORY_BASE	0x24
#define PCI_PREF_MEMORY_LIMIT	0x26
#define PCI_PREF_BASE_UPPER32	0x28
#define PCI_PREF_LIMIT_UPPER32	0x2c
#define PCI_IO_BASE_UPPER16	0x30
#define PCI_IO_LIMIT_UPPER16	0x32
#define PCI_BRIDGE_ROM_ADDRESS	0x38
#define PCI_BRIDGE_CONTROL	0x3e

#define PCI_CAP_ID_PM		0x01
#define PCI_CAP_ID_MSI		0x05
#define PCI_CAP_ID_VNDR		0x09
#define PCI_CAP_ID_SSVID	0x0d
#define PCI_CAP_ID_EXP		0x10
#define PCI_CAP_ID_MSIX		0x11
#define PCI_CAP_ID_SATA		0x12

#define PCI_BAR_IO		0x01
#define PCI_BAR_MEM64		0x04
#define PCI_BAR_PREFETCH	0x08

#define PCI_CONFIG_SIZE		256
#define PCIE_CONFIG_SIZE	4096
#define PCI_NUM_BARS		7	/* 0..5 and the expansion ROM */
#define PCI_BAR_ROM		6

struct pci_dev;
struct pci_bus;

struct pci_ops {
	u16 vendor, device, subsys_vendor, subsys;	/* subsystem 0: 1af4:1100 */
	u8  revision;
	u32 class_code;			/* 24 bits: class << 16 | subclass << 8 | prog-if */
	const char *romfile;		/* option ROM unless the user names one; may be missing */
	bool express;			/* 4 KiB of configuration space when on an express bus */
	bool is_bridge;
	/* After the core took the write; may be NULL. */
	void (*config_write)(struct pci_dev *pci, u32 addr, u32 val, unsigned len);
	/* Instead of the core's plain read; may be NULL. */
	u32  (*config_read)(struct pci_dev *pci, u32 addr, unsigned len);
};

struct pci_bar {
	struct mem_region *region;	/* NULL: no such BAR */
	u8  flags;			/* PCI_BAR_* */
	u64 size;			/* power of two */
	u64 addr;			/* where it is mapped, ~0ULL: not */
	struct mem_map map;
};

struct pci_msix {
	u8  cap;			/* offset of the capability, 0: none */
	u16 n;				/* vectors */
	u32 bytes;			/* of table and pba together */
	u8  *table;			/* n * 16 bytes */
	u8  *pba;			/* n bits, in whole qwords, behind the table */
	u32 table_off, pba_off;		/* in its BAR */
	struct mem_region region;	/* of pci_add_msix_bar() */
	struct mem_ops ops;
};

struct pci_dev {
	struct device dev;
	struct pci_bus *bus;
	s32 devfn;			/* property addr */
	bool multifunction;		/* property */
	s32 bootindex;			/* property; -1: none */
	u32 config_size;
	u32 ident;			/* vendor and device as the device itself set them; kept by pci_reset() */
	u8  *config, *wmask, *w1cmask;	/* PCIE_CONFIG_SIZE each */
	struct pci_bar bars[PCI_NUM_BARS];
	u8  cap_end;			/* next free byte for capabilities */
	u8  msi_cap;			/* 0: none */
	u8  pcie_cap;
	struct pci_msix msix;
	u32 intx_level;			/* what the device drives */
	bool intx_driven;		/* what the router sees */
	char *romfile;			/* property */
	u32 rombar;			/* property */
	struct mem_region rom;
};

struct pci_bus {
	struct device_bus bus;		/* type "PCI" */
	struct pci_dev *devs[256];	/* by devfn; read without a lock */
	struct pci_dev *bridge;		/* NULL: a root bus */
	bool express;
	u8  root_nr;			/* bus number of a root bus */
	/* Root busses: pin 0..3 of a device at devfn -> line; set() drives it. */
	int  (*map_irq)(void *opaque, int devfn, int pin);
	void (*set_irq)(void *opaque, int line, int level);
	void *irq_opaque;
	int  irq_count[8];
	pthread_mutex_t irq_lock, map_lock;	/* root busses: INTx counts; BARs of all devices below */
	struct machine *machine;
};

extern const struct prop pci_props[];

void pci_bus_init(struct pci_bus *bus, struct machine *m, struct device *parent, const char *name,
		  struct pci_dev *bridge);
/* The device at bus number/devfn below a root bus; NULL: nobody. Any thread. */
struct pci_dev *pci_find(struct pci_bus *root, u8 bus_nr, u8 devfn);
/* One configuration access, as the host bridge makes it. Takes the device's lock. */
u32  pci_host_read(struct pci_bus *root, u8 bus_nr, u8 devfn, u32 addr, unsigned len);
void pci_host_write(struct pci_bus *root, u8 bus_nr, u8 devfn, u32 addr, u32 val, unsigned len);

/* From realize: */
/* First call of every realize: space and header from cls->type_ops. */
int  pci_init(struct pci_dev *pci, struct err *err);
/* size of the region is rounded up to a power of two (at least 16 for memory, 4 for I/O). */
void pci_add_bar(struct pci_dev *pci, int n, u8 flags, struct mem_region *r);
/* Space for a capability of len bytes; the offset. 0: does not fit. */
u8   pci_add_cap(struct pci_dev *pci, u8 id, u8 len);
int  pci_add_ext_cap(struct pci_dev *pci, u16 id, u8 version, u16 off, u16 len);
int  pci_add_msi(struct pci_dev *pci, unsigned vectors, bool mask_bits, struct err *err);
/* Table and PBA inside a BAR of the caller, whose callbacks hand accesses there on to pci_msix_read() and _write(). */
int  pci_add_msix(struct pci_dev *pci, unsigned vectors, int bar, u32 table_off, u32 pba_off, struct err *err);
/* True when offset off of that BAR belongs to the table or the PBA; then *val is read, or written. */
bool pci_msix_read(struct pci_dev *pci, u64 off, unsigned size, u64 *val);
bool pci_msix_write(struct pci_dev *pci, u64 off, unsigned size, u64 val);
/* A BAR of its own for both, the usual case. */
int  pci_add_msix_bar(struct pci_dev *pci, unsigned vectors, int bar, struct err *err);
void pci_add_pcie(struct pci_dev *pci, u8 port_type);
void pci_add_pm(struct pci_dev *pci);
/* Frees all of it; last call of unrealize. */
void pci_exit(struct pci_dev *pci);

/* INTx level (the pin of PCI_INTERRUPT_PIN); honours the disable bit. */
void pci_set_irq(struct pci_dev *pci, int level);
/* vector < what was asked for; masked ones become pending. Checks bus mastering. */
void pci_msi_notify(struct pci_dev *pci, unsigned vector);
void pci_msix_notify(struct pci_dev *pci, unsigned vector);
bool pci_msi_enabled(const struct pci_dev *pci);
bool pci_msix_enabled(const struct pci_dev *pci);
/* MSI-X, else MSI, else INTx raised: for devices with one interrupt. */
void pci_irq_or_msi(struct pci_dev *pci, unsigned vector, int level);

/* DMA as the device does it: fails with -EACCES while bus mastering is off. */
int  pci_dma_read(struct pci_dev *pci, u64 addr, void *buf, u64 len);
int  pci_dma_write(struct pci_dev *pci, u64 addr, const void *buf, u64 len);
bool pci_is_master(const struct pci_dev *pci);

/* For the core's own files. */
void pci_update_maps(struct pci_dev *pci);
void pci_msi_config_written(struct pci_dev *pci, u32 addr, unsigned len);
void pci_msi_reset(struct pci_dev *pci);
void pci_update_intx(struct pci_dev *pci);
struct pci_bus *pci_root_of(struct pci_bus *bus);
/* Sets the bytes of the header, little endian. */
void pci_set16(u8 *p, u16 v);
void pci_set32(u8 *p, u32 v);
u16  pci_get16(const u8 *p);
u32  pci_get32(const u8 *p);

/* For bridges: windows changed, map everything below again. */
void pci_remap_bus(struct pci_bus *bus);
/* The common part of reset: command, BARs, INTx, MSI state. */
void pci_reset(struct pci_dev *pci);
u64  pci_bar_addr(const struct pci_dev *pci, int n);

/* Sub-table for every PCI device's saved state: STATE_PCI(struct edu, pci). */
extern const struct state_field pci_state_fields[];
#define STATE_PCI(s, m) STATE_SUB(s, m, pci_state_fields)
int pci_post_load(struct pci_dev *pci, struct err *err);

static inline struct pci_dev *to_pci_dev(struct device *dev)
{
	return (struct pci_dev *)dev;
}

#endif
