/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on the files themselves, on names, CPUs, flags and the communication region. */
#include <string.h>
#include "layout.h"
#include "mem.h"
#include "str.h"
#include "validate.h"

static void trailing(struct vctx *v)
{
	u32 n = v->c->cell.n[JH_TAIL];

	if (n)
		jh_report(v, "0x%x bytes behind the last record (at 0x%zx)%s", n, v->c->used,
			  n % 56 ? "" : "; as long as PCI devices that num_pci_devices does not count");
}

static void padding(struct vctx *v)
{
	if (v->c->odd & JH_ODD_PADDING)
		jh_report(v, "byte 0x%x has no meaning but is not 0", v->c->padding_at);
}

static void too_large(struct vctx *v)
{
	u64 size = jh_config_bytes(v->c);

	if (size > JH_CELL_PAGES * JH_PAGE)
		jh_report(v, "0x%llx bytes, more than 0x%llx", size, JH_CELL_PAGES * JH_PAGE);
}

static void wrong_arch(struct vctx *v)
{
	const struct jh_config *sys = v->cells[0];

	if (v->c->arch != sys->arch && !((v->c->odd | sys->odd) & JH_ODD_ARCH))
		jh_report(v, "the cell is for %s, the system for %s", jh_arch_names[v->c->arch], jh_arch_names[sys->arch]);
}

static void wrong_revision(struct vctx *v)
{
	if (v->c->revision != v->cells[0]->revision)
		jh_report(v, "the cell is of revision %u, the system of %u", v->c->revision, v->cells[0]->revision);
}

static void guessed_arch(struct vctx *v)
{
	if (v->c->odd & JH_ODD_ARCH)
		jh_report(v, "taken for %s", jh_arch_names[v->c->arch]);
}

static void root_head(struct vctx *v)
{
	const struct jh_cell *r = &v->c->cell;

	if (!buf_is_zero(r->signature, 6) || r->arch || r->revision)
		jh_report(v, "signature, architecture 0x%x or revision 0x%x of the root cell", r->arch, r->revision);
}

#define S_(c, sev, scp, ref, chk, ttl, hnt) { .code = (c), .severity = (sev), .scope = (scp), .refusal = (ref), \
	.check = (chk), .title = (ttl), .hint = (hnt) }

/* In the order of JH_FMT_*: faults for which there is no configuration to walk. */
const struct jh_rule jh_rules_file[] = {
	S_("JH-FMT-001", JH_ERROR, SC_SET, "EINVAL", NULL, "the file is shorter than a descriptor",
	   "the file was cut, or is no configuration"),
	S_("JH-FMT-002", JH_ERROR, SC_SET, "EINVAL", NULL, "the signature is wrong", "is it a compiled configuration?"),
	S_("JH-FMT-003", JH_ERROR, SC_SET, "EINVAL", NULL, "the revision is not known",
	   "compile it against the headers of the hypervisor that is to run it"),
	S_("JH-FMT-004", JH_ERROR, SC_SET, "EINVAL", NULL, "the architecture is not known", "0 is x86, 1 arm, 2 arm64"),
	S_("JH-FMT-005", JH_ERROR, SC_SET, "EFAULT", NULL, "the counts say more than the file holds",
	   "the file was cut, or a count is wrong"),
	S_("JH-FMT-006", JH_ERROR, SC_SET, "ENOMEM", NULL, "the file is too large", "no configuration is that large"),
	{ .code = NULL }
};

static void bad_name(struct vctx *v)
{
	if (!memchr(v->c->cell.name, 0, JH_NAME_SIZE))
		jh_report(v, "no NUL among the 0x20 bytes of the name \"%.32s\"", v->c->cell.name);
}

static void no_name(struct vctx *v)
{
	if (!v->c->cell.name[0])
		jh_report(v, "the name is empty");
}

static void same_name(struct vctx *v)
{
	for (unsigned i = 0; i < v->who; i++)
		if (!strncmp(v->cells[i]->cell.name, v->c->cell.name, JH_NAME_SIZE))
			jh_report(v, "\"%.32s\" is the name of %s too", v->c->cell.name, v->cells[i]->path);
}

static void odd_name(struct vctx *v)
{
	for (const char *p = v->c->cell.name; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '/') {
			jh_report(v, "character 0x%02x in the name", (u8)*p);
			return;
		}
}

static void no_cpus(struct vctx *v)
{
	if (!jh_cpu_count(v->c))
		jh_report(v, "the CPU set is empty");
}

static void foreign_cpus(struct vctx *v)
{
	u32 iter = 0;
	u64 cpu;

	while ((cpu = jh_cpu_next(v->c, &iter)) != ~0ULL)
		if (!jh_cpu_has(v->cells[0], cpu))
			jh_report(v, "CPU 0x%llx (%llu) is none of the root cell's", cpu, cpu);
}

