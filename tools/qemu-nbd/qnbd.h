/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the applet qemu-nbd share. */
#ifndef TOOLS_QEMU_NBD_H
#define TOOLS_QEMU_NBD_H

#include "block/nbd.h"
#include "option.h"

struct qnbd_args {
	const char *port, *bind, *socket, *name, *description, *fmt, *cache, *aio, *discard, *detect, *pid_file;
	const char *load, *tls, *tls_host, *tls_authz, *trace, *selinux, *device, *disconnect, *output, *follow, *file;
	struct opt_list objects, bitmaps;
	u64 shared, partition, offset, limit;
	bool persistent, verbose, fork, depth, read_only, snapshot, nocache, image_opts, list;
};

void qnbd_error(const char *fmt, ...) __printf(1, 2);

/* open.c: the node to export, with everything the options put around it. NULL: printed. */
struct blk_node *qnbd_open(struct blk_graph *g, struct qnbd_args *a);
int qnbd_objects(struct blk_graph *g, const struct qnbd_args *a);

/* partition.c: where partition @nr (from 1) of @n is. 0 or -errno with text. */
int qnbd_partition(struct blk_node *n, u64 nr, u64 *off, u64 *len, struct err *e);

/* serve.c: exports @n until told to stop; the exit code. */
int qnbd_serve(struct blk_graph *g, struct blk_node *n, const struct qnbd_args *a, int ready_fd);
/* The address that -p, -b and -k name; @listen: for the server. */
int qnbd_address(const struct qnbd_args *a, bool listen, struct nbd_addr *out);

/* kernel.c: /dev/nbdN */
struct qnbd_device;
int qnbd_device_connect(const char *dev, struct nbd_server *s, const char *export, int stop_fd,
			struct qnbd_device **out, struct err *e);
void qnbd_device_close(struct qnbd_device *d);
int qnbd_device_disconnect(const char *dev, struct err *e);

#endif
