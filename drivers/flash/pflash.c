// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parallel NOR flash with Intel's command set (JEDEC CFI 68.01, primary
 * vendor command set 0001), byte wide, as the PC keeps UEFI's code and
 * variables in (-drive if=pflash, -machine pflash0=). Reading the array goes
 * to memory directly; a command switches the chip's addresses to registers
 * until "read array". What was programmed reaches the drive when the chip
 * goes back to reading, when the machine is reset and at the end.
 */
#include <errno.h>
#include <string.h>
#include "block/block.h"
#include "dev/drive.h"
#include "dev/machine.h"
#include "dev/pflash.h"
#include "log.h"

#define SECTOR		4096U
#define BUFFER		1024U		/* bytes of a buffered program */
#define FLASH_MAX	(64 * MiB)
#define PRIO		5

#define CMD_PROGRAM	0x10
#define CMD_PROGRAM_ALT	0x40
#define CMD_ERASE	0x20
#define CMD_CLEAR	0x50
#define CMD_LOCK	0x60
#define CMD_STATUS	0x70
#define CMD_ID		0x90
#define CMD_CFI		0x98
#define CMD_BUFFER	0xe8
#define CMD_CONFIRM	0xd0
#define CMD_ARRAY	0xff

#define ST_READY	0x80
#define ST_ERASE_ERROR	0x20
#define ST_WRITE_ERROR	0x10

struct pflash {
	struct device dev;
	char *drive_id;
	struct drive *drive;
	struct mem_region rom, regs;
	struct mem_map map;
	bool mapped_rom;
	u64 base;
	u8  *save;		/* the array, when it may change; for the saved state */
	u32 save_len;
	/* Registers. */
	u8  cmd;		/* CMD_ARRAY, or what is under way */
	u8  status;
	u8  phase;		/* of CMD_BUFFER: 0 count, 1 data, 2 confirm */
	u32 count;		/* bytes of the buffer still to come */
	u32 buf_start, buf_len;
	u8  buf[BUFFER];
	u32 dirty_first, dirty_end;	/* changed and not on the drive; first == end: nothing */
	u8  cfi[0x50];
};

/* ---- drive ---- */

static void write_back(struct pflash *s)
{
	u32 n = s->dirty_end - s->dirty_first;
	int ret;

	if (!n)
		return;
	ret = blk_pwrite(s->drive->node, s->dirty_first, s->rom.host + s->dirty_first, n, 0);
	if (ret < 0)
		log_warn("pflash: cannot write %u bytes at %u: %s", n, s->dirty_first, strerror(-ret));
	s->dirty_first = s->dirty_end = 0;
}

static void changed(struct pflash *s, u32 first, u32 end)
{
	if (s->dirty_first != s->dirty_end && (first > s->dirty_end || end < s->dirty_first))
		write_back(s);
	if (s->dirty_first == s->dirty_end) {
		s->dirty_first = first;
		s->dirty_end = end;
		return;
	}
	s->dirty_first = MIN(s->dirty_first, first);
	s->dirty_end = MAX(s->dirty_end, end);
}

/* ---- the array ---- */

static void map(struct pflash *s, bool rom)
{
	if (s->map.space && s->mapped_rom == rom)
		return;
	s->mapped_rom = rom;
	mem_map_add(&s->dev.machine->mem, &s->map, rom ? &s->rom : &s->regs, s->base, PRIO);
}

static void read_array(struct pflash *s)
{
	s->cmd = CMD_ARRAY;
	s->phase = 0;
	write_back(s);
	map(s, true);
}

static void program(struct pflash *s, u32 off, const u8 *data, u32 len)
{
	u32 i;

	s->status |= ST_READY;
	if (s->drive->read_only) {
		s->status |= ST_WRITE_ERROR;
		return;
	}
	for (i = 0; i < len; i++)	/* programming only clears bits */
		s->rom.host[off + i] &= data[i];
	changed(s, off, off + len);
}

static void erase(struct pflash *s, u32 off)
{
	off &= ~(SECTOR - 1);
	s->status |= ST_READY;
	if (s->drive->read_only) {
		s->status |= ST_ERASE_ERROR;
		return;
	}
	memset(s->rom.host + off, 0xff, SECTOR);
	changed(s, off, off + SECTOR);
}

/* ---- commands ---- */

static void begin(struct pflash *s, u8 cmd)
{
	map(s, false);
	s->cmd = cmd;
	s->phase = 0;
	switch (cmd) {
	case CMD_PROGRAM: case CMD_PROGRAM_ALT: case CMD_ERASE: case CMD_LOCK: case CMD_STATUS: case CMD_ID: case CMD_CFI:
		break;
	case CMD_BUFFER:
		s->status |= ST_READY;
		break;
	case CMD_CLEAR:
		s->status = 0;
		read_array(s);
		break;
	default:
		read_array(s);
	}
}

