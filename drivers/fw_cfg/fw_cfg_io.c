// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fw_cfg at ports 0x510 (selector), 0x511 (data) and 0x514 (DMA), as
 * described in QEMU's docs/specs/fw_cfg. Items are read only to the guest.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/fw_cfg.h"
#include "dev/isa.h"
#include "mem.h"
#include "str.h"

#define PORT		0x510
#define FIRST_FILE	0x20
#define FILES		32
#define ITEMS		(FIRST_FILE + FILES)
#define ARCH_ITEMS	16	/* keys 0x8000 and up */
#define NAME_LEN	56
#define VERSION		3	/* traditional and DMA interface */

#define DMA_ERROR	0x01
#define DMA_READ	0x02
#define DMA_SKIP	0x04
#define DMA_SELECT	0x08
#define DMA_WRITE	0x10

struct item {
	u8 *data;
	u32 len;
};

struct file_entry {
	__be32 size;
	__be16 select;
	u16 reserved;
	char name[NAME_LEN];
} __packed;
_Static_assert(sizeof(struct file_entry) == 64, "fw_cfg directory entry");

struct fw_cfg {
	struct device dev;
	struct item items[ITEMS], arch[ARCH_ITEMS];
	struct file_entry dir[FILES];
	u32 files;
	u16 key;
	u32 offset;
	u64 dma_addr;
	struct isa_io ctl, dma;
};

static struct item *item_of(struct fw_cfg *s, u16 key)
{
	unsigned n = key & 0x3fff;

	if (key & 0x8000)
		return n < ARCH_ITEMS ? &s->arch[n] : NULL;
	return n < ITEMS ? &s->items[n] : NULL;
}

static void select_item(struct fw_cfg *s, u16 key)
{
	s->key = key;
	s->offset = 0;
}

static u8 next_byte(struct fw_cfg *s)
{
	struct item *it = item_of(s, s->key);

	return it && s->offset < it->len ? it->data[s->offset++] : 0;
}

static u64 ctl_read(void *opaque, u64 off, unsigned size)
{
	(void)size;
	return off == 1 ? next_byte(opaque) : 0;
}

static void ctl_write(void *opaque, u64 off, u64 val, unsigned size)
{
	/* Port 0x510 takes the selector as a word; bytes written to 0x511 are ignored. */
	if (off == 0 && size == 2)
		select_item(opaque, (u16)val);
}

static const struct mem_ops ctl_ops = { .read = ctl_read, .write = ctl_write, .max = 2, .unaligned = true };

/* ---- DMA ---- */

/* Moves len bytes of the item to addr (or skips them); beyond its end there are zeros. */
static int dma_move(struct fw_cfg *s, u64 addr, u32 len, bool read)
{
	static const u8 zero[4096];
	struct mem_space *mem = &s->dev.machine->mem;
	struct item *it = item_of(s, s->key);
	u32 have = it && s->offset < it->len ? MIN(len, it->len - s->offset) : 0, n;
	int ret = 0;

	if (have && read)
		ret = dma_write(mem, addr, it->data + s->offset, have);
	s->offset += have;
	for (addr += have, len -= have; read && len && !ret; addr += n, len -= n) {
		n = MIN(len, (u32)sizeof(zero));
		ret = dma_write(mem, addr, zero, n);
	}
	return ret;
}

static void dma_run(struct fw_cfg *s, u64 at)
{
	struct mem_space *mem = &s->dev.machine->mem;
	u8 cmd[16], done[4];
	u32 control, len;
	int ret = 0;

	if (dma_read(mem, at, cmd, sizeof(cmd)) < 0) {
		put_be32(done, DMA_ERROR);
		dma_write(mem, at, done, 4);
		return;
	}
	control = get_be32(cmd);
	len = get_be32(cmd + 4);
	if (control & DMA_SELECT)
		select_item(s, (u16)(control >> 16));
	if (control & DMA_WRITE)
		ret = -EPERM;
	else if (control & (DMA_READ | DMA_SKIP))
		ret = dma_move(s, get_be64(cmd + 8), len, control & DMA_READ);
	put_be32(done, ret < 0 ? DMA_ERROR : 0);
	dma_write(mem, at, done, 4);
}

/* Reads as "QEMU CFG", byte for byte. */
static u64 dma_read_reg(void *opaque, u64 off, unsigned size)
{
	static const u8 signature[8] = "QEMU CFG";
	u64 v = 0;

	(void)opaque;
	memcpy(&v, signature + off, size);
	return BYTES_LE(64, v);
}

/* The register is big endian; the low half starts the transfer. */
static void dma_write_reg(void *opaque, u64 off, u64 val, unsigned size)
{
	struct fw_cfg *s = opaque;
	u64 at;

	if (size == 8 && off == 0) {
		dma_run(s, __builtin_bswap64(val));
	} else if (size == 4 && off == 0) {
		s->dma_addr = (u64)__builtin_bswap32((u32)val) << 32;
	} else if (size == 4 && off == 4) {
		at = s->dma_addr | __builtin_bswap32((u32)val);
		s->dma_addr = 0;
		dma_run(s, at);
	}
}

