// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -global: the user's defaults of properties, for the board's devices too.
 * device_new() applies them; a list that the machine points to is made here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "log.h"
#include "mem.h"
#include "qopts.h"
#include "vm.h"

static int fill(struct device_global *g, const char *text, const char *driver, size_t driver_len, const char *prop, size_t prop_len,
		const char *value, struct err *err)
{
	if (!driver_len || !prop_len || driver_len >= sizeof(g->driver) || prop_len >= sizeof(g->prop))
		return err_set(err, EINVAL, "-global %s: expected DEVICE.PROPERTY=VALUE", text);
	memcpy(g->driver, driver, driver_len);
	memcpy(g->prop, prop, prop_len);
	g->value = str_dup(value);
	return g->value ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* driver=X,property=Y,value=Z: for names with a dot in them. */
static int parse_long(struct device_global *g, const char *text, struct err *err)
{
	const char *driver = NULL, *prop = NULL, *value = NULL;
	struct qopts *q = qopts_parse("-global", text, NULL, err);

	if (!q)
		return -err->code;
	qopts_str(q, "driver", &driver, err);
	qopts_str(q, "property", &prop, err);
	qopts_str(q, "value", &value, err);
	if (qopts_done(q, err) == 0) {
		if (!driver || !prop || !value)
			err_set(err, EINVAL, "-global %s: options 'driver', 'property' and 'value' are required", text);
		else
			fill(g, text, driver, strlen(driver), prop, strlen(prop), value, err);
	}
	qopts_free(q);
	return -err->code;
}

static int parse_one(struct device_global *g, const char *text, struct err *err)
{
	size_t driver = strcspn(text, ".="), prop;

	if (text[driver] != '.')
		return strchr(text, '=') ? parse_long(g, text, err) : fill(g, text, "", 0, "", 0, "", err);
	prop = strcspn(text + driver + 1, "=");
	if (!text[driver + 1 + prop])
		return fill(g, text, "", 0, "", 0, "", err);
	return fill(g, text, text, driver, text + driver + 1, prop, text + driver + 1 + prop + 1, err);
}

int vm_parse_globals(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->global;
	struct device_global **end = &vm->cfg.globals;
	size_t i;

	for (i = 0; i < list->n; i++, end = &(*end)->next) {
		*end = mem_zalloc(sizeof(**end));
		if (!*end)
			return err_set(err, ENOMEM, "out of memory");
		if (parse_one(*end, list->v[i].val, err) < 0)
			return -err->code;
	}
	return 0;
}

void vm_check_globals(const struct vm *vm)
{
	const struct device_global *g;

	for (g = vm->cfg.globals; g; g = g->next) {
		const struct device_class *c = device_class_find(g->driver);

		if (!c)
			log_warn("global %s.%s has invalid class name", g->driver, g->prop);
		else if (!g->used && !c->hotplug)
			log_warn("global %s.%s=%s not used", g->driver, g->prop, g->value);
	}
}

void vm_free_globals(struct vm *vm)
{
	struct device_global *g, *next;

	for (g = vm->cfg.globals; g; g = next) {
		next = g->next;
		mem_free((char *)g->value);
		mem_free(g);
	}
	vm->cfg.globals = NULL;
}
