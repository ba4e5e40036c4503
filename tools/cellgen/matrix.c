/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cellgen matrix: who has what of a system, and what is free for more cells, as
 * tables: a column for each cell, a row for each CPU, piece of memory, device,
 * port range and interrupt pin.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cellgen.h"
#include "mem.h"

#define CELLS_MAX 32
#define ROWS_MAX 4096

struct matrix_args {
	const char *sys;
	struct opt_list cells;
	int arch;
};
#define A struct matrix_args

struct set {
	struct jh_config c[CELLS_MAX];	/* [0]: the system */
	unsigned n;
	struct strbuf b;
	unsigned width[CELLS_MAX];
};

static void header(struct set *s, const char *what)
{
	strbuf_printf(&s->b, "%s%-34s", s->b.len ? "\n" : "", what);
	for (unsigned i = 0; i < s->n; i++)
		strbuf_printf(&s->b, "  %-*.*s", s->width[i], s->width[i], s->c[i].cell.name[0] ? s->c[i].cell.name : "?");
	strbuf_putc(&s->b, '\n');
}

/* cell[i]: what cell i has of it; NULL nothing. A resource that only the root cell has can be given away. */
static void row(struct set *s, const char *name, const char *const *cell, bool free)
{
	strbuf_printf(&s->b, "%-34s", name);
	for (unsigned i = 0; i < s->n; i++)
		strbuf_printf(&s->b, "  %-*s", (int)s->width[i], cell[i] ? cell[i] : "-");
	while (s->b.len && s->b.s[s->b.len - 1] == ' ')
		strbuf_truncate(&s->b, s->b.len - 1);
	strbuf_puts(&s->b, free ? "  free\n" : "\n");
}

/* ---- CPUs ---- */

static void cpus(struct set *s)
{
	u32 iter = 0;
	u64 cpu;

	header(s, "CPU");
	while ((cpu = jh_cpu_next(&s->c[0], &iter)) != ~0ULL) {
		const char *cell[CELLS_MAX] = { NULL };
		bool given = false;
		char name[32];

		for (unsigned i = 1; i < s->n; i++)
			if (jh_cpu_has(&s->c[i], cpu)) {
				cell[i] = "x";
				given = true;
			}
		cell[0] = given ? "(x)" : "x";
		snprintf(name, sizeof(name), s->c[0].revision < 15 ? "%llu" : "0x%llx", cpu);
		row(s, name, cell, !given && !(s->c[0].arch == JH_X86 && cpu == 0));
	}
}

/* ---- memory ---- */

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* All addresses where somebody's memory begins or ends, sorted, each once. */
static size_t cuts(struct set *s, u64 **out)
{
	size_t n = 2, k = 0;
	u64 *v;

	for (unsigned i = 0; i < s->n; i++)
		n += 2ULL * s->c[i].cell.n[JH_MEM];
	*out = v = mem_array(n, sizeof(*v));
	if (!v)
		return 0;
	v[k++] = s->c[0].sys.hv.phys;
	v[k++] = jh_end(&s->c[0].sys.hv);
	for (unsigned i = 0; i < s->n; i++)
		for (u32 r = 0; r < s->c[i].cell.n[JH_MEM]; r++) {
			const struct jh_mem *m = &jh_mems(&s->c[i].cell)[r];

			if (m->size && !(m->flags & JH_MEM_COMM)) {
				v[k++] = m->phys;
				v[k++] = jh_end(m);
			}
		}
	qsort(v, k, sizeof(*v), by_value);
	n = 0;
	for (size_t i = 0; i < k; i++)
		if (!n || v[n - 1] != v[i])
			v[n++] = v[i];
	return n;
}

static const struct jh_mem *at(const struct jh_config *c, u64 addr)
{
	for (u32 r = 0; r < c->cell.n[JH_MEM]; r++) {
		const struct jh_mem *m = &jh_mems(&c->cell)[r];

		if (m->size && !(m->flags & JH_MEM_COMM) && m->phys <= addr && addr < jh_end(m))
			return m;
	}
	return NULL;
}

/* "rwxd", with s for shared */
static void rights(char out[8], const struct jh_mem *m)
{
	static const struct { u64 flag; char c; } letters[] = {
		{ JH_MEM_READ, 'r' }, { JH_MEM_WRITE, 'w' }, { JH_MEM_EXECUTE, 'x' }, { JH_MEM_DMA, 'd' }, { JH_MEM_ROOTSHARED, 's' },
	};
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (m->flags & letters[i].flag)
			out[n++] = letters[i].c;
	out[n] = '\0';
}

