/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a machine: memory and port maps, CPUs, command line, console. ACPI, PCI and device trees stand beside. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "machine.h"
#include "mem.h"
#include "str.h"

#define RANGES_MAX 65536

void machine_note(struct machine *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(m->notes, fmt, ap);
	va_end(ap);
	strbuf_putc(m->notes, '\n');
}

int io_list_add(struct io_list *l, u64 start, u64 end, u8 level, const char *name)
{
	struct io_range *r;

	if (l->n >= RANGES_MAX)
		return 0;
	if (mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v)))
		return -ENOMEM;
	r = &l->v[l->n++];
	*r = (struct io_range){ .start = start, .end = end, .level = level, .leaf = true };
	snprintf(r->name, sizeof(r->name), "%s", name);
	if (l->n > 1 && r[-1].level < level)
		r[-1].leaf = false;
	return 0;
}

void io_list_free(struct io_list *l)
{
	mem_free(l->v);
	memset(l, 0, sizeof(*l));
}

int machine_cpu_ids(const struct machine *m, u64 **ids)
{
	u32 n = 0;

	for (size_t i = 0; i < m->n_cpus; i++)
		n = MAX(n, m->cpus[i].nr + 1);
	*ids = mem_zarray(n, sizeof(**ids));
	if (!*ids)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		(*ids)[i] = i;
	for (size_t i = 0; i < m->n_cpus; i++)
		(*ids)[m->cpus[i].nr] = m->cpus[i].phys_id;
	return n;
}

int io_list_parse(struct io_list *l, const char *text)
{
	while (*text) {
		size_t blanks = strspn(text, " "), line = strcspn(text, "\n");
		const char *p = text + blanks, *name;
		u64 start, end;
		char buf[64];
		int ret;

		if (!str_scan_u64(p, 16, &p, &start) && *p == '-' && !str_scan_u64(p + 1, 16, &p, &end) && end >= start &&
		    str_starts(p, " : ", &name)) {
			snprintf(buf, sizeof(buf), "%.*s", (int)(text + line - name), name);
			ret = io_list_add(l, start, end, MIN(blanks / 2, (size_t)15), buf);
			if (ret)
				return ret;
		}
		text += line + (text[line] == '\n');
	}
	return 0;
}

const struct io_range *io_find(const struct io_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_starts(l->v[i].name, name, NULL))
			return &l->v[i];
	return NULL;
}

struct m_pci *machine_pci(const struct machine *m, u16 domain, u16 bdf)
{
	for (size_t i = 0; i < m->n_pci; i++)
		if (m->pci[i].domain == domain && m->pci[i].bdf == bdf)
			return &m->pci[i];
	return NULL;
}

static int read_ranges(struct machine *m, const char *path, struct io_list *l)
{
	size_t len;
	u8 *text;
	int ret = mtree_read(m->tree, path, &text, &len);

	if (ret) {
		machine_note(m, "%s cannot be read", path);
		return 0;
	}
	ret = io_list_parse(l, (const char *)text);
	mem_free(text);
	/* without the right to see them, all addresses are 0 */
	if (l->n && l->v[l->n - 1].end == 0)
		machine_note(m, "%s shows no addresses; it must be collected as root", path);
	return ret;
}

static int add_cpu(struct machine *m, u32 nr)
{
	if (m->n_cpus >= JH_CPU_MAX)
		return 0;
	if (mem_grow(&m->cpus, &m->cap_cpus, m->n_cpus + 1, sizeof(*m->cpus)))
		return -ENOMEM;
	m->cpus[m->n_cpus++] = (struct m_cpu){ .nr = nr, .phys_id = nr };
	return 0;
}

/* "0-3,8" */
static int cpu_list(struct machine *m, const char *p)
{
	u64 first, last;
	int ret = 0;

	while (!ret && !str_scan_u64(p, 10, &p, &first)) {
		last = first;
		if (*p == '-')
			str_scan_u64(p + 1, 10, &p, &last);
		for (u64 cpu = first; cpu <= last && cpu < JH_CPU_MAX && !ret; cpu++)
			ret = add_cpu(m, cpu);
		if (*p != ',')
			break;
		p++;
	}
	return ret;
}

