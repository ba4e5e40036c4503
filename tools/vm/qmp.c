// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP server: greeting, capability negotiation, commands by registry, events
 * (QEMU's docs/interop/qmp-spec). Events may come from any thread; they are
 * queued and sent by the main thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "qmp.h"
#include "str.h"
#include "qmp-util.h"

#define MESSAGE_MAX (16 * MiB)

struct qmp {
	struct vm *vm;
	struct char_fe fe;
	struct qmp *next;
	struct strbuf text;
	struct json_stream stream;
	bool negotiated, oob;
};

struct event {
	struct vm *vm;
	char *name, *data;
	struct timespec when;
};

static void send_text(struct qmp *q, struct strbuf *out)
{
	strbuf_puts(out, "\r\n");
	log_item(LOG_QMP, "qmp: -> %s", out->s);
	if (strbuf_failed(out) == 0)
		chardev_write_all(&q->fe, out->s, out->len);
}

static void greet(struct qmp *q)
{
	struct strbuf out = STRBUF_INIT;

	strbuf_puts(&out, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 10}, "
			  "\"package\": \"vmbox\"}, \"capabilities\": []}}");
	send_text(q, &out);
	strbuf_free(&out);
}

static void reply(struct qmp *q, struct json *ret, const struct json *id)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w;

	json_writer_init(&w, &out, JSON_COMPACT);
	json_w_object(&w, NULL);
	if (ret) {
		json_w_tree(&w, "return", ret);
	} else {
		json_w_object(&w, "return");
		json_w_end(&w);
	}
	if (id)
		json_w_tree(&w, "id", id);
	json_w_end(&w);
	send_text(q, &out);
	strbuf_free(&out);
}

static void reply_error(struct qmp *q, const char *cls, const char *desc, const struct json *id)
{
	struct strbuf out = STRBUF_INIT;
	struct json_writer w;

	json_writer_init(&w, &out, JSON_COMPACT);
	json_w_object(&w, NULL);
	json_w_object(&w, "error");
	json_w_str(&w, "class", cls);
	json_w_str(&w, "desc", desc);
	json_w_end(&w);
	if (id)
		json_w_tree(&w, "id", id);
	json_w_end(&w);
	send_text(q, &out);
	strbuf_free(&out);
}

