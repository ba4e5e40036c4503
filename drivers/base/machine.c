// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What every machine has, whatever its board: spaces, clock, root bus,
 * services by name, hooks and requests (see dev/machine.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dev/machine.h"
#include "dev/object.h"
#include "str.h"
#include "thread.h"

/* ---- the clock as saved state ---- */

static void clock_pre_save(void *opaque)
{
	struct machine *m = opaque;

	m->clock_ns = clock_ns(m->clock);
}

static int clock_post_load(void *opaque, u8 version, struct err *err)
{
	struct machine *m = opaque;

	(void)version;
	if (m->clock_ns >> 62)
		return err_set(err, EINVAL, "the clock is beyond the end of time");
	clock_load(m->clock, m->clock_ns);
	return 0;
}

static const struct state_field clock_fields[] = { STATE(struct machine, clock_ns, U64), STATE_END };
static const struct state_table clock_state = {
	.version = 1, .fields = clock_fields, .pre_save = clock_pre_save, .post_load = clock_post_load,
};

/* ---- edges that a processor has not taken yet ---- */

void machine_irq_watch_add(struct machine *m, struct irq_watch *w, void (*fn)(void *opaque), void *opaque)
{
	*w = (struct irq_watch){ .fn = fn, .opaque = opaque, .next = m->irq_watches };
	m->irq_watches = w;
}

enum irq_line_state machine_irq_state(struct machine *m, unsigned gsi, struct irq_watch *w)
{
	atomic_xchg(&w->armed, 1);
	return m->ops && m->ops->irq_state ? m->ops->irq_state(m->ctx, gsi) : IRQ_LINE_FREE;
}

bool machine_msi_waits(struct machine *m, struct msi_msg msg, struct irq_watch *w)
{
	atomic_xchg(&w->armed, 1);
	return m->ops && m->ops->msi_waits && m->ops->msi_waits(m->ctx, msg);
}

void machine_irq_taken(struct machine *m)
{
	struct irq_watch *w;

	for (w = m->irq_watches; w; w = w->next)
		if (atomic_xchg(&w->armed, 0))
			w->fn(w->opaque);
}

/* ---- the machine ---- */

int machine_init(struct machine *m, struct loop *loop, bool manual_clock, struct err *err)
{
	if (mem_space_init(&m->mem, "memory", (1ULL << 52) - 1) < 0 ||
	    mem_space_init(&m->io, "I/O", 0xffff) < 0)
		return err_set(err, ENOMEM, "out of memory");
	m->loop = loop;
	m->clock = clock_new(loop, manual_clock, err);
	if (!m->clock)
		return -err->code;
	device_bus_init(&m->root, "System", "main-system-bus", NULL);
	machine_state_add(m, &m->saved_clock, "clock", &clock_state, m);
	m->state = RUN_PRELAUNCH;
	return 0;
}

void machine_free(struct machine *m)
{
	/* The last made first: devices may use those that were there before. */
	while (m->root.first) {
		struct device *d = m->root.first;

		while (d->next)
			d = d->next;
		device_free(d);
	}
	objects_free(m);
	clock_free(m->clock);
	mem_space_free(&m->mem);
	mem_space_free(&m->io);
}

void machine_request(struct machine *m, enum machine_request what)
{
	atomic_or(&m->requests, (u32)what);
	if (m->ops && m->ops->request)
		m->ops->request(m->ctx);
}

void machine_exit(struct machine *m, int code)
{
	atomic_set(&m->exit_code, code);
	machine_request(m, REQ_SHUTDOWN);
}

void machine_unplug(struct machine *m, struct device *dev)
{
	atomic_set(&dev->leaving, true);
	machine_request(m, REQ_UNPLUG);
}

static void hook_add(struct machine_hook **list, struct machine_hook *h, void (*fn)(void *), void *opaque)
{
	*h = (struct machine_hook){ fn, opaque, NULL };
	while (*list)
		list = &(*list)->next;
	*list = h;
}

void machine_on_reset(struct machine *m, struct machine_hook *h, void (*fn)(void *), void *opaque)
{
	hook_add(&m->reset_hooks, h, fn, opaque);
}

void machine_on_done(struct machine *m, struct machine_hook *h, void (*fn)(void *), void *opaque)
{
	hook_add(&m->done_hooks, h, fn, opaque);
}

void machine_state_add(struct machine *m, struct machine_state *s, const char *name, const struct state_table *t, void *opaque)
{
	struct machine_state **p = &m->states;

	*s = (struct machine_state){ name, t, opaque, NULL };
	while (*p)
		p = &(*p)->next;
	*p = s;
}

void machine_ram_add(struct machine *m, struct machine_ram *r, struct mem_region *region, const char *owner, const char *name)
{
	struct machine_ram **p = &m->rams;

	snprintf(r->name, sizeof(r->name), "%s%s%s", owner ? owner : "", owner ? "/" : "", name);
	r->region = region;
	r->next = NULL;
	while (*p)
		p = &(*p)->next;
	*p = r;
}

void machine_ram_del(struct machine *m, struct machine_ram *r)
{
	struct machine_ram **p = &m->rams;

	while (*p && *p != r)
		p = &(*p)->next;
	if (*p)
		*p = r->next;
}

void machine_reset_devices(struct machine *m)
{
	struct machine_hook *h;

	device_reset_bus(&m->root);
	for (h = m->reset_hooks; h; h = h->next)
		h->fn(h->opaque);
}

void machine_done(struct machine *m)
{
	struct machine_hook *h;

	for (h = m->done_hooks; h; h = h->next)
		h->fn(h->opaque);
}

int machine_service_add(struct machine *m, const char *name, void *ptr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(m->services); i++) {
		if (m->services[i].name && !str_eq(m->services[i].name, name))
			continue;
		m->services[i].name = name;
		m->services[i].ptr = ptr;
		return 0;
	}
	return -ENOSPC;
}

void *machine_service(struct machine *m, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(m->services) && m->services[i].name; i++)
		if (str_eq(m->services[i].name, name))
			return m->services[i].ptr;
	return NULL;
}

void machine_event(struct machine *m, const char *name, const char *data_json)
{
	if (m->ops && m->ops->event)
		m->ops->event(m->ctx, name, data_json);
}

void machine_map_io(struct machine *m, struct mem_map *map, struct mem_region *r, u16 port)
{
	mem_map_add(&m->io, map, r, port, 0);
}
