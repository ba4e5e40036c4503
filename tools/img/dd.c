/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * img dd: GNU dd's operands on any image format. Where no operand asks for
 * single blocks, blocks are moved many at a time; the record counts are those
 * that single blocks would have given.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "block/driver.h"
#include "dd.h"
#include "mem.h"
#include "str.h"

#define A struct dd_args

static volatile sig_atomic_t asked, stopped;

static void on_signal(int sig)
{
	if (sig == SIGINT)
		stopped = 1;
	else
		asked = 1;
}

/* ---- operands ---- */

/* GNU's sizes: c w b kB K MB M ..., products with x, and B for "bytes" on counts. */
static int parse_factor(const char **s, u64 *out, bool *bytes)
{
	static const struct { const char *name; u64 mult; } suf[] = {
		{ "kB", 1000 }, { "KB", 1000 }, { "KiB", KiB }, { "K", KiB }, { "k", KiB },
		{ "MB", 1000000 }, { "MiB", MiB }, { "M", MiB }, { "GB", 1000000000 }, { "GiB", GiB },
		{ "G", GiB }, { "TB", 1000000000000ULL }, { "TiB", TiB }, { "T", TiB },
		{ "c", 1 }, { "w", 2 }, { "b", 512 }, { "B", 1 },
	};
	const char *end;

	if (str_scan_u64(*s, 10, &end, out))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(suf); i++) {
		size_t k = strlen(suf[i].name);

		if (strncmp(end, suf[i].name, k) || (end[k] && end[k] != 'x' && end[k] != 'B'))
			continue;
		if (mul_overflows(*out, suf[i].mult, out))
			return -ERANGE;
		*bytes |= suf[i].name[k - 1] == 'B';
		end += k;
		if (*end == 'B') {
			*bytes = true;
			end++;
		}
		break;
	}
	*s = end;
	return 0;
}

static int parse_num(const char *name, const char *text, u64 *out, bool *bytes)
{
	const char *s = text;
	u64 v;
	int ret = parse_factor(&s, out, bytes);

	while (!ret && *s == 'x') {
		s++;
		ret = parse_factor(&s, &v, bytes);
		if (!ret && mul_overflows(*out, v, out))
			ret = -ERANGE;
	}
	if (!ret && *s)
		ret = -EINVAL;
	if (ret)
		img_error(ret == -ERANGE ? "%s: value too large: '%s'" : "invalid number: '%s=%s'", name, text);
	return ret;
}

static int parse_block(const char *name, const char *text, u64 *out)
{
	bool b = false;

	if (!text)
		return 0;
	if (parse_num(name, text, out, &b))
		return -EINVAL;
	if (!*out || *out > (u64)INT32_MAX) {
		img_error("invalid number: '%s'", text);
		return -EINVAL;
	}
	return 0;
}

struct word {
	const char *name;
	u32 bit;
};

static int parse_words(const char *what, const char *text, const struct word *w, u32 *out)
{
	while (text && *text) {
		size_t n = strcspn(text, ",");
		const struct word *k = w;

		while (k->name && (strlen(k->name) != n || strncmp(k->name, text, n)))
			k++;
		if (!k->name) {
			img_error("invalid %s: '%.*s'", what, (int)n, text);
			return -EINVAL;
		}
		*out |= k->bit;
		text += n + (text[n] == ',');
	}
	return 0;
}

static const struct word convs[] = {
	{ "notrunc", CONV_NOTRUNC }, { "nocreat", CONV_NOCREAT }, { "excl", CONV_EXCL },
	{ "sparse", CONV_SPARSE }, { "noerror", CONV_NOERROR }, { "sync", CONV_SYNC },
	{ "fsync", CONV_FSYNC }, { "fdatasync", CONV_FDATASYNC }, { "swab", CONV_SWAB },
	{ "lcase", CONV_LCASE }, { "ucase", CONV_UCASE }, { NULL, 0 },
};
static const struct word flag_words[] = {
	{ "direct", FL_DIRECT }, { "dsync", FL_DSYNC }, { "sync", FL_SYNC }, { "fullblock", FL_FULLBLOCK },
	{ "append", FL_APPEND }, { "nocache", FL_NOCACHE }, { "skip_bytes", FL_SKIP_BYTES },
	{ "count_bytes", FL_COUNT_BYTES }, { "seek_bytes", FL_SEEK_BYTES }, { "nonblock", FL_NONBLOCK },
	{ "directory", FL_DIRECTORY }, { "nofollow", FL_NOFOLLOW }, { "noatime", FL_NOATIME },
	{ "noctty", FL_NOCTTY }, { NULL, 0 },
};

/* A position: blocks of @bs unless bytes were said. */
static int parse_pos(const char *name, const char *text, u64 bs, bool in_bytes, u64 *out)
{
	if (!text)
		return 0;
	if (parse_num(name, text, out, &in_bytes))
		return -EINVAL;
	if (!in_bytes && mul_overflows(*out, bs, out)) {
		img_error("%s: value too large: '%s'", name, text);
		return -EINVAL;
	}
	return *out > (u64)INT64_MAX ? (img_error("%s: value too large: '%s'", name, text), -EINVAL) : 0;
}

