/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Socket addresses of -netdev stream, dgram and socket.
 */
#ifndef VMBOX_DRIVERS_NET_ADDR_H
#define VMBOX_DRIVERS_NET_ADDR_H

#include <sys/socket.h>
#include "compiler.h"
#include "err.h"

struct qopts;

struct net_addr {
	struct sockaddr_storage sa;	/* ss_family AF_UNSPEC: none; with fd >= 0 a socket that is open */
	socklen_t len;
	int fd;
	char text[128];			/* for messages and "info network" */
};

/* "addr.type=inet,addr.host=..,addr.port=..", unix with path, fd with str. 1: there, 0: not, -EINVAL. */
int net_addr_read(struct qopts *q, const char *prefix, struct net_addr *a, struct err *err);
/* "host:port" with an empty host for any. */
int net_addr_parse(const char *text, struct net_addr *a, struct err *err);
/* A new socket for it, close-on-exec and not blocking. -errno with err. */
int net_addr_socket(const struct net_addr *a, int type, struct err *err);

#endif
