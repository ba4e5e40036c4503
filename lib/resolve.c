// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of hosts: localhost needs no file and no server. */
#include <netdb.h>
#include <stddef.h>
#include <strings.h>
#include <sys/socket.h>
#include "resolve.h"

int resolve_host(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **all)
{
	struct addrinfo loopback = *hints;

	if (!host || strcasecmp(host, "localhost"))
		return getaddrinfo(host, port, hints, all);
	loopback.ai_flags &= ~AI_PASSIVE;
	return getaddrinfo(NULL, port, &loopback, all);
}
