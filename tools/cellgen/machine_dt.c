/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flattened device tree of an ARM machine (Devicetree Specification 0.4,
 * chapter 5; bindings as Linux documents them): interrupt controller, IOMMUs,
 * console, registers of devices, reserved memory, interrupts in use.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "machine.h"
#include "mem.h"
#include "str.h"

#define NODES_MAX 20000
#define DEPTH_MAX 32

enum { FDT_BEGIN = 1, FDT_END, FDT_PROP, FDT_NOP, FDT_STOP = 9 };

struct prop {
	const char *name;
	const u8 *data;
	u32 len, node;
};

struct node {
	const char *name;
	int parent;
	u32 props, n_props;	/* first in dt.props */
};

struct dt {
	u8 *blob;
	size_t len;
	struct node *nodes;
	struct prop *props;
	size_t n_nodes, cap_nodes, n_props, cap_props;
};

static bool text_ends(const u8 *p, size_t left)
{
	return left && memchr(p, 0, left);
}

static int add_node(struct dt *dt, const char *name, int parent)
{
	if (mem_grow(&dt->nodes, &dt->cap_nodes, dt->n_nodes + 1, sizeof(*dt->nodes)))
		return -ENOMEM;
	dt->nodes[dt->n_nodes++] = (struct node){ name, parent, dt->n_props, 0 };
	return 0;
}

static int add_prop(struct dt *dt, u32 node, const char *name, const u8 *data, u32 len)
{
	struct node *n = &dt->nodes[node];

	/* properties come before children, so each node's stand together */
	if (mem_grow(&dt->props, &dt->cap_props, dt->n_props + 1, sizeof(*dt->props)))
		return -ENOMEM;
	if (!n->n_props)
		n->props = dt->n_props;
	if (n->props + n->n_props != dt->n_props)
		return -EINVAL;
	n->n_props++;
	dt->props[dt->n_props++] = (struct prop){ name, data, len, node };
	return 0;
}

/* One token at *at; *node is the open node, -1 outside. 1: the end. */
static int token(struct dt *dt, const u8 *s, size_t s_len, const u8 *strings, size_t strings_len, size_t *at, int *node)
{
	u32 kind = get_be32(s + *at), len, name;

	*at += 4;
	switch (kind) {
	case FDT_NOP:
		return 0;
	case FDT_BEGIN:
		if (!text_ends(s + *at, s_len - *at) || dt->n_nodes >= NODES_MAX || add_node(dt, (const char *)s + *at, *node))
			return -EINVAL;
		*node = dt->n_nodes - 1;
		*at += ALIGN_UP(strlen((const char *)s + *at) + 1, 4);
		return 0;
	case FDT_END:
		if (*node < 0)
			return -EINVAL;
		*node = dt->nodes[*node].parent;
		return 0;
	case FDT_PROP:
		if (s_len - *at < 8 || *node < 0)
			return -EINVAL;
		len = get_be32(s + *at);
		name = get_be32(s + *at + 4);
		*at += 8;
		if (len > s_len - *at || name >= strings_len || !text_ends(strings + name, strings_len - name))
			return -EINVAL;
		if (add_prop(dt, *node, (const char *)strings + name, s + *at, len))
			return -EINVAL;
		*at += MIN((size_t)ALIGN_UP(len, 4), s_len - *at);
		return 0;
	}
	return kind == FDT_STOP ? 1 : -EINVAL;
}

static int parse(struct dt *dt)
{
	size_t at = 0, s_off, s_len, str_off, str_len;
	int node = -1, ret = 0;

	if (dt->len < 40 || get_be32(dt->blob) != 0xd00dfeed || get_be32(dt->blob + 20) < 16)
		return -EINVAL;
	s_off = get_be32(dt->blob + 8);
	str_off = get_be32(dt->blob + 12);
	if (s_off > dt->len || str_off > dt->len)
		return -EINVAL;
	s_len = dt->len - s_off;
	str_len = dt->len - str_off;
	while (!ret && at + 4 <= s_len)
		ret = token(dt, dt->blob + s_off, s_len, dt->blob + str_off, str_len, &at, &node);
	return ret < 0 ? ret : dt->n_nodes ? 0 : -EINVAL;
}

