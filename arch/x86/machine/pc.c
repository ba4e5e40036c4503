// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The q35 board: RAM layout, which devices there are and how they are wired,
 * reset and shutdown. Numbers follow QEMU's machine of that name, so that
 * guests and scripts find what they know.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "acpi.h"
#include "dev/fw_cfg.h"
#include "dev/pic.h"
#include "dev/q35.h"
#include "dev/rtc.h"
#include "mem.h"
#include "pc.h"
#include "str.h"

#define LOW_RAM_MAX	0xb0000000ULL	/* ECAM begins there */
#define LOW_RAM_SPLIT	0x80000000ULL	/* what stays low when not all fits */
#define FOUR_GIB	0x100000000ULL
#define PCI64_SIZE	(512 * GiB)
#define A20_ALIAS	(640 * KiB)
#define A20_PRIO	6

/* ---- interrupt lines ---- */

/* A GSI below 16 is an ISA line: both controllers see it. IRQ 0 is pin 2 of the IOAPIC. */
static void on_gsi(void *opaque, int n, int level)
{
	struct pc *pc = opaque;

	if (n < 16)
		irq_set(pc->pic_in[n], level);
	irq_set(pc->ioapic_in[n == 0 ? 2 : n], level);
}

/* An edge gets through if one of the two controllers takes it. */
static enum irq_line_state pc_irq_state(void *ctx, unsigned gsi)
{
	struct pc *pc = ctx;
	enum irq_line_state pic = IRQ_LINE_OFF, ioapic;

	if (!pc->vcpus)		/* nobody will ever take it */
		return IRQ_LINE_FREE;
	if (gsi < 16) {
		atomic_xchg(&pc->pic_watch, 1);
		pic = i8259_line(pc->pic, gsi);
	}
	ioapic = ioapic_line(pc->ioapic, gsi == 0 ? 2 : gsi);
	if (pic == IRQ_LINE_FREE || ioapic == IRQ_LINE_FREE)
		return IRQ_LINE_FREE;
	return pic == IRQ_LINE_WAITS ? pic : ioapic;
}

static bool pc_msi_waits(void *ctx, struct msi_msg msg)
{
	struct pc *pc = ctx;

	return pc->sys && x86_apic_msi_waits(pc->sys, msg.addr, msg.data);
}

static void on_intr(void *opaque, int n, int level)
{
	struct pc *pc = opaque;

	(void)n;
	if (pc->vcpus)
		x86_cpu_set_extint(pc->vcpus[0].cpu, level);
}

static void init_lines(struct pc *pc)
{
	int i;

	for (i = 0; i < PC_GSIS; i++) {
		pc->gsi_pin[i] = (struct irq){ on_gsi, pc, i };
		pc->gsi[i] = &pc->gsi_pin[i];
		if (i < 16)
			pc->m.isa_irq[i] = pc->gsi[i];
	}
	pc->intr = (struct irq){ on_intr, pc, 0 };
	machine_service_add(&pc->m, "gsi", pc->gsi);
}

/* ---- what devices ask of the machine ---- */

static void pc_msi(void *ctx, struct msi_msg msg)
{
	struct pc *pc = ctx;

	if (pc->sys)
		x86_apic_deliver_msi(pc->sys, msg.addr, msg.data);
}

static void pc_request(void *ctx)
{
	loop_bh_schedule(&((struct pc *)ctx)->request_bh);
}

static void pc_event(void *ctx, const char *name, const char *data_json)
{
	struct pc *pc = ctx;

	if (pc->ev->event)
		pc->ev->event(pc->ctx, name, data_json);
}

void pc_nmi(struct pc *pc, unsigned cpu)
{
	if (pc->vcpus && cpu < pc->cfg.cpus)
		x86_cpu_nmi(pc->vcpus[cpu].cpu);
}

/*
 * A closed A20 gate shows the first megabyte's RAM above 1 MiB again, where
 * 8086 programs that wrap look for it. Other odd megabytes stay what they are.
 */
