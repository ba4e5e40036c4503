/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sub-commands of img share. Each lives in a file of its own name. */
#ifndef TOOLS_IMG_H
#define TOOLS_IMG_H

#include "block/block.h"
#include "block/copy.h"
#include "block/toolbox.h"
#include "option.h"

struct json;
struct strbuf;

/* Options that (nearly) all sub-commands take. The first member of every args struct. */
struct img_args {
	const char *fmt, *cache, *src_cache, *follow;
	struct opt_list objects;
	bool image_opts, force_share, quiet, progress;
	const char *progress_form;
	const char *output;
	const char *max_size, *max_memory, *max_ratio, *max_time, *sandbox;
};

#define IMG_OVER_BUDGET 66	/* exit code: --max-... was reached */

#define IMG_COMMON(T) \
	OPT_STR('f', "format", "FMT", T, a.fmt, "format of the image (default: looked for in the image)"), \
	OPT_LIST(0, "object", "OBJECT", T, a.objects, "define an object: secret,id=ID,data=...|file=..."), \
	OPT_FLAG(0, "image-opts", T, a.image_opts, "the image is given by options (driver=...,file.filename=...)"), \
	OPT_STR(0, "follow", "WHICH", T, a.follow, "open files that images name: all, dir (the image's own directory) or none"), \
	OPT_STR(0, "max-size", "SIZE", T, a.max_size, "refuse images with a larger virtual size"), \
	OPT_STR(0, "max-ratio", "N", T, a.max_ratio, "refuse images of more than N times what they take on the disk"), \
	OPT_STR(0, "max-memory", "SIZE", T, a.max_memory, "use no more memory"), \
	OPT_STR(0, "max-time", "SECONDS", T, a.max_time, "take no longer")
#define IMG_SANDBOX(T) \
	OPT_STR(0, "sandbox", "MODE", T, a.sandbox, "keep the parsing apart: auto (default), off or require")
#define IMG_SHARE(T) \
	OPT_FLAG('U', "force-share", T, a.force_share, "open although another program writes to the image")
#define IMG_QUIET(T) \
	OPT_FLAG('q', "quiet", T, a.quiet, "print errors only")
#define IMG_CACHE(T, def) \
	OPT_STR('t', "cache", "CACHE", T, a.cache, "cache mode: none, writeback, writethrough, directsync, unsafe (default: " def ")")
#define IMG_SRC_CACHE(T) \
	OPT_STR('T', "source-cache", "CACHE", T, a.src_cache, "cache mode of what is only read (default: writeback)")
#define IMG_PROGRESS(T) \
	OPT_FLAG('p', NULL, T, a.progress, "show progress"), \
	OPT_STR(0, "progress", "FORM", T, a.progress_form, "progress as \"json\" lines or \"human\" text on standard error")
#define IMG_OUTPUT(T) \
	OPT_STR(0, "output", "FORM", T, a.output, "human (default) or json")

/* A graph with the policy and the objects of the command line; NULL: an error was printed. */
struct blk_graph *img_graph(const struct img_args *a, const struct opt_call *call);
/* Was it called as qemu-img? Then its ways are followed where ours are better but differ. */
bool img_as_qemu(const struct opt_call *call);
/* Opens, printing the error that qemu-img prints. NULL on failure. */
struct blk_node *img_open(struct blk_graph *g, const struct img_args *a, const char *name,
			  const char *fmt, u32 flags);
/* As above with options by the caller (may be NULL; consumed) and not --image-opts. */
struct blk_node *img_open_file(struct blk_graph *g, const char *name, const char *fmt,
			       struct blk_opts *o, u32 flags, bool quiet);
/* Flags of a cache mode; adds to *flags. 0 or -EINVAL. */
int img_cache_flags(const char *mode, u32 *flags);
/* "json" or not; prints and returns -1 for anything else. */
int img_output_json(const struct img_args *a);

/* ---- safety.c ---- */
/* Takes the budgets of the command line; 0 or -EINVAL (printed). */
int img_budgets(const struct img_args *a, struct blk_policy *p);
/* Ends the program with IMG_OVER_BUDGET when @n, or why it could not be opened (@ret), is over a budget. */
void img_check_budget(struct blk_node *n, int ret);
void img_over_budget(const char *fmt, ...) __printf(1, 2) __attribute__((noreturn));
/* A file that a sub-command uses: with it all of its directory, as it may name others there. */
struct img_place {
	const char *name;	/* NULL: the file that @fd is */
	int fd;
	bool write;
};

/*
 * Closes the cage around @places before anything of them is opened, where policy and kernel allow
 * it. 0 or -errno (printed).
 */
int img_sandbox_places(struct blk_graph *g, const struct img_args *a, const struct img_place *places, int n);
/* Do @options (-o) name files, which may lie anywhere? */
bool img_names_files(const struct opt_list *options);
/* The same for sub-commands that only read the images @names (at most 3, then NULL). */
int img_sandbox(struct blk_graph *g, const struct img_args *a, const char *const *names);

/*
 * Frees the graph at the end of a sub-command. Returns its exit status @ret, or 1 with text if something could not be
 * stored as its images were closed.
 */
int img_done(struct blk_graph *g, int ret);

void img_error(const char *fmt, ...) __printf(1, 2);
void img_error_err(const struct err *e);

/* SIZE text with the messages of qemu-img. 0 or -EINVAL (printed). */
int img_size(const char *text, const char *what, u64 *out);

/* ---- progress: -p, SIGUSR1, --progress=json ---- */
void img_progress_start(const struct img_args *a, struct blk_progress *p);
void img_progress_end(void);
bool img_interrupted(void);	/* by SIGINT or SIGTERM, since a job started */
/* Shows a part in percent of a multi-step job: the next updates cover @from..@to percent. */
void img_progress_window(double from, double to);

/* JSON text (pretty) and a newline on standard output; frees @j. Returns the exit code. */
int img_print_json(struct json *j);

int img_info_run(void *args, const struct opt_call *call);

/* Prints "Formatting ..." */
void img_print_creating(const char *fmt, const char *file, const struct blk_opts *o);
/* -o help: the options of a format. */
struct blk_driver;
int img_option_help(const char *fmt, bool amend);
bool img_takes_backing(const struct blk_driver *d);	/* may its images name a backing file when they are made? */
bool img_is_help(const char *options);
/* Joins several -o values; *out for free(). */
int img_join_options(const struct opt_list *l, char **out);

extern const struct opt_cmd img_cmd_amend, img_cmd_bench, img_cmd_bitmap, img_cmd_check, img_cmd_commit,
	img_cmd_compare, img_cmd_convert, img_cmd_create, img_cmd_dd, img_cmd_info, img_cmd_inspect, img_cmd_map,
	img_cmd_measure, img_cmd_rebase, img_cmd_resize, img_cmd_snapshot;

#endif
