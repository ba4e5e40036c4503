// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a VGA has on the screen: text as characters, and every mode as rows
 * of RGB.
 */
#include <string.h>
#include "vga.h"

#define VISIBLE(v)	((v)->attr_index & 0x20)	/* the palette is the display's */

struct rgb {
	u8 c[3];
};

/* ---- colours ---- */

static struct rgb dac(const struct vga *v, u8 index)
{
	const u8 *p = v->palette + 3 * (index & v->dac_mask);
	struct rgb out;
	int i;

	for (i = 0; i < 3; i++)
		out.c[i] = v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? p[i] : (u8)(p[i] << 2 | p[i] >> 4);
	return out;
}

/* A 4-bit colour through the attribute controller. */
static struct rgb color16(const struct vga *v, unsigned n)
{
	u8 pal = v->attr[n & v->attr[0x12] & 15], sel = v->attr[0x14];

	if (v->attr[0x10] & 0x80)
		pal = (u8)((pal & 0x0f) | (sel & 3) << 4);
	return dac(v, (u8)((pal & 0x3f) | (sel & 0x0c) << 4));
}

static void put(u8 *rgb, unsigned x, struct rgb c)
{
	memcpy(rgb + 3 * x, c.c, 3);
}

/* ---- geometry ---- */

static bool is_text(const struct vga *v)
{
	return !vga_dispi_on(v) && !(v->gr[6] & 1);
}

static unsigned char_height(const struct vga *v)
{
	return (v->crtc[9] & 0x1fU) + 1;
}

static unsigned char_width(const struct vga *v)
{
	return v->seq[1] & 1 ? 8 : 9;
}

static unsigned columns(const struct vga *v)
{
	return MIN(v->crtc[1] + 1U, (unsigned)DISPLAY_COLS);
}

static unsigned lines(const struct vga *v)
{
	return (v->crtc[0x12] | (v->crtc[7] & 2U) << 7 | (v->crtc[7] & 0x40U) << 3) + 1;
}

/* Bytes of vram from row to row, and the first one shown. */
static u32 pitch(const struct vga *v)
{
	return v->crtc[0x13] * 8U;
}

static u32 start(const struct vga *v)
{
	return 4 * ((u32)v->crtc[0x0c] << 8 | v->crtc[0x0d]);
}

static unsigned line_compare(const struct vga *v)
{
	return v->crtc[0x18] | (v->crtc[7] & 0x10U) << 4 | (v->crtc[9] & 0x40U) << 3;
}

static u8 vram_at(const struct vga *v, u32 at)
{
	return v->vram[at & (v->vram_size - 1)];
}

/* ---- text ---- */

static unsigned text_rows(const struct vga *v)
{
	return MIN(lines(v) / char_height(v), (unsigned)DISPLAY_ROWS);
}

/* Where the cursor is, counted in characters from the first one shown; -1: not shown. */
static int cursor_at(const struct vga *v)
{
	int at = (v->crtc[0x0e] << 8 | v->crtc[0x0f]) - (v->crtc[0x0c] << 8 | v->crtc[0x0d]);

	return v->crtc[0x0a] & 0x20 || (v->crtc[0x0a] & 31) > (v->crtc[0x0b] & 31) ? -1 : at;
}

void vga_text(const struct vga *v, struct display_text *t)
{
	unsigned row, col, per_row = pitch(v) / 4;
	int cursor = cursor_at(v);

	t->cols = t->rows = 0;
	t->cursor_col = t->cursor_row = -1;
	if (!is_text(v) || !(v->crtc[0x17] & 0x80))
		return;
	t->cols = columns(v);
	t->rows = text_rows(v);
	if (cursor >= 0 && per_row && cursor / (int)per_row < (int)t->rows) {
		t->cursor_row = cursor / (int)per_row;
		t->cursor_col = cursor % (int)per_row;
	}
	for (row = 0; row < t->rows; row++)
		for (col = 0; col < t->cols; col++) {
			u32 at = start(v) + row * pitch(v) + 4 * col;

			t->cell[row * t->cols + col] = (u16)(vram_at(v, at) | vram_at(v, at + 1) << 8);
		}
}

/* Offset of a font in plane 2, by the three bits of the map select register. */
static u32 font_offset(const struct vga *v, bool second)
{
	u8 s = v->seq[3];
	unsigned n = second ? (s & 3U) | (s & 0x10) >> 2 : (s >> 2 & 3U) | (s & 0x20) >> 3;

	return (n & 3) * 0x4000 + (n & 4 ? 0x2000 : 0);
}

static void text_row(const struct vga *v, unsigned y, u8 *rgb)
{
	unsigned height = char_height(v), width = char_width(v), col, x, line = y % height, row = y / height;
	int cursor = cursor_at(v) - (int)(row * (pitch(v) / 4));
	bool cursor_line = line >= (v->crtc[0x0a] & 31U) && line <= (v->crtc[0x0b] & 31U) && cursor_at(v) >= 0;
	bool blink = v->attr[0x10] & 8;

	for (col = 0; col < columns(v); col++) {
		u32 at = start(v) + row * pitch(v) + 4 * col;
		u8 ch = vram_at(v, at), attr = vram_at(v, at + 1);
		u32 glyph = font_offset(v, !(attr & 8)) + 32U * ch + line;
		u8 bits = vram_at(v, 4 * glyph + 2);
		struct rgb fg = color16(v, attr & 15), bg = color16(v, blink ? attr >> 4 & 7 : attr >> 4);

		if (cursor_line && cursor == (int)col)
			bits = 0xff;
		for (x = 0; x < 8; x++)
			put(rgb, col * width + x, bits >> (7 - x) & 1 ? fg : bg);
		if (width == 9)
			put(rgb, col * 9 + 8, (bits & 1) && ((v->attr[0x10] & 4) && ch >= 0xc0 && ch <= 0xdf) ? fg : bg);
	}
}

