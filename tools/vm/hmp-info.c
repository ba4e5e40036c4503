// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `info` and the memory dumps of the human monitor. The processors are
 * parked while their registers are read.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/pci.h"
#include "dev/pic.h"
#include "hmp.h"
#include "x86/disasm.h"

static void out(void *ctx, const char *fmt, ...) __printf(2, 3);
static void out(void *ctx, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(ctx, fmt, ap);
	va_end(ap);
}

static struct x86_cpu *cpu_of(struct hmp_call *c)
{
	if ((unsigned)c->cpu >= pc_cpus(c->vm->pc)) {
		strbuf_puts(c->out, "No CPU available\n");
		return NULL;
	}
	return x86_system_cpu(pc_system(c->vm->pc), (unsigned)c->cpu);
}

/* ---- state of the machine ---- */

static void info_status(struct hmp_call *c)
{
	const char *state = vm_state_name(c->vm);

	if (str_eq(state, "running"))
		strbuf_puts(c->out, "VM status: running\n");
	else
		strbuf_printf(c->out, "VM status: paused (%s)\n", state);
}

static void info_version(struct hmp_call *c) { strbuf_puts(c->out, "10.0.0 (vmbox)\n"); }

static void info_name(struct hmp_call *c)
{
	if (c->vm->cfg.name)
		strbuf_printf(c->out, "%s\n", c->vm->cfg.name);
}

static void info_cpus(struct hmp_call *c)
{
	unsigned i;

	for (i = 0; i < pc_cpus(c->vm->pc); i++)
		strbuf_printf(c->out, "%c CPU #%u:\n", (int)i == c->cpu ? '*' : ' ', i);
}

static void segment(struct strbuf *o, const char *name, const struct x86_segment *s)
{
	strbuf_printf(o, "%-3s=%04x %016llx %08x %08x\n", name, s->sel, s->base, s->limit, (u32)s->attr << 8);
}

static void info_registers(struct hmp_call *c)
{
	static const char *const name[16] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
	};
	static const u8 order[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const char *const seg[] = { "ES", "CS", "SS", "DS", "FS", "GS" };
	struct x86_cpu *cpu = cpu_of(c);
	unsigned i;

	if (!cpu)
		return;
	pc_pause(c->vm->pc);
	strbuf_printf(c->out, "\nCPU#%d\n", c->cpu);
	for (i = 0; i < 16; i++)
		strbuf_printf(c->out, "%s=%016llx%c", name[order[i]], cpu->gpr[order[i]], i % 4 == 3 ? '\n' : ' ');
	strbuf_printf(c->out, "RIP=%016llx RFL=%08llx CPL=%d ACT=%d\n", cpu->rip, x86_eflags(cpu), cpu->cpl, cpu->activity);
	for (i = 0; i < 6; i++)
		segment(c->out, seg[i], &cpu->seg[i]);
	segment(c->out, "LDT", &cpu->ldt);
	segment(c->out, "TR", &cpu->tr);
	strbuf_printf(c->out, "GDT=     %016llx %08x\nIDT=     %016llx %08x\n", cpu->gdt.base, cpu->gdt.limit, cpu->idt.base,
		      cpu->idt.limit);
	strbuf_printf(c->out, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx\n", cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4);
	strbuf_printf(c->out, "DR0=%016llx DR1=%016llx DR2=%016llx DR3=%016llx\nDR6=%016llx DR7=%016llx\n", cpu->dr[0],
		      cpu->dr[1], cpu->dr[2], cpu->dr[3], cpu->dr6, cpu->dr7);
	strbuf_printf(c->out, "EFER=%016llx\nFCW=%04x FSW=%04x MXCSR=%08x\n", cpu->efer, cpu->fpu.cw, cpu->fpu.sw, cpu->mxcsr);
	for (i = 0; i < 16; i++)
		strbuf_printf(c->out, "XMM%02u=%016llx %016llx%c", i, cpu->vec[i].q[1], cpu->vec[i].q[0], i & 1 ? '\n' : ' ');
	pc_resume(c->vm->pc);
}

static void info_pic(struct hmp_call *c)
{
	if (pc_part(c->vm->pc, "pic"))
		i8259_info(pc_part(c->vm->pc, "pic"), out, c->out);
	ioapic_info(pc_part(c->vm->pc, "ioapic"), out, c->out);
}

static void chardev_line(void *ctx, const char *id, const char *file, bool open)
{
	(void)open;
	strbuf_printf(ctx, "%s: filename=%s\n", id, file);
}

static void info_chardev(struct hmp_call *c) { chardev_walk(c->vm->chardevs, chardev_line, c->out); }

/* ---- maps and trees ---- */

static int mtree_line(const struct mem_range *r, void *ctx)
{
	strbuf_printf(ctx, "  %016llx-%016llx: %s%s @%016llx\n", r->first, r->last, r->region->name,
		      r->region->kind == MEM_RAM ? (r->rdonly ? " (ram, read only)" : " (ram)")
		      : r->region->kind == MEM_ROM ? " (rom)" : " (i/o)", r->off);
	return 0;
}

static void info_mtree(struct hmp_call *c)
{
	strbuf_puts(c->out, "address-space: memory\n");
	mem_walk(&c->vm->m->mem, mtree_line, c->out);
	strbuf_puts(c->out, "address-space: I/O\n");
	mem_walk(&c->vm->m->io, mtree_line, c->out);
}

static int qtree_line(struct device *dev, int depth, void *ctx)
{
	const struct prop *lists[] = { dev->cls->props, dev->cls->bus_props };
	char buf[128];
	size_t i;

	strbuf_printf(ctx, "%*sdev: %s, id \"%s\"\n", depth * 4 + 2, "", dev->cls->name, dev->id ? dev->id : "");
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct prop *p;

		for (p = lists[i]; p && p->name; p++)
			strbuf_printf(ctx, "%*s%s = %s\n", depth * 4 + 4, "", p->name, device_prop_get(dev, p, buf, sizeof(buf)));
	}
	if (dev->child_bus)
		strbuf_printf(ctx, "%*sbus: %s\n%*s  type %s\n", depth * 4 + 4, "", dev->child_bus->name, depth * 4 + 4, "",
			      dev->child_bus->type);
	return 0;
}