static const struct mem_ops dma_ops = { .read = dma_read_reg, .write = dma_write_reg };

/* ---- the machine's side ---- */

int fw_cfg_add_bytes(struct device *fw, u16 key, const void *data, u32 len)
{
	struct item *it = item_of((struct fw_cfg *)fw, key);
	u8 *copy;

	if (!it)
		return -EINVAL;
	copy = mem_alloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, len);
	mem_free(it->data);
	it->data = copy;
	it->len = len;
	return 0;
}

int fw_cfg_add_u16(struct device *fw, u16 key, u16 v)
{
	u8 raw[2];

	put_le16(raw, v);
	return fw_cfg_add_bytes(fw, key, raw, 2);
}

int fw_cfg_add_u32(struct device *fw, u16 key, u32 v)
{
	u8 raw[4];

	put_le32(raw, v);
	return fw_cfg_add_bytes(fw, key, raw, 4);
}

int fw_cfg_add_u64(struct device *fw, u16 key, u64 v)
{
	u8 raw[8];

	put_le64(raw, v);
	return fw_cfg_add_bytes(fw, key, raw, 8);
}

static int write_dir(struct fw_cfg *s)
{
	u8 raw[4 + sizeof(s->dir)];

	put_be32(raw, s->files);
	memcpy(raw + 4, s->dir, s->files * sizeof(s->dir[0]));
	return fw_cfg_add_bytes(&s->dev, FW_CFG_FILE_DIR, raw, 4 + s->files * (u32)sizeof(s->dir[0]));
}

int fw_cfg_add_file(struct device *fw, const char *name, const void *data, u32 len)
{
	struct fw_cfg *s = (struct fw_cfg *)fw;
	u32 i, at;
	int ret;

	if (s->files == FILES || strlen(name) >= NAME_LEN)
		return -ENOSPC;
	/* The directory is sorted by name. */
	for (at = 0; at < s->files && strcmp(s->dir[at].name, name) < 0; at++)
		;
	if (at < s->files && str_eq(s->dir[at].name, name))
		return -EEXIST;
	ret = fw_cfg_add_bytes(fw, (u16)(FIRST_FILE + s->files), data, len);
	if (ret < 0)
		return ret;
	for (i = s->files; i > at; i--)
		s->dir[i] = s->dir[i - 1];
	memset(&s->dir[at], 0, sizeof(s->dir[at]));
	s->dir[at].size = cpu_to_be32(len);
	s->dir[at].select = cpu_to_be16((u16)(FIRST_FILE + s->files));
	strcpy(s->dir[at].name, name);
	s->files++;
	return write_dir(s);
}

static void fw_cfg_reset(struct device *dev)
{
	select_item((struct fw_cfg *)dev, 0);
	((struct fw_cfg *)dev)->dma_addr = 0;
}

static int fw_cfg_realize(struct device *dev, struct err *err)
{
	struct fw_cfg *s = (struct fw_cfg *)dev;

	if (fw_cfg_add_bytes(dev, FW_CFG_SIGNATURE, "QEMU", 4) < 0 || fw_cfg_add_u32(dev, FW_CFG_ID, VERSION) < 0 ||
	    write_dir(s) < 0)
		return err_set(err, ENOMEM, "out of memory");
	isa_io_add(dev, &s->ctl, "fwcfg", PORT, 2, &ctl_ops);
	isa_io_add(dev, &s->dma, "fwcfg.dma", PORT + 4, 8, &dma_ops);
	return 0;
}

static void fw_cfg_unrealize(struct device *dev)
{
	struct fw_cfg *s = (struct fw_cfg *)dev;
	int i;

	isa_io_del(&s->ctl);
	isa_io_del(&s->dma);
	for (i = 0; i < ITEMS; i++)
		mem_free(s->items[i].data);
	for (i = 0; i < ARCH_ITEMS; i++)
		mem_free(s->arch[i].data);
}

static const struct state_field fw_cfg_fields[] = {
	STATE(struct fw_cfg, key, U16),
	STATE(struct fw_cfg, offset, U32),
	STATE(struct fw_cfg, dma_addr, U64),
	STATE_END
};
static const struct state_table fw_cfg_state = { .version = 1, .fields = fw_cfg_fields };

static const struct device_class fw_cfg_class = {
	.name = "fw_cfg_io", .desc = "firmware configuration", .category = "Misc",
	.size = sizeof(struct fw_cfg), .locking = LOCK_DEVICE, .internal = true,
	.realize = fw_cfg_realize, .unrealize = fw_cfg_unrealize, .reset = fw_cfg_reset, .state = &fw_cfg_state,
};
REGISTER(device, fw_cfg_class);
