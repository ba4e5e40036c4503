/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of qemu-io that move data. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/driver.h"
#include "mem.h"
#include "qio.h"
#include "str.h"

#define MAX_BUFFERS 1024		/* IOV_MAX */

struct job {
	struct qio *s;
	struct blk_req r;
	struct iovec iov[MAX_BUFFERS];
	u8 *buf;
	u64 start, total;
	int pattern;
	bool quiet, compact, verbose, verify, zero, write;
	const char *what, *did;		/* the command; the word of its report */
};

u64 qio_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* Three significant digits and no trailing zeros, as qemu-io's cvtstr(). */
static void size_text(double v, char *buf, size_t n)
{
	static const char *const u[] = { "EiB", "PiB", "TiB", "GiB", "MiB", "KiB" };
	double f = 1152921504606846976.0;

	for (int i = 0; i < 6; i++, f /= 1024) {
		if (v < f)
			continue;
		snprintf(buf, n, "%.3f", v / f);
		if (str_ends(buf, ".000"))
			buf[strlen(buf) - 4] = '\0';
		strncat(buf, " ", n - strlen(buf) - 1);
		strncat(buf, u[i], n - strlen(buf) - 1);
		return;
	}
	snprintf(buf, n, "%.3f", v);
	if (str_ends(buf, ".000"))
		buf[strlen(buf) - 4] = '\0';
	strncat(buf, " bytes", n - strlen(buf) - 1);
}

void qio_report(const char *what, u64 t, u64 off, u64 want, u64 total, u64 ops, bool compact)
{
	double s = (double)t / 1e9;
	char a[64], b[64], ts[64];

	if (compact) {
		printf("%llu,%llu,%.4f,%.3f,%.3f\n", total, ops, s, s > 0 ? (double)total / s : 0,
		       s > 0 ? (double)ops / s : 0);
		return;
	}
	size_text((double)total, a, sizeof(a));
	size_text(s > 0 ? (double)total / s : 0, b, sizeof(b));
	snprintf(ts, sizeof(ts), "%02u:%02u:%02u.%02u", (unsigned)(s / 3600), (unsigned)(s / 60) % 60,
		 (unsigned)s % 60, (unsigned)(s * 100) % 100);
	printf("%s %llu/%llu bytes at offset %llu\n%s, %llu ops; %s (%s/sec and %.4f ops/sec)\n", what, total,
	       want, off, a, ops, s >= 60 ? ts : (snprintf(ts, sizeof(ts), "%05.2f sec", s), ts), b,
	       s > 0 ? (double)ops / s : 0);
}

int qio_num(const char *text, u64 *out)
{
	int ret = blk_parse_size(text, out);

	if (!ret && *out > (u64)INT64_MAX)
		ret = -ERANGE;
	if (ret == -ERANGE)
		printf("Parsing error: argument too large -- %s\n", text);
	else if (ret)
		printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n", text);
	return ret ? -EINVAL : 0;
}

static int parse_pattern(const char *t)
{
	char *end;
	long v = strtol(t, &end, 0);

	if (*end || !*t || v < 0 || v > 255) {
		printf("%s is not a valid pattern byte\n", t);
		return -1;
	}
	return (int)v;
}

static void dump(const u8 *p, u64 off, u64 len)
{
	for (u64 i = 0; i < len; i += 16) {
		printf("%08llx:  ", off + i);
		for (u64 k = 0; k < 16 && i + k < len; k++)
			printf("%02x ", p[i + k]);
		putchar(' ');
		for (u64 k = 0; k < 16 && i + k < len; k++)
			putchar(p[i + k] >= 0x20 && p[i + k] < 0x7f ? p[i + k] : '.');
		putchar('\n');
	}
}

static void fill(struct job *j, u64 len)
{
	if (!j->s->misalign || j->pattern < 0) {
		memset(j->buf, j->pattern < 0 ? 0xcd : j->pattern, len);
		return;
	}
	memset(j->buf, j->pattern, len);
}

static int fill_from_file(struct job *j, const char *file, u64 len)
{
	FILE *f = fopen(file, "r");
	size_t n;

	if (!f) {
		printf("%s: %s\n", file, strerror(errno));
		return -errno;
	}
	n = fread(j->buf, 1, len, f);
	fclose(f);
	if (!n) {
		printf("%s: file empty\n", file);
		return -EINVAL;
	}
	for (u64 i = n; i < len; i++)
		j->buf[i] = j->buf[i % n];
	return 0;
}

