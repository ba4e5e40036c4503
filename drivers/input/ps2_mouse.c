// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PS/2 mouse (see ps2.h): packets of three bytes, four with a wheel (id 3)
 * or a wheel and five buttons (id 4).
 */
#include <string.h>
#include "ps2.h"
#include "ps2_queue.h"

#define ACK		0xfa
#define BAT_OK		0xaa
#define NAK		0xfe

#define CMD_SCALE1	0xe6
#define CMD_SCALE2	0xe7
#define CMD_RESOLUTION	0xe8
#define CMD_STATUS	0xe9
#define CMD_STREAM	0xea
#define CMD_READ	0xeb
#define CMD_WRAP_END	0xec
#define CMD_WRAP	0xee
#define CMD_REMOTE	0xf0
#define CMD_ID		0xf2
#define CMD_RATE	0xf3
#define CMD_ENABLE	0xf4
#define CMD_DISABLE	0xf5
#define CMD_DEFAULTS	0xf6
#define CMD_RESET	0xff

#define ST_SCALE2	0x10
#define ST_ENABLED	0x20
#define ST_REMOTE	0x40

#define MOTION_MAX	100000	/* what nobody reads does not add up for ever */
#define ROOM_FOR_REPLY	8

static void defaults(struct ps2_mouse *m)
{
	m->status = 0;
	m->resolution = 2;
	m->rate = 100;
	m->command = 0;
	m->dx = m->dy = m->dz = 0;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
	memset(m, 0, sizeof(*m));
	defaults(m);
}

static s32 clamp(s32 v, s32 limit)
{
	return v > limit ? limit : v < -limit ? -limit : v;
}

/* Bits of the third to fifth button and the wheel in byte 4. */
static u8 fourth_byte(struct ps2_mouse *m)
{
	s32 dz = clamp(m->dz, 7);

	m->dz -= dz;
	return m->id == 4 ? (u8)((dz & 15) | (m->buttons & 0x18) << 1) : (u8)dz;
}

static void put_packet(struct ps2_mouse *m)
{
	s32 dx = clamp(m->dx, 255), dy = clamp(-m->dy, 255);

	m->dx -= dx;
	m->dy += dy;
	ps2_put(&m->q, (u8)(0x08 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)));
	ps2_put(&m->q, (u8)dx);
	ps2_put(&m->q, (u8)dy);
	if (m->id)
		ps2_put(&m->q, fourth_byte(m));
	else
		m->dz = 0;
	m->changed = m->dx || m->dy || m->dz;
}

void ps2_mouse_poll(struct ps2_mouse *m)
{
	while (m->changed && (m->status & (ST_ENABLED | ST_REMOTE)) == ST_ENABLED && !m->wrap &&
	       ps2_room(&m->q) >= 4 + ROOM_FOR_REPLY)
		put_packet(m);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons)
{
	if (!(m->status & ST_ENABLED) && !(m->status & ST_REMOTE))
		return;
	m->dx = clamp(m->dx + clamp(dx, MOTION_MAX), MOTION_MAX);
	m->dy = clamp(m->dy + clamp(dy, MOTION_MAX), MOTION_MAX);
	m->dz = clamp(m->dz + clamp(dz, MOTION_MAX), MOTION_MAX);
	if (dx || dy || dz || m->buttons != (u8)buttons)
		m->changed = true;
	m->buttons = (u8)buttons;
	ps2_mouse_poll(m);
}

/* 200, 100, 80 asks for a wheel; then 200, 200, 80 for five buttons. */
static void set_rate(struct ps2_mouse *m, u8 rate)
{
	if (rate == 80 && m->knock[0] == 200 && m->knock[1] == 100)
		m->id = 3;
	else if (rate == 80 && m->knock[0] == 200 && m->knock[1] == 200 && m->id == 3)
		m->id = 4;
	m->knock[0] = m->knock[1];
	m->knock[1] = rate;
	m->rate = rate;
}

static void reply(struct ps2_mouse *m, u8 v)
{
	ps2_put(&m->q, v);
	m->last = v;
}

static void status_reply(struct ps2_mouse *m)
{
	u8 b = m->buttons;

	reply(m, (u8)(m->status | (b & 1 ? 4 : 0) | (b & 4 ? 2 : 0) | (b & 2 ? 1 : 0)));
	reply(m, m->resolution);
	reply(m, m->rate);
}

static void set_mode(struct ps2_mouse *m, u8 command)
{
	switch (command) {
	case CMD_SCALE1: m->status &= (u8)~ST_SCALE2; break;
	case CMD_SCALE2: m->status |= ST_SCALE2; break;
	case CMD_STREAM: m->status &= (u8)~ST_REMOTE; break;
	case CMD_REMOTE: m->status |= ST_REMOTE; break;
	case CMD_ENABLE: m->status |= ST_ENABLED; break;
	case CMD_DISABLE: m->status &= (u8)~ST_ENABLED; break;
	case CMD_WRAP: m->wrap = true; break;
	case CMD_DEFAULTS: defaults(m); break;
	}
}

void ps2_mouse_write(struct ps2_mouse *m, u8 v)
{
	u8 command = m->command, last = m->last;

	ps2_clear(&m->q);
	m->command = 0;
	if (m->wrap && v != CMD_WRAP_END && v != CMD_RESET) {
		reply(m, v);
		return;
	}
	if (command) {
		if (command == CMD_RATE)
			set_rate(m, v);
		else
			m->resolution = v & 3;
		reply(m, ACK);
		return;
	}
	switch (v) {
	case CMD_RESOLUTION: case CMD_RATE:
		m->command = v;
		reply(m, ACK);
		break;
	case CMD_SCALE1: case CMD_SCALE2: case CMD_STREAM: case CMD_REMOTE: case CMD_ENABLE: case CMD_DISABLE: case CMD_WRAP:
	case CMD_DEFAULTS:
		set_mode(m, v);
		reply(m, ACK);
		break;
	case CMD_WRAP_END:
		m->wrap = false;
		reply(m, ACK);
		break;
	case CMD_STATUS:
		reply(m, ACK);
		status_reply(m);
		break;
	case CMD_READ:
		reply(m, ACK);
		put_packet(m);
		break;
	case CMD_ID:
		reply(m, ACK);
		reply(m, m->id);
		break;
	case NAK:
		reply(m, last);
		break;
	case CMD_RESET:
		ps2_mouse_reset(m);
		reply(m, ACK);
		reply(m, BAT_OK);
		reply(m, 0);
		break;
	default:
		reply(m, NAK);
	}
}
