// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Way of input events to the device that takes them, and names of keys (see
 * dev/input.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/input-event-codes.h>
#include "dev/input.h"
#include "str.h"

#define KEYS_AT_ONCE 16

static struct input_sink *sink_of(struct machine *m, const char *service)
{
	return machine_service(m, service);
}

void input_key(struct machine *m, unsigned key, bool down)
{
	struct input_sink *s = sink_of(m, INPUT_KEYBOARD);

	if (!s || !key)
		return;
	device_lock(s->dev);
	s->key(s->dev, key, down);
	device_unlock(s->dev);
}

void input_mouse(struct machine *m, int dx, int dy, int dz, unsigned buttons)
{
	struct input_sink *s = sink_of(m, INPUT_MOUSE);

	if (!s)
		return;
	device_lock(s->dev);
	s->mouse(s->dev, dx, dy, dz, buttons);
	device_unlock(s->dev);
}

static const struct { const char *name; u16 key; } names[] = {
	{ "esc", KEY_ESC }, { "1", KEY_1 }, { "2", KEY_2 }, { "3", KEY_3 }, { "4", KEY_4 }, { "5", KEY_5 }, { "6", KEY_6 },
	{ "7", KEY_7 }, { "8", KEY_8 }, { "9", KEY_9 }, { "0", KEY_0 }, { "minus", KEY_MINUS }, { "equal", KEY_EQUAL },
	{ "backspace", KEY_BACKSPACE }, { "tab", KEY_TAB }, { "q", KEY_Q }, { "w", KEY_W }, { "e", KEY_E }, { "r", KEY_R },
	{ "t", KEY_T }, { "y", KEY_Y }, { "u", KEY_U }, { "i", KEY_I }, { "o", KEY_O }, { "p", KEY_P },
	{ "bracket_left", KEY_LEFTBRACE }, { "bracket_right", KEY_RIGHTBRACE }, { "ret", KEY_ENTER }, { "ctrl", KEY_LEFTCTRL },
	{ "a", KEY_A }, { "s", KEY_S }, { "d", KEY_D }, { "f", KEY_F }, { "g", KEY_G }, { "h", KEY_H }, { "j", KEY_J },
	{ "k", KEY_K }, { "l", KEY_L }, { "semicolon", KEY_SEMICOLON }, { "apostrophe", KEY_APOSTROPHE },
	{ "grave_accent", KEY_GRAVE }, { "shift", KEY_LEFTSHIFT }, { "backslash", KEY_BACKSLASH }, { "z", KEY_Z },
	{ "x", KEY_X }, { "c", KEY_C }, { "v", KEY_V }, { "b", KEY_B }, { "n", KEY_N }, { "m", KEY_M },
	{ "comma", KEY_COMMA }, { "dot", KEY_DOT }, { "slash", KEY_SLASH }, { "shift_r", KEY_RIGHTSHIFT },
	{ "kp_multiply", KEY_KPASTERISK }, { "asterisk", KEY_KPASTERISK }, { "alt", KEY_LEFTALT }, { "spc", KEY_SPACE },
	{ "caps_lock", KEY_CAPSLOCK }, { "f1", KEY_F1 }, { "f2", KEY_F2 }, { "f3", KEY_F3 }, { "f4", KEY_F4 },
	{ "f5", KEY_F5 }, { "f6", KEY_F6 }, { "f7", KEY_F7 }, { "f8", KEY_F8 }, { "f9", KEY_F9 }, { "f10", KEY_F10 },
	{ "f11", KEY_F11 }, { "f12", KEY_F12 }, { "num_lock", KEY_NUMLOCK }, { "scroll_lock", KEY_SCROLLLOCK },
	{ "kp_0", KEY_KP0 }, { "kp_1", KEY_KP1 }, { "kp_2", KEY_KP2 }, { "kp_3", KEY_KP3 }, { "kp_4", KEY_KP4 },
	{ "kp_5", KEY_KP5 }, { "kp_6", KEY_KP6 }, { "kp_7", KEY_KP7 }, { "kp_8", KEY_KP8 }, { "kp_9", KEY_KP9 },
	{ "kp_add", KEY_KPPLUS }, { "kp_subtract", KEY_KPMINUS }, { "kp_decimal", KEY_KPDOT }, { "kp_divide", KEY_KPSLASH },
	{ "kp_enter", KEY_KPENTER }, { "less", KEY_102ND }, { "ctrl_r", KEY_RIGHTCTRL }, { "alt_r", KEY_RIGHTALT },
	{ "sysrq", KEY_SYSRQ }, { "print", KEY_SYSRQ }, { "pause", KEY_PAUSE }, { "home", KEY_HOME }, { "end", KEY_END },
	{ "up", KEY_UP }, { "down", KEY_DOWN }, { "left", KEY_LEFT }, { "right", KEY_RIGHT }, { "pgup", KEY_PAGEUP },
	{ "pgdn", KEY_PAGEDOWN }, { "insert", KEY_INSERT }, { "delete", KEY_DELETE }, { "meta_l", KEY_LEFTMETA },
	{ "meta_r", KEY_RIGHTMETA }, { "compose", KEY_COMPOSE }, { "menu", KEY_COMPOSE }, { "power", KEY_POWER },
	{ "sleep", KEY_SLEEP }, { "wake", KEY_WAKEUP },
};

