// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP's qom-get for devices: their properties, and what a class gives besides
 * (device_class.get).
 */
#include <errno.h>
#include "dev/device.h"
#include "dev/machine.h"
#include "json.h"
#include "qmp.h"
#include "str.h"

/* A property's text as the JSON value of its type. */
static struct json *prop_value(struct device *dev, const struct prop *p)
{
	const char *type = device_prop_type_name(p);
	struct err err = ERR_INIT;
	char buf[256];

	device_prop_get(dev, p, buf, sizeof(buf));
	if (p->type == PROP_T_DEVFN)
		return json_new_int(*(const s32 *)((const u8 *)dev + p->offset));
	/* Numbers, booleans and quoted texts are JSON already. */
	return str_eq(type, "OnOffAuto") || buf[0] == '"' ? json_new_strn(buf + 1, __builtin_strlen(buf) - 2)
							 : json_parse(buf, __builtin_strlen(buf), NULL, &err);
}

static int qmp_qom_get(struct qmp_call *c)
{
	const char *path = NULL, *name = NULL;
	const struct prop *p;
	struct device *dev;

	if (qopts_require(c->args, "path", &c->err) < 0 || qopts_require(c->args, "property", &c->err) < 0)
		return -c->err.code;
	qopts_str(c->args, "path", &path, &c->err);
	qopts_str(c->args, "property", &name, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	dev = device_find(c->m, path);
	if (!dev) {
		c->err_class = "DeviceNotFound";
		return err_set(&c->err, ENOENT, "Device '%s' not found", path);
	}
	p = device_prop_find(dev->cls, name);
	c->ret = p ? prop_value(dev, p) : dev->cls->get ? dev->cls->get(dev, name) : NULL;
	return c->ret ? 0 : err_set(&c->err, ENOENT, "Property '%s.%s' not found", dev->cls->name, name);
}

static const struct qmp_command qom_get_cmd = { "qom-get", qmp_qom_get, false };
REGISTER(qmp_command, qom_get_cmd);
