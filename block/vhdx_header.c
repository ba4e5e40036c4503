/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: the two headers, the region table and the metadata items ([MS-VHDX] 2.2, 2.6). */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include "checksum.h"
#include "foreign.h"
#include "mem.h"
#include "vhdx.h"

const u8 vhdx_guid_bat[16] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
			       0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
const u8 vhdx_guid_meta[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
				0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
const u8 vhdx_item_params[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
				  0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
const u8 vhdx_item_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
				0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
const u8 vhdx_item_page83[16] = { 0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
				  0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46 };
const u8 vhdx_item_lsector[16] = { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
				   0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f };
const u8 vhdx_item_psector[16] = { 0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44,
				   0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56 };
const u8 vhdx_item_parent[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
				  0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };
/* {b04aefb7-d19e-4a81-b789-25b8e9445913}: the only type of parent locator. */
static const u8 locator_vhdx[16] = { 0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
				     0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13 };

#define META_REQUIRED	4U
#define META_USER	1U
#define MAX_ENTRIES	2047U

void vhdx_new_guid(u8 guid[16])
{
	if (getrandom(guid, 16, 0) != 16)
		memset(guid, 0x5a, 16);
	guid[7] = (guid[7] & 0x0f) | 0x40;	/* version 4: random */
	guid[8] = (guid[8] & 0x3f) | 0x80;
}

bool vhdx_no_guid(const u8 guid[16])
{
	return buf_is_zero(guid, 16);
}

u32 vhdx_checksum(const void *p, size_t n)
{
	static const u8 zeros[4];
	u32 crc = crc32c_update(0, p, 4);

	crc = crc32c_update(crc, zeros, 4);
	return crc32c_update(crc, (const u8 *)p + 8, n - 8);
}

/* ---- headers ---- */

static bool header_ok(const struct vhdx_header *h)
{
	return !memcmp(h->signature, "head", 4) && le16_to_cpu(h->version) == 1 &&
	       le32_to_cpu(h->checksum) == vhdx_checksum(h, sizeof(*h));
}

static int take_header(struct vhdx *v, const struct vhdx_header *h, int slot, struct err *e)
{
	v->slot = slot;
	v->seq = le64_to_cpu(h->sequence);
	memcpy(v->file_guid, h->file_guid, 16);
	memcpy(v->data_guid, h->data_guid, 16);
	memcpy(v->log_guid, h->log_guid, 16);
	v->log_off = le64_to_cpu(h->log_offset);
	v->log_len = le32_to_cpu(h->log_length);
	if (le16_to_cpu(h->log_version))
		return err_set(e, EINVAL, "Unsupported VHDX log version %u", le16_to_cpu(h->log_version));
	if (v->log_off < MiB || v->log_off % MiB || v->log_len % MiB || v->log_off > VHDX_MAX_FILE)
		return err_set(e, EINVAL, "The VHDX header has an invalid log location");
	return 0;
}

int vhdx_read_headers(struct blk_node *n, struct vhdx *v, struct err *e)
{
	static const u64 at[2] = { VHDX_HEADER_1, VHDX_HEADER_2 };
	struct vhdx_header *h = blk_buf_alloc(2 * sizeof(*h));
	bool ok[2];
	int ret = h ? 0 : -ENOMEM, use;

	for (int i = 0; !ret && i < 2; i++) {
		ret = blk_node_pread(n->file, at[i], &h[i], sizeof(*h));
		ok[i] = !ret && header_ok(&h[i]);
	}
	if (ret) {
		err_errno(e, -ret, "Could not read the VHDX headers");
		goto out;
	}
	if (!ok[0] && !ok[1]) {
		ret = err_set(e, EINVAL, "No valid VHDX header found");
		goto out;
	}
	use = ok[0] ? 0 : 1;
	if (ok[0] && ok[1]) {
		use = le64_to_cpu(h[1].sequence) > le64_to_cpu(h[0].sequence);
		if (h[0].sequence == h[1].sequence && memcmp(&h[0], &h[1], sizeof(*h))) {
			ret = err_set(e, EINVAL, "The VHDX headers contradict each other");
			goto out;
		}
	}
	ret = take_header(v, &h[use], use, e);
out:
	free(h);
	return ret;
}

int vhdx_write_headers(struct blk_node *file, struct vhdx *v)
{
	struct vhdx_header *h = blk_buf_alloc(sizeof(*h));
	int ret = h ? 0 : -ENOMEM;

	/* Never the current one: a torn write leaves it valid (2.2.2.1). */
	for (int i = 0; !ret && i < 2; i++) {
		memset(h, 0, sizeof(*h));
		memcpy(h->signature, "head", 4);
		h->sequence = cpu_to_le64(v->seq + 1);
		memcpy(h->file_guid, v->file_guid, 16);
		memcpy(h->data_guid, v->data_guid, 16);
		memcpy(h->log_guid, v->log_guid, 16);
		h->version = cpu_to_le16(1);
		h->log_offset = cpu_to_le64(v->log_off);
		h->log_length = cpu_to_le32(v->log_len);
		h->checksum = cpu_to_le32(vhdx_checksum(h, sizeof(*h)));
		ret = blk_node_pwrite(file, v->slot ? VHDX_HEADER_1 : VHDX_HEADER_2, h, sizeof(*h));
		ret = ret ?: blk_node_flush(file);
		if (!ret) {
			v->seq++;
			v->slot = !v->slot;
		}
	}
	free(h);
	return ret;
}

/* ---- regions ---- */

static bool overlap(u64 a, u64 alen, u64 b, u64 blen)
{
	return a < b + blen && b < a + alen;
}

static int check_region(const struct vhdx *v, const struct vhdx_region_entry *r, u32 i, struct err *e)
{
	u64 off = le64_to_cpu(r[i].offset), len = le32_to_cpu(r[i].length);

	if (off < MiB || off % MiB || !len || len % MiB || off > VHDX_MAX_FILE)
		return err_set(e, EINVAL, "VHDX region %u has an invalid location", i);
	if (overlap(off, len, v->log_off, v->log_len))
		return err_set(e, EINVAL, "VHDX region %u overlaps the log", i);
	for (u32 k = 0; k < i; k++)
		if (overlap(off, len, le64_to_cpu(r[k].offset), le32_to_cpu(r[k].length)))
			return err_set(e, EINVAL, "VHDX regions %u and %u overlap", k, i);
	return 0;
}

static int take_regions(struct vhdx *v, const u8 *t, struct err *e)
{
	const struct vhdx_table_head *h = (const void *)t;
	const struct vhdx_region_entry *r = (const void *)(t + sizeof(*h));
	u32 count = le32_to_cpu(h->count);
	int ret;

	if (count > MAX_ENTRIES)
		return err_set(e, EINVAL, "The VHDX region table has %u entries", count);
	for (u32 i = 0; i < count; i++) {
		bool bat = !memcmp(r[i].guid, vhdx_guid_bat, 16);
		bool meta = !memcmp(r[i].guid, vhdx_guid_meta, 16);

		ret = check_region(v, r, i, e);
		if (ret)
			return ret;
		if ((bat && v->bat_off) || (meta && v->meta_off))
			return err_set(e, EINVAL, "The VHDX region table names a region twice");
		if (bat) {
			v->bat_off = le64_to_cpu(r[i].offset);
			v->bat_len = le32_to_cpu(r[i].length);
		} else if (meta) {
			v->meta_off = le64_to_cpu(r[i].offset);
			v->meta_len = le32_to_cpu(r[i].length);
		} else if (le32_to_cpu(r[i].required) & 1) {
			return err_set(e, ENOTSUP, "The VHDX image needs a region that is not known here");
		}
	}
	if (!v->bat_off || !v->meta_off)
		return err_set(e, EINVAL, "The VHDX region table lacks the %s",
			       v->bat_off ? "metadata" : "block allocation table");
	return 0;
}

int vhdx_read_regions(struct blk_node *n, struct vhdx *v, struct err *e)
{
	static const u64 at[2] = { VHDX_REGIONS_1, VHDX_REGIONS_2 };
	u8 *t = blk_buf_alloc(VHDX_TABLE);
	int ret = t ? 0 : -ENOMEM;

	for (int i = 0; !ret && i < 2; i++) {
		ret = blk_node_pread(n->file, at[i], t, VHDX_TABLE);
		if (ret) {
			err_errno(e, -ret, "Could not read the VHDX region table");
		} else if (!memcmp(t, "regi", 4) && get_le32(t + 4) == vhdx_checksum(t, VHDX_TABLE)) {
			ret = take_regions(v, t, e);
			goto out;
		}
	}
	if (!ret)
		ret = err_set(e, EINVAL, "No valid VHDX region table found");
out:
	free(t);
	return ret;
}

/* ---- metadata ---- */

struct item {
	const u8 *guid;
	void *to;
	u32 min, max;		/* bytes it may have */
	u32 len;		/* found; 0: not there */
};

static int read_item(struct blk_node *n, struct vhdx *v, const struct vhdx_meta_entry *m,
		     struct item *it, struct err *e)
{
	u64 off = le32_to_cpu(m->offset), len = le32_to_cpu(m->length);
	int ret;

	if (it->len)
		return err_set(e, EINVAL, "The VHDX metadata has an item twice");
	if (off < VHDX_TABLE || off + len > v->meta_len || len < it->min || len > it->max)
		return err_set(e, EINVAL, "A VHDX metadata item has an invalid location");
	ret = blk_node_pread(n->file, v->meta_off + off, it->to, len);
	if (ret)
		return err_errno(e, -ret, "Could not read the VHDX metadata");
	it->len = (u32)len;
	return 0;
}

static int read_items(struct blk_node *n, struct vhdx *v, const u8 *t, struct item *it, u32 items,
		      struct err *e)
{
	const struct vhdx_meta_head *h = (const void *)t;
	const struct vhdx_meta_entry *m = (const void *)(t + sizeof(*h));
	u32 count = le16_to_cpu(h->count);

	if (memcmp(h->signature, "metadata", 8) || count > MAX_ENTRIES)
		return err_set(e, EINVAL, "The VHDX metadata table is invalid");
	for (u32 i = 0; i < count; i++) {
		u32 k = 0;
		int ret;

		while (k < items && (le32_to_cpu(m[i].flags) & META_USER || memcmp(m[i].guid, it[k].guid, 16)))
			k++;
		if (k == items) {
			if (le32_to_cpu(m[i].flags) & META_REQUIRED)
				return err_set(e, ENOTSUP, "The VHDX image needs metadata that is not known here");
			continue;
		}
		ret = read_item(n, v, &m[i], &it[k], e);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- the parent locator (2.6.2.6) ---- */

/* "{83ed6e1a-...}" as it stands on the disk: the first three groups little endian. */
static bool parse_guid(const char *s, u8 guid[16])
{
	static const u8 order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	unsigned int b;

	s += *s == '{';
	for (int i = 0; i < 16; i++) {
		s += *s == '-';
		if (sscanf(s, "%2x", &b) != 1 || !s[1])
			return false;
		guid[order[i]] = (u8)b;
		s += 2;
	}
	return true;
}

static int read_locator(struct blk_node *n, struct vhdx *v, const u8 *p, u32 len, struct err *e)
{
	u32 count = len >= 20 ? get_le16(p + 18) : 0;
	bool linked = false, relative = false;
	int ret = 0;

	if (len < 20 || memcmp(p, locator_vhdx, 16) || 20 + count * 12 > len)
		return err_set(e, EINVAL, "The VHDX parent locator is invalid");
	for (u32 i = 0; !ret && i < count; i++) {
		const u8 *k = p + 20 + i * 12;
		u32 ko = get_le32(k), vo = get_le32(k + 4), kl = get_le16(k + 8), vl = get_le16(k + 10);
		char key[64], val[2048];

		if (ko > len || kl > len - ko || vo > len || vl > len - vo)
			return err_set(e, EINVAL, "The VHDX parent locator is invalid");
		blk_utf16_to_utf8(p + ko, kl, false, key, sizeof(key));
		blk_utf16_to_utf8(p + vo, vl, false, val, sizeof(val));
		if (!strcmp(key, "parent_linkage"))
			linked |= parse_guid(val, v->parent[0]);
		else if (!strcmp(key, "parent_linkage2"))
			parse_guid(val, v->parent[1]);
		else if (!strcmp(key, "relative_path") && *val)
			relative = !(ret = blk_set_foreign_backing(n, val, true, "vhdx"));
		else if ((!strcmp(key, "absolute_win32_path") || !strcmp(key, "volume_path")) && *val && !relative)
			ret = blk_set_foreign_backing(n, val, false, "vhdx");
	}
	if (!ret && !linked)
		ret = err_set(e, EINVAL, "The VHDX parent locator lacks the parent's identity");
	return ret;
}

static int check_geometry(struct blk_node *n, struct vhdx *v, u64 size, u64 block, u32 sector, struct err *e)
{
	u64 entries, chunks;

	if (sector != 512 && sector != 4096)
		return err_set(e, ENOTSUP, "Unsupported VHDX sector size %u", sector);
	if (block < MiB || block > 256 * MiB || block & (block - 1))
		return err_set(e, EINVAL, "Invalid VHDX block size %llu", block);
	if (size > VHDX_MAX_SIZE || size % sector)
		return err_set(e, EINVAL, "Invalid VHDX disk size %llu", size);
	v->block = block;
	v->sector = sector;
	v->ratio = (u32)((1ULL << 23) * sector / block);
	v->blocks = DIV_ROUND_UP(size, block);
	chunks = DIV_ROUND_UP(v->blocks, v->ratio);
	entries = v->has_parent ? chunks * (v->ratio + 1ULL) :
		  v->blocks ? v->blocks + (v->blocks - 1) / v->ratio : 0;
	if (entries * 8 > v->bat_len)
		return err_set(e, EINVAL, "The VHDX block allocation table is too small for the disk");
	n->size = size;
	return 0;
}

int vhdx_read_metadata(struct blk_node *n, struct vhdx *v, struct err *e)
{
	u8 params[8], size[8], lsector[4], psector[4], page83[16];
	u8 *t = blk_buf_alloc(2 * VHDX_TABLE);
	struct item it[] = {
		{ vhdx_item_params, params, 8, 8, 0 }, { vhdx_item_size, size, 8, 8, 0 },
		{ vhdx_item_lsector, lsector, 4, 4, 0 }, { vhdx_item_psector, psector, 4, 4, 0 },
		{ vhdx_item_page83, page83, 16, 16, 0 },
		{ vhdx_item_parent, t ? t + VHDX_TABLE : NULL, 20, VHDX_TABLE, 0 },
	};
	int ret = t ? blk_node_pread(n->file, v->meta_off, t, VHDX_TABLE) : -ENOMEM;

	ret = ret ?: read_items(n, v, t, it, ARRAY_SIZE(it), e);
	if (!ret && (!it[0].len || !it[1].len || !it[2].len))
		ret = err_set(e, EINVAL, "The VHDX metadata lacks a required item");
	if (!ret) {
		v->fixed = get_le32(params + 4) & 1;
		v->has_parent = get_le32(params + 4) & 2;
		ret = check_geometry(n, v, get_le64(size), get_le32(params), get_le32(lsector), e);
	}
	if (!ret && v->has_parent)
		ret = read_locator(n, v, t + VHDX_TABLE, it[5].len, e);
	free(t);
	return ret;
}