static bool mem_row(struct set *s, u64 from, u64 to)
{
	char text[CELLS_MAX][8], name[64];
	const char *cell[CELLS_MAX] = { NULL };
	bool any = false, given = false, is_free;
	const struct jh_mem *root = at(&s->c[0], from);
	const struct jh_mem *hv = &s->c[0].sys.hv;

	for (unsigned i = 0; i < s->n; i++) {
		const struct jh_mem *m = at(&s->c[i], from);

		if (!m)
			continue;
		rights(text[i], m);
		cell[i] = text[i];
		any = true;
		given |= i > 0 && !(m->flags & JH_MEM_ROOTSHARED);
	}
	if (given && root)
		cell[0] = "()";
	snprintf(name, sizeof(name), "%012llx-%012llx %s", from, to - 1, from >= hv->phys && from < jh_end(hv) ? "hv" :
		 root && (root->flags & JH_MEM_RWX) == JH_MEM_RWX ? "RAM" : "");
	is_free = root && !given && from == jh_end(hv);
	is_free |= root && !given && root->phys == jh_end(hv);
	if (any || (from >= hv->phys && from < jh_end(hv)))
		row(s, name, cell, is_free);
	return any;
}

static void memory(struct set *s)
{
	u64 *v;
	size_t n = cuts(s, &v), rows = 0;

	header(s, "memory");
	for (size_t i = 0; i + 1 < n && rows < ROWS_MAX; i++)
		rows += mem_row(s, v[i], v[i + 1]);
	mem_free(v);
}

/* ---- devices ---- */

static const struct jh_pci *pci_find(const struct jh_config *c, const struct jh_pci *d)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI]; i++) {
		const struct jh_pci *o = &jh_pcis(&c->cell)[i];

		if (o->bdf == d->bdf && (o->type == JH_PCI_IVSHMEM) == (d->type == JH_PCI_IVSHMEM))
			return o;
	}
	return NULL;
}

static void pci_row(struct set *s, const struct jh_pci *d)
{
	static const char *const types[] = { "?", "device", "bridge", "ivshmem" };
	char name[64], peer[CELLS_MAX][16];
	const char *cell[CELLS_MAX] = { NULL };
	bool given = false;

	for (unsigned i = 0; i < s->n; i++) {
		const struct jh_pci *o = pci_find(&s->c[i], d);

		if (!o)
			continue;
		snprintf(peer[i], sizeof(peer[i]), o->type == JH_PCI_IVSHMEM ? "%u/%u" : "x", o->shmem_id, o->shmem_peers);
		cell[i] = peer[i];
		given |= i > 0;
	}
	if (given && cell[0] && d->type != JH_PCI_IVSHMEM)
		cell[0] = "(x)";
	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x %s", d->domain, d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7,
		 types[d->type <= JH_PCI_IVSHMEM ? d->type : 0]);
	row(s, name, cell, !given && d->type == JH_PCI_DEVICE);
}

static void pci(struct set *s)
{
	unsigned rows = 0;

	header(s, "PCI");
	for (unsigned i = 0; i < s->n; i++)
		for (u32 r = 0; r < s->c[i].cell.n[JH_PCI] && rows < ROWS_MAX; r++) {
			const struct jh_pci *d = &jh_pcis(&s->c[i].cell)[r];
			bool seen = false;

			for (unsigned k = 0; k < i && !seen; k++)
				seen = pci_find(&s->c[k], d) != NULL;
			if (!seen) {
				pci_row(s, d);
				rows++;
			}
		}
}

/* ---- ports, interrupts ---- */

static bool has_port(const struct jh_config *c, u32 port)
{
	for (u32 i = 0; i < c->cell.n[JH_PIO]; i++)
		if (port >= jh_pios(&c->cell)[i].base && port < (u32)jh_pios(&c->cell)[i].base + jh_pios(&c->cell)[i].length)
			return true;
	return false;
}

/* Bit i: cell i has it. */
static u32 owners(const struct set *s, bool (*has)(const struct jh_config *c, u32 what), u32 what)
{
	u32 mask = 0;

	for (unsigned i = 0; i < s->n; i++)
		mask |= (u32)has(&s->c[i], what) << i;
	return mask;
}

