/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cellgen cell: the configuration of a new cell. What it makes is checked by
 * the same rules as validate has, and not written when they find errors.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cell.h"
#include "cellgen.h"
#include "machine.h"
#include "mem.h"
#include "validate.h"

#define A struct cell_args

/* "ADDRESS+LENGTH" or "PORT+LENGTH"; LENGTH may have a suffix. */
static int base_length(struct maker *k, const char *what, const char *text, u64 *base, u64 *length)
{
	const char *p;

	if (str_scan_u64(text, 0, &p, base) || *p != '+' || str_to_size(p + 1, 'b', length) || !*length)
		return err_set(k->err, EINVAL, "%s: '%s' is no ADDRESS+LENGTH, such as 0xfed00000+0x1000", what, text);
	return 0;
}

static int each(struct maker *k, const struct opt_list *list, int (*fn)(struct maker *k, const char *text))
{
	int ret = 0;

	for (size_t i = 0; i < list->n && !ret; i++)
		ret = fn(k, list->v[i].val);
	return ret;
}

static int add_mmio(struct maker *k, const char *text)
{
	u64 base, length, flags = JH_MEM_READ | JH_MEM_WRITE | (k->sys.arch == JH_X86 ? 0 : JH_MEM_IO);
	int ret = base_length(k, "--mmio", text, &base, &length);

	if (!ret && (base | length) & (JH_PAGE - 1))	/* parts of pages are emulated, with the widths that are allowed */
		flags |= JH_MEM_IO | JH_MEM_WIDTHS;
	return ret ? ret : cell_region(k, base, base, length, flags);
}

static int add_pio(struct maker *k, const char *text)
{
	u64 base, length;
	int ret = base_length(k, "--pio", text, &base, &length);

	return ret ? ret : cell_ports(k, base, length);
}

static int add_irq(struct maker *k, const char *text)
{
	const char *p;
	u64 chip, pin;

	if (str_scan_u64(text, 0, &p, &chip) || *p != ':' || str_to_u64_range(p + 1, 0, 1023, &pin))
		return err_set(k->err, EINVAL, "--irq: '%s' is no CHIP:PIN, such as 0:4 or 0xfec00000:4", text);
	return cell_irq(k, chip, pin);
}

static int add_stream(struct maker *k, const char *text)
{
	struct jh_stream *s;
	u64 id;

	if (str_to_u64_range(text, 0, 0xffffffff, &id))
		return err_set(k->err, EINVAL, "--stream: '%s' is no stream id", text);
	s = jh_add(&k->cell.cell, JH_STREAM);
	if (!s)
		return err_set(k->err, ENOMEM, "out of memory");
	s->id = id;
	return 0;
}

static int make(struct maker *k)
{
	const A *a = k->a;
	int ret;

	k->cell.arch = k->sys.arch;
	k->cell.revision = k->sys.revision;
	k->cell.path = a->out;
	snprintf(k->cell.cell.name, sizeof(k->cell.cell.name), "%.31s", a->name);
	if (a->for_linux)
		k->cell.cell.flags |= JH_CELL_PASSIVE_COMMREG;
	k->cell.cell.flags |= JH_CELL_VCON_PERMITTED | (a->uart ? 0 : JH_CELL_VCON_ACTIVE);
	ret = cell_cpus(k);
	if (!ret)
		ret = cell_memory(k);
	if (!ret)
		ret = each(k, &a->pci, cell_pci);
	if (!ret)
		ret = each(k, &a->mmio, add_mmio);
	if (!ret)
		ret = each(k, &a->pio, add_pio);
	if (!ret)
		ret = each(k, &a->irq, add_irq);
	if (!ret)
		ret = each(k, &a->streams, add_stream);
	if (!ret && a->uart)
		ret = cell_uart(k);
	if (!ret)
		ret = each(k, &a->shmem, cell_shmem);
	if (!ret && k->cell.revision < 12 && (k->cell.cell.n[JH_PIO] || k->cell.arch == JH_X86))
		ret = jh_pio_to_map(&k->cell.cell, 0x2000) ? err_set(k->err, ENOMEM, "out of memory") : 0;
	jh_set_head(&k->cell);
	return ret;
}

