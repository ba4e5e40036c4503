// SPDX-License-Identifier: GPL-2.0-or-later
/* requires: CONFIG_DEVICES */
#include <errno.h>
#include <string.h>
#include "dev/state.h"
#include "test.h"

struct part {
	u8 a;
	u16 b;
};

struct thing {
	bool flag;
	u32 words[3];
	struct part parts[2];
	u8 *buf;
	u32 len;
	u64 newer;
	int loaded;
};

static const struct state_field part_fields[] = { STATE(struct part, a, U8), STATE(struct part, b, U16), STATE_END };
static const struct state_field thing_fields[] = {
	STATE(struct thing, flag, BOOL),
	STATE_ARRAY(struct thing, words, U32),
	STATE_SUB_ARRAY(struct thing, parts, part_fields),
	STATE_VBUF(struct thing, buf, len, 16),
	STATE_SINCE(struct thing, newer, U64, 2),
	STATE_END
};

static int post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	(void)err;
	((struct thing *)dev)->loaded++;
	return 0;
}

static const struct state_table table = { .version = 2, .fields = thing_fields, .post_load = post_load };

static void fill(struct thing *t, u8 *mem)
{
	*t = (struct thing){ .flag = true, .words = { 1, 2, 0xfffffffe }, .parts = { { 3, 4 }, { 5, 6 } }, .buf = mem,
			     .len = 5, .newer = 1ULL << 40 };
	memcpy(mem, "hello", 5);
}

TEST(state_round_trip)
{
	u8 m1[16], m2[16] = { 0 };
	struct thing a, b = { .buf = m2 };
	struct state_buf s = { 0 };
	struct err err = ERR_INIT;

	fill(&a, m1);
	CHECK_EQ(state_save(&table, &a, &s), 0);
	/* 1 + 12 + 2 * 3 + 4 + 5 + 8 */
	CHECK_EQ(s.len, 36);
	CHECK_EQ(state_load(&table, &b, &s, 2, &err), 0);
	CHECK_EQ(b.words[2], 0xfffffffe);
	CHECK_EQ(b.parts[1].b, 6);
	CHECK_EQ(b.len, 5);
	CHECK(!memcmp(m2, "hello", 5));
	CHECK_EQ(b.newer, 1ULL << 40);
	CHECK_EQ(b.loaded, 1);
	state_buf_free(&s);
}

TEST(state_older_stream_keeps_new_fields)
{
	u8 m1[16], m2[16];
	struct thing a, b = { .buf = m2, .newer = 77 };
	struct state_buf s = { 0 };
	struct err err = ERR_INIT;

	fill(&a, m1);
	CHECK_EQ(state_save(&table, &a, &s), 0);
	s.len -= 8;
	CHECK_EQ(state_load(&table, &b, &s, 1, &err), 0);
	CHECK_EQ(b.newer, 77);
	state_buf_free(&s);
}

TEST(state_hostile_streams_are_refused)
{
	u8 m1[16], m2[16];
	struct thing a, b = { .buf = m2 };
	struct state_buf s = { 0 };
	struct err err = ERR_INIT;
	size_t full, cut;

	fill(&a, m1);
	CHECK_EQ(state_save(&table, &a, &s), 0);
	full = s.len;
	for (cut = 0; cut < full; cut++) {
		s.len = cut;
		s.pos = 0;
		s.failed = false;
		err_clear(&err);
		CHECK_EQ(state_load(&table, &b, &s, 2, &err), -EINVAL);
	}
	s.len = full;
	s.pos = 0;
	s.failed = false;
	s.data[19] = 17;	/* length of the buffer: one more than fits */
	err_clear(&err);
	CHECK_EQ(state_load(&table, &b, &s, 2, &err), -EINVAL);
	err_clear(&err);
	CHECK_EQ(state_load(&table, &b, &s, 3, &err), -EINVAL);
	state_buf_free(&s);
}
