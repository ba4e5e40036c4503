// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checked parsing and printing of numbers, sizes and times (str.h). Sizes
 * follow qemu_strtosz(): a decimal fraction needs a suffix, hexadecimal
 * takes neither. All arithmetic is on integers, so 1.5G is exact and
 * 15.9999999999E cannot round past 2^64.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "str.h"

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int str_scan_u64(const char *s, int base, const char **end, u64 *val)
{
	u64 v = 0;
	bool over = false;
	const char *start;

	if (!base) {
		base = 10;
		if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
			base = 16;
			s += 2;
		}
	}
	for (start = s; digit_value(*s) < base; s++)
		over = over || mul_overflows(v, (u64)base, &v) || add_overflows(v, (u64)digit_value(*s), &v);
	if (end)
		*end = s;
	if (s == start)
		return -EINVAL;
	if (over)
		return -ERANGE;
	*val = v;
	return 0;
}

int str_to_u64(const char *s, int base, u64 *val)
{
	const char *end;
	u64 v;
	int ret = str_scan_u64(s, base, &end, &v);

	if (ret == -EINVAL || *end)
		return -EINVAL;
	if (!ret)
		*val = v;
	return ret;
}

int str_to_s64(const char *s, int base, s64 *val)
{
	bool minus = *s == '-';
	u64 v;
	int ret = str_to_u64(s + (minus || *s == '+'), base, &v);

	if (ret)
		return ret;
	if (v > (u64)INT64_MAX + minus)
		return -ERANGE;
	*val = (s64)(minus ? 0 - v : v);
	return 0;
}

int str_to_u64_range(const char *s, u64 min, u64 max, u64 *val)
{
	u64 v;
	int ret = str_to_u64(s, 0, &v);

	if (ret)
		return ret;
	if (v < min || v > max)
		return -ERANGE;
	*val = v;
	return 0;
}

/* log2 of the suffix's factor, -1: no such suffix. */
static int suffix_bits(char c)
{
	static const char letters[] = "bkmgtpe";
	const char *p = c ? strchr(letters, c | 0x20) : NULL;

	return p ? (int)(p - letters) * 10 : -1;
}

/* A fraction's digits as num/den, as many digits as fit: 19, a tenth of a byte even for E. */
static const char *scan_fraction(const char *s, u64 *num, u64 *den)
{
	*num = 0;
	*den = 1;
	for (; is_digit(*s); s++) {
		if (*den >= 10000000000000000000ULL)
			continue;
		*num = *num * 10 + (u64)(*s - '0');
		*den *= 10;
	}
	return s;
}

/* whole * 2^bits + num/den * 2^bits to the nearest byte. */
static int scale(u64 whole, u64 num, u64 den, int bits, u64 *val)
{
	u128 v = ((u128)whole << bits) + (((u128)num << bits) + den / 2) / den;

	if (v > UINT64_MAX)
		return -ERANGE;
	*val = (u64)v;
	return 0;
}

int str_to_size(const char *s, char default_suffix, u64 *val)
{
	u64 whole = 0, num = 0, den = 1;
	const char *end = s;
	int bits, ret = 0;
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x';

	if (*s != '.')
		ret = str_scan_u64(s, hex ? 0 : 10, &end, &whole);
	if (ret == -EINVAL)
		return ret;
	if (*end == '.' && !hex) {
		if (!is_digit(end[1]) && end == s)
			return -EINVAL;
		end = scan_fraction(end + 1, &num, &den);
	}
	bits = suffix_bits(*end ? *end : default_suffix);
	if (bits < 0 || (*end && (hex || end[1])) || (num && !bits))
		return -EINVAL;
	return ret ? ret : scale(whole, num, den, bits, val);
}

int str_to_ns(const char *s, u64 *ns)
{
	static const struct { const char *name; u64 unit; } units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
		{ "", 1000000000 }, { "m", 60000000000ULL }, { "h", 3600000000000ULL },
	};
	u64 whole, num = 0, den = 1;
	const char *end;
	int ret = str_scan_u64(s, 10, &end, &whole);

	if (ret == -EINVAL)
		return ret;
	if (*end == '.') {
		if (!is_digit(end[1]))
			return -EINVAL;
		end = scan_fraction(end + 1, &num, &den);
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		u128 v;

		if (!str_eq(end, units[i].name))
			continue;
		v = (u128)whole * units[i].unit + (u128)num * units[i].unit / den;
		if (ret || v > UINT64_MAX)
			return -ERANGE;
		*ns = (u64)v;
		return 0;
	}
	return -EINVAL;
}

int str_to_bool(const char *s, bool *val)
{
	static const char *const yes[] = { "on", "yes", "true", "y", NULL };
	static const char *const no[] = { "off", "no", "false", "n", NULL };

	if (str_to_index(s, yes) >= 0)
		*val = true;
	else if (str_to_index(s, no) >= 0)
		*val = false;
	else
		return -EINVAL;
	return 0;
}

int str_to_index(const char *s, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (str_eq(s, names[i]))
			return i;
	return -ENOENT;
}

const char *str_size(char buf[STR_SIZE_MAX], u64 bytes)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	double v = (double)bytes;
	unsigned i = 0;

	/* At 1000, not at 1024: "0.977 KiB" says more than "1e+03 B". */
	while (v >= 1000 && i + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		i++;
	}
	snprintf(buf, STR_SIZE_MAX, "%0.3g %sB", v, units[i]);
	return buf;
}