static void info_qtree(struct hmp_call *c)
{
	strbuf_puts(c->out, "bus: main-system-bus\n  type System\n");
	device_walk(c->vm->m, qtree_line, c->out);
}

static int pci_line(struct device *dev, int depth, void *ctx)
{
	struct pci_dev *pci = to_pci_dev(dev);
	int i;

	(void)depth;
	if (!dev->bus || !str_eq(dev->bus->type, "PCI") || !pci->config)
		return 0;
	strbuf_printf(ctx, "  Bus %2d, device %3d, function %d:\n    Class %04x: PCI device %04x:%04x\n",
		      pci->bus->bridge ? pci->bus->bridge->config[PCI_SECONDARY_BUS] : 0, PCI_SLOT(pci->devfn),
		      PCI_FUNC(pci->devfn), get_le16(pci->config + PCI_CLASS_DEVICE), get_le16(pci->config),
		      get_le16(pci->config + 2));
	for (i = 0; i < PCI_NUM_BARS; i++) {
		if (!pci->bars[i].region)
			continue;
		strbuf_printf(ctx, "      BAR%d: %s at 0x%016llx [size 0x%llx].\n", i,
			      pci->bars[i].flags & PCI_BAR_IO ? "I/O" : "memory", pci->bars[i].addr, pci->bars[i].size);
	}
	strbuf_printf(ctx, "      id \"%s\"\n", dev->id ? dev->id : "");
	return 0;
}

static void info_pci(struct hmp_call *c) { device_walk(c->vm->m, pci_line, c->out); }

/* ---- paging ---- */

struct mapping {
	u64 va, pa, size, flags;
};

/* Calls fn for each leaf of the page tables, 4 or 5 levels (or 2 and 3 outside long mode). */
static void walk_tables(struct hmp_call *c, struct x86_cpu *cpu, u64 table, int level, u64 va, u64 flags,
			void (*fn)(struct hmp_call *c, const struct mapping *m))
{
	bool wide = cpu->cr4 & 0x20;
	unsigned n = wide ? (level == 2 && !(cpu->efer & 0x400) ? 4 : 512) : 1024, size = wide ? 8 : 4, i;
	unsigned shift = wide ? 12 + 9 * (unsigned)level : 12 + 10 * (unsigned)level;

	for (i = 0; i < n; i++) {
		u64 e = mem_read(&c->vm->m->mem, table + (u64)i * size, size), at = va + ((u64)i << shift);
		struct mapping m = { .va = at, .size = 1ULL << shift, .flags = (e & flags & 6) | (e & 0x1f9) };

		if (!(e & 1))
			continue;
		if (wide && (cpu->efer & 0x400) && (shift == 39 || shift == 48) && (i & 256) &&
		    level == (cpu->cr4 & 0x1000 ? 4 : 3))
			m.va |= ~0ULL << (shift + 9);
		if (level == 0 || ((e & 0x80) && level <= 2 && (wide || level == 1))) {
			m.pa = e & 0x000ffffffffff000ULL & ~(m.size - 1);
			fn(c, &m);
		} else {
			walk_tables(c, cpu, e & 0x000ffffffffff000ULL, level - 1, m.va, flags & e, fn);
		}
		if (c->out->len > 4 * MiB)
			return;
	}
}

