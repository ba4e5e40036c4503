// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks saved-state tables (see dev/state.h). One recursive walker over
 * fields with three visitors: save, load, print. Depth is that of the tables,
 * which are ours, and never that of a stream.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/clock.h"
#include "dev/state.h"
#include "mem.h"

#define STREAM_MAX (256 * MiB)

void state_buf_free(struct state_buf *b)
{
	mem_free(b->data);
	*b = (struct state_buf){ 0 };
}

void state_put(struct state_buf *b, const void *p, size_t len)
{
	if (!len)
		return;
	if (b->failed || b->len + len > STREAM_MAX ||
	    mem_grow(&b->data, &b->cap, b->len + len, 1) < 0) {
		b->failed = true;
		return;
	}
	memcpy(b->data + b->len, p, len);
	b->len += len;
}

void state_put_u32(struct state_buf *b, u32 v)
{
	u8 raw[4];

	put_le32(raw, v);
	state_put(b, raw, sizeof(raw));
}

void state_put_str(struct state_buf *b, const char *s)
{
	u32 len = (u32)strlen(s);

	state_put_u32(b, len);
	state_put(b, s, len);
}

bool state_get(struct state_buf *b, void *p, size_t len)
{
	if (b->failed || len > b->len - b->pos) {
		b->failed = true;
		if (len)
			memset(p, 0, len);
		return false;
	}
	if (len)
		memcpy(p, b->data + b->pos, len);
	b->pos += len;
	return true;
}

u32 state_get_u32(struct state_buf *b)
{
	u8 raw[4];

	state_get(b, raw, sizeof(raw));
	return get_le32(raw);
}

static unsigned width(u8 type)
{
	switch (type) {
	case STATE_T_BOOL:
	case STATE_T_U8:  return 1;
	case STATE_T_U16: return 2;
	case STATE_T_U32: return 4;
	default:	  return 8;
	}
}

static u64 load_field(const void *p, u8 type)
{
	switch (width(type)) {
	case 1:  return *(const u8 *)p;
	case 2:  return *(const u16 *)p;
	case 4:  return *(const u32 *)p;
	default: return *(const u64 *)p;
	}
}

static void store_field(void *p, u8 type, u64 v)
{
	switch (width(type)) {
	case 1:  *(u8 *)p = type == STATE_T_BOOL ? v != 0 : (u8)v; break;
	case 2:  *(u16 *)p = (u16)v; break;
	case 4:  *(u32 *)p = (u32)v; break;
	default: *(u64 *)p = v; break;
	}
}

/* ---- saving ---- */

static void save_fields(const struct state_field *f, const u8 *base, struct state_buf *b);

static void save_one(const struct state_field *f, const u8 *p, struct state_buf *b)
{
	u8 raw[8];

	if (f->type == STATE_T_SUB) {
		save_fields(f->sub, p, b);
	} else if (f->type == STATE_T_TIMER) {
		const struct clock_timer *t = (const void *)p;

		put_le64(raw, clock_timer_armed(t) ? t->deadline : ~0ULL);
		state_put(b, raw, 8);
	} else {
		put_le64(raw, load_field(p, f->type));
		state_put(b, raw, width(f->type));
	}
}

static void save_fields(const struct state_field *f, const u8 *base, struct state_buf *b)
{
	for (; f->type != STATE_T_END; f++) {
		const u8 *p = base + f->offset;
		u32 i;

		if (f->type == STATE_T_VBUF) {
			u32 len = *(const u32 *)(base + f->len_offset);

			len = f->count ? MIN(len, f->count) : len;
			state_put_u32(b, len);
			state_put(b, *(u8 *const *)p, len);
		} else if (f->type == STATE_T_U8 && f->stride == 1) {
			state_put(b, p, f->count);
		} else {
			for (i = 0; i < f->count; i++)
				save_one(f, p + (size_t)i * f->stride, b);
		}
	}
}

int state_save(const struct state_table *t, void *dev, struct state_buf *b)
{
	if (t->pre_save)
		t->pre_save(dev);
	save_fields(t->fields, dev, b);
	return b->failed ? -ENOMEM : 0;
}

/* ---- loading ---- */

static int load_fields(const struct state_field *f, u8 *base, struct state_buf *b, u8 version, struct err *err);

