/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image of any format, in memory: opened, described, walked, read, checked
 * and repaired. First byte: which driver (0: probed); the rest is a sparse
 * encoding, records of u32 offset, u16 length, bytes. requires: CONFIG_BLOCK
 */
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "block/toolbox.h"
#include "bytes.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const char *const drivers[] = {
	NULL, "qcow2", "vdi", "vpc", "parallels", "vmdk", "vhdx", "qed", "qcow", "luks", "raw",
	"bochs", "cloop", "dmg",
};

static void load(struct blk_mem_store *s, const u8 *p, size_t n)
{
	while (n >= 6) {
		u64 off = get_le32(p);
		size_t len = get_le16(p + 4);

		p += 6;
		n -= 6;
		len = len < n ? len : n;
		blk_mem_write(s, off, p, len);
		p += len;
		n -= len;
	}
}

static void walk(struct blk_node *n)
{
	u64 off = 0, size = blk_length(n);
	u8 buf[4096];

	for (int i = 0; i < 512 && off < size; i++) {
		struct blk_status st;
		u64 m;

		if (blk_status_chain(n, NULL, off, size - off, &st) || !st.len)
			break;
		m = st.len < sizeof(buf) ? st.len : sizeof(buf);
		blk_pread(n, off, buf, m);
		off += st.len;
	}
	if (size) {
		blk_pread(n, size - 1, buf, 1);
		blk_pread(n, size / 2, buf, size - size / 2 < sizeof(buf) ? size - size / 2 : sizeof(buf));
	}
}

static void use(struct blk_node *n, bool write)
{
	struct json *j = json_new(JSON_OBJECT);
	struct blk_check c = { .fix = write ? BLK_FIX_LEAKS | BLK_FIX_ERRORS : 0 };
	u8 buf[1000];

	if (j && n->drv->info)
		n->drv->info(n, j);
	json_free(j);
	walk(n);
	if (write && blk_length(n) > 5000) {
		memset(buf, 0x5a, sizeof(buf));
		blk_pwrite(n, blk_length(n) / 3, buf, sizeof(buf), 0);
		blk_zero(n, 0, 4096, BLK_MAY_UNMAP);
		blk_discard(n, blk_length(n) / 2, 1000);
		blk_flush(n);
	}
	blk_check_run(n, &c, NULL);
}

static void attempt(const u8 *data, size_t size, u32 flags)
{
	struct blk_policy p = { .follow = BLK_FOLLOW_NONE, .max_meta = 4 * MiB };
	struct blk_graph *g = blk_graph_new(&p);
	struct blk_mem_store *s = g ? blk_mem_store(g, "image") : NULL;
	const char *drv = drivers[data[0] % ARRAY_SIZE(drivers)];
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;

	if (s) {
		load(s, data + 1, size - 1);
		blk_mem_set_limit(s, 64 * MiB);
		if (drv && blk_driver_find(drv))
			blk_opts_set(&o, "driver", drv);
		if (!blk_open(g, "mem:image", &o, flags, &n, NULL)) {
			use(n, flags & BLK_O_RDWR);
			blk_unref(n);
		}
	}
	blk_graph_free(g);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 7 || size > 65536)
		return 0;
	attempt(data, size, BLK_O_NO_BACKING);
	attempt(data, size, BLK_O_RDWR | BLK_O_UNMAP | BLK_O_NO_BACKING);
	return 0;
}
