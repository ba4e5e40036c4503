// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyboard and mouse by hand: the monitor's sendkey, mouse_move and
 * mouse_button, and QMP's send-key.
 */
#include <errno.h>
#include <stdlib.h>
#include "dev/input.h"
#include "hmp.h"
#include "qmp.h"

void hmp_sendkey(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc < 2)
		strbuf_puts(c->out, "usage: sendkey KEY[-KEY...]\n");
	else if (input_send_keys(c->vm->m, c->argv[1], &err) < 0)
		strbuf_printf(c->out, "%s\n", err.msg);
}

static int number(const struct hmp_call *c, unsigned n)
{
	return c->argc > n ? (int)strtol(c->argv[n], NULL, 0) : 0;
}

void hmp_mouse_move(struct hmp_call *c)
{
	if (c->argc < 3)
		strbuf_puts(c->out, "usage: mouse_move DX DY [DZ]\n");
	else
		input_mouse(c->vm->m, number(c, 1), number(c, 2), number(c, 3), c->vm->mouse_buttons);
}

/* Bits as QEMU's: 1 left, 2 middle, 4 right. */
void hmp_mouse_button(struct hmp_call *c)
{
	int v = number(c, 1);

	c->vm->mouse_buttons = (v & 1) | (v & 2 ? 4U : 0) | (v & 4 ? 2U : 0);
	input_mouse(c->vm->m, 0, 0, 0, c->vm->mouse_buttons);
}

/* {"type": "qcode", "data": "ret"} or {"type": "number", "data": 28} as part of a text for input_send_keys(). */
static int key_text(const struct json *v, struct strbuf *out)
{
	const struct json *type = json_get(v, "type"), *data = json_get(v, "data");

	if (!type || !data || type->type != JSON_STRING)
		return -EINVAL;
	if (out->len)
		strbuf_putc(out, '-');
	if (data->type == JSON_STRING)
		strbuf_puts(out, data->str.s);
	else if (data->type == JSON_INT)
		strbuf_printf(out, "0x%llx", (u64)data->i & 0xffff);
	else
		return -EINVAL;
	return 0;
}

static int send_key(struct qmp_call *c)
{
	const struct json *keys = qopts_json(c->args, "keys");
	struct strbuf text = STRBUF_INIT;
	u64 hold = 0;
	size_t i;
	int ret = 0;

	qopts_u64(c->args, "hold-time", 0, 60000, &hold, &c->err);	/* releases at once: no guest needs the pause */
	if (!keys || keys->type != JSON_ARRAY)
		return err_set(&c->err, EINVAL, "Parameter 'keys' is missing");
	for (i = 0; i < keys->arr.n && ret == 0; i++)
		ret = key_text(keys->arr.v[i], &text);
	if (ret < 0)
		err_set(&c->err, EINVAL, "Parameter 'keys' expects key values");
	else if (text.len)
		ret = input_send_keys(c->m, text.s, &c->err);
	strbuf_free(&text);
	return ret;
}

static const struct qmp_command send_key_cmd = { .name = "send-key", .fn = send_key };
REGISTER(qmp_command, send_key_cmd);
