/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs and memory of a new cell: what is free, and where it goes. */
#include <errno.h>
#include <string.h>
#include "cell.h"
#include "cellgen.h"
#include "machine.h"
#include "mem.h"

#define X86_LOW		(1 * MiB)	/* RAM before the communication region */
#define X86_COMM	(1 * MiB)
#define X86_HIGH	(2 * MiB)
#define X86_HOLE	0x80000000ULL	/* RAM goes on at 4 GiB, above the devices */
#define ARM_COMM	0x80000000ULL
#define ARM_LOADER	(64 * KiB)	/* at address 0, for the loader that starts Linux */

static int no_memory(struct maker *k)
{
	return err_set(k->err, ENOMEM, "out of memory");
}

int cell_region(struct maker *k, u64 phys, u64 virt, u64 size, u64 flags)
{
	struct jh_mem *m = jh_add(&k->cell.cell, JH_MEM);

	if (!m)
		return no_memory(k);
	*m = (struct jh_mem){ phys, virt, size, flags };
	return 0;
}

/* ---- CPUs ---- */

static bool cpu_free(const struct maker *k, u64 cpu)
{
	if (!jh_cpu_has(&k->sys, cpu) || (k->sys.arch == JH_X86 && cpu == 0 && k->sys.revision < 15))
		return false;
	for (unsigned i = 0; i < k->n_other; i++)
		if (jh_cpu_has(&k->other[i], cpu))
			return false;
	return !jh_cpu_has(&k->cell, cpu);
}

static int take_cpu(struct maker *k, u64 cpu)
{
	if (!jh_cpu_has(&k->sys, cpu))
		return err_set(k->err, EBUSY, "CPU %llu is none of the system's", cpu);
	if (k->sys.arch == JH_X86 && cpu == 0 && k->sys.revision < 15)
		return err_set(k->err, EINVAL, "CPU 0 stays with the root cell on x86");
	if (!cpu_free(k, cpu) && !jh_cpu_has(&k->cell, cpu))
		return err_set(k->err, EBUSY, "CPU %llu belongs to another cell", cpu);
	return jh_cpu_has(&k->cell, cpu) ? 0 : jh_cpu_add(&k->cell, cpu) ? no_memory(k) : 0;
}

/* "+2": so many of those that are free, the last ones first. */
static int take_any(struct maker *k, const char *text)
{
	u64 want, best;

	if (str_to_u64(text, 10, &want) || !want)
		return err_set(k->err, EINVAL, "-c: '+%s' is no number of CPUs", text);
	while (want--) {
		u32 iter = 0;
		u64 cpu;

		best = ~0ULL;
		while ((cpu = jh_cpu_next(&k->sys, &iter)) != ~0ULL)
			if (cpu_free(k, cpu) && (best == ~0ULL || cpu > best))
				best = cpu;
		if (best == ~0ULL)
			return err_set(k->err, EBUSY, "there are not so many free CPUs");
		if (jh_cpu_add(&k->cell, best))
			return no_memory(k);
	}
	return 0;
}

static bool starves(const struct maker *k)
{
	u32 iter = 0;
	u64 cpu;

	while ((cpu = jh_cpu_next(&k->sys, &iter)) != ~0ULL) {
		bool given = jh_cpu_has(&k->cell, cpu);

		for (unsigned i = 0; i < k->n_other && !given; i++)
			given = jh_cpu_has(&k->other[i], cpu);
		if (!given)
			return false;
	}
	return true;
}

