/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations of one revision made into another's. */
#include <errno.h>
#include <string.h>
#include "layout.h"

void jh_set_head(struct jh_config *c)
{
	bool old = c->revision < 14;

	if (c->is_system) {
		memcpy(c->sys.signature, old ? "JHSYST" : "JHSYS", 6);
		c->sys.arch = c->arch;
		c->sys.revision = c->revision;
	} else {
		memcpy(c->cell.signature, old ? "JHCELL" : "JHCLL", 6);
		c->cell.arch = c->arch;
		c->cell.revision = c->revision;
	}
}

static int refuse(struct err *err, u16 rev, const char *what)
{
	return err_set(err, EINVAL, "revision %u cannot say %s", rev, what);
}

static u64 mem_flags(u64 flags, u16 from, u16 to)
{
	bool was10 = from < 12, is10 = to < 12;

	if (was10 && !is10)		/* the bit of unaligned access moved in 12 */
		return (flags & ~JH_MEM_NO_HUGEPAGES) | (flags & JH_MEM_NO_HUGEPAGES ? JH_MEM_IO_UNALIGNED : 0);
	if (!was10 && is10)
		return (flags & ~(u64)(JH_MEM_NO_HUGEPAGES | JH_MEM_IO_UNALIGNED)) |
			(flags & JH_MEM_IO_UNALIGNED ? JH_MEM_NO_HUGEPAGES : 0);
	return flags;
}

static int convert_cpus(struct jh_config *c, u16 rev, const u64 *ids, u32 n_ids, struct err *err)
{
	struct jh_config was = *c;
	u32 iter = 0, map_n = c->cell.n[JH_CPUSET], ids_n = c->cell.n[JH_CPUS];
	u64 cpu;

	was.cell.n[JH_CPUSET] = map_n;
	if ((c->revision >= 15) == (rev >= 15))
		return 0;
	c->revision = rev;
	while ((cpu = jh_cpu_next(&was, &iter)) != ~0ULL) {
		if (rev >= 15 && ids) {
			if (cpu >= n_ids)
				return err_set(err, EINVAL, "CPU %llu is not in the system that was given", cpu);
			cpu = ids[cpu];
		} else if (ids) {
			u32 i = 0;

			while (i < n_ids && ids[i] != cpu)
				i++;
			cpu = i < n_ids ? i : cpu;
		}
		if (jh_cpu_add(c, cpu))
			return err_set(err, ERANGE, "CPU 0x%llx does not fit into a bitmap; give the system with --root", cpu);
	}
	if (rev >= 15)
		c->cell.n[JH_CPUSET] = 0;
	else
		jh_remove(&c->cell, JH_CPUS, 0, ids_n);
	return 0;
}

/* Shared memory devices have one region until 11, and a table of them since 12. */
static int check_pci(const struct jh_config *c, u16 rev, struct err *err)
{
	for (u32 i = 0; i < c->cell.n[JH_PCI]; i++) {
		const struct jh_pci *d = &jh_pcis(&c->cell)[i];

		if (d->type == JH_PCI_IVSHMEM && (c->revision < 12) != (rev < 12))
			return err_set(err, EINVAL, "PCI device %u: shared memory of revision %u (%s) has no form in revision %u (%s)",
				       i, c->revision, c->revision < 12 ? "one region" : "a table of regions",
				       rev, rev < 12 ? "one region" : "a table of regions");
		if (rev < 12 && d->msi_maskable)
			return refuse(err, rev, "that MSIs can be masked (msi_maskable)");
	}
	return 0;
}

static int check_old(const struct jh_config *c, u16 rev, struct err *err)
{
	if (rev < 12 && c->cell.n[JH_STREAM])
		return refuse(err, rev, "stream ids");
	if (rev < 13 && c->cell.flags & JH_CELL_AARCH32)
		return refuse(err, rev, "that a cell is AArch32");
	for (int i = 0; c->is_system && i < JH_IOMMUS; i++) {
		u32 type = c->sys.iommu[i].type;

		if (rev < 12 && type && (c->arch != JH_X86 || type > JH_IOMMU_INTEL))
			return refuse(err, rev, "IOMMUs other than AMD's and Intel's");
		if (rev < 13 && type > JH_IOMMU_PVU)
			return refuse(err, rev, "an ARM MMU-500");
	}
	for (u32 i = 0; rev < 12 && i < c->cell.n[JH_MEM]; i++)
		if (jh_mems(&c->cell)[i].flags & JH_MEM_NO_HUGEPAGES)
			return refuse(err, rev, "NO_HUGEPAGES");
	return 0;
}

/* Before 12 the type of an IOMMU follows from its fields. */
static void iommu_types(struct jh_config *c)
{
	for (int i = 0; i < JH_IOMMUS; i++) {
		struct jh_iommu *u = &c->sys.iommu[i];

		if (u->base && !u->type)
			u->type = u->amd_base_cap ? JH_IOMMU_AMD : JH_IOMMU_INTEL;
	}
}

int jh_convert(struct jh_config *c, u16 rev, const u64 *cpu_ids, u32 n_ids, struct err *err)
{
	u16 from = c->revision;
	int ret;

	if (!jh_revision_known(rev))
		return err_set(err, EINVAL, "revision %u is not known; known are 10, 12, 13, 14 and 15", rev);
	if (from < 12 && rev >= 12 && c->is_system)
		iommu_types(c);
	ret = check_pci(c, rev, err);
	if (!ret && rev < from)
		ret = check_old(c, rev, err);
	if (!ret && from < 12)
		ret = jh_pio_from_map(&c->cell) ? err_set(err, ENOMEM, "out of memory") : 0;
	if (!ret)
		ret = convert_cpus(c, rev, cpu_ids, n_ids, err);
	if (ret)
		return ret;
	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++)
		jh_mems(&c->cell)[i].flags = mem_flags(jh_mems(&c->cell)[i].flags, from, rev);
	c->revision = rev;
	if (rev >= 12)
		c->cell.n[JH_PIOMAP] = 0;
	else if (c->cell.n[JH_PIO] || c->arch == JH_X86)
		ret = jh_pio_to_map(&c->cell, from < 12 ? c->cell.n[JH_PIOMAP] : 0x2000);
	if (rev != from)
		c->cell.n[JH_TAIL] = 0;
	jh_set_head(c);
	return ret ? err_set(err, ENOMEM, "out of memory") : 0;
}
