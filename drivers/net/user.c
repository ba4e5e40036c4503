// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -netdev user: a network behind an address translator, by libslirp, without
 * any privilege. libslirp is not thread-safe: it lives in a thread of its own
 * with a poll() of its own; the card's packets reach it through a queue.
 *
 * Locks: `lock` around libslirp (its thread; the monitor's port forwards),
 * `in_lock` around the queue from the card, an innermost one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "dev/net.h"
#include "loop.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "thread.h"

#define IN_MAX		(4 * MiB)	/* bytes waiting for libslirp */
#define OUT_MAX		(8 * MiB)	/* bytes waiting for the card; more are dropped */
#define FDS_MAX		4096
#define NEVER		(~0ULL)

struct frame {
	struct frame *next;
	size_t len;
	u8 data[];
};

struct frames {
	struct frame *first, **last;
	size_t bytes;
};

struct user {
	struct netdev *nd;
	Slirp *slirp;
	struct thread thread;
	pthread_mutex_t lock, in_lock;
	struct frames in, out;
	bool card_waits, quit;
	u32 kick, asleep;		/* atomic: there is something to do; its thread is in poll() */
	int wake_fd;
	struct pollfd *fds;
	unsigned nfds, fds_cap;
	u64 ra_due_ms;
};

/* ---- queues ---- */

static void frames_init(struct frames *q)
{
	*q = (struct frames){ .last = &q->first };
}

static void frames_add(struct frames *q, struct frame *f)
{
	f->next = NULL;
	*q->last = f;
	q->last = &f->next;
	q->bytes += f->len;
}

static struct frame *frames_take(struct frames *q)
{
	struct frame *f = q->first;

	if (!f)
		return NULL;
	q->first = f->next;
	if (!q->first)
		q->last = &q->first;
	q->bytes -= f->len;
	return f;
}

static void frames_free(struct frames *q)
{
	struct frame *f;

	while ((f = frames_take(q)))
		mem_free(f);
}

static void wake(struct user *u)
{
	u64 one = 1;

	atomic_xchg(&u->kick, 1);
	if (atomic_xchg(&u->asleep, 0) && write(u->wake_fd, &one, sizeof(one)) < 0)
		return;		/* the counter is full: it is awake */
}

/* ---- the card's side ---- */

static int user_receive(struct net_end *e, const struct net_packet *p)
{
	struct user *u = e->opaque;
	struct frame *f;

	pthread_mutex_lock(&u->in_lock);
	if (u->in.bytes + p->len > IN_MAX) {
		u->card_waits = true;
		pthread_mutex_unlock(&u->in_lock);
		return 0;
	}
	pthread_mutex_unlock(&u->in_lock);
	f = mem_alloc(sizeof(*f) + p->len);
	if (!f)
		return 1;
	f->len = net_linear(p, f->data, p->len);
	if ((p->hdr.flags & NET_HDR_NEEDS_CSUM) && !net_finish_csum(&p->hdr, f->data, f->len)) {
		mem_free(f);
		return 1;
	}
	pthread_mutex_lock(&u->in_lock);
	frames_add(&u->in, f);
	pthread_mutex_unlock(&u->in_lock);
	wake(u);
	return 1;
}

static void user_resume(struct net_end *e)
{
	wake(e->opaque);
}

static const struct net_end_ops user_end_ops = { .receive = user_receive, .resume = user_resume };

/* ---- what libslirp asks of us; its thread, or the monitor under the lock ---- */

static bool give(struct user *u, const u8 *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct net_packet p = { .hdr.flags = NET_HDR_DATA_VALID, .iov = &iov, .n = 1, .len = len };

	return net_send(&u->nd->ends[0], &p);
}

static ssize_t cb_send_packet(const void *buf, size_t len, void *opaque)
{
	struct user *u = opaque;
	struct frame *f;

	if (!u->out.first && give(u, buf, len))
		return (ssize_t)len;
	if (u->out.bytes + len > OUT_MAX || !(f = mem_alloc(sizeof(*f) + len)))
		return (ssize_t)len;
	f->len = len;
	memcpy(f->data, buf, len);
	frames_add(&u->out, f);
	return (ssize_t)len;
}

static void cb_guest_error(const char *msg, void *opaque)
{
	(void)msg;
	(void)opaque;
}

static int64_t cb_clock(void *opaque)
{
	(void)opaque;
	return (int64_t)loop_now_ns();
}

static void *cb_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;

	(void)id;
	(void)cb_opaque;
	u->ra_due_ms = NEVER;
	return &u->ra_due_ms;
}