static void pc_a20(void *ctx, int level)
{
	struct pc *pc = ctx;

	if (level)
		mem_map_del(&pc->a20_map);
	else
		mem_map_add_part(&pc->m.mem, &pc->a20_map, &pc->ram, MiB, 0, A20_ALIAS, A20_PRIO);
}

static const struct machine_ops machine_ops = {
	.msi = pc_msi, .irq_state = pc_irq_state, .msi_waits = pc_msi_waits, .request = pc_request, .event = pc_event, .a20 = pc_a20,
};

static int find_leaving(struct device *dev, int depth, void *opaque)
{
	(void)depth;
	if (!atomic_get(&dev->leaving))
		return 0;
	*(struct device **)opaque = dev;
	return 1;
}

/* What the guest has let go of goes, one by one. */
static void unplug_leaving(struct pc *pc)
{
	struct device *dev;
	char data[256];

	pc_pause(pc);
	while (dev = NULL, device_walk(&pc->m, find_leaving, &dev)) {
		if (dev->id)
			snprintf(data, sizeof(data), "{\"device\": \"%.80s\", \"path\": \"/machine/peripheral/%.80s\"}", dev->id, dev->id);
		else
			snprintf(data, sizeof(data), "{\"path\": \"/machine/peripheral-anon/%s\"}", dev->path);
		device_free(dev);
		pc_event(pc, "DEVICE_DELETED", data);
	}
	pc_resume(pc);
}

/* Main thread: carries out what was asked for. */
static void on_request(struct loop_bh *bh)
{
	struct pc *pc = bh->opaque;
	u32 req = atomic_xchg(&pc->m.requests, 0);

	if (req & REQ_UNPLUG)
		unplug_leaving(pc);
	if (req & REQ_PANIC) {
		pc_stop(pc, RUN_GUEST_PANICKED);
		pc->ev->panicked(pc->ctx);
	}
	if (req & REQ_SHUTDOWN) {
		pc->ev->shutdown(pc->ctx, pc->m.shutdown_by_guest, atomic_get(&pc->m.exit_code));
	} else if (req & REQ_RESET) {
		if (pc->ev->reset(pc->ctx, true))
			pc_reset(pc, true);
	}
	if (req & REQ_STOP) {
		struct x86_cpu *cpu;
		bool ran = pc->running;

		pc_stop(pc, ran ? RUN_PAUSED : pc->m.state);
		cpu = pc_debug_stopped(pc);
		if (cpu)
			pc->m.state = RUN_DEBUG;
		if (cpu && pc->ev->debug)
			pc->ev->debug(pc->ctx, cpu);
		else if (ran)
			pc->ev->stopped(pc->ctx, RUN_PAUSED);
	}
}

/* The physical map has changed: what vCPUs cached of it is stale. Any thread. */
static void on_map_change(void *ctx)
{
	struct pc *pc = ctx;

	__atomic_fetch_add(&pc->platform.phys_generation, 1, __ATOMIC_SEQ_CST);
	if (pc->sys)
		x86_phys_changed(pc->sys);
}

static void on_dma(void *ctx, u64 addr, u64 len)
{
	struct pc *pc = ctx;

	if (pc->sys)
		x86_code_written(pc->sys, addr, len);
}

/* ---- building ---- */

static int create_ram(struct pc *pc, struct err *err)
{
	struct machine *m = &pc->m;
	u64 size = pc->cfg.ram_size;

	if (size < MiB)
		return err_set(err, EINVAL, "a PC needs at least 1 MiB of memory");
	if (pc->cfg.ram_path ? mem_region_init_file(&pc->ram, "pc.ram", pc->cfg.ram_path, size, pc->cfg.ram_share, err) < 0
			     : mem_region_init_ram(&pc->ram, "pc.ram", size, err) < 0)
		return -err->code;
	if (pc->cfg.ram_prealloc && mem_region_prealloc(&pc->ram, err) < 0)
		return -err->code;
	m->ram_backend = pc->cfg.ram_backend;
	machine_ram_add(m, &pc->saved_ram, &pc->ram, NULL, "pc.ram");
	m->ram = &pc->ram;
	m->ram_size = size;
	m->below_4g = size >= LOW_RAM_MAX ? LOW_RAM_SPLIT : size;
	m->above_4g = size - m->below_4g;
	mem_map_add_part(&m->mem, &pc->ram_low, &pc->ram, 0, 0, m->below_4g, 0);
	if (m->above_4g)
		mem_map_add_part(&m->mem, &pc->ram_high, &pc->ram, FOUR_GIB, m->below_4g, m->above_4g, 0);
	return 0;
}