static void shared_cpus(struct vctx *v)
{
	u32 iter = 0;
	u64 cpu;

	while ((cpu = jh_cpu_next(v->c, &iter)) != ~0ULL)
		for (unsigned i = 1; i < v->who; i++)
			if (jh_cpu_has(v->cells[i], cpu))
				jh_report(v, "CPU 0x%llx (%llu) is cell \"%.32s\"'s too", cpu, cpu, v->cells[i]->cell.name);
}

static void starved(struct vctx *v)
{
	u32 iter = 0, left = 0;
	u64 cpu;

	while ((cpu = jh_cpu_next(v->c, &iter)) != ~0ULL) {
		bool given = false;

		for (unsigned i = 1; i < v->n_cells && !given; i++)
			given = jh_cpu_has(v->cells[i], cpu);
		left += !given;
	}
	if (!left && v->n_cells > 1 && jh_cpu_count(v->c))
		jh_report(v, "all of its 0x%x CPUs are given to other cells", jh_cpu_count(v->c));
}

static void cpu0(struct vctx *v)
{
	if (v->c->revision < 15 && jh_cpu_has(v->c, 0))
		jh_report(v, "CPU 0x0 is in the set");
}

static void large_cpuset(struct vctx *v)
{
	if (v->c->cell.n[JH_CPUSET] > JH_PAGE)
		jh_report(v, "0x%x bytes of CPU set, more than 0x%llx", v->c->cell.n[JH_CPUSET], JH_PAGE);
}

static void odd_cpuset(struct vctx *v)
{
	u32 word = v->c->arch == JH_ARM ? 4 : 8;

	if (v->c->cell.n[JH_CPUSET] % word)
		jh_report(v, "0x%x bytes of CPU set, which is read in words of %u", v->c->cell.n[JH_CPUSET], word);
}

static void twice_cpu(struct vctx *v)
{
	const struct jh_cpu *cpus = jh_cpus(&v->c->cell);

	for (u32 k = 0; k < v->i && k < 4096; k++)
		if (cpus[k].phys_id == cpus[v->i].phys_id)
			jh_report(v, "CPU 0x%llx is also cpus[%u]", cpus[k].phys_id, k);
}

static void cell_flags(struct vctx *v)
{
	u32 known = JH_CELL_PASSIVE_COMMREG | JH_CELL_TEST_DEVICE | JH_CELL_VCON_PERMITTED | JH_CELL_VCON_ACTIVE |
		(v->c->revision >= 13 ? JH_CELL_AARCH32 : 0);

	if (v->c->cell.flags & ~known)
		jh_report(v, "flags 0x%x have bits that mean nothing: 0x%x", v->c->cell.flags, v->c->cell.flags & ~known);
}

static void aarch32(struct vctx *v)
{
	if (v->c->cell.flags & JH_CELL_AARCH32 && v->c->revision >= 13 && v->c->arch != JH_ARM64)
		jh_report(v, "flags 0x%x", v->c->cell.flags);
}

static void has_id(struct vctx *v)
{
	if (v->c->cell.id)
		jh_report(v, "id 0x%x", v->c->cell.id);
}

static u32 comm_regions(const struct jh_config *c)
{
	u32 n = 0;

	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++)
		n += !!(jh_mems(&c->cell)[i].flags & JH_MEM_COMM);
	return n;
}

static void no_comm(struct vctx *v)
{
	if (!comm_regions(v->c))
		jh_report(v, "none of 0x%x memory regions has COMM_REGION", v->c->cell.n[JH_MEM]);
}

static void many_comm(struct vctx *v)
{
	if (comm_regions(v->c) > 1)
		jh_report(v, "0x%x memory regions have COMM_REGION", comm_regions(v->c));
}

static void comm_size(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (m->flags & JH_MEM_COMM && (m->size != JH_PAGE || m->virt & (JH_PAGE - 1)))
		jh_report(v, "at 0x%llx, size 0x%llx; it is one page", m->virt, m->size);
}

static void comm_flags(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (m->flags & JH_MEM_COMM && m->flags & (JH_MEM_DMA | JH_MEM_LOADABLE | JH_MEM_ROOTSHARED | JH_MEM_EXECUTE | JH_MEM_IO))
		jh_report(v, "flags 0x%llx", m->flags);
}

static void comm_access(struct vctx *v)
{
	const struct jh_mem *m = &jh_mems(&v->c->cell)[v->i];

	if (m->flags & JH_MEM_COMM && ~m->flags & (JH_MEM_READ | JH_MEM_WRITE))
		jh_report(v, "flags 0x%llx lack READ or WRITE", m->flags);
}

static void comm_root(struct vctx *v)
{
	if (comm_regions(v->c))
		jh_report(v, "0x%x regions of the root cell have COMM_REGION", comm_regions(v->c));
}

