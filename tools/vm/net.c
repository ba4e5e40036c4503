// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev, -nic and the older -net: backends, and cards with their backend.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "hmp.h"

#define DEFAULT_CARD "virtio-net-pci"
#define DEFAULT_CARD_NO_PCI "virtio-net-device"

/* What of the text is the card's, in "key=value," pairs; the rest stays for the backend. */
struct nic {
	char model[64], id[64];
	char props[512];		/* of the card */
	char rest[1024];		/* of the backend */
};

int vm_create_netdevs(struct vm *vm, struct err *err)
{
	size_t i;

	for (i = 0; i < vm->args->netdev.n; i++)
		if (netdev_add(&vm->netdevs, vm->args->netdev.v[i].val, err) < 0)
			return -err->code;
	return 0;
}

static bool item_is(const char *item, const char *key, const char **val)
{
	const char *rest;

	if (!str_starts(item, key, &rest) || *rest != '=')
		return false;
	*val = rest + 1;
	return true;
}

static int sort_item(struct nic *n, const char *item, struct err *err)
{
	size_t p = strlen(n->props), r = strlen(n->rest);
	const char *val;

	if (item_is(item, "model", &val))
		snprintf(n->model, sizeof(n->model), "%s", val);
	else if (item_is(item, "id", &val) || item_is(item, "name", &val))
		snprintf(n->id, sizeof(n->id), "%s", val);
	else if (item_is(item, "mac", &val) || item_is(item, "macaddr", &val))
		snprintf(n->props + p, sizeof(n->props) - p, ",mac=%s", val);
	else if (item_is(item, "addr", &val) || item_is(item, "vectors", &val) || item_is(item, "netdev", &val))
		snprintf(n->props + p, sizeof(n->props) - p, ",%s", item);
	else if (r + strlen(item) + 2 >= sizeof(n->rest))
		return err_set(err, E2BIG, "-nic: too many options");
	else
		snprintf(n->rest + r, sizeof(n->rest) - r, "%s%s", r ? "," : "", item);
	return 0;
}

static int parse_nic(struct nic *n, const char *text, struct err *err)
{
	char item[512];

	*n = (struct nic){ .model = "virtio" };
	while (*text) {
		size_t len = 0;

		while (text[len] && (text[len] != ',' || text[len + 1] == ','))
			len += text[len] == ',' ? 2 : 1;
		if (len >= sizeof(item))
			return err_set(err, E2BIG, "-nic: an option is too long");
		memcpy(item, text, len);
		item[len] = '\0';
		if (len && sort_item(n, item, err) < 0)
			return -err->code;
		text += len + (text[len] != '\0');
	}
	return 0;
}

static int add_card(struct vm *vm, const struct nic *n, const char *netdev, struct err *err)
{
	const char *card = vm->microvm ? DEFAULT_CARD_NO_PCI : DEFAULT_CARD;
	const char *model = str_eq(n->model, "virtio") ? card : n->model;
	char text[768];
	struct qopts *q;
	int ret;

	if (!device_class_find(model))
		return err_set(err, ENOENT, "Unsupported NIC model: %s (%s is what there is)", model, card);
	snprintf(text, sizeof(text), "%s%s%s%s", model, netdev ? ",netdev=" : "", netdev ? netdev : "", n->props);
	q = qopts_parse("-nic", text, "driver", err);
	if (!q)
		return -err->code;
	ret = vm_device_add(vm, q, err);
	qopts_free(q);
	return ret;
}

/* -nic user,model=virtio-net-pci,mac=...: the backend and its card. */
static int add_nic(struct vm *vm, const char *text, unsigned nr, struct err *err)
{
	char spec[1200], id[80];
	struct nic n;

	if (str_eq(text, "none"))
		return 0;
	if (parse_nic(&n, text, err) < 0)
		return -err->code;
	if (n.id[0])
		snprintf(id, sizeof(id), "%s", n.id);
	else
		snprintf(id, sizeof(id), "__org.qemu.nic%u", nr);
	snprintf(spec, sizeof(spec), "%s,id=%s", n.rest[0] ? n.rest : "user", id);
	if (netdev_add(&vm->netdevs, spec, err) < 0)
		return -err->code;
	return add_card(vm, &n, id, err);
}

