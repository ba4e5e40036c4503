/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input from displays and monitors to the machine's keyboard and mouse. Keys
 * are Linux's codes (KEY_A, ... of linux/input-event-codes.h), which every
 * keyboard device turns into its own.
 *
 * A device that takes input embeds a struct input_sink and offers it as the
 * machine's service INPUT_KEYBOARD or INPUT_MOUSE; the last one that did has
 * the input. Threads: from any thread; the callbacks come under the device's lock.
 */
#ifndef VMBOX_DEV_INPUT_H
#define VMBOX_DEV_INPUT_H

#include "dev/machine.h"

#define INPUT_KEYBOARD	"input-keyboard"
#define INPUT_MOUSE	"input-mouse"

struct input_sink {
	struct device *dev;
	void (*key)(struct device *dev, unsigned key, bool down);
	/* Motion to the right, down, wheel towards the user; buttons: 1 left, 2 right, 4 middle. */
	void (*mouse)(struct device *dev, int dx, int dy, int dz, unsigned buttons);
};

/* Nobody there: the event is lost. */
void input_key(struct machine *m, unsigned key, bool down);
void input_mouse(struct machine *m, int dx, int dy, int dz, unsigned buttons);

/* The key with QEMU's name ("ret", "ctrl", "kp_1", "a"); 0: no such. */
unsigned input_key_by_name(const char *name, size_t len);
/* The key that types the ASCII character on a US keyboard; *shift: with the shift key. 0: none. */
unsigned input_key_by_char(unsigned ch, bool *shift);

/*
 * Presses all keys of "ctrl-alt-delete" in order and releases them in reverse.
 * Numbers 0x.. are scan codes of set 1 (0xe0xx: extended). -EINVAL with err for an unknown name.
 */
int  input_send_keys(struct machine *m, const char *text, struct err *err);

#endif