unsigned input_key_by_name(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i].name) == len && !memcmp(names[i].name, name, len))
			return names[i].key;
	return 0;
}

/* What each key of the US layout types, without and with shift. */
static const struct { u16 key; char plain, shifted; } typed[] = {
	{ KEY_ESC, 27, 0 }, { KEY_BACKSPACE, 8, 0 }, { KEY_BACKSPACE, 127, 0 }, { KEY_TAB, 9, 0 }, { KEY_ENTER, 13, 0 },
	{ KEY_ENTER, 10, 0 }, { KEY_SPACE, ' ', 0 }, { KEY_MINUS, '-', '_' }, { KEY_EQUAL, '=', '+' },
	{ KEY_LEFTBRACE, '[', '{' }, { KEY_RIGHTBRACE, ']', '}' }, { KEY_SEMICOLON, ';', ':' }, { KEY_APOSTROPHE, '\'', '"' },
	{ KEY_GRAVE, '`', '~' }, { KEY_BACKSLASH, '\\', '|' }, { KEY_COMMA, ',', '<' }, { KEY_DOT, '.', '>' },
	{ KEY_SLASH, '/', '?' }, { KEY_1, '1', '!' }, { KEY_2, '2', '@' }, { KEY_3, '3', '#' }, { KEY_4, '4', '$' },
	{ KEY_5, '5', '%' }, { KEY_6, '6', '^' }, { KEY_7, '7', '&' }, { KEY_8, '8', '*' }, { KEY_9, '9', '(' }, { KEY_0, '0', ')' },
};

unsigned input_key_by_char(unsigned ch, bool *shift)
{
	char lower;
	size_t i;

	*shift = ch >= 'A' && ch <= 'Z';
	if (*shift || (ch >= 'a' && ch <= 'z')) {
		lower = (char)(ch | 0x20);
		return input_key_by_name(&lower, 1);
	}
	for (i = 0; i < ARRAY_SIZE(typed); i++) {
		if (ch && (ch == (u8)typed[i].plain || ch == (u8)typed[i].shifted)) {
			*shift = ch == (u8)typed[i].shifted;
			return typed[i].key;
		}
	}
	return 0;
}

/* Codes up to 0x58 of set 1 are Linux's own numbers. */
static unsigned key_by_scancode(unsigned code)
{
	static const struct { u8 code; u16 key; } extended[] = {
		{ 0x1c, KEY_KPENTER }, { 0x1d, KEY_RIGHTCTRL }, { 0x35, KEY_KPSLASH }, { 0x37, KEY_SYSRQ }, { 0x38, KEY_RIGHTALT },
		{ 0x47, KEY_HOME }, { 0x48, KEY_UP }, { 0x49, KEY_PAGEUP }, { 0x4b, KEY_LEFT }, { 0x4d, KEY_RIGHT },
		{ 0x4f, KEY_END }, { 0x50, KEY_DOWN }, { 0x51, KEY_PAGEDOWN }, { 0x52, KEY_INSERT }, { 0x53, KEY_DELETE },
		{ 0x5b, KEY_LEFTMETA }, { 0x5c, KEY_RIGHTMETA }, { 0x5d, KEY_COMPOSE },
	};
	size_t i;

	if (code <= 0x58)
		return code;
	for (i = 0; i < ARRAY_SIZE(extended); i++)
		if ((code >> 8) == 0xe0 && (code & 0xff) == extended[i].code)
			return extended[i].key;
	return 0;
}

static unsigned parse_key(const char *s, size_t len)
{
	char *end;
	unsigned long code;

	if (len > 2 && s[0] == '0' && s[1] == 'x') {
		code = strtoul(s, &end, 16);
		return end == s + len && code <= 0xffff ? key_by_scancode((unsigned)code) : 0;
	}
	return input_key_by_name(s, len);
}

int input_send_keys(struct machine *m, const char *text, struct err *err)
{
	unsigned keys[KEYS_AT_ONCE], n = 0, i;
	const char *s = text;

	while (*s) {
		size_t len = strcspn(s, "-");

		if (n == KEYS_AT_ONCE)
			return err_set(err, EINVAL, "too many keys");
		keys[n] = parse_key(s, len);
		if (!keys[n++])
			return err_set(err, EINVAL, "invalid parameter: %.*s", (int)MIN(len, (size_t)32), s);
		s += len;
		if (*s == '-')
			s++;
	}
	for (i = 0; i < n; i++)
		input_key(m, keys[i], true);
	while (n--)
		input_key(m, keys[n], false);
	return 0;
}
