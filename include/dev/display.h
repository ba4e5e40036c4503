/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a display adapter shows, for terminals and screenshots. The adapter
 * embeds a struct display and offers it as the machine's service "display".
 *
 * Threads: the functions here from any thread; they take the device's lock.
 */
#ifndef VMBOX_DEV_DISPLAY_H
#define VMBOX_DEV_DISPLAY_H

#include "dev/machine.h"

#define DISPLAY_SERVICE	"display"
#define DISPLAY_COLS	256
#define DISPLAY_ROWS	128
#define DISPLAY_PIXELS	4096U		/* greatest width and height */

/* Characters of code page 437 in the low byte, the VGA attribute in the high one. */
struct display_text {
	unsigned cols, rows;		/* 0: the adapter is in a graphics mode */
	int cursor_col, cursor_row;	/* -1: not shown */
	u16 cell[DISPLAY_ROWS * DISPLAY_COLS];	/* row after row, cols apart */
};

struct display_ops {
	/* Under the device's lock. */
	void (*text)(struct device *dev, struct display_text *t);
	/* 0 x 0: switched off. */
	void (*size)(struct device *dev, unsigned *width, unsigned *height);
	/* Row y as width RGB triples. */
	void (*row)(struct device *dev, unsigned y, u8 *rgb);
};

struct display {
	struct device *dev;
	const struct display_ops *ops;
};

/* False: there is no adapter. */
bool display_text(struct machine *m, struct display_text *t);

enum display_format { DISPLAY_PPM, DISPLAY_PNG };

/* A picture of the screen (binary PPM, or PNG of 8-bit RGB) into a file. */
int  display_dump(struct machine *m, const char *path, enum display_format format, struct err *err);

#endif
