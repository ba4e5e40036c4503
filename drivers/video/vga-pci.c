// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The standard PCI VGA adapter (-vga std, -device VGA; QEMU's
 * docs/specs/standard-vga): BAR 0 is the frame buffer, BAR 2 has the
 * registers, legacy ports and the window at 0xa0000 are there too, and the
 * option ROM is SeaBIOS's video BIOS.
 */
#include <errno.h>
#include "dev/isa.h"
#include "dev/pci.h"
#include "vga.h"

#define MMIO_SIZE	4096
#define MMIO_PORTS	0x400		/* 0x3c0-0x3df */
#define MMIO_DISPI	0x500
#define MMIO_QEXT	0x600		/* length of the block, byte order of the frame buffer */
#define QEXT_SIZE	8
#define LITTLE_ENDIAN_FB 0x1e1e1e1e
#define WINDOW_PRIO	1

struct vga_pci {
	struct pci_dev pci;
	struct vga vga;
	struct display display;
	u32 vgamem_mb;
	struct mem_region fb, mmio, window;
	struct mem_map window_map;
	struct isa_io ports, dispi;
};

static u64 ports_read(void *opaque, u64 off, unsigned size)
{
	struct vga_pci *s = opaque;

	(void)size;
	return vga_port_read(&s->vga, (u16)(0x3b0 + off));
}

static void ports_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct vga_pci *s = opaque;

	(void)size;
	vga_port_write(&s->vga, (u16)(0x3b0 + off), (u8)val);
}

static const struct mem_ops ports_ops = { .read = ports_read, .write = ports_write, .max = 1 };

/* 0x1ce index, 0x1cf and 0x1d0 data; words only. */
static u64 dispi_read(void *opaque, u64 off, unsigned size)
{
	struct vga *v = &((struct vga_pci *)opaque)->vga;

	if (size != 2)
		return ~0ULL;
	return off ? vga_dispi_read(v, v->dispi_index) : v->dispi_index;
}

static void dispi_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct vga *v = &((struct vga_pci *)opaque)->vga;

	if (size != 2)
		return;
	if (off)
		vga_dispi_write(v, v->dispi_index, (u16)val);
	else
		v->dispi_index = (u16)val;
}

static const struct mem_ops dispi_ops = { .read = dispi_read, .write = dispi_write, .max = 2, .unaligned = true };

static u64 window_read(void *opaque, u64 off, unsigned size)
{
	(void)size;
	return vga_mem_read(&((struct vga_pci *)opaque)->vga, (u32)off);
}

static void window_write(void *opaque, u64 off, u64 val, unsigned size)
{
	(void)size;
	vga_mem_write(&((struct vga_pci *)opaque)->vga, (u32)off, (u8)val);
}

static const struct mem_ops window_ops = { .read = window_read, .write = window_write, .max = 1 };

static u64 mmio_read(void *opaque, u64 off, unsigned size)
{
	struct vga *v = &((struct vga_pci *)opaque)->vga;
	u16 lo, hi;

	if (off >= MMIO_PORTS && off < MMIO_PORTS + 0x20) {
		lo = vga_port_read(v, (u16)(0x3c0 + (off - MMIO_PORTS)));
		hi = size == 2 ? vga_port_read(v, (u16)(0x3c1 + (off - MMIO_PORTS))) : 0;
		return lo | (u64)hi << 8;
	}
	if (off >= MMIO_DISPI && off < MMIO_DISPI + 2 * DISPI_REGS && size == 2)
		return vga_dispi_read(v, (unsigned)(off - MMIO_DISPI) / 2);
	if (off >= MMIO_QEXT && off < MMIO_QEXT + QEXT_SIZE && size == 2)
		return off >= MMIO_QEXT + 4 ? LITTLE_ENDIAN_FB & 0xffff : off == MMIO_QEXT ? QEXT_SIZE : 0;
	return 0;
}

static void mmio_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct vga *v = &((struct vga_pci *)opaque)->vga;

	if (off >= MMIO_PORTS && off < MMIO_PORTS + 0x20) {
		vga_port_write(v, (u16)(0x3c0 + (off - MMIO_PORTS)), (u8)val);
		if (size == 2)
			vga_port_write(v, (u16)(0x3c1 + (off - MMIO_PORTS)), (u8)(val >> 8));
	} else if (off >= MMIO_DISPI && off < MMIO_DISPI + 2 * DISPI_REGS && size == 2) {
		vga_dispi_write(v, (unsigned)(off - MMIO_DISPI) / 2, (u16)val);
	}
}

static const struct mem_ops mmio_ops = { .read = mmio_read, .write = mmio_write, .max = 2 };

/* ---- display ---- */