static int load_one(const struct state_field *f, u8 *p, struct state_buf *b, u8 version, struct err *err)
{
	u8 raw[8] = { 0 };

	if (f->type == STATE_T_SUB)
		return load_fields(f->sub, p, b, version, err);
	if (f->type == STATE_T_TIMER) {
		struct clock_timer *t = (void *)p;

		if (!state_get(b, raw, 8))
			return 0;
		clock_timer_del(t);
		if (get_le64(raw) != ~0ULL)
			clock_timer_arm(t, get_le64(raw));
		return 0;
	}
	if (state_get(b, raw, width(f->type)))
		store_field(p, f->type, get_le64(raw));
	return 0;
}

static int load_fields(const struct state_field *f, u8 *base, struct state_buf *b, u8 version, struct err *err)
{
	int ret = 0;
	u32 i;

	for (; f->type != STATE_T_END && ret == 0; f++) {
		u8 *p = base + f->offset;

		if (f->since > version)
			continue;
		if (f->type == STATE_T_VBUF) {
			u32 len = state_get_u32(b), have = *(u32 *)(base + f->len_offset);

			if (f->count ? len > f->count : len != have)
				return err_set(err, EINVAL, "field '%s': %u bytes do not fit", f->name, len);
			if (state_get(b, *(u8 **)p, len))
				*(u32 *)(base + f->len_offset) = len;
		} else if (f->type == STATE_T_U8 && f->stride == 1) {
			state_get(b, p, f->count);
		} else {
			for (i = 0; i < f->count && ret == 0; i++)
				ret = load_one(f, p + (size_t)i * f->stride, b, version, err);
		}
		if (b->failed)
			return err_set(err, EINVAL, "field '%s': the state ends too early", f->name);
	}
	return ret;
}

int state_load(const struct state_table *t, void *dev, struct state_buf *b, u8 version, struct err *err)
{
	int ret;

	if (version > t->version)
		return err_set(err, EINVAL, "version %u of the state is newer than %u", version, t->version);
	ret = load_fields(t->fields, dev, b, version, err);
	if (ret == 0 && t->post_load)
		ret = t->post_load(dev, version, err);
	return ret;
}

/* ---- printing ---- */

struct printer {
	void (*line)(void *ctx, const char *name, const char *value);
	void *ctx;
};

static void print_fields(const struct state_field *f, const u8 *base, const char *prefix, const struct printer *pr);

static void print_scalar(const struct state_field *f, const u8 *p, char *buf, size_t len)
{
	if (f->type == STATE_T_TIMER) {
		const struct clock_timer *t = (const void *)p;

		if (clock_timer_armed(t))
			snprintf(buf, len, "at %llu ns", t->deadline);
		else
			snprintf(buf, len, "off");
	} else {
		snprintf(buf, len, "0x%llx", load_field(p, f->type));
	}
}

static void print_array(const struct state_field *f, const u8 *base, char *buf, size_t len)
{
	size_t at = 0;
	u32 i;

	buf[0] = '\0';
	for (i = 0; i < f->count && i < 16 && at + 24 < len; i++) {
		if (i)
			buf[at++] = ' ';
		print_scalar(f, base + f->offset + (size_t)i * f->stride, buf + at, len - at);
		at += strlen(buf + at);
	}
	if (i < f->count)
		snprintf(buf + at, len - at, " ... (%u)", f->count);
}

static void print_fields(const struct state_field *f, const u8 *base, const char *prefix, const struct printer *pr)
{
	char name[160], value[512];
	u32 i;

	for (; f->type != STATE_T_END; f++) {
		snprintf(name, sizeof(name), "%s%s", prefix, f->name);
		if (f->type == STATE_T_SUB) {
			for (i = 0; i < f->count && i < 64; i++) {
				if (f->count > 1)
					snprintf(name, sizeof(name), "%s%s[%u].", prefix, f->name, i);
				else
					snprintf(name, sizeof(name), "%s%s.", prefix, f->name);
				print_fields(f->sub, base + f->offset + (size_t)i * f->stride, name, pr);
			}
			continue;
		}
		if (f->type == STATE_T_VBUF)
			snprintf(value, sizeof(value), "%u bytes", *(const u32 *)(base + f->len_offset));
		else
			print_array(f, base, value, sizeof(value));
		pr->line(pr->ctx, name, value);
	}
}

void state_info(const struct state_table *t, void *dev,
		void (*line)(void *ctx, const char *name, const char *value), void *ctx)
{
	const struct printer pr = { line, ctx };

	print_fields(t->fields, dev, "", &pr);
}
