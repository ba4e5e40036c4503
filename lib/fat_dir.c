// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directory entries of FAT, and names. Each node has a short name of
 * 8.3 upper-case characters; a name that is more than that is stored in front
 * of it, 13 UTF-16 units an entry, last part first, tied to the short name by
 * a checksum.
 */
#include "fat_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bytes.h"
#include "utf8.h"

#define ATTR_VOLUME_ID	0x08
#define ATTR_DIRECTORY	0x10
#define ATTR_ARCHIVE	0x20
#define ATTR_LONG_NAME	0x0f
#define LFN_UNITS	13
#define LFN_LAST	0x40

void fat_stamp_set(struct fat_stamp *stamp, u32 seconds)
{
	time_t t = MAX(seconds, 315532800U);	/* 1980-01-01 */
	struct tm tm;

	gmtime_r(&t, &tm);
	stamp->date = (tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday;
	stamp->time = tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2;
}

void fat_label_set(u8 *out, const char *label)
{
	const char *s = label ? label : "NO NAME";
	size_t len = MIN(strlen(s), (size_t)11);

	memset(out, ' ', 11);
	memcpy(out, s, len);
}

/* Returns the number of units, 0 when s cannot be a long name. */
static size_t utf16_name(const char *s, size_t len, u16 *out)
{
	size_t n = 0;

	while (len) {
		u32 c;
		size_t step = utf8_decode((const u8 *)s, len, &c);

		if (!step || c < 0x20 || (c < 0x80 && strchr("\"*/:<>?\\|", c)))
			return 0;
		if (n + (c > 0xffff) + 1 > FAT_NAME_MAX)
			return 0;
		if (c > 0xffff) {
			out[n++] = 0xd800 + ((c - 0x10000) >> 10);
			out[n++] = 0xdc00 + (c & 0x3ff);
		} else {
			out[n++] = c;
		}
		s += step;
		len -= step;
	}
	/* Trailing dots and spaces are dropped by those who read FAT. */
	return n && out[n - 1] != '.' && out[n - 1] != ' ' ? n : 0;
}

static u16 fold(u16 c)
{
	return c >= 'a' && c <= 'z' ? c - 32 : c;
}

static bool short_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("$%'-_@~`!(){}^#&", c));
}

/* True when name is a short name as it stands; fills alias then. */
static bool short_exact(const char *name, size_t len, u8 *alias)
{
	const char *dot = memchr(name, '.', len);
	size_t base = dot ? (size_t)(dot - name) : len;
	size_t ext = dot ? len - base - 1 : 0;

	if (!base || base > 8 || ext > 3 || (dot && !ext))
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != '.' ? !short_char(name[i]) : i != base)
			return false;
	memset(alias, ' ', 11);
	memcpy(alias, name, base);
	if (ext)
		memcpy(alias + 8, dot + 1, ext);
	return true;
}

/* As short_exact() for a name that is a short one but for its case. */
static bool short_folded(const char *name, size_t len, u8 *alias)
{
	char upper[12];

	if (len > sizeof(upper))
		return false;
	for (size_t i = 0; i < len; i++)
		upper[i] = name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i];
	return short_exact(upper, len, alias);
}

/* Copies up to max characters of [s, s + len) as a short name takes them. */
static size_t short_part(u8 *out, size_t max, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < max; i++) {
		char c = fold((u8)s[i]);

		if (c == '.' || c == ' ' || ((u8)c & 0xc0) == 0x80)
			continue;
		out[n++] = short_char(c) ? c : '_';
	}
	return n;
}

/* ---- children by name ---- */

/* The node's name in full, in units. */
static size_t node_units(const struct fat_node *node, u16 *out)
{
	size_t n = 0;

	if (node->name_len) {
		memcpy(out, node->name, node->name_len * sizeof(*out));
		return node->name_len;
	}
	for (int i = 0; i < 11; i++) {
		if (i == 8 && node->alias[8] != ' ')
			out[n++] = '.';
		if (node->alias[i] != ' ')
			out[n++] = node->alias[i];
	}
	return n;
}

static u32 hash_name(const u16 *name, size_t n)
{
	u32 h = 2166136261U;

	for (size_t i = 0; i < n; i++)
		h = (h ^ fold(name[i])) * 16777619U;
	return h ^ h >> 15;
}

