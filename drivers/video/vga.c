// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VGA registers and memory (see vga.h).
 */
#include <errno.h>
#include <string.h>
#include "dev/clock.h"
#include "vga.h"

#define SEQ_PLANE_WRITE	2
#define SEQ_MEMORY	4
#define  CHAIN4		0x08
#define  ODD_EVEN_OFF	0x04

#define GR_SET_RESET	0
#define GR_SR_ENABLE	1
#define GR_COMPARE	2
#define GR_ROTATE	3
#define GR_READ_PLANE	4
#define GR_MODE		5
#define GR_MISC		6
#define GR_DONT_CARE	7
#define GR_BIT_MASK	8

#define CRTC_OVERFLOW	7
#define CRTC_PROTECT	0x11

#define MISC_COLOR	0x01

/* 720 x 400 at 70 Hz: 449 lines of 31.78 us. */
#define LINE_NS		31778ULL
#define LINES		449
#define VISIBLE_LINES	400
#define RETRACE_FIRST	412
#define RETRACE_LINES	2

/* ---- ports ---- */

static u8 status1(struct vga *v)
{
	u64 ns = clock_ns(v->clock), line = ns / LINE_NS % LINES;
	bool hblank = ns % LINE_NS > LINE_NS * 4 / 5;
	u8 st = 0;

	if (line >= VISIBLE_LINES || hblank)
		st |= 0x01;
	/* Longer than real: a guest that runs slowly must see it too. */
	if (line >= RETRACE_FIRST && line < RETRACE_FIRST + 16 * RETRACE_LINES)
		st |= 0x08;
	return st;
}

static u8 dac_data_read(struct vga *v)
{
	u8 val = v->palette[3 * v->dac_read + v->dac_sub];

	if (++v->dac_sub == 3) {
		v->dac_sub = 0;
		v->dac_read++;
	}
	return val;
}

static void dac_data_write(struct vga *v, u8 val)
{
	v->dac_latch[v->dac_sub] = v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? val : val & 0x3f;
	if (++v->dac_sub < 3)
		return;
	memcpy(v->palette + 3 * v->dac_write, v->dac_latch, 3);
	v->dac_sub = 0;
	v->dac_write++;
}

static u8 attr_mask(unsigned index)
{
	static const u8 mask[] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };

	return index < 16 ? 0x3f : index < 21 ? mask[index - 16] : 0;
}

static void attr_write(struct vga *v, u8 val)
{
	if (!v->attr_data)
		v->attr_index = val & 0x3f;
	else
		v->attr[v->attr_index & 31] = val & attr_mask(v->attr_index & 31);
	v->attr_data = !v->attr_data;
}

static void crtc_write(struct vga *v, u8 val)
{
	u8 i = v->crtc_index & 31;

	if ((v->crtc[CRTC_PROTECT] & 0x80) && i <= CRTC_OVERFLOW) {
		if (i == CRTC_OVERFLOW)		/* line compare bit 8 stays open */
			v->crtc[i] = (u8)((v->crtc[i] & ~0x10) | (val & 0x10));
		return;
	}
	v->crtc[i] = val;
}

/* CRTC and status are at 3Bx or 3Dx by the misc register. */
static bool is_hidden(const struct vga *v, u16 port)
{
	return v->misc & MISC_COLOR ? port < 0x3c0 : port >= 0x3d0;
}

u8 vga_port_read(struct vga *v, u16 port)
{
	if (is_hidden(v, port))
		return 0xff;
	switch (port) {
	case 0x3c0:	return v->attr_data ? 0 : v->attr_index;
	case 0x3c1:	return v->attr[v->attr_index & 31];
	case 0x3c2:	return 0x10;			/* a colour monitor answers */
	case 0x3c4:	return v->seq_index;
	case 0x3c5:	return v->seq[v->seq_index & 7];
	case 0x3c6:	return v->dac_mask;
	case 0x3c7:	return v->dac_state;
	case 0x3c8:	return v->dac_write;
	case 0x3c9:	return dac_data_read(v);
	case 0x3ca:	return v->feature;
	case 0x3cc:	return v->misc;
	case 0x3ce:	return v->gr_index;
	case 0x3cf:	return v->gr[v->gr_index & 15];
	case 0x3b4: case 0x3d4:	return v->crtc_index;
	case 0x3b5: case 0x3d5:	return v->crtc[v->crtc_index & 31];
	case 0x3ba: case 0x3da:
		v->attr_data = false;
		return status1(v);
	default:	return 0xff;
	}
}