/* Pins of a controller by the group without a name. */
static struct irq *input_pins(struct device *dev)
{
	return dev->irqs[0].in;
}

static int create_chipset(struct pc *pc, struct err *err)
{
	struct machine *m = &pc->m;
	struct device_bus *root;
	int i;

	pc->ioapic = device_create(m, NULL, "ioapic", err, NULL);
	pc->host = pc->ioapic ? device_create(m, NULL, "q35-pcihost", err, NULL) : NULL;
	if (!pc->host)
		return -err->code;
	root = &q35_host_bus(pc->host)->bus;
	for (i = 0; i < PC_GSIS; i++)
		pc->ioapic_in[i] = &input_pins(pc->ioapic)[i];
	pc->mch = device_create(m, root, "mch", err, "addr", "0", NULL);
	if (!pc->mch)
		return -err->code;
	/* Before PIT and RTC, whose lines run through it. */
	if (!pc->cfg.no_hpet && !device_create(m, NULL, "hpet", err, NULL))
		return -err->code;
	pc->lpc = device_create(m, root, "ICH9-LPC", err, "addr", "1f", "multifunction", "on", NULL);
	if (!pc->lpc)
		return -err->code;
	q35_host_bus(pc->host)->map_irq = ich9_lpc_map_irq;
	q35_host_bus(pc->host)->set_irq = ich9_lpc_set_irq;
	q35_host_bus(pc->host)->irq_opaque = pc->lpc;
	if (device_class_find("ich9-ahci") && !device_create(m, root, "ich9-ahci", err, "addr", "1f.2", "multifunction", "on", NULL))
		return -err->code;
	return 0;
}

static int create_isa(struct pc *pc, struct err *err)
{
	struct machine *m = &pc->m;
	struct device_bus *isa = ich9_lpc_isa_bus(pc->lpc);
	int i;

	pc->pic = device_create(m, isa, "isa-i8259", err, NULL);
	if (!pc->pic)
		return -err->code;
	i8259_connect(pc->pic, &pc->intr);
	for (i = 0; i < 16; i++)
		pc->pic_in[i] = &input_pins(pc->pic)[i];
	if (!device_create(m, isa, "isa-pit", err, NULL))
		return -err->code;
	pc->rtc = device_create(m, isa, "mc146818rtc", err, pc->cfg.rtc_discard ? "lost_tick_policy" : NULL, "discard", NULL);
	if (!pc->rtc)
		return -err->code;
	pc->fw_cfg = device_create(m, NULL, "fw_cfg_io", err, NULL);
	if (!pc->fw_cfg)
		return -err->code;
	if (device_class_find("i8042") && !device_create(m, isa, "i8042", err, NULL))
		return -err->code;
	pc->fpu_irq = device_create(m, isa, "port92", err, NULL) ? device_create(m, isa, "fpu-irq", err, NULL) : NULL;
	if (!pc->fpu_irq)
		return -err->code;
	return 0;
}

