// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FAT32 writer: directory entries, and names. Each node has a short name of
 * 8.3 upper-case characters; a name that is more than that is stored in front
 * of it, 13 UTF-16 units an entry, last part first, tied to the short name by
 * a checksum.
 */
#include "fat_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "bytes.h"

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

/* Decodes one UTF-8 character. Returns its length, 0 when it is not one. */
static size_t utf8_get(const char *s, size_t len, u32 *out)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	u8 c = *s;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 :
		   c >= 0xf0 && c < 0xf5 ? 4 : 0;
	u32 v = n < 2 ? c : c & (0x7f >> n);

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*out = v;
	return n;
}

/* Returns the number of units, 0 when s cannot be a long name. */
static size_t utf16_name(const char *s, size_t len, u16 *out)
{
	size_t n = 0;

	while (len) {
		u32 c;
		size_t step = utf8_get(s, len, &c);

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

static bool alias_taken(const struct fat_node *node)
{
	const struct fat_node *n = node->parent->child;

	while (n && (n == node || memcmp(n->alias, node->alias, 11)))
		n = n->next;
	return n;
}

/* Makes a short name with a numeric tail (NAME~1.EXT) that no sibling has. */
static int short_tail(struct fat_node *node, const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len);
	size_t stem = dot && dot > name ? (size_t)(dot - name) : len;
	u8 base[8] = { 0 }, ext[3];
	size_t nbase = short_part(base, 8, name, stem);
	size_t next = short_part(ext, 3, name + stem, len - stem);

	for (u32 i = 1; i < 1000000; i++) {
		char tail[9];
		size_t ntail = snprintf(tail, sizeof(tail), "~%u", i);
		size_t keep = MIN(nbase, 8 - ntail);

		memset(node->alias, ' ', 11);
		memcpy(node->alias, base, keep);
		memcpy(node->alias + keep, tail, ntail);
		memcpy(node->alias + 8, ext, next);
		if (!alias_taken(node))
			return 0;
	}
	return -ENOSPC;
}

int fat_name_set(struct fat_node *node, const char *name, size_t len, struct err *err)
{
	size_t n = utf16_name(name, len, node->name);

	if (!n || fat_name_find(node->parent, name, len))
		return err_set(err, EINVAL, "'%.*s': not a name for FAT32", (int)len, name);
	if (short_exact(name, len, node->alias) && !alias_taken(node))
		return 0;
	node->name_len = n;
	if (short_folded(name, len, node->alias) && !alias_taken(node))
		return 0;
	if (short_tail(node, name, len))
		return err_set(err, ENOSPC, "'%.*s': no short name is left", (int)len, name);
	return 0;
}

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

struct fat_node *fat_name_find(struct fat_node *dir, const char *name, size_t len)
{
	u16 want[FAT_NAME_MAX], have[FAT_NAME_MAX];
	size_t n = utf16_name(name, len, want);

	for (struct fat_node *node = dir->child; node && n; node = node->next) {
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
			       stamp, out, err);
		if (!rc)
			rc = put_entry((const u8 *)"..         ", ATTR_DIRECTORY, up, 0,
				       stamp, out, err);
	}
	for (const struct fat_node *n = dir->child; n && !rc; n = n->next) {
		rc = put_long(n, out, err);
		if (!rc)
			rc = put_entry(n->alias, n->is_file ? ATTR_ARCHIVE : ATTR_DIRECTORY,
				       n->first, n->is_file ? n->len : 0, stamp, out, err);
	}
	return rc;
}
