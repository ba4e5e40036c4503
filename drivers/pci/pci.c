// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI core: busses, configuration space, BARs, INTx (PCI 3.0; PCI-to-PCI
 * bridge 1.2 for windows and interrupt swizzling). MSI stands in msi.c,
 * capabilities in cap.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bytes.h"
#include "dev/datafile.h"
#include "dev/pci.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

#define SUBSYS_VENDOR	0x1af4
#define SUBSYS_DEVICE	0x1100
#define BAR_PRIO	(-1)		/* RAM and fixed chipset windows hide BARs */
#define UNMAPPED	(~0ULL)
#define ROM_ENABLE	1

const struct prop pci_props[] = {
	PROP(struct pci_dev, devfn, "addr", DEVFN, (u64)-1, "slot and function: SLOT[.FUNCTION]"),
	PROP(struct pci_dev, multifunction, "multifunction", BOOL, 0, "other functions of the slot are used too"),
	PROP(struct pci_dev, bootindex, "bootindex", S32, (u64)-1, "place in the firmware's boot order, -1: none"),
	PROP(struct pci_dev, romfile, "romfile", STR, 0, "expansion ROM"),
	PROP(struct pci_dev, rombar, "rombar", U32, 1, "0: no expansion ROM BAR"),
	PROP_END
};

void pci_set16(u8 *p, u16 v) { put_le16(p, v); }
void pci_set32(u8 *p, u32 v) { put_le32(p, v); }
u16  pci_get16(const u8 *p) { return get_le16(p); }
u32  pci_get32(const u8 *p) { return get_le32(p); }

struct pci_bus *pci_root_of(struct pci_bus *bus)
{
	while (bus->bridge)
		bus = bus->bridge->bus;
	return bus;
}

/* ---- plugging ---- */

static bool slot_free(const struct pci_bus *bus, int devfn)
{
	return !bus->devs[devfn];
}

static int find_slot(struct pci_bus *bus, struct err *err)
{
	/* Below a PCIe port there is slot 0 only; slot 0 of other busses is the bridge's. */
	int slot, first = bus->bridge && bus->express ? 0 : 1, last = first ? 31 : 0;

	for (slot = first; slot <= last; slot++)
		if (slot_free(bus, PCI_DEVFN(slot, 0)))
			return PCI_DEVFN(slot, 0);
	return err_set(err, EBUSY, "bus '%s': no slot is free", bus->bus.name);
}

static int pci_plug(struct device_bus *dbus, struct device *dev, struct err *err)
{
	struct pci_bus *bus = container_of(dbus, struct pci_bus, bus);
	struct pci_dev *pci = to_pci_dev(dev), *fn0;

	if (pci->devfn < 0) {
		pci->devfn = find_slot(bus, err);
		if (pci->devfn < 0)
			return pci->devfn;
	}
	if (bus->bridge && bus->express && PCI_SLOT(pci->devfn))
		return err_set(err, EINVAL, "bus '%s' has slot 0 only", bus->bus.name);
	if (!slot_free(bus, pci->devfn))
		return err_set(err, EBUSY, "PCI: slot %d function %d of '%s' is not available for %s, in use by %s",
			       PCI_SLOT(pci->devfn), PCI_FUNC(pci->devfn), bus->bus.name, dev->cls->name,
			       bus->devs[pci->devfn]->dev.cls->name);
	fn0 = bus->devs[pci->devfn & ~7];
	if (PCI_FUNC(pci->devfn) && fn0 && !fn0->multifunction)
		return err_set(err, EINVAL, "PCI: slot %d: function 0 is not multifunction", PCI_SLOT(pci->devfn));
	pci->bus = bus;
	return 0;
}

static void pci_unplug(struct device_bus *dbus, struct device *dev)
{
	struct pci_bus *bus = container_of(dbus, struct pci_bus, bus);
	struct pci_dev *pci = to_pci_dev(dev);

	if (pci->devfn >= 0 && bus->devs[pci->devfn] == pci)
		atomic_set_release(&bus->devs[pci->devfn], NULL);
}

