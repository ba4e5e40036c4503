// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configurations of Jailhouse: any bytes end in a configuration or an error;
 * what is read can be checked, shown, written as the same bytes but for those
 * without a meaning, and read back from JSON. The first byte chooses what the rest is.
 * requires: CONFIG_TOOL_CELLGEN
 */
#include <stdlib.h>
#include <string.h>
#include "mem.h"
#include "str.h"
#include "tools/cellgen/layout.h"
#include "tools/cellgen/validate.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void validate(const struct jh_config *sys, const struct jh_config *cell)
{
	const struct jh_config *set[3] = { sys, cell, cell };
	struct vctx v = { .cells = set, .n_cells = cell ? 3 : 1 };

	jh_validate(&v);
	mem_free(v.found);
}

static void same_bytes(const struct jh_config *c, const u8 *data, size_t size)
{
	size_t len;
	u8 *out;

	if (jh_write(c, &out, &len, NULL))
		return;
	if (len != size || (!(c->odd & JH_ODD_PADDING) && memcmp(out, data, len)))
		abort();
	mem_free(out);
}

static void by_json(const struct jh_config *c)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;
	struct jh_config again;

	if (!jh_write_json(c, &a) && !jh_read_json(&again, a.s, a.len, NULL)) {
		if (!jh_write_json(&again, &b) && strcmp(a.s, b.s))
			abort();
		jh_config_free(&again);
	}
	strbuf_free(&a);
	strbuf_free(&b);
}

static void convert(const struct jh_config *c, u16 revision)
{
	struct jh_config copy;

	if (jh_config_copy(&copy, c))
		return;
	jh_convert(&copy, revision, NULL, 0, NULL);
	jh_config_free(&copy);
}

/* A system to hold a cell against. */
static int other(struct jh_config *sys, u8 arch)
{
	jh_config_init(sys);
	sys->is_system = true;
	sys->arch = arch;
	sys->path = "system";
	sys->sys.hv = (struct jh_mem){ .phys = 0x3a000000, .size = 0x600000 };
	strcpy(sys->cell.name, "root");
	for (u64 cpu = 0; cpu < 4; cpu++)
		if (jh_cpu_add(sys, cpu))
			return -1;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct strbuf text = STRBUF_INIT;
	struct jh_config c, sys;
	unsigned fault;
	int ret;

	if (!size)
		return 0;
	if (*data == 'j')
		ret = jh_read_json(&c, (const char *)data + 1, size - 1, NULL);
	else
		ret = jh_read(&c, data + 1, size - 1, *data % 4 - 1, &fault, NULL);
	if (ret)
		return 0;
	c.path = "input";
	if (*data != 'j')
		same_bytes(&c, data + 1, size - 1);
	jh_write_c(&c, NULL, &text);
	strbuf_free(&text);
	by_json(&c);
	convert(&c, 10 + *data % 6);
	if (c.is_system) {
		validate(&c, NULL);
	} else if (!other(&sys, c.arch)) {
		validate(&sys, &c);
		jh_config_free(&sys);
	}
	jh_config_free(&c);
	return 0;
}