/* The range is fixed by the first byte's address; bytes outside of it are a fault of the guest. */
static void buffer_data(struct pflash *s, u32 off, u8 v)
{
	if (s->buf_len == s->count) {
		s->buf_start = off;
		memset(s->buf, 0xff, sizeof(s->buf));
	}
	if (off - s->buf_start < s->count)
		s->buf[off - s->buf_start] = v;
	else
		s->status |= ST_WRITE_ERROR;
	if (--s->buf_len == 0)
		s->phase = 2;
}

static void buffer_write(struct pflash *s, u32 off, u8 v, u32 whole)
{
	if (s->phase == 0) {
		s->count = s->buf_len = (whole & 0xffff) + 1;
		s->phase = 1;
		if (s->count > BUFFER) {
			s->status |= ST_WRITE_ERROR | ST_ERASE_ERROR;
			s->cmd = CMD_STATUS;
		}
	} else if (s->phase == 1) {
		buffer_data(s, off, v);
	} else {
		if (v == CMD_CONFIRM && !(s->status & ST_WRITE_ERROR) && s->buf_start <= s->rom.size - s->count)
			program(s, s->buf_start, s->buf, s->count);
		else
			s->status |= ST_WRITE_ERROR;
		s->cmd = CMD_STATUS;
	}
}

/* The cycle after a command's first. */
static void go_on(struct pflash *s, u32 off, u8 v)
{
	switch (s->cmd) {
	case CMD_PROGRAM: case CMD_PROGRAM_ALT:
		program(s, off, &v, 1);
		s->cmd = CMD_STATUS;
		break;
	case CMD_ERASE:
		if (v == CMD_CONFIRM)
			erase(s, off);
		else
			s->status |= ST_READY | ST_WRITE_ERROR | ST_ERASE_ERROR;
		s->cmd = CMD_STATUS;
		break;
	case CMD_LOCK:
		s->status |= ST_READY;
		s->cmd = CMD_STATUS;
		break;
	default:
		begin(s, v);
	}
}

static void flash_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct pflash *s = opaque;
	unsigned i;

	if (s->cmd == CMD_BUFFER && s->phase == 1) {
		for (i = 0; i < size && s->phase == 1; i++)
			buffer_data(s, (u32)off + i, (u8)(val >> (8 * i)));
	} else if (s->cmd == CMD_BUFFER) {
		buffer_write(s, (u32)off, (u8)val, (u32)val);
	} else if ((s->cmd == CMD_PROGRAM || s->cmd == CMD_PROGRAM_ALT) && off + size <= s->rom.size) {
		for (i = 0; i < size; i++) {
			u8 b = (u8)(val >> (8 * i));

			program(s, (u32)off + i, &b, 1);
		}
		s->cmd = CMD_STATUS;
	} else {
		go_on(s, (u32)off, (u8)val);
	}
}

static u8 id_byte(u32 off)
{
	switch (off & 0xff) {
	case 0:	 return 0x89;	/* Intel */
	case 1:	 return 0x18;
	default: return 0;
	}
}

static u8 register_byte(struct pflash *s, u32 off)
{
	switch (s->cmd) {
	case CMD_ARRAY:	return s->rom.host[off];
	case CMD_ID:	return id_byte(off);
	case CMD_CFI:	return (off & 0xff) < sizeof(s->cfi) ? s->cfi[off & 0xff] : 0;
	default:	return s->status;
	}
}

static u64 flash_read(void *opaque, u64 off, unsigned size)
{
	struct pflash *s = opaque;
	u64 v = 0;
	unsigned i;

	for (i = 0; i < size; i++)
		v |= (u64)register_byte(s, (u32)off + i) << (8 * i);
	return v;
}

static const struct mem_ops flash_ops = { .read = flash_read, .write = flash_write };

/* ---- common flash interface (JESD68.01, section 4) ---- */

static u8 log2_of(u64 v)
{
	return (u8)(63 - __builtin_clzll(v));
}

