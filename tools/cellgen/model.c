/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of a configuration: arrays, CPU sets, port bitmaps. */
#include <errno.h>
#include <string.h>
#include "layout.h"
#include "mem.h"

void jh_config_init(struct jh_config *c)
{
	memset(c, 0, sizeof(*c));
	c->revision = JH_REV_DEFAULT;
}

void jh_config_free(struct jh_config *c)
{
	for (int s = 0; s < JH_SECTIONS; s++)
		mem_free(c->cell.v[s]);
	memset(c, 0, sizeof(*c));
}

size_t jh_element_size(enum jh_section s)
{
	return jh_sections[s].host_size;
}

void *jh_add(struct jh_cell *c, enum jh_section s)
{
	size_t size = jh_element_size(s);
	u8 *p;

	if (mem_grow(&c->v[s], &c->cap[s], (size_t)c->n[s] + 1, size))
		return NULL;
	p = (u8 *)c->v[s] + size * c->n[s]++;
	memset(p, 0, size);
	return p;
}

void jh_remove(struct jh_cell *c, enum jh_section s, u32 at, u32 n)
{
	size_t size = jh_element_size(s);
	u8 *p = c->v[s];

	memmove(p + at * size, p + (at + n) * size, (c->n[s] - at - n) * size);
	c->n[s] -= n;
}

int jh_config_copy(struct jh_config *to, const struct jh_config *from)
{
	*to = *from;
	memset(to->cell.v, 0, sizeof(to->cell.v));
	for (int s = 0; s < JH_SECTIONS; s++) {
		to->cell.cap[s] = to->cell.n[s];
		if (!to->cell.n[s])
			continue;
		to->cell.v[s] = mem_dup(from->cell.v[s], to->cell.n[s] * jh_element_size(s));
		if (!to->cell.v[s]) {
			jh_config_free(to);
			return -ENOMEM;
		}
	}
	return 0;
}

bool jh_cpu_has(const struct jh_config *c, u64 cpu)
{
	const u8 *map = c->cell.v[JH_CPUSET];

	if (c->revision < 15)
		return cpu / 8 < c->cell.n[JH_CPUSET] && map[cpu / 8] >> cpu % 8 & 1;
	for (u32 i = 0; i < c->cell.n[JH_CPUS]; i++)
		if (jh_cpus(&c->cell)[i].phys_id == cpu)
			return true;
	return false;
}

u64 jh_cpu_next(const struct jh_config *c, u32 *iter)
{
	const u8 *map = c->cell.v[JH_CPUSET];

	if (c->revision >= 15)
		return *iter < c->cell.n[JH_CPUS] ? jh_cpus(&c->cell)[(*iter)++].phys_id : ~0ULL;
	for (; *iter / 8 < c->cell.n[JH_CPUSET]; ++*iter) {
		if (*iter % 8 == 0 && !map[*iter / 8])
			*iter += 7;
		else if (map[*iter / 8] >> *iter % 8 & 1)
			return (*iter)++;
	}
	return ~0ULL;
}

u32 jh_cpu_count(const struct jh_config *c)
{
	u32 iter = 0, n = 0;

	while (jh_cpu_next(c, &iter) != ~0ULL)
		n++;
	return n;
}

int jh_cpu_add(struct jh_config *c, u64 cpu)
{
	struct jh_cell *cell = &c->cell;

	if (c->revision >= 15) {
		struct jh_cpu *p = jh_add(cell, JH_CPUS);

		if (p)
			p->phys_id = cpu;
		return p ? 0 : -ENOMEM;
	}
	if (cpu >= JH_CPU_MAX)
		return -ERANGE;
	while (cell->n[JH_CPUSET] <= cpu / 8 || cell->n[JH_CPUSET] % 8)
		if (!jh_add(cell, JH_CPUSET))
			return -ENOMEM;
	((u8 *)cell->v[JH_CPUSET])[cpu / 8] |= 1 << cpu % 8;
	return 0;
}

/* Ranges are of 65535 ports at most, so all ports are two. */
static int add_ports(struct jh_cell *c, u32 first, u32 end)
{
	while (first < end) {
		struct jh_pio *p = jh_add(c, JH_PIO);

		if (!p)
			return -ENOMEM;
		p->base = first;
		p->length = end - first > 0xffff ? 0xffff : end - first;
		first += p->length;
	}
	return 0;
}

int jh_pio_from_map(struct jh_cell *c)
{
	const u8 *map = c->v[JH_PIOMAP];
	u32 ports = MIN(c->n[JH_PIOMAP], 0x2000U) * 8, first = 0;
	bool open = false;
	int ret = 0;

	c->n[JH_PIO] = 0;
	for (u32 p = 0; p <= ports && !ret; p++) {
		bool allowed = p < ports && !(map[p / 8] >> p % 8 & 1);

		if (allowed && !open)
			first = p;
		else if (!allowed && open)
			ret = add_ports(c, first, p);
		open = allowed;
	}
	return ret;
}

int jh_pio_to_map(struct jh_cell *c, u32 bytes)
{
	u8 *map;

	c->n[JH_PIOMAP] = 0;
	for (u32 i = 0; i < bytes; i++)
		if (!jh_add(c, JH_PIOMAP))
			return -ENOMEM;
	map = c->v[JH_PIOMAP];
	if (bytes)
		memset(map, 0xff, bytes);
	for (u32 i = 0; i < c->n[JH_PIO]; i++) {
		const struct jh_pio *r = &jh_pios(c)[i];

		for (u32 p = r->base; p < (u32)r->base + r->length && p / 8 < bytes; p++)
			map[p / 8] &= ~(1 << p % 8);
	}
	return 0;
}
