/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cellgen create: where the hypervisor goes, and what both architectures share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "create.h"
#include "layout.h"
#include "mem.h"
#include "str.h"

/* ---- memory regions ---- */

static struct jh_mem *covering(const struct jh_config *c, u64 at)
{
	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++) {
		struct jh_mem *m = &jh_mems(&c->cell)[i];

		if (m->phys <= at && at - m->phys < m->size)
			return m;
	}
	return NULL;
}

static u64 next_start(const struct jh_config *c, u64 at, u64 end)
{
	for (u32 i = 0; i < c->cell.n[JH_MEM]; i++) {
		const struct jh_mem *m = &jh_mems(&c->cell)[i];

		if (m->size && m->phys > at && m->phys < end)
			end = m->phys;
	}
	return end;
}

static int append(struct jh_config *c, u64 start, u64 end, u64 flags)
{
	u32 n = c->cell.n[JH_MEM];
	struct jh_mem *m = n ? &jh_mems(&c->cell)[n - 1] : NULL;

	/* regions of devices stay apart, so that it can be seen whose they are */
	if (m && m->flags == flags && flags & JH_MEM_EXECUTE && jh_end(m) == start && m->size) {
		m->size += end - start;
		return 0;
	}
	m = jh_add(&c->cell, JH_MEM);
	if (!m)
		return -ENOMEM;
	*m = (struct jh_mem){ start, start, end - start, flags };
	return 0;
}

int create_mem(struct jh_config *c, u64 start, u64 end, u64 flags)
{
	int ret = 0;

	start &= ~(JH_PAGE - 1);
	end = end > ~0ULL - JH_PAGE ? ~(JH_PAGE - 1) : ALIGN_UP(end, JH_PAGE);
	while (!ret && start < end) {
		const struct jh_mem *m = covering(c, start);
		u64 stop;

		if (m) {
			start = jh_end(m);
			continue;
		}
		stop = next_start(c, start, end);
		ret = append(c, start, stop, flags);
		start = stop;
	}
	return ret;
}

int create_cut(struct jh_config *c, u64 start, u64 size)
{
	u64 end = start + size;

	for (u32 i = 0; i < c->cell.n[JH_MEM];) {
		struct jh_mem *m = &jh_mems(&c->cell)[i];
		u64 stop = jh_end(m), flags = m->flags;

		if (!size || m->phys >= end || stop <= start) {
			i++;
			continue;
		}
		if (m->phys < start) {
			m->size = start - m->phys;
			i++;
		} else {
			jh_remove(&c->cell, JH_MEM, i, 1);
		}
		if (stop > end) {
			m = jh_add(&c->cell, JH_MEM);
			if (!m)
				return -ENOMEM;
			*m = (struct jh_mem){ end, end, stop - end, flags };
		}
	}
	return 0;
}

/* ---- PCI ---- */

#define CAPS_MAX 128

/* Where the same list of capabilities stands already, or -1. */
static int find_caps(const struct jh_config *c, const struct jh_cap *caps, unsigned n)
{
	for (u32 i = 0; i + n <= c->cell.n[JH_CAP]; i++)
		if (!memcmp(&jh_caps(&c->cell)[i], caps, n * sizeof(*caps)))
			return i;
	return -1;
}

static int add_caps(struct jh_config *c, const struct jh_cap *caps, unsigned n, struct jh_pci *rec)
{
	int at = n ? find_caps(c, caps, n) : 0;

	rec->num_caps = n;
	rec->caps_start = at < 0 ? (int)c->cell.n[JH_CAP] : at;
	for (unsigned i = 0; at < 0 && i < n; i++) {
		struct jh_cap *p = jh_add(&c->cell, JH_CAP);

		if (!p)
			return -ENOMEM;
		*p = caps[i];
	}
	return 0;
}

int create_pci(struct jh_config *c, struct machine *m)
{
	unsigned skipped = 0;

	for (size_t i = 0; i < m->n_pci; i++) {
		struct m_pci *d = &m->pci[i];
		struct jh_cap caps[CAPS_MAX];
		struct jh_pci *rec;
		unsigned n;

		if (d->hidden)
			continue;
		if (d->domain) {
			skipped++;
			continue;
		}
		n = pci_capabilities(d, caps, CAPS_MAX);
		rec = jh_add(&c->cell, JH_PCI);
		if (!rec)
			return -ENOMEM;
		pci_describe(d, caps, n, rec);
		if (add_caps(c, caps, n, rec))
			return -ENOMEM;
		if (d->iommu == 0xff && m->n_iommu && d->bdf)
			machine_note(m, "PCI device %02x:%02x.%x is behind no IOMMU; taken to be behind the first",
				     d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7);
	}
	if (skipped)
		machine_note(m, "%u PCI devices of other segments are left out; the hypervisor configures one", skipped);
	return 0;
}

/* ---- the hypervisor's place ---- */

