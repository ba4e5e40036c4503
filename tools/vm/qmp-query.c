// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP's queries of parts: memory, PCI, processors and their
 * models, the object tree. Shapes are QEMU 10's.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/object.h"
#include "dev/pci.h"
#include "qmp-util.h"
#include "str.h"

static struct json *object(struct json *array)
{
	struct json *o = json_new(JSON_OBJECT);

	json_append(array, o);
	return o;
}

/* ---- memory ---- */

static int query_memory_size_summary(struct qmp_call *c)
{
	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	qmp_int(c->ret, "base-memory", c->m->ram_size);
	qmp_int(c->ret, "plugged-memory", 0);
	return 0;
}
QMP("query-memory-size-summary", query_memory_size_summary);

/* The virtual memory of one processor to a file. */
static int memsave(struct qmp_call *c)
{
	u64 addr = 0, size = 0, at = 0, cpu_index = 0;
	const char *path = qmp_need_str(c, "filename");
	struct x86_cpu *cpu;
	u8 buf[4096];
	FILE *f;

	qopts_u64(c->args, "val", 0, ~0ULL, &addr, &c->err);
	qopts_u64(c->args, "size", 0, 1ULL << 40, &size, &c->err);
	qopts_u64(c->args, "cpu-index", 0, X86_CPUS_MAX, &cpu_index, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	cpu = cpu_index < pc_cpus(c->vm->pc) ? x86_system_cpu(pc_system(c->vm->pc), (unsigned)cpu_index) : NULL;
	if (!cpu)
		return err_set(&c->err, EINVAL, "Parameter 'cpu-index' expects a CPU number");
	f = fopen(path, "we");
	if (!f)
		return err_errno(&c->err, errno, "Could not open '%s'", path);
	pc_pause(c->vm->pc);
	for (; at < size && !err_is_set(&c->err); at += sizeof(buf)) {
		size_t n = (size_t)MIN(size - at, (u64)sizeof(buf));

		if (x86_debug_read(cpu, addr + at, buf, n) != n)
			err_set(&c->err, EFAULT, "Invalid addr 0x%016llx/size %llu specified", addr, size);
		else if (fwrite(buf, 1, n, f) != n)
			err_errno(&c->err, errno, "Could not write '%s'", path);
	}
	pc_resume(c->vm->pc);
	if (fclose(f))
		err_errno(&c->err, errno, "Could not write '%s'", path);
	return -c->err.code;
}
QMP("memsave", memsave);

/* ---- PCI ---- */

static void put_id(struct json *dev, const struct pci_dev *p)
{
	struct json *id = json_new(JSON_OBJECT), *cls = json_new(JSON_OBJECT);

	json_set(dev, "class_info", cls);
	qmp_int(cls, "class", get_le16(p->config + PCI_CLASS_DEVICE));
	qmp_str(cls, "desc", p->dev.cls->desc ? p->dev.cls->desc : p->dev.cls->name);
	json_set(dev, "id", id);
	qmp_int(id, "device", get_le16(p->config + PCI_DEVICE_ID));
	qmp_int(id, "vendor", get_le16(p->config));
	if (!(p->config[PCI_HEADER_TYPE] & 1)) {
		qmp_int(id, "subsystem", get_le16(p->config + PCI_SUBSYSTEM_ID));
		qmp_int(id, "subsystem-vendor", get_le16(p->config + PCI_SUBSYSTEM_VENDOR_ID));
	}
}

static void put_regions(struct json *dev, const struct pci_dev *p)
{
	struct json *list = json_new(JSON_ARRAY);
	int i;

	json_set(dev, "regions", list);
	for (i = 0; i < PCI_NUM_BARS; i++) {
		const struct pci_bar *b = &p->bars[i];
		struct json *o;

		if (!b->region)
			continue;
		o = object(list);
		qmp_int(o, "bar", (u64)i);
		qmp_str(o, "type", b->flags & PCI_BAR_IO ? "io" : "memory");
		json_set(o, "address", json_new_int((s64)b->addr));
		qmp_int(o, "size", b->size);
		if (!(b->flags & PCI_BAR_IO)) {
			qmp_bool(o, "prefetch", b->flags & PCI_BAR_PREFETCH);
			qmp_bool(o, "mem_type_64", b->flags & PCI_BAR_MEM64);
		}
	}
}

static void put_range(struct json *o, const char *key, u64 base, u64 limit)
{
	struct json *r = json_new(JSON_OBJECT);

	json_set(o, key, r);
	qmp_int(r, "base", base);
	qmp_int(r, "limit", limit);
}

static void put_bus(struct json *dev, const struct device_bus *bus, unsigned nr, unsigned depth);

static void put_bridge(struct json *dev, const struct pci_dev *p, unsigned depth)
{
	struct json *bridge = json_new(JSON_OBJECT), *bus = json_new(JSON_OBJECT), *list = json_new(JSON_ARRAY);
	const u8 *c = p->config;

	json_set(dev, "pci_bridge", bridge);
	json_set(bridge, "bus", bus);
	qmp_int(bus, "number", c[PCI_PRIMARY_BUS]);
	qmp_int(bus, "secondary", c[PCI_SECONDARY_BUS]);
	qmp_int(bus, "subordinate", c[PCI_SUBORDINATE_BUS]);
	put_range(bus, "io_range", (u64)(c[PCI_IO_BASE] & 0xf0) << 8, (u64)(c[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff);
	put_range(bus, "memory_range", (u64)(get_le16(c + PCI_MEMORY_BASE) & 0xfff0) << 16,
		  (u64)(get_le16(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
	put_range(bus, "prefetchable_range",
		  (u64)get_le32(c + PCI_PREF_BASE_UPPER32) << 32 | (u64)(get_le16(c + PCI_PREF_MEMORY_BASE) & 0xfff0) << 16,
		  (u64)get_le32(c + PCI_PREF_LIMIT_UPPER32) << 32 | (u64)(get_le16(c + PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff);
	/* No number yet: the bus cannot be reached. */
	if (!c[PCI_SECONDARY_BUS]) {
		json_free(list);
		return;
	}
	json_set(bridge, "devices", list);
	if (p->dev.child_bus)
		put_bus(list, p->dev.child_bus, c[PCI_SECONDARY_BUS], depth + 1);
}

static void put_bus(struct json *list, const struct device_bus *bus, unsigned nr, unsigned depth)
{
	struct device *dev;

	for (dev = bus->first; dev && depth < 16; dev = dev->next) {
		const struct pci_dev *p = to_pci_dev(dev);
		struct json *o = object(list);

		qmp_int(o, "bus", nr);
		qmp_int(o, "slot", PCI_SLOT((unsigned)p->devfn));
		qmp_int(o, "function", PCI_FUNC((unsigned)p->devfn));
		put_id(o, p);
		if (p->config[PCI_INTERRUPT_PIN])
			qmp_int(o, "irq", p->config[PCI_INTERRUPT_LINE]);
		qmp_int(o, "irq_pin", p->config[PCI_INTERRUPT_PIN]);
		qmp_str(o, "qdev_id", dev->id ? dev->id : "");
		put_regions(o, p);
		if (p->config[PCI_HEADER_TYPE] & 1)
			put_bridge(o, p, depth);
	}
}

static int query_pci(struct qmp_call *c)
{
	struct device_bus *bus = device_bus_find(c->m, "pcie.0", "PCI");
	struct json *o, *list;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	if (!bus)
		return 0;
	o = object(c->ret);
	list = json_new(JSON_ARRAY);
	qmp_int(o, "bus", 0);
	json_set(o, "devices", list);
	put_bus(list, bus, 0, 0);
	return 0;
}
QMP("query-pci", query_pci);

/* ---- processors ---- */

static void add_model(void *ctx, const char *line)
{
	size_t n = strcspn(line, " :");
	struct json *o;
	char type[64];

	if (line[n] != ' ' || !n)	/* "Features:" and what is below it */
		return;
	o = object(ctx);
	snprintf(type, sizeof(type), "%.*s-x86_64-cpu", (int)n, line);
	json_set(o, "name", json_new_strn(line, n));
	qmp_str(o, "typename", type);
	json_set(o, "unavailable-features", json_new(JSON_ARRAY));
	qmp_bool(o, "migration-safe", true);
	qmp_bool(o, "static", false);
	qmp_bool(o, "deprecated", false);
}

static int query_cpu_definitions(struct qmp_call *c)
{
	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	x86_cpu_model_list(add_model, c->ret);
	return 0;
}
QMP("query-cpu-definitions", query_cpu_definitions);

static int query_target(struct qmp_call *c)
{
	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	qmp_str(c->ret, "arch", "x86_64");
	return 0;
}
QMP("query-target", query_target);
