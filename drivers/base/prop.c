// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Properties of devices: text to field and back. The tables are the classes'
 * (props, then bus_props); nothing here knows a particular device.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dev/char.h"
#include "dev/device.h"
#include "dev/machine.h"
#include "mem.h"
#include "str.h"

static const char *const onoffauto[] = { "auto", "on", "off", NULL };

const struct prop *device_prop_find(const struct device_class *cls, const char *name)
{
	const struct prop *p;

	for (p = cls->props; p && p->name; p++)
		if (str_eq(p->name, name))
			return p;
	for (p = cls->bus_props; p && p->name; p++)
		if (str_eq(p->name, name))
			return p;
	return NULL;
}

static void store(struct device *dev, const struct prop *p, u64 v)
{
	u8 *at = (u8 *)dev + p->offset;

	if (p->bit) {
		u64 mask = 1ULL << (p->bit - 1);

		*(u64 *)at = v ? *(u64 *)at | mask : *(u64 *)at & ~mask;
		return;
	}
	switch ((enum prop_type)p->type) {
	case PROP_T_BOOL: *(bool *)at = v != 0; break;
	case PROP_T_U8: case PROP_T_ENUM: case PROP_T_ONOFFAUTO: *at = (u8)v; break;
	case PROP_T_U16: *(u16 *)at = (u16)v; break;
	case PROP_T_U32: case PROP_T_S32: case PROP_T_DEVFN: *(u32 *)at = (u32)v; break;
	case PROP_T_U64: case PROP_T_SIZE: *(u64 *)at = v; break;
	default: break;
	}
}

static void set_defaults(struct device *dev, const struct prop *p)
{
	for (; p && p->name; p++)
		store(dev, p, p->def);
}

void device_props_default(struct device *dev)
{
	set_defaults(dev, dev->cls->bus_props);
	set_defaults(dev, dev->cls->props);
}

static bool owns_text(const struct prop *p)
{
	return p->type == PROP_T_STR || p->type == PROP_T_DRIVE || p->type == PROP_T_NETDEV || p->type == PROP_T_LINK;
}

static void free_texts(struct device *dev, const struct prop *p)
{
	for (; p && p->name; p++)
		if (owns_text(p))
			mem_free(*(char **)((u8 *)dev + p->offset));
}

void device_props_free(struct device *dev)
{
	free_texts(dev, dev->cls->props);
	free_texts(dev, dev->cls->bus_props);
}

static const char *skip_0x(const char *s)
{
	return s[0] == '0' && (s[1] | 0x20) == 'x' ? s + 2 : s;
}

/* "4", "4.1", "0x1d.0x0": hexadecimal, as QEMU reads and libvirt writes them; -1: any. */
static int parse_devfn(const char *s, u64 *out)
{
	u64 slot = 0, fn = 0;
	const char *end;

	if (str_eq(s, "-1")) {
		*out = (u64)-1;
		return 0;
	}
	if (str_scan_u64(skip_0x(s), 16, &end, &slot) < 0 || slot > 31)
		return -EINVAL;
	if (*end == '.' && (str_to_u64(skip_0x(end + 1), 16, &fn) < 0 || fn > 7))
		return -EINVAL;
	if (*end && *end != '.')
		return -EINVAL;
	*out = slot << 3 | fn;
	return 0;
}

/* n bytes as hexadecimal pairs; sep may stand between them. */
static int parse_hex_bytes(const char *s, u8 *out, unsigned n, char sep)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		unsigned v;

		if (i && *s == sep)
			s++;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
			return -EINVAL;
		if (sscanf(s, "%2x", &v) != 1)
			return -EINVAL;
		out[i] = (u8)v;
		s += 2;
	}
	return *s ? -EINVAL : 0;
}

static int parse_number(const struct prop *p, const char *s, u64 *v)
{
	static const u64 max[] = { [PROP_T_U8] = 0xff, [PROP_T_U16] = 0xffff, [PROP_T_U32] = 0xffffffff, [PROP_T_U64] = ~0ULL };
	bool b;
	s64 i;
	int n;

	if (p->bit || p->type == PROP_T_BOOL) {
		if (str_to_bool(s, &b) < 0)
			return -EINVAL;
		*v = b;
		return 0;
	}
	switch ((enum prop_type)p->type) {
	case PROP_T_SIZE:
		return str_to_size(s, 'b', v);
	case PROP_T_S32:
		if (str_to_s64(s, 0, &i) < 0 || i < INT32_MIN || i > INT32_MAX)
			return -EINVAL;
		*v = (u64)i;
		return 0;
	case PROP_T_DEVFN:
		return parse_devfn(s, v);
	case PROP_T_ENUM:
	case PROP_T_ONOFFAUTO:
		n = str_to_index(s, p->type == PROP_T_ENUM ? p->choices : onoffauto);
		if (n < 0)
			return -EINVAL;
		*v = (u64)n;
		return 0;
	default:
		return str_to_u64_range(s, 0, max[p->type], v);
	}
}

