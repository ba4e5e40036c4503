// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PS/2 keyboard (see ps2.h), and the queue that it shares with the mouse.
 */
#include <errno.h>
#include <string.h>
#include <linux/input-event-codes.h>
#include "ps2.h"
#include "ps2_queue.h"

#define ACK	0xfa
#define RESEND	0xfe
#define BAT_OK	0xaa

#define CMD_LEDS	0xed
#define CMD_ECHO	0xee
#define CMD_SET		0xf0
#define CMD_ID		0xf2
#define CMD_RATE	0xf3
#define CMD_ENABLE	0xf4
#define CMD_DISABLE	0xf5
#define CMD_DEFAULTS	0xf6
#define CMD_KEY_TYPES	0xf7	/* to 0xfa: all keys; to 0xfd: one key, in set 3 */
#define CMD_KEY_TYPE	0xfb
#define CMD_RESET	0xff

#define ROOM_FOR_REPLY	8	/* keys leave this much of the queue to answers */

/* Set 1 code -> set 2 code (IBM's tables; what a controller translates back). */
static const u8 set2_of[128] = {
	0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
	0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
	0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
	0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
	0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
	0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
	0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
	0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
};

u8 ps2_translate(u8 v)
{
	u8 i;

	if (v == 0x02 || v == 0x7f)	/* other names of F7 and SysRq */
		return v == 0x02 ? 0x41 : 0x54;
	for (i = 0; i < sizeof(set2_of); i++)
		if (set2_of[i] == v)
			return i;
	return v;
}

/* ---- queue ---- */

void ps2_clear(struct ps2_queue *q)
{
	q->head = q->len = 0;
}

unsigned ps2_room(const struct ps2_queue *q)
{
	return PS2_QUEUE - q->len;
}

void ps2_put(struct ps2_queue *q, u8 v)
{
	if (q->len < PS2_QUEUE)
		q->data[(q->head + q->len++) % PS2_QUEUE] = v;
}

int ps2_next(struct ps2_queue *q)
{
	u8 v;

	if (!q->len)
		return -1;
	v = q->data[q->head];
	q->head = (u8)((q->head + 1) % PS2_QUEUE);
	q->len--;
	return v;
}

/* ---- keyboard ---- */

static void defaults(struct ps2_keyboard *k)
{
	k->set = 2;
	k->command = 0;
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
	memset(k, 0, sizeof(*k));
	defaults(k);
	k->enabled = true;
}

static void reply(struct ps2_keyboard *k, u8 v)
{
	ps2_put(&k->q, v);
	k->last = v;
}

/* The byte behind a command. */
static void argument(struct ps2_keyboard *k, u8 v)
{
	u8 command = k->command;

	k->command = 0;
	reply(k, ACK);
	if (command == CMD_LEDS)
		k->leds = v & 7;
	else if (command == CMD_SET && v == 0)
		reply(k, k->set);
	else if (command == CMD_SET && (v == 1 || v == 2))	/* set 3 is taken and not used, as by most keyboards */
		k->set = v;
}

void ps2_keyboard_write(struct ps2_keyboard *k, u8 v)
{
	u8 last = k->last;

	ps2_clear(&k->q);
	if (k->command && v < CMD_LEDS) {
		argument(k, v);
		return;
	}
	k->command = 0;
	switch (v) {
	case CMD_ECHO:
		reply(k, CMD_ECHO);
		break;
	case CMD_LEDS: case CMD_SET: case CMD_RATE: case CMD_KEY_TYPE ... CMD_KEY_TYPE + 2:
		k->command = v;
		reply(k, ACK);
		break;
	case CMD_ID:
		reply(k, ACK);
		reply(k, 0xab);
		reply(k, 0x83);
		break;
	case CMD_ENABLE: case CMD_DISABLE: case CMD_DEFAULTS:
		if (v != CMD_ENABLE)
			defaults(k);
		if (v != CMD_DEFAULTS)
			k->enabled = v == CMD_ENABLE;
		reply(k, ACK);
		break;
	case CMD_KEY_TYPES ... CMD_KEY_TYPES + 3:
		reply(k, ACK);
		break;
	case RESEND:
		reply(k, last);
		break;
	case CMD_RESET:
		ps2_keyboard_reset(k);
		reply(k, ACK);
		reply(k, BAT_OK);
		break;
	default:
		reply(k, RESEND);
	}
}