/* Errors of the new cell that the rules find; others' faults are not ours to refuse. */
static int check(struct maker *k)
{
	const struct jh_config *set[CELL_OTHERS + 2] = { &k->sys };
	struct vctx v = { .cells = set, .machine = k->a->root ? k->m : NULL };
	int errors = 0;

	for (unsigned i = 0; i < k->n_other; i++)
		set[1 + i] = &k->other[i];
	set[1 + k->n_other] = &k->cell;
	v.n_cells = k->n_other + 2;
	if (jh_validate(&v)) {
		mem_free(v.found);
		return err_set(k->err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < v.n; i++) {
		const struct jh_finding *f = &v.found[i];

		if (f->c != &k->cell || f->rule->severity < JH_WARNING)
			continue;
		errors += f->rule->severity == JH_ERROR;
		strbuf_printf(k->notes, "%s: %s %s: %s[%u]: %s: %s\n", k->a->out, f->rule->severity == JH_ERROR ? "error" : "warning",
			      f->rule->code, f->section ? f->section : "cell", f->index, f->rule->title, f->text);
	}
	mem_free(v.found);
	return errors && !k->a->force ? err_set(k->err, EINVAL, "the cell would have errors and is not written; --force writes it") : 0;
}

static int load(struct maker *k)
{
	const A *a = k->a;

	if (cg_load_kind(&k->sys, a->sys, a->arch, true))
		return CG_USAGE;
	if (a->with.n > CELL_OTHERS)
		return cg_fail(&(struct err){ E2BIG, "--with: too many cells" });
	for (size_t i = 0; i < a->with.n; i++) {
		if (cg_load_kind(&k->other[i], a->with.v[i].val, k->sys.arch, false))
			return CG_USAGE;
		k->n_other++;
		if (k->other[i].arch != k->sys.arch || k->other[i].revision != k->sys.revision) {
			err_set(k->err, EINVAL, "%s: is of another architecture or revision than the system", a->with.v[i].val);
			return cg_fail(k->err);
		}
	}
	if (a->root || a->pci.n) {
		struct err quiet = ERR_INIT;

		/* the machine we run on may be the one that is meant; its devices are compared with the records */
		k->m = machine_open(a->root ? a->root : "/", a->root ? k->err : &quiet);
		if (!k->m && a->root)
			return cg_fail(k->err);
	}
	return 0;
}

static int save(struct maker *k)
{
	int ret = check(k);

	if (!ret)
		ret = jh_save(&k->cell, k->a->out, NULL, k->err);
	if (!ret && k->amended)
		ret = jh_save(&k->sys, k->a->amend, NULL, k->err);
	if (!ret && k->a->amend && !k->amended)
		strbuf_puts(k->notes, "the system needs no change; --amend-system wrote nothing\n");
	return ret;
}

static int cell(void *args, const struct opt_call *call)
{
	struct err err = ERR_INIT;
	struct strbuf notes = STRBUF_INIT;
	struct maker *k = mem_zalloc(sizeof(*k));
	const A *a = args;
	int ret;

	(void)call;
	if (!k || (a->for_linux && a->bare) || !a->cpus || !a->mem) {
		mem_free(k);
		err_set(&err, EINVAL, !k ? "out of memory" : !a->cpus || !a->mem ? "-c CPUSET and -m SIZE must be given" :
			"--linux and --bare exclude each other");
		return cg_fail(&err);
	}
	k->a = a;
	k->notes = &notes;
	k->err = &err;
	ret = load(k);
	if (!ret) {
		ret = make(k);
		if (!ret)
			ret = save(k);
		fputs(notes.s, stderr);
		ret = !ret ? CG_OK : err.code == EINVAL || err.code == EIO || err.code == ENOENT || err.code == EACCES ?
			cg_fail(&err) : (cg_fail(&err), CG_FINDINGS);
	}
	strbuf_free(&notes);
	machine_close(k->m);
	jh_config_free(&k->sys);
	jh_config_free(&k->cell);
	for (unsigned i = 0; i < k->n_other; i++)
		jh_config_free(&k->other[i]);
	mem_free(k);
	return ret;
}

static void defaults(void *args)
{
	A *a = args;

	a->arch = -1;
	a->name = "cell";
}

static const struct opt opts[] = {
	OPT_STR('c', "cpus", "CPUSET", A, cpus, "CPUs, such as 2-3,5, or +N: N of those that are free", .complete = OPT_COMP_NONE),
	OPT_STR('m', "mem", "SIZE[@PHYS]", A, mem, "RAM; without an address from what the root cell has behind the hypervisor's memory", .complete = OPT_COMP_NONE),
	OPT_LIST('p', "pci", "PCIDEVICE[,nomsi][,nobar]", A, pci, "a PCI device (00:1f.2) with its registers, capabilities and MSI-X table; a bridge with "
		 "what is behind it. nomsi: the cell may not write its MSI capabilities; nobar: without registers", .complete = OPT_COMP_NONE),
	OPT_LIST(0, "mmio", "ADDR+LEN", A, mmio, "registers of a device in memory", .complete = OPT_COMP_NONE),
	OPT_LIST(0, "pio", "PORT+LEN", A, pio, "ports of a device (x86)", .complete = OPT_COMP_NONE),
	OPT_LIST(0, "irq", "CHIP:PIN", A, irq, "a pin of an interrupt chip, which is named by its place in the system's list or its address", .complete = OPT_COMP_NONE),
	OPT_LIST(0, "stream", "ID", A, streams, "a stream id of an IOMMU (arm64)", .complete = OPT_COMP_NONE),
	OPT_LIST(0, "ivshmem", "ID:PEERS:SIZE[:PROTOCOL]", A, shmem, "shared memory, as peer ID of PEERS. SIZE is what all may write, with protocol veth "
		 "each peer's own part. Joins a link of the system that fits, or makes one, with the root cell as peer 0", .complete = OPT_COMP_NONE),
	OPT_FLAG('u', "uart", A, uart, "a serial port as console (x86: the one that the hypervisor does not have; arm: the hypervisor's, shared)"),
	OPT_FLAG(0, "linux", A, for_linux, "the cell runs Linux: its communication region is passive, on arm its RAM stays where it is"),
	OPT_FLAG(0, "bare", A, bare, "the cell runs a program without an operating system (the default)"),
	OPT_STR('n', "name", "NAME", A, name, "name of the cell (default: cell)", .complete = OPT_COMP_NONE),
	OPT_STR(0, "amend-system", "FILE", A, amend, "write the system with the root cell's side of new links here", .complete = OPT_COMP_FILE),
	OPT_LIST('w', "with", "CELL", A, with, "a cell that is to run at the same time: nothing of it is taken", .complete = OPT_COMP_FILE),
	OPT_STR('r', "root", "ROOT", A, root, "the machine, for the registers of PCI devices and for what its kernel uses: a folder or archive made by collect "
		"(default: this machine, where its devices are the system's)", .complete = OPT_COMP_FILE),
	OPT_FLAG('f', "force", A, force, "write the cell even if it has errors"),
	OPT_ARCH(A, arch),
	OPERAND("SYSCONFIG", A, sys, "configuration of the system"),
	OPERAND("CELLCONFIG", A, out, "written as C source (.c), JSON (.json) or binary, by its name; '-': C on standard output"),
	OPT_END
};

static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- the cell is written\n1\t-- what was asked for is taken, or is not there\n"
	  "2\t-- usage, something that cannot be read or written, or a cell that would have errors" },
	{ NULL, NULL }
};

const struct opt_cmd cellgen_cmd_cell = {
	.name = "cell", .summary = "make the configuration of a cell",
	.description = "Takes CPUs, RAM and devices for a new cell from what the root cell has and no other cell (--with). On x86 its RAM begins at "
	"address 0, with the communication region at 1 MiB and the rest from 2 MiB on; on arm at 0, the communication region at 2 GiB. "
	"The result is checked as validate does.",
	.opts = opts, .sections = sections, .args_size = sizeof(A), .defaults = defaults, .run = cell,
};