static bool kernel_touches(const struct machine *m, u64 start, u64 size)
{
	for (size_t i = 0; i < m->iomem.n; i++) {
		const struct io_range *r = &m->iomem.v[i];

		if (r->level && (str_starts(r->name, "Kernel", NULL) || str_starts(r->name, "Crash", NULL)) &&
		    r->start < start + size && r->end >= start)
			return true;
	}
	return false;
}

/* The highest place in RAM below limit that the kernel itself does not stand in. */
static u64 choose_top(const struct machine *m, u64 size, u64 limit)
{
	u64 best = ~0ULL;

	for (size_t i = 0; i < m->iomem.n; i++) {
		const struct io_range *r = &m->iomem.v[i];
		u64 end = MIN(r->end == ~0ULL ? r->end : r->end + 1, limit), at;

		if (r->level || !str_eq(r->name, "System RAM") || end < size || r->start > end - size)
			continue;
		at = ALIGN_DOWN(end - size, 2 * MiB);
		while (at >= r->start && at >= 16 * MiB && kernel_touches(m, at, size))
			at -= 2 * MiB;
		if (at >= r->start && at >= 16 * MiB && (best == ~0ULL || at > best))
			best = at;
	}
	return best;
}

static int choose(struct machine *m, const struct create_opts *o, u64 *at, struct err *err)
{
	u64 size = o->hv_size + o->inmates;
	struct io_list maps = { NULL, 0, 0 };
	const struct io_range *own = NULL;
	int ret = machine_memmaps(m, &maps);

	for (size_t i = 0; !ret && i < m->reserved.n; i++)
		if (str_starts(m->reserved.v[i].name, "jailhouse", NULL))
			own = &m->reserved.v[i];
	for (size_t i = 0; !ret && i < maps.n && !own; i++)
		if (maps.v[i].end - maps.v[i].start >= size - 1)
			own = &maps.v[i];
	if (own && own->end - own->start >= size - 1) {
		*at = ALIGN_UP(own->start, JH_PAGE);
	} else if (own || maps.n) {
		own = own ? own : &maps.v[0];
		ret = err_set(err, ENOSPC, "0x%llx bytes are reserved at 0x%llx, but 0x%llx are needed; reserve more, or give "
			      "--mem-hv and --mem-inmates", own->end - own->start + 1, own->start, size);
	} else {
		*at = choose_top(m, size, 4 * GiB);
		if (*at == ~0ULL)
			*at = choose_top(m, size, m->arch == JH_ARM ? 1ULL << 40 : 1ULL << 46);
		if (*at == ~0ULL)
			ret = err_set(err, ENOSPC, "no 0x%llx bytes of RAM in one piece", size);
	}
	io_list_free(&maps);
	return ret;
}

static int add_cpus(struct jh_config *c, const struct machine *m)
{
	for (size_t i = 0; i < m->n_cpus; i++)
		if (jh_cpu_add(c, c->revision >= 15 ? m->cpus[i].phys_id : m->cpus[i].nr))
			return -ENOMEM;
	return 0;
}

int create_system(struct jh_config *c, struct machine *m, const struct create_opts *o, struct err *err)
{
	struct create_opts chosen = *o;
	int ret = 0;

	jh_config_init(c);
	if (chosen.hv_at == ~0ULL)
		ret = choose(m, o, &chosen.hv_at, err);
	if (ret)
		return ret;
	c->is_system = true;
	c->arch = m->arch;
	c->revision = JH_REV_DEFAULT;
	c->sys.flags = JH_SYS_VCON;
	c->sys.hv = (struct jh_mem){ .phys = chosen.hv_at, .size = o->hv_size };
	snprintf(c->cell.name, sizeof(c->cell.name), "%.31s", o->name);
	if (o->console && !str_eq(o->console, "none"))
		ret = machine_read_console(m, o->console);
	else if (!o->console && !m->console.address)
		ret = machine_read_console(m, m->arch == JH_X86 ? "ttyS0" : "ttyAMA0");
	if (!ret && (!o->console || !str_eq(o->console, "none")))
		c->sys.console = m->console;
	if (o->console && !str_eq(o->console, "none") && !c->sys.console.address)
		machine_note(m, "nothing is known of console %s; there will be none", o->console);
	if (!ret)
		ret = m->arch == JH_X86 ? create_x86(c, m, &chosen, err) : create_arm(c, m, &chosen, err);
	if (!ret)
		ret = add_cpus(c, m);
	jh_set_head(c);
	if (!ret && o->revision != c->revision) {
		u64 *ids = NULL;

		ret = machine_cpu_ids(m, &ids);
		if (ret >= 0)
			ret = jh_convert(c, o->revision, ids, ret, err);
		mem_free(ids);
	}
	if (ret) {
		jh_config_free(c);
		return ret == -ENOMEM ? err_set(err, ENOMEM, "out of memory") : ret;
	}
	return 0;
}