int cell_cpus(struct maker *k)
{
	const char *p = k->a->cpus;
	u64 first, last;
	int ret = 0;

	if (*p == '+')
		ret = take_any(k, p + 1);
	while (*p != '+' && !ret) {
		if (str_scan_u64(p, 0, &p, &first))
			return err_set(k->err, EINVAL, "-c: '%s' is no list of CPUs, such as 2-3,5 or +2", k->a->cpus);
		last = first;
		if (*p == '-' && str_scan_u64(p + 1, 0, &p, &last))
			return err_set(k->err, EINVAL, "-c: '%s' is no list of CPUs, such as 2-3,5 or +2", k->a->cpus);
		if (last < first || last - first > JH_CPU_MAX)
			return err_set(k->err, EINVAL, "-c: '%s' has a range that goes down or is too long", k->a->cpus);
		for (; first <= last && !ret; first++)
			ret = take_cpu(k, first);
		if (*p != ',')
			break;
		p++;
	}
	if (!ret && *p && *k->a->cpus != '+')
		return err_set(k->err, EINVAL, "-c: '%s' is no list of CPUs, such as 2-3,5 or +2", k->a->cpus);
	if (!ret && starves(k))
		return err_set(k->err, EBUSY, "no CPU would be left to the root cell");
	return ret;
}

/* ---- the pool ---- */

static bool is_ram(const struct jh_mem *m)
{
	return (m->flags & JH_MEM_RWX) == JH_MEM_RWX && !(m->flags & (JH_MEM_IO | JH_MEM_COMM));
}

/*
 * Is the root cell's RAM there for other cells? What follows the hypervisor's
 * memory is; with --root also what the machine's kernel does not use.
 */
static bool is_pool(const struct maker *k, const struct jh_mem *m)
{
	if (!is_ram(m) || !m->size)
		return false;
	if (m->phys == jh_end(&k->sys.sys.hv))
		return true;
	return k->a->root && m->phys >= 1 * MiB && !machine_ram_touches(k->m, m->phys, m->size);
}

/* The first taken range that touches [at, at + size); *start and *end are set to it. */
static bool taken(const struct maker *k, u64 at, u64 size, u64 *start, u64 *end)
{
	const struct jh_config *c = &k->cell;

	for (int i = -2; i < (int)k->n_other; i++) {
		if (i == -2) {
			*start = k->sys.sys.hv.phys;
			*end = jh_end(&k->sys.sys.hv);
			if (*start < at + size && *end > at)
				return true;
			continue;
		}
		c = i < 0 ? &k->cell : &k->other[i];
		for (u32 r = 0; r < c->cell.n[JH_MEM]; r++) {
			const struct jh_mem *m = &jh_mems(&c->cell)[r];

			if (!m->size || m->flags & JH_MEM_COMM || m->phys >= at + size || jh_end(m) <= at)
				continue;
			*start = m->phys;
			*end = jh_end(m);
			return true;
		}
	}
	return false;
}

static bool fit(const struct maker *k, const struct jh_mem *pool, u64 size, u64 align, bool top, u64 *at)
{
	u64 end = jh_end(pool), start, stop;

	if (pool->size < size)
		return false;
	*at = top ? ALIGN_DOWN(end - size, align) : ALIGN_UP(pool->phys, align);
	/* every step leaves one taken range behind, so there are no more steps than ranges */
	while (*at >= pool->phys && *at < end && end - *at >= size) {
		if (!taken(k, *at, size, &start, &stop))
			return true;
		if (top && start < size)
			return false;
		*at = top ? ALIGN_DOWN(start - size, align) : ALIGN_UP(stop, align);
	}
	return false;
}

int cell_take(struct maker *k, u64 size, u64 align, bool top, u64 *at)
{
	bool any = false;

	for (u32 i = 0; i < k->sys.cell.n[JH_MEM]; i++) {
		const struct jh_mem *pool = &jh_mems(&k->sys.cell)[i];

		if (!is_pool(k, pool))
			continue;
		any = true;
		if (fit(k, pool, size, align, top, at))
			return 0;
	}
	if (!any)
		return err_set(k->err, ENOSPC, "the system has no memory for cells behind the hypervisor's; give -m SIZE@PHYS%s",
			       k->a->root ? "" : ", or --root to see what its kernel does not use");
	return err_set(k->err, ENOSPC, "no 0x%llx bytes in one piece are left for cells", size);
}