/* CMOS bytes that a BIOS reads: memory sizes and boot order. */
static void fill_cmos(struct pc *pc)
{
	u64 low = pc->m.below_4g, high = pc->m.above_4g, v;

	if (!pc->rtc)
		return;
	v = MIN(low / 1024, 640ULL);
	rtc_set_cmos(pc->rtc, 0x15, (u8)v);
	rtc_set_cmos(pc->rtc, 0x16, (u8)(v >> 8));
	v = low > MiB ? MIN((low - MiB) / 1024, 65535ULL) : 0;
	rtc_set_cmos(pc->rtc, 0x17, (u8)v);
	rtc_set_cmos(pc->rtc, 0x18, (u8)(v >> 8));
	rtc_set_cmos(pc->rtc, 0x30, (u8)v);
	rtc_set_cmos(pc->rtc, 0x31, (u8)(v >> 8));
	v = low > 16 * MiB ? MIN((low - 16 * MiB) / 65536, 65535ULL) : 0;
	rtc_set_cmos(pc->rtc, 0x34, (u8)v);
	rtc_set_cmos(pc->rtc, 0x35, (u8)(v >> 8));
	v = high / 65536;
	rtc_set_cmos(pc->rtc, 0x5b, (u8)v);
	rtc_set_cmos(pc->rtc, 0x5c, (u8)(v >> 8));
	rtc_set_cmos(pc->rtc, 0x5d, (u8)(v >> 16));
	rtc_set_cmos(pc->rtc, 0x5f, (u8)(pc->cfg.cpus - 1));
	rtc_set_cmos(pc->rtc, 0x14, 0x06);	/* FPU, PS/2 mouse */
}

static bool com_port_there(struct pc *pc, u16 port)
{
	struct mem_range r;

	return mem_find(&pc->m.io, port, &r);
}

static void q35_acpi_config(struct pc *pc, struct acpi_config *c)
{
	*c = (struct acpi_config){
		.pci = true, .cpus = pc->cfg.cpus, .topology = &pc->cfg.topology, .pci32_first = MAX(pc->m.below_4g, Q35_ECAM_BASE + Q35_ECAM_SIZE),
		.pci32_last = 0xfebfffff, .ecam = Q35_ECAM_BASE, .hpet = !pc->cfg.no_hpet, .rtc = true, .pit = true,
		.i8042 = device_class_find("i8042") != NULL, .fw_cfg = true, .pmbase = Q35_PMBASE, .sci = Q35_SCI,
	};
	c->pci64_first = ALIGN_UP(FOUR_GIB + pc->m.above_4g, 32 * GiB);
	c->pci64_last = c->pci64_first + PCI64_SIZE - 1;
}

void pc_acpi_config(struct pc *pc, struct acpi_config *c)
{
	if (pc->microvm)
		microvm_acpi_config(pc, c);
	else
		q35_acpi_config(pc, c);
	c->numa = pc->cfg.numa;
	c->below_4g = pc->m.below_4g;
	c->com[0] = com_port_there(pc, 0x3f8);
	c->com[1] = com_port_there(pc, 0x2f8);
	c->vga = com_port_there(pc, 0x3c0);
}

static int build(struct pc *pc, struct err *err)
{
	pc->microvm = pc->cfg.board && str_eq(pc->cfg.board, "microvm");
	if (pc->cfg.board && !pc->microvm && !str_eq(pc->cfg.board, "q35") && !str_eq(pc->cfg.board, "pc-q35"))
		return err_set(err, EINVAL, "unsupported machine type '%s'", pc->cfg.board);
	if (create_ram(pc, err) < 0)
		return -err->code;
	init_lines(pc);
	if (pc->microvm ? microvm_create(pc, err) < 0 : create_chipset(pc, err) < 0 || create_isa(pc, err) < 0)
		return -err->code;
	fill_cmos(pc);
	pc->platform.ops = &pc_platform_ops;
	pc->platform.ctx = pc;
	pc->platform.phys_generation = 1;
	return pc->cfg.no_cpus ? 0 : pc_vcpus_create(pc, err);
}

struct pc *pc_create(const struct pc_config *cfg, struct loop *loop, const struct pc_events *ev, void *ctx, struct err *err)
{
	struct pc *pc = mem_zalloc(sizeof(*pc));