static const struct prop *find(const struct dt *dt, int node, const char *name)
{
	for (u32 i = 0; node >= 0 && i < dt->nodes[node].n_props; i++)
		if (str_eq(dt->props[dt->nodes[node].props + i].name, name))
			return &dt->props[dt->nodes[node].props + i];
	return NULL;
}

static u32 cell(const struct dt *dt, int node, const char *name, u32 none)
{
	const struct prop *p = find(dt, node, name);

	return p && p->len >= 4 ? get_be32(p->data) : none;
}

/* Number of cells of addresses below a node: 1 or 2 can be read, 3 are PCI's. */
static u32 cells(const struct dt *dt, int node, const char *name, u32 none)
{
	u32 n = cell(dt, node, name, none);

	return n <= 3 ? n : none;
}

static u64 number(const u8 *p, u32 n)
{
	if (n == 3)		/* PCI: the first cell says the space */
		return get_be64(p + 4);
	return n == 2 ? get_be64(p) : n ? get_be32(p) : 0;
}

static bool has_text(const struct prop *p, const char *text)
{
	for (u32 at = 0; p && at < p->len; at += strnlen((const char *)p->data + at, p->len - at) + 1)
		if (strlen(text) == strnlen((const char *)p->data + at, p->len - at) &&
		    !memcmp(p->data + at, text, strlen(text)))
			return true;
	return false;
}

static bool compatible(const struct dt *dt, int node, const char *name)
{
	return has_text(find(dt, node, "compatible"), name);
}

/* Brings an address on the bus of node's parent up to the CPU's; false where a bus has no way up. */
static bool translate(const struct dt *dt, int bus, u64 *addr)
{
	for (int depth = 0; bus > 0 && depth < DEPTH_MAX; depth++) {
		const struct prop *r = find(dt, bus, "ranges");
		int up = dt->nodes[bus].parent;
		u32 ca = cells(dt, bus, "#address-cells", 2), cs = cells(dt, bus, "#size-cells", 1);
		u32 pa = cells(dt, up, "#address-cells", 2), row = (ca + pa + cs) * 4;
		bool found = r && !r->len;

		for (u32 at = 0; r && row && r->len - at >= row && !found; at += row) {
			u64 from = number(r->data + at, ca), size = number(r->data + at + 4 * (ca + pa), cs);

			if (*addr >= from && *addr - from < size) {
				*addr = *addr - from + number(r->data + at + 4 * ca, pa);
				found = true;
			}
		}
		if (!found)
			return false;
		bus = up;
	}
	return true;
}

/* The nth region of a node's reg, in the CPU's addresses. */
static bool reg(const struct dt *dt, int node, u32 nth, u64 *addr, u64 *size)
{
	const struct prop *p = find(dt, node, "reg");
	int bus = dt->nodes[node].parent;
	u32 ca = cells(dt, bus, "#address-cells", 2), cs = cells(dt, bus, "#size-cells", 1), row = 4 * (ca + cs);

	if (!p || bus < 0 || ca == 3 || !ca || !cs || cs == 3 || (u64)(nth + 1) * row > p->len)
		return false;
	*addr = number(p->data + nth * row, ca);
	*size = number(p->data + nth * row + 4 * ca, cs);
	return *size && *addr + (*size - 1) >= *addr && translate(dt, bus, addr);
}

static bool below(const struct dt *dt, int node, const char *top)
{
	for (int depth = 0; node > 0 && depth < DEPTH_MAX; depth++, node = dt->nodes[node].parent)
		if (str_eq(dt->nodes[node].name, top))
			return true;
	return false;
}

static bool is_gic(const struct dt *dt, int node, u8 *version)
{
	static const char *const v2[] = { "arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic", "arm,cortex-a9-gic" };

	*version = compatible(dt, node, "arm,gic-v3") ? 3 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(v2) && !*version; i++)
		*version = compatible(dt, node, v2[i]) ? 2 : 0;
	return *version;
}

