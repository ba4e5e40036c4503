// SPDX-License-Identifier: GPL-2.0-or-later
/* Command lines: the input's lines are the words. Nothing may crash, and errors have a text. */
#include <stdlib.h>
#include <string.h>
#include "option.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct args {
	bool flag, direct;
	unsigned count;
	const char *str, *file;
	s64 i;
	u64 u, size;
	int choice;
	struct opt_list list;
};
#define A struct args

static const char *const choices[] = { "one", "two", NULL };

static int refuse_x(void *args, const struct opt *o, const char *arg, struct err *err)
{
	(void)args;
	(void)o;
	return arg && arg[0] == 'x' ? err_set(err, 22, "no x") : 0;
}

static const struct opt opts[] = {
	OPT_FLAG('q', "quiet", A, flag, "q"), OPT_COUNT('v', "verbose", A, count, "v"),
	OPT_BOOL('D', "direct", "BOOL", A, direct, "d", .flags = OPT_OPTARG), OPT_STR('s', "string", "S", A, str, "s", .flags = OPT_ONCE),
	OPT_INT('i', "int", "N", A, i, "i", .i = { -9, 9 }), OPT_UINT('u', "uint", "N", A, u, "u"),
	OPT_SIZE('z', "size", "SIZE", A, size, "z"), OPT_CHOICE('c', "choice", "C", A, choice, choices, "c"),
	OPT_LIST('l', "list", "L", A, list, "l"), OPT_CALL('x', "call", "X", refuse_x, "x"),
	KEYVAL_SIZE("bs", "BYTES", A, size, "bs"), KEYVAL_LIST("conv", "CONV", A, list, "conv"),
	OPERAND("FILE", A, file, "file"), OPERAND_REST("MORE", A, list, "more"), OPT_END
};
static const struct opt_cmd sub = { .name = "sub", .summary = "sub" };
static const struct opt_cmd *const subs[] = { &sub, NULL };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct opt_cmd cmd = { .name = "x", .summary = "x", .opts = opts, .args_size = sizeof(A) };
	char text[1024], *argv[66] = { (char *)"x" };
	struct err err = ERR_INIT;
	int argc = 1, rest, ret;
	A args;

	if (!size || size >= sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	cmd.flags = data[0] & (OPT_CMD_QEMU | OPT_CMD_NO_PERMUTE);
	cmd.subs = data[0] & 128 ? subs : NULL;
	for (char *word = strtok(text, "\n"); word && argc < 64; word = strtok(NULL, "\n"))
		argv[argc++] = word;
	ret = opt_parse(&cmd, argc, argv, &args, &rest, &err);
	if (ret < 0 && (!err.code || !err.msg[0]))
		abort();
	if (ret == OPT_SUB && (rest < 1 || rest >= argc || !opt_find_sub(&cmd, argv[rest])))
		abort();
	opt_free(&cmd, &args);
	return 0;
}