static void pci_address(const struct device *dev, char *buf, size_t len)
{
	const struct pci_dev *pci = (const struct pci_dev *)dev;

	snprintf(buf, len, "%02x.%x", PCI_SLOT((unsigned)pci->devfn), PCI_FUNC((unsigned)pci->devfn));
}

void pci_bus_init(struct pci_bus *bus, struct machine *m, struct device *parent, const char *name,
		  struct pci_dev *bridge)
{
	device_bus_init(&bus->bus, "PCI", name, parent);
	bus->bus.plug = pci_plug;
	bus->bus.unplug = pci_unplug;
	bus->bus.address = pci_address;
	bus->bridge = bridge;
	bus->machine = m;
	if (bridge && bridge->pcie_cap)
		bus->bus.max = 8;
	pthread_mutex_init(&bus->irq_lock, NULL);
	pthread_mutex_init(&bus->map_lock, NULL);
}

static struct pci_bus *bridge_bus(const struct pci_dev *pci)
{
	const struct pci_ops *ops = pci->dev.cls->type_ops;

	if (!ops->is_bridge || !pci->dev.child_bus)
		return NULL;
	return container_of(pci->dev.child_bus, struct pci_bus, bus);
}

/* The bus with that number below `bus`; recursion is as deep as bridges are nested by the user. */
static struct pci_bus *find_bus(struct pci_bus *bus, u8 nr)
{
	struct device *d;

	for (d = bus->bus.first; d; d = d->next) {
		struct pci_dev *pci = to_pci_dev(d);
		struct pci_bus *sub = bridge_bus(pci);
		u8 sec, last;

		if (!sub)
			continue;
		sec = pci->config[PCI_SECONDARY_BUS];
		last = pci->config[PCI_SUBORDINATE_BUS];
		if (!sec || nr < sec || nr > last)
			continue;
		return nr == sec ? sub : find_bus(sub, nr);
	}
	return NULL;
}

struct pci_dev *pci_find(struct pci_bus *root, u8 bus_nr, u8 devfn)
{
	struct pci_bus *bus = bus_nr == root->root_nr ? root : find_bus(root, bus_nr);

	return bus ? atomic_get_acquire(&bus->devs[devfn]) : NULL;
}

/* ---- BARs ---- */

static u32 bar_reg(const struct pci_dev *pci, int n)
{
	const struct pci_ops *ops = pci->dev.cls->type_ops;

	if (n != PCI_BAR_ROM)
		return PCI_BASE_ADDRESS_0 + 4 * (u32)n;
	return ops->is_bridge ? PCI_BRIDGE_ROM_ADDRESS : PCI_ROM_ADDRESS;
}

void pci_add_bar(struct pci_dev *pci, int n, u8 flags, struct mem_region *r)
{
	struct pci_bar *bar = &pci->bars[n];
	u32 reg = bar_reg(pci, n);
	u64 size = flags & PCI_BAR_IO ? 4 : 16, mask;

	if (n == PCI_BAR_ROM)
		size = 2048;
	while (size < r->size)
		size *= 2;
	*bar = (struct pci_bar){ .region = r, .flags = flags, .size = size, .addr = UNMAPPED };
	mask = ~(size - 1);
	put_le32(pci->config + reg, n == PCI_BAR_ROM ? 0 : flags);
	put_le32(pci->wmask + reg, (u32)mask | (n == PCI_BAR_ROM ? ROM_ENABLE : 0));
	if (flags & PCI_BAR_MEM64)
		put_le32(pci->wmask + reg + 4, (u32)(mask >> 32));
}