/* ---- VGA graphics ---- */

static bool is_256(const struct vga *v)
{
	return v->gr[5] & 0x40;
}

/* First byte of a row, with the CGA's and Hercules' row bits in the address when they are wired so. */
static u32 row_address(const struct vga *v, unsigned y)
{
	unsigned shift = 14 + (v->crtc[0x17] >> 6 & 1), compare = line_compare(v), n;
	u32 at = y > compare ? 0 : start(v);
	unsigned scan = (y > compare ? y - compare - 1 : y) / (v->crtc[9] & 0x80 ? 2 : 1);

	n = v->crtc[0x17] & 1 ? scan / char_height(v) : scan / MAX(char_height(v), 2U);
	at += n * pitch(v);
	if (!(v->crtc[0x17] & 1))
		at = (at & ~(1U << shift)) | (scan & 1) << shift;
	if (!(v->crtc[0x17] & 2))
		at = (at & ~(2U << shift)) | (scan & 2) << shift;
	return at;
}

static unsigned planar_pixel(const struct vga *v, u32 at, unsigned x)
{
	unsigned bit = 7 - (x & 7), p, n = 0;

	for (p = 0; p < 4; p++)
		n |= (vram_at(v, at + 4 * (x / 8) + p) >> bit & 1U) << p;
	return n;
}

/* Two bits a pixel, alternating between planes 0 and 1. */
static unsigned cga_pixel(const struct vga *v, u32 at, unsigned x)
{
	return vram_at(v, at + 4 * (x / 8) + (x / 4 & 1)) >> (6 - 2 * (x & 3)) & 3;
}

static void graphics_row(const struct vga *v, unsigned y, u8 *rgb)
{
	u32 at = row_address(v, y);
	unsigned x, width = columns(v) * 8, dots = v->seq[1] & 8 ? 2 : 1;

	for (x = 0; x < width; x++) {
		struct rgb c;

		if (is_256(v)) {	/* a pixel takes two dot clocks */
			put(rgb, x, dac(v, vram_at(v, at + x / 2)));
			continue;
		}
		c = color16(v, v->gr[5] & 0x20 ? cga_pixel(v, at, x) : planar_pixel(v, at, x));
		put(rgb, dots * x, c);
		put(rgb, dots * x + dots - 1, c);
	}
}

/* ---- extended modes ---- */

static struct rgb direct(const struct vga *v, u32 at, unsigned bpp)
{
	u8 b0 = vram_at(v, at), b1 = vram_at(v, at + 1);
	unsigned w = b0 | (unsigned)b1 << 8, r, g, b;

	if (bpp >= 24)
		return (struct rgb){ { vram_at(v, at + 2), b1, b0 } };
	b = w & 31;
	g = bpp == 15 ? w >> 5 & 31 : w >> 5 & 63;
	r = bpp == 15 ? w >> 10 & 31 : w >> 11;
	return (struct rgb){ { (u8)(r << 3 | r >> 2), bpp == 15 ? (u8)(g << 3 | g >> 2) : (u8)(g << 2 | g >> 4),
			       (u8)(b << 3 | b >> 2) } };
}

static void dispi_row(const struct vga *v, unsigned y, u8 *rgb)
{
	const u16 *r = v->dispi;
	unsigned bpp = r[DISPI_BPP], x, bytes = (bpp + 7) / 8;
	u32 at = (r[DISPI_Y_OFFSET] + y) * vga_dispi_pitch(v);

	for (x = 0; x < r[DISPI_XRES]; x++) {
		unsigned px = r[DISPI_X_OFFSET] + x;

		if (bpp == 4)
			put(rgb, x, color16(v, planar_pixel(v, at, px)));
		else if (bpp == 8)
			put(rgb, x, dac(v, vram_at(v, at + px)));
		else
			put(rgb, x, direct(v, at + px * bytes, bpp));
	}
}

/* ---- all modes ---- */

void vga_size(const struct vga *v, unsigned *width, unsigned *height)
{
	*width = *height = 0;
	if (!VISIBLE(v))
		return;
	if (vga_dispi_on(v)) {
		*width = v->dispi[DISPI_XRES];
		*height = v->dispi[DISPI_YRES];
	} else if (!(v->crtc[0x17] & 0x80)) {
		return;		/* no sync: blank */
	} else if (is_text(v)) {
		*width = columns(v) * char_width(v);
		*height = text_rows(v) * char_height(v);
	} else {
		*width = columns(v) * 8 * (v->seq[1] & 8 && !is_256(v) ? 2 : 1);
		*height = lines(v);
	}
}

void vga_row(const struct vga *v, unsigned y, u8 *rgb)
{
	if (vga_dispi_on(v))
		dispi_row(v, y, rgb);
	else if (is_text(v))
		text_row(v, y, rgb);
	else
		graphics_row(v, y, rgb);
}
