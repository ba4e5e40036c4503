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
#include <unistd.h>
#include "block/driver.h"
#include "dd.h"
#include "str.h"
#include "stream.h"

#define A struct dd_args

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

static int parse_lists(const char *what, const struct opt_list *l, const struct word *w, u32 *out)
{
	int ret = 0;

	for (size_t i = 0; i < l->n && !ret; i++)
		ret = parse_words(what, l->v[i].val, w, out);
	return ret;
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
	if (parse_lists("conversion", &a->conv, convs, &d->conv) ||
	    parse_lists("input flag", &a->iflag, flag_words, &d->iflag) ||
	    parse_lists("output flag", &a->oflag, flag_words, &d->oflag))
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

/* ---- running ---- */

static int close_sandbox(struct dd *d)
{
	const char *in = d->a->in, *out = d->a->out;
	const struct img_place p[] = {
		{ dd_is_std(in) ? NULL : in, STDIN_FILENO, false },
		{ dd_is_std(out) ? NULL : out, STDOUT_FILENO, true },
		{ img_temp_dir(), -1, true },
	};

	for (size_t i = 0; i < d->a->options.n; i++)
		if (strstr(d->a->options.v[i].val, "_file"))	/* may be anywhere */
			return 0;
	return img_sandbox_places(d->g, &d->a->a, p, ARRAY_SIZE(p));
}

/* As qemu-img has it, what was written is on the disk at the end, also without a format. */
static void sync_as_qemu(struct dd *d)
{
	if (d->as_qemu && dd_is_file(d->ofd))
		d->conv |= CONV_FDATASYNC;
}

static int dd_job(struct dd *d)
{
	int ret = close_sandbox(d) ?: dd_open_in(d);

	if (!ret && d->skip_missed && d->status != STATUS_NONE)
		img_error("'%s': cannot skip to specified offset", d->a->in ? d->a->in : "standard input");
	ret = ret ?: dd_open_out(d);
	sync_as_qemu(d);
	if (!ret)
		ret = d->stream ? dd_stream(d) : d->spool ? dd_through_spool(d) :
		      dd_engine_fits(d) ? dd_engine(d) : dd_copy(d);
	if (!ret) {
		ret = dd_finish_out(d);
		if (ret)
			dd_write_error(d, ret);
	}
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct dd d = { .a = args, .ifd = -1, .ofd = -1, .spool_fd = -1, .odd = -1,
			.as_qemu = img_as_qemu(call) };
	int ret;

	d.status = d.as_qemu ? STATUS_NONE : STATUS_DEFAULT;	/* qemu-img says nothing */
	if (parse_all(&d))
		return 1;
	d.g = img_graph(&d.a->a, call);
	if (!d.g)
		return 1;
	dd_watch(&d);
	ret = dd_job(&d);
	if (dd_close(&d) && !ret) {
		img_error("error closing '%s'", d.a->out);
		ret = -EIO;
	}
	if (d.status != STATUS_NONE && !(ret && !d.bytes && !d.in_full && !d.in_part))
		dd_statistics(&d);
	ret = img_done(d.g, ret ? 1 : 0);
	if (dd_stopped) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return ret;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A),
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
	KEYVAL_LIST("conv", "WORDS", A, conv, "notrunc, nocreat, excl, sparse, noerror, sync, fsync, fdatasync, swab, lcase, ucase"),
	KEYVAL_LIST("iflag", "WORDS", A, iflag, "direct, dsync, sync, fullblock, nonblock, nocache, skip_bytes, count_bytes, ..."),
	KEYVAL_LIST("oflag", "WORDS", A, oflag, "append, direct, dsync, sync, nocache, seek_bytes, ..."),
	KEYVAL_STR("status", "LEVEL", A, status, "none, noxfer or progress"),
	OPT_END
};

const struct opt_cmd img_cmd_dd = {
	.name = "dd", .summary = "copy blocks of any image, as dd does of files", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
