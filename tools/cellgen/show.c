/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cellgen show and convert: a configuration in another form. */
#include <errno.h>
#include <stdio.h>
#include "cellgen.h"
#include "machine.h"
#include "mem.h"

struct show_args {
	const char *file;
	bool c, json;
	int arch;
};
#define A struct show_args

static void defaults(void *args)
{
	((A *)args)->arch = -1;
}

static void title(struct strbuf *b, const char *what, u32 n)
{
	if (n)
		strbuf_printf(b, "\n%s (%u)\n", what, n);
}

static void put_mem(struct strbuf *b, const struct jh_config *c, const struct jh_mem *m)
{
	strbuf_printf(b, "%012llx-%012llx", m->phys, m->size ? m->phys + m->size - 1 : m->phys);
	if (m->virt != m->phys)
		strbuf_printf(b, " at %012llx", m->virt);
	strbuf_puts(b, "  ");
	jh_flags_text(b, jh_field_names(jh_sections[JH_MEM].fields, "flags", c->revision), m->flags, "", " ");
	strbuf_putc(b, '\n');
}

static void put_bdf(struct strbuf *b, u16 domain, u16 bdf)
{
	strbuf_printf(b, "%04x:%02x:%02x.%x", domain, bdf >> 8, bdf >> 3 & 31, bdf & 7);
}

static void put_pci(struct strbuf *b, const struct jh_pci *d)
{
	static const char *const types[] = { "?", "device", "bridge", "ivshmem" };

	put_bdf(b, d->domain, d->bdf);
	strbuf_printf(b, "  %-7s", types[d->type <= JH_PCI_IVSHMEM ? d->type : 0]);
	if (d->type == JH_PCI_IVSHMEM)
		strbuf_printf(b, "  peer %u of %u, regions from %u, protocol 0x%04x", d->shmem_id, d->shmem_peers,
			      d->shmem_start, d->shmem_protocol);
	if (d->num_caps)
		strbuf_printf(b, "  caps %u-%u", d->caps_start, d->caps_start + d->num_caps - 1);
	if (d->num_msi)
		strbuf_printf(b, "  MSI %u", d->num_msi);
	if (d->num_msix)
		strbuf_printf(b, "  MSI-X %u", d->num_msix);
	if (d->msix_address)
		strbuf_printf(b, " at %llx", d->msix_address);
	strbuf_putc(b, '\n');
}

static void put_console(struct strbuf *b, const char *what, const struct jh_console *con, u16 revision)
{
	const char *name = jh_enum_name(jh_field_names(jh_layout_console, "type", revision), con->type);

	if (!con->type && !con->address)
		return;
	strbuf_printf(b, "%s: %s at %s 0x%llx\n", what, name ? name : "unknown type",
		      con->flags & JH_CON_MMIO ? "address" : "port", con->address);
}

static void put_system(struct strbuf *b, const struct jh_config *c)
{
	static const char *const iommus[] = { "unused", "AMD", "Intel", "SMMUv3", "TI PVU", "MMU-500" };
	const struct jh_system *s = &c->sys;

	strbuf_printf(b, "hypervisor:   %012llx-%012llx\n", s->hv.phys, jh_end(&s->hv) - 1);
	put_console(b, "console", &s->console, c->revision);
	if (s->mmcfg_base)
		strbuf_printf(b, "MMCONFIG:     %012llx, buses 00-%02x%s, domain %u\n", s->mmcfg_base, s->mmcfg_end_bus,
			      s->pci_virtual ? ", virtual" : "", s->pci_domain);
	for (int i = 0; i < JH_IOMMUS; i++)
		if (s->iommu[i].base)
			strbuf_printf(b, "IOMMU %d:      %012llx-%012llx  %s\n", i, s->iommu[i].base,
				      s->iommu[i].base + s->iommu[i].size - 1,
				      s->iommu[i].type <= JH_IOMMU_MMU500 ? iommus[s->iommu[i].type] : "unknown type");
	if (c->arch == JH_X86)
		strbuf_printf(b, "PM timer:     0x%x\n", s->pm_timer);
	else
		strbuf_printf(b, "GICv%u:        D %llx C %llx H %llx V %llx R %llx, maintenance IRQ %u\n", s->gic_version,
			      s->gicd, s->gicc, s->gich, s->gicv, s->gicr, s->maintenance_irq);
}

