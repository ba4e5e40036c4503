// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio over PCI (virtio 1.2 section 4.1): BAR 4 has the modern registers,
 * BAR 0 the legacy ones in I/O space (4.1.4.8), BAR 1 MSI-X.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "transport.h"

/* BAR 4. */
#define COMMON_OFF		0x0000
#define ISR_OFF			0x1000
#define DEVICE_OFF		0x2000
#define NOTIFY_OFF		0x3000
#define NOTIFY_STEP		4
#define MODERN_BAR_SIZE		0x4000

/* Common configuration (4.1.4.3). */
#define C_DEVICE_SEL		0x00
#define C_DEVICE_FEATURES	0x04
#define C_DRIVER_SEL		0x08
#define C_DRIVER_FEATURES	0x0c
#define C_CONFIG_VECTOR		0x10
#define C_NUM_QUEUES		0x12
#define C_STATUS		0x14
#define C_GENERATION		0x15
#define C_QUEUE_SEL		0x16
#define C_QUEUE_SIZE		0x18
#define C_QUEUE_VECTOR		0x1a
#define C_QUEUE_ENABLE		0x1c
#define C_QUEUE_NOTIFY_OFF	0x1e
#define C_QUEUE_DESC		0x20
#define C_QUEUE_DRIVER		0x28
#define C_QUEUE_DEVICE		0x30

/* Legacy registers. */
#define L_HOST_FEATURES		0
#define L_GUEST_FEATURES	4
#define L_QUEUE_PFN		8
#define L_QUEUE_NUM		12
#define L_QUEUE_SEL		14
#define L_QUEUE_NOTIFY		16
#define L_STATUS		18
#define L_ISR			19
#define L_CONFIG_VECTOR		20
#define L_QUEUE_VECTOR		22
#define L_CONFIG		20	/* 24 with MSI-X */
#define LEGACY_ALIGN		4096ULL

#define CAP_COMMON		1
#define CAP_NOTIFY		2
#define CAP_ISR			3
#define CAP_DEVICE		4
#define CAP_PCI			5

const struct prop virtio_props[] = {
	PROP(struct virtio_dev, pci.devfn, "addr", DEVFN, (u64)-1, "slot and function: SLOT[.FUNCTION]"),
	PROP(struct virtio_dev, pci.multifunction, "multifunction", BOOL, 0, "other functions of the slot are used too"),
	PROP(struct virtio_dev, pci.bootindex, "bootindex", S32, (u64)-1, "place in the firmware's boot order, -1: none"),
	PROP(struct virtio_dev, pci.romfile, "romfile", STR, 0, "expansion ROM"),
	PROP(struct virtio_dev, pci.rombar, "rombar", U32, 1, "0: no expansion ROM BAR"),
	PROP(struct virtio_dev, disable_legacy, "disable-legacy", ONOFFAUTO, 0, "on: modern interface only; auto: behind a PCIe port"),
	PROP(struct virtio_dev, disable_modern, "disable-modern", BOOL, 0, "legacy interface only"),
	PROP(struct virtio_dev, packed, "packed", BOOL, 0, "offer packed rings"),
	PROP_BIT(struct virtio_dev, want, "event_idx", 29, 1, "offer event suppression by index"),
	PROP_BIT(struct virtio_dev, want, "indirect_desc", 28, 1, "offer indirect descriptors"),
	PROP_BIT(struct virtio_dev, want, "any_layout", 27, 1, "legacy: framing is free"),
	PROP(struct virtio_dev, vectors, "vectors", U32, 0xffffffff, "MSI-X vectors; 0: none"),
	PROP_END
};

/* ---- modern ---- */

static u16 checked_vector(struct virtio_dev *v, u16 vector)
{
	return vector < v->pci.msix.n ? vector : VIRTQ_NO_VECTOR;
}

static u64 half(u64 val, u64 off, unsigned size)
{
	return size == 8 ? val : (u32)(val >> (8 * (off & 4)));
}