/* What the guest programmed, UNMAPPED when decoding is off or the address makes no sense. */
static u64 decoded_addr(const struct pci_dev *pci, int n)
{
	const struct pci_bar *bar = &pci->bars[n];
	u16 cmd = get_le16(pci->config + PCI_COMMAND);
	u32 reg = bar_reg(pci, n), low = get_le32(pci->config + reg);
	u64 addr;

	if (bar->flags & PCI_BAR_IO) {
		addr = low & ~(bar->size - 1);
		return (cmd & PCI_COMMAND_IO) && addr && addr + bar->size <= 0x10000 ? addr : UNMAPPED;
	}
	if (!(cmd & PCI_COMMAND_MEMORY) || (n == PCI_BAR_ROM && !(low & ROM_ENABLE)))
		return UNMAPPED;
	addr = low;
	if (bar->flags & PCI_BAR_MEM64)
		addr |= (u64)get_le32(pci->config + reg + 4) << 32;
	addr &= ~(bar->size - 1);
	if (!addr || addr + bar->size - 1 < addr)
		return UNMAPPED;
	/* All ones is a sizing cycle; a 32-bit BAR does not reach the last page either. */
	if (!(bar->flags & PCI_BAR_MEM64) && addr + bar->size - 1 >= 0xffffffffULL)
		return UNMAPPED;
	return addr + bar->size > 1ULL << 52 ? UNMAPPED : addr;
}

struct window {
	u64 first, last;
};

static bool clip(struct window *w, u64 first, u64 last)
{
	if (first > last || w->last < first || w->first > last)
		return false;
	w->first = MAX(w->first, first);
	w->last = MIN(w->last, last);
	return true;
}

