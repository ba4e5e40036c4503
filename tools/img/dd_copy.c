// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dd's own loop: records in, conversions, records out. Where no operand asks
 * for single blocks they are moved many at a time, and counted as if not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dd.h"
#include "mem.h"

void dd_write_error(const struct dd *d, int ret)
{
	img_error("error writing '%s': %s", d->a->out ? d->a->out : "standard output", strerror(-ret));
}

/*
 * Pairs are those of the whole input, not of each record: an odd byte waits for the next. Bytes move
 * up by one or two places, so @p has room behind its end. Returns where the result begins.
 */
static u8 *swap_pairs(struct dd *d, u8 *p, size_t *n)
{
	int before = d->odd;

	if (!*n)
		return p;
	d->odd = -1;
	if ((before < 0) == (*n & 1))
		d->odd = p[--*n];
	for (size_t i = *n; i > 1; i -= 2)
		p[i] = p[i - 2];
	if (before < 0)
		return p + 1;
	p[1] = (u8)before;
	++*n;
	return p;
}

static u8 *convert_bytes(struct dd *d, u8 *p, size_t *n)
{
	for (size_t i = 0; d->conv & CONV_LCASE && i < *n; i++)
		p[i] = (u8)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	for (size_t i = 0; d->conv & CONV_UCASE && i < *n; i++)
		p[i] = (u8)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]);
	return d->conv & CONV_SWAB ? swap_pairs(d, p, n) : p;
}

static int put(struct dd *d, const u8 *p, size_t n)
{
	size_t piece = MAX((size_t)d->obs, (size_t)512);

	if (!(d->conv & CONV_SPARSE) && !d->out)
		return dd_write(d, p, n);
	/* Holes: blocks of zeros are not written. */
	if (d->out && !(d->conv & CONV_SPARSE))
		piece = 65536;
	while (n) {
		bool zero;
		size_t m = blk_zero_run(p, n, piece, &zero);
		int ret = zero && d->out_seeks ? dd_skip_out(d, m) : dd_write(d, p, m);

		if (ret)
			return ret;
		p += m;
		n -= m;
	}
	return 0;
}

void dd_count_out(struct dd *d, size_t n)
{
	d->out_full += n / d->obs;
	d->out_part += n % d->obs != 0;
	d->bytes += n;
}

struct outbuf {
	u8 *p;
	size_t fill;
};

/* bs= writes each input block as it came; otherwise blocks of obs are gathered. */
static int output(struct dd *d, struct outbuf *o, const u8 *p, size_t n, bool as_is)
{
	int ret = 0;

	if (as_is) {
		ret = put(d, p, n);
		if (!ret)
			dd_count_out(d, n);
		return ret;
	}
	while (!ret && n) {
		size_t m;

		if (!o->fill && n >= d->obs) {
			m = n / d->obs * d->obs;
			ret = put(d, p, m);
			if (!ret)
				dd_count_out(d, m);
		} else {
			m = MIN(n, d->obs - o->fill);
			memcpy(o->p + o->fill, p, m);
			o->fill += m;
			if (o->fill == d->obs) {
				ret = put(d, o->p, d->obs);
				if (!ret)
					dd_count_out(d, d->obs);
				o->fill = 0;
			}
		}
		p += m;
		n -= m;
	}
	return ret;
}

/* One input record or many; *end: nothing more comes. */
static ssize_t input(struct dd *d, u8 *buf, size_t want, bool single, bool *end)
{
	size_t have = 0;
	bool full = d->iflag & FL_FULLBLOCK || d->in_seeks || !single;

	while (have < want) {
		ssize_t r = dd_read(d, buf + have, want - have);

		if (r < 0)
			return have && !single ? (ssize_t)have : r;
		if (!r) {
			*end = true;
			break;
		}
		have += (size_t)r;
		if (!full)
			break;
	}
	return (ssize_t)have;
}

static int bad_read(struct dd *d, u8 *buf, size_t *n, int ret)
{
	img_error("error reading '%s': %s", d->a->in ? d->a->in : "standard input", strerror(-ret));
	if (!(d->conv & CONV_NOERROR))
		return ret;
	if (d->status != STATUS_NONE)
		dd_statistics(d);
	d->in_pos += d->ibs;
	d->in_part++;
	*n = 0;
	if (d->conv & CONV_SYNC) {
		memset(buf, 0, d->ibs);
		*n = d->ibs;
	}
	return d->in_seeks ? 0 : ret;
}

static int loop(struct dd *d, u8 *buf, size_t chunk, bool single, struct outbuf *o)
{
	u64 left = d->count, records = 0;
	bool end = false, as_is = d->a->bs && !(d->conv & (CONV_SWAB | CONV_LCASE | CONV_UCASE));
	int ret = 0;

	while (!ret && !end && !dd_stopped && left && records < d->max_records) {
		size_t want = (size_t)MIN((u64)chunk, left), n;
		u8 *out;
		ssize_t r = input(d, buf, want, single, &end);

		n = r > 0 ? (size_t)r : 0;
		if (r < 0) {
			ret = bad_read(d, buf, &n, (int)r);
			if (ret)
				break;
			records++;
		} else if (n) {
			d->in_full += n / d->ibs;
			d->in_part += n % d->ibs != 0;
			records += DIV_ROUND_UP(n, d->ibs);
			if (d->conv & CONV_SYNC && n % d->ibs) {
				size_t up = DIV_ROUND_UP(n, d->ibs) * d->ibs;

				memset(buf + n, 0, up - n);
				n = up;
			}
			left = left == ~0ULL ? left : left - MIN(left, (u64)n);
		}
		out = convert_bytes(d, buf, &n);
		if (n)
			ret = output(d, o, out, n, as_is);
		if (ret)
			dd_write_error(d, ret);
		dd_tick(d);
	}
	if (!ret && d->odd >= 0) {
		u8 last = (u8)d->odd;

		ret = output(d, o, &last, 1, false);
	}
	if (!ret && o->fill) {
		ret = put(d, o->p, o->fill);
		if (!ret)
			dd_count_out(d, o->fill);
		else
			dd_write_error(d, ret);
	}
	return ret;
}

int dd_copy(struct dd *d)
{
	bool single = d->conv & CONV_NOERROR || (!d->in_seeks && (d->a->count || d->conv & CONV_SYNC ||
			d->ibs >= 65536) && !(d->iflag & FL_FULLBLOCK));
	size_t chunk = d->ibs;
	struct outbuf o = { NULL, 0 };
	u8 *buf;
	int ret;

	if (!single && chunk < MiB)
		chunk = (size_t)(MiB / d->ibs * d->ibs);
	buf = mem_aligned(4096, chunk + d->ibs);
	o.p = malloc(d->obs);
	ret = buf && o.p ? loop(d, buf, chunk, single, &o) : -ENOMEM;
	if (ret == -ENOMEM)
		img_error("memory exhausted by a block size of %llu bytes", MAX(d->ibs, d->obs));
	free(o.p);
	free(buf);
	return ret;
}