static u32 hash_alias(const u8 *alias)
{
	u32 h = 2166136261U;

	for (int i = 0; i < 11; i++)
		h = (h ^ alias[i]) * 16777619U;
	return h ^ h >> 15;
}

/* The index has two halves: heads of chains by name, and by short name. */
static void index_put(struct fat_node *dir, struct fat_node *node)
{
	u16 name[FAT_NAME_MAX];
	struct fat_node **p = &dir->index[hash_name(name, node_units(node, name)) % dir->index_size];

	node->name_next = *p;
	*p = node;
	p = &dir->index[dir->index_size + hash_alias(node->alias) % dir->index_size];
	node->alias_next = *p;
	*p = node;
}

static int index_grow(struct fat_node *dir)
{
	u32 size = dir->index_size ? dir->index_size * 4 : 16;
	struct fat_node **index;

	if (dir->n_children < dir->index_size)
		return 0;
	index = calloc(2 * (size_t)size, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(dir->index);
	dir->index = index;
	dir->index_size = size;
	for (struct fat_node *n = dir->child; n; n = n->next)
		index_put(dir, n);
	return 0;
}

static struct fat_node *alias_find(const struct fat_node *dir, const u8 *alias)
{
	struct fat_node *n = dir->index[dir->index_size + hash_alias(alias) % dir->index_size];

	while (n && memcmp(n->alias, alias, 11))
		n = n->alias_next;
	return n;
}

static struct fat_node *units_find(const struct fat_node *dir, const u16 *want, size_t n)
{
	struct fat_node *node = dir->index_size ? dir->index[hash_name(want, n) % dir->index_size] : NULL;
	u16 have[FAT_NAME_MAX];

	for (; node; node = node->name_next) {
		size_t i = 0;

		if (node_units(node, have) != n)
			continue;
		while (i < n && fold(have[i]) == fold(want[i]))
			i++;
		if (i == n)
			return node;
	}
	return NULL;
}

struct fat_node *fat_name_find(struct fat_node *dir, const char *name, size_t len)
{
	u16 want[FAT_NAME_MAX];
	size_t n = utf16_name(name, len, want);

	return n ? units_find(dir, want, n) : NULL;
}

struct fat_node *fat_node_next(struct fat_node *node)
{
	if (node->child)
		return node->child;
	while (node && !node->next)
		node = node->parent;
	return node ? node->next : NULL;
}

/* ---- adding ---- */

/*
 * Makes a short name with a numeric tail (NAME~1.EXT) that no sibling has. Who has ~1 knows how
 * far the numbers are taken: thousands of alike names would be tried for each one else.
 */
static int short_tail(struct fat_node *dir, struct fat_node *node, const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len);
	size_t stem = dot && dot > name ? (size_t)(dot - name) : len;
	u8 base[8] = { 0 }, ext[3];
	size_t nbase = short_part(base, 8, name, stem);
	size_t next = short_part(ext, 3, name + stem, len - stem);
	struct fat_node *first = NULL;

	for (u32 i = 1; i < 1000000; i++) {
		char tail[9];
		size_t ntail = (size_t)snprintf(tail, sizeof(tail), "~%u", i);
		size_t keep = MIN(nbase, 8 - ntail);
		struct fat_node *holder;

		memset(node->alias, ' ', 11);
		memcpy(node->alias, base, keep);
		memcpy(node->alias + keep, tail, ntail);
		memcpy(node->alias + 8, ext, next);
		holder = alias_find(dir, node->alias);
		if (first)
			first->tail = i + 1;
		if (!holder)
			return 0;
		if (i == 1) {
			first = holder;
			i = MAX(holder->tail, 2U) - 1;
		}
	}
	return -ENOSPC;
}

/* What is left of the name is the short one when that says it all. */
static int set_name(struct fat_node *dir, struct fat_node *node, const char *name, size_t len,
		    const u16 *units, size_t n)
{
	if (short_exact(name, len, node->alias) && !alias_find(dir, node->alias))
		return 0;
	node->name = malloc(n * sizeof(*units));
	if (!node->name)
		return -ENOMEM;
	memcpy(node->name, units, n * sizeof(*units));
	node->name_len = (u8)n;
	if (short_folded(name, len, node->alias) && !alias_find(dir, node->alias))
		return 0;
	return short_tail(dir, node, name, len);
}