static void put_cell(struct strbuf *b, const struct jh_config *c)
{
	const struct jh_cell *cell = &c->cell;
	u32 iter = 0;
	u64 cpu;

	strbuf_puts(b, "CPUs:        ");
	while ((cpu = jh_cpu_next(c, &iter)) != ~0ULL)
		strbuf_printf(b, c->revision < 15 ? " %llu" : " 0x%llx", cpu);
	strbuf_putc(b, '\n');
	put_console(b, "cell console", &cell->console, c->revision);
	title(b, "memory", cell->n[JH_MEM]);
	for (u32 i = 0; i < cell->n[JH_MEM]; i++) {
		strbuf_printf(b, "%3u  ", i);
		put_mem(b, c, &jh_mems(cell)[i]);
	}
	title(b, "cache", cell->n[JH_CACHE]);
	for (u32 i = 0; i < cell->n[JH_CACHE]; i++)
		strbuf_printf(b, "%3u  L3 from %u, %u bits\n", i, jh_caches(cell)[i].start, jh_caches(cell)[i].size);
	title(b, "interrupt chips", cell->n[JH_CHIP]);
	for (u32 i = 0; i < cell->n[JH_CHIP]; i++) {
		const struct jh_chip *p = &jh_chips(cell)[i];

		strbuf_printf(b, "%3u  %012llx  pins from %u: %08x %08x %08x %08x\n", i, p->address, p->pin_base,
			      p->pins[0], p->pins[1], p->pins[2], p->pins[3]);
	}
	title(b, "ports", cell->n[JH_PIO]);
	for (u32 i = 0; i < cell->n[JH_PIO]; i++)
		strbuf_printf(b, "%3u  %04x-%04x\n", i, jh_pios(cell)[i].base,
			      jh_pios(cell)[i].base + jh_pios(cell)[i].length - 1);
	title(b, "PCI devices", cell->n[JH_PCI]);
	for (u32 i = 0; i < cell->n[JH_PCI]; i++) {
		strbuf_printf(b, "%3u  ", i);
		put_pci(b, &jh_pcis(cell)[i]);
	}
	title(b, "PCI capabilities", cell->n[JH_CAP]);
	for (u32 i = 0; i < cell->n[JH_CAP]; i++) {
		const struct jh_cap *p = &jh_caps(cell)[i];

		strbuf_printf(b, "%3u  %s%02x at %03x, %u bytes%s\n", i, p->id & JH_CAP_EXT ? "extended " : "",
			      p->id & ~JH_CAP_EXT, p->start, p->len, p->flags & JH_CAP_WRITE ? ", writable" : "");
	}
	title(b, "stream ids", cell->n[JH_STREAM]);
	for (u32 i = 0; i < cell->n[JH_STREAM]; i++)
		strbuf_printf(b, "%3u  %x\n", i, jh_streams(cell)[i].id);
}

static void put_text(struct strbuf *b, const struct jh_config *c)
{
	struct strbuf flags = STRBUF_INIT;

	strbuf_printf(b, "%s \"%s\", %s, revision %u\n", c->is_system ? "system with root cell" : "cell",
		      c->cell.name, jh_arch_names[c->arch], c->revision);
	if (c->cell.flags) {
		jh_flags_text(&flags, jh_field_names(jh_layout_cell, "flags", c->revision), c->cell.flags, "", " ");
		strbuf_printf(b, "flags:        %s\n", flags.s);
	}
	strbuf_free(&flags);
	if (c->is_system)
		put_system(b, c);
	put_cell(b, c);
}

static int show(void *args, const struct opt_call *call)
{
	struct strbuf b = STRBUF_INIT;
	struct jh_config c;
	A *a = args;

	(void)call;
	if (cg_load(&c, a->file, a->arch))
		return CG_USAGE;
	if (a->json)
		jh_write_json(&c, &b);
	else if (a->c)
		jh_write_c(&c, NULL, &b);
	else
		put_text(&b, &c);
	jh_config_free(&c);
	return cg_print(&b);
}

static const struct opt show_opts[] = {
	OPT_FLAG('c', "c", A, c, "as C source, which compiles against Jailhouse's cell-config.h to the same bytes"),
	OPT_FLAG('j', "json", A, json, "as JSON, which every sub-command reads as well"),
	OPT_ARCH(A, arch),
	OPERAND("FILE", A, file, "configuration of a system or cell, binary or JSON"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_show = {
	.name = "show", .summary = "print a configuration as text, C source or JSON",
	.opts = show_opts, .args_size = sizeof(A), .defaults = defaults, .run = show,
};
#undef A

struct convert_args {
	const char *file, *out, *root;
	u64 revision;
	int arch;
};
#define A struct convert_args

static void convert_defaults(void *args)
{
	((A *)args)->arch = -1;
}

static int convert(void *args, const struct opt_call *call)
{
	struct err err = ERR_INIT;
	struct machine *m = NULL;
	struct jh_config c;
	u64 *ids = NULL;
	A *a = args;
	int ret = 0;

	(void)call;
	if (a->root) {
		m = machine_open(a->root, &err);
		ret = m ? machine_cpu_ids(m, &ids) : 0;
		machine_close(m);
		if (!m || ret < 0)
			return cg_fail(&err);
	}
	if (cg_load(&c, a->file, a->arch)) {
		mem_free(ids);
		return CG_USAGE;
	}
	ret = a->revision ? jh_convert(&c, a->revision, ids, ret, &err) : 0;
	mem_free(ids);
	if (ret)
		err_prefix(&err, "%s", a->file);
	else
		ret = jh_save(&c, a->out, NULL, &err);
	jh_config_free(&c);
	return ret ? cg_fail(&err) : CG_OK;
}

static const struct opt convert_opts[] = {
	OPT_UINT('R', "revision", "N", A, revision, "the revision to write: 10, 12, 13, 14 or 15 (default: as it is)",
		 .u = { 10, 15 }),
	OPT_STR('r', "root", "ROOT", A, root, "the machine, for the hardware's numbers of CPUs, which revision 15 has in place of Linux's: a folder or "
		"archive made by collect, or / (default: they are taken to be the same)", .complete = OPT_COMP_FILE),
	OPT_ARCH(A, arch),
	OPERAND("FILE", A, file, "configuration of a system or cell, binary or JSON"),
	OPERAND("OUT", A, out, "written as C source (.c), JSON (.json) or binary, by its name; '-': C on standard output"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_convert = {
	.name = "convert", .summary = "write a configuration in another form or revision",
	.opts = convert_opts, .args_size = sizeof(A), .defaults = convert_defaults, .run = convert,
};
