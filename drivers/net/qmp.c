// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP: netdev_add, netdev_del, set_link.
 */
#include <errno.h>
#include "dev/machine.h"
#include "dev/net.h"
#include "qmp.h"
#include "str.h"

static int qmp_netdev_add(struct qmp_call *c)
{
	return netdev_add_opts(machine_service(c->m, "netdevs"), c->args, &c->err);
}

static const struct qmp_command netdev_add_cmd = { "netdev_add", qmp_netdev_add, false };
REGISTER(qmp_command, netdev_add_cmd);

static int qmp_netdev_del(struct qmp_call *c)
{
	const char *id = NULL;

	if (qopts_require(c->args, "id", &c->err) < 0 || qopts_str(c->args, "id", &id, &c->err) < 0)
		return -c->err.code;
	return netdev_del(machine_service(c->m, "netdevs"), id, &c->err);
}

static const struct qmp_command netdev_del_cmd = { "netdev_del", qmp_netdev_del, false };
REGISTER(qmp_command, netdev_del_cmd);

static int qmp_set_link(struct qmp_call *c)
{
	const char *name = NULL;
	bool up = false;

	if (qopts_require(c->args, "name", &c->err) < 0 || qopts_require(c->args, "up", &c->err) < 0)
		return -c->err.code;
	qopts_str(c->args, "name", &name, &c->err);
	qopts_bool(c->args, "up", &up, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (netdev_set_link(machine_service(c->m, "netdevs"), name, up) < 0) {
		c->err_class = "DeviceNotFound";
		return err_set(&c->err, ENOENT, "Device '%s' not found", name);
	}
	return 0;
}

static const struct qmp_command set_link_cmd = { "set_link", qmp_set_link, false };
REGISTER(qmp_command, set_link_cmd);