int fat_node_add(struct fat_node *dir, struct fat_node *node, const char *name, size_t len, struct err *err)
{
	u16 units[FAT_NAME_MAX];
	size_t n = utf16_name(name, len, units);
	int ret;

	if (!n || units_find(dir, units, n))
		return err_set(err, EINVAL, "'%.*s': not a name for FAT32", (int)len, name);
	ret = index_grow(dir);
	ret = ret ? ret : set_name(dir, node, name, len, units, n);
	if (ret) {
		fat_node_clear(node);
		return ret == -ENOMEM ? err_set(err, ENOMEM, "out of memory") :
		       err_set(err, -ret, "'%.*s': no short name is left", (int)len, name);
	}
	node->parent = dir;
	*(dir->last ? &dir->last->next : &dir->child) = node;
	dir->last = node;
	dir->n_children++;
	index_put(dir, node);
	return 0;
}

void fat_node_clear(struct fat_node *node)
{
	free(node->name);
	free(node->index);
	node->name = NULL;
	node->index = NULL;
	node->index_size = 0;
}

/* ---- entries of directories ---- */

static u64 long_entries(const struct fat_node *node)
{
	return DIV_ROUND_UP(node->name_len, LFN_UNITS);
}

u64 fat_dir_size(const struct fat_node *dir, bool label)
{
	u64 entries = dir->parent ? 2 : label;	/* "." and "..", or the label */

	for (const struct fat_node *n = dir->child; n; n = n->next)
		entries += 1 + long_entries(n);
	return (entries + 1) * 32;		/* one that says "end" */
}

static int put_entry(const u8 *alias, u8 attr, u32 cluster, u32 len,
		     const struct fat_stamp *stamp, struct sink *out, struct err *err)
{
	u8 e[32] = { 0 };

	memcpy(e, alias, 11);
	e[11] = attr;
	put_le16(e + 14, stamp->time);		/* made */
	put_le16(e + 16, stamp->date);
	put_le16(e + 18, stamp->date);		/* read */
	put_le16(e + 20, cluster >> 16);
	put_le16(e + 22, stamp->time);		/* written */
	put_le16(e + 24, stamp->date);
	put_le16(e + 26, cluster);
	put_le32(e + 28, len);
	return sink_write(out, e, sizeof(e), err);
}

static u8 alias_sum(const u8 *alias)
{
	u8 sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (u8)(sum << 7 | sum >> 1) + alias[i];
	return sum;
}

static const struct fat_stamp *stamp_of(const struct fat_node *node, const struct fat_stamp *volume)
{
	return node->stamp.date ? &node->stamp : volume;
}

static int put_long(const struct fat_node *node, struct sink *out, struct err *err)
{
	static const u8 offset[LFN_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	u32 count = long_entries(node);
	int rc = 0;

	for (u32 part = count; part && !rc; part--) {
		u8 e[32] = { part | (part == count ? LFN_LAST : 0) };

		e[11] = ATTR_LONG_NAME;
		e[13] = alias_sum(node->alias);
		for (u32 i = 0; i < LFN_UNITS; i++) {
			u32 at = (part - 1) * LFN_UNITS + i;

			put_le16(e + offset[i], at < node->name_len ? node->name[at] :
				 at == node->name_len ? 0 : 0xffff);
		}
		rc = sink_write(out, e, sizeof(e), err);
	}
	return rc;
}

int fat_dir_write(const struct fat_node *dir, const char *label,
		  const struct fat_stamp *stamp, struct sink *out, struct err *err)
{
	u8 text[11];
	int rc = 0;

	if (!dir->parent && label) {
		fat_label_set(text, label);
		rc = put_entry(text, ATTR_VOLUME_ID, 0, 0, stamp, out, err);
	} else if (dir->parent) {
		/* A ".." that is the root has cluster 0. */
		u32 up = dir->parent->parent ? dir->parent->first : 0;

		rc = put_entry((const u8 *)".          ", ATTR_DIRECTORY, dir->first, 0,
			       stamp_of(dir, stamp), out, err);
		if (!rc)
			rc = put_entry((const u8 *)"..         ", ATTR_DIRECTORY, up, 0,
				       stamp_of(dir->parent, stamp), out, err);
	}
	for (const struct fat_node *n = dir->child; n && !rc; n = n->next) {
		rc = put_long(n, out, err);
		if (!rc)
			rc = put_entry(n->alias, n->is_file ? ATTR_ARCHIVE : ATTR_DIRECTORY,
				       n->first, n->is_file ? (u32)n->len : 0, stamp_of(n, stamp), out, err);
	}
	return rc;
}
