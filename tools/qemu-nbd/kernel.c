// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's NBD client (/dev/nbdN, nbd.ko) fed by our own server over a socket pair. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include "qnbd.h"
#include "thread.h"

struct qnbd_device {
	struct thread t;
	int fd, sock, stop_fd;
};

static void *serve(void *arg)
{
	struct qnbd_device *d = arg;
	u64 one = 1;

	ioctl(d->fd, NBD_DO_IT);
	ioctl(d->fd, NBD_CLEAR_QUE);
	ioctl(d->fd, NBD_CLEAR_SOCK);
	(void)!write(d->stop_fd, &one, sizeof(one));
	return NULL;
}

static int set_up(struct qnbd_device *d, const struct nbd_kernel_info *k, const char *dev, struct err *e)
{
	int ro = k->flags & 2 ? 1 : 0;

	if (ioctl(d->fd, NBD_SET_SOCK, (unsigned long)d->sock) < 0)
		return err_errno(e, errno, "Failed to set NBD socket of %s", dev);
	if (ioctl(d->fd, NBD_SET_BLKSIZE, (unsigned long)k->block_size) < 0 ||
	    ioctl(d->fd, NBD_SET_SIZE_BLOCKS, (unsigned long)(k->size / k->block_size)) < 0)
		return err_errno(e, errno, "Failed setting size of %s", dev);
	ioctl(d->fd, NBD_SET_FLAGS, (unsigned long)k->flags);	/* not in the oldest kernels */
	if (ro && ioctl(d->fd, BLKROSET, &ro) < 0)
		return err_errno(e, errno, "Failed setting read-only attribute of %s", dev);
	return 0;
}

int qnbd_device_connect(const char *dev, struct nbd_server *s, const char *export, int stop_fd,
			struct qnbd_device **out, struct err *e)
{
	struct qnbd_device *d = calloc(1, sizeof(*d));
	struct nbd_kernel_info k = { 0 };
	int sv[2] = { -1, -1 }, ret;

	if (!d)
		return err_set(e, ENOMEM, "Out of memory");
	d->stop_fd = stop_fd;
	d->sock = -1;
	d->fd = open(dev, O_RDWR | O_CLOEXEC);
	if (d->fd < 0) {
		ret = err_errno(e, errno, "Failed to open %s", dev);
		goto fail;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		ret = err_errno(e, errno, "Failed to make a socket pair");
		goto fail;
	}
	d->sock = sv[0];
	ret = nbd_server_client(s, sv[1], e);
	ret = ret ?: nbd_client_handshake(d->sock, export, &k, e);
	ret = ret ?: set_up(d, &k, dev, e);
	ret = ret ?: thread_create(&d->t, "nbd-dev", THREAD_STACK_DEFAULT, serve, d, e);
	if (!ret) {
		*out = d;
		return 0;
	}
fail:
	if (d->sock >= 0)
		close(d->sock);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
	return ret;
}

void qnbd_device_close(struct qnbd_device *d)
{
	if (!d)
		return;
	ioctl(d->fd, NBD_DISCONNECT);
	thread_join(&d->t);
	close(d->sock);
	close(d->fd);
	free(d);
}

int qnbd_device_disconnect(const char *dev, struct err *e)
{
	int fd = open(dev, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "Cannot open %s", dev);
	ioctl(fd, NBD_CLEAR_QUE);
	ioctl(fd, NBD_DISCONNECT);
	ioctl(fd, NBD_CLEAR_SOCK);
	close(fd);
	return 0;
}
