/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: making an image. Log, metadata, block allocation table and blocks
 * follow each other, all at multiples of 1 MiB.
 */
#include <string.h>
#include "vhdx.h"

struct layout {
	u64 size, blocks, entries;
	u32 block, log, ratio, bat_len;
	u64 meta_off, bat_off, data_off;
	bool fixed, zero;
};

static int options(struct layout *l, struct blk_opts *o, struct err *e)
{
	static const char *const subs[] = { "dynamic", "fixed", NULL };
	u64 log = MiB, block = 0;
	int sub = 0, ret = blk_opts_take_size(o, "log_size", &log, e);

	l->zero = true;
	ret = ret ?: blk_opts_take_size(o, "block_size", &block, e);
	ret = ret ?: blk_opts_take_bool(o, "block_state_zero", &l->zero, e);
	ret = ret ?: blk_opts_take_enum(o, "subformat", subs, &sub, e);
	if (ret)
		return ret;
	if (l->size > VHDX_MAX_SIZE)
		return err_set(e, EINVAL, "Image size too large; max of 64TB");
	if (log > 0xffffffffULL)
		return err_set(e, EINVAL, "Log size must be smaller than 4 GB");
	if (log < MiB || log % MiB)
		return err_set(e, EINVAL, "Log size must be a multiple of 1 MB");
	/* Larger disks get larger blocks, so that the table stays small. */
	if (!block)
		block = l->size > 32 * TiB ? 64 * MiB : l->size > 100 * GiB ? 32 * MiB :
			l->size > GiB ? 16 * MiB : 8 * MiB;
	if (block % MiB)
		return err_set(e, EINVAL, "Block size must be a multiple of 1 MB");
	if (block & (block - 1))
		return err_set(e, EINVAL, "Block size must be a power of two");
	if (block > 256 * MiB)
		return err_set(e, EINVAL, "Block size must not exceed %llu", 256 * MiB);
	l->log = (u32)log;
	l->block = (u32)block;
	l->fixed = sub;
	return 0;
}

static void lay_out(struct layout *l)
{
	l->ratio = (u32)((1ULL << 23) * 512 / l->block);
	l->blocks = DIV_ROUND_UP(l->size, l->block);
	l->entries = l->blocks ? l->blocks + (l->blocks - 1) / l->ratio : 0;
	l->bat_len = (u32)MAX(ALIGN_UP(l->entries * 8, MiB), MiB);
	l->meta_off = MiB + l->log;
	l->bat_off = l->meta_off + MiB;
	l->data_off = l->bat_off + l->bat_len;
}

static int write_ident(struct blk_node *file)
{
	static const char creator[] = "vmbox";
	u8 id[8 + 2 * sizeof(creator)] = "vhdxfile";

	for (size_t i = 0; i < sizeof(creator); i++)
		put_le16(id + 8 + 2 * i, (u16)creator[i]);
	return blk_node_pwrite(file, 0, id, sizeof(id));
}

static int write_regions(struct blk_node *file, const struct layout *l, u8 *t)
{
	struct vhdx_table_head *h = (void *)t;
	struct vhdx_region_entry *r = (void *)(t + sizeof(*h));
	int ret;

	memset(t, 0, VHDX_TABLE);
	memcpy(h->signature, "regi", 4);
	h->count = cpu_to_le32(2);
	memcpy(r[0].guid, vhdx_guid_bat, 16);
	r[0].offset = cpu_to_le64(l->bat_off);
	r[0].length = cpu_to_le32(l->bat_len);
	r[0].required = cpu_to_le32(1);
	memcpy(r[1].guid, vhdx_guid_meta, 16);
	r[1].offset = cpu_to_le64(l->meta_off);
	r[1].length = cpu_to_le32(MiB);
	r[1].required = cpu_to_le32(1);
	h->checksum = cpu_to_le32(vhdx_checksum(t, VHDX_TABLE));
	ret = blk_node_pwrite(file, VHDX_REGIONS_1, t, VHDX_TABLE);
	return ret ?: blk_node_pwrite(file, VHDX_REGIONS_2, t, VHDX_TABLE);
}