static int finish_read(struct job *j, u64 voff, u64 vlen)
{
	if (j->verify) {
		u64 i;

		for (i = voff; i < voff + vlen && j->buf[i] == (u8)j->pattern; i++)
			;
		if (i < voff + vlen) {
			printf("Pattern verification failed at offset %llu, %llu bytes\n", j->r.off + voff, vlen);
			j->s->errors++;
			return -EINVAL;
		}
	}
	return 0;
}

static int usage(const char *cmd)
{
	const struct qio_cmd *c;

	for (c = qio_io_cmds; c->name && strcmp(c->name, cmd); c++)
		;
	printf("%s %s -- %s\n", cmd, c->args ? c->args : "", c->help ? c->help : "");
	return -EINVAL;
}

static bool aligned(u64 v, const char *what)
{
	if (!(v & 511))
		return true;
	printf("%s %llu is not sector aligned\n", what, v);
	return false;
}

/* ---- read, write and their vectored forms ---- */

struct rw_opts {
	bool quiet, compact, verbose, zero, unmap, comp, fua, vmstate, nofallback, buf;
	int pattern;
	bool have_pattern;
	const char *file;
	u64 voff, vlen;
	bool have_voff, have_vlen;
};

/* Options may stand behind operands too, which getopt() of some libraries does not find. */
static const struct option no_words[] = { { NULL, 0, NULL, 0 } };

static int take_options(int argc, char **argv, const char *letters, struct rw_opts *o)
{
	int c;

	optind = 0;
	opterr = 0;
	o->pattern = -1;
	while ((c = getopt_long(argc, argv, letters, no_words, NULL)) != -1) {
		switch (c) {
		case 'C': o->compact = true; break;
		case 'q': o->quiet = true; break;
		case 'v': o->verbose = true; break;
		case 'z': o->zero = true; break;
		case 'u': o->unmap = true; break;
		case 'c': o->comp = true; break;
		case 'f': o->fua = true; break;
		case 'b': o->vmstate = true; break;
		case 'n': o->nofallback = true; break;
		case 'p': case 'r': case 'i': break;
		case 'S': o->file = optarg; break;
		case 'P':
			o->pattern = parse_pattern(optarg);
			o->have_pattern = true;
			if (o->pattern < 0)
				return -EINVAL;
			break;
		case 's':
			if (argv[0][0] == 'w' || argv[0][0] == 'a') {
				o->file = optarg;
			} else {
				o->have_voff = true;
				if (qio_num(optarg, &o->voff))
					return -EINVAL;
			}
			break;
		case 'l':
			o->have_vlen = true;
			if (qio_num(optarg, &o->vlen))
				return -EINVAL;
			break;
		default:
			return usage(argv[0]);
		}
	}
	return 0;
}

static void *io_buf(u64 len)
{
	return len <= GiB * 4 ? mem_aligned(4096, len ? (size_t)len : 1) : NULL;
}

static int error_out(struct qio *s, const char *what, int ret)
{
	printf("%s failed: %s\n", what, strerror(-ret));
	s->errors++;
	return ret;
}

static int read_cmd(struct qio *s, int argc, char **argv)
{
	struct rw_opts o = { 0 };
	struct job j = { .s = s };
	u64 off, len, t;
	int ret = take_options(argc, argv, "bCl:pP:qs:vr", &o);

	if (ret)
		return ret;
	if (optind != argc - 2)
		return usage(argv[0]);
	if (qio_num(argv[optind], &off) || qio_num(argv[optind + 1], &len))
		return -EINVAL;
	if (len > (u64)INT32_MAX - 511) {
		printf("length cannot exceed %llu, given %s\n", (u64)INT32_MAX & ~511ULL, argv[optind + 1]);
		return -EINVAL;
	}
	if (!o.have_pattern && (o.have_vlen || o.have_voff))
		return usage(argv[0]);
	if (!o.have_vlen)
		o.vlen = len - MIN(len, o.voff);
	if (o.voff + o.vlen > len) {
		printf("pattern verification range exceeds end of read data\n");
		return -EINVAL;
	}
	if (o.vmstate && (!aligned(off, "offset") || !aligned(len, "length")))
		return -EINVAL;
	j.buf = io_buf(len);
	if (!j.buf)
		return error_out(s, "read", -ENOMEM);
	memset(j.buf, 0xab, len);
	j.r.off = off;
	j.pattern = o.pattern;
	j.verify = o.have_pattern;
	t = qio_now();
	ret = o.vmstate ? blk_vmstate_read(s->n, off, j.buf, len) : blk_pread(s->n, off, j.buf, len);
	t = qio_now() - t;
	if (ret) {
		error_out(s, "read", ret);
	} else {
		ret = finish_read(&j, o.voff, o.vlen);
		if (!o.quiet) {
			if (o.verbose)
				dump(j.buf, off, len);
			qio_report("read", t, off, len, len, 1, o.compact);
		}
	}
	mem_free(j.buf);
	return ret;
}