void vga_port_write(struct vga *v, u16 port, u8 val)
{
	static const u8 seq_mask[8] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff };
	static const u8 gr_mask[16] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

	if (is_hidden(v, port))
		return;
	switch (port) {
	case 0x3c0:	attr_write(v, val); break;
	case 0x3c2:	v->misc = val & (u8)~0x10; break;
	case 0x3c4:	v->seq_index = val & 7; break;
	case 0x3c5:	v->seq[v->seq_index] = val & seq_mask[v->seq_index]; break;
	case 0x3c6:	v->dac_mask = val; break;
	case 0x3c7:
		v->dac_read = val;
		v->dac_sub = 0;
		v->dac_state = 3;
		break;
	case 0x3c8:
		v->dac_write = val;
		v->dac_sub = 0;
		v->dac_state = 0;
		break;
	case 0x3c9:	dac_data_write(v, val); break;
	case 0x3ce:	v->gr_index = val & 15; break;
	case 0x3cf:	v->gr[v->gr_index] = val & gr_mask[v->gr_index]; break;
	case 0x3b4: case 0x3d4:	v->crtc_index = val & 31; break;
	case 0x3b5: case 0x3d5:	crtc_write(v, val); break;
	case 0x3ba: case 0x3da:	v->feature = val & 0x10; break;
	}
}

/* ---- memory ---- */

/* Offset inside the window that the misc register opens; false: not decoded. */
static bool window(const struct vga *v, u32 *off)
{
	switch (v->gr[GR_MISC] >> 2 & 3) {
	case 0:
		return true;
	case 1:
		if (*off >= 0x10000)
			return false;
		*off += vga_dispi_on(v) ? (u32)v->dispi[DISPI_BANK] << 16 : 0;
		return true;
	case 2:
		*off -= 0x10000;
		return *off < 0x8000;
	default:
		*off -= 0x18000;
		return *off < 0x8000;
	}
}

/* The four planes at an address, which wraps. */
static u8 *planes_at(struct vga *v, u32 addr)
{
	return v->vram + ((4 * addr) & (v->vram_size - 1));
}

static bool odd_even(const struct vga *v)
{
	return !(v->seq[SEQ_MEMORY] & ODD_EVEN_OFF);
}

static u8 color_compare(const struct vga *v)
{
	u8 diff = 0;
	int p;

	for (p = 0; p < 4; p++)
		if (v->gr[GR_DONT_CARE] >> p & 1)
			diff |= v->latch[p] ^ (v->gr[GR_COMPARE] >> p & 1 ? 0xff : 0);
	return (u8)~diff;
}

u8 vga_mem_read(struct vga *v, u32 off)
{
	unsigned plane = v->gr[GR_READ_PLANE];

	if (!window(v, &off))
		return 0xff;
	if (v->seq[SEQ_MEMORY] & CHAIN4)
		return v->vram[off & (v->vram_size - 1)];
	if (v->gr[GR_MODE] & 0x10) {
		plane = (plane & 2) | (off & 1);
		off >>= 1;
	}
	memcpy(v->latch, planes_at(v, off), 4);
	return v->gr[GR_MODE] & 0x08 ? color_compare(v) : v->latch[plane];
}

static u8 rotate(const struct vga *v, u8 val)
{
	unsigned n = v->gr[GR_ROTATE] & 7;

	return (u8)(val >> n | val << (8 - n));
}

static u8 combine(const struct vga *v, u8 val, u8 latch)
{
	switch (v->gr[GR_ROTATE] >> 3) {
	case 0:  return val;
	case 1:  return val & latch;
	case 2:  return val | latch;
	default: return val ^ latch;
	}
}

/* What write mode 0, 2 or 3 puts into plane p, before the bit mask. */
static u8 plane_value(const struct vga *v, unsigned mode, int p, u8 val)
{
	u8 set = v->gr[GR_SET_RESET] >> p & 1 ? 0xff : 0;

	if (mode == 2)
		return val >> p & 1 ? 0xff : 0;
	if (mode == 3)
		return set;
	return v->gr[GR_SR_ENABLE] >> p & 1 ? set : rotate(v, val);
}