static int parse_count(struct dd *d)
{
	bool bytes = d->iflag & FL_COUNT_BYTES;
	u64 v;

	d->count = d->max_records = ~0ULL;
	if (!d->a->count)
		return 0;
	if (parse_num("count", d->a->count, &v, &bytes))
		return -EINVAL;
	if (bytes)
		d->count = v;
	else
		d->max_records = v;
	if (!bytes && mul_overflows(v, d->ibs, &d->count))
		d->count = ~0ULL;
	return 0;
}

static int parse_status(struct dd *d)
{
	static const char *const names[] = { "", "none", "noxfer", "progress", NULL };

	if (d->a->status)
		d->status = str_to_index(d->a->status, names);
	if (d->status < 0) {
		img_error("invalid status level: '%s'", d->a->status);
		return -EINVAL;
	}
	return 0;
}

static int parse_all(struct dd *d)
{
	struct dd_args *a = d->a;

	d->ibs = d->obs = 512;
	if (parse_block("ibs", a->ibs, &d->ibs) || parse_block("obs", a->obs, &d->obs) ||
	    parse_block("bs", a->bs, &d->ibs))
		return -EINVAL;
	if (a->bs)
		d->obs = d->ibs;
	if (parse_words("conversion", a->conv, convs, &d->conv) ||
	    parse_words("input flag", a->iflag, flag_words, &d->iflag) ||
	    parse_words("output flag", a->oflag, flag_words, &d->oflag))
		return -EINVAL;
	if ((d->conv & (CONV_LCASE | CONV_UCASE)) == (CONV_LCASE | CONV_UCASE)) {
		img_error("cannot combine lcase and ucase");
		return -EINVAL;
	}
	if ((d->conv & (CONV_EXCL | CONV_NOCREAT)) == (CONV_EXCL | CONV_NOCREAT)) {
		img_error("cannot combine excl and nocreat");
		return -EINVAL;
	}
	if (parse_pos("skip", a->skip, d->ibs, d->iflag & FL_SKIP_BYTES, &d->skip) ||
	    parse_pos("seek", a->seek, d->obs, d->oflag & FL_SEEK_BYTES, &d->seek))
		return -EINVAL;
	return parse_count(d) ?: parse_status(d);
}

/* ---- statistics ---- */

static struct timespec started;

void dd_statistics(struct dd *d, bool line_end)
{
	struct timespec t;
	double s;
	char sz[STR_SIZE_MAX];

	clock_gettime(CLOCK_MONOTONIC, &t);
	s = (double)(t.tv_sec - started.tv_sec) + (double)(t.tv_nsec - started.tv_nsec) / 1e9;
	if (line_end)
		fprintf(stderr, "%llu+%llu records in\n%llu+%llu records out\n", d->in_full, d->in_part,
			d->out_full, d->out_part);
	if (line_end && d->status == STATUS_NOXFER)
		return;
	fprintf(stderr, "%s%llu bytes (%s) copied, %g s, %.1f MB/s%s", line_end ? "" : "\r", d->bytes,
		str_size(sz, d->bytes), s, s > 0 ? (double)d->bytes / s / 1e6 : 0, line_end ? "\n" : "  ");
}

static void tick(struct dd *d, time_t *last)
{
	struct timespec t;

	if (asked) {
		asked = 0;
		dd_statistics(d, true);
	}
	if (d->status != STATUS_PROGRESS)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec != *last) {
		*last = t.tv_sec;
		dd_statistics(d, false);
	}
}

/* ---- copying ---- */

static void convert_bytes(struct dd *d, u8 *p, size_t n)
{
	if (d->conv & CONV_SWAB) {
		for (size_t i = 0; i + 1 < n; i += 2) {
			u8 t = p[i];

			p[i] = p[i + 1];
			p[i + 1] = t;
		}
	}
	for (size_t i = 0; d->conv & CONV_LCASE && i < n; i++)
		p[i] = (u8)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	for (size_t i = 0; d->conv & CONV_UCASE && i < n; i++)
		p[i] = (u8)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 32 : p[i]);
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