static int write_metadata(struct blk_node *file, const struct layout *l, u8 *t)
{
	/* flags: 2 of the virtual disk, 4 required */
	static const struct { const u8 *guid; u16 off, len; u8 flags; } items[] = {
		{ vhdx_item_params, 0, 8, 4 }, { vhdx_item_size, 8, 8, 6 }, { vhdx_item_page83, 16, 16, 6 },
		{ vhdx_item_lsector, 32, 4, 6 }, { vhdx_item_psector, 36, 4, 6 },
	};
	struct vhdx_meta_head *h = (void *)t;
	struct vhdx_meta_entry *m = (void *)(t + sizeof(*h));
	u8 val[40];
	int ret;

	memset(t, 0, VHDX_TABLE);
	memcpy(h->signature, "metadata", 8);
	h->count = cpu_to_le16(ARRAY_SIZE(items));
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		memcpy(m[i].guid, items[i].guid, 16);
		m[i].offset = cpu_to_le32((u32)VHDX_TABLE + items[i].off);
		m[i].length = cpu_to_le32(items[i].len);
		m[i].flags = cpu_to_le32(items[i].flags);
	}
	put_le32(val, l->block);
	put_le32(val + 4, l->fixed);
	put_le64(val + 8, l->size);
	vhdx_new_guid(val + 16);
	put_le32(val + 32, 512);
	put_le32(val + 36, 512);
	ret = blk_node_pwrite(file, l->meta_off, t, VHDX_TABLE);
	return ret ?: blk_node_pwrite(file, l->meta_off + VHDX_TABLE, val, sizeof(val));
}

/* One buffer of the table at a time; zeros stay holes. */
static int write_bat(struct blk_node *file, const struct layout *l, u8 *t)
{
	u32 per = (u32)VHDX_TABLE / 8;
	u64 block = 0;

	if (!l->fixed && !l->zero)
		return 0;
	for (u64 i = 0; i < l->entries; i += per) {
		int ret;

		memset(t, 0, VHDX_TABLE);
		for (u64 k = i; k < l->entries && k < i + per; k++) {
			if ((k + 1) % (l->ratio + 1ULL) == 0)
				continue;	/* a sector bitmap's */
			put_le64(t + (k - i) * 8, l->fixed ? (l->data_off + block * l->block) | VHDX_FULL :
				 VHDX_ZERO);
			block++;
		}
		ret = blk_node_pwrite(file, l->bat_off + i * 8, t, MIN(l->entries - i, (u64)per) * 8);
		if (ret)
			return ret;
	}
	return 0;
}

int vhdx_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	struct layout l = { .size = ALIGN_UP(size, 512) };
	struct vhdx v = { .log_off = MiB };
	int ret = options(&l, o, e);
	u8 *t;

	if (ret)
		return ret;
	lay_out(&l);
	t = blk_buf_alloc(VHDX_TABLE);
	if (!t)
		return -ENOMEM;
	v.log_len = l.log;
	vhdx_new_guid(v.file_guid);
	vhdx_new_guid(v.data_guid);
	ret = blk_node_truncate(file, l.data_off + (l.fixed ? l.blocks * l.block : 0), false, 0, e);
	ret = ret ?: write_regions(file, &l, t);
	ret = ret ?: write_metadata(file, &l, t);
	ret = ret ?: write_bat(file, &l, t);
	ret = ret ?: vhdx_write_headers(file, &v);
	/* Last: what is not complete is not taken for an image. */
	ret = ret ?: write_ident(file);
	free(t);
	return ret ? err_errno(e, -ret, "Could not write the VHDX image") : 0;
}

const struct blk_optdesc vhdx_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size; max of 64TB.", NULL },
	{ "log_size", BLK_OPT_SIZE, "Log size; min 1MB.", "1048576" },
	{ "block_size", BLK_OPT_SIZE, "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.", "0" },
	{ "subformat", BLK_OPT_STRING, "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'.", NULL },
	{ "block_state_zero", BLK_OPT_BOOL, "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  "
	  "Do not set to 'off' when using 'qemu-img convert' with subformat=dynamic.", NULL },
	{ NULL, 0, NULL, NULL }
};
