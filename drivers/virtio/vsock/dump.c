// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -object filter-vsock-dump,id=I,dev=ID,file=F: all packets of a vsock device
 * into a pcapng file, without any help of the guest; or path=P: a unix socket
 * that gives the same stream to everyone who connects (vsockdump -i P).
 * A file gets every packet: the guest waits for the disk. A client that does
 * not keep up loses packets and is told how many.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "bytes.h"
#include "dev/machine.h"
#include "dev/object.h"
#include "dev/vsock.h"
#include "loop.h"
#include "mem.h"
#include "pcap.h"
#include "qopts.h"
#include "thread.h"
#include "uapi/vsock_capture.h"

#define CLIENTS_MAX	16
#define BACKLOG_MAX	(4 * 1024 * 1024)	/* bytes kept for a slow client */
#define SNAPLEN		(65536 + (u32)sizeof(struct vsc_header) + VSOCK_HDR_LEN)

struct client {
	struct dump *d;
	struct loop_fd fd;
	struct strbuf out;	/* not sent yet, from `off` on */
	size_t off;
	u64 received, dropped;
	bool told;		/* the statistics say `dropped` */
};

struct dump {
	struct object o;
	struct vsock_tap tap;
	pthread_mutex_t lock;	/* innermost; all below */
	bool on, mutex, broken;
	u32 max;
	int fd;			/* of the file; -1 */
	struct loop_fd listen;
	struct loop_bh wake;	/* some client waits for room */
	struct client *clients[CLIENTS_MAX];
	struct strbuf block;
	u8 record[SNAPLEN];
	struct pcap_stats stats;
	struct sockaddr_un path;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* As the kernel's virtio_transport_build_skb() sorts them. */
static u16 monitor_op(u16 op)
{
	switch (op) {
	case VSC_VIRTIO_REQUEST:
	case VSC_VIRTIO_RESPONSE:
		return VSC_OP_CONNECT;
	case VSC_VIRTIO_RST:
	case VSC_VIRTIO_SHUTDOWN:
		return VSC_OP_DISCONNECT;
	case VSC_VIRTIO_RW:
		return VSC_OP_PAYLOAD;
	case VSC_VIRTIO_CREDIT_UPDATE:
	case VSC_VIRTIO_CREDIT_REQUEST:
		return VSC_OP_CONTROL;
	default:
		return VSC_OP_UNKNOWN;
	}
}

/* The record in d->record; its length, cut to d->max. */
static u32 make_record(struct dump *d, const u8 *hdr, const void *data, size_t len)
{
	const u32 head = sizeof(struct vsc_header);
	u8 *r = d->record;

	memcpy(r, hdr, 24);		/* addresses stand alike in both headers */
	put_le16(r + 24, monitor_op(get_le16(hdr + 30)));
	put_le16(r + 26, VSC_TRANSPORT_VIRTIO);
	put_le16(r + 28, VSOCK_HDR_LEN);
	put_le16(r + 30, 0);
	memcpy(r + head, hdr, VSOCK_HDR_LEN);
	if (head + VSOCK_HDR_LEN < d->max && len)
		memcpy(r + head + VSOCK_HDR_LEN, data, MIN(len, (size_t)(d->max - head - VSOCK_HDR_LEN)));
	return (u32)MIN(len + head + VSOCK_HDR_LEN, (u64)d->max);
}

/* ---- clients ---- */

static void client_free(struct client *c)
{
	loop_fd_del(&c->fd);
	close(c->fd.fd);
	strbuf_free(&c->out);
	mem_free(c);
}

/* What the socket takes. False: the client is gone. */
static bool client_flush(struct client *c)
{
	while (c->off < c->out.len) {
		ssize_t n = send(c->fd.fd, c->out.s + c->off, c->out.len - c->off, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		c->off += (size_t)n;
	}
	strbuf_reset(&c->out);
	c->off = 0;
	if (!c->told) {
		struct pcap_stats s = c->d->stats;

		c->told = true;
		s.received = c->received;
		s.dropped = c->dropped;
		s.end_ns = now_ns();
		pcap_put_stats(&c->out, PCAP_NG, &s);
		return client_flush(c);
	}
	return true;
}

static void client_packet(struct client *c, const struct strbuf *block)
{
	c->received++;
	if (c->off > BACKLOG_MAX / 2) {
		memmove(c->out.s, c->out.s + c->off, c->out.len - c->off);
		strbuf_truncate(&c->out, c->out.len - c->off);
		c->off = 0;
	}
	if (c->out.len - c->off + block->len > BACKLOG_MAX || strbuf_reserve(&c->out, block->len) < 0) {
		c->out.failed = false;	/* what it holds is whole */
		c->dropped++;
		c->told = false;
		return;
	}
	strbuf_add(&c->out, block->s, block->len);
	if (c->out.len == block->len)	/* nothing was waiting */
		client_flush(c);
	if (c->out.len)
		loop_bh_schedule(&c->d->wake);
}

static void on_client(struct loop_fd *h, u32 events)
{
	struct client *c = h->opaque;
	struct dump *d = c->d;
	bool alive;
	char ignored[64];
	unsigned i;

	pthread_mutex_lock(&d->lock);
	alive = client_flush(c) && !(events & (EPOLLHUP | EPOLLERR)) &&
		(!(events & EPOLLIN) || recv(h->fd, ignored, sizeof(ignored), MSG_DONTWAIT) > 0);
	for (i = 0; !alive && i < CLIENTS_MAX; i++)
		if (d->clients[i] == c)
			d->clients[i] = NULL;
	if (alive)
		loop_fd_mod(h, EPOLLIN | (c->out.len ? EPOLLOUT : 0));
	else
		client_free(c);
	pthread_mutex_unlock(&d->lock);
}

static void on_wake(struct loop_bh *bh)
{
	struct dump *d = bh->opaque;
	unsigned i;

	pthread_mutex_lock(&d->lock);
	for (i = 0; i < CLIENTS_MAX; i++)
		if (d->clients[i] && d->clients[i]->out.len)
			loop_fd_mod(&d->clients[i]->fd, EPOLLIN | EPOLLOUT);
	pthread_mutex_unlock(&d->lock);
}

static struct client *client_new(struct dump *d, int fd)
{
	struct client *c = mem_zalloc(sizeof(*c));

	if (!c || loop_fd_add(d->o.machine->loop, &c->fd, fd, EPOLLIN, on_client, c, "capture", d->o.id) < 0) {
		mem_free(c);
		close(fd);
		return NULL;
	}
	c->d = d;
	c->told = true;
	strbuf_init(&c->out);
	pcap_put_header(&c->out, PCAP_NG, VSC_LINKTYPE, d->max, d->o.id, "vmbox");
	client_flush(c);
	return c;
}

static void on_listen(struct loop_fd *h, u32 events)
{
	int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct dump *d = h->opaque;
	unsigned i;

	(void)events;
	if (fd < 0)
		return;
	pthread_mutex_lock(&d->lock);
	for (i = 0; i < CLIENTS_MAX && d->clients[i]; i++)
		;
	if (i < CLIENTS_MAX)
		d->clients[i] = client_new(d, fd);
	else
		close(fd);
	pthread_mutex_unlock(&d->lock);
}

/* ---- packets ---- */

/* False: the disk is full; the dump ends. */
static bool write_block(struct dump *d)
{
	bool good = strbuf_failed(&d->block) == 0 && write(d->fd, d->block.s, d->block.len) == (ssize_t)d->block.len;

	strbuf_reset(&d->block);
	return good;
}

static void on_packet(struct vsock_tap *t, bool from_guest, const u8 *hdr, const void *data, size_t len)
{
	struct dump *d = container_of(t, struct dump, tap);
	struct pcap_packet p = {
		.time_ns = now_ns(), .link = VSC_LINKTYPE, .data = d->record, .direction = from_guest ? PCAP_IN : PCAP_OUT,
		.orig_len = (u32)(len + sizeof(struct vsc_header) + VSOCK_HDR_LEN),
	};
	unsigned i;

	if (!d->on)
		return;
	pthread_mutex_lock(&d->lock);
	p.len = make_record(d, hdr, data, len);
	pcap_put_packet(&d->block, PCAP_NG, &p);
	d->stats.received++;
	for (i = 0; i < CLIENTS_MAX; i++)
		if (d->clients[i])
			client_packet(d->clients[i], &d->block);
	if (d->fd >= 0 && (d->broken || !write_block(d))) {
		d->broken = true;
		d->stats.dropped++;
	}
	strbuf_reset(&d->block);
	pthread_mutex_unlock(&d->lock);
}

/* ---- life ---- */

static int open_file(struct dump *d, const char *file, struct err *err)
{
	d->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return err_errno(err, errno, "filter-vsock-dump: can't write '%s'", file);
	pcap_put_header(&d->block, PCAP_NG, VSC_LINKTYPE, d->max, d->o.id, "vmbox");
	return write_block(d) ? 0 : err_set(err, EIO, "filter-vsock-dump: can't write '%s'", file);
}

static int open_path(struct dump *d, const char *path, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	d->path.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(d->path.sun_path)) {
		close(fd);
		return err_set(err, ENAMETOOLONG, "filter-vsock-dump: the path '%s' is too long for a socket", path);
	}
	memcpy(d->path.sun_path, path, strlen(path));
	if (fd < 0 || bind(fd, (struct sockaddr *)&d->path, sizeof(d->path)) < 0 || listen(fd, CLIENTS_MAX) < 0 ||
	    loop_fd_add(d->o.machine->loop, &d->listen, fd, EPOLLIN, on_listen, d, "listen", d->o.id) < 0) {
		err_errno(err, errno, "filter-vsock-dump: can't listen at '%s'", path);
		d->path.sun_path[0] = '\0';
		close(fd);
		return -err->code;
	}
	return 0;
}

static int dump_create(struct object *o, struct qopts *q, struct err *err)
{
	struct dump *d = (struct dump *)o;
	const char *dev = NULL, *file = NULL, *path = NULL;

	d->fd = -1;
	d->on = true;
	d->max = SNAPLEN;
	d->mutex = true;
	pthread_mutex_init(&d->lock, NULL);
	strbuf_init(&d->block);
	loop_bh_init(o->machine->loop, &d->wake, on_wake, d, "clients", o->id);
	qopts_require(q, "dev", err);
	qopts_str(q, "dev", &dev, err);
	qopts_str(q, "file", &file, err);
	qopts_str(q, "path", &path, err);
	qopts_u32(q, "maxlen", sizeof(struct vsc_header) + VSOCK_HDR_LEN, SNAPLEN, &d->max, err);
	qopts_bool(q, "status", &d->on, err);
	if (err_is_set(err))
		return -err->code;
	if (!file == !path)
		return err_set(err, EINVAL, "filter-vsock-dump takes either file=FILE or path=SOCKET");
	d->stats.start_ns = now_ns();
	if (file ? open_file(d, file, err) < 0 : open_path(d, path, err) < 0)
		return -err->code;
	d->tap.packet = on_packet;
	return vsock_tap_add(o->machine, dev, &d->tap, err);
}

static void dump_destroy(struct object *o)
{
	struct dump *d = (struct dump *)o;
	unsigned i;

	vsock_tap_del(&d->tap);
	if (d->fd >= 0) {
		d->stats.end_ns = now_ns();
		pcap_put_stats(&d->block, PCAP_NG, &d->stats);
		if (!d->broken)
			write_block(d);
		close(d->fd);
	}
	if (d->listen.loop) {
		loop_fd_del(&d->listen);
		close(d->listen.fd);
		unlink(d->path.sun_path);
	}
	for (i = 0; i < CLIENTS_MAX; i++)
		if (d->clients[i]) {
			d->clients[i]->told = false;	/* the last word */
			client_flush(d->clients[i]);
			client_free(d->clients[i]);
		}
	if (!d->mutex)
		return;
	loop_bh_del(&d->wake);
	strbuf_free(&d->block);
	pthread_mutex_destroy(&d->lock);
}

static const char *const props[] = { "dev", "file", "path", "maxlen", "status", NULL };
static const struct object_class filter_vsock_dump_class = {
	.name = "filter-vsock-dump", .desc = "writes a vsock device's packets to a pcapng file or socket",
	.size = sizeof(struct dump), .props = props, .late = true,
	.create = dump_create, .destroy = dump_destroy,
};
REGISTER(object, filter_vsock_dump_class);