const struct jh_rule jh_rules_format[] = {
	S_("JH-FMT-007", JH_WARNING, SC_CELL, NULL, trailing, "bytes behind the end that nothing counts",
	   "a count is missing or too small; the hypervisor does not see these records"),
	S_("JH-FMT-008", JH_WARNING, SC_CELL, NULL, padding, "bytes without a meaning are not 0",
	   "later revisions may give them one; leave them 0"),
	S_("JH-FMT-009", JH_ERROR, SC_INMATE, "E2BIG", too_large, "the cell's configuration is too large",
	   "the hypervisor maps 16 pages of it; merge memory regions"),
	S_("JH-FMT-010", JH_ERROR, SC_INMATE, "EINVAL", wrong_arch, "system and cell are for different architectures", NULL),
	S_("JH-FMT-011", JH_ERROR, SC_INMATE, "EINVAL", wrong_revision, "system and cell are of different revisions",
	   "one hypervisor takes one revision; `cellgen convert --revision` makes another"),
	S_("JH-FMT-012", JH_NOTE, SC_CELL, NULL, guessed_arch, "the architecture is a guess",
	   "configurations before revision 14 do not say it; give --arch"),
	S_("JH-FMT-013", JH_NOTE, SC_SYSTEM, NULL, root_head, "the head of the root cell is filled in",
	   "the system's own head says it all; leave it 0"),
	S_("JH-NAM-001", JH_ERROR, SC_CELL, NULL, bad_name, "the name is not terminated",
	   "31 bytes are the longest name; the driver cuts it or reads on"),
	S_("JH-NAM-002", JH_ERROR, SC_CELL, "EINVAL", no_name, "the name is empty", "sysfs and the tools need one"),
	S_("JH-NAM-003", JH_ERROR, SC_INMATE, "EEXIST", same_name, "two cells have the same name", NULL),
	S_("JH-NAM-004", JH_NOTE, SC_CELL, NULL, odd_name, "a character in the name that shells or sysfs dislike", NULL),
	S_("JH-CPU-001", JH_ERROR, SC_CELL, "EINVAL", no_cpus, "a cell without CPUs", NULL),
	S_("JH-CPU-002", JH_ERROR, SC_INMATE, "EBUSY", foreign_cpus, "a CPU that the root cell does not have", NULL),
	S_("JH-CPU-003", JH_ERROR, SC_INMATE, "EBUSY", shared_cpus, "a CPU in two cells",
	   "the second of them cannot be created while the first exists"),
	S_("JH-CPU-004", JH_ERROR, SC_SYSTEM, "EBUSY", starved, "no CPU is left to the root cell", NULL),
	{ .code = "JH-CPU-005", .severity = JH_ERROR, .scope = SC_INMATE, .arch = 1 << JH_X86, .refusal = "EINVAL",
	  .check = cpu0, .title = "CPU 0 in a cell other than the root cell",
	  .hint = "Linux on x86 cannot give away CPU 0" },
	S_("JH-CPU-006", JH_ERROR, SC_CELL, "EINVAL", large_cpuset, "the CPU set is larger than a page", NULL),
	S_("JH-CPU-007", JH_ERROR, SC_CELL, NULL, odd_cpuset, "the CPU set is no multiple of a word",
	   "the hypervisor reads whole words, and so the next section as CPUs"),
	S_("JH-CPU-008", JH_ERROR, JH_CPUS, "EINVAL", twice_cpu, "a CPU twice in one cell", NULL),
	S_("JH-CEL-001", JH_ERROR, SC_CELL, NULL, cell_flags, "cell flags that are not known", NULL),
	S_("JH-CEL-002", JH_ERROR, SC_CELL, NULL, aarch32, "AARCH32 on another architecture than arm64", NULL),
	S_("JH-CEL-003", JH_NOTE, SC_CELL, NULL, has_id, "the id is filled in", "the driver sets it"),
	S_("JH-COM-001", JH_ERROR, SC_INMATE, NULL, no_comm, "no communication region",
	   "add a page with READ, WRITE and COMM_REGION; without it the cell learns neither its console nor its CPUs, and cannot answer"),
	S_("JH-COM-002", JH_ERROR, SC_INMATE, NULL, many_comm, "more than one communication region", NULL),
	S_("JH-COM-003", JH_ERROR, JH_MEM, NULL, comm_size, "the communication region is not one aligned page", NULL),
	S_("JH-COM-004", JH_ERROR, JH_MEM, NULL, comm_flags, "flags that a communication region cannot have", NULL),
	S_("JH-COM-005", JH_ERROR, JH_MEM, NULL, comm_access, "a communication region that cannot be read and written", NULL),
	S_("JH-COM-006", JH_ERROR, SC_SYSTEM, NULL, comm_root, "a communication region in the root cell", NULL),
	{ .code = NULL }
};