static void read_gic(struct machine *m, const struct dt *dt, int node)
{
	const struct prop *irq = find(dt, node, "interrupts");
	u64 size, redistributors = cell(dt, node, "#redistributor-regions", 1);
	u8 version;

	if (m->gicd || !is_gic(dt, node, &version) || !reg(dt, node, 0, &m->gicd, &size))
		return;
	m->gic_version = version;
	if (version == 3) {
		reg(dt, node, 1, &m->gicr, &size);
		if (redistributors > 1)
			machine_note(m, "the GIC has %llu regions of redistributors; the hypervisor knows one", redistributors);
		reg(dt, node, 1 + redistributors, &m->gicc, &size);
	} else {
		reg(dt, node, 1, &m->gicc, &size);
		reg(dt, node, 2, &m->gich, &size);
		reg(dt, node, 3, &m->gicv, &size);
	}
	/* <type number flags>: type 1 is a PPI, which begin at 16 */
	if (irq && irq->len >= 12 && get_be32(irq->data) == 1 && get_be32(irq->data + 4) < 16)
		m->maintenance_irq = 16 + get_be32(irq->data + 4);
}

static bool read_smmu(struct machine *m, const struct dt *dt, int node)
{
	u32 type = compatible(dt, node, "arm,smmu-v3") ? JH_IOMMU_SMMUV3 : compatible(dt, node, "arm,mmu-500") ? JH_IOMMU_MMU500 : 0;
	u64 base, size;

	if (!type || !reg(dt, node, 0, &base, &size))
		return false;
	if (m->n_iommu < JH_IOMMUS)
		m->iommu[m->n_iommu++] = (struct jh_iommu){ .type = type, .base = base, .size = size };
	else
		machine_note(m, "more than %u IOMMUs; the one at 0x%llx is left out", JH_IOMMUS, base);
	return true;
}

static int find_path(const struct dt *dt, const char *path, size_t len)
{
	int node = 0;

	while (len && *path == '/' && node >= 0) {
		size_t n = strcspn(path + 1, "/");
		int child = -1;

		n = MIN(n, len - 1);
		for (size_t i = 1; n && i < dt->n_nodes && child < 0; i++) {
			const char *name = dt->nodes[i].name;

			if (dt->nodes[i].parent == node && !strncmp(name, path + 1, n) && (!name[n] || (name[n] == '@' && !memchr(path + 1, '@', n))))
				child = i;
		}
		node = n ? child : node;
		path += 1 + n;
		len -= 1 + n;
	}
	return len ? -1 : node;
}

static void read_console(struct machine *m, const struct dt *dt)
{
	static const struct { const char *name; u16 type, flags; } known[] = {
		{ "arm,pl011", 3, JH_CON_REGDIST_4 }, { "cdns,uart-r1p12", 4, JH_CON_REGDIST_4 }, { "xlnx,xuartps", 4, JH_CON_REGDIST_4 },
		{ "marvell,armada-3700-uart", 5, JH_CON_REGDIST_4 }, { "renesas,hscif", 6, JH_CON_REGDIST_4 },
		{ "renesas,scifa", 7, JH_CON_REGDIST_4 }, { "fsl,imx6q-uart", 8, JH_CON_REGDIST_4 }, { "fsl,imx21-uart", 8, JH_CON_REGDIST_4 },
		{ "fsl,imx7ulp-lpuart", 9, JH_CON_REGDIST_4 }, { "renesas,scif", 10, JH_CON_REGDIST_4 },
		{ "snps,dw-apb-uart", 2, 0 }, { "ns16550a", 2, 0 }, { "ns16550", 2, 0 },
	};
	int chosen = find_path(dt, "/chosen", 7);
	const struct prop *p = find(dt, chosen, "stdout-path");
	size_t len = p ? strcspn((const char *)p->data, ":") : 0;
	const struct prop *alias;
	u64 addr, size;
	int node;

	if (!p || !p->len || !text_ends(p->data, p->len))
		return;
	if (p->data[0] != '/') {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)p->data);
		alias = find(dt, find_path(dt, "/aliases", 8), name);
		if (!alias || !alias->len || !text_ends(alias->data, alias->len))
			return;
		node = find_path(dt, (const char *)alias->data, strlen((const char *)alias->data));
	} else {
		node = find_path(dt, (const char *)p->data, len);
	}
	if (node <= 0 || !reg(dt, node, 0, &addr, &size))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (compatible(dt, node, known[i].name)) {
			u16 dist = known[i].type == JH_CON_8250 && cell(dt, node, "reg-shift", 0) == 2 ? JH_CON_REGDIST_4 : known[i].flags;

			m->console = (struct jh_console){ .address = addr, .size = ALIGN_UP(size, JH_PAGE), .type = known[i].type,
							  .flags = JH_CON_MMIO | dist };
			return;
		}
}