static bool root_has(const struct maker *k, u64 at, u64 size)
{
	u64 end = at + size;

	for (bool moved = true; moved && at < end;) {
		moved = false;
		for (u32 i = 0; i < k->sys.cell.n[JH_MEM]; i++) {
			const struct jh_mem *m = &jh_mems(&k->sys.cell)[i];

			if (is_ram(m) && m->phys <= at && jh_end(m) > at) {
				at = jh_end(m);
				moved = true;
			}
		}
	}
	return at >= end;
}

static int find_ram(struct maker *k, u64 *size, u64 *at)
{
	int ret = cg_size_at(k->a->mem, "-m", size, at, k->err);
	u64 start, end;

	if (ret)
		return ret;
	if (!*size || *size % JH_PAGE || *size > 1ULL << 46 || (*at != ~0ULL && (*at % JH_PAGE || *at > 1ULL << 48)))
		return err_set(k->err, EINVAL, "-m: size and address must be multiples of 4096, and not 0");
	if (*at == ~0ULL)
		return cell_take(k, *size, *size >= 2 * MiB ? 2 * MiB : JH_PAGE, false, at);
	if (!root_has(k, *at, *size))
		return err_set(k->err, EINVAL, "-m: 0x%llx-0x%llx is no RAM of the root cell", *at, *at + *size - 1);
	if (taken(k, *at, *size, &start, &end))
		return err_set(k->err, EBUSY, "-m: 0x%llx-0x%llx is taken by another cell or the hypervisor (0x%llx-0x%llx)",
			       *at, *at + *size - 1, start, end - 1);
	return 0;
}

static int put_x86(struct maker *k, u64 at, u64 size, u64 flags)
{
	u64 low = MIN(size, (u64)X86_LOW), high = MIN(size - low, X86_HOLE - X86_HIGH);
	int ret = cell_region(k, at, 0, low, flags);

	if (!ret)
		ret = cell_region(k, 0, X86_COMM, JH_PAGE, JH_MEM_READ | JH_MEM_WRITE | JH_MEM_COMM);
	if (!ret && high)
		ret = cell_region(k, at + low, X86_HIGH, high, flags);
	if (!ret && size > low + high)
		ret = cell_region(k, at + low + high, 4 * GiB, size - low - high, flags);
	return ret;
}

static int put_arm(struct maker *k, u64 at, u64 size, u64 flags)
{
	u64 loader = k->a->for_linux ? ARM_LOADER : 0, comm = ARM_COMM;
	int ret = 0;

	if (loader && size <= 2 * loader)
		return err_set(k->err, EINVAL, "-m: too small for Linux");
	if (loader)
		ret = cell_region(k, at, 0, loader, flags);
	if (!ret)	/* Linux stays where it is; others begin at 0 */
		ret = cell_region(k, at + loader, loader ? at + loader : 0, size - loader, flags);
	if (loader ? at < comm + JH_PAGE && at + size > comm : size > comm)
		comm = loader ? ALIGN_DOWN(at - 1, 1 * MiB) : ALIGN_UP(size, 1 * MiB);
	return ret ? ret : cell_region(k, 0, comm, JH_PAGE, JH_MEM_READ | JH_MEM_WRITE | JH_MEM_COMM);
}

int cell_memory(struct maker *k)
{
	u64 flags = JH_MEM_RAM | JH_MEM_LOADABLE, size, at;
	int ret = find_ram(k, &size, &at);

	if (ret)
		return ret;
	if (k->a->root && machine_ram_touches(k->m, at, size))
		strbuf_printf(k->notes, "the machine's kernel still uses 0x%llx-0x%llx; kernel-args says how to reserve it\n", at, at + size - 1);
	return k->sys.arch == JH_X86 ? put_x86(k, at, size, flags) : put_arm(k, at, size, flags);
}
