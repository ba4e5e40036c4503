/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 (RFC 3629): one character at a time, nothing but the shortest form, no surrogates. */
#ifndef VMBOX_UTF8_H
#define VMBOX_UTF8_H

#include "compiler.h"

/* Length of the character at s (n >= 1 bytes are there) and its code point, or 0 when it is not valid. */
static inline unsigned utf8_decode(const u8 *s, size_t n, u32 *code)
{
	static const u32 smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
	u32 c = len < 2 ? s[0] : s[0] & (0x7fU >> len);

	if (!len || len > n)
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || s[0] >= 0xf8)
		return 0;
	*code = c;
	return len;
}

/* Writes a valid code point; returns 1..4. */
static inline unsigned utf8_encode(u8 *out, u32 c)
{
	if (c < 0x80) {
		out[0] = (u8)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (u8)(0xc0 | c >> 6);
		out[1] = (u8)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (u8)(0xe0 | c >> 12);
		out[1] = (u8)(0x80 | (c >> 6 & 0x3f));
		out[2] = (u8)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (u8)(0xf0 | c >> 18);
	out[1] = (u8)(0x80 | (c >> 12 & 0x3f));
	out[2] = (u8)(0x80 | (c >> 6 & 0x3f));
	out[3] = (u8)(0x80 | (c & 0x3f));
	return 4;
}

#endif
