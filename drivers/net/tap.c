// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev tap: a TAP interface of the host, with checksums and segmentation
 * left to the kernel (IFF_VNET_HDR) and several queues. Packets from the host
 * come through the main loop; the card's are written by the thread that sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bytes.h"
#include "dev/net.h"
#include "loop.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "thread.h"

#define HDR_LEN		10		/* struct virtio_net_hdr without num_buffers */
#define BATCH		64		/* packets of a turn of the loop */
#define IOV_MAX_OURS	1000
#define DEFAULT_SCRIPT	"/etc/qemu-ifup"

#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif

struct tap_queue {
	struct tap *tap;
	struct net_end *end;
	int fd;
	struct loop_fd h;
	struct loop_bh resume;
	bool want_out;			/* atomic: the card was refused */
	u8 *buf;
	size_t held;			/* bytes in buf that the card did not take, with the header */
};

struct tap {
	struct netdev *nd;
	bool vnet;
	char ifname[IFNAMSIZ], downscript[128];
	struct tap_queue q[NET_QUEUES_MAX];
};

extern char **environ;

/* ---- card to host ---- */

static void put_hdr(u8 *raw, const struct net_hdr *h)
{
	raw[0] = h->flags & NET_HDR_NEEDS_CSUM;
	raw[1] = h->gso_type;
	put_le16(raw + 2, h->hdr_len);
	put_le16(raw + 4, h->gso_size);
	put_le16(raw + 6, h->csum_start);
	put_le16(raw + 8, h->csum_offset);
}

static ssize_t write_linear(int fd, const u8 *hdr, size_t hdr_len, const struct net_packet *p)
{
	u8 *buf = mem_alloc(hdr_len + p->len);
	ssize_t ret;

	if (!buf)
		return 0;
	memcpy(buf, hdr, hdr_len);
	net_linear(p, buf + hdr_len, p->len);
	ret = write(fd, buf, hdr_len + p->len);
	mem_free(buf);
	return ret;
}

static int tap_receive(struct net_end *e, const struct net_packet *p)
{
	struct tap_queue *q = e->opaque;
	struct iovec iov[IOV_MAX_OURS + 1];
	u8 hdr[HDR_LEN];
	ssize_t ret;

	put_hdr(hdr, &p->hdr);
	if (p->n > IOV_MAX_OURS) {
		ret = write_linear(q->fd, hdr, q->tap->vnet ? HDR_LEN : 0, p);
	} else {
		iov[0] = (struct iovec){ hdr, HDR_LEN };
		memcpy(iov + 1, p->iov, p->n * sizeof(*iov));
		ret = q->tap->vnet ? writev(q->fd, iov, (int)p->n + 1) : writev(q->fd, iov + 1, (int)p->n);
	}
	if (ret >= 0 || errno != EAGAIN)
		return 1;		/* what the kernel refuses for good is lost, as on a real wire */
	atomic_set(&q->want_out, true);
	loop_bh_schedule(&q->resume);
	return 0;
}

static void tap_peer_can(struct net_end *e, u32 can)
{
	struct tap_queue *q = e->opaque;
	unsigned flags = 0;

	if (!q->tap->vnet)
		return;
	if (can & NET_CAN_CSUM) {
		flags = TUN_F_CSUM | (can & NET_CAN_TSO4 ? TUN_F_TSO4 : 0) | (can & NET_CAN_TSO6 ? TUN_F_TSO6 : 0);
		if ((flags & (TUN_F_TSO4 | TUN_F_TSO6)) && (can & NET_CAN_ECN))
			flags |= TUN_F_TSO_ECN;
		if (can & NET_CAN_UFO)
			flags |= TUN_F_UFO;
		if (can & NET_CAN_USO)
			flags |= TUN_F_USO4 | TUN_F_USO6;
	}
	if (ioctl(q->fd, TUNSETOFFLOAD, flags) < 0)
		ioctl(q->fd, TUNSETOFFLOAD, flags & ~(TUN_F_UFO | TUN_F_USO4 | TUN_F_USO6));
}

static void tap_resume(struct net_end *e)
{
	struct tap_queue *q = e->opaque;

	loop_bh_schedule(&q->resume);
}

static const struct net_end_ops tap_end_ops = { .receive = tap_receive, .resume = tap_resume, .peer_can = tap_peer_can };

/* ---- host to card; main thread ---- */

