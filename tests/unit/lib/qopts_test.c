// SPDX-License-Identifier: GPL-2.0-or-later
/* Option text: the key=value parser, typed reads, and the refusal of what nobody asked for. */
#include <errno.h>
#include "fault.h"
#include "qopts.h"
#include "str.h"
#include "test.h"

/* The tree of key=value text as dense JSON, or the error's text. */
static const char *tree(const char *text, const char *implied)
{
	static struct strbuf out = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct json *j = keyval_parse(text, implied, &err);

	strbuf_reset(&out);
	if (j)
		json_print(j, JSON_DENSE, &out);
	else
		strbuf_puts(&out, err.msg);
	json_free(j);
	return out.s;
}

TEST(keyval_forms)
{
	CHECK_STR_EQ(tree("", NULL), "{}");
	CHECK_STR_EQ(tree("a=b,c=d", NULL), "{\"a\":\"b\",\"c\":\"d\"}");
	CHECK_STR_EQ(tree("a=b,a=c", NULL), "{\"a\":\"c\"}");
	CHECK_STR_EQ(tree("f=x,,y,,,g=,h=a=b", NULL), "{\"f\":\"x,y,\",\"g\":\"\",\"h\":\"a=b\"}");
	CHECK_STR_EQ(tree("a=b,", NULL), "{\"a\":\"b\"}");
	CHECK_STR_EQ(tree("ro,nocache", NULL), "{\"ro\":\"on\",\"nocache\":\"on\"}");
	CHECK_STR_EQ(tree("a.b.c=1,a.d=2", NULL), "{\"a\":{\"b\":{\"c\":\"1\"},\"d\":\"2\"}}");
	CHECK_STR_EQ(tree("x.1=b,x.0=a,x.2.y=c", NULL), "{\"x\":[\"a\",\"b\",{\"y\":\"c\"}]}");
}

TEST(keyval_implied_key)
{
	CHECK_STR_EQ(tree("disk.img,if=virtio", "file"), "{\"file\":\"disk.img\",\"if\":\"virtio\"}");
	CHECK_STR_EQ(tree("a,,b.img,ro", "file"), "{\"file\":\"a,b.img\",\"ro\":\"on\"}");
	CHECK_STR_EQ(tree("if=virtio,disk", "file"), "{\"if\":\"virtio\",\"disk\":\"on\"}");
}

TEST(keyval_refuses)
{
	CHECK_STR_EQ(tree("=x", NULL), "there is no key before '=' or ','");
	CHECK_STR_EQ(tree(",a=1", NULL), "there is no key before '=' or ','");
	CHECK_STR_EQ(tree("a..b=1", NULL), "'a..b': bad key");
	CHECK_STR_EQ(tree(".a=1", NULL), "'.a': bad key");
	CHECK_STR_EQ(tree("a.=1", NULL), "'a.': bad key");
	CHECK_STR_EQ(tree("a=1,a.b=2", NULL), "'a.b': 'a' has a plain value already");
	CHECK_STR_EQ(tree("a.b=2,a=1", NULL), "'a' has keys below it already");
	CHECK_STR_EQ(tree("a.0=x,a.2=y", NULL), "'a.2': elements before it are missing");
	CHECK_STR_EQ(tree("a.0=x,a.b=y", NULL), "'a.' has both numbered elements and named keys");
	CHECK_STR_EQ(tree("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r=1", NULL), "'a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r': bad key");
}

TEST(keyval_print_reads_back)
{
	const char *text = "a=x,,y,b.c=1,b.l.0=p,b.l.1=q";
	struct json *j = keyval_parse(text, NULL, NULL);
	struct strbuf out = STRBUF_INIT;

	keyval_print(j, &out);
	CHECK_STR_EQ(out.s, text);
	strbuf_free(&out);
	json_free(j);
}

static const char *const colours[] = { "red", "green", NULL };

/* All reads that a driver would make, on any of the equal forms. */
static void check_reads(const char *text)
{
	struct err err = ERR_INIT;
	struct qopts *q = qopts_parse("-thing", text, NULL, &err), *sub = NULL;
	const char *name = NULL;
	u64 size = 0, n = 0;
	s64 delta = 0;
	u32 port = 0;
	bool ro = false, cache = true;
	int colour = -1;

	CHECK(q != NULL);
	CHECK_EQ(qopts_str(q, "name", &name, &err), 1);
	CHECK_STR_EQ(name, "x,y");
	CHECK_EQ(qopts_size(q, "size", &size, &err), 1);
	CHECK_EQ(size, 1572864);
	CHECK_EQ(qopts_s64(q, "delta", -10, 10, &delta, &err), 1);
	CHECK_EQ(delta, -3);
	CHECK_EQ(qopts_bool(q, "ro", &ro, &err), 1);
	CHECK(ro);
	CHECK_EQ(qopts_bool(q, "cache", &cache, &err), 1);
	CHECK(!cache);
	CHECK_EQ(qopts_enum(q, "colour", colours, &colour, &err), 1);
	CHECK_EQ(colour, 1);
	CHECK_EQ(qopts_sub(q, "srv", &sub, &err), 1);
	CHECK_EQ(qopts_u32(sub, "port", 1, 65535, &port, &err), 1);
	CHECK_EQ(port, 10809);
	CHECK_EQ(qopts_count(q, "list"), 2);
	CHECK_EQ(qopts_u64(q, "list.1", 0, 9, &n, &err), 1);
	CHECK_EQ(n, 7);
	CHECK_EQ(qopts_u64(q, "absent", 0, 9, &n, &err), 0);
	CHECK_EQ(n, 7);
	CHECK(qopts_done(q, &err) < 0);		/* list.0 was not read */
	CHECK_STR_EQ(err.msg, "-thing: unknown key 'list.0', did you mean 'list.1'?");
	err_clear(&err);
	CHECK_EQ(qopts_u64(q, "list.0", 0, 9, &n, &err), 1);
	CHECK_EQ(qopts_done(q, &err), 0);
	qopts_free(q);
}

