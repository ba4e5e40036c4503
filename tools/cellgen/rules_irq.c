/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on interrupt chips and pins, ports, cache partitions and stream ids. */
#include "layout.h"
#include "validate.h"

static const struct jh_chip *chip_of(const struct vctx *v)
{
	return &jh_chips(&v->c->cell)[v->i];
}

static void pin_base_x86(struct vctx *v)
{
	if (chip_of(v)->pin_base)
		jh_report(v, "pin_base 0x%x", chip_of(v)->pin_base);
}

static void pin_base_arm(struct vctx *v)
{
	const struct jh_chip *p = chip_of(v);

	if (p->address == v->cells[0]->sys.gicd && (p->pin_base % 32 || p->pin_base > 1024 - 128))
		jh_report(v, "pin_base 0x%x (%u)", p->pin_base, p->pin_base);
}

static void pin_base_ppi(struct vctx *v)
{
	if (chip_of(v)->pin_base < 32 && chip_of(v)->pins[0])
		jh_report(v, "pin_base 0x%x, pins 0x%x", chip_of(v)->pin_base, chip_of(v)->pins[0]);
}

static void unknown_gic(struct vctx *v)
{
	if (chip_of(v)->address != v->cells[0]->sys.gicd)
		jh_report(v, "address 0x%llx, the GIC is at 0x%llx", chip_of(v)->address, v->cells[0]->sys.gicd);
}

static const struct jh_chip *root_chip(const struct vctx *v, u64 address)
{
	const struct jh_cell *root = &v->cells[0]->cell;

	for (u32 i = 0; i < root->n[JH_CHIP] && i < 256; i++)
		if (jh_chips(root)[i].address == address)
			return &jh_chips(root)[i];
	return NULL;
}

static void unknown_ioapic(struct vctx *v)
{
	if (v->who && !root_chip(v, chip_of(v)->address))
		jh_report(v, "address 0x%llx", chip_of(v)->address);
}

static void other_id(struct vctx *v)
{
	const struct jh_chip *r = root_chip(v, chip_of(v)->address);

	if (v->who && r && r->id != chip_of(v)->id)
		jh_report(v, "id 0x%x, the root cell says 0x%x", chip_of(v)->id, r->id);
}

static void id_iommu(struct vctx *v)
{
	u32 unit = chip_of(v)->id >> 16;

	if (unit && (unit >= JH_IOMMUS || !v->cells[0]->sys.iommu[unit].base))
		jh_report(v, "id 0x%x names IOMMU %u", chip_of(v)->id, unit);
}

static void twice_ioapic(struct vctx *v)
{
	for (u32 k = 0; k < v->i && k < 256; k++)
		if (jh_chips(&v->c->cell)[k].address == chip_of(v)->address)
			jh_report(v, "address 0x%llx is also irqchips[%u]", chip_of(v)->address, k);
}

static void no_pins(struct vctx *v)
{
	const struct jh_chip *p = chip_of(v);

	if (!(p->pins[0] | p->pins[1] | p->pins[2] | p->pins[3]))
		jh_report(v, "address 0x%llx, pins from 0x%x", p->address, p->pin_base);
}

static void many_chips(struct vctx *v)
{
	if (v->c->cell.n[JH_CHIP] > 64)
		jh_report(v, "0x%x chips", v->c->cell.n[JH_CHIP]);
}

/* Bits of pin p of the chip at address that c has. */
static bool has_pin(const struct jh_config *c, u64 address, u32 pin)
{
	for (u32 i = 0; i < c->cell.n[JH_CHIP] && i < 64; i++) {
		const struct jh_chip *p = &jh_chips(&c->cell)[i];
		u32 k = pin - p->pin_base;

		if (p->address == address && pin >= p->pin_base && k < 128 && p->pins[k / 32] >> k % 32 & 1)
			return true;
	}
	return false;
}

static void shared_pins(struct vctx *v)
{
	const struct jh_chip *p = chip_of(v);

	for (u32 k = 0; v->who && v->i < 64 && k < 128; k++)
		for (unsigned other = 1; p->pins[k / 32] >> k % 32 & 1 && other < v->who; other++)
			if (has_pin(v->cells[other], p->address, p->pin_base + k))
				jh_report(v, "pin 0x%x (%u) of 0x%llx is cell \"%.32s\"'s too", p->pin_base + k, p->pin_base + k,
					  p->address, v->cells[other]->cell.name);
}

