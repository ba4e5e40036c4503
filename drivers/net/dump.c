// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -object filter-dump,id=I,netdev=N,file=F: packets of a backend, both ways,
 * into a pcap file as tcpdump and Wireshark read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "bytes.h"
#include "dev/machine.h"
#include "dev/net.h"
#include "dev/object.h"
#include "mem.h"
#include "qopts.h"
#include "thread.h"

#define MAGIC		0xa1b2c3d4U	/* microseconds */
#define LINK_ETHERNET	1
#define HEAD_LEN	16

struct dump {
	struct object o;
	struct net_filter f;
	struct netdev *nd;
	int fd;
	u32 max;
	u8 *buf;			/* HEAD_LEN + max */
	bool on;
};

/* Under the filters' lock: one packet after another. A full disk ends the dump. */
static void on_packet(struct net_filter *f, bool from_guest, const struct net_packet *p)
{
	struct dump *d = container_of(f, struct dump, f);
	struct timespec ts;
	size_t n;

	(void)from_guest;
	if (!atomic_get(&d->on))
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	n = net_linear(p, d->buf + HEAD_LEN, d->max);
	put_le32(d->buf, (u32)ts.tv_sec);
	put_le32(d->buf + 4, (u32)(ts.tv_nsec / 1000));
	put_le32(d->buf + 8, (u32)n);
	put_le32(d->buf + 12, (u32)p->len);
	if (write(d->fd, d->buf, HEAD_LEN + n) != (ssize_t)(HEAD_LEN + n))
		atomic_set(&d->on, false);
}

static int write_head(struct dump *d)
{
	u8 head[24] = { 0 };

	put_le32(head, MAGIC);
	put_le16(head + 4, 2);
	put_le16(head + 6, 4);
	put_le32(head + 16, d->max);
	put_le32(head + 20, LINK_ETHERNET);
	return write(d->fd, head, sizeof(head)) == sizeof(head) ? 0 : -EIO;
}

static int dump_create(struct object *o, struct qopts *q, struct err *err)
{
	struct dump *d = (struct dump *)o;
	struct netdevs *all = machine_service(o->machine, "netdevs");
	const char *netdev = NULL, *file = NULL;

	d->max = 65536;
	d->fd = -1;
	d->on = true;
	qopts_require(q, "netdev", err);
	qopts_require(q, "file", err);
	qopts_str(q, "netdev", &netdev, err);
	qopts_str(q, "file", &file, err);
	qopts_u32(q, "maxlen", 64, NET_PACKET_MAX, &d->max, err);
	qopts_bool(q, "status", &d->on, err);
	if (err_is_set(err))
		return -err->code;
	d->nd = all ? netdev_find(all, netdev) : NULL;
	if (!d->nd)
		return err_set(err, ENOENT, "Parameter 'netdev' expects a network backend id, there is no '%s'", netdev);
	d->buf = mem_alloc(HEAD_LEN + d->max);
	if (!d->buf)
		return err_set(err, ENOMEM, "out of memory");
	d->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (d->fd < 0 || write_head(d) < 0)
		return err_errno(err, errno, "filter-dump: can't write '%s'", file);
	d->f.packet = on_packet;
	net_filter_add(d->nd, &d->f);
	return 0;
}

static void dump_destroy(struct object *o)
{
	struct dump *d = (struct dump *)o;

	if (d->f.packet)
		net_filter_del(d->nd, &d->f);
	if (d->fd >= 0)
		close(d->fd);
	mem_free(d->buf);
}

static const char *const props[] = { "netdev", "file", "maxlen", "status", NULL };
static const struct object_class filter_dump_class = {
	.name = "filter-dump", .desc = "writes a backend's packets to a pcap file", .size = sizeof(struct dump), .props = props, .late = true,
	.create = dump_create, .destroy = dump_destroy,
};
REGISTER(object, filter_dump_class);