static int check_write(const struct rw_opts *o)
{
	const char *bad = NULL;

	if (o->vmstate && o->zero)
		bad = "-b and -z cannot be specified at the same time";
	else if (o->fua && (o->vmstate || o->comp))
		bad = "-f and -b or -c cannot be specified at the same time";
	else if (o->unmap && !o->zero)
		bad = "-u requires -z to be specified";
	else if (o->nofallback && !o->zero)
		bad = "-n requires -z to be specified";
	else if (o->zero + o->have_pattern + !!o->file > 1)
		bad = o->file ? "Only one of -z, -P, and -s can be specified at the same time" :
		      "-z and -P cannot be specified at the same time";
	else if (o->comp && o->zero)
		bad = "-c and -z cannot be specified at the same time";
	if (bad)
		printf("%s\n", bad);
	return bad ? -EINVAL : 0;
}

static int do_write(struct qio *s, const struct rw_opts *o, struct job *j, u64 off, u64 len)
{
	u32 fl = (o->fua ? BLK_FUA : 0) | (o->unmap ? BLK_MAY_UNMAP : 0) |
		 (o->nofallback ? BLK_NO_FALLBACK : 0) | (o->comp ? BLK_COMPRESS : 0);

	if (o->vmstate)
		return blk_vmstate_write(s->n, off, j->buf, len);
	if (o->zero)
		return blk_zero(s->n, off, len, fl);
	return blk_pwrite(s->n, off, j->buf, len, fl);
}

static int write_cmd(struct qio *s, int argc, char **argv)
{
	struct rw_opts o = { 0 };
	struct job j = { .s = s };
	u64 off, len, t;
	int ret = take_options(argc, argv, "bcCfnpP:qs:uzr", &o);

	if (ret)
		return ret;
	if (optind != argc - 2)
		return usage(argv[0]);
	ret = check_write(&o);
	if (ret || qio_num(argv[optind], &off) || qio_num(argv[optind + 1], &len))
		return -EINVAL;
	if (!o.zero && len > ((u64)INT32_MAX & ~511ULL)) {
		printf("length cannot exceed %llu, given %s\n", (u64)INT32_MAX & ~511ULL, argv[optind + 1]);
		return -EINVAL;
	}
	if ((o.vmstate || o.comp) && (!aligned(off, "offset") || !aligned(len, "length")))
		return -EINVAL;
	if (!o.zero) {
		j.buf = io_buf(len);
		if (!j.buf)
			return error_out(s, "write", -ENOMEM);
		j.pattern = o.pattern;
		if (o.file)
			ret = fill_from_file(&j, o.file, len);
		else
			fill(&j, len);
	}
	if (!ret) {
		t = qio_now();
		ret = do_write(s, &o, &j, off, len);
		t = qio_now() - t;
		if (ret)
			error_out(s, "write", ret);
		else if (!o.quiet)
			qio_report("wrote", t, off, len, len, 1, o.compact);
	}
	mem_free(j.buf);
	return ret;
}

/* Lengths from argv[from]; one buffer cut into pieces. */
static int make_iov(struct job *j, int argc, char **argv, int from)
{
	u64 total = 0, at = 0, len;

	if (argc - from > MAX_BUFFERS) {
		printf("too many buffers\n");
		return -EINVAL;
	}
	for (int i = from; i < argc; i++) {
		if (qio_num(argv[i], &len))
			return -EINVAL;
		if (len > (u64)INT32_MAX) {
			printf("Argument '%s' exceeds maximum size %d\n", argv[i], INT32_MAX);
			return -EINVAL;
		}
		j->iov[i - from].iov_len = len;
		total += len;
	}
	if (total > (u64)INT32_MAX) {
		printf("The total number of bytes exceed the maximum size %d\n", INT32_MAX);
		return -EINVAL;
	}
	j->buf = io_buf(total);
	if (!j->buf)
		return -ENOMEM;
	for (int i = from; i < argc; i++) {
		j->iov[i - from].iov_base = j->buf + at;
		at += j->iov[i - from].iov_len;
	}
	j->total = total;
	return 0;
}

