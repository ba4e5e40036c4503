/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the VGA: registers and memory (vga.c), the Bochs extension and
 * the PCI function (vga-pci.c), what is on the screen (vga_draw.c). Facts: IBM
 * PS/2 Hardware Interface Technical Reference, video subsystem; the Bochs
 * VBE extension as in QEMU's docs/specs/standard-vga.
 *
 * Video memory keeps the four planes of an address side by side: plane p of
 * address a is vram[4 * a + p]. Chained modes are then linear.
 */
#ifndef VMBOX_DRIVERS_VIDEO_VGA_H
#define VMBOX_DRIVERS_VIDEO_VGA_H

#include "dev/display.h"
#include "dev/memory.h"
#include "dev/state.h"

#define VGA_WINDOW	0xa0000
#define VGA_WINDOW_SIZE	0x20000

enum { DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_VIRT_HEIGHT,
       DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_VIDEO_MEMORY, DISPI_REGS };

#define DISPI_ENABLED		0x01
#define DISPI_GETCAPS		0x02
#define DISPI_8BIT_DAC		0x20
#define DISPI_NOCLEARMEM	0x80

struct vga {
	u8  misc, feature;
	u8  seq_index, seq[8];
	u8  gr_index, gr[16];
	u8  crtc_index, crtc[32];
	u8  attr_index, attr[32];
	bool attr_data;			/* flip-flop: the next write is data */
	u8  dac_mask, dac_state, dac_read, dac_write, dac_sub;
	u8  dac_latch[3];
	u8  palette[768];
	u8  latch[4];
	u16 dispi_index, dispi[DISPI_REGS];
	/* Not saved. */
	u8  *vram;
	u32 vram_size;			/* bytes, a power of two */
	struct clock *clock;
};

extern const struct state_field vga_fields[];
int  vga_check(const struct vga *v);

void vga_reset(struct vga *v);
/* Ports 0x3b0-0x3df. */
u8   vga_port_read(struct vga *v, u16 port);
void vga_port_write(struct vga *v, u16 port, u8 val);
/* The window at VGA_WINDOW. */
u8   vga_mem_read(struct vga *v, u32 off);
void vga_mem_write(struct vga *v, u32 off, u8 val);

u16  vga_dispi_read(const struct vga *v, unsigned index);
void vga_dispi_write(struct vga *v, unsigned index, u16 val);
static inline bool vga_dispi_on(const struct vga *v)
{
	return v->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}
/* Bytes from row to row in an extended mode. */
u32  vga_dispi_pitch(const struct vga *v);

/* vga_draw.c */
void vga_text(const struct vga *v, struct display_text *t);
void vga_size(const struct vga *v, unsigned *width, unsigned *height);
void vga_row(const struct vga *v, unsigned y, u8 *rgb);

#endif
