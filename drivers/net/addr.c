// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket addresses of -netdev stream, dgram and socket (see addr.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "addr.h"
#include "qopts.h"
#include "resolve.h"
#include "str.h"

static int resolve(const char *host, const char *port, struct net_addr *a, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	int ret = resolve_host(host[0] ? host : NULL, port, &hints, &list);

	if (ret)
		return err_set(err, EINVAL, "address resolution failed for %s:%s: %s", host, port, gai_strerror(ret));
	memcpy(&a->sa, list->ai_addr, list->ai_addrlen);
	a->len = list->ai_addrlen;
	freeaddrinfo(list);
	snprintf(a->text, sizeof(a->text), "tcp:%s:%s", host, port);
	return 1;
}

static int set_unix(const char *path, struct net_addr *a, struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->sa;

	if (strlen(path) >= sizeof(un->sun_path))
		return err_set(err, ENAMETOOLONG, "UNIX socket path '%s' is too long", path);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	a->len = sizeof(*un);
	snprintf(a->text, sizeof(a->text), "unix:%s", path);
	return 1;
}

static int set_fd(const char *text, struct net_addr *a, struct err *err)
{
	u64 fd;

	if (str_to_u64_range(text, 0, 1 << 20, &fd) < 0)
		return err_set(err, EINVAL, "'%s' is no number of an open file", text);
	if (fcntl((int)fd, F_SETFL, fcntl((int)fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_errno(err, errno, "fd %s", text);
	a->fd = (int)fd;
	snprintf(a->text, sizeof(a->text), "fd:%s", text);
	return 1;
}

int net_addr_read(struct qopts *q, const char *prefix, struct net_addr *a, struct err *err)
{
	static const char *const types[] = { "inet", "unix", "fd", NULL };
	const char *host = "", *port = NULL, *path = NULL, *str = NULL;
	struct qopts *sub = NULL;
	int type = 0;

	*a = (struct net_addr){ .fd = -1 };
	if (qopts_sub(q, prefix, &sub, err) != 1)
		return err_is_set(err) ? -err->code : 0;
	if (qopts_require(sub, "type", err) < 0)
		return -err->code;
	qopts_enum(sub, "type", types, &type, err);
	qopts_str(sub, "host", &host, err);
	qopts_str(sub, "port", &port, err);
	qopts_str(sub, "path", &path, err);
	qopts_str(sub, "str", &str, err);
	if (err_is_set(err))
		return -err->code;
	if ((type == 0 && !port) || (type == 1 && !path) || (type == 2 && !str))
		return err_set(err, EINVAL, "-netdev: %s.type=%s needs %s.%s", prefix, types[type], prefix,
			       type == 0 ? "port" : type == 1 ? "path" : "str");
	return type == 0 ? resolve(host, port, a, err) : type == 1 ? set_unix(path, a, err) : set_fd(str, a, err);
}

int net_addr_parse(const char *text, struct net_addr *a, struct err *err)
{
	const char *colon = strrchr(text, ':');
	char host[128];

	*a = (struct net_addr){ .fd = -1 };
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return err_set(err, EINVAL, "-netdev socket: '%s': expected HOST:PORT", text);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	return resolve(host, colon + 1, a, err) < 0 ? -err->code : 0;
}

int net_addr_socket(const struct net_addr *a, int type, struct err *err)
{
	int fd = socket(a->sa.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? err_errno(err, errno, "cannot make a socket for %s", a->text) : fd;
}