static int vec_cmd(struct qio *s, int argc, char **argv)
{
	bool wr = argv[0][0] == 'w';
	struct rw_opts o = { 0 };
	struct job j = { .s = s };
	u64 off, t;
	int ret = take_options(argc, argv, wr ? "CfqP:r" : "CP:qrv", &o), nio;

	if (ret)
		return ret;
	if (optind > argc - 2)
		return usage(argv[0]);
	if (qio_num(argv[optind], &off))
		return -EINVAL;
	nio = argc - optind - 1;
	ret = make_iov(&j, argc, argv, optind + 1);
	if (ret)
		return ret;
	j.r.off = off;
	j.pattern = o.pattern;
	j.verify = o.have_pattern && !wr;
	if (wr)
		fill(&j, j.total);
	t = qio_now();
	ret = wr ? blk_pwritev(s->n, off, j.iov, nio, o.fua ? BLK_FUA : 0) : blk_preadv(s->n, off, j.iov, nio);
	t = qio_now() - t;
	if (ret) {
		error_out(s, wr ? "writev" : "readv", ret);
	} else {
		if (!wr)
			ret = finish_read(&j, 0, j.total);
		if (!o.quiet) {
			if (o.verbose)
				dump(j.buf, off, j.total);
			qio_report(wr ? "wrote" : "read", t, off, j.total, j.total, 1, o.compact);
		}
	}
	mem_free(j.buf);
	return ret;
}

/* ---- aio ---- */

static void aio_done(struct blk_req *r)
{
	struct job *j = r->opaque;
	u64 t = qio_now() - j->start;

	if (r->ret) {
		printf("%s failed: %s\n", j->what, strerror(-r->ret));
		j->s->errors++;
	} else {
		if (!j->write)
			finish_read(j, 0, j->total);
		if (!j->quiet) {
			if (j->verbose)
				dump(j->buf, r->off, j->total);
			qio_report(j->did, t, r->off, j->total, j->total, 1, j->compact);
		}
	}
	mem_free(j->buf);
	free(j);
}

static void no_notify(void *opaque)
{
}

/* Takes the job over. */
static int submit(struct job *j)
{
	struct blk_queue_conf conf = { .workers = 16, .notify = no_notify };
	struct qio *s = j->s;

	if (!s->q)
		s->q = blk_queue_new(s->n, &conf);
	if (!s->q) {
		mem_free(j->buf);
		free(j);
		return -ENOMEM;
	}
	j->start = qio_now();
	blk_queue_submit(s->q, &j->r);
	qio_settle(s);
	return 0;
}

static int aio_cmd(struct qio *s, int argc, char **argv)
{
	bool wr = argv[0][4] == 'w';
	struct rw_opts o = { 0 };
	struct job *j = calloc(1, sizeof(*j));
	u64 off, len;
	int ret = j ? take_options(argc, argv, wr ? "CfiP:quzr" : "CiP:qvr", &o) : -ENOMEM;

	if (ret)
		goto fail;
	ret = -EINVAL;
	if (optind > argc - 2) {
		usage(argv[0]);
		goto fail;
	}
	if (o.zero && optind != argc - 2) {
		printf("-z supports only a single length parameter\n");
		goto fail;
	}
	if (check_write(&o) || qio_num(argv[optind], &off))
		goto fail;
	j->s = s;
	j->pattern = o.pattern;
	j->verify = o.have_pattern;
	j->quiet = o.quiet;
	j->compact = o.compact;
	j->verbose = o.verbose;
	j->write = wr;
	j->what = wr ? "aio_write" : "aio_read";
	j->did = wr ? "wrote" : "read";
	if (o.zero) {
		if (qio_num(argv[optind + 1], &len))
			goto fail;
		j->total = len;
	} else {
		ret = make_iov(j, argc, argv, optind + 1);
		if (ret)
			goto fail;
		if (wr)
			fill(j, j->total);
	}
	j->r = (struct blk_req){ .op = o.zero ? BLK_OP_ZERO : wr ? BLK_OP_WRITE : BLK_OP_READ, .off = off,
				 .len = j->total, .iov = j->iov, .niov = argc - optind - 1,
				 .flags = (o.fua ? BLK_FUA : 0) | (o.unmap ? BLK_MAY_UNMAP : 0),
				 .done = aio_done, .opaque = j };
	return submit(j);
fail:
	if (j)
		mem_free(j->buf);
	free(j);
	return ret;
}