/* Cuts w to what the bridge forwards; false: nothing. */
static bool bridge_forwards(const struct pci_dev *br, bool io, struct window *w)
{
	const u8 *c = br->config;
	u16 cmd = get_le16(c + PCI_COMMAND);
	u64 first, last;

	if (io) {
		if (!(cmd & PCI_COMMAND_IO))
			return false;
		first = (u64)(c[PCI_IO_BASE] & 0xf0) << 8 | (u64)get_le16(c + PCI_IO_BASE_UPPER16) << 16;
		last = (u64)(c[PCI_IO_LIMIT] & 0xf0) << 8 | (u64)get_le16(c + PCI_IO_LIMIT_UPPER16) << 16 | 0xfff;
		return clip(w, first, last);
	}
	if (!(cmd & PCI_COMMAND_MEMORY))
		return false;
	first = (u64)(get_le16(c + PCI_MEMORY_BASE) & 0xfff0) << 16;
	last = (u64)(get_le16(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
	if (clip(w, first, last))
		return true;
	first = (u64)(get_le16(c + PCI_PREF_MEMORY_BASE) & 0xfff0) << 16 | (u64)get_le32(c + PCI_PREF_BASE_UPPER32) << 32;
	last = (u64)(get_le16(c + PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff |
	       (u64)get_le32(c + PCI_PREF_LIMIT_UPPER32) << 32;
	return clip(w, first, last);
}

static void update_bar(struct pci_dev *pci, int n)
{
	struct pci_bar *bar = &pci->bars[n];
	struct machine *m = pci->dev.machine;
	bool io = bar->flags & PCI_BAR_IO;
	struct mem_space *space = io ? &m->io : &m->mem;
	struct window w;
	struct pci_dev *br;

	bar->addr = decoded_addr(pci, n);
	w.first = bar->addr;
	w.last = bar->addr + MIN(bar->size, bar->region->size) - 1;
	for (br = pci->bus->bridge; br && bar->addr != UNMAPPED; br = br->bus->bridge)
		if (!bridge_forwards(br, io, &w))
			bar->addr = UNMAPPED;
	if (bar->addr == UNMAPPED) {
		mem_map_del(&bar->map);
		return;
	}
	if (bar->map.space && bar->map.base == w.first && bar->map.len == w.last - w.first + 1)
		return;
	mem_map_add_part(space, &bar->map, bar->region, w.first, w.first - bar->addr, w.last - w.first + 1, BAR_PRIO);
}

/* Under the root's map_lock. */
static void update_dev(struct pci_dev *pci)
{
	int n;

	for (n = 0; n < PCI_NUM_BARS; n++)
		if (pci->bars[n].region)
			update_bar(pci, n);
}

static void update_bus(struct pci_bus *bus)
{
	struct device *d;

	for (d = bus->bus.first; d; d = d->next) {
		struct pci_bus *sub = bridge_bus(to_pci_dev(d));

		if (!to_pci_dev(d)->config)
			continue;
		update_dev(to_pci_dev(d));
		if (sub)
			update_bus(sub);
	}
}

void pci_update_maps(struct pci_dev *pci)
{
	struct pci_bus *root = pci_root_of(pci->bus);

	pthread_mutex_lock(&root->map_lock);
	mem_begin(&pci->dev.machine->mem);
	mem_begin(&pci->dev.machine->io);
	update_dev(pci);
	mem_commit(&pci->dev.machine->io);
	mem_commit(&pci->dev.machine->mem);
	pthread_mutex_unlock(&root->map_lock);
}

void pci_remap_bus(struct pci_bus *bus)
{
	struct pci_bus *root = pci_root_of(bus);

	pthread_mutex_lock(&root->map_lock);
	mem_begin(&bus->machine->mem);
	mem_begin(&bus->machine->io);
	update_bus(bus);
	mem_commit(&bus->machine->io);
	mem_commit(&bus->machine->mem);
	pthread_mutex_unlock(&root->map_lock);
}

u64 pci_bar_addr(const struct pci_dev *pci, int n)
{
	return pci->bars[n].region ? pci->bars[n].addr : UNMAPPED;
}

/* ---- configuration space ---- */

static u32 config_default_read(const struct pci_dev *pci, u32 addr, unsigned len)
{
	u32 v = 0;

	memcpy(&v, pci->config + addr, len);
	return le32_to_cpu(v);
}

static bool touches(u32 addr, unsigned len, u32 first, u32 size)
{
	return addr < first + size && first < addr + len;
}

static void config_default_write(struct pci_dev *pci, u32 addr, u32 val, unsigned len)
{
	const struct pci_ops *ops = pci->dev.cls->type_ops;
	struct pci_bus *sub;
	unsigned i;

	for (i = 0; i < len; i++, val >>= 8) {
		u8 w = pci->wmask[addr + i], w1c = pci->w1cmask[addr + i], b = (u8)val;

		pci->config[addr + i] = (u8)((pci->config[addr + i] & ~w) | (b & w)) & ~(b & w1c);
	}
	if (touches(addr, len, PCI_COMMAND, 2) || touches(addr, len, PCI_BASE_ADDRESS_0, ops->is_bridge ? 8 : 24) ||
	    touches(addr, len, bar_reg(pci, PCI_BAR_ROM), 4))
		pci_update_maps(pci);
	if (touches(addr, len, PCI_COMMAND, 2))
		pci_update_intx(pci);
	sub = bridge_bus(pci);
	if (sub && (touches(addr, len, PCI_COMMAND, 2) || touches(addr, len, PCI_IO_BASE, 2) ||
		    touches(addr, len, PCI_MEMORY_BASE, 0x14)))
		pci_remap_bus(sub);
	pci_msi_config_written(pci, addr, len);
}

u32 pci_host_read(struct pci_bus *root, u8 bus_nr, u8 devfn, u32 addr, unsigned len)
{
	struct pci_dev *pci = pci_find(root, bus_nr, devfn);
	u32 v = ~0U >> (32 - 8 * len);

	if (!pci || addr + len > pci->config_size)
		return v;
	device_lock(&pci->dev);
	if (((const struct pci_ops *)pci->dev.cls->type_ops)->config_read)
		v = ((const struct pci_ops *)pci->dev.cls->type_ops)->config_read(pci, addr, len);
	else
		v = config_default_read(pci, addr, len);
	device_unlock(&pci->dev);
	log_item(LOG_PCI, "pci: read %02x:%02x.%x +%03x/%u = %x", bus_nr, PCI_SLOT(devfn), PCI_FUNC(devfn), addr, len, v);
	return v;
}

void pci_host_write(struct pci_bus *root, u8 bus_nr, u8 devfn, u32 addr, u32 val, unsigned len)
{
	struct pci_dev *pci = pci_find(root, bus_nr, devfn);
	const struct pci_ops *ops;

	log_item(LOG_PCI, "pci: write %02x:%02x.%x +%03x/%u = %x", bus_nr, PCI_SLOT(devfn), PCI_FUNC(devfn), addr, len, val);
	if (!pci || addr + len > pci->config_size)
		return;
	ops = pci->dev.cls->type_ops;
	device_lock(&pci->dev);
	config_default_write(pci, addr, val, len);
	if (ops->config_write)
		ops->config_write(pci, addr, val, len);
	device_unlock(&pci->dev);
}

/* ---- INTx ---- */

/* Carries a change of one device's pin up to the root bus. */
static void route_intx(struct pci_dev *pci, int change)
{
	int pin = pci->config[PCI_INTERRUPT_PIN] - 1, line;
	struct pci_dev *at = pci;
	struct pci_bus *root;

	if (pin < 0 || pin > 3)
		return;
	while (at->bus->bridge) {
		pin = (pin + PCI_SLOT(at->devfn)) & 3;
		at = at->bus->bridge;
	}
	root = at->bus;
	if (!root->set_irq)
		return;
	line = root->map_irq(root->irq_opaque, at->devfn, pin);
	pthread_mutex_lock(&root->irq_lock);
	root->irq_count[line] += change;
	root->set_irq(root->irq_opaque, line, root->irq_count[line] != 0);
	pthread_mutex_unlock(&root->irq_lock);
}

/* The pin follows the level unless the disable bit holds it. */
void pci_update_intx(struct pci_dev *pci)
{
	bool want = pci->intx_level && !(get_le16(pci->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

	if (want == pci->intx_driven)
		return;
	pci->intx_driven = want;
	route_intx(pci, want ? 1 : -1);
}

void pci_set_irq(struct pci_dev *pci, int level)
{
	pci->intx_level = level != 0;
	if (level)
		pci->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		pci->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	pci_update_intx(pci);
}

/* ---- DMA ---- */

bool pci_is_master(const struct pci_dev *pci)
{
	return get_le16(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

int pci_dma_read(struct pci_dev *pci, u64 addr, void *buf, u64 len)
{
	if (!pci_is_master(pci)) {
		memset(buf, 0xff, len);
		return -EACCES;
	}
	return dma_read(&pci->dev.machine->mem, addr, buf, len);
}

int pci_dma_write(struct pci_dev *pci, u64 addr, const void *buf, u64 len)
{
	return pci_is_master(pci) ? dma_write(&pci->dev.machine->mem, addr, buf, len) : -EACCES;
}

/* ---- life ---- */

static void init_header(struct pci_dev *pci, const struct pci_ops *ops)
{
	u8 *c = pci->config, *w = pci->wmask;

	put_le16(c + PCI_VENDOR_ID, ops->vendor);
	put_le16(c + PCI_DEVICE_ID, ops->device);
	c[PCI_REVISION_ID] = ops->revision;
	c[PCI_CLASS_PROG] = (u8)ops->class_code;
	put_le16(c + PCI_CLASS_DEVICE, (u16)(ops->class_code >> 8));
	c[PCI_HEADER_TYPE] = (ops->is_bridge ? 1 : 0) | (pci->multifunction ? 0x80 : 0);
	w[PCI_CACHE_LINE_SIZE] = 0xff;
	w[PCI_INTERRUPT_LINE] = 0xff;
	put_le16(w + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
				  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	put_le16(pci->w1cmask + PCI_STATUS, 0xf900);
	if (!ops->is_bridge) {
		put_le16(c + PCI_SUBSYSTEM_VENDOR_ID, ops->subsys_vendor ? ops->subsys_vendor : SUBSYS_VENDOR);
		put_le16(c + PCI_SUBSYSTEM_ID, ops->subsys_vendor ? ops->subsys : SUBSYS_DEVICE);
	}
	pci->cap_end = 0x40;
}

static int load_rom(struct pci_dev *pci, struct err *err)
{
	const char *name = pci->romfile ? pci->romfile : ((const struct pci_ops *)pci->dev.cls->type_ops)->romfile;
	struct stat st;
	int ret, fd;

	if (!name || !name[0] || !pci->rombar)
		return 0;
	fd = data_file_open(name);
	if (fd < 0)
		return pci->romfile ? err_errno(err, errno, "cannot open the ROM file '%s'", name) : 0;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > (off_t)(16 * MiB)) {
		close(fd);
		return err_set(err, EINVAL, "ROM file '%s' is empty or larger than 16 MiB", name);
	}
	ret = mem_region_init_rom(&pci->rom, "pci-rom", (u64)st.st_size, err);
	if (ret == 0 && read(fd, pci->rom.host, (size_t)st.st_size) != st.st_size)
		ret = err_set(err, EIO, "cannot read the ROM file '%s'", name);
	close(fd);
	if (ret == 0)
		pci_add_bar(pci, PCI_BAR_ROM, 0, &pci->rom);
	return ret;
}

int pci_init(struct pci_dev *pci, struct err *err)
{
	const struct pci_ops *ops = pci->dev.cls->type_ops;

	pci->config = mem_zalloc(3 * PCIE_CONFIG_SIZE);
	if (!pci->config)
		return err_set(err, ENOMEM, "out of memory");
	pci->wmask = pci->config + PCIE_CONFIG_SIZE;
	pci->w1cmask = pci->wmask + PCIE_CONFIG_SIZE;
	pci->config_size = ops->express && pci->bus->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
	pci->rom.fd = -1;
	init_header(pci, ops);
	if (load_rom(pci, err) < 0) {
		pci_exit(pci);
		return -err->code;
	}
	atomic_set_release(&pci->bus->devs[pci->devfn], pci);
	return 0;
}

void pci_exit(struct pci_dev *pci)
{
	int n;

	if (!pci->config)
		return;
	pci_set_irq(pci, 0);
	if (pci->bus->devs[pci->devfn] == pci)
		atomic_set_release(&pci->bus->devs[pci->devfn], NULL);
	for (n = 0; n < PCI_NUM_BARS; n++)
		mem_map_del(&pci->bars[n].map);
	mem_region_free(&pci->rom);
	mem_free(pci->msix.table);
	mem_free(pci->config);
	pci->config = pci->msix.table = NULL;
}

void pci_reset(struct pci_dev *pci)
{
	int n;

	pci->ident = get_le32(pci->config);
	pci_set_irq(pci, 0);
	put_le16(pci->config + PCI_COMMAND, 0);
	pci->config[PCI_INTERRUPT_LINE] = 0;
	pci->config[PCI_CACHE_LINE_SIZE] = 0;
	for (n = 0; n < PCI_NUM_BARS; n++) {
		if (!pci->bars[n].region)
			continue;
		put_le32(pci->config + bar_reg(pci, n), n == PCI_BAR_ROM ? 0 : pci->bars[n].flags);
		if (pci->bars[n].flags & PCI_BAR_MEM64)
			put_le32(pci->config + bar_reg(pci, n) + 4, 0);
	}
	pci_msi_reset(pci);
	pci_update_maps(pci);
}

const struct state_field pci_state_fields[] = {
	STATE_FIXBUF(struct pci_dev, config, config_size),
	STATE(struct pci_dev, intx_level, U32),
	STATE_FIXBUF(struct pci_dev, msix.table, msix.bytes),
	STATE_END
};

int pci_post_load(struct pci_dev *pci, struct err *err)
{
	struct pci_bus *sub = bridge_bus(pci);

	if (pci->config_size != PCI_CONFIG_SIZE && pci->config_size != PCIE_CONFIG_SIZE)
		return err_set(err, EINVAL, "configuration space of %u bytes", pci->config_size);
	if (get_le32(pci->config) != pci->ident)
		return err_set(err, EINVAL, "the state is another device's (%04x:%04x)", get_le16(pci->config),
			       get_le16(pci->config + 2));
	pci_update_maps(pci);
	if (sub)
		pci_remap_bus(sub);
	pci_update_intx(pci);
	return 0;
}
