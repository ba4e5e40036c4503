/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved state. A device declares what it must keep as one table:
 *
 *	static const struct state_field edu_fields[] = {
 *		STATE(struct edu, fact, U32),
 *		STATE_ARRAY(struct edu, dma_buf, U8),
 *		STATE_SUB(struct edu, dma, edu_dma_fields),
 *		STATE_SINCE(struct edu, status, U32, 2),
 *		STATE_END
 *	};
 *
 * Saving, loading, printing and fuzzing walk that table. The byte format:
 * every field is little endian and fixed width in table order; variable
 * buffers and sub-struct arrays are preceded by a le32 count. A field newer
 * than the stream (since > version) keeps the value that reset gave it.
 *
 * Threads: the machine is stopped or the device's lock is held.
 */
#ifndef VMBOX_DEV_STATE_H
#define VMBOX_DEV_STATE_H

#include "compiler.h"
#include "err.h"

enum state_type {
	STATE_T_END, STATE_T_BOOL, STATE_T_U8, STATE_T_U16, STATE_T_U32, STATE_T_U64,
	STATE_T_SUB,		/* struct(s) by .sub */
	STATE_T_VBUF,		/* bytes: pointer at offset, length in the u32 at len_offset; at most count, or (count 0) as it is */
	STATE_T_TIMER,		/* struct clock_timer: armed and its deadline */
};

struct state_field {
	const char *name;
	u32 offset;
	u8  type;
	u8  since;		/* first version of the table that has it; 0 and 1 are the same */
	u32 count;		/* array elements; 1: scalar; VBUF: capacity in bytes */
	u32 stride;		/* bytes from element to element */
	u32 len_offset;		/* VBUF */
	const struct state_field *sub;
};

struct state_table {
	u8 version;
	const struct state_field *fields;
	void (*pre_save)(void *dev);
	/* Checks and rebuilds what is derived. -EINVAL: the stream is not sane. */
	int  (*post_load)(void *dev, u8 version, struct err *err);
};

#define STATE_SINCE(s, m, t, v) \
	{ #m, offsetof(s, m), STATE_T_##t, v, 1, sizeof(((s *)0)->m), 0, NULL }
#define STATE(s, m, t) STATE_SINCE(s, m, t, 1)
#define STATE_ARRAY(s, m, t) \
	{ #m, offsetof(s, m), STATE_T_##t, 1, ARRAY_SIZE(((s *)0)->m), sizeof(((s *)0)->m[0]), 0, NULL }
#define STATE_SUB(s, m, f) \
	{ #m, offsetof(s, m), STATE_T_SUB, 1, 1, sizeof(((s *)0)->m), 0, f }
#define STATE_SUB_ARRAY(s, m, f) \
	{ #m, offsetof(s, m), STATE_T_SUB, 1, ARRAY_SIZE(((s *)0)->m), sizeof(((s *)0)->m[0]), 0, f }
#define STATE_VBUF(s, m, len, max) \
	{ #m, offsetof(s, m), STATE_T_VBUF, 1, max, 1, offsetof(s, len), NULL }
/* A buffer whose length is fixed when the device is made; the stream must have exactly that. */
#define STATE_FIXBUF(s, m, len) \
	{ #m, offsetof(s, m), STATE_T_VBUF, 1, 0, 1, offsetof(s, len), NULL }
#define STATE_END { NULL, 0, STATE_T_END, 0, 0, 0, 0, NULL }

/* A growing byte buffer and its reader. */
struct state_buf {
	u8 *data;
	size_t len, cap, pos;
	bool failed;		/* out of memory (saving) or cut short (loading) */
};

void state_buf_free(struct state_buf *b);
void state_put(struct state_buf *b, const void *p, size_t len);
void state_put_u32(struct state_buf *b, u32 v);
void state_put_str(struct state_buf *b, const char *s);
bool state_get(struct state_buf *b, void *p, size_t len);
u32  state_get_u32(struct state_buf *b);

int  state_save(const struct state_table *t, void *dev, struct state_buf *b);
int  state_load(const struct state_table *t, void *dev, struct state_buf *b, u8 version, struct err *err);
/* Calls line(ctx, "name", "value") for every field, arrays shortened. */
void state_info(const struct state_table *t, void *dev,
		void (*line)(void *ctx, const char *name, const char *value), void *ctx);

#endif