/* Set 1 code of a key, | 0x100 with prefix E0; 0: the keyboard has no such key. */
static unsigned set1_of(unsigned key)
{
	static const struct { u16 key; u8 code; } extended[] = {
		{ KEY_KPENTER, 0x1c }, { KEY_RIGHTCTRL, 0x1d }, { KEY_KPSLASH, 0x35 }, { KEY_RIGHTALT, 0x38 }, { KEY_HOME, 0x47 },
		{ KEY_UP, 0x48 }, { KEY_PAGEUP, 0x49 }, { KEY_LEFT, 0x4b }, { KEY_RIGHT, 0x4d }, { KEY_END, 0x4f },
		{ KEY_DOWN, 0x50 }, { KEY_PAGEDOWN, 0x51 }, { KEY_INSERT, 0x52 }, { KEY_DELETE, 0x53 }, { KEY_LEFTMETA, 0x5b },
		{ KEY_RIGHTMETA, 0x5c }, { KEY_COMPOSE, 0x5d }, { KEY_POWER, 0x5e }, { KEY_SLEEP, 0x5f }, { KEY_WAKEUP, 0x63 },
	};
	size_t i;

	if (key <= KEY_F12)
		return key;
	for (i = 0; i < ARRAY_SIZE(extended); i++)
		if (extended[i].key == key)
			return 0x100 | extended[i].code;
	return 0;
}

static void put_code(struct ps2_keyboard *k, unsigned code, bool down)
{
	u8 low = code & 0x7f;

	if (code & 0x100)
		ps2_put(&k->q, 0xe0);
	if (k->set == 1) {
		ps2_put(&k->q, down ? low : low | 0x80);
		return;
	}
	if (!down)
		ps2_put(&k->q, 0xf0);
	ps2_put(&k->q, set2_of[low]);
}

static void put_pause(struct ps2_keyboard *k)
{
	static const u8 set1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
	static const u8 set2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
	size_t i, n = k->set == 1 ? sizeof(set1) : sizeof(set2);

	for (i = 0; i < n; i++)
		ps2_put(&k->q, k->set == 1 ? set1[i] : set2[i]);
}

void ps2_keyboard_key(struct ps2_keyboard *k, unsigned key, bool down)
{
	unsigned code = set1_of(key);

	/* A full queue loses the key, never half of its code. */
	if (!k->enabled || ps2_room(&k->q) < 8 + ROOM_FOR_REPLY)
		return;
	if (key == KEY_PAUSE) {
		if (down)
			put_pause(k);
	} else if (key == KEY_SYSRQ) {
		put_code(k, down ? 0x12a : 0x137, down);
		put_code(k, down ? 0x137 : 0x12a, down);
	} else if (code) {
		put_code(k, code, down);
	}
}

/* ---- state ---- */

static const struct state_field queue_fields[] = {
	STATE_ARRAY(struct ps2_queue, data, U8), STATE(struct ps2_queue, head, U8), STATE(struct ps2_queue, len, U8),
	STATE_END
};

const struct state_field ps2_keyboard_fields[] = {
	STATE_SUB(struct ps2_keyboard, q, queue_fields),
	STATE(struct ps2_keyboard, command, U8), STATE(struct ps2_keyboard, set, U8), STATE(struct ps2_keyboard, leds, U8),
	STATE(struct ps2_keyboard, last, U8), STATE(struct ps2_keyboard, enabled, BOOL),
	STATE_END
};

const struct state_field ps2_mouse_fields[] = {
	STATE_SUB(struct ps2_mouse, q, queue_fields),
	STATE(struct ps2_mouse, command, U8), STATE(struct ps2_mouse, status, U8), STATE(struct ps2_mouse, resolution, U8),
	STATE(struct ps2_mouse, rate, U8), STATE(struct ps2_mouse, id, U8), STATE(struct ps2_mouse, last, U8),
	STATE_ARRAY(struct ps2_mouse, knock, U8), STATE(struct ps2_mouse, wrap, BOOL), STATE(struct ps2_mouse, dx, U32),
	STATE(struct ps2_mouse, dy, U32), STATE(struct ps2_mouse, dz, U32), STATE(struct ps2_mouse, buttons, U8),
	STATE(struct ps2_mouse, changed, BOOL),
	STATE_END
};

int ps2_check(struct ps2_keyboard *k, struct ps2_mouse *m)
{
	if (k->q.head >= PS2_QUEUE || k->q.len > PS2_QUEUE || m->q.head >= PS2_QUEUE || m->q.len > PS2_QUEUE)
		return -EINVAL;
	return (k->set == 1 || k->set == 2) && (m->id == 0 || m->id == 3 || m->id == 4) ? 0 : -EINVAL;
}
