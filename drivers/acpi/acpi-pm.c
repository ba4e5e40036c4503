// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ACPI's fixed hardware for a board without a chipset: PM registers at
 * ACPI_PM_PORT, interrupt 9, and the reset port 0xcf9. There is no legacy
 * mode, so nothing has to be switched on.
 */
#include "dev/acpi_pm.h"
#include "dev/isa.h"
#include "pm.h"

#define SCI		9
#define RESET_PORT	0xcf9
#define RST_CPU		0x04

struct acpi_pm_dev {
	struct device dev;
	struct acpi_pm pm;
	const struct irq *sci;
	u8 reset_control;
	struct isa_io io, rst;
};

static void on_sci(struct device *dev, bool level)
{
	irq_set(((struct acpi_pm_dev *)dev)->sci, level);
}

static u64 pm_read(void *opaque, u64 off, unsigned size)
{
	return acpi_pm_read(&((struct acpi_pm_dev *)opaque)->pm, off, size);
}

static void pm_write(void *opaque, u64 off, u64 val, unsigned size)
{
	acpi_pm_write(&((struct acpi_pm_dev *)opaque)->pm, off, val, size);
}

static const struct mem_ops pm_ops = { .read = pm_read, .write = pm_write, .max = 4, .unaligned = true };

static u64 rst_read(void *opaque, u64 off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct acpi_pm_dev *)opaque)->reset_control;
}

static void rst_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct acpi_pm_dev *s = opaque;

	(void)off;
	(void)size;
	if (val & RST_CPU)
		machine_request(s->dev.machine, REQ_RESET);
	s->reset_control = (u8)val & ~RST_CPU;
}

static const struct mem_ops rst_ops = { .read = rst_read, .write = rst_write, .max = 1 };

void acpi_pm_press_power_button(struct device *dev)
{
	device_lock(dev);
	acpi_pm_power_button(&((struct acpi_pm_dev *)dev)->pm);
	device_unlock(dev);
}

static void pm_dev_reset(struct device *dev)
{
	struct acpi_pm_dev *s = (struct acpi_pm_dev *)dev;

	s->reset_control = 0;
	acpi_pm_reset(&s->pm);
	acpi_pm_update(&s->pm);
}

static int pm_dev_realize(struct device *dev, struct err *err)
{
	struct acpi_pm_dev *s = (struct acpi_pm_dev *)dev;

	(void)err;
	s->sci = isa_irq(dev, SCI);
	s->pm.always_on = true;
	acpi_pm_init(&s->pm, dev, on_sci);
	isa_io_add(dev, &s->io, "acpi-pm", ACPI_PM_PORT, ACPI_PM_END, &pm_ops);
	isa_io_add(dev, &s->rst, "acpi-reset", RESET_PORT, 1, &rst_ops);
	return 0;
}

static void pm_dev_unrealize(struct device *dev)
{
	struct acpi_pm_dev *s = (struct acpi_pm_dev *)dev;

	acpi_pm_exit(&s->pm);
	isa_io_del(&s->io);
	isa_io_del(&s->rst);
}

static const struct state_field pm_dev_fields[] = {
	STATE_SUB(struct acpi_pm_dev, pm, acpi_pm_fields), STATE(struct acpi_pm_dev, pm.tmr_seen, U64),
	STATE(struct acpi_pm_dev, reset_control, U8),
	STATE_END
};

static int pm_dev_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	(void)err;
	acpi_pm_update(&((struct acpi_pm_dev *)dev)->pm);
	return 0;
}

static const struct state_table pm_dev_state = { .version = 1, .fields = pm_dev_fields, .post_load = pm_dev_post_load };

static const struct device_class acpi_pm_class = {
	.name = "acpi-pm", .desc = "ACPI power management registers", .category = "Misc", .size = sizeof(struct acpi_pm_dev),
	.locking = LOCK_DEVICE, .internal = true, .realize = pm_dev_realize, .unrealize = pm_dev_unrealize, .reset = pm_dev_reset,
	.state = &pm_dev_state,
};
REGISTER(device, acpi_pm_class);