/* -net nic and -net user: the nth card belongs to the nth backend; there is no hub that would join more. */
static int add_old(struct vm *vm, const struct opt_list *list, struct err *err)
{
	const char *cards[8], *backends[8], *rest;
	unsigned nc = 0, nb = 0, i;

	for (i = 0; i < list->n; i++) {
		const char *s = list->v[i].val;

		if (str_eq(s, "none"))
			continue;
		if (nc == 8 || nb == 8)
			return err_set(err, E2BIG, "-net: at most 8 of a kind");
		if (str_starts(s, "nic", &rest) && (*rest == ',' || !*rest))
			cards[nc++] = *rest ? rest + 1 : rest;
		else
			backends[nb++] = s;
	}
	if (nc != nb)
		return err_set(err, ENOTSUP, "-net: there is no hub: each -net nic needs one backend (%u cards, %u backends); use -nic", nc, nb);
	for (i = 0; i < nc; i++) {
		char spec[1200], id[32];
		struct nic n;

		snprintf(id, sizeof(id), "hub0port%u", i);
		snprintf(spec, sizeof(spec), "%s,id=%s", backends[i], id);
		if (parse_nic(&n, cards[i], err) < 0 || netdev_add(&vm->netdevs, spec, err) < 0)
			return -err->code;
		if (n.rest[0])
			return err_set(err, EINVAL, "-net nic: unknown option '%s'", n.rest);
		if (add_card(vm, &n, id, err) < 0)
			return -err->code;
	}
	return 0;
}

int vm_create_nics(struct vm *vm, struct err *err)
{
	const struct vm_args *a = vm->args;
	size_t i;

	if (add_old(vm, &a->net, err) < 0)
		return err_prefix(err, "-net");
	for (i = 0; i < a->nic.n; i++)
		if (add_nic(vm, a->nic.v[i].val, (unsigned)i, err) < 0)
			return err_prefix(err, "-nic %s", a->nic.v[i].val);
	return 0;
}

bool vm_netdev_help(const struct opt_list *list)
{
	const struct netdev_kind *k;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (str_eq(list->v[i].val, "help")) {
			puts("Available netdev backend types:");
			REGISTRY_FOREACH(netdev_kind, k)
				printf("%-10s %s\n", k->name, k->help);
			return true;
		}
	return false;
}

/* ---- monitor ---- */

static void report(struct hmp_call *c, struct err *err)
{
	if (err_is_set(err))
		strbuf_printf(c->out, "Error: %s\n", err->msg);
}

void hmp_netdev_add(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: netdev_add TYPE,id=ID[,...]\n");
	else
		netdev_add(&c->vm->netdevs, c->argv[1], &err);
	report(c, &err);
}

void hmp_netdev_del(struct hmp_call *c)
{
	struct err err = ERR_INIT;

	if (c->argc != 2)
		strbuf_puts(c->out, "usage: netdev_del ID\n");
	else
		netdev_del(&c->vm->netdevs, c->argv[1], &err);
	report(c, &err);
}

void hmp_set_link(struct hmp_call *c)
{
	bool up;

	if (c->argc != 3 || str_to_bool(c->argv[2], &up) < 0)
		strbuf_puts(c->out, "usage: set_link NAME on|off\n");
	else if (netdev_set_link(&c->vm->netdevs, c->argv[1], up) < 0)
		strbuf_printf(c->out, "Error: Device '%s' not found\n", c->argv[1]);
}

/* hostfwd_add [NETDEV] RULE: without a name the first that can do it. */
void hmp_hostfwd(struct hmp_call *c)
{
	struct err err = ERR_INIT;
	struct netdev *nd = NULL;

	if (c->argc == 3) {
		nd = netdev_find(&c->vm->netdevs, c->argv[1]);
	} else if (c->argc == 2) {
		for (nd = c->vm->netdevs.first; nd && !nd->kind->command; nd = nd->next)
			;
	}
	if (c->argc < 2 || c->argc > 3)
		strbuf_printf(c->out, "usage: %s [NETDEV] RULE\n", c->argv[0]);
	else if (!nd || !nd->kind->command)
		strbuf_puts(c->out, "Error: no such user-mode network\n");
	else
		nd->kind->command(nd, c->argv[0], c->argv[c->argc - 1], c->out, &err);
	report(c, &err);
}

void hmp_info_network(struct hmp_call *c)
{
	netdev_info(&c->vm->netdevs, c->out);
}

void hmp_info_usernet(struct hmp_call *c)
{
	struct err err = ERR_INIT;
	struct netdev *nd;

	for (nd = c->vm->netdevs.first; nd; nd = nd->next)
		if (nd->kind->command)
			nd->kind->command(nd, "usernet", "", c->out, &err);
	report(c, &err);
}
