/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flat, ordered dictionary of strings: the options of one node and, behind
 * dotted prefixes, of its children ("driver", "file.driver", "file.filename").
 * JSON objects are flattened into it (lists become "key.0", "key.1", ...).
 * Whoever understands a key takes it out; a key that is left is an error.
 */
#ifndef VMBOX_BLOCK_OPTS_H
#define VMBOX_BLOCK_OPTS_H

#include "types.h"
#include "err.h"

struct json;

struct blk_opt {
	char *key;
	char *val;
};

/* All zero is an empty dictionary; blk_opts_free() leaves it empty again. */
struct blk_opts {
	struct blk_opt *v;
	int n, cap;
};

void blk_opts_free(struct blk_opts *o);
/* Sets or replaces; copies both strings. 0 or -ENOMEM. */
int blk_opts_set(struct blk_opts *o, const char *key, const char *val);
int blk_opts_set_u64(struct blk_opts *o, const char *key, u64 val);
/* The value, owned by @o, or NULL. */
const char *blk_opts_get(const struct blk_opts *o, const char *key);
/* Removes @key and hands its value to the caller (free() it); NULL when absent. */
char *blk_opts_take(struct blk_opts *o, const char *key);
void blk_opts_del(struct blk_opts *o, const char *key);
/* Moves all keys that start with "@prefix." into @sub, without the prefix. 0 or -ENOMEM. */
int blk_opts_take_sub(struct blk_opts *o, const char *prefix, struct blk_opts *sub);
bool blk_opts_has_sub(const struct blk_opts *o, const char *prefix);
/* Copies every key of @from that @to lacks. 0 or -ENOMEM. */
int blk_opts_merge(struct blk_opts *to, const struct blk_opts *from);

/*
 * Take-and-convert helpers: @out keeps its value when the key is absent.
 * 0, or -EINVAL with the option named in @e.
 */
int blk_opts_take_bool(struct blk_opts *o, const char *key, bool *out, struct err *e);
int blk_opts_take_u64(struct blk_opts *o, const char *key, u64 *out, struct err *e);
/* A size with an optional suffix b k K M G T P E and a fraction ("1.5G"). */
int blk_opts_take_size(struct blk_opts *o, const char *key, u64 *out, struct err *e);
/* Index of the value in the NULL-terminated @names. */
int blk_opts_take_enum(struct blk_opts *o, const char *key, const char *const *names,
		       int *out, struct err *e);

/* "a=b,c=d,,e" ("," doubled is a comma). A first part without '=' gets @implied as key (NULL: error). */
int blk_opts_parse(struct blk_opts *o, const char *text, const char *implied, struct err *e);
/* The object inside "json:{...}" text (without the prefix), flattened. */
int blk_opts_parse_json(struct blk_opts *o, const char *text, struct err *e);

/* Size text as qemu-img takes it; -EINVAL, -ERANGE. Plain numbers are bytes. */
int blk_parse_size(const char *s, u64 *out);

#endif
