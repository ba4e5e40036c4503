/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binary configurations: read and written by the tables of layout.c. What is
 * read is hostile: the counts are summed up in 64 bits and compared with the
 * length of the file before anything behind the descriptor is looked at.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "layout.h"
#include "mem.h"

static u64 get_int(const u8 *p, unsigned width)
{
	u64 v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (u64)p[i] << 8 * i;
	return v;
}

static void put_int(u8 *p, unsigned width, u64 v)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = v >> 8 * i;
}

struct reader {
	const u8 *base;
	struct jh_ctx ctx;
	bool bad_padding;
	u32 padding_at;
};

static void check_padding(struct reader *r, const u8 *p, size_t n)
{
	size_t at = buf_find_nonzero(p, n);

	if (at < n && !r->bad_padding) {
		r->bad_padding = true;
		r->padding_at = p - r->base + at;
	}
}

static void get_msi(struct reader *r, struct jh_pci *d, const u8 *p)
{
	u8 bits = *p;

	d->msi_64bits = bits & 1;
	d->msi_maskable = bits >> 1 & 1;
	d->msi_rest = bits >> 2;
	if (d->msi_rest)
		check_padding(r, p, 1);
}

static void get_record(struct reader *r, const struct jh_field *f, const u8 *p, void *rec)
{
	for (; (f = jh_field_next(f, &r->ctx, rec)); f++) {
		unsigned n = f->n ? f->n : 1;

		switch (f->kind) {
		case JH_K_PAD:
			check_padding(r, p, n);
			break;
		case JH_K_MSI:
			get_msi(r, rec, p);
			break;
		case JH_K_SUB:
			for (unsigned i = 0; i < n; i++)
				get_record(r, f->sub, p + i * jh_record_bytes(f->sub, &r->ctx),
					   (u8 *)rec + f->off + (size_t)i * f->step);
			break;
		default:
			for (unsigned i = 0; i < n; i++)
				jh_field_set(f, rec, i, get_int(p + (size_t)i * f->width, f->width));
		}
		p += jh_field_bytes(f, &r->ctx);
	}
}

static int get_section(struct reader *r, struct jh_cell *c, enum jh_section s, const u8 *p)
{
	const struct jh_field *fields = jh_sections[s].fields;
	size_t each = jh_section_element(s, &r->ctx), host = jh_element_size(s);
	u32 n = c->n[s];

	c->cap[s] = n;
	c->v[s] = n ? mem_zarray(n, host) : NULL;
	if (n && !c->v[s]) {
		c->n[s] = 0;
		return -ENOMEM;
	}
	if (!fields && n)
		memcpy(c->v[s], p, n);
	for (u32 i = 0; fields && i < n; i++)
		get_record(r, fields, p + i * each, (u8 *)c->v[s] + i * host);
	return 0;
}

