// SPDX-License-Identifier: GPL-2.0-or-later
/* The JSON reader: what it accepts prints, and reads back as the same tree; the stream finds the same end. */
#include <stdlib.h>
#include "json.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void round_trip(const struct json *j, unsigned style)
{
	struct strbuf out = STRBUF_INIT;
	struct json_limits lim = { .max_depth = 64 };
	struct json *again;

	if (json_print(j, style, &out))
		abort();
	again = json_parse(out.s, out.len, &lim, NULL);
	if (!again || !json_equal(j, again))
		abort();
	json_free(again);
	strbuf_free(&out);
}

/* A value that stands alone must come out of the stream whole. */
static void stream(const u8 *data, size_t size)
{
	struct strbuf text = STRBUF_INIT;
	struct json_stream s;
	size_t used = 0, at = 0, step = 1;
	int ret = 0;

	json_stream_init(&s, &text, 0, 0);
	for (; at < size && ret <= 0; at += used, step = step * 3 % 7 + 1)
		ret = json_stream_feed(&s, (const char *)data + at, step < size - at ? step : size - at, &used);
	if (ret <= 0 && json_stream_end(&s) != 1)
		abort();
	strbuf_free(&text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct json_limits lim = { .max_depth = 60, .flags = size && data[0] & 1 ? JSON_SINGLE_QUOTES : 0 };
	struct err err = ERR_INIT;
	struct json *j = json_parse((const char *)data, size, &lim, &err), *copy;

	if (!j) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	round_trip(j, JSON_COMPACT);
	round_trip(j, JSON_PRETTY);
	round_trip(j, JSON_DENSE | JSON_UTF8);
	copy = json_clone(j);
	if (!copy || !json_equal(copy, j))
		abort();
	json_free(copy);
	json_free(j);
	if (!lim.flags)
		stream(data, size);
	return 0;
}