static void tlb_line(struct hmp_call *c, const struct mapping *m)
{
	strbuf_printf(c->out, "%016llx: %016llx %c%c%c%c%c%c%c\n", m->va, m->pa, m->flags & 0x100 ? 'G' : '-',
		      m->size > 4096 ? 'P' : '-', m->flags & 0x40 ? 'D' : '-', m->flags & 0x20 ? 'A' : '-',
		      m->flags & 0x10 ? 'C' : '-', m->flags & 4 ? 'U' : '-', m->flags & 2 ? 'W' : '-');
}

static void mem_line(struct hmp_call *c, const struct mapping *m)
{
	strbuf_printf(c->out, "%016llx-%016llx %016llx %c%c%c\n", m->va, m->va + m->size, m->size, m->flags & 4 ? 'u' : '-', 'r',
		      m->flags & 2 ? 'w' : '-');
}

static void info_paging(struct hmp_call *c, void (*fn)(struct hmp_call *c, const struct mapping *m))
{
	struct x86_cpu *cpu = cpu_of(c);
	int level;

	if (!cpu)
		return;
	if (!(cpu->cr0 >> 31 & 1)) {
		strbuf_puts(c->out, "PG disabled\n");
		return;
	}
	level = cpu->efer & 0x400 ? (cpu->cr4 & 0x1000 ? 4 : 3) : cpu->cr4 & 0x20 ? 2 : 1;
	pc_pause(c->vm->pc);
	walk_tables(c, cpu, cpu->cr3 & 0x000ffffffffff000ULL, level, 0, ~0ULL, fn);
	pc_resume(c->vm->pc);
}

static void info_tlb(struct hmp_call *c) { info_paging(c, tlb_line); }
static void info_mem(struct hmp_call *c) { info_paging(c, mem_line); }

/* ---- a device's saved state ---- */

static void state_line(void *ctx, const char *name, const char *value)
{
	strbuf_printf(ctx, "  %s = %s\n", name, value);
}

static void info_state(struct hmp_call *c)
{
	struct device *dev = c->argc == 3 ? device_find(c->vm->m, c->argv[2]) : NULL;

	if (!dev) {
		strbuf_puts(c->out, "usage: info state DEVICE (a name of info qtree)\n");
		return;
	}
	if (!dev->cls->state)
		return;
	device_lock(dev);
	state_info(dev->cls->state, dev, state_line, c->out);
	device_unlock(dev);
}

static void info_migrate(struct hmp_call *c) { vm_migrate_info(c->vm, c->out); }

static const struct {
	const char *name, *help;
	void (*fn)(struct hmp_call *c);
} topics[] = {
	{ "status", "whether the machine runs", info_status },
	{ "version", "version", info_version },
	{ "name", "name of the machine", info_name },
	{ "cpus", "processors", info_cpus },
	{ "registers", "registers of the chosen processor", info_registers },
	{ "mem", "page tables: mapped ranges", info_mem },
	{ "tlb", "page tables: every page", info_tlb },
	{ "mtree", "address spaces", info_mtree },
	{ "qtree", "devices", info_qtree },
	{ "pci", "PCI devices", info_pci },
	{ "pic", "interrupt controllers", info_pic },
	{ "irq", "interrupt controllers", info_pic },
	{ "network", "network backends and their cards", hmp_info_network },
	{ "usernet", "connections of the user-mode network", hmp_info_usernet },
	{ "migrate", "saving of the machine", info_migrate },
	{ "snapshots", "snapshots of the machine in its disks", hmp_info_snapshots },
	{ "block", "block devices", hmp_info_block },
	{ "lapic", "local APIC of the chosen processor", hmp_info_lapic },
	{ "iothreads", "threads of -object iothread", hmp_info_iothreads },
	{ "uuid", "UUID of the machine", hmp_info_uuid },
	{ "roms", "read-only memory", hmp_info_roms },
	{ "chardev", "character backends", info_chardev },
	{ "state", "saved state of a device", info_state },
};

const char *hmp_info_topic(size_t n)
{
	return n < ARRAY_SIZE(topics) ? topics[n].name : NULL;
}

