/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 devices behind a controller: the keyboard (set 1 and set 2 codes) and
 * the mouse (with wheel and five buttons when asked for). They are parts of
 * the controller and live under its lock. Facts: IBM PS/2 Hardware Interface
 * Technical Reference, keyboard and mouse chapters; Microsoft's IntelliMouse.
 */
#ifndef VMBOX_DRIVERS_INPUT_PS2_H
#define VMBOX_DRIVERS_INPUT_PS2_H

#include "dev/state.h"

#define PS2_QUEUE 64

struct ps2_queue {
	u8 data[PS2_QUEUE];
	u8 head, len;
};

struct ps2_keyboard {
	struct ps2_queue q;
	u8 command;		/* that waits for its argument, 0: none */
	u8 set;			/* scan code set, 1 or 2 */
	u8 leds, last;
	bool enabled;
};

struct ps2_mouse {
	struct ps2_queue q;
	u8 command;
	u8 status;		/* as the status request shows it, without buttons */
	u8 resolution, rate, id, last;
	u8 knock[2];		/* the last two rates: a sequence of three asks for the wheel */
	bool wrap;
	s32 dx, dy, dz;		/* motion that was not reported */
	u8 buttons;
	bool changed;
};

/* The next byte for the host, -1: nothing. */
int  ps2_next(struct ps2_queue *q);

void ps2_keyboard_reset(struct ps2_keyboard *k);
/* A byte from the host. */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 v);
/* A key by Linux's code. */
void ps2_keyboard_key(struct ps2_keyboard *k, unsigned key, bool down);
/* What the controller makes of a set 2 byte when it translates. */
u8   ps2_translate(u8 set2);

void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, u8 v);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons);
/* Queues a packet for the motion that waits, when streaming and when there is room. */
void ps2_mouse_poll(struct ps2_mouse *m);

extern const struct state_field ps2_keyboard_fields[], ps2_mouse_fields[];
/* After loading. -EINVAL: not sane. */
int  ps2_check(struct ps2_keyboard *k, struct ps2_mouse *m);

#endif
