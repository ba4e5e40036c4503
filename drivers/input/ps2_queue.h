/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output queue of a PS/2 device, for ps2.c and ps2_mouse.c. */
#ifndef VMBOX_DRIVERS_INPUT_PS2_QUEUE_H
#define VMBOX_DRIVERS_INPUT_PS2_QUEUE_H

#include "ps2.h"

void ps2_clear(struct ps2_queue *q);
unsigned ps2_room(const struct ps2_queue *q);
/* A full queue drops the byte. */
void ps2_put(struct ps2_queue *q, u8 v);

#endif