static void count_out(struct dd *d, size_t n)
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
			count_out(d, n);
		return ret;
	}
	while (!ret && n) {
		size_t m;

		if (!o->fill && n >= d->obs) {
			m = n / d->obs * d->obs;
			ret = put(d, p, m);
			if (!ret)
				count_out(d, m);
		} else {
			m = MIN(n, d->obs - o->fill);
			memcpy(o->p + o->fill, p, m);
			o->fill += m;
			if (o->fill == d->obs) {
				ret = put(d, o->p, d->obs);
				if (!ret)
					count_out(d, d->obs);
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
		dd_statistics(d, true);
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
	bool end = false, as_is = d->a->bs || d->ibs == d->obs;
	time_t last = 0;
	int ret = 0;

	while (!ret && !end && !stopped && left && records < d->max_records) {
		size_t want = (size_t)MIN((u64)chunk, left), n;
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
		convert_bytes(d, buf, n);
		if (n)
			ret = output(d, o, buf, n, as_is);
		if (ret)
			img_error("error writing '%s': %s", d->a->out ? d->a->out : "standard output", strerror(-ret));
		tick(d, &last);
	}
	if (!ret && o->fill) {
		ret = put(d, o->p, o->fill);
		if (!ret)
			count_out(d, o->fill);
		else
			img_error("error writing '%s': %s", d->a->out ? d->a->out : "standard output", strerror(-ret));
	}
	return ret;
}

static int copy(struct dd *d)
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

/* Image to image with nothing but positions to mind: the copy engine does it. */
static bool engine_fits(const struct dd *d)
{
	return d->in && d->out && !(d->conv & (CONV_NOERROR | CONV_SYNC | CONV_SWAB | CONV_LCASE | CONV_UCASE)) &&
	       d->status != STATUS_PROGRESS;
}

static int engine(struct dd *d)
{
	u64 len = d->in_pos < d->in_size ? MIN(d->in_size - d->in_pos, d->count) : 0;
	struct blk_copy_source src = { d->in, d->in_pos, len };
	struct blk_copy c = { .src = &src, .n_src = 1, .dst = d->out, .dst_off = d->out_pos, .min_sparse = 4096,
			      .target_is_zero = !(d->conv & CONV_NOTRUNC) };
	struct err e = ERR_INIT;
	int ret = 0;

	if (d->out_pos + len > blk_length(d->out))
		ret = blk_truncate(d->out, ALIGN_UP(d->out_pos + len, 512), true, BLK_PREALLOC_OFF, &e);
	if (!ret && len)
		ret = blk_copy_run(&c, &e);
	if (ret) {
		img_error_err(&e);
		return ret;
	}
	d->out_pos += len;
	d->in_full = len / d->ibs;
	d->in_part = len % d->ibs != 0;
	count_out(d, len);
	return 0;
}

static int dd_job(struct dd *d)
{
	int ret = dd_open_in(d);

	if (!ret && d->in_seeks && d->in_pos > d->in_size && d->skip)
		img_error("'%s': cannot skip to specified offset", d->a->in ? d->a->in : "standard input");
	ret = ret ?: dd_open_out(d);
	ret = ret ?: engine_fits(d) ? engine(d) : copy(d);
	if (!ret) {
		ret = dd_finish_out(d);
		if (ret)
			img_error("error writing '%s': %s", d->a->out ? d->a->out : "standard output", strerror(-ret));
	}
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct dd d = { .a = args, .ifd = -1, .ofd = -1 };
	struct sigaction sa = { .sa_handler = on_signal };
	int ret;

	if (parse_all(&d))
		return 1;
	d.g = img_graph(&d.a->a, call);
	if (!d.g)
		return 1;
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	clock_gettime(CLOCK_MONOTONIC, &started);
	ret = dd_job(&d);
	if (dd_close(&d) && !ret) {
		img_error("error closing '%s'", d.a->out);
		ret = -EIO;
	}
	if (d.status == STATUS_PROGRESS)
		fputc('\n', stderr);
	if (d.status != STATUS_NONE && !(ret && !d.bytes && !d.in_full && !d.in_part))
		dd_statistics(&d, true);
	blk_graph_free(d.g);
	if (stopped) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return ret ? 1 : 0;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SHARE(A),
	OPT_STR('O', "target-format", "FMT", A, out_fmt, "format of the output (default: raw)"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "options of that format"),
	OPT_GROUP("Operands"),
	KEYVAL_STR("if", "FILE", A, in, "read FILE instead of standard input"),
	KEYVAL_STR("of", "FILE", A, out, "write FILE instead of standard output"),
	KEYVAL_STR("bs", "BYTES", A, bs, "read and write up to BYTES at a time (default: 512); overrides ibs and obs"),
	KEYVAL_STR("ibs", "BYTES", A, ibs, "read up to BYTES at a time"),
	KEYVAL_STR("obs", "BYTES", A, obs, "write BYTES at a time"),
	KEYVAL_STR("count", "N", A, count, "copy only N input blocks; NB: bytes"),
	KEYVAL_STR("skip", "N", A, skip, "skip N input blocks first; NB: bytes"),
	KEYVAL_STR("iseek", "N", A, skip, "the same"),
	KEYVAL_STR("seek", "N", A, seek, "skip N output blocks first; NB: bytes"),
	KEYVAL_STR("oseek", "N", A, seek, "the same"),
	KEYVAL_STR("conv", "WORDS", A, conv, "notrunc, nocreat, excl, sparse, noerror, sync, fsync, fdatasync, swab, lcase, ucase"),
	KEYVAL_STR("iflag", "WORDS", A, iflag, "direct, dsync, sync, fullblock, nonblock, nocache, skip_bytes, count_bytes, ..."),
	KEYVAL_STR("oflag", "WORDS", A, oflag, "append, direct, dsync, sync, nocache, seek_bytes, ..."),
	KEYVAL_STR("status", "LEVEL", A, status, "none, noxfer or progress"),
	OPT_END
};

const struct opt_cmd img_cmd_dd = {
	.name = "dd", .summary = "copy blocks of any image, as dd does of files", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
