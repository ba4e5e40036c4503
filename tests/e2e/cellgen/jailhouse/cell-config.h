/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration structures of Jailhouse, written down from the facts of
 * the format (names, widths, order of each revision REV), so that the tests can
 * compile what cellgen writes as C without Jailhouse.
 */
#define PACKED __attribute__((packed))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PIO_RANGE(b, l) { .base = (b), .length = (l) }

#define JAILHOUSE_X86 0
#define JAILHOUSE_ARM 1
#define JAILHOUSE_ARM64 2
#define JAILHOUSE_SYS_VIRTUAL_DEBUG_CONSOLE 1
enum {
	JAILHOUSE_CELL_PASSIVE_COMMREG = 1, JAILHOUSE_CELL_TEST_DEVICE = 2, JAILHOUSE_CELL_AARCH32 = 4,
};
#define JAILHOUSE_CELL_VIRTUAL_CONSOLE_PERMITTED 0x40000000
#define JAILHOUSE_CELL_VIRTUAL_CONSOLE_ACTIVE 0x80000000
#define JAILHOUSE_MEM_READ 1
#define JAILHOUSE_MEM_WRITE 2
#define JAILHOUSE_MEM_EXECUTE 4
#define JAILHOUSE_MEM_DMA 8
#define JAILHOUSE_MEM_IO 0x10
#define JAILHOUSE_MEM_COMM_REGION 0x20
#define JAILHOUSE_MEM_LOADABLE 0x40
#define JAILHOUSE_MEM_ROOTSHARED 0x80
#if REV < 12
#define JAILHOUSE_MEM_IO_UNALIGNED 0x100
#else
#define JAILHOUSE_MEM_NO_HUGEPAGES 0x100
#define JAILHOUSE_MEM_IO_UNALIGNED 0x8000
#endif
#define JAILHOUSE_MEM_IO_8 0x10000
#define JAILHOUSE_MEM_IO_16 0x20000
#define JAILHOUSE_MEM_IO_32 0x40000
#define JAILHOUSE_MEM_IO_64 0x80000
#define JAILHOUSE_CACHE_L3_CODE 1
#define JAILHOUSE_CACHE_L3_DATA 2
#define JAILHOUSE_CACHE_L3 3
#define JAILHOUSE_CACHE_ROOTSHARED 1
#define JAILHOUSE_PCI_TYPE_DEVICE 1
#define JAILHOUSE_PCI_TYPE_BRIDGE 2
#define JAILHOUSE_PCI_TYPE_IVSHMEM 3
#define JAILHOUSE_PCICAPS_WRITE 1
#define JAILHOUSE_APIC_MODE_AUTO 0
#define JAILHOUSE_APIC_MODE_XAPIC 1
#define JAILHOUSE_APIC_MODE_X2APIC 2
#define JAILHOUSE_IOMMU_AMD 1
#define JAILHOUSE_IOMMU_INTEL 2
#define JAILHOUSE_IOMMU_SMMUV3 3
#define JAILHOUSE_IOMMU_PVU 4
#define JAILHOUSE_IOMMU_ARM_MMU500 5
#define JAILHOUSE_CON_TYPE_8250 2
#define JAILHOUSE_CON_TYPE_PL011 3
#define JAILHOUSE_CON_ACCESS_MMIO 1
#define JAILHOUSE_CON_REGDIST_4 2

struct jailhouse_console {
	__u64 address;
	__u32 size;
	__u16 type, flags;
	__u32 divider, gate_nr;
	__u64 clock_reg;
} PACKED;

#if REV < 14
#define HEAD char signature[6]; __u16 revision
#else
#define HEAD char signature[5]; __u8 architecture; __u16 revision
#endif

struct jailhouse_cell_desc {
	HEAD;
	char name[32];
	__u32 id, flags;
#if REV < 15
	__u32 cpu_set_size;
#else
	__u32 num_cpus;
#endif
	__u32 num_memory_regions, num_cache_regions, num_irqchips;
#if REV < 12
	__u32 pio_bitmap_size, num_pci_devices, num_pci_caps;
#else
	__u32 num_pio_regions, num_pci_devices, num_pci_caps, num_stream_ids;
#endif
	__u32 vpci_irq_base;
	__u64 cpu_reset_address, msg_reply_timeout;
	struct jailhouse_console console;
} PACKED;

struct jailhouse_cpu { __u64 phys_id; __u8 padding[8]; } PACKED;
struct jailhouse_memory { __u64 phys_start, virt_start, size, flags; } PACKED;
struct jailhouse_cache { __u32 start, size; __u8 type, padding; __u16 flags; } PACKED;
struct jailhouse_irqchip { __u64 address; __u32 id, pin_base, pin_bitmap[4]; } PACKED;
struct jailhouse_pio { __u16 base, length; } PACKED;
struct jailhouse_pci_capability { __u16 id, start, len, flags; } PACKED;

struct jailhouse_pci_device {
	__u8 type, iommu;
	__u16 domain, bdf;
	__u32 bar_mask[6];
	__u16 caps_start, num_caps;
	__u8 num_msi_vectors;
#if REV < 12
	__u8 msi_64bits;
#else
	__u8 msi_64bits:1, msi_maskable:1;
#endif
	__u16 num_msix_vectors, msix_region_size;
	__u64 msix_address;
#if REV < 12
	__u32 shmem_region;
	__u16 shmem_protocol;
	__u8 padding[2];
#else
	__u32 shmem_regions_start;
	__u8 shmem_dev_id, shmem_peers;
	__u16 shmem_protocol;
#endif
} PACKED;

struct jailhouse_iommu {
#if REV < 12
	__u64 base;
	__u32 size;
	__u16 amd_bdf;
	__u8 amd_base_cap, amd_msi_cap;
	__u32 amd_features;
#else
	__u32 type;
	__u64 base;
	__u32 size;
	union {
		struct { __u16 bdf; __u8 base_cap, msi_cap; __u32 features; } PACKED amd;
		struct { __u64 tlb_base; __u32 tlb_size; } PACKED tipvu;
	};
#endif
} PACKED;

#if REV < 13
union jailhouse_stream_id;
#else
union jailhouse_stream_id { __u32 id; } PACKED;
#endif

struct jailhouse_system {
	HEAD;
	__u32 flags;
	struct jailhouse_memory hypervisor_memory;
	struct jailhouse_console debug_console;
	struct {
		__u64 pci_mmconfig_base;
		__u8 pci_mmconfig_end_bus, pci_is_virtual;
		__u16 pci_domain;
#if REV >= 13
		struct jailhouse_iommu iommu_units[8];
#endif
		union {
			struct {
				__u16 pm_timer_address;
#if REV < 13
				__u32 vtd_interrupt_limit;
				__u8 apic_mode, padding[3];
#else
				__u8 apic_mode, padding;
				__u32 vtd_interrupt_limit;
#endif
				__u32 tsc_khz, apic_khz;
#if REV < 13
				struct jailhouse_iommu iommu_units[8];
#endif
			} PACKED x86;
			struct {
				__u8 maintenance_irq, gic_version;
#if REV >= 13
				__u8 padding[2];
#endif
				__u64 gicd_base, gicc_base, gich_base, gicv_base, gicr_base;
#if REV == 12
				struct jailhouse_iommu iommu_units[8];
#endif
			} PACKED arm;
		} PACKED;
	} PACKED platform_info;
	struct jailhouse_cell_desc root_cell;
} PACKED;