static u64 common_read(struct virtio_dev *v, u64 off, unsigned size)
{
	struct virtq *q = virtio_selected(v);

	switch (off) {
	case C_DEVICE_SEL:	return v->host_sel;
	case C_DEVICE_FEATURES:	return virtio_feature_word(v->host_features & ~VIRTIO_LEGACY_ONLY, v->host_sel);
	case C_DRIVER_SEL:	return v->guest_sel;
	case C_DRIVER_FEATURES:	return virtio_feature_word(v->features, v->guest_sel);
	case C_CONFIG_VECTOR:	return v->config_vector;
	case C_NUM_QUEUES:	return v->queues;
	case C_STATUS:		return v->status;
	case C_GENERATION:	return v->generation;
	case C_QUEUE_SEL:	return v->queue_sel;
	case C_QUEUE_SIZE:	return q ? q->size : 0;
	case C_QUEUE_VECTOR:	return q ? q->vector : VIRTQ_NO_VECTOR;
	case C_QUEUE_ENABLE:	return q ? q->ready : 0;
	case C_QUEUE_NOTIFY_OFF: return v->queue_sel;
	case C_QUEUE_DESC: case C_QUEUE_DESC + 4:	return q ? half(q->desc, off, size) : 0;
	case C_QUEUE_DRIVER: case C_QUEUE_DRIVER + 4:	return q ? half(q->driver, off, size) : 0;
	case C_QUEUE_DEVICE: case C_QUEUE_DEVICE + 4:	return q ? half(q->device, off, size) : 0;
	default:		return 0;
	}
}

static void set_half(u64 *reg, u64 off, u64 val, unsigned size)
{
	if (size == 8)
		*reg = val;
	else if (size == 4)
		*reg = off & 4 ? (*reg & 0xffffffffULL) | val << 32 : (*reg & ~0xffffffffULL) | (u32)val;
}

static void queue_write(struct virtio_dev *v, struct virtq *q, u64 off, u64 val, unsigned size)
{
	switch (off) {
	case C_QUEUE_SIZE:
		virtio_set_queue_size(v, q, val);
		break;
	case C_QUEUE_VECTOR:
		q->vector = checked_vector(v, (u16)val);
		break;
	case C_QUEUE_ENABLE:
		if (val == 1)
			q->ready = true;
		break;
	case C_QUEUE_DESC: case C_QUEUE_DESC + 4:	set_half(&q->desc, off, val, size); break;
	case C_QUEUE_DRIVER: case C_QUEUE_DRIVER + 4:	set_half(&q->driver, off, val, size); break;
	case C_QUEUE_DEVICE: case C_QUEUE_DEVICE + 4:	set_half(&q->device, off, val, size); break;
	}
}

static void common_write(struct virtio_dev *v, u64 off, u64 val, unsigned size)
{
	struct virtq *q = virtio_selected(v);

	switch (off) {
	case C_DEVICE_SEL:
		v->host_sel = (u32)val;
		break;
	case C_DRIVER_SEL:
		v->guest_sel = (u32)val;
		break;
	case C_DRIVER_FEATURES:
		virtio_set_feature_word(v, (u32)val);
		break;
	case C_CONFIG_VECTOR:
		v->config_vector = checked_vector(v, (u16)val);
		break;
	case C_STATUS:
		virtio_set_status(v, (u8)val);
		break;
	case C_QUEUE_SEL:
		v->queue_sel = (u16)val;
		break;
	default:
		if (q)
			queue_write(v, q, off, val, size);
	}
}

static u64 modern_read(void *opaque, u64 off, unsigned size)
{
	struct virtio_dev *v = opaque;

	switch (off >> 12) {
	case COMMON_OFF >> 12:	return common_read(v, off, size);
	case ISR_OFF >> 12:	return off == ISR_OFF ? virtio_read_isr(v) : 0;
	case DEVICE_OFF >> 12:	return virtio_config_read(v, off - DEVICE_OFF, size);
	default:		return 0;
	}
}

static void modern_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct virtio_dev *v = opaque;

	switch (off >> 12) {
	case COMMON_OFF >> 12:	common_write(v, off, val, size); break;
	case DEVICE_OFF >> 12:	virtio_config_write(v, off - DEVICE_OFF, val, size); break;
	case NOTIFY_OFF >> 12:	virtio_ring(v, (off - NOTIFY_OFF) / NOTIFY_STEP); break;
	}
}

static const struct mem_ops modern_ops = { .read = modern_read, .write = modern_write };

/* ---- legacy ---- */

static u32 legacy_config_off(const struct virtio_dev *v)
{
	return pci_msix_enabled(&v->pci) ? L_CONFIG + 4 : L_CONFIG;
}