static const char *expected(const struct prop *p)
{
	if (p->bit)
		return "on or off";
	switch ((enum prop_type)p->type) {
	case PROP_T_BOOL:	return "on or off";
	case PROP_T_SIZE:	return "a size such as 512, 64k or 1.5G";
	case PROP_T_DEVFN:	return "a PCI address SLOT[.FUNCTION]";
	case PROP_T_MAC:	return "a MAC address such as 52:54:00:12:34:56";
	case PROP_T_UUID:	return "a UUID";
	case PROP_T_ONOFFAUTO:	return "on, off or auto";
	case PROP_T_ENUM:	return "one of its choices (see -device NAME,help)";
	default:		return "a number in range";
	}
}

int device_set_prop(struct device *dev, const char *name, const char *value, struct err *err)
{
	const struct prop *p = device_prop_find(dev->cls, name);
	struct str_nearest near = STR_NEAREST_INIT(name);
	u8 *at;
	u64 v = 0;
	int ret = 0;

	if (!p) {
		for (p = dev->cls->props; p && p->name; p++)
			str_nearest_offer(&near, p->name);
		for (p = dev->cls->bus_props; p && p->name; p++)
			str_nearest_offer(&near, p->name);
		if (str_nearest(&near))
			return err_set(err, EINVAL, "device '%s' has no property '%s', did you mean '%s'?",
				       dev->cls->name, name, str_nearest(&near));
		return err_set(err, EINVAL, "device '%s' has no property '%s'", dev->cls->name, name);
	}
	at = (u8 *)dev + p->offset;
	if (owns_text(p)) {
		char *copy = str_dup(value);

		if (!copy)
			return err_set(err, ENOMEM, "out of memory");
		mem_free(*(char **)at);
		*(char **)at = copy;
		return 0;
	}
	if (p->type == PROP_T_CHARDEV) {
		struct chardevs *cs = machine_service(dev->machine, "chardevs");

		*(struct chardev **)at = cs ? chardev_find(cs, value) : NULL;
		if (!*(struct chardev **)at)
			return err_set(err, ENOENT, "device '%s': there is no chardev '%s'", dev->cls->name, value);
		return 0;
	}
	if (p->type == PROP_T_MAC)
		ret = parse_hex_bytes(value, at, 6, ':');
	else if (p->type == PROP_T_UUID)
		ret = parse_hex_bytes(value, at, 16, '-');
	else
		ret = parse_number(p, value, &v);
	if (ret < 0)
		return err_set(err, EINVAL, "device '%s': property '%s=%s': expected %s", dev->cls->name, name, value, expected(p));
	if (p->type != PROP_T_MAC && p->type != PROP_T_UUID)
		store(dev, p, v);
	return 0;
}

char *device_prop_get(struct device *dev, const struct prop *p, char *buf, size_t len)
{
	const u8 *at = (const u8 *)dev + p->offset;
	const char *s;

	if (p->bit) {
		snprintf(buf, len, "%s", *(const u64 *)at & (1ULL << (p->bit - 1)) ? "true" : "false");
		return buf;
	}
	switch ((enum prop_type)p->type) {
	case PROP_T_BOOL:	snprintf(buf, len, "%s", *(const bool *)at ? "true" : "false"); break;
	case PROP_T_U8:		snprintf(buf, len, "%u", *at); break;
	case PROP_T_U16:	snprintf(buf, len, "%u", *(const u16 *)at); break;
	case PROP_T_U32:	snprintf(buf, len, "%u", *(const u32 *)at); break;
	case PROP_T_S32:	snprintf(buf, len, "%d", *(const s32 *)at); break;
	case PROP_T_U64:
	case PROP_T_SIZE:	snprintf(buf, len, "%llu", *(const u64 *)at); break;
	case PROP_T_ENUM:	snprintf(buf, len, "\"%s\"", p->choices[*at]); break;
	case PROP_T_ONOFFAUTO:	snprintf(buf, len, "\"%s\"", onoffauto[*at]); break;
	case PROP_T_DEVFN:	snprintf(buf, len, "%02x.%x", (unsigned)*(const s32 *)at >> 3, *at & 7); break;
	case PROP_T_MAC:
		snprintf(buf, len, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", at[0], at[1], at[2], at[3], at[4], at[5]);
		break;
	case PROP_T_CHARDEV:
		snprintf(buf, len, "\"%s\"", *(struct chardev *const *)at ? chardev_id(*(struct chardev *const *)at) : "");
		break;
	case PROP_T_UUID:
		snprintf(buf, len, "\"%02x%02x%02x%02x-...\"", at[0], at[1], at[2], at[3]);
		break;
	default:
		s = *(char *const *)at;
		snprintf(buf, len, "\"%s\"", s ? s : "");
	}
	return buf;
}

const char *device_prop_type_name(const struct prop *p)
{
	static const char *const names[] = {
		[PROP_T_BOOL] = "bool", [PROP_T_U8] = "uint8", [PROP_T_U16] = "uint16", [PROP_T_U32] = "uint32",
		[PROP_T_U64] = "uint64", [PROP_T_S32] = "int32", [PROP_T_SIZE] = "size", [PROP_T_STR] = "str",
		[PROP_T_ENUM] = "enum", [PROP_T_ONOFFAUTO] = "OnOffAuto", [PROP_T_DEVFN] = "int32", [PROP_T_MAC] = "str",
		[PROP_T_CHARDEV] = "str", [PROP_T_DRIVE] = "str", [PROP_T_NETDEV] = "str", [PROP_T_LINK] = "str",
		[PROP_T_UUID] = "str",
	};

	return p->bit ? "bool" : names[p->type];
}