static bool give(struct tap_queue *q)
{
	size_t hl = q->tap->vnet ? HDR_LEN : 0;
	struct iovec iov = { q->buf + hl, q->held - hl };
	struct net_packet p = { .iov = &iov, .n = 1, .len = q->held - hl };

	if (hl)
		p.hdr = (struct net_hdr){ q->buf[0], q->buf[1], get_le16(q->buf + 2), get_le16(q->buf + 4),
					  get_le16(q->buf + 6), get_le16(q->buf + 8) };
	if (!net_send(q->end, &p))
		return false;
	q->held = 0;
	return true;
}

static void on_events(struct loop_fd *h, u32 events)
{
	struct tap_queue *q = h->opaque;
	int i;

	if (events & EPOLLOUT) {
		atomic_set(&q->want_out, false);
		loop_fd_mod(h, h->events & ~(u32)EPOLLOUT);
		net_resume(q->end);
	}
	for (i = 0; i < BATCH && (events & EPOLLIN); i++) {
		ssize_t n = read(q->fd, q->buf, HDR_LEN + NET_PACKET_MAX);

		if (n <= (q->tap->vnet ? HDR_LEN : 0))
			return;
		q->held = (size_t)n;
		if (!give(q)) {		/* until tap_resume() */
			loop_fd_mod(h, h->events & ~(u32)EPOLLIN);
			return;
		}
	}
}

static void on_resume(struct loop_bh *bh)
{
	struct tap_queue *q = bh->opaque;
	u32 events = EPOLLIN | (atomic_get(&q->want_out) ? EPOLLOUT : 0);

	if (q->held && !give(q))
		events &= ~(u32)EPOLLIN;
	loop_fd_mod(&q->h, events);
}

/* ---- opening ---- */

static int run_script(const char *script, const char *ifname, struct err *err)
{
	char *argv[] = { (char *)script, (char *)ifname, NULL };
	int status, ret;
	pid_t pid;

	ret = posix_spawn(&pid, script, NULL, NULL, argv, environ);
	if (ret)
		return err_errno(err, ret, "-netdev tap: cannot run the script '%s'", script);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? err_set(err, EIO, "-netdev tap: the script '%s' failed", script) : 0;
}

static int open_tun(struct tap *t, const char *ifname, unsigned queues, bool vnet, struct err *err)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0) |
						  (queues > 1 ? IFF_MULTI_QUEUE : 0)) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), e;

	if (fd < 0)
		return err_errno(err, errno, "-netdev tap: cannot open /dev/net/tun");
	if (ifname && strlen(ifname) >= IFNAMSIZ) {
		close(fd);
		return err_set(err, EINVAL, "-netdev tap: the name '%s' is too long", ifname);
	}
	strcpy(ifr.ifr_name, ifname ? ifname : "tap%d");
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		e = errno;
		close(fd);
		return err_errno(err, e, "-netdev tap: cannot set up the interface '%s'", ifr.ifr_name);
	}
	snprintf(t->ifname, sizeof(t->ifname), "%.15s", ifr.ifr_name);
	return fd;
}

/* A descriptor that somebody opened for us: what it is, it says itself. */
static int take_fd(struct tap *t, int fd, struct err *err)
{
	struct ifreq ifr = { 0 };

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || ioctl(fd, TUNGETIFF, &ifr) < 0)
		return err_errno(err, errno, "-netdev tap: fd=%d is no TAP interface", fd);
	t->vnet = ifr.ifr_flags & IFF_VNET_HDR;
	snprintf(t->ifname, sizeof(t->ifname), "%.15s", ifr.ifr_name);
	return 0;
}

static int add_queue(struct tap *t, unsigned i, int fd, struct err *err)
{
	struct tap_queue *q = &t->q[i];
	int hdr_len = HDR_LEN, le = 1, ret;

	q->tap = t;
	q->fd = fd;
	q->end = &t->nd->ends[i];
	q->end->ops = &tap_end_ops;
	q->end->opaque = q;
	t->nd->queues = i + 1;
	if (t->vnet) {
		if (ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0)
			return err_errno(err, errno, "-netdev tap: cannot set the header's length");
		ioctl(fd, TUNSETVNETLE, &le);
		ioctl(fd, TUNSETOFFLOAD, 0);
		q->end->can = q->end->makes = NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN;
		if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_UFO) == 0)
			q->end->can = q->end->makes |= NET_CAN_UFO;
		if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6) == 0)
			q->end->can = q->end->makes |= NET_CAN_USO;
		ioctl(fd, TUNSETOFFLOAD, 0);
	}
	q->buf = mem_alloc(HDR_LEN + NET_PACKET_MAX);
	if (!q->buf)
		return err_set(err, ENOMEM, "out of memory");
	loop_bh_init(t->nd->all->loop, &q->resume, on_resume, q, "resume", t->nd->id);
	ret = loop_fd_add(t->nd->all->loop, &q->h, fd, EPOLLIN, on_events, q, "packets", t->nd->id);
	return ret < 0 ? err_errno(err, -ret, "-netdev tap") : 0;
}