void hmp_info(struct hmp_call *c)
{
	size_t i;

	for (i = 0; c->argc > 1 && i < ARRAY_SIZE(topics); i++)
		if (str_eq(topics[i].name, c->argv[1])) {
			topics[i].fn(c);
			return;
		}
	for (i = 0; i < ARRAY_SIZE(topics); i++)
		strbuf_printf(c->out, "info %s -- %s\n", topics[i].name, topics[i].help);
}

/* ---- x and xp ---- */

struct format {
	u64 count;
	char fmt;
	unsigned size;
};

static bool parse_format(const char *s, struct format *f)
{
	const char *end = s;

	*f = (struct format){ 1, 'x', 4 };
	if (*s >= '0' && *s <= '9')
		str_scan_u64(s, 10, &end, &f->count);
	for (; *end; end++) {
		if (strchr("xduoci", *end))
			f->fmt = *end;
		else if (*end == 'b' || *end == 'h' || *end == 'w' || *end == 'g')
			f->size = *end == 'b' ? 1 : *end == 'h' ? 2 : *end == 'w' ? 4 : 8;
		else
			return false;
	}
	return f->count <= 65536;
}

static void print_value(struct strbuf *o, const struct format *f, u64 v)
{
	switch (f->fmt) {
	case 'd':
		strbuf_printf(o, " %lld", (s64)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size));
		break;
	case 'u':
		strbuf_printf(o, " %llu", v);
		break;
	case 'o':
		strbuf_printf(o, " 0%llo", v);
		break;
	case 'c':
		strbuf_printf(o, v >= 32 && v < 127 ? " '%c'" : " '\\x%02x'", (int)(v & 0xff));
		break;
	default:
		strbuf_printf(o, " 0x%0*llx", (int)f->size * 2, v);
	}
}

static void disassemble(struct hmp_call *c, struct x86_cpu *cpu, bool phys, u64 addr, u64 count)
{
	enum x86_mode mode = (enum x86_mode)(cpu->mode & X86_MODEF_SIZE);
	char text[X86_DISASM_TEXT];
	struct x86_insn in;
	u8 buf[15];
	size_t n;

	pc_pause(c->vm->pc);
	for (; count; count--, addr += in.len) {
		n = sizeof(buf);
		if (phys)
			mem_read_buf(&c->vm->m->mem, addr, buf, n);
		else
			n = x86_debug_read(cpu, addr, buf, n);
		if (!n || x86_decode(&in, buf, (unsigned)n, mode)) {
			strbuf_printf(c->out, "0x%08llx:  %s\n", addr, n ? "(bad)" : "Cannot access memory");
			break;
		}
		x86_disasm(text, sizeof(text), &in, mode, addr);
		strbuf_printf(c->out, "0x%08llx:  %s\n", addr, text);
	}
	pc_resume(c->vm->pc);
}

void hmp_examine(struct hmp_call *c)
{
	bool phys = str_eq(c->argv[0], "xp");
	struct format f = { 1, 'x', 4 };
	struct x86_cpu *cpu = NULL;
	unsigned arg = 1;
	u64 addr, i, v;

	if (c->argc > 1 && c->argv[1][0] == '/') {
		if (!parse_format(c->argv[1] + 1, &f)) {
			strbuf_puts(c->out, "invalid format: [COUNT][x|d|u|o|c|i][b|h|w|g]\n");
			return;
		}
		arg = 2;
	}
	if (c->argc <= arg) {
		strbuf_puts(c->out, "usage: x/FMT ADDRESS, xp/FMT ADDRESS\n");
		return;
	}
	if (hmp_expr(c, arg, &addr) < 0)
		return;
	if ((!phys || f.fmt == 'i') && !(cpu = cpu_of(c)))
		return;
	if (f.fmt == 'i') {
		disassemble(c, cpu, phys, addr, f.count);
		return;
	}
	pc_pause(c->vm->pc);
	for (i = 0; i < f.count; i++, addr += f.size) {
		v = 0;
		if (phys)
			v = mem_read(&c->vm->m->mem, addr, f.size);
		else if (x86_debug_read(cpu, addr, &v, f.size) != f.size) {
			strbuf_puts(c->out, "Cannot access memory\n");
			break;
		}
		if (i * f.size % 16 == 0)
			strbuf_printf(c->out, "%s%016llx:", i ? "\n" : "", addr);
		print_value(c->out, &f, v);
	}
	strbuf_putc(c->out, '\n');
	pc_resume(c->vm->pc);
}