static int fail(unsigned *fault, unsigned code, struct err *err, const char *fmt, ...) __printf(4, 5);
static int fail(unsigned *fault, unsigned code, struct err *err, const char *fmt, ...)
{
	va_list ap;

	*fault = code;
	va_start(ap, fmt);
	err_vset(err, EINVAL, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/*
 * Signatures: JHSYS and JHCLL with the architecture in the byte behind, since
 * 14; before JHSYST and JHCELL.
 */
static int read_head(struct jh_config *c, const u8 *p, size_t len, int arch, unsigned *fault, struct err *err)
{
	bool old = len >= 8 && (!memcmp(p, "JHSYST", 6) || !memcmp(p, "JHCELL", 6));

	if (len < 8)
		return fail(fault, JH_FMT_SHORT, err, "%zu bytes are too few for a configuration", len);
	if (!old && memcmp(p, "JHSYS", 5) && memcmp(p, "JHCLL", 5))
		return fail(fault, JH_FMT_SIGNATURE, err, "no signature of a system (JHSYS) or cell (JHCLL)");
	c->is_system = p[2] == 'S';
	c->revision = get_le16(p + 6);
	if (!jh_revision_known(c->revision) || old != (c->revision < 14))
		return fail(fault, JH_FMT_REVISION, err,
			    "revision %u%s; known are 10, 12, 13 (JHSYST, JHCELL), 14 and 15 (JHSYS, JHCLL)",
			    c->revision, old ? " with an old signature" : "");
	if (!old && p[5] >= JH_ARCHES)
		return fail(fault, JH_FMT_ARCH, err, "architecture %u; known are 0 (x86), 1 (arm) and 2 (arm64)", p[5]);
	c->arch = old ? (arch >= 0 ? arch : JH_X86) : p[5];
	if (old && arch < 0)
		c->odd |= JH_ODD_ARCH;
	return 0;
}

/* Before revision 14: a system with a plausible GIC is ARM's; a cell with ports or an IOAPIC is x86's. */
static u8 guess_arch(const struct jh_config *c, const u8 *p, size_t len)
{
	struct jh_ctx arm = { c->revision, JH_ARM64 };
	struct reader r = { p, arm, false, 0 };
	struct jh_system sys = { .revision = 0 };

	if (c->is_system) {
		if (len < jh_record_bytes(jh_layout_system, &arm))
			return JH_X86;
		get_record(&r, jh_layout_system, p, &sys);
		return (sys.gic_version == 2 || sys.gic_version == 3) && sys.gicd && !(sys.gicd & 0xfff) &&
			!r.bad_padding ? JH_ARM64 : JH_X86;
	}
	if (c->cell.n[JH_PIO] || c->cell.n[JH_PIOMAP])
		return JH_X86;
	for (u32 i = 0; i < c->cell.n[JH_CHIP]; i++)
		if (jh_chips(&c->cell)[i].pin_base >= 32)
			return JH_ARM64;
	return c->cell.n[JH_STREAM] || c->cell.vpci_irq_base || c->cell.console.type >= JH_CON_PL011 ? JH_ARM64 : JH_X86;
}

static int read_body(struct jh_config *c, struct reader *r, const u8 *p, size_t len, unsigned *fault, struct err *err)
{
	size_t sys = c->is_system ? jh_record_bytes(jh_layout_system, &r->ctx) : 0;
	size_t desc = jh_record_bytes(jh_layout_cell, &r->ctx);
	u64 want;

	if (len < sys + desc)
		return fail(fault, JH_FMT_SHORT, err, "cut short: %zu bytes, the descriptor alone has %zu", len, sys + desc);
	if (sys)
		get_record(r, jh_layout_system, p, &c->sys);
	get_record(r, jh_layout_cell, p + sys, &c->cell);
	want = jh_config_bytes(c);
	if (want > len) {
		memset(c->cell.n, 0, sizeof(c->cell.n));
		return fail(fault, JH_FMT_COUNTS, err, "cut short or wrong counts: the records need %llu bytes, "
			    "the file has %zu", want, len);
	}
	c->used = want;
	c->cell.n[JH_TAIL] = len - want;
	p += sys + desc;
	for (int s = 0; s < JH_SECTIONS; s++) {
		if (!jh_section_in(s, c->revision)) {
			c->cell.n[s] = 0;
			continue;
		}
		if (get_section(r, &c->cell, s, p)) {
			memset(&c->cell.n[s], 0, (JH_SECTIONS - s) * sizeof(c->cell.n[0]));
			return err_set(err, ENOMEM, "out of memory");
		}
		p += (size_t)c->cell.n[s] * jh_section_element(s, &r->ctx);
	}
	return c->revision < 12 && jh_pio_from_map(&c->cell) ? err_set(err, ENOMEM, "out of memory") : 0;
}

int jh_read(struct jh_config *c, const u8 *p, size_t len, int arch, unsigned *fault, struct err *err)
{
	struct reader r = { p, { 0, 0 }, false, 0 };
	int ret;

	jh_config_init(c);
	*fault = 0;
	c->size = len;
	if (len > JH_SYSTEM_MAX)
		ret = fail(fault, JH_FMT_SIZE, err, "%zu bytes; no configuration has more than %u", len, JH_SYSTEM_MAX);
	else
		ret = read_head(c, p, len, arch, fault, err);
	if (ret)
		goto out;
	if (c->odd & JH_ODD_ARCH && c->is_system)
		c->arch = guess_arch(c, p, len);
	r.ctx = (struct jh_ctx){ c->revision, c->arch };
	ret = read_body(c, &r, p, len, fault, err);
	if (ret)
		goto out;
	if (c->odd & JH_ODD_ARCH && !c->is_system)
		c->arch = guess_arch(c, p, len);
	if (r.bad_padding)
		c->odd |= JH_ODD_PADDING;
	c->padding_at = r.padding_at;
	return 0;
out:
	jh_config_free(c);
	return ret;
}

static void put_record(const struct jh_ctx *ctx, const struct jh_field *f, u8 *p, const void *rec)
{
	for (; (f = jh_field_next(f, ctx, rec)); f++) {
		const struct jh_pci *d = rec;
		unsigned n = f->n ? f->n : 1;

		switch (f->kind) {
		case JH_K_PAD:
			break;
		case JH_K_MSI:
			*p = (d->msi_64bits & 1) | (d->msi_maskable & 1) << 1 | d->msi_rest << 2;
			break;
		case JH_K_SUB:
			for (unsigned i = 0; i < n; i++)
				put_record(ctx, f->sub, p + i * jh_record_bytes(f->sub, ctx),
					   (const u8 *)rec + f->off + (size_t)i * f->step);
			break;
		default:
			for (unsigned i = 0; i < n; i++)
				put_int(p + (size_t)i * f->width, f->width, jh_field_get(f, rec, i));
		}
		p += jh_field_bytes(f, ctx);
	}
}

int jh_write(const struct jh_config *c, u8 **out, size_t *len, struct err *err)
{
	struct jh_ctx ctx = { c->revision, c->arch };
	u8 *p;

	*len = jh_config_bytes(c) + c->cell.n[JH_TAIL];
	*out = p = mem_zalloc(*len);
	if (!p)
		return err_set(err, ENOMEM, "out of memory");
	if (c->is_system) {
		put_record(&ctx, jh_layout_system, p, &c->sys);
		p += jh_record_bytes(jh_layout_system, &ctx);
	}
	put_record(&ctx, jh_layout_cell, p, &c->cell);
	p += jh_record_bytes(jh_layout_cell, &ctx);
	for (int s = 0; s < JH_SECTIONS; s++) {
		size_t each = jh_section_element(s, &ctx), host = jh_element_size(s);

		if (!jh_section_in(s, c->revision))
			continue;
		for (u32 i = 0; i < c->cell.n[s]; i++, p += each) {
			const u8 *rec = (const u8 *)c->cell.v[s] + i * host;

			if (jh_sections[s].fields)
				put_record(&ctx, jh_sections[s].fields, p, rec);
			else
				*p = *rec;
		}
	}
	return 0;
}
