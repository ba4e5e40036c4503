/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image of any format, in memory: opened, described, walked, read, checked
 * and repaired; its snapshots and bitmaps too. First byte: which driver (0:
 * probed); the rest is a sparse encoding, records of u32 offset, u16 length,
 * bytes (tests/fuzz/image-seed makes it); offsets from 2 GiB on are a second
 * file, that of qcow2's data or of a VMDK descriptor's extent. FUZZ_FORMAT in the environment
 * names the driver of all inputs. requires: CONFIG_BLOCK
 */
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "block/mem.h"
#include "block/toolbox.h"
#include "bytes.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define SECOND (2 * GiB)

static const char *const drivers[] = {
	NULL, "qcow2", "vdi", "vpc", "parallels", "vmdk", "vhdx", "qed", "qcow", "luks", "raw",
	"bochs", "cloop", "dmg",
};

/* The driver of an input. */
static const char *driver_of(u8 first)
{
	static const char *forced;
	static bool asked;

	if (!asked) {
		forced = getenv("FUZZ_FORMAT");
		asked = true;
	}
	return forced ? forced : drivers[first % ARRAY_SIZE(drivers)];
}

static void load(struct blk_mem_store *s, struct blk_mem_store *second, const u8 *p, size_t n)
{
	while (n >= 6) {
		u64 off = get_le32(p);
		size_t len = get_le16(p + 4);

		p += 6;
		n -= 6;
		len = len < n ? len : n;
		blk_mem_write(off < SECOND ? s : second, off % SECOND, p, len);
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

static void see_snapshots(struct blk_node *n, bool write)
{
	struct blk_node *owner = NULL;
	const struct blk_snapshot_ops *ops = blk_snapshots(n, &owner);
	struct blk_snapshot *list = NULL, made = { .name = "made", .icount = ~0ULL };
	int k = ops ? ops->list(owner, &list) : 0;
	char buf[512];

	if (k > 0 && write) {
		ops->apply(owner, list[0].id, NULL);
		ops->remove(owner, list[0].id, list[0].name, NULL);
	} else if (k > 0 && !ops->load(owner, list[k - 1].id, NULL, NULL)) {
		blk_pread(n, 0, buf, blk_length(n) < sizeof(buf) ? blk_length(n) : sizeof(buf));
	}
	free(list);
	if (ops && write)
		ops->create(owner, &made, NULL);
}

static void see_bitmaps(struct blk_node *n, bool write)
{
	const struct blk_bitmap_ops *ops = n->drv->bitmaps;
	struct blk_bitmap *list = NULL;
	int k = ops ? ops->list(n, &list) : 0;

	for (int i = 0; i < k && i < 4; i++) {
		u8 *bits = NULL;
		u64 count = 0;

		/* What a user asks for is read whole; a disk of exabytes would be all that is tried. */
		if (blk_length(n) >> 40 == 0 && ops->read && !ops->read(n, list[i].name, &bits, &count, NULL) && write)
			ops->clear(n, list[i].name, NULL);
		free(bits);
		if (write && i)
			ops->remove(n, list[i].name, NULL);
	}
	free(list);
	if (ops && write && blk_length(n) >> 30 == 0)
		ops->add(n, "made", 65536, true, NULL);
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
	see_bitmaps(n, write);
	see_snapshots(n, write);
	if (write && blk_length(n) > 5000) {
		memset(buf, 0x5a, sizeof(buf));
		blk_pwrite(n, blk_length(n) / 3, buf, sizeof(buf), 0);
		blk_zero(n, 0, 4096, BLK_MAY_UNMAP);
		blk_discard(n, blk_length(n) / 2, 1000);
		blk_flush(n);
	}
	blk_check_run(n, &c, NULL);
}

/* Passwords and other files, where the image will ask for one. */
static void companions(struct blk_graph *g, struct blk_mem_store *s, const char *drv, struct blk_opts *o)
{
	struct blk_opts secret = { 0 };
	u8 h[80];

	blk_mem_read(s, 0, h, sizeof(h));
	if (drv && !strcmp(drv, "vmdk") && h[0] == '#')
		blk_opts_set(o, "extents.0.filename", "mem:data");
	if (!drv || strncmp(drv, "qcow", 4))
		return;
	/* The old encryption only: LUKS makes a key in as much time as its header says. */
	if (get_be32(h + (drv[4] ? 32 : 36)) == 1) {
		blk_opts_set(&secret, "id", "s");
		blk_opts_set(&secret, "data", "secret");
		if (!blk_graph_add_secret(g, &secret, NULL)) {
			blk_opts_set(o, "encrypt.format", "aes");
			blk_opts_set(o, "encrypt.key-secret", "s");
		}
		blk_opts_free(&secret);
	}
	if (drv[4] && get_be32(h + 4) == 3 && h[79] & 4)
		blk_opts_set(o, "data-file.filename", "mem:data");
}

static void attempt(const u8 *data, size_t size, u32 flags)
{
	struct blk_policy p = { .follow = BLK_FOLLOW_NONE, .max_meta = 4 * MiB };
	struct blk_graph *g = blk_graph_new(&p);
	struct blk_mem_store *s = g ? blk_mem_store(g, "image") : NULL, *second = s ? blk_mem_store(g, "data") : NULL;
	const char *drv = driver_of(data[0]);
	struct blk_opts o = { 0 };
	struct blk_node *n = NULL;

	if (second) {
		load(s, second, data + 1, size - 1);
		blk_mem_set_limit(second, 64 * MiB);
		blk_mem_set_limit(s, 64 * MiB);
		if (drv && blk_driver_find(drv))
			blk_opts_set(&o, "driver", drv);
		companions(g, s, drv, &o);
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
	if (size > 100 && memmem(data, MIN(size, (size_t)4096), "LUKS", 4))	/* without the key, as info does */
		attempt(data, size, BLK_O_NO_IO | BLK_O_NO_BACKING);
	attempt(data, size, BLK_O_RDWR | BLK_O_UNMAP | BLK_O_NO_BACKING);
	return 0;
}