static void twice_pins(struct vctx *v)
{
	const struct jh_chip *p = chip_of(v);

	for (u32 o = 0; o < v->i && o < 64; o++) {
		const struct jh_chip *q = &jh_chips(&v->c->cell)[o];

		for (u32 k = 0; k < 128 && p->address == q->address; k++) {
			u32 pin = p->pin_base + k, kq = pin - q->pin_base;

			if (p->pins[k / 32] >> k % 32 & 1 && pin >= q->pin_base && kq < 128 && q->pins[kq / 32] >> kq % 32 & 1) {
				jh_report(v, "pin 0x%x (%u) is also in irqchips[%u]", pin, pin, o);
				break;
			}
		}
	}
}

static void foreign_pins(struct vctx *v)
{
	const struct jh_chip *p = chip_of(v);
	u32 first = 0, n = 0;

	if (!v->who || v->i >= 64 || !root_chip(v, p->address))
		return;
	for (u32 k = 0; k < 128; k++)
		if (p->pins[k / 32] >> k % 32 & 1 && !has_pin(v->cells[0], p->address, p->pin_base + k) && !n++)
			first = p->pin_base + k;
	if (n)
		jh_report(v, "pin 0x%x (%u)%s of 0x%llx", first, first, n > 1 ? " and others" : "", p->address);
}

/* ---- ports ---- */

static const struct jh_pio *pio_of(const struct vctx *v)
{
	return &jh_pios(&v->c->cell)[v->i];
}

static void no_length(struct vctx *v)
{
	if (!pio_of(v)->length)
		jh_report(v, "base 0x%x, length 0x0", pio_of(v)->base);
}

static void beyond(struct vctx *v)
{
	if ((u32)pio_of(v)->base + pio_of(v)->length > 0x10000)
		jh_report(v, "base 0x%x, length 0x%x", pio_of(v)->base, pio_of(v)->length);
}

static void arm_ports(struct vctx *v)
{
	if (v->c->cell.n[JH_PIO])
		jh_report(v, "0x%x ranges", v->c->cell.n[JH_PIO]);
}

static void config_ports(struct vctx *v)
{
	const struct jh_pio *p = pio_of(v);

	if (p->base < 0xd00 && (u32)p->base + p->length > 0xcf8)
		jh_report(v, "0x%x-0x%x has ports of 0xcf8-0xcff", p->base, p->base + p->length - 1);
}

static void twice_ports_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	jh_report_at(v, v->c, "pio_regions", MAX(a->rec, b->rec), "0x%llx-0x%llx is also in range %u",
		     b->start, MIN(a->end, b->end) - 1, MIN(a->rec, b->rec));
}

static void twice_ports(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (u32 i = 0; i < v->c->cell.n[JH_PIO]; i++)
		jh_span_add(v, &s, jh_pios(&v->c->cell)[i].base, jh_pios(&v->c->cell)[i].length, 0, i, 0);
	jh_span_sweep(v, &s, twice_ports_hit);
}

static void shared_ports_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	bool a_later = a->who > b->who;

	if (a->who == b->who)
		return;
	jh_report_at(v, v->cells[MAX(a->who, b->who)], "pio_regions", a_later ? a->rec : b->rec,
		     "0x%llx-0x%llx is also in range %u of cell \"%.32s\"", b->start, MIN(a->end, b->end) - 1,
		     a_later ? b->rec : a->rec, v->cells[MIN(a->who, b->who)]->cell.name);
}

static void shared_ports(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (unsigned who = 1; who < v->n_cells; who++)
		for (u32 i = 0; i < v->cells[who]->cell.n[JH_PIO]; i++)
			jh_span_add(v, &s, jh_pios(&v->cells[who]->cell)[i].base,
				    jh_pios(&v->cells[who]->cell)[i].length, who, i, 0);
	jh_span_sweep(v, &s, shared_ports_hit);
}

static void foreign_ports(struct vctx *v)
{
	const struct jh_cell *root = &v->cells[0]->cell;
	u32 at = pio_of(v)->base, end = at + pio_of(v)->length;
	bool moved = v->who > 0;

	if (!v->who || root->n[JH_PIO] > 4096)
		return;
	while (at < end && moved) {
		moved = false;
		for (u32 i = 0; i < root->n[JH_PIO]; i++) {
			u32 start = jh_pios(root)[i].base, stop = start + jh_pios(root)[i].length;

			if (start <= at && stop > at) {
				at = stop;
				moved = true;
			}
		}
	}
	if (at < end)
		jh_report(v, "port 0x%x of 0x%x-0x%x", at, pio_of(v)->base, end - 1);
}

