/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON: a strict RFC 8259 reader that is safe on hostile text (bounded depth
 * and size, duplicate keys refused, valid UTF-8 only, 64-bit integers exact),
 * a tree, a stream splitter for QMP, and a writer that needs no tree.
 *
 * A tree belongs to whoever holds its root; json_free(root) frees all of it.
 * Adding a node to a container passes its ownership. Trees are not locked:
 * one thread at a time.
 */
#ifndef VMBOX_JSON_H
#define VMBOX_JSON_H

#include "err.h"

struct strbuf;

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,		/* fits s64 */
	JSON_UINT,		/* 2^63 .. 2^64-1 */
	JSON_DOUBLE,		/* has a fraction or exponent, or is beyond 64 bits */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_member {
	char *key;
	size_t key_len;
	struct json *val;
};

struct json {
	u8 type;		/* enum json_type */
	bool used;		/* free for the reader of a tree: qopts marks what it has looked at */
	bool shorthand;		/* qopts: the key stood without a value */
	union {
		bool b;
		s64 i;
		u64 u;
		double d;
		struct { char *s; size_t len; } str;	/* NUL-terminated; may hold NULs inside */
		struct { struct json **v; size_t n, cap; } arr;
		struct { struct json_member *v; size_t n, cap; u32 *index; } obj; /* in source order */
	};
};

/* ---- reading ---- */

enum {
	JSON_SINGLE_QUOTES = 1 << 0,	/* also 'text', where \' is an escape: QEMU's extension */
};

struct json_limits {
	unsigned max_depth;	/* 0: 128; never more than 1024 */
	size_t max_bytes;	/* of text; 0: 64 MiB */
	unsigned flags;
};

/*
 * Parses text[0..len) which must be exactly one value (blanks around it are
 * fine). lim NULL: the defaults. NULL on failure with err set:
 * "line 3, column 14: expected ',' or '}'" (EINVAL), E2BIG, ENOMEM.
 */
struct json *json_parse(const char *text, size_t len, const struct json_limits *lim,
			struct err *err);
void json_free(struct json *j);		/* NULL is fine; recurses, which max_depth bounds */

/* ---- the tree ---- */

struct json *json_new(enum json_type type);	/* null, false, 0, "", [], {}; NULL: no memory */
struct json *json_new_bool(bool b);
struct json *json_new_int(s64 i);
struct json *json_new_uint(u64 u);		/* JSON_INT when it fits */
struct json *json_new_double(double d);
struct json *json_new_str(const char *s);
struct json *json_new_strn(const char *s, size_t len);
struct json *json_clone(const struct json *j);
bool json_equal(const struct json *a, const struct json *b);	/* objects: in any order */

/* The member, or NULL (also when obj is NULL or no object). */
struct json *json_get(const struct json *obj, const char *key);
struct json *json_get_n(const struct json *obj, const char *key, size_t key_len);
/*
 * Sets key to val; an older value is freed. val NULL gives -ENOMEM, so that
 * json_set(o, "k", json_new_int(1)) needs one check. On failure val is freed.
 */
int json_set(struct json *obj, const char *key, struct json *val);
int json_set_n(struct json *obj, const char *key, size_t key_len, struct json *val);
/* Removes and returns the member (the caller owns it), NULL when absent. */
struct json *json_take(struct json *obj, const char *key);
int json_append(struct json *arr, struct json *val);	/* as json_set() */

const char *json_type_name(enum json_type type);	/* "integer", "object", ... */

/*
 * Typed reads of one value: true and *out set when the type fits exactly
 * (u64 takes JSON_INT >= 0 and JSON_UINT; double takes every number; str
 * refuses text with a NUL inside). j may be NULL: false.
 */
bool json_to_bool(const struct json *j, bool *out);
bool json_to_s64(const struct json *j, s64 *out);
bool json_to_u64(const struct json *j, u64 *out);
bool json_to_double(const struct json *j, double *out);
const char *json_to_str(const struct json *j);		/* NULL when it is no such string */

/* ---- streams (QMP) ---- */

/*
 * Cuts a byte stream into its top-level values without parsing them twice:
 * feed bytes as they come; each call stops behind the first complete value.
 */
struct json_stream {
	struct strbuf *text;	/* the value so far */
	size_t max_bytes;
	unsigned depth;
	char quote;		/* inside a string: its quote */
	bool escape, started, scalar, discard;
	unsigned flags;		/* JSON_SINGLE_QUOTES */
};

/* text: an initialised strbuf that lives as long; max_bytes 0: 64 MiB. */
void json_stream_init(struct json_stream *s, struct strbuf *text, size_t max_bytes, unsigned flags);
/*
 * Takes bytes from buf, *used of them. 1: a value stands in s->text (parse
 * it, then json_stream_next()). 0: all taken, more is needed. -E2BIG,
 * -EINVAL (a closing bracket too many), -ENOMEM: the text is dropped; feeding
 * goes on behind the next newline.
 */
int json_stream_feed(struct json_stream *s, const char *buf, size_t len, size_t *used);
/* Forgets the finished value and gets ready for the next. */
void json_stream_next(struct json_stream *s);
/* At end of file: 1 when a bare scalar stands in s->text, 0 nothing, -EINVAL cut short. */
int json_stream_end(struct json_stream *s);

/* ---- writing ---- */

enum json_style {
	JSON_COMPACT,		/* {"a": 1, "b": [2, 3]}: one line, as QMP */
	JSON_PRETTY,		/* 4 blanks a level, as qemu-img --output=json */
	JSON_DENSE,		/* no blanks at all */
	JSON_UTF8 = 1 << 4,	/* or-ed: leave characters above U+007F as they are instead of \uXXXX */
};

#define JSON_WRITER_DEPTH 64

/*
 * The incremental writer. key is NULL for array elements and at the top.
 * Failures (memory, too deep, unbalanced) stick; json_writer_end() tells.
 * Text that is not UTF-8 is written with U+FFFD for each bad byte.
 */
struct json_writer {
	struct strbuf *out;
	unsigned style;
	unsigned depth;
	u64 is_array;		/* bit per level */
	bool comma;
	int error;
};

void json_writer_init(struct json_writer *w, struct strbuf *out, unsigned style);
void json_w_object(struct json_writer *w, const char *key);	/* { */
void json_w_array(struct json_writer *w, const char *key);	/* [ */
void json_w_end(struct json_writer *w);				/* } or ] */
void json_w_str(struct json_writer *w, const char *key, const char *s);	/* s NULL: null */
void json_w_strn(struct json_writer *w, const char *key, const char *s, size_t len);
void json_w_s64(struct json_writer *w, const char *key, s64 v);
void json_w_u64(struct json_writer *w, const char *key, u64 v);
void json_w_bool(struct json_writer *w, const char *key, bool v);
void json_w_double(struct json_writer *w, const char *key, double v);	/* shortest text that reads back equal; null when not finite */
void json_w_null(struct json_writer *w, const char *key);
void json_w_tree(struct json_writer *w, const char *key, const struct json *j);
/* 0, or the first failure (-ENOMEM, -EOVERFLOW, -EINVAL when containers are open). */
int json_writer_end(struct json_writer *w);

/* A whole tree at once. 0 or -errno. */
int json_print(const struct json *j, unsigned style, struct strbuf *out);

#endif