static void tap_close(struct netdev *nd)
{
	struct tap *t = nd->priv;
	struct err err = ERR_INIT;
	unsigned i;

	if (!t)
		return;
	for (i = 0; i < nd->queues; i++) {
		struct tap_queue *q = &t->q[i];

		if (q->h.loop)
			loop_fd_del(&q->h);
		if (q->resume.loop)
			loop_bh_del(&q->resume);
		mem_free(q->buf);
	}
	if (t->downscript[0] && run_script(t->downscript, t->ifname, &err) < 0)
		err_report(&err);
	for (i = 0; i < nd->queues; i++)
		if (t->q[i].tap)
			close(t->q[i].fd);
	mem_free(t);
}

/* fds=3:4:5 */
static int open_fds(struct tap *t, const char *text, struct err *err)
{
	unsigned n = 0;
	u64 fd;

	for (;; text++) {
		if (str_scan_u64(text, 10, &text, &fd) < 0 || fd > 1 << 20 || n == NET_QUEUES_MAX || (*text && *text != ':'))
			return err_set(err, EINVAL, "-netdev tap: fd and fds are numbers of open files, at most %u", NET_QUEUES_MAX);
		if (take_fd(t, (int)fd, err) < 0 || add_queue(t, n++, (int)fd, err) < 0)
			return -err->code;
		if (!*text)
			return 0;
	}
}

static int open_ifname(struct tap *t, const char *ifname, unsigned queues, bool vnet, struct err *err)
{
	unsigned i;

	t->vnet = vnet;
	for (i = 0; i < queues; i++) {
		int fd = open_tun(t, i ? t->ifname : ifname, queues, vnet, err);

		if (fd < 0)
			return fd;
		if (add_queue(t, i, fd, err) < 0)
			return -err->code;
	}
	return 0;
}

static int tap_open(struct netdev *nd, struct qopts *q, struct err *err)
{
	const char *ifname = NULL, *fd = NULL, *fds = NULL, *script = NULL, *down = "no", *br = NULL, *helper = NULL;
	bool vhost = false, vnet = true;
	struct tap *t = mem_zalloc(sizeof(*t));
	u32 queues = 1;

	if (!t)
		return err_set(err, ENOMEM, "out of memory");
	t->nd = nd;
	nd->priv = t;
	nd->queues = 0;
	qopts_str(q, "ifname", &ifname, err);
	qopts_str(q, "fd", &fd, err);
	qopts_str(q, "fds", &fds, err);
	qopts_str(q, "script", &script, err);
	qopts_str(q, "downscript", &down, err);
	qopts_str(q, "br", &br, err);
	qopts_str(q, "helper", &helper, err);
	qopts_bool(q, "vhost", &vhost, err);
	qopts_bool(q, "vnet_hdr", &vnet, err);
	qopts_u32(q, "queues", 1, NET_QUEUES_MAX, &queues, err);
	if (err_is_set(err))
		return -err->code;
	if (vhost || br || helper)
		return err_set(err, ENOTSUP, "-netdev tap: vhost=on, br and helper are not supported");
	if ((fd || fds) && (ifname || script || queues > 1))
		return err_set(err, EINVAL, "-netdev tap: ifname, script and queues have no meaning with fd and fds");
	if (fd || fds)
		return open_fds(t, fd ? fd : fds, err);
	if (open_ifname(t, ifname, queues, vnet, err) < 0)
		return -err->code;
	snprintf(nd->info, sizeof(nd->info), "ifname=%s,script=%s,downscript=%s", t->ifname, script ? script : "no", down);
	if (!str_eq(down, "no"))
		snprintf(t->downscript, sizeof(t->downscript), "%s", down);
	if (!script && access(DEFAULT_SCRIPT, X_OK) == 0)
		script = DEFAULT_SCRIPT;
	return script && !str_eq(script, "no") && script[0] ? run_script(script, t->ifname, err) : 0;
}

static const struct netdev_kind netdev_tap = {
	.name = "tap", .help = "a TAP interface of the host", .open = tap_open, .close = tap_close,
};
REGISTER(netdev_kind, netdev_tap);