/* ---- cache, streams ---- */

static void cache_form(struct vctx *v)
{
	const struct jh_cache *p = &jh_caches(&v->c->cell)[v->i];
	u64 end = (u64)p->start + p->size;

	if (v->i || p->type != JH_CACHE_L3 || !p->size || end > 32)
		jh_report(v, "start 0x%x, size 0x%x, type 0x%x", p->start, p->size, p->type);
}

static void cache_flags(struct vctx *v)
{
	const struct jh_cache *p = &jh_caches(&v->c->cell)[v->i];

	if (p->flags & ~JH_CACHE_ROOTSHARED || p->padding)
		jh_report(v, "flags 0x%x, padding 0x%x", p->flags, p->padding);
}

static void cache_arch(struct vctx *v)
{
	if (v->c->cell.n[JH_CACHE])
		jh_report(v, "0x%x regions", v->c->cell.n[JH_CACHE]);
}

static void cache_shared_hit(struct vctx *v, const struct jh_span *a, const struct jh_span *b)
{
	if (a->who != b->who)
		jh_report_at(v, v->cells[MAX(a->who, b->who)], "cache_regions", 0, "bits 0x%llx-0x%llx are cell \"%.32s\"'s too",
			     b->start, MIN(a->end, b->end) - 1, v->cells[MIN(a->who, b->who)]->cell.name);
}

static void cache_shared(struct vctx *v)
{
	struct jh_spans s = { NULL, 0, 0 };

	for (unsigned who = 1; who < v->n_cells; who++)
		if (v->cells[who]->cell.n[JH_CACHE])
			jh_span_add(v, &s, jh_caches(&v->cells[who]->cell)->start, jh_caches(&v->cells[who]->cell)->size, who, 0, 0);
	jh_span_sweep(v, &s, cache_shared_hit);
}

static void twice_stream(struct vctx *v)
{
	const struct jh_stream *s = jh_streams(&v->c->cell);

	for (u32 k = 0; k < v->i && k < 4096; k++)
		if (s[k].id == s[v->i].id)
			jh_report(v, "id 0x%x is also stream_ids[%u]", s[k].id, k);
}

static void shared_stream(struct vctx *v)
{
	u32 id = jh_streams(&v->c->cell)[v->i].id;

	for (unsigned other = 1; other < v->who; other++)
		for (u32 k = 0; k < v->cells[other]->cell.n[JH_STREAM] && k < 4096; k++)
			if (jh_streams(&v->cells[other]->cell)[k].id == id)
				jh_report(v, "id 0x%x is cell \"%.32s\"'s too", id, v->cells[other]->cell.name);
}

static void stream_arch(struct vctx *v)
{
	if (v->c->cell.n[JH_STREAM])
		jh_report(v, "0x%x stream ids", v->c->cell.n[JH_STREAM]);
}

static void stream_unit(struct vctx *v)
{
	for (int i = 0; i < JH_IOMMUS; i++)
		if (v->cells[0]->sys.iommu[i].base)
			return;
	if (v->c->cell.n[JH_STREAM])
		jh_report(v, "0x%x stream ids", v->c->cell.n[JH_STREAM]);
}

#define R(c, sev, scp, ref, chk, ttl, hnt, ...) { .code = (c), .severity = (sev), .scope = (scp), \
	.refusal = (ref), .check = (chk), .title = (ttl), .hint = (hnt), ##__VA_ARGS__ }
#define X86 .arch = 1 << JH_X86
#define ARMS .arch = 1 << JH_ARM | 1 << JH_ARM64