static const struct qmp_command *find(const char *name)
{
	const struct qmp_command *c;

	REGISTRY_FOREACH(qmp_command, c)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

/* 0: it was done. */
static int call(struct qmp *q, const struct qmp_command *cmd, struct json *args, const struct json *id)
{
	struct qmp_call c = { .m = q->vm->m, .vm = q->vm };
	int ret = -ENOMEM;

	c.args = qopts_from_json(cmd->name, args ? args : json_new(JSON_OBJECT), &c.err);
	if (c.args) {
		ret = qmp_check_args(cmd->name, c.args->obj, &c.err);
		if (ret == 0)
			ret = cmd->fn(&c);
		if (ret == 0)
			ret = qopts_done(c.args, &c.err);
		qopts_free(c.args);
	}
	if (ret < 0)
		reply_error(q, c.err_class ? c.err_class : "GenericError", c.err.msg, id);
	else
		reply(q, c.ret, id);
	json_free(c.ret);
	return ret;
}

static void handle(struct qmp *q, struct json *msg)
{
	const struct json *id = json_get(msg, "id");
	const char *name = json_to_str(json_get(msg, "execute"));
	const struct qmp_command *cmd;
	struct json *args;
	char text[128];
	size_t i;

	if (msg->type != JSON_OBJECT) {
		reply_error(q, "GenericError", "QMP input must be a JSON object", NULL);
		return;
	}
	for (i = 0; i < msg->obj.n; i++) {
		const char *key = msg->obj.v[i].key;

		if (!str_eq(key, "execute") && !str_eq(key, "arguments") && !str_eq(key, "id")) {
			snprintf(text, sizeof(text), "QMP input member '%.60s' is unexpected", key);
			reply_error(q, "GenericError", text, id);
			return;
		}
	}
	if (!name) {
		reply_error(q, "GenericError", json_get(msg, "execute") ? "QMP input member 'execute' must be a string"
									: "QMP input lacks member 'execute'", id);
		return;
	}
	if (json_get(msg, "arguments") && json_get(msg, "arguments")->type != JSON_OBJECT) {
		reply_error(q, "GenericError", "QMP input member 'arguments' must be an object", id);
		return;
	}
	if (!q->negotiated && !str_eq(name, "qmp_capabilities")) {
		snprintf(text, sizeof(text), "Expecting capabilities negotiation with 'qmp_capabilities'");
		reply_error(q, "CommandNotFound", text, id);
		return;
	}
	cmd = find(name);
	if (!cmd || (q->negotiated && str_eq(name, "qmp_capabilities"))) {
		snprintf(text, sizeof(text), cmd ? "Capabilities negotiation is already complete, command ignored"
						 : "The command %.80s has not been found", name);
		reply_error(q, "CommandNotFound", text, id);
		return;
	}
	args = json_take(msg, "arguments");
	if (call(q, cmd, args, id) == 0 && str_eq(name, "qmp_capabilities"))
		q->negotiated = true;
}

static void handle_text(struct qmp *q)
{
	struct json_limits lim = { .max_depth = 64, .max_bytes = MESSAGE_MAX, .flags = JSON_SINGLE_QUOTES };
	struct err err = ERR_INIT;
	struct json *msg = json_parse(q->text.s, q->text.len, &lim, &err);
	char text[600];

	log_item(LOG_QMP, "qmp: <- %s", q->text.s);
	if (!msg) {
		snprintf(text, sizeof(text), "JSON parse error, %s", err.msg);
		reply_error(q, "GenericError", text, NULL);
		return;
	}
	handle(q, msg);
	json_free(msg);
}

static unsigned qmp_can_read(void *opaque)
{
	(void)opaque;
	return 4096;
}

static void qmp_read(void *opaque, const u8 *buf, unsigned len)
{
	struct qmp *q = opaque;
	size_t used;

	while (len) {
		int ret = json_stream_feed(&q->stream, (const char *)buf, len, &used);

		buf += used;
		len -= (unsigned)used;
		if (ret > 0) {
			handle_text(q);
			json_stream_next(&q->stream);
		} else if (ret < 0) {
			reply_error(q, "GenericError", "JSON parse error, invalid or too long input", NULL);
		}
	}
}

static void qmp_event(void *opaque, enum char_event ev)
{
	struct qmp *q = opaque;

	if (ev == CHAR_OPENED) {
		json_stream_init(&q->stream, &q->text, MESSAGE_MAX, JSON_SINGLE_QUOTES);
		q->negotiated = false;
		greet(q);
	}
}

int qmp_start(struct vm *vm, struct chardev *chr, struct err *err)
{
	struct qmp *q = mem_zalloc(sizeof(*q));

	if (!q)
		return err_set(err, ENOMEM, "out of memory");
	q->vm = vm;
	strbuf_init(&q->text);
	json_stream_init(&q->stream, &q->text, MESSAGE_MAX, JSON_SINGLE_QUOTES);
	q->fe = (struct char_fe){ .label = "qmp", .can_read = qmp_can_read, .read = qmp_read, .event = qmp_event, .opaque = q };
	if (chardev_attach(chr, &q->fe, err) < 0) {
		mem_free(q);
		return -err->code;
	}
	q->next = vm->qmps;
	vm->qmps = q;
	/* Without a peer this goes nowhere; a peer that is there already gets its greeting. */
	greet(q);
	return 0;
}

void qmp_stop_all(struct vm *vm)
{
	while (vm->qmps) {
		struct qmp *q = vm->qmps;

		vm->qmps = q->next;
		chardev_detach(&q->fe);
		strbuf_free(&q->text);
		mem_free(q);
	}
}

/* ---- events ---- */

static void send_event(void *arg)
{
	struct event *ev = arg;
	struct strbuf out;
	struct qmp *q;

	for (q = ev->vm->qmps; q; q = q->next) {
		if (!q->negotiated)
			continue;
		strbuf_init(&out);
		strbuf_printf(&out, "{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %ld}, \"event\": \"%s\"",
			      (long long)ev->when.tv_sec, ev->when.tv_nsec / 1000, ev->name);
		if (ev->data)
			strbuf_printf(&out, ", \"data\": %s", ev->data);
		strbuf_putc(&out, '}');
		send_text(q, &out);
		strbuf_free(&out);
	}
	mem_free(ev->name);
	mem_free(ev->data);
	mem_free(ev);
}

void vm_event(struct vm *vm, const char *name, const char *data_json)
{
	struct event *ev;

	if (!vm->qmps)
		return;
	ev = mem_zalloc(sizeof(*ev));
	if (!ev)
		return;
	ev->vm = vm;
	ev->name = str_dup(name);
	ev->data = data_json ? str_dup(data_json) : NULL;
	clock_gettime(CLOCK_REALTIME, &ev->when);
	if (!ev->name || (data_json && !ev->data)) {
		mem_free(ev->name);
		mem_free(ev->data);
		mem_free(ev);
		return;
	}
	if (loop_is_current(vm->loop))
		send_event(ev);
	else if (loop_post(vm->loop, send_event, ev, "event", "qmp") < 0)
		mem_free(ev);
}
