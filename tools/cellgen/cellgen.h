/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sub-commands of cellgen and what they share. */
#ifndef CELLGEN_CELLGEN_H
#define CELLGEN_CELLGEN_H

#include "layout.h"
#include "option.h"
#include "str.h"

/* Exit codes, the same for every sub-command. */
enum { CG_OK, CG_FINDINGS, CG_USAGE, CG_WARNINGS };

extern const struct opt_cmd cellgen_cmd_show, cellgen_cmd_convert, cellgen_cmd_diff, cellgen_cmd_matrix,
	cellgen_cmd_create, cellgen_cmd_cell, cellgen_cmd_validate, cellgen_cmd_check, cellgen_cmd_collect,
	cellgen_cmd_kernel_args;

/* --arch, for revisions before 14: the index of jh_arch_names[], -1 when not given. */
#define OPT_ARCH(T, f) OPT_CHOICE(0, "arch", "ARCH", T, f, jh_arch_names, \
	"what configurations before revision 14 are for, which do not say it (else it is guessed)")

/* jh_load() that reports its error. 0 or CG_USAGE. */
int cg_load(struct jh_config *c, const char *path, int arch);
/* As cg_load(); and c must be a system (or a cell). */
int cg_load_kind(struct jh_config *c, const char *path, int arch, bool is_system);
/* Prints err and returns CG_USAGE. */
int cg_fail(const struct err *err);
/* "6M" or "6M@0x3a000000": *at is ~0 without an address. what: the option, for messages. 0 or -EINVAL. */
int cg_size_at(const char *text, const char *what, u64 *size, u64 *at, struct err *err);
/* Writes b to standard output; 0, or CG_USAGE when that fails or memory was out. Frees b. */
int cg_print(struct strbuf *b);

#endif