const struct jh_rule jh_rules_irq[] = {
	R("JH-IRQ-001", JH_ERROR, JH_CHIP, "EINVAL", pin_base_x86, "an IOAPIC's pins do not begin at 0", NULL, X86),
	R("JH-IRQ-002", JH_ERROR, JH_CHIP, "EINVAL", pin_base_arm, "pin_base is no multiple of 32 or too high",
	  "128 pins from there, below 1024", ARMS),
	R("JH-IRQ-003", JH_WARNING, JH_CHIP, NULL, pin_base_ppi, "pins that are no shared interrupts",
	  "SGIs and PPIs are every CPU's own; shared interrupts begin at 32", ARMS),
	R("JH-IRQ-004", JH_ERROR, JH_CHIP, NULL, unknown_gic, "an interrupt chip that is not the GIC",
	  "the hypervisor ignores it, and the cell gets no interrupt", ARMS),
	R("JH-IRQ-005", JH_ERROR, JH_CHIP, NULL, unknown_ioapic, "an IOAPIC that the root cell does not have", NULL, X86),
	R("JH-IRQ-006", JH_ERROR, JH_CHIP, NULL, other_id, "an IOAPIC has another id than in the root cell",
	  "the id is IOMMU << 16 | bdf; interrupts are remapped by it", X86),
	R("JH-IRQ-007", JH_ERROR, JH_CHIP, "ERANGE", id_iommu, "an IOAPIC's id names an IOMMU that is not there", NULL, X86),
	R("JH-IRQ-008", JH_ERROR, JH_CHIP, NULL, twice_ioapic, "an IOAPIC twice in one cell", NULL, X86),
	R("JH-IRQ-009", JH_NOTE, JH_CHIP, NULL, no_pins, "an interrupt chip without pins", NULL),
	R("JH-IRQ-010", JH_ERROR, SC_CELL, "ERANGE", many_chips, "too many interrupt chips", NULL),
	R("JH-IRQ-011", JH_ERROR, JH_CHIP, NULL, shared_pins, "an interrupt pin in two cells", "the cell that is created later takes it"),
	R("JH-IRQ-012", JH_ERROR, JH_CHIP, NULL, twice_pins, "an interrupt pin twice in one cell", NULL, ARMS),
	R("JH-IRQ-013", JH_WARNING, JH_CHIP, NULL, foreign_pins, "interrupt pins that the root cell does not have",
	  "is anything wired to them, and who else uses it?"),
	R("JH-PIO-001", JH_WARNING, JH_PIO, NULL, no_length, "a range of no ports", NULL),
	R("JH-PIO-002", JH_ERROR, JH_PIO, NULL, beyond, "ports beyond 0xffff", "the hypervisor writes behind its bitmap"),
	R("JH-PIO-003", JH_WARNING, SC_CELL, NULL, twice_ports, "ports twice in one cell", NULL),
	R("JH-PIO-004", JH_ERROR, SC_SET, NULL, shared_ports, "ports in two cells", "both cells reach the device"),
	R("JH-PIO-005", JH_NOTE, JH_PIO, NULL, foreign_ports, "ports that the root cell does not have",
	  "is a device there, and who else uses it?"),
	R("JH-PIO-006", JH_ERROR, SC_CELL, NULL, arm_ports, "ports on an architecture without ports", NULL, ARMS),
	R("JH-PIO-007", JH_ERROR, JH_PIO, NULL, config_ports, "the ports of PCI configuration",
	  "the hypervisor must see accesses to them: leave them out"),
	R("JH-CAC-001", JH_ERROR, JH_CACHE, "EINVAL", cache_form, "a cache region that no hypervisor takes",
	  "one region of type L3, with 1 to 32 bits of the cache's mask"),
	R("JH-CAC-002", JH_ERROR, JH_CACHE, NULL, cache_flags, "cache flags that are not known", NULL),
	R("JH-CAC-003", JH_ERROR, SC_CELL, NULL, cache_arch, "cache regions on an architecture without them", NULL, ARMS),
	R("JH-CAC-004", JH_WARNING, SC_SET, NULL, cache_shared, "two cells share a part of the cache", NULL),
	R("JH-STR-001", JH_ERROR, JH_STREAM, "EINVAL", twice_stream, "a stream id twice in one cell", NULL),
	R("JH-STR-002", JH_ERROR, JH_STREAM, NULL, shared_stream, "a stream id in two cells",
	  "the device of the first cell then reaches memory of the second"),
	R("JH-STR-003", JH_ERROR, SC_CELL, NULL, stream_arch, "stream ids on an architecture without them", NULL, X86),
	R("JH-STR-004", JH_WARNING, SC_CELL, NULL, stream_unit, "stream ids, but no IOMMU", NULL, ARMS),
	{ .code = NULL }
};