static bool has_pin(const struct jh_config *c, u32 pin)
{
	for (u32 i = 0; i < c->cell.n[JH_CHIP]; i++) {
		const struct jh_chip *p = &jh_chips(&c->cell)[i];
		u32 k = pin - p->pin_base;

		if (pin >= p->pin_base && k < 128 && p->pins[k / 32] >> k % 32 & 1)
			return true;
	}
	return false;
}

static void ranges(struct set *s, const char *title, const char *fmt, u32 end, bool (*has)(const struct jh_config *c, u32 what))
{
	u32 was = 0, first = 0;

	header(s, title);
	for (u32 x = 0; x <= end; x++) {
		u32 now = x < end ? owners(s, has, x) : 0;
		const char *cell[CELLS_MAX] = { NULL };
		char name[64];

		if (now == was)
			continue;
		for (unsigned i = 0; i < s->n; i++)
			if (was >> i & 1)
				cell[i] = i == 0 && was > 1 ? "(x)" : "x";
		snprintf(name, sizeof(name), fmt, first, x - 1);
		if (was)
			row(s, name, cell, was == 1);
		was = now;
		first = x;
	}
}

static bool any(const struct set *s, enum jh_section sect)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->c[i].cell.n[sect])
			return true;
	return false;
}

/* Chips one after the other: of those at other addresses nothing is seen. */
static void irqs(struct set *s)
{
	const struct jh_cell *root = &s->c[0].cell;

	for (u32 i = 0; i < root->n[JH_CHIP] && i < 16; i++) {
		struct jh_chip keep = jh_chips(root)[i];
		char title[64];
		bool seen = false;

		for (u32 k = 0; k < i; k++)
			seen |= jh_chips(root)[k].address == keep.address;
		if (seen)
			continue;
		for (unsigned c = 0; c < s->n; c++)
			for (u32 k = 0; k < s->c[c].cell.n[JH_CHIP]; k++)
				if (jh_chips(&s->c[c].cell)[k].address != keep.address)
					memset(jh_chips(&s->c[c].cell)[k].pins, 0, sizeof(keep.pins));
		snprintf(title, sizeof(title), "interrupts of %llx", keep.address);
		ranges(s, title, "%u-%u", 1024, has_pin);
	}
}

static int load(struct set *s, const A *a)
{
	struct err err = ERR_INIT;

	if (a->cells.n >= CELLS_MAX) {
		err_set(&err, E2BIG, "more than %u cells", CELLS_MAX - 1);
		return cg_fail(&err);
	}
	if (cg_load_kind(&s->c[0], a->sys, a->arch, true))
		return CG_USAGE;
	for (s->n = 1; s->n <= a->cells.n; s->n++)
		if (cg_load_kind(&s->c[s->n], a->cells.v[s->n - 1].val, s->c[0].arch, false))
			return CG_USAGE;
	for (unsigned i = 0; i < s->n; i++)
		s->width[i] = MIN(MAX(strlen(s->c[i].cell.name), (size_t)5), (size_t)16);
	return 0;
}

static int matrix(void *args, const struct opt_call *call)
{
	struct set *s = mem_zalloc(sizeof(*s));
	struct err err = ERR_INIT;
	int ret;

	(void)call;
	if (!s) {
		err_set(&err, ENOMEM, "out of memory");
		return cg_fail(&err);
	}
	strbuf_init(&s->b);
	ret = load(s, args);
	if (!ret) {
		cpus(s);
		memory(s);
		if (any(s, JH_PCI))
			pci(s);
		if (any(s, JH_PIO))
			ranges(s, "ports", "%04x-%04x", 0x10000, has_port);
		irqs(s);
		ret = cg_print(&s->b);
	}
	for (unsigned i = 0; i < CELLS_MAX; i++)
		jh_config_free(&s->c[i]);
	mem_free(s);
	return ret;
}

static void defaults(void *args)
{
	((A *)args)->arch = -1;
}

static const struct opt opts[] = {
	OPT_ARCH(A, arch),
	OPERAND("SYSCONFIG", A, sys, "configuration of the system"),
	OPERAND_REST("CELLCONFIG", A, cells, "configurations of its cells"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_matrix = {
	.name = "matrix", .summary = "draw who has which CPU, memory, device, port and interrupt, and what is free",
	.description = "A column for each cell. x: has it; (x) or (): has it while the other cell does not run; of memory the rights: r read, w write, x execute, "
	"d DMA, s shared with the root cell. free: the root cell alone has it and can give it to a cell; of memory that is what lies behind the hypervisor's.",
	.opts = opts, .args_size = sizeof(A), .defaults = defaults, .run = matrix,
};
