/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening images for the sub-commands of img, and their messages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/object.h"
#include "img.h"
#include "json.h"
#include "log.h"
#include "str.h"

void img_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", log_program());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void img_error_err(const struct err *e)
{
	img_error("%s", e->msg);
}

static const char *top_program(const struct opt_call *call)
{
	while (call->parent)
		call = call->parent;
	return call->program ? call->program : "";
}

bool img_as_qemu(const struct opt_call *call)
{
	const char *prog = top_program(call), *slash = strrchr(prog, '/');

	return !strncmp(slash ? slash + 1 : prog, "qemu-", 5);
}

static int choose_follow(const struct img_args *a, const struct opt_call *call, struct blk_policy *p)
{
	struct err e = ERR_INIT;

	p->follow = !img_as_qemu(call) ? BLK_FOLLOW_DIR : BLK_FOLLOW_ALL;
	if (!blk_follow_parse(a->follow, &p->follow, &e))
		return 0;
	img_error_err(&e);
	return -EINVAL;
}

struct blk_graph *img_graph(const struct img_args *a, const struct opt_call *call)
{
	struct blk_policy p = { 0 };
	struct err e = ERR_INIT;
	struct blk_graph *g;

	if (choose_follow(a, call, &p) || img_budgets(a, &p))
		return NULL;
	g = blk_graph_new(&p);
	if (!g) {
		img_error("out of memory");
		return NULL;
	}
	for (size_t i = 0; i < a->objects.n; i++) {
		if (blk_graph_add_object(g, a->objects.v[i].val, &e)) {
			img_error_err(&e);
			blk_graph_free(g);
			return NULL;
		}
	}
	return g;
}

int img_done(struct blk_graph *g, int ret)
{
	int lost = g ? blk_graph_lost(g, NULL) : 0;

	if (lost && ret != 1) {
		img_error("Error while closing the image: %s", strerror(-lost));
		ret = 1;
	}
	blk_graph_free(g);
	return ret;
}

int img_cache_flags(const char *mode, u32 *flags)
{
	if (!mode || !strcmp(mode, "writeback"))
		return 0;
	if (!strcmp(mode, "none") || !strcmp(mode, "off"))
		*flags |= BLK_O_DIRECT;
	else if (!strcmp(mode, "directsync"))
		*flags |= BLK_O_DIRECT | BLK_O_WRITETHROUGH;
	else if (!strcmp(mode, "writethrough"))
		*flags |= BLK_O_WRITETHROUGH;
	else if (!strcmp(mode, "unsafe"))
		*flags |= BLK_O_NO_FLUSH;
	else
		return -EINVAL;
	return 0;
}

struct blk_node *img_open_file(struct blk_graph *g, const char *name, const char *fmt,
			       struct blk_opts *o, u32 flags, bool quiet)
{
	struct blk_opts none = { 0 };
	struct blk_node *n = NULL;
	struct err e = ERR_INIT;
	int ret;

	o = o ? o : &none;
	if (fmt && blk_opts_set(o, "driver", fmt)) {
		img_error("out of memory");
		return NULL;
	}
	ret = blk_open(g, name, o, flags, &n, &e);
	if (ret) {
		img_error("Could not open '%s': %s", name, e.msg);
		if (blk_graph_policy(g)->max_virtual)
			img_check_budget(NULL, ret);
		return NULL;
	}
	img_check_budget(n, 0);
	return n;
}

static struct blk_node *open_by_options(struct blk_graph *g, const char *text, u32 flags)
{
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;
	struct err e = ERR_INIT;

	if (blk_opts_parse(&o, text, NULL, &e)) {
		img_error_err(&e);
		blk_opts_free(&o);
		return NULL;
	}
	if (blk_open(g, NULL, &o, flags, &n, &e)) {
		img_error("Could not open '%s': %s", text, e.msg);
		return NULL;
	}
	return n;
}

struct blk_node *img_open(struct blk_graph *g, const struct img_args *a, const char *name,
			  const char *fmt, u32 flags)
{
	if (a->force_share)
		flags |= BLK_O_FORCE_SHARE;
	if (a->image_opts) {
		if (fmt) {
			img_error("--image-opts and --format are mutually exclusive");
			return NULL;
		}
		return open_by_options(g, name, flags);
	}
	return img_open_file(g, name, fmt, NULL, flags, a->quiet);
}

int img_output_json(const struct img_args *a)
{
	if (!a->output || !strcmp(a->output, "human"))
		return 0;
	if (!strcmp(a->output, "json"))
		return 1;
	img_error("--output must be used with human or json as argument.");
	return -1;
}

int img_size(const char *text, const char *what, u64 *out)
{
	int ret = blk_parse_size(text, out);

	if (!ret && *out <= (u64)INT64_MAX)
		return 0;
	if (ret == -ERANGE || !ret)
		img_error("Invalid %s specified. Must be between 0 and %lld.", what, (long long)INT64_MAX);
	else
		img_error("Invalid %s specified. You may use k, M, G, T, P or E suffixes for \n"
			  "%s: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.",
			  what, log_program());
	return -EINVAL;
}

int img_print_json(struct json *j)
{
	struct strbuf b = STRBUF_INIT;
	int ret = j ? json_print(j, JSON_PRETTY, &b) : -ENOMEM;

	if (!ret)
		ret = strbuf_failed(&b);
	if (!ret)
		printf("%s\n", b.s);
	else
		img_error("out of memory");
	strbuf_free(&b);
	json_free(j);
	return ret ? 1 : 0;
}

int img_join_options(const struct opt_list *l, char **out)
{
	struct strbuf b = STRBUF_INIT;

	*out = NULL;
	if (!l->n)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			strbuf_putc(&b, ',');
		strbuf_puts(&b, l->v[i].val);
	}
	*out = strdup(b.s);
	strbuf_free(&b);
	return *out ? 0 : -ENOMEM;
}

bool img_is_help(const char *o)
{
	while (o && *o) {
		const char *c = strchr(o, ',');
		size_t n = c ? (size_t)(c - o) : strlen(o);

		if ((n == 4 && !strncmp(o, "help", 4)) || (n == 1 && *o == '?'))
			return true;
		o = c ? c + 1 : NULL;
	}
	return false;
}