static u64 legacy_read(void *opaque, u64 off, unsigned size)
{
	struct virtio_dev *v = opaque;
	struct virtq *q = virtio_selected(v);

	if (off >= legacy_config_off(v))
		return virtio_config_read(v, off - legacy_config_off(v), size);
	switch (off) {
	case L_HOST_FEATURES:	return (u32)v->host_features;
	case L_GUEST_FEATURES:	return (u32)v->features;
	case L_QUEUE_PFN:	return q && q->ready ? q->desc >> 12 : 0;
	case L_QUEUE_NUM:	return q ? v->ops->queue_size : 0;
	case L_QUEUE_SEL:	return v->queue_sel;
	case L_STATUS:		return v->status;
	case L_ISR:		return virtio_read_isr(v);
	case L_CONFIG_VECTOR:	return v->config_vector;
	case L_QUEUE_VECTOR:	return q ? q->vector : VIRTQ_NO_VECTOR;
	default:		return ~0ULL;
	}
}

/* One page number places all three parts of the ring (2.7.2 of the legacy interface). */
static void legacy_set_pfn(struct virtio_dev *v, struct virtq *q, u32 pfn)
{
	if (!pfn) {
		virtio_device_reset(v);
		return;
	}
	q->size = v->ops->queue_size;
	q->desc = (u64)pfn << 12;
	q->driver = q->desc + 16ULL * q->size;
	q->device = ALIGN_UP(q->driver + 6 + 2ULL * q->size, LEGACY_ALIGN);
	q->ready = true;
}

static void legacy_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct virtio_dev *v = opaque;
	struct virtq *q = virtio_selected(v);

	if (off >= legacy_config_off(v)) {
		virtio_config_write(v, off - legacy_config_off(v), val, size);
		return;
	}
	switch (off) {
	case L_GUEST_FEATURES:
		v->features = (u32)val & (u32)v->host_features;
		break;
	case L_QUEUE_PFN:
		if (q)
			legacy_set_pfn(v, q, (u32)val);
		break;
	case L_QUEUE_SEL:
		v->queue_sel = (u16)val;
		break;
	case L_QUEUE_NOTIFY:
		virtio_ring(v, (u16)val);
		break;
	case L_STATUS:
		virtio_set_status(v, (u8)val);
		break;
	case L_CONFIG_VECTOR:
		v->config_vector = checked_vector(v, (u16)val);
		break;
	case L_QUEUE_VECTOR:
		if (q)
			q->vector = checked_vector(v, (u16)val);
		break;
	}
}

static const struct mem_ops legacy_ops = { .read = legacy_read, .write = legacy_write, .max = 4 };

/* ---- PCI ---- */

static u8 add_cap(struct virtio_dev *v, u8 type, u32 off, u32 len, u8 cap_len)
{
	u8 at = pci_add_cap(&v->pci, PCI_CAP_ID_VNDR, cap_len), *c = v->pci.config + at;

	if (!at)
		return 0;
	c[2] = cap_len;
	c[3] = type;
	c[4] = type == CAP_PCI ? 0 : 4;
	put_le32(c + 8, off);
	put_le32(c + 12, len);
	return at;
}

static int add_modern(struct virtio_dev *v, struct err *err)
{
	u8 notify, *w;

	v->cfg_cap = add_cap(v, CAP_PCI, 0, 0, 20);
	notify = add_cap(v, CAP_NOTIFY, NOTIFY_OFF, NOTIFY_STEP * v->queues, 20);
	if (!v->cfg_cap || !notify || !add_cap(v, CAP_DEVICE, DEVICE_OFF, MAX(v->ops->config_len, 4U), 16) ||
	    !add_cap(v, CAP_ISR, ISR_OFF, 1, 16) || !add_cap(v, CAP_COMMON, COMMON_OFF, 0x38, 16))
		return err_set(err, ENOSPC, "no room for the virtio capabilities");
	put_le32(v->pci.config + notify + 16, NOTIFY_STEP);
	w = v->pci.wmask + v->cfg_cap;
	w[4] = 0xff;
	memset(w + 8, 0xff, 12);
	mem_region_init_io(&v->mmio, &v->dev, "virtio-pci-modern", MODERN_BAR_SIZE, &modern_ops, v);
	pci_add_bar(&v->pci, 4, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &v->mmio);
	return 0;
}

/* The PCI configuration access capability: a window into BAR 4 for firmware. */
static bool cfg_window(struct virtio_dev *v, u32 addr, unsigned len, u64 *off, unsigned *size)
{
	const u8 *c = v->pci.config + v->cfg_cap;

	if (!v->cfg_cap || addr >= v->cfg_cap + 20U || addr + len <= v->cfg_cap + 16U)
		return false;
	*off = get_le32(c + 8);
	*size = get_le32(c + 12);
	return c[4] == 4 && (*size == 1 || *size == 2 || *size == 4) && *off < MODERN_BAR_SIZE - 4 && !(*off & (*size - 1));
}

