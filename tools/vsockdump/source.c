// SPDX-License-Identifier: GPL-2.0-or-later
/* Where records come from: files, packet sockets, the emulator's socket. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "mem.h"
#include "vsockdump.h"

#define RECORD_MAX	(256 * 1024)

/* ---- signals ---- */

static volatile sig_atomic_t caught;
static sigset_t outside;	/* the mask of waiting */

static void on_signal(int sig)
{
	caught = sig;
}

void vsd_catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t block;
	unsigned i;

	sigemptyset(&block);
	for (i = 0; i < ARRAY_SIZE(sigs); i++) {
		sigaddset(&block, sigs[i]);
		sigaction(sigs[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, &outside);
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigdelset(&outside, sigs[i]);
}

bool vsd_stopped(void)
{
	return caught;
}

/* 0: there is something; -EINTR: a signal ends it. */
static int wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (!caught)
		if (ppoll(&p, 1, NULL, &outside) > 0)
			return 0;
	return -EINTR;
}

/* ---- files and streams ---- */

static ssize_t read_stream(void *ctx, void *buf, size_t n)
{
	struct vsd_source *s = ctx;
	ssize_t got = wait_for(s->fd);

	if (got < 0)
		return got;
	got = read(s->fd, buf, n);
	return got < 0 ? -errno : got;
}

int vsd_open_file(struct vsd_source *s, const char *path, struct err *err)
{
	*s = (struct vsd_source){ .fd = str_eq(path, "-") ? 0 : open(path, O_RDONLY | O_CLOEXEC) };
	snprintf(s->name, sizeof(s->name), "%s", path);
	if (s->fd < 0)
		return err_errno(err, errno, "%s", path);
	pcap_reader_init(&s->reader, read_stream, s);
	return 0;
}

static int open_socket(struct vsd_source *s, const char *path, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, ENAMETOOLONG, "the path '%s' is too long for a socket", path);
	memcpy(a.sun_path, path, strlen(path));
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(err, errno, "%s", path);
	pcap_reader_init(&s->reader, read_stream, s);
	return 0;
}

/* ---- devices ---- */

static int open_device(struct vsd_source *s, const char *name, u32 buffer_kib, struct err *err)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int bytes = (int)MIN(buffer_kib, 0x1fffffU) * 1024, on = 1;
	struct ifreq ifr = { .ifr_flags = 0 };

	s->live = true;
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);	/* protocol 0: nothing before bind() */
	if (s->fd < 0)
		return err_errno(err, errno, "a packet socket");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (strlen(name) >= sizeof(ifr.ifr_name) || ioctl(s->fd, SIOCGIFHWADDR, &ifr) < 0)
		return err_errno(err, strlen(name) >= sizeof(ifr.ifr_name) ? ENODEV : errno, "%s", name);
	if (ifr.ifr_hwaddr.sa_family != VSC_ARPHRD)
		return err_set(err, EINVAL, "%s is no vsock monitor (make one: ip link add vsmon0 type vsockmon, ip link set vsmon0 up)", name);
	a.sll_ifindex = (int)if_nametoindex(name);
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	s->buf = mem_alloc(RECORD_MAX);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	if (bind(s->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(err, errno, "%s", name);
	return 0;
}

int vsd_open_live(struct vsd_source *s, const char *name, u32 snaplen, u32 buffer_kib, struct err *err)
{
	*s = (struct vsd_source){ .fd = -1, .snaplen = snaplen };
	snprintf(s->name, sizeof(s->name), "%s", name);
	return strchr(name, '/') ? open_socket(s, name, err) : open_device(s, name, buffer_kib, err);
}

static u64 stamp_of(struct msghdr *m)
{
	struct cmsghdr *c;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof(ts)))
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static int next_live(struct vsd_source *s, struct pcap_packet *p, struct err *err)
{
	union { char raw[128]; struct cmsghdr align; } control;
	struct sockaddr_ll from = { .sll_pkttype = 0 };
	struct iovec iov = { s->buf, MIN((u32)RECORD_MAX, s->snaplen) };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control.raw, .msg_controllen = sizeof(control.raw) };
	ssize_t n;

	do {
		if (wait_for(s->fd) < 0)
			return -EINTR;
		n = recvmsg(s->fd, &m, MSG_TRUNC | MSG_DONTWAIT);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n < 0)
		return err_errno(err, errno, "%s", s->name);
	*p = (struct pcap_packet){
		.time_ns = stamp_of(&m), .link = VSC_LINKTYPE, .len = (u32)MIN((size_t)n, iov.iov_len), .orig_len = (u32)n, .data = s->buf,
		.direction = from.sll_pkttype == PACKET_OUTGOING ? PCAP_OUT : PCAP_IN,
	};
	return 1;
}

/* ---- both ---- */

int vsd_next(struct vsd_source *s, struct pcap_packet *p, struct err *err)
{
	int ret = s->live ? next_live(s, p, err) : pcap_read(&s->reader, p, err);

	if (ret == 1 && s->snaplen && p->len > s->snaplen)
		p->len = s->snaplen;
	return ret;
}

bool vsd_stats(struct vsd_source *s, u64 *received, u64 *dropped)
{
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	if (!s->live) {
		*received = s->reader.received;
		*dropped = s->reader.dropped;
		return s->reader.has_stats;
	}
	if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0) {
		s->kernel_packets += st.tp_packets;
		s->kernel_drops += st.tp_drops;
	}
	*received = s->kernel_packets;
	*dropped = s->kernel_drops;
	return true;
}

void vsd_close(struct vsd_source *s)
{
	if (s->fd > 0)
		close(s->fd);
	if (!s->live)
		pcap_reader_free(&s->reader);
	mem_free(s->buf);
}

int vsd_list_devices(void)
{
	DIR *d = opendir("/sys/class/net");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[300], text[16] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/net/%s/type", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f) && atoi(text) == VSC_ARPHRD)
			printf("%s\n", e->d_name);
		fclose(f);
	}
	if (d)
		closedir(d);
	return 0;
}
