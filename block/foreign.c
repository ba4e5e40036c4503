/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parents as Windows names them (foreign.h). */
#include <string.h>
#include "foreign.h"
#include "utf8.h"

void blk_utf16_to_utf8(const u8 *p, u32 bytes, bool big_endian, char *out, size_t room)
{
	size_t k = 0;

	for (u32 i = 0; i + 1 < bytes && k + 5 < room; i += 2) {
		u32 c = big_endian ? get_be16(p + i) : get_le16(p + i);

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 3 < bytes) {
			u32 low = big_endian ? get_be16(p + i + 2) : get_le16(p + i + 2);

			c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
			i += 2;
		}
		k += utf8_encode((u8 *)out + k, c);
	}
	out[k] = '\0';
}

int blk_set_foreign_backing(struct blk_node *n, char *path, bool relative, const char *fmt)
{
	char *name = path;

	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	if (!relative && strrchr(path, '/'))
		name = strrchr(path, '/') + 1;
	while (!strncmp(name, "./", 2))
		name += 2;
	free(n->backing_name);
	free(n->backing_fmt);
	n->backing_name = strdup(name);
	n->backing_fmt = strdup(fmt);
	return n->backing_name && n->backing_fmt ? 0 : -ENOMEM;
}
