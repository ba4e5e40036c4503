// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of hosts. getaddrinfo() with the one name that must work where neither
 * /etc/hosts nor a name server is: localhost (RFC 6761, 6.3).
 */
#ifndef RESOLVE_H
#define RESOLVE_H

struct addrinfo;

/*
 * As getaddrinfo(): the same errors (EAI_*), @all goes by freeaddrinfo(). @host
 * "localhost" is the loopback address, whoever else says what.
 */
int resolve_host(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **all);

#endif