static void write_planes(struct vga *v, u8 *at, u8 mask, u8 val)
{
	unsigned mode = v->gr[GR_MODE] & 3;
	u8 bits = v->gr[GR_BIT_MASK];
	int p;

	if (mode == 3)
		bits &= rotate(v, val);
	for (p = 0; p < 4; p++) {
		u8 x;

		if (!(mask >> p & 1))
			continue;
		if (mode == 1) {
			at[p] = v->latch[p];
			continue;
		}
		x = plane_value(v, mode, p, val);
		/* Mode 3 has the rotated byte in the mask and no function of its own but the selected one. */
		x = combine(v, x, v->latch[p]);
		at[p] = (u8)((x & bits) | (v->latch[p] & ~bits));
	}
}

void vga_mem_write(struct vga *v, u32 off, u8 val)
{
	u8 mask = v->seq[SEQ_PLANE_WRITE];

	if (!window(v, &off))
		return;
	if (v->seq[SEQ_MEMORY] & CHAIN4) {
		if (mask >> (off & 3) & 1)
			v->vram[off & (v->vram_size - 1)] = val;
		return;
	}
	if (odd_even(v)) {
		mask &= off & 1 ? 0x0a : 0x05;
		off >>= 1;
	}
	write_planes(v, planes_at(v, off), mask, val);
}

/* ---- Bochs extension ---- */

static u32 bytes_per_line(const struct vga *v, u32 width)
{
	u16 bpp = v->dispi[DISPI_BPP];

	return bpp == 4 ? width / 2 : width * ((bpp + 7U) / 8);
}

u32 vga_dispi_pitch(const struct vga *v)
{
	return bytes_per_line(v, v->dispi[DISPI_VIRT_WIDTH]);
}

/* Makes the geometry fit the memory. */
static void fix_geometry(struct vga *v)
{
	u16 *r = v->dispi;
	u32 line, lines;

	if (r[DISPI_BPP] != 4 && r[DISPI_BPP] != 8 && r[DISPI_BPP] != 15 && r[DISPI_BPP] != 16 && r[DISPI_BPP] != 24)
		r[DISPI_BPP] = 32;
	r[DISPI_XRES] = (u16)MAX(MIN((r[DISPI_XRES] + 7U) & ~7U, DISPLAY_PIXELS), 8U);
	r[DISPI_VIRT_WIDTH] = (u16)MAX(MIN(r[DISPI_VIRT_WIDTH] & ~7U, 0x3ff8U), r[DISPI_XRES] + 0U);
	line = bytes_per_line(v, r[DISPI_VIRT_WIDTH]);
	lines = v->vram_size / line;
	r[DISPI_YRES] = (u16)MAX(MIN(MIN(r[DISPI_YRES] + 0U, DISPLAY_PIXELS), lines), 1U);
	r[DISPI_VIRT_HEIGHT] = (u16)MIN(lines, 0xffffU);
	if (r[DISPI_X_OFFSET] > r[DISPI_VIRT_WIDTH] - r[DISPI_XRES])
		r[DISPI_X_OFFSET] = (u16)(r[DISPI_VIRT_WIDTH] - r[DISPI_XRES]);
	if (r[DISPI_Y_OFFSET] > lines - r[DISPI_YRES])
		r[DISPI_Y_OFFSET] = (u16)(lines - r[DISPI_YRES]);
}

/* The VGA side as the video BIOS expects it in an extended mode: graphics, chained, 64 KiB window. */
static void enable_mode(struct vga *v, u16 val)
{
	bool was = vga_dispi_on(v);

	v->dispi[DISPI_ENABLE] = val;
	if (!(val & DISPI_ENABLED)) {
		v->dispi[DISPI_BANK] = 0;
		return;
	}
	if (was)
		return;
	v->dispi[DISPI_VIRT_WIDTH] = v->dispi[DISPI_XRES];
	v->dispi[DISPI_X_OFFSET] = v->dispi[DISPI_Y_OFFSET] = 0;
	fix_geometry(v);
	if (!(val & DISPI_NOCLEARMEM))
		memset(v->vram, 0, (size_t)vga_dispi_pitch(v) * v->dispi[DISPI_YRES]);
	v->gr[GR_MISC] = (u8)((v->gr[GR_MISC] & ~0x0c) | 0x05);
	v->gr[GR_MODE] &= (u8)~0x60;
	v->crtc[0x17] |= 3;
	v->crtc[9] &= (u8)~0x9f;
	if (v->dispi[DISPI_BPP] != 4) {
		v->gr[GR_MODE] |= 0x40;
		v->seq[SEQ_MEMORY] |= CHAIN4;
		v->seq[SEQ_PLANE_WRITE] |= 0x0f;
	}
}