static void fill_cfi(struct pflash *s)
{
	static const u8 head[] = {
		[0x10] = 'Q', [0x11] = 'R', [0x12] = 'Y', [0x13] = 1, [0x15] = 0x31,
		[0x1b] = 0x45, [0x1c] = 0x55,			/* supply 4.5 to 5.5 V */
		[0x1f] = 7, [0x20] = 7, [0x21] = 10, [0x23] = 4, [0x24] = 4, [0x25] = 4,	/* typical and longest times */
		[0x2a] = 10,					/* buffer of 2^10 bytes */
		[0x2c] = 1,					/* one region of equal sectors */
		[0x31] = 'P', [0x32] = 'R', [0x33] = 'I', [0x34] = '1', [0x35] = '0', [0x3f] = 1,
	};
	u64 sectors = s->rom.size / SECTOR;

	memcpy(s->cfi, head, sizeof(head));
	s->cfi[0x27] = log2_of(s->rom.size);
	s->cfi[0x2d] = (u8)(sectors - 1);
	s->cfi[0x2e] = (u8)((sectors - 1) >> 8);
	s->cfi[0x2f] = (u8)(SECTOR >> 8);
	s->cfi[0x30] = (u8)(SECTOR >> 16);
}

/* ---- life ---- */

struct mem_region *pflash_rom(struct device *dev)
{
	return &((struct pflash *)dev)->rom;
}

u64 pflash_place(struct device *dev, u64 end)
{
	struct pflash *s = (struct pflash *)dev;

	s->base = end - s->rom.size;
	map(s, true);
	return s->base;
}

static void pflash_reset(struct device *dev)
{
	struct pflash *s = (struct pflash *)dev;

	s->status = ST_READY;
	s->count = s->buf_len = s->buf_start = 0;
	read_array(s);
}

static int pflash_realize(struct device *dev, struct err *err)
{
	struct pflash *s = (struct pflash *)dev;
	u64 size;

	s->rom.fd = -1;
	s->drive = drive_take(dev->machine, s->drive_id, err);
	if (!s->drive)
		return -err->code;
	size = blk_length(s->drive->node);
	if (!size || size % SECTOR || size > FLASH_MAX) {
		err_set(err, EINVAL, "pflash: the image '%s' must be a multiple of 4 KiB up to 64 MiB, it has %llu bytes",
			s->drive_id, size);
		goto give_back;
	}
	if (mem_region_init_rom(&s->rom, "pflash", size, err) < 0)
		goto give_back;
	if (blk_pread(s->drive->node, 0, s->rom.host, size) < 0) {
		err_set(err, EIO, "pflash: cannot read the image '%s'", s->drive_id);
		mem_region_free(&s->rom);
		goto give_back;
	}
	s->rom.ops = &flash_ops;
	s->rom.opaque = s;
	s->rom.dev = dev;
	mem_region_init_io(&s->regs, dev, "pflash-registers", size, &flash_ops, s);
	s->save = s->rom.host;
	s->save_len = s->drive->read_only ? 0 : (u32)size;
	fill_cfi(s);
	s->base = (1ULL << 32) - size;
	return 0;

give_back:
	s->drive->in_use = false;
	return -err->code;
}

static void pflash_unrealize(struct device *dev)
{
	struct pflash *s = (struct pflash *)dev;

	mem_map_del(&s->map);
	write_back(s);
	if (!s->drive->read_only)
		blk_flush(s->drive->node);
	mem_region_free(&s->rom);
	s->drive->in_use = false;
}

static const struct state_field pflash_fields[] = {
	STATE_FIXBUF(struct pflash, save, save_len),
	STATE(struct pflash, cmd, U8), STATE(struct pflash, status, U8), STATE(struct pflash, phase, U8),
	STATE(struct pflash, count, U32), STATE(struct pflash, buf_start, U32), STATE(struct pflash, buf_len, U32),
	STATE_ARRAY(struct pflash, buf, U8),
	STATE_END
};

static void pflash_pre_save(void *dev)
{
	write_back(dev);
}

static int pflash_post_load(void *dev, u8 version, struct err *err)
{
	struct pflash *s = dev;

	(void)version;
	if (s->phase > 2 || s->count > BUFFER || s->buf_len > s->count || (s->cmd == CMD_BUFFER && s->phase == 1 && !s->buf_len))
		return err_set(err, EINVAL, "pflash: a buffer beyond its size");
	if (s->save_len)
		changed(s, 0, s->save_len);
	map(s, s->cmd == CMD_ARRAY);
	return 0;
}

static const struct state_table pflash_state = {
	.version = 1, .fields = pflash_fields, .pre_save = pflash_pre_save, .post_load = pflash_post_load,
};

static const struct prop pflash_props[] = {
	PROP(struct pflash, drive_id, "drive", DRIVE, 0, "drive or block node with the contents"),
	PROP_END
};

static const struct device_class pflash_class = {
	.name = "cfi.pflash01", .desc = "NOR flash with Intel's commands", .category = "Misc",
	.size = sizeof(struct pflash), .locking = LOCK_DEVICE, .internal = true, .props = pflash_props,
	.realize = pflash_realize, .unrealize = pflash_unrealize, .reset = pflash_reset, .state = &pflash_state,
};
REGISTER(device, pflash_class);