u32 virtio_pci_config_read(struct pci_dev *pci, u32 addr, unsigned len)
{
	struct virtio_dev *v = (struct virtio_dev *)pci;
	unsigned size;
	u64 off;
	u32 val = 0;

	if (cfg_window(v, addr, len, &off, &size))
		put_le32(pci->config + v->cfg_cap + 16, (u32)modern_read(v, off, size));
	memcpy(&val, pci->config + addr, len);
	return le32_to_cpu(val);
}

void virtio_pci_config_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len)
{
	struct virtio_dev *v = (struct virtio_dev *)pci;
	unsigned size;
	u64 off;

	(void)val;
	if (cfg_window(v, addr, len, &off, &size))
		modern_write(v, off, get_le32(pci->config + v->cfg_cap + 16), size);
}

static void set_ids(struct virtio_dev *v)
{
	static const u16 transitional[] = {
		[VIRTIO_ID_NET] = 0x1000, [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_CONSOLE] = 0x1003,
		[VIRTIO_ID_RNG] = 0x1005, [VIRTIO_ID_BALLOON] = 0x1002, [VIRTIO_ID_SCSI] = 0x1004, [VIRTIO_ID_VSOCK] = 0x1012,
	};
	u8 *c = v->pci.config;

	put_le16(c + PCI_DEVICE_ID, v->legacy ? transitional[v->ops->id] : 0x1040 + v->ops->id);
	c[PCI_REVISION_ID] = v->legacy ? 0 : 1;
	put_le16(c + PCI_SUBSYSTEM_VENDOR_ID, 0x1af4);
	put_le16(c + PCI_SUBSYSTEM_ID, v->legacy ? v->ops->id : 0x1100);
	c[PCI_CLASS_PROG] = (u8)v->ops->class_code;
	put_le16(c + PCI_CLASS_DEVICE, (u16)(v->ops->class_code >> 8));
	c[PCI_INTERRUPT_PIN] = 1;
}

static int vpci_init(struct virtio_dev *v, struct err *err)
{
	u32 legacy_len = L_CONFIG + 4 + v->ops->config_len, vectors;
	int ret;

	v->modern = !v->disable_modern;
	v->legacy = v->disable_legacy == 2 || (v->disable_legacy == 0 && !(v->pci.bus->bridge && v->pci.bus->express));
	if (!v->modern && !v->legacy)
		return err_set(err, EINVAL, "device cannot work as neither modern nor legacy mode is enabled");
	ret = pci_init(&v->pci, err);
	if (ret < 0)
		return ret;
	set_ids(v);
	if (v->pci.bus->bridge && v->pci.bus->express)
		pci_add_pcie(&v->pci, 0);
	vectors = v->vectors == 0xffffffff ? v->queues + 1 : v->vectors;
	if (vectors)
		ret = pci_add_msix_bar(&v->pci, vectors, 1, err);
	if (ret == 0 && v->modern)
		ret = add_modern(v, err);
	if (ret == 0 && v->legacy) {
		mem_region_init_io(&v->io, &v->dev, "virtio-pci", legacy_len, &legacy_ops, v);
		pci_add_bar(&v->pci, 0, PCI_BAR_IO, &v->io);
	}
	if (ret < 0)
		pci_exit(&v->pci);
	return ret;
}

static void vpci_exit(struct virtio_dev *v)
{
	pci_exit(&v->pci);
}

static void vpci_reset(struct virtio_dev *v)
{
	pci_reset(&v->pci);
}

static void vpci_interrupt(struct virtio_dev *v, u16 vector, u8 isr)
{
	if (pci_msix_enabled(&v->pci)) {
		if (vector != VIRTQ_NO_VECTOR)
			pci_msix_notify(&v->pci, vector);
	} else {
		v->isr |= isr;
		pci_set_irq(&v->pci, 1);
	}
}

static void vpci_lower(struct virtio_dev *v)
{
	pci_set_irq(&v->pci, 0);
}

static bool vpci_may_dma(const struct virtio_dev *v)
{
	return pci_is_master(&v->pci);
}

static int vpci_post_load(struct virtio_dev *v, struct err *err)
{
	unsigned i;

	for (i = 0; i < v->queues; i++)
		v->vq[i].vector = checked_vector(v, v->vq[i].vector);
	return pci_post_load(&v->pci, err);
}

const struct virtio_transport virtio_pci_transport = {
	.init = vpci_init, .exit = vpci_exit, .reset = vpci_reset, .interrupt = vpci_interrupt, .lower = vpci_lower,
	.may_dma = vpci_may_dma, .post_load = vpci_post_load,
};