static int read_cpus(struct machine *m)
{
	char line[256];
	size_t n;
	char **names;
	u64 nr;
	int ret = cpu_list(m, mtree_line(m->tree, "sys/devices/system/cpu/online", line, sizeof(line)));

	if (ret || m->n_cpus)
		return ret;
	names = mtree_names(m->tree, "sys/devices/system/cpu", &n);
	for (size_t i = 0; i < n && !ret; i++)
		if (str_starts(names[i], "cpu", NULL) && !str_to_u64(names[i] + 3, 10, &nr))
			ret = add_cpu(m, nr);
	mtree_names_free(names, n);
	return ret;
}

static struct m_cpu *cpu_nr(struct machine *m, u64 nr)
{
	for (size_t i = 0; i < m->n_cpus; i++)
		if (m->cpus[i].nr == nr)
			return &m->cpus[i];
	return NULL;
}

/* The value behind "key<blanks>: ". */
static const char *cpuinfo_value(const char *line, const char *key)
{
	const char *p;

	if (!str_starts(line, key, &p))
		return NULL;
	p += strspn(p, " \t");
	return *p == ':' ? p + 1 + strspn(p + 1, " ") : NULL;
}

/* Vendor and APIC ids of x86. */
static void read_cpuinfo(struct machine *m)
{
	struct m_cpu *cpu = NULL;
	u8 *text;
	size_t len;

	if (mtree_read(m->tree, "proc/cpuinfo", &text, &len))
		return;
	for (const char *p = (const char *)text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *val, *end;
		u64 n;

		if ((val = cpuinfo_value(p, "processor")) && !str_scan_u64(val, 10, &end, &n)) {
			cpu = cpu_nr(m, n);
		} else if ((val = cpuinfo_value(p, "vendor_id"))) {
			m->arch = JH_X86;
			m->amd = str_starts(val, "AuthenticAMD", NULL) || str_starts(val, "HygonGenuine", NULL);
		} else if ((val = cpuinfo_value(p, "apicid")) && cpu && !str_scan_u64(val, 10, &end, &n)) {
			cpu->phys_id = n;
			cpu->has_phys = true;
		} else if (cpuinfo_value(p, "CPU architecture") && m->arch == JH_ARCHES) {
			val = cpuinfo_value(p, "CPU architecture");
			m->arch = *val == '7' ? JH_ARM : JH_ARM64;
		}
	}
	mem_free(text);
}

int machine_read_console(struct machine *m, const char *tty)
{
	struct jh_console *c = &m->console;
	char path[128], line[64];
	u64 type, shift = 0, address = 0;

	snprintf(path, sizeof(path), "sys/class/tty/%s/io_type", tty);
	if (str_to_u64(mtree_line(m->tree, path, line, sizeof(line)), 10, &type))
		return 0;
	snprintf(path, sizeof(path), type == 0 ? "sys/class/tty/%s/port" : "sys/class/tty/%s/iomem_base", tty);
	if (str_to_u64(mtree_line(m->tree, path, line, sizeof(line)), 0, &address) || !address)
		return 0;
	snprintf(path, sizeof(path), "sys/class/tty/%s/iomem_reg_shift", tty);
	if (str_to_u64(mtree_line(m->tree, path, line, sizeof(line)), 10, &shift))
		shift = 0;
	if (type != 0 && shift != 0 && shift != 2) {
		machine_note(m, "registers of %s are %llu bytes apart; the hypervisor knows 1 and 4", tty, 1ULL << (shift & 7));
		return 0;
	}
	*c = (struct jh_console){ .address = address, .type = JH_CON_8250 };
	if (type != 0) {
		c->size = JH_PAGE;
		c->flags = JH_CON_MMIO | (shift == 2 ? JH_CON_REGDIST_4 : 0);
	}
	return 0;
}

static bool ram(const struct io_range *r)
{
	return r->level == 0 && str_eq(r->name, "System RAM");
}

bool machine_ram_covers(const struct machine *m, u64 start, u64 size)
{
	for (size_t i = 0; i < m->iomem.n; i++)
		if (ram(&m->iomem.v[i]) && m->iomem.v[i].start <= start && m->iomem.v[i].end - start >= size - 1 &&
		    m->iomem.v[i].end >= start)
			return true;
	return false;
}

