/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a Jailhouse configuration says, as host structures: one model for all
 * revisions and architectures. layout.h knows how each revision writes it.
 *
 * A struct jh_config owns its arrays. One thread at a time.
 */
#ifndef CELLGEN_MODEL_H
#define CELLGEN_MODEL_H

#include "err.h"

enum jh_arch { JH_X86, JH_ARM, JH_ARM64, JH_ARCHES };

#define JH_REV_DEFAULT	14
#define JH_NAME_SIZE	32		/* with the terminating NUL */
#define JH_IOMMUS	8
#define JH_PAGE		0x1000ULL
#define JH_SYSTEM_MAX	(1U << 20)	/* bytes of a system configuration that we read */
#define JH_CELL_PAGES	16		/* pages that the hypervisor maps to look at a cell's configuration */

enum {	/* struct jh_mem.flags */
	JH_MEM_READ		= 1 << 0,
	JH_MEM_WRITE		= 1 << 1,
	JH_MEM_EXECUTE		= 1 << 2,
	JH_MEM_DMA		= 1 << 3,
	JH_MEM_IO		= 1 << 4,
	JH_MEM_COMM		= 1 << 5,
	JH_MEM_LOADABLE		= 1 << 6,
	JH_MEM_ROOTSHARED	= 1 << 7,
	JH_MEM_NO_HUGEPAGES	= 1 << 8,	/* since 12; revision 10: IO_UNALIGNED */
	JH_MEM_IO_UNALIGNED	= 1 << 15,	/* since 12 */
	JH_MEM_IO_8		= 1 << 16,
	JH_MEM_IO_16		= 1 << 17,
	JH_MEM_IO_32		= 1 << 18,
	JH_MEM_IO_64		= 1 << 19,
};
#define JH_MEM_RWX	(JH_MEM_READ | JH_MEM_WRITE | JH_MEM_EXECUTE)
#define JH_MEM_RAM	(JH_MEM_RWX | JH_MEM_DMA)
#define JH_MEM_WIDTHS	(JH_MEM_IO_8 | JH_MEM_IO_16 | JH_MEM_IO_32 | JH_MEM_IO_64)

enum {	/* struct jh_cell.flags */
	JH_CELL_PASSIVE_COMMREG	= 1U << 0,
	JH_CELL_TEST_DEVICE	= 1U << 1,
	JH_CELL_AARCH32		= 1U << 2,	/* since 13 */
	JH_CELL_VCON_PERMITTED	= 1U << 30,
	JH_CELL_VCON_ACTIVE	= 1U << 31,
};

enum { JH_SYS_VCON = 1 << 0 };			/* struct jh_system.flags */
enum { JH_PCI_DEVICE = 1, JH_PCI_BRIDGE, JH_PCI_IVSHMEM };
enum { JH_IOMMU_NONE, JH_IOMMU_AMD, JH_IOMMU_INTEL, JH_IOMMU_SMMUV3, JH_IOMMU_PVU, JH_IOMMU_MMU500 };
enum { JH_CON_NONE, JH_CON_EFIFB, JH_CON_8250, JH_CON_PL011, JH_CON_LAST = 10 };
enum { JH_CON_MMIO = 1 << 0, JH_CON_REGDIST_4 = 1 << 1 };
enum { JH_CAP_EXT = 0x8000, JH_CAP_WRITE = 1, JH_CAP_MSI = 5, JH_CAP_MSIX = 0x11 };
enum { JH_CACHE_L3 = 3, JH_CACHE_ROOTSHARED = 1 };

struct jh_console {
	u64 address, clock_reg;
	u32 size, divider, gate_nr;
	u16 type, flags;
};

struct jh_mem {
	u64 phys, virt, size, flags;
};

struct jh_cpu {			/* since revision 15 */
	u64 phys_id, padding;
};

struct jh_cache {
	u32 start, size;
	u16 flags;
	u8 type, padding;
};

struct jh_chip {
	u64 address;
	u32 id, pin_base, pins[4];
};

struct jh_pio {
	u16 base, length;
};

struct jh_pci {
	u8 type, iommu;
	u16 domain, bdf;
	u32 bar_mask[6];
	u16 caps_start, num_caps;
	u8 num_msi, msi_64bits, msi_maskable, msi_rest;	/* msi_rest: bits of the byte that mean nothing */
	u16 num_msix, msix_region_size;
	u64 msix_address;
	u32 shmem_start;	/* revision 10: the one region */
	u8 shmem_id, shmem_peers;
	u16 shmem_protocol;
};

struct jh_cap {
	u16 id, start, len, flags;
};

struct jh_stream {
	u32 id;
};

struct jh_iommu {
	u32 type;
	u64 base;
	u32 size;
	u16 amd_bdf;
	u8 amd_base_cap, amd_msi_cap;
	u32 amd_features;
	u64 pvu_tlb_base;
	u32 pvu_tlb_size;
};