static int aio_discard_cmd(struct qio *s, int argc, char **argv)
{
	struct rw_opts o = { 0 };
	struct job *j;
	u64 off, len;
	int ret = take_options(argc, argv, "Cq", &o);

	if (ret)
		return ret;
	if (optind != argc - 2)
		return usage(argv[0]);
	if (qio_num(argv[optind], &off) || qio_num(argv[optind + 1], &len))
		return -EINVAL;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct job){ .s = s, .total = len, .quiet = o.quiet, .compact = o.compact, .write = true,
			   .what = "aio_discard", .did = "discarded " };
	j->r = (struct blk_req){ .op = BLK_OP_DISCARD, .off = off, .len = len, .done = aio_done, .opaque = j };
	return submit(j);
}

void qio_settle(struct qio *s)
{
	struct timespec t = { 0, 2000000 };

	for (int i = 0; s->breaks && s->q && i < 10 && blk_queue_in_flight(s->q); i++)
		nanosleep(&t, NULL);
	if (s->breaks && s->q)
		blk_queue_reap(s->q);
}

void qio_drain(struct qio *s)
{
	if (s->q)
		blk_queue_drain(s->q);
}

static int aio_flush_cmd(struct qio *s, int argc, char **argv)
{
	qio_drain(s);
	return 0;
}

static int flush_cmd(struct qio *s, int argc, char **argv)
{
	return blk_flush(s->n);
}

static int discard_cmd(struct qio *s, int argc, char **argv)
{
	struct rw_opts o = { 0 };
	u64 off, len, t;
	int ret = take_options(argc, argv, "Cq", &o);

	if (ret)
		return ret;
	if (optind != argc - 2)
		return usage(argv[0]);
	if (qio_num(argv[optind], &off) || qio_num(argv[optind + 1], &len))
		return -EINVAL;
	t = qio_now();
	ret = blk_discard(s->n, off, len);
	t = qio_now() - t;
	if (ret)
		return error_out(s, "discard", ret);
	if (!o.quiet)
		qio_report("discard", t, off, len, len, 1, o.compact);
	return 0;
}

const struct qio_cmd qio_io_cmds[] = {
	{ "read", "r", 2, -1, false, false, "[-abCqrv] [-P pattern [-s off] [-l len]] off len",
	  "reads a number of bytes at a specified offset", read_cmd },
	{ "write", "w", 2, -1, false, true, "[-bcCfnqruz] [-P pattern | -s source_file] off len",
	  "writes a number of bytes at a specified offset", write_cmd },
	{ "readv", NULL, 2, -1, false, false, "[-Cqrv] [-P pattern] off len [len..]",
	  "reads a number of bytes at a specified offset", vec_cmd },
	{ "writev", NULL, 2, -1, false, true, "[-Cfqr] [-P pattern] off len [len..]",
	  "writes a number of bytes at a specified offset", vec_cmd },
	{ "aio_read", NULL, 2, -1, false, false, "[-Ciqrv] [-P pattern] off len [len..]",
	  "asynchronously reads a number of bytes", aio_cmd },
	{ "aio_write", NULL, 2, -1, false, true, "[-Cfiqruz] [-P pattern] off len [len..]",
	  "asynchronously writes a number of bytes", aio_cmd },
	{ "aio_discard", NULL, 2, -1, false, true, "[-Cq] off len",
	  "asynchronously discards a number of bytes", aio_discard_cmd },
	{ "aio_flush", NULL, 0, 0, false, false, "", "completes all outstanding aio requests", aio_flush_cmd },
	{ "flush", "f", 0, 0, false, false, "", "flush all in-core file state to disk", flush_cmd },
	{ "discard", "d", 2, -1, false, true, "[-Cq] off len",
	  "discards a number of bytes at a specified offset", discard_cmd },
	{ NULL, NULL, 0, 0, false, false, NULL, NULL, NULL }
};