TEST(qopts_reads_every_form)
{
	check_reads("name=x,,y,size=1.5M,delta=-3,ro,nocache,colour=green,srv.port=10809,list.0=6,list.1=7");
	check_reads("name=x,,y,size=1572864,delta=-3,ro=yes,cache=off,colour=green,srv.port=0x2a39,list.0=6,list.1=7");
	check_reads("{\"name\":\"x,y\",\"size\":1572864,\"delta\":-3,\"ro\":true,\"cache\":false,\"colour\":\"green\","
		    "\"srv\":{\"port\":10809},\"list\":[6,7]}");
	check_reads("json:{'name':'x,y','size':'1.5M','delta':'-3','ro':'on','cache':'off','colour':'green',"
		    "'srv.port':'10809','list':['6','7']}");
}

static const char *message_of(const char *text, int (*reader)(struct qopts *q, struct err *err))
{
	static struct err err;
	struct qopts *q;

	err_clear(&err);
	q = qopts_parse("-drive", text, "file", &err);
	if (q) {
		reader(q, &err);
		qopts_done(q, &err);
	}
	qopts_free(q);
	return err.msg;
}

static int reader(struct qopts *q, struct err *err)
{
	const char *file;
	bool ro;
	u64 size, n;
	int colour;
	struct qopts *sub;

	qopts_str(q, "file", &file, err);
	qopts_bool(q, "readonly", &ro, err);
	qopts_size(q, "size", &size, err);
	qopts_u64(q, "iops", 1, 100, &n, err);
	qopts_enum(q, "colour", colours, &colour, err);
	if (qopts_sub(q, "backing", &sub, err) == 1) {
		qopts_require(sub, "driver", err);
		qopts_str(sub, "driver", &file, err);
	}
	return 0;
}

TEST(qopts_messages)
{
	CHECK_STR_EQ(message_of("x.img", reader), "");
	CHECK_STR_EQ(message_of("fiel=x", reader), "-drive: unknown key 'fiel', did you mean 'file'?");
	CHECK_STR_EQ(message_of("x,reodonly", reader), "-drive: unknown key 'reodonly', did you mean 'readonly'?");
	CHECK_STR_EQ(message_of("x,zzzz=1", reader), "-drive: unknown key 'zzzz'");
	CHECK_STR_EQ(message_of("x,readonly=maybe", reader), "-drive: 'readonly=maybe': expected on or off");
	CHECK_STR_EQ(message_of("x,size=12x", reader), "-drive: 'size=12x': expected a size such as 512, 64k or 1.5G");
	CHECK_STR_EQ(message_of("x,size=17E", reader), "-drive: 'size=17E' is too large");
	CHECK_STR_EQ(message_of("x,iops=0", reader), "-drive: 'iops' must be in 1..100");
	CHECK_STR_EQ(message_of("x,iops=ten", reader), "-drive: 'iops=ten': expected a number");
	CHECK_STR_EQ(message_of("x,colour=gren", reader), "-drive: 'colour=gren': expected one of red, green");
	CHECK_STR_EQ(message_of("x,backing=y", reader), "-drive: 'backing=y': expected an object (keys below it)");
	CHECK_STR_EQ(message_of("x,backing.file=y", reader), "-drive: 'backing.driver' is required");
	CHECK_STR_EQ(message_of("x,backing.driver=y,backing.drive=z", reader),
		     "-drive: unknown key 'backing.drive', did you mean 'backing.driver'?");
	CHECK_STR_EQ(message_of("{\"file\": [1]}", reader), "-drive: 'file': expected text, not an array");
	CHECK_STR_EQ(message_of("{\"file\": 1", reader), "-drive: line 1, column 11: expected ',' or '}'");
	CHECK_STR_EQ(message_of("json:[]", reader), "-drive: expected a JSON object");
}

TEST(qopts_id_takes_identifiers_only)
{
	static const struct { const char *text; int want; } cases[] = {
		{ "id=a", 1 }, { "id=a1-b.c_D", 1 }, { "id=Z", 1 }, { "id=1a", -EINVAL }, { "id=_a", -EINVAL }, { "id=a/b", -EINVAL },
		{ "id=", -EINVAL }, { "id=a b", -EINVAL }, { "x=1", 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		struct qopts *q = qopts_parse("-x", cases[i].text, NULL, &err);
		const char *id = NULL;

		CHECK_EQ(qopts_id(q, "id", &id, &err), cases[i].want);
		CHECK_EQ(id != NULL, cases[i].want == 1);
		qopts_free(q);
	}
}

#if IS_ENABLED(CONFIG_FAULT_INJECTION)
TEST(qopts_survives_each_failed_allocation)
{
	unsigned failures = 0;

	FAULT_FOREACH(FAULT_ALLOC, n) {
		struct err err = ERR_INIT;
		struct qopts *q = qopts_parse("-x", "a,,b,c.d=1,c.e.0=2,c.e.1=3", "file", &err), *sub;
		u64 v = 0;

		if (q && qopts_sub(q, "c", &sub, &err) == 1 && qopts_u64(sub, "e.1", 0, 9, &v, &err) == 1)
			CHECK_EQ(v, 3);
		if (err.code) {
			CHECK_EQ(err.code, ENOMEM);
			failures++;
		}
		qopts_free(q);
	}
	CHECK_LT(10, failures);
}
#endif