bool machine_ram_touches(const struct machine *m, u64 start, u64 size)
{
	for (size_t i = 0; i < m->iomem.n; i++)
		if (ram(&m->iomem.v[i]) && size && m->iomem.v[i].start <= start + (size - 1) && m->iomem.v[i].end >= start)
			return true;
	return false;
}

/* Linux's memparse(): a number with k, m, g, t of either case behind it. */
static bool memparse(const char *p, const char **end, u64 *val)
{
	static const char units[] = "kmgtpe";
	const char *u;

	if (str_scan_u64(p, 0, end, val))
		return false;
	u = **end ? strchr(units, **end | 0x20) : NULL;
	if (u) {
		*val <<= 10 * (u - units + 1);
		++*end;
	}
	return true;
}

int machine_memmaps(const struct machine *m, struct io_list *l)
{
	const char *p = m->cmdline;
	u64 size, at;
	int ret = 0;

	while (!ret && (p = strstr(p, "memmap="))) {
		p += strlen("memmap=");
		while (!ret && memparse(p, &p, &size)) {
			char kind = *p;

			if (!strchr("$@#!", kind) || !kind || !memparse(p + 1, &p, &at))
				break;
			if (kind == '$' && size && at + (size - 1) >= at)
				ret = io_list_add(l, at, at + (size - 1), 0, "memmap");
			if (*p != ',')
				break;
			p++;
		}
	}
	return ret;
}

static u8 guess_arch(struct machine *m)
{
	struct utsname u;

	if (m->arch != JH_ARCHES)
		return m->arch;
	if (mtree_has(m->tree, "sys/firmware/fdt") || mtree_has(m->tree, "proc/device-tree/compatible"))
		return JH_ARM64;
	return m->ioports.n > 0 || uname(&u) || !str_starts(u.machine, "a", NULL) ? JH_X86 : JH_ARM64;
}

static int read_all(struct machine *m)
{
	int ret = read_ranges(m, "proc/iomem", &m->iomem);

	if (!ret)
		ret = read_cpus(m);
	read_cpuinfo(m);
	m->arch = guess_arch(m);
	if (!ret && m->arch == JH_X86)
		ret = read_ranges(m, "proc/ioports", &m->ioports);
	mtree_line(m->tree, "proc/cmdline", m->cmdline, sizeof(m->cmdline));
	mtree_line(m->tree, "sys/class/dmi/id/sys_vendor", m->vendor, sizeof(m->vendor));
	mtree_line(m->tree, "sys/class/dmi/id/product_name", m->product, sizeof(m->product));
	if (!ret)
		ret = machine_read_pci(m);
	if (!ret && m->arch != JH_X86)
		ret = machine_read_dt(m);
	if (!ret)
		ret = machine_read_acpi(m);
	return ret ? ret : strbuf_failed(m->notes);
}

struct machine *machine_open(const char *path, struct err *err)
{
	struct machine *m = mem_zalloc(sizeof(*m));
	int ret;

	if (!m || !(m->notes = mem_alloc(sizeof(*m->notes)))) {
		mem_free(m);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	strbuf_init(m->notes);
	m->arch = JH_ARCHES;
	m->tree = mtree_open(path, err);
	if (!m->tree)
		goto fail;
	ret = read_all(m);
	if (ret) {
		err_errno(err, -ret, "%s", path);
		goto fail;
	}
	if (!m->iomem.n || !m->n_cpus) {
		err_set(err, ENOENT, "%s: no memory map (proc/iomem) or no CPUs (sys/devices/system/cpu)", path);
		goto fail;
	}
	return m;
fail:
	machine_close(m);
	return NULL;
}

void machine_close(struct machine *m)
{
	if (!m)
		return;
	mtree_close(m->tree);
	for (size_t i = 0; i < m->n_pci; i++)
		mem_free(m->pci[i].cfg);
	mem_free(m->pci);
	mem_free(m->cpus);
	mem_free(m->iomem.v);
	mem_free(m->ioports.v);
	mem_free(m->rmrr.v);
	mem_free(m->reserved.v);
	mem_free(m->devices.v);
	strbuf_free(m->notes);
	mem_free(m->notes);
	mem_free(m);
}