/* Shared interrupts that some device names: <0 number flags> for the GIC. */
static void read_interrupts(struct machine *m, const struct dt *dt, int node)
{
	const struct prop *p = find(dt, node, "interrupts");

	for (u32 at = 0; p && p->len % 12 == 0 && at < p->len; at += 12) {
		u32 nr = get_be32(p->data + at + 4);

		if (get_be32(p->data + at) == 0 && nr < 988)
			m->spis[(nr + 32) / 32] |= 1U << (nr + 32) % 32;
	}
}

static int read_device(struct machine *m, const struct dt *dt, int node)
{
	const char *name = dt->nodes[node].name;
	u64 addr, size;
	int ret = 0;
	u8 version;

	for (u32 i = 0; !ret && i < 64 && reg(dt, node, i, &addr, &size); i++) {
		if (below(dt, node, "reserved-memory"))
			ret = io_list_add(&m->reserved, addr, addr + size - 1, 0, name);
		else if (str_starts(name, "memory", NULL) || is_gic(dt, node, &version) || compatible(dt, node, "arm,smmu-v3") ||
			 compatible(dt, node, "arm,mmu-500") || compatible(dt, node, "arm,gic-v3-its") || below(dt, node, "cpus"))
			break;
		else
			ret = io_list_add(&m->devices, addr, addr + size - 1, 0, name);
	}
	return ret;
}

static void read_cpu(struct machine *m, const struct dt *dt, int node, u32 *nth)
{
	const struct prop *type = find(dt, node, "device_type"), *p = find(dt, node, "reg");
	u32 ca = cells(dt, dt->nodes[node].parent, "#address-cells", 1);

	if (!has_text(type, "cpu") || !p || p->len < 4 * ca || !ca || ca > 2)
		return;
	for (size_t i = 0; i < m->n_cpus; i++)
		if (m->cpus[i].nr == *nth) {
			m->cpus[i].phys_id = number(p->data, ca);
			m->cpus[i].has_phys = true;
		}
	++*nth;
}

static int read_nodes(struct machine *m, const struct dt *dt)
{
	u32 cpu = 0;
	int ret = 0;

	for (size_t i = 1; i < dt->n_nodes && !ret; i++) {
		read_gic(m, dt, i);
		read_smmu(m, dt, i);
		read_interrupts(m, dt, i);
		read_cpu(m, dt, i, &cpu);
		ret = read_device(m, dt, i);
	}
	read_console(m, dt);
	return ret;
}

int machine_read_dt(struct machine *m)
{
	struct dt dt = { NULL, 0, NULL, NULL, 0, 0, 0, 0 };
	int ret = mtree_read(m->tree, "sys/firmware/fdt", &dt.blob, &dt.len);

	if (ret)
		return ret == -ENOMEM ? ret : 0;
	ret = parse(&dt);
	if (ret) {
		machine_note(m, "sys/firmware/fdt is no device tree, or a damaged one");
		ret = 0;
	} else {
		m->has_dt = true;
		ret = read_nodes(m, &dt);
		m->has_dt = m->gicd != 0;	/* with ACPI Linux makes itself an almost empty one */
	}
	mem_free(dt.nodes);
	mem_free(dt.props);
	mem_free(dt.blob);
	return ret;
}
