/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option text in QEMU's forms, as a tree with typed, checked reads:
 *
 *	driver=qcow2,file.filename=a,,b.img,discard	key=value list; ",," is a comma
 *	disk.img,if=virtio				first key implied
 *	{"driver": "qcow2", "file": {...}}		a JSON object (-blockdev, -device)
 *	json:{"driver": "qcow2", ...}			the pseudo file name
 *
 * Dotted keys make nested objects; objects whose keys are 0, 1, 2, ...
 * become arrays (as QEMU's keyval). A bare word is a boolean (discard,
 * nodiscard). Readers accept text and JSON values alike. Every read marks
 * its key, and qopts_done() refuses what nobody asked for:
 *
 *	struct qopts *q = qopts_parse("-drive", text, "file", &err);
 *	qopts_str(q, "file", &path, &err); qopts_size(q, "size", &size, &err);
 *	ret = qopts_done(q, &err);	// "-drive: unknown key 'fiel', did you mean 'file'?"
 *
 * Reads return 1 and set the value, 0 when the key is absent (the value is
 * left alone, so it can hold the default), or -EINVAL with err set:
 * "-drive: 'size=12x': expected a size such as 512, 64k or 1.5G".
 * When err is already set by an earlier read, reads do nothing and return
 * its code: check once, after qopts_done().
 */
#ifndef VMBOX_QOPTS_H
#define VMBOX_QOPTS_H

#include "json.h"
#include "str.h"

/*
 * A view of one object of the tree. The root view owns the tree; views made
 * by qopts_sub() point into it and need no freeing (they end with the root).
 */
struct qopts {
	struct json *obj;		/* JSON_OBJECT */
	struct qopts *subs, *next;	/* all sub-views, for freeing and for qopts_done() */
	struct strbuf asked;		/* names read so far, NUL-terminated each: the suggestions */
	bool root;
	char what[64];			/* "-drive" */
	char path[96];			/* "file." in front of the keys of a sub-view */
};

/*
 * Parses any of the forms above. what names the option in messages (copied).
 * implied_key: key of a first item without '=' (NULL: it is a boolean like
 * the others). NULL on failure with err set. Free with qopts_free().
 */
struct qopts *qopts_parse(const char *what, const char *text, const char *implied_key,
			  struct err *err);
/* A view of a tree that exists; takes ownership of obj (freed on failure too). */
struct qopts *qopts_from_json(const char *what, struct json *obj, struct err *err);
void qopts_free(struct qopts *q);

/* key may be dotted ("file.filename"). Strings belong to the tree. */
bool qopts_has(struct qopts *q, const char *key);	/* present; does not mark it */
int qopts_str(struct qopts *q, const char *key, const char **val, struct err *err);
int qopts_bool(struct qopts *q, const char *key, bool *val, struct err *err);
int qopts_u64(struct qopts *q, const char *key, u64 min, u64 max, u64 *val, struct err *err);
int qopts_s64(struct qopts *q, const char *key, s64 min, s64 max, s64 *val, struct err *err);
int qopts_u32(struct qopts *q, const char *key, u32 min, u32 max, u32 *val, struct err *err);
int qopts_size(struct qopts *q, const char *key, u64 *val, struct err *err);	/* bytes; suffixes as str_to_size() */
/* As qopts_size() with another default suffix ('m' for -m). */
int qopts_size_in(struct qopts *q, const char *key, char default_suffix, u64 *val, struct err *err);
/* Index into the NULL-terminated names; a wrong one is answered with all of them and the nearest. */
int qopts_enum(struct qopts *q, const char *key, const char *const *names, int *val, struct err *err);
/* A nested object; 1, 0 or -EINVAL when the value is no object. */
int qopts_sub(struct qopts *q, const char *key, struct qopts **sub, struct err *err);
/* Number of elements when key is an array, else 0. Elements are read as "key.0", "key.1.sub". */
size_t qopts_count(struct qopts *q, const char *key);
/* The raw value (marked with all below it), NULL when absent. Belongs to the tree. */
const struct json *qopts_json(struct qopts *q, const char *key);
/* An error unless key is there; for keys that have no default. */
int qopts_require(struct qopts *q, const char *key, struct err *err);
/* As qopts_str(), and the value must be an identifier as QEMU has them: a letter, then letters, digits, '-', '.', '_'. */
int qopts_id(struct qopts *q, const char *key, const char **val, struct err *err);
/* 0, or -EINVAL for the first key in this view and its sub-views that was never read. */
int qopts_done(struct qopts *q, struct err *err);

/*
 * The bare key=value parser below all this: text to an object tree whose
 * leaves are strings (bare words: shorthand set, value "on"). NULL with err
 * set. Bounded: 64 KiB of text, 16 levels, 4096 array elements.
 */
struct json *keyval_parse(const char *text, const char *implied_key, struct err *err);
/* Writes obj as key=value text with ",," (the inverse, for messages and file names). */
void keyval_print(const struct json *obj, struct strbuf *out);

#endif
