// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -machine microvm: no PCI, no firmware; virtio devices on memory mapped
 * registers, a serial port, and as much of the old PC as the user leaves on.
 * Linux finds it all by the ACPI tables, or with acpi=off by its command line.
 */
#include <errno.h>
#include <string.h>
#include "acpi.h"
#include "dev/acpi_pm.h"
#include "dev/fpu_irq.h"
#include "dev/pic.h"
#include "dev/virtio_mmio.h"
#include "mem.h"
#include "pc.h"
#include "str.h"

#define VIRTIO_BASE	0xfeb00000ULL
#define VIRTIO_GSI	16
#define SCI		9

/* With the old controllers alone, 16 lines are all there is. */
static const u8 pic_line[MICROVM_SLOTS] = { 5, 6, 7, 9, 10, 11, 12, 15 };

static unsigned slot_gsi(const struct pc *pc, unsigned n)
{
	return pc->cfg.no_acpi ? pic_line[n] : VIRTIO_GSI + n;
}

/* ---- the ISA bus, which is nothing but a place ---- */

struct isa_bridge {
	struct device dev;
	struct device_bus bus;
};

static int bridge_realize(struct device *dev, struct err *err)
{
	(void)err;
	device_bus_init(&((struct isa_bridge *)dev)->bus, "ISA", "isa.0", dev);
	return 0;
}

static const struct device_class isa_bridge_class = {
	.name = "isabus-bridge", .desc = "place for ISA devices", .category = "Bridge", .size = sizeof(struct isa_bridge),
	.locking = LOCK_NONE, .internal = true, .realize = bridge_realize,
};
REGISTER(device, isa_bridge_class);

/* ---- the board ---- */

static int add_pic(struct pc *pc, struct device_bus *isa, struct err *err)
{
	int i;

	pc->pic = device_create(&pc->m, isa, "isa-i8259", err, NULL);
	if (!pc->pic)
		return -err->code;
	i8259_connect(pc->pic, &pc->intr);
	for (i = 0; i < 16; i++)
		pc->pic_in[i] = &pc->pic->irqs[0].in[i];
	return 0;
}

static int add_isa(struct pc *pc, struct device_bus *isa, struct err *err)
{
	struct machine *m = &pc->m;

	if (!pc->cfg.no_pic && add_pic(pc, isa, err) < 0)
		return -err->code;
	if (!pc->cfg.no_pit && !device_create(m, isa, "isa-pit", err, NULL))
		return -err->code;
	if (!pc->cfg.no_rtc && !(pc->rtc = device_create(m, isa, "mc146818rtc", err, pc->cfg.rtc_discard ? "lost_tick_policy" : NULL, "discard", NULL)))
		return -err->code;
	pc->fw_cfg = device_create(m, NULL, "fw_cfg_io", err, NULL);
	pc->fpu_irq = pc->fw_cfg ? device_create(m, isa, "fpu-irq", err, NULL) : NULL;
	return pc->fpu_irq ? 0 : -err->code;
}

int microvm_create(struct pc *pc, struct err *err)
{
	struct machine *m = &pc->m;
	struct device *bridge;
	unsigned i;

	pc->ioapic = device_create(m, NULL, "ioapic", err, NULL);
	bridge = pc->ioapic ? device_create(m, NULL, "isabus-bridge", err, NULL) : NULL;
	if (!bridge)
		return -err->code;
	for (i = 0; i < PC_GSIS; i++)
		pc->ioapic_in[i] = &pc->ioapic->irqs[0].in[i];
	if (add_isa(pc, &((struct isa_bridge *)bridge)->bus, err) < 0)
		return -err->code;
	if (!pc->cfg.no_acpi && !(pc->pm = device_create(m, NULL, "acpi-pm", err, NULL)))
		return -err->code;
	for (i = 0; i < MICROVM_SLOTS; i++) {
		pc->slot[i] = virtio_mmio_create(m, i, VIRTIO_BASE + i * VIRTIO_MMIO_SIZE, pc->gsi[slot_gsi(pc, i)], err);
		if (!pc->slot[i])
			return -err->code;
	}
	return 0;
}

void microvm_acpi_config(struct pc *pc, struct acpi_config *c)
{
	unsigned i;

	*c = (struct acpi_config){
		.cpus = pc->cfg.cpus, .topology = &pc->cfg.topology, .rtc = pc->rtc != NULL, .pit = pc->pic != NULL, .fw_cfg = true,
		.pmbase = ACPI_PM_PORT, .sci = SCI, .always_on = true,
	};
	for (i = 0; i < MICROVM_SLOTS; i++)
		if (virtio_mmio_used(pc->slot[i])) {
			c->virtio[c->virtio_n].nr = i;
			c->virtio[c->virtio_n].base = (u32)(VIRTIO_BASE + i * VIRTIO_MMIO_SIZE);
			c->virtio[c->virtio_n++].gsi = VIRTIO_GSI + i;
		}
}

void microvm_power_button(struct pc *pc)
{
	if (pc->pm)
		acpi_pm_press_power_button(pc->pm);
}

int microvm_command_line(struct pc *pc, struct err *err)
{
	struct strbuf line = STRBUF_INIT;
	unsigned i;

	if (!pc->cfg.no_acpi || pc->cfg.no_auto_cmdline)
		return 0;
	strbuf_puts(&line, pc->cfg.append ? pc->cfg.append : "");
	for (i = 0; i < MICROVM_SLOTS; i++)
		if (virtio_mmio_used(pc->slot[i]))
			strbuf_printf(&line, " virtio_mmio.device=%u@0x%llx:%u", VIRTIO_MMIO_SIZE,
				      VIRTIO_BASE + i * VIRTIO_MMIO_SIZE, slot_gsi(pc, i));
	if (strbuf_failed(&line)) {
		strbuf_free(&line);
		return err_set(err, ENOMEM, "out of memory");
	}
	if (line.len) {
		mem_free(pc->append);
		pc->append = line.s;
		pc->cfg.append = pc->append;
	}
	return 0;
}