	if (!pc) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	pc->cfg = *cfg;
	if (!cfg->topology.cores)
		pc->cfg.topology = (struct x86_topology){ .dies = 1, .cores = cfg->cpus, .threads = 1 };
	pc->ev = ev;
	pc->ctx = ctx;
	pc->ram.fd = pc->bios.fd = -1;
	pthread_mutex_init(&pc->lock, NULL);
	pthread_cond_init(&pc->wake, NULL);
	pthread_cond_init(&pc->parked, NULL);
	loop_bh_init(loop, &pc->request_bh, on_request, pc, "request", "machine");
	pc->m.ops = &machine_ops;
	pc->m.ctx = pc;
	pc->m.cpus = cfg->cpus;
	pc->m.max_cpus = cfg->max_cpus;
	pc->m.name = cfg->name;
	pc->m.globals = cfg->globals;
	pc->m.rtc_offset_s = cfg->rtc_offset_s;
	pc->m.rtc_clock = cfg->rtc_clock;
	if (machine_init(&pc->m, loop, cfg->no_cpus, err) < 0 || build(pc, err) < 0) {
		pc_free(pc);
		return NULL;
	}
	pc->m.mem.on_change_ctx = pc->m.mem.on_dma_ctx = pc;
	pc->m.mem.on_dma = on_dma;
	pc->m.mem.on_change = on_map_change;
	return pc;
}

void pc_free(struct pc *pc)
{
	if (!pc)
		return;
	pc_vcpus_free(pc);
	pc->sys = NULL;
	pc->vcpus = NULL;
	if (pc->m.clock)
		machine_free(&pc->m);
	mem_region_free(&pc->ram);
	mem_region_free(&pc->bios);
	pc_boot_free(pc);
	mem_free(pc->append);
	loop_bh_del(&pc->request_bh);
	pthread_mutex_destroy(&pc->lock);
	pthread_cond_destroy(&pc->wake);
	pthread_cond_destroy(&pc->parked);
	mem_free(pc);
}

int pc_set_pflash(struct pc *pc, unsigned unit, const char *drive, struct err *err)
{
	if (unit >= ARRAY_SIZE(pc->cfg.pflash))
		return err_set(err, EINVAL, "pflash: there are chips 0 and 1 only");
	if (pc->cfg.pflash[unit])
		return err_set(err, EBUSY, "pflash: chip %u is there already", unit);
	pc->cfg.pflash[unit] = drive;
	return 0;
}

int pc_start(struct pc *pc, struct err *err)
{
	machine_done(&pc->m);
	if (pc->microvm && microvm_command_line(pc, err) < 0)
		return -err->code;
	if (pc_firmware_load(pc, err) < 0 || pc_boot_load(pc, err) < 0 || pc_firmware_tables(pc, err) < 0)
		return -err->code;
	pc_reset(pc, false);
	return pc->cfg.no_cpus ? 0 : pc_vcpus_start(pc, err);
}

void pc_reset(struct pc *pc, bool by_guest)
{
	unsigned i;

	(void)by_guest;
	pc_pause(pc);
	machine_reset_devices(&pc->m);
	if (pc->started)
		pc_boot_order_after_once(pc);
	pc->started = true;
	for (i = 0; pc->vcpus && i < pc->cfg.cpus; i++) {
		clock_timer_del(&pc->vcpus[i].lapic_timer);
		x86_cpu_reset(pc->vcpus[i].cpu);
	}
	if (pc->boot)
		pc_boot_apply(pc);
	pc_resume(pc);
}

void pc_power_button(struct pc *pc)
{
	if (pc->microvm)
		microvm_power_button(pc);
	else
		ich9_lpc_power_button(pc->lpc);
}

struct machine *pc_machine(struct pc *pc)
{
	return &pc->m;
}

struct x86_system *pc_system(struct pc *pc)
{
	return pc->sys;
}

unsigned pc_cpus(const struct pc *pc)
{
	return pc->vcpus ? pc->cfg.cpus : 0;
}

u64 pc_first_run_ns(const struct pc *pc)
{
	return atomic_get(&pc->first_run_ns);
}

struct device *pc_part(struct pc *pc, const char *name)
{
	const struct { const char *name; struct device *dev; } parts[] = {
		{ "ioapic", pc->ioapic }, { "pic", pc->pic }, { "rtc", pc->rtc }, { "lpc", pc->lpc },
		{ "fw_cfg", pc->fw_cfg }, { "host", pc->host },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (str_eq(parts[i].name, name))
			return parts[i].dev;
	return NULL;
}