u16 vga_dispi_read(const struct vga *v, unsigned index)
{
	static const u16 caps[] = { [DISPI_XRES] = 2560, [DISPI_YRES] = 1600, [DISPI_BPP] = 32 };

	if (index == DISPI_VIDEO_MEMORY)
		return (u16)(v->vram_size >> 16);
	if (index >= DISPI_REGS)
		return 0;
	if ((v->dispi[DISPI_ENABLE] & DISPI_GETCAPS) && index >= DISPI_XRES && index <= DISPI_BPP)
		return caps[index];
	return v->dispi[index];
}

void vga_dispi_write(struct vga *v, unsigned index, u16 val)
{
	switch (index) {
	case DISPI_ID:
		if (val >= 0xb0c0 && val <= 0xb0c5)
			v->dispi[DISPI_ID] = val;
		break;
	case DISPI_ENABLE:
		enable_mode(v, val);
		break;
	case DISPI_BANK:
		v->dispi[index] = (u16)(val & (v->vram_size / 65536 - 1));
		break;
	case DISPI_XRES: case DISPI_YRES: case DISPI_BPP:
	case DISPI_VIRT_WIDTH: case DISPI_X_OFFSET: case DISPI_Y_OFFSET:
		v->dispi[index] = val;
		if (vga_dispi_on(v))
			fix_geometry(v);
		break;
	}
}

/* ---- life ---- */

/* The memory keeps its contents, as the real one does. */
void vga_reset(struct vga *v)
{
	struct vga keep = *v;

	memset(v, 0, sizeof(*v));
	v->vram = keep.vram;
	v->vram_size = keep.vram_size;
	v->clock = keep.clock;
	v->gr[GR_BIT_MASK] = 0xff;
	v->dac_mask = 0xff;
	v->dispi[DISPI_ID] = 0xb0c5;
}

const struct state_field vga_fields[] = {
	STATE(struct vga, misc, U8), STATE(struct vga, feature, U8), STATE(struct vga, seq_index, U8),
	STATE_ARRAY(struct vga, seq, U8), STATE(struct vga, gr_index, U8), STATE_ARRAY(struct vga, gr, U8),
	STATE(struct vga, crtc_index, U8), STATE_ARRAY(struct vga, crtc, U8), STATE(struct vga, attr_index, U8),
	STATE_ARRAY(struct vga, attr, U8), STATE(struct vga, attr_data, BOOL), STATE(struct vga, dac_mask, U8),
	STATE(struct vga, dac_state, U8), STATE(struct vga, dac_read, U8), STATE(struct vga, dac_write, U8),
	STATE(struct vga, dac_sub, U8), STATE_ARRAY(struct vga, dac_latch, U8), STATE_ARRAY(struct vga, palette, U8),
	STATE_ARRAY(struct vga, latch, U8), STATE(struct vga, dispi_index, U16), STATE_ARRAY(struct vga, dispi, U16),
	STATE_FIXBUF(struct vga, vram, vram_size),
	STATE_END
};

/* Indices and sub-index are masked where they are used, except these. */
int vga_check(const struct vga *v)
{
	struct vga copy;

	if (v->dac_sub > 2 || v->seq_index > 7 || v->gr_index > 15 || v->gr[GR_READ_PLANE] > 3 ||
	    v->dispi[DISPI_BANK] >= v->vram_size / 65536)
		return -EINVAL;
	if (!vga_dispi_on(v))
		return 0;
	copy = *v;
	fix_geometry(&copy);
	return memcmp(copy.dispi, v->dispi, sizeof(copy.dispi)) ? -EINVAL : 0;
}