static void on_text(struct device *dev, struct display_text *t)
{
	vga_text(&((struct vga_pci *)dev)->vga, t);
}

static void on_size(struct device *dev, unsigned *width, unsigned *height)
{
	vga_size(&((struct vga_pci *)dev)->vga, width, height);
}

static void on_row(struct device *dev, unsigned y, u8 *rgb)
{
	vga_row(&((struct vga_pci *)dev)->vga, y, rgb);
}

static const struct display_ops display_ops = { .text = on_text, .size = on_size, .row = on_row };

/* ---- life ---- */

static void vga_pci_reset(struct device *dev)
{
	vga_reset(&((struct vga_pci *)dev)->vga);
	pci_reset(to_pci_dev(dev));
}

static int vga_pci_realize(struct device *dev, struct err *err)
{
	struct vga_pci *s = (struct vga_pci *)dev;
	u64 bytes = (u64)s->vgamem_mb * MiB;

	if (s->vgamem_mb < 1 || s->vgamem_mb > 256 || (s->vgamem_mb & (s->vgamem_mb - 1)))
		return err_set(err, EINVAL, "vgamem_mb must be a power of two from 1 to 256");
	if (machine_service(dev->machine, DISPLAY_SERVICE))
		return err_set(err, EBUSY, "there is a display adapter already");
	if (mem_region_init_ram(&s->fb, "vga.vram", bytes, err) < 0)
		return -err->code;
	if (pci_init(&s->pci, err) < 0) {
		mem_region_free(&s->fb);
		return -err->code;
	}
	s->vga.vram = s->fb.host;
	s->vga.vram_size = (u32)bytes;
	s->vga.clock = dev->machine->clock;
	mem_region_init_io(&s->mmio, dev, "vga.mmio", MMIO_SIZE, &mmio_ops, s);
	mem_region_init_io(&s->window, dev, "vga-lowmem", VGA_WINDOW_SIZE, &window_ops, s);
	pci_add_bar(&s->pci, 0, PCI_BAR_PREFETCH, &s->fb);
	pci_add_bar(&s->pci, 2, 0, &s->mmio);
	mem_map_add(&dev->machine->mem, &s->window_map, &s->window, VGA_WINDOW, WINDOW_PRIO);
	isa_io_add(dev, &s->ports, "vga", 0x3b0, 0x30, &ports_ops);
	isa_io_add(dev, &s->dispi, "vbe", 0x1ce, 4, &dispi_ops);
	s->display = (struct display){ dev, &display_ops };
	machine_service_add(dev->machine, DISPLAY_SERVICE, &s->display);
	return 0;
}

static void vga_pci_unrealize(struct device *dev)
{
	struct vga_pci *s = (struct vga_pci *)dev;

	machine_service_add(dev->machine, DISPLAY_SERVICE, NULL);
	mem_map_del(&s->window_map);
	isa_io_del(&s->ports);
	isa_io_del(&s->dispi);
	pci_exit(&s->pci);
	mem_region_free(&s->fb);
}

static const struct state_field vga_pci_fields[] = {
	STATE_PCI(struct vga_pci, pci),
	STATE_SUB(struct vga_pci, vga, vga_fields),
	STATE_END
};

static int vga_pci_post_load(void *dev, u8 version, struct err *err)
{
	struct vga_pci *s = dev;

	(void)version;
	if (pci_post_load(&s->pci, err) < 0)
		return -err->code;
	if (vga_check(&s->vga) < 0)
		return err_set(err, EINVAL, "VGA: registers that cannot be");
	dma_written(&s->pci.dev.machine->mem, pci_bar_addr(&s->pci, 0), s->vga.vram_size);
	return 0;
}

static const struct state_table vga_pci_state = { .version = 1, .fields = vga_pci_fields, .post_load = vga_pci_post_load };

static const struct prop vga_pci_props[] = {
	PROP(struct vga_pci, vgamem_mb, "vgamem_mb", U32, 16, "video memory in MiB"),
	PROP_END
};

static const struct pci_ops vga_pci_ops = { .vendor = 0x1234, .device = 0x1111, .revision = 2, .class_code = 0x030000,
					     .romfile = "vgabios-stdvga.bin" };

static const struct device_class vga_pci_class = {
	.name = "VGA", .desc = "standard VGA with the Bochs VBE extension", .bus = "PCI", .category = "Display",
	.size = sizeof(struct vga_pci), .locking = LOCK_DEVICE, .props = vga_pci_props, .bus_props = pci_props,
	.type_ops = &vga_pci_ops,
	.realize = vga_pci_realize, .unrealize = vga_pci_unrealize, .reset = vga_pci_reset, .state = &vga_pci_state,
};
REGISTER(device, vga_pci_class);