/* The arrays behind a cell's descriptor, in the order of the file. */
enum jh_section {
	JH_CPUSET,		/* u8; bitmap, until 14 */
	JH_CPUS,		/* struct jh_cpu; since 15 */
	JH_MEM,
	JH_CACHE,
	JH_CHIP,
	JH_PIOMAP,		/* u8; bitmap of what is denied, revision 10 */
	JH_PIO,			/* of revision 10 too, where it is made from the bitmap */
	JH_PCI,
	JH_CAP,
	JH_STREAM,
	JH_TAIL,		/* u8; bytes behind the end, that nothing counts */
	JH_SECTIONS
};

struct jh_cell {
	u8 signature[6];
	u8 arch;
	u16 revision;
	char name[JH_NAME_SIZE + 1];	/* the last byte is ours */
	u32 id, flags, vpci_irq_base;
	u64 reset_address, msg_timeout;
	struct jh_console console;
	u32 n[JH_SECTIONS];
	size_t cap[JH_SECTIONS];
	void *v[JH_SECTIONS];
};

struct jh_system {
	u8 signature[6];
	u8 arch;
	u16 revision;
	u32 flags;
	struct jh_mem hv;
	struct jh_console console;
	u64 mmcfg_base;
	u8 mmcfg_end_bus, pci_virtual;
	u16 pci_domain;
	struct jh_iommu iommu[JH_IOMMUS];
	/* x86 */
	u16 pm_timer;
	u8 apic_mode;
	u32 vtd_limit, tsc_khz, apic_khz;
	/* arm, arm64 */
	u8 maintenance_irq, gic_version;
	u64 gicd, gicc, gich, gicv, gicr;
};

/* What the reader noticed and a table of values cannot say. */
enum {
	JH_ODD_PADDING	= 1 << 1,	/* bytes that have no meaning are not 0 */
	JH_ODD_ARCH	= 1 << 2,	/* the architecture was guessed (revisions before 14 do not say) */
};

struct jh_config {
	bool is_system;
	u8 arch;			/* enum jh_arch */
	u16 revision;
	unsigned odd;			/* JH_ODD_* */
	size_t size, used;		/* bytes of the file, and of it the configuration */
	u32 padding_at;			/* offset of the first such byte */
	struct jh_system sys;		/* when is_system */
	struct jh_cell cell;		/* the root cell when is_system */
	const char *path;		/* of the file, for messages; the caller's */
};

static inline struct jh_mem *jh_mems(const struct jh_cell *c) { return c->v[JH_MEM]; }
static inline struct jh_chip *jh_chips(const struct jh_cell *c) { return c->v[JH_CHIP]; }
static inline struct jh_pio *jh_pios(const struct jh_cell *c) { return c->v[JH_PIO]; }
static inline struct jh_pci *jh_pcis(const struct jh_cell *c) { return c->v[JH_PCI]; }
static inline struct jh_cap *jh_caps(const struct jh_cell *c) { return c->v[JH_CAP]; }
static inline struct jh_cache *jh_caches(const struct jh_cell *c) { return c->v[JH_CACHE]; }
static inline struct jh_stream *jh_streams(const struct jh_cell *c) { return c->v[JH_STREAM]; }
static inline struct jh_cpu *jh_cpus(const struct jh_cell *c) { return c->v[JH_CPUS]; }

static inline u64 jh_end(const struct jh_mem *m)	/* first byte behind; saturates */
{
	u64 end;

	return add_overflows(m->phys, m->size, &end) ? ~0ULL : end;
}

static inline bool jh_is_subpage(const struct jh_mem *m)
{
	return (m->virt | m->size) & (JH_PAGE - 1);
}

void jh_config_init(struct jh_config *c);
void jh_config_free(struct jh_config *c);
/* Adds an element of the section (zeroed), NULL: no memory. Valid until the next jh_add() to it. */
void *jh_add(struct jh_cell *c, enum jh_section s);
/* Removes elements [at, at + n). */
void jh_remove(struct jh_cell *c, enum jh_section s, u32 at, u32 n);
size_t jh_element_size(enum jh_section s);
/* A deep copy; on failure *to is empty. */
int jh_config_copy(struct jh_config *to, const struct jh_config *from);

/*
 * CPUs. Until revision 14 a CPU is the number that Linux gave it; since 15 it
 * is the number of the hardware (APIC id, MPIDR). The set has the CPUs 0..65535.
 */
#define JH_CPU_MAX 32768	/* a bitmap of one page */
bool jh_cpu_has(const struct jh_config *c, u64 cpu);
u32 jh_cpu_count(const struct jh_config *c);
/* The nth CPU (from 0) in rising order of the bitmap, or as the array lists them; ~0: no more. */
u64 jh_cpu_next(const struct jh_config *c, u32 *iter);
int jh_cpu_add(struct jh_config *c, u64 cpu);

/* Fills the ranges from the bitmap of revision 10, and the other way round. */
int jh_pio_from_map(struct jh_cell *c);
int jh_pio_to_map(struct jh_cell *c, u32 bytes);

extern const char *const jh_arch_names[];	/* "x86", "arm", "arm64", NULL */

#endif
