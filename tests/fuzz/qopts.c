// SPDX-License-Identifier: GPL-2.0-or-later
/* Option text: any text ends in a tree or an error; trees print as text that reads back as the same tree. */
#include <stdlib.h>
#include <string.h>
#include "qopts.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const char *const names[] = { "red", "green", NULL };

static void read_all(struct qopts *q)
{
	struct err err = ERR_INIT;
	const char *s;
	struct qopts *sub;
	bool b;
	u64 u;
	s64 i;
	int e;

	qopts_str(q, "a", &s, &err);
	qopts_bool(q, "b", &b, &err);
	qopts_size(q, "c", &u, &err);
	qopts_u64(q, "d.0", 0, 9, &u, &err);
	qopts_s64(q, "d.1.x", -9, 9, &i, &err);
	qopts_enum(q, "e", names, &e, &err);
	if (qopts_sub(q, "f", &sub, &err) == 1)
		qopts_str(sub, "a", &s, &err);
	qopts_count(q, "d");
	qopts_done(q, &err);
}

static void print_back(const struct json *j)
{
	struct strbuf out = STRBUF_INIT;
	struct json *again;

	keyval_print(j, &out);
	again = keyval_parse(out.s, NULL, NULL);
	if (!again || !json_equal(again, j))
		abort();
	json_free(again);
	strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char text[4096];
	struct qopts *q;
	struct json *j;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	q = qopts_parse("-x", text, size % 2 ? "a" : NULL, NULL);
	if (q)
		read_all(q);
	qopts_free(q);
	j = keyval_parse(text, NULL, NULL);
	if (j)
		print_back(j);
	json_free(j);
	return 0;
}