static void cb_timer_free(void *timer, void *opaque)
{
	(void)opaque;
	*(u64 *)timer = NEVER;
}

static void cb_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)opaque;
	*(u64 *)timer = (u64)expire_ms;
}

static void cb_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void cb_notify(void *opaque)
{
	wake(opaque);
}

static const SlirpCb callbacks = {
	.send_packet = cb_send_packet, .guest_error = cb_guest_error, .clock_get_ns = cb_clock,
	.timer_new_opaque = cb_timer_new, .timer_free = cb_timer_free, .timer_mod = cb_timer_mod,
	.register_poll_fd = cb_fd, .unregister_poll_fd = cb_fd, .notify = cb_notify,
};

/* ---- its thread ---- */

static int add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;

	if (u->nfds == u->fds_cap)
		return -1;
	u->fds[u->nfds] = (struct pollfd){ .fd = fd, .events = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) |
		(events & SLIRP_POLL_OUT ? POLLOUT : 0) | (events & SLIRP_POLL_PRI ? POLLPRI : 0)) };
	return (int)u->nfds++;
}

static int get_revents(int idx, void *opaque)
{
	struct user *u = opaque;
	int r = idx >= 0 ? u->fds[idx].revents : 0;

	return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) | (r & POLLPRI ? SLIRP_POLL_PRI : 0) |
	       (r & POLLERR ? SLIRP_POLL_ERR : 0) | (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void take_input(struct user *u)
{
	struct frames in;
	struct frame *f;
	bool waits;

	pthread_mutex_lock(&u->in_lock);
	in = u->in;
	frames_init(&u->in);
	waits = u->card_waits;
	u->card_waits = false;
	pthread_mutex_unlock(&u->in_lock);
	while ((f = in.first)) {
		in.first = f->next;
		slirp_input(u->slirp, f->data, (int)f->len);
		mem_free(f);
	}
	if (waits)
		net_resume(&u->nd->ends[0]);
}

static void give_output(struct user *u)
{
	while (u->out.first && give(u, u->out.first->data, u->out.first->len))
		mem_free(frames_take(&u->out));
}

static int wait_ms(struct user *u, u32 timeout)
{
	u64 now = loop_now_ns() / 1000000;

	if (u->ra_due_ms != NEVER)
		timeout = u->ra_due_ms <= now ? 0 : (u32)MIN((u64)timeout, u->ra_due_ms - now);
	return timeout > 60000 ? 60000 : (int)timeout;
}

/* Sleeps with the lock given up. Returns poll()'s result. */
static int sleep_until_event(struct user *u, u32 timeout)
{
	int ms = wait_ms(u, timeout), ret;
	u64 count;

	u->fds[0] = (struct pollfd){ .fd = u->wake_fd, .events = POLLIN };
	pthread_mutex_unlock(&u->lock);
	atomic_xchg(&u->asleep, 1);
	ret = poll(u->fds, u->nfds, atomic_xchg(&u->kick, 0) ? 0 : ms);
	atomic_xchg(&u->asleep, 0);
	if (ret > 0 && (u->fds[0].revents & POLLIN) && read(u->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	pthread_mutex_lock(&u->lock);
	return ret;
}

static void *user_thread(void *arg)
{
	struct user *u = arg;
	int ret;

	pthread_mutex_lock(&u->lock);
	while (!atomic_get(&u->quit)) {
		u32 timeout = UINT32_MAX;

		take_input(u);
		give_output(u);
		u->nfds = 1;
		slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
		ret = sleep_until_event(u, timeout);
		slirp_pollfds_poll(u->slirp, ret < 0, get_revents, u);
		if (u->ra_due_ms <= loop_now_ns() / 1000000) {
			u->ra_due_ms = NEVER;
			slirp_handle_timer(u->slirp, SLIRP_TIMER_RA, NULL);
		}
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

/* ---- port forwards: tcp:[hostaddr]:hostport-[guestaddr]:guestport ---- */

struct forward {
	bool udp;
	struct in_addr host, guest;
	int host_port, guest_port;
};

/* "addr:port" up to `end`, which may be empty in front; false: not so. */
static bool parse_addr(const char **p, char end, struct in_addr *addr, int *port)
{
	const char *colon = strchr(*p, ':'), *rest;
	char text[64];
	u64 v;

	if (!colon || (size_t)(colon - *p) >= sizeof(text))
		return false;
	memcpy(text, *p, (size_t)(colon - *p));
	text[colon - *p] = '\0';
	if (text[0] && inet_pton(AF_INET, text, addr) != 1)
		return false;
	if (str_scan_u64(colon + 1, 10, &rest, &v) < 0 || v > 65535 || *rest != end)
		return false;
	*port = (int)v;
	*p = end ? rest + 1 : rest;
	return true;
}

static int parse_forward(const char *text, bool host_only, struct forward *f, struct err *err)
{
	const char *p = text;

	*f = (struct forward){ 0 };
	if (str_starts(p, "udp:", &p))
		f->udp = true;
	else if (!str_starts(p, "tcp:", &p) && p[0] == ':')
		p++;
	if (!parse_addr(&p, host_only ? '\0' : '-', &f->host, &f->host_port) ||
	    (!host_only && (!parse_addr(&p, '\0', &f->guest, &f->guest_port) || !f->guest_port)))
		return err_set(err, EINVAL, "invalid host forwarding rule '%s': expected [tcp|udp]:[hostaddr]:hostport%s", text,
			       host_only ? "" : "-[guestaddr]:guestport");
	return 0;
}

static int add_forward(struct user *u, const char *text, struct err *err)
{
	struct forward f;
	int ret;

	if (parse_forward(text, false, &f, err) < 0)
		return -err->code;
	errno = 0;
	pthread_mutex_lock(&u->lock);
	ret = slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port);
	pthread_mutex_unlock(&u->lock);
	wake(u);
	return ret < 0 ? err_errno(err, errno ? errno : EADDRINUSE, "could not set up host forwarding rule '%s'", text) : 0;
}

static int user_command(struct netdev *nd, const char *verb, const char *arg, struct strbuf *out, struct err *err)
{
	struct user *u = nd->priv;
	struct forward f;
	char *text;
	int ret;

	if (str_eq(verb, "hostfwd_add"))
		return add_forward(u, arg, err);
	if (str_eq(verb, "hostfwd_remove")) {
		if (parse_forward(arg, true, &f, err) < 0)
			return -err->code;
		pthread_mutex_lock(&u->lock);
		ret = slirp_remove_hostfwd(u->slirp, f.udp, f.host, f.host_port);
		pthread_mutex_unlock(&u->lock);
		strbuf_printf(out, "host forwarding rule for %s %s\n", arg, ret ? "not found" : "removed");
		return 0;
	}
	pthread_mutex_lock(&u->lock);
	text = slirp_connection_info(u->slirp);
	pthread_mutex_unlock(&u->lock);
	strbuf_printf(out, "Hub -1 (%s):\n%s", nd->id, text);
	free(text);
	return 0;
}

/* ---- options ---- */

struct config {
	SlirpConfig c;
	const char *domains[17];
};

static void get_addr(struct qopts *q, const char *key, struct in_addr *a, struct err *err)
{
	const char *s = NULL;

	if (qopts_str(q, key, &s, err) == 1 && inet_pton(AF_INET, s, a) != 1)
		err_set(err, EINVAL, "-netdev user: '%s=%s': expected an IPv4 address", key, s);
}

static void get_addr6(struct qopts *q, const char *key, struct in6_addr *a, struct err *err)
{
	const char *s = NULL;

	if (qopts_str(q, key, &s, err) == 1 && inet_pton(AF_INET6, s, a) != 1)
		err_set(err, EINVAL, "-netdev user: '%s=%s': expected an IPv6 address", key, s);
}

/* "10.0.2.0/24", "10.0.2.0/255.255.255.0", or without a mask the one of its class. */
static int parse_net(const char *s, SlirpConfig *c, struct err *err)
{
	const char *slash = strchr(s, '/');
	char text[32];
	u64 bits = 24;

	snprintf(text, sizeof(text), "%.*s", slash ? (int)(slash - s) : 31, s);
	if (inet_pton(AF_INET, text, &c->vnetwork) != 1)
		return err_set(err, EINVAL, "-netdev user: 'net=%s': expected ADDRESS/BITS", s);
	if (slash && inet_pton(AF_INET, slash + 1, &c->vnetmask) == 1)
		return 0;
	if (slash && str_to_u64_range(slash + 1, 4, 30, &bits) < 0)
		return err_set(err, EINVAL, "-netdev user: 'net=%s': the mask has 4 to 30 bits", s);
	c->vnetmask.s_addr = htonl((u32)(~0ULL << (32 - bits)));
	return 0;
}

static void default_addr(struct in_addr *a, const SlirpConfig *c, u32 host)
{
	if (!a->s_addr)
		a->s_addr = (c->vnetwork.s_addr & c->vnetmask.s_addr) | htonl(host);
}

static int check_net(SlirpConfig *c, struct err *err)
{
	u32 mask = c->vnetmask.s_addr, net = c->vnetwork.s_addr &= mask, last = ~ntohl(mask);

	default_addr(&c->vhost, c, MIN(2U, last - 1));
	default_addr(&c->vnameserver, c, MIN(3U, last - 1));
	default_addr(&c->vdhcp_start, c, MIN(15U, last - 1));
	if ((c->vhost.s_addr & mask) != net || (c->vnameserver.s_addr & mask) != net || (c->vdhcp_start.s_addr & mask) != net)
		return err_set(err, EINVAL, "-netdev user: host, dns and dhcpstart must lie within net");
	if (c->vhost.s_addr == c->vnameserver.s_addr || c->vhost.s_addr == c->vdhcp_start.s_addr ||
	    c->vnameserver.s_addr == c->vdhcp_start.s_addr)
		return err_set(err, EINVAL, "-netdev user: host, dns and dhcpstart must differ");
	return 0;
}

static int read_ipv6(struct qopts *q, SlirpConfig *c, struct err *err)
{
	u32 len = 64;

	inet_pton(AF_INET6, "fec0::", &c->vprefix_addr6);
	get_addr6(q, "ipv6-prefix", &c->vprefix_addr6, err);
	qopts_u32(q, "ipv6-prefixlen", 0, 126, &len, err);
	c->vprefix_len = (u8)len;
	c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
	c->vhost6.s6_addr[15] |= 2;
	c->vnameserver6.s6_addr[15] |= 3;
	get_addr6(q, "ipv6-host", &c->vhost6, err);
	get_addr6(q, "ipv6-dns", &c->vnameserver6, err);
	return err_is_set(err) ? -err->code : 0;
}

static int read_names(struct qopts *q, struct config *cfg, struct err *err)
{
	size_t i, n = qopts_count(q, "dnssearch");
	char key[40];

	qopts_str(q, "hostname", &cfg->c.vhostname, err);
	qopts_str(q, "domainname", &cfg->c.vdomainname, err);
	qopts_str(q, "tftp", &cfg->c.tftp_path, err);
	qopts_str(q, "bootfile", &cfg->c.bootfile, err);
	qopts_str(q, "tftp-server-name", &cfg->c.tftp_server_name, err);
	if (n >= ARRAY_SIZE(cfg->domains))
		return err_set(err, EINVAL, "-netdev user: at most %zu dnssearch domains", ARRAY_SIZE(cfg->domains) - 1);
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "dnssearch.%zu.str", i);
		qopts_str(q, key, &cfg->domains[i], err);
	}
	if (n)
		cfg->c.vdnssearch = cfg->domains;
	if (!err_is_set(err) && ((cfg->c.bootfile && strlen(cfg->c.bootfile) > 127) || (cfg->c.vdomainname && strlen(cfg->c.vdomainname) > 254) ||
				 (cfg->c.tftp_server_name && strlen(cfg->c.tftp_server_name) > 254)))
		err_set(err, EINVAL, "-netdev user: bootfile, domainname or tftp-server-name is too long");
	return err_is_set(err) ? -err->code : 0;
}

static int read_config(struct qopts *q, struct config *cfg, struct err *err)
{
	const char *net = "10.0.2.0/24", *smb = NULL;
	bool ipv4 = true, ipv6 = true, restricted = false;

	cfg->c.version = 4;
	qopts_str(q, "net", &net, err);
	qopts_str(q, "smb", &smb, err);
	qopts_bool(q, "ipv4", &ipv4, err);
	qopts_bool(q, "ipv6", &ipv6, err);
	qopts_bool(q, "restrict", &restricted, err);
	get_addr(q, "host", &cfg->c.vhost, err);
	get_addr(q, "dns", &cfg->c.vnameserver, err);
	get_addr(q, "dhcpstart", &cfg->c.vdhcp_start, err);
	if (err_is_set(err) || parse_net(net, &cfg->c, err) < 0 || check_net(&cfg->c, err) < 0 || read_ipv6(q, &cfg->c, err) < 0 ||
	    read_names(q, cfg, err) < 0)
		return -err->code;
	if (smb || qopts_has(q, "guestfwd"))
		return err_set(err, ENOTSUP, "-netdev user: smb and guestfwd are not supported");
	cfg->c.in_enabled = ipv4;
	cfg->c.in6_enabled = ipv6;
	cfg->c.restricted = restricted;
	return 0;
}

static int read_forwards(struct user *u, struct qopts *q, struct err *err)
{
	size_t i, n = qopts_count(q, "hostfwd");

	for (i = 0; i < n; i++) {
		const char *s = NULL;
		char key[40];

		snprintf(key, sizeof(key), "hostfwd.%zu.str", i);
		if (qopts_str(q, key, &s, err) < 0 || (s && add_forward(u, s, err) < 0))
			return -err->code;
	}
	return 0;
}

static void user_close(struct netdev *nd)
{
	struct user *u = nd->priv;

	if (!u)
		return;
	atomic_set(&u->quit, true);
	wake(u);
	thread_join(&u->thread);
	if (u->slirp)
		slirp_cleanup(u->slirp);
	frames_free(&u->in);
	frames_free(&u->out);
	if (u->wake_fd >= 0)
		close(u->wake_fd);
	pthread_mutex_destroy(&u->lock);
	pthread_mutex_destroy(&u->in_lock);
	mem_free(u->fds);
	mem_free(u);
}

static int start(struct user *u, const struct config *cfg, struct err *err)
{
	u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->wake_fd < 0)
		return err_errno(err, errno, "-netdev user");
	u->fds_cap = FDS_MAX;
	u->fds = mem_array(u->fds_cap, sizeof(*u->fds));
	u->slirp = u->fds ? slirp_new(&cfg->c, &callbacks, u) : NULL;
	return u->slirp ? 0 : err_set(err, ENOMEM, "-netdev user: cannot start the network stack");
}

static int user_open(struct netdev *nd, struct qopts *q, struct err *err)
{
	struct user *u = mem_zalloc(sizeof(*u));
	struct config cfg = { 0 };

	if (!u)
		return err_set(err, ENOMEM, "out of memory");
	u->nd = nd;
	u->wake_fd = -1;
	u->ra_due_ms = NEVER;
	pthread_mutex_init(&u->lock, NULL);
	pthread_mutex_init(&u->in_lock, NULL);
	frames_init(&u->in);
	frames_init(&u->out);
	nd->priv = u;
	nd->ends[0].ops = &user_end_ops;
	nd->ends[0].opaque = u;
	nd->ends[0].can = NET_CAN_CSUM | NET_CAN_TSO4;
	nd->ends[0].makes = NET_CAN_CSUM;
	if (read_config(q, &cfg, err) < 0 || start(u, &cfg, err) < 0 || read_forwards(u, q, err) < 0)
		return -err->code;
	snprintf(nd->info, sizeof(nd->info), "net=%s,restrict=%s", inet_ntoa(cfg.c.vnetwork), cfg.c.restricted ? "on" : "off");
	return thread_create(&u->thread, "slirp", THREAD_STACK_BIG, user_thread, u, err);
}

static const struct netdev_kind netdev_user = {
	.name = "user", .help = "a network of its own behind address translation; needs no privilege",
	.open = user_open, .close = user_close, .command = user_command,
};
REGISTER(netdev_kind, netdev_user);
