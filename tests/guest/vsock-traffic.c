// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In a guest: traffic over vsock, and capture of it with a packet socket.
 *	capture DEVICE FILE [KEEP]	pcap, of KEEP bytes a packet, until SIGTERM
 *	follow DEVICE			listens to it whenever it is there, until SIGTERM
 *	session				connections whose packets are known
 *	flood N				N small messages
 *	traffic				small messages until it is killed; a new connection when one is reset
 *	idle				a connection with 1000 bytes nobody reads, until SIGTERM
 *	stats DEVICE			its own counters
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void fail(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static int capture(const char *device, const char *file, unsigned keep)
{
	static char buf[1 << 17];
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(3) }, from;
	int s = socket(AF_PACKET, SOCK_RAW, htons(3)), big = 64 << 20, sent = 0;
	unsigned head[6] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 262144, 271 };
	struct sigaction sa = { .sa_handler = on_term };
	struct timeval wait = { 0, 200000 };
	struct tpacket_stats st = { 0 };
	socklen_t size = sizeof(st);
	FILE *f = fopen(file, "w");
	long n = 0;

	a.sll_ifindex = (int)if_nametoindex(device);
	if (s < 0 || !f || !a.sll_ifindex || bind(s, (struct sockaddr *)&a, sizeof(a)))
		fail(device);
	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	sigaction(SIGTERM, &sa, NULL);
	fwrite(head, sizeof(head), 1, f);
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t got = recvfrom(s, buf, sizeof(buf), MSG_TRUNC, (struct sockaddr *)&from, &len);
		unsigned record[4] = { 0, 0, 0, 0 };

		if (got < 0 && stop)
			break;
		if (got < 0)
			continue;
		n++;
		sent += from.sll_pkttype == PACKET_OUTGOING;
		record[2] = (unsigned)got < keep ? (unsigned)got : keep;
		record[3] = (unsigned)got;
		fwrite(record, sizeof(record), 1, f);
		fwrite(buf, record[2], 1, f);
	}
	fclose(f);
	getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &st, &size);
	printf("captured %s %ld outgoing %d came %u dropped %u\n", device, n, sent, st.tp_packets, st.tp_drops);
	return 0;
}

/* The device may go while we listen, and come again. */
static int follow(const char *device)
{
	struct sigaction sa = { .sa_handler = on_term };
	struct timeval wait = { 0, 200000 };
	static char buf[1 << 17];
	long times = 0, n = 0;

	sigaction(SIGTERM, &sa, NULL);
	while (!stop) {
		struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(3), .sll_ifindex = (int)if_nametoindex(device) };
		int s = a.sll_ifindex ? socket(AF_PACKET, SOCK_RAW, 0) : -1;

		if (s >= 0 && !bind(s, (struct sockaddr *)&a, sizeof(a))) {
			setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
			times++;
			while (!stop && (recv(s, buf, sizeof(buf), MSG_TRUNC) >= 0 || errno == EAGAIN))
				n++;
		}
		if (s >= 0)
			close(s);
		usleep(2000);
	}
	printf("followed %s %ld times %ld packets\n", device, times, n);
	return 0;
}

static struct sockaddr_vm at(unsigned port)
{
	return (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = port };
}

static int listener;
static size_t echo_bytes;

static void *serve(void *p)
{
	static char buf[65536];
	int s = accept(listener, NULL, NULL);
	ssize_t n;

	(void)p;
	while ((n = recv(s, buf, sizeof(buf), 0)) > 0)
		echo_bytes += (size_t)n;
	close(s);
	return NULL;
}

/* Connects to a server of ours, sends count times size bytes. False: the connection ended before, with EPIPE. */
static bool run(int type, unsigned port, size_t size, int times)
{
	struct sockaddr_vm a = at(port);
	char *buf = calloc(1, size);
	bool good = true;
	pthread_t t;
	int s;

	listener = socket(AF_VSOCK, type, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1))
		fail("listen");
	pthread_create(&t, NULL, serve, NULL);
	s = socket(AF_VSOCK, type, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("connect");
	memset(buf, 'v', size);
	for (int i = 0; i < times && good; i++)
		good = send(s, buf, size, MSG_NOSIGNAL) == (ssize_t)size;
	if (!good && errno != EPIPE && errno != ECONNRESET)
		fail("send");
	shutdown(s, SHUT_WR);
	pthread_join(t, NULL);
	close(s);
	close(listener);
	free(buf);
	return good;
}

/* Stream, seqpacket, refused, bulk: three answered requests, one refused. */
static int session(void)
{
	struct sockaddr_vm nobody = at(7);
	int s = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (!run(SOCK_STREAM, 1000, 100, 3) || !run(SOCK_SEQPACKET, 1001, 5000, 4))
		fail("send");
	if (!connect(s, (struct sockaddr *)&nobody, sizeof(nobody)) || errno != ECONNRESET)
		fail("connect to nobody");
	close(s);
	if (!run(SOCK_STREAM, 1002, 60000, 20))
		fail("send");
	printf("session done %zu\n", echo_bytes);
	return 0;
}

static int idle(void)
{
	struct sockaddr_vm a = at(3000);
	struct sigaction sa = { .sa_handler = on_term };
	int l = socket(AF_VSOCK, SOCK_STREAM, 0), s = socket(AF_VSOCK, SOCK_STREAM, 0), c;
	static char buf[1000];

	sigaction(SIGTERM, &sa, NULL);
	if (bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 1) || connect(s, (struct sockaddr *)&a, sizeof(a)))
		fail("idle");
	c = accept(l, NULL, NULL);
	if (c < 0 || send(s, buf, sizeof(buf), 0) != sizeof(buf))
		fail("send");
	while (recv(c, buf, sizeof(buf), MSG_PEEK) != sizeof(buf))
		usleep(1000);
	printf("idle\n");
	while (!stop)
		pause();
	return 0;
}

static int stats(const char *device)
{
	struct { struct ethtool_sset_info h; unsigned n; } size = { .h = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_STATS } };
	struct { struct ethtool_gstrings h; char s[64][ETH_GSTRING_LEN]; } names = { .h = { ETHTOOL_GSTRINGS, ETH_SS_STATS, 0 } };
	struct { struct ethtool_stats h; unsigned long long v[64]; } values = { .h = { ETHTOOL_GSTATS, 0 } };
	struct ifreq r = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0)
		s = socket(AF_PACKET, SOCK_RAW, 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	r.ifr_data = (void *)&size;
	if (ioctl(s, SIOCETHTOOL, &r) || size.n > 64)
		fail("count");
	names.h.len = values.h.n_stats = size.n;
	r.ifr_data = (void *)&names;
	if (ioctl(s, SIOCETHTOOL, &r))
		fail("names");
	r.ifr_data = (void *)&values;
	if (ioctl(s, SIOCETHTOOL, &r))
		fail("values");
	for (unsigned i = 0; i < values.h.n_stats; i++)
		printf("stat %s %s %llu\n", device, names.s[i], values.v[i]);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc >= 4 && !strcmp(argv[1], "capture"))
		return capture(argv[2], argv[3], argc > 4 ? (unsigned)atoi(argv[4]) : 65535);
	if (argc == 3 && !strcmp(argv[1], "follow"))
		return follow(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "idle"))
		return idle();
	if (argc == 2 && !strcmp(argv[1], "session"))
		return session();
	if (argc == 2 && !strcmp(argv[1], "traffic"))
		for (int ends = 0;; printf("a connection ended, %d by now\n", ++ends))
			run(SOCK_SEQPACKET, 2000, 64, 100000000);
	if (argc == 3 && !strcmp(argv[1], "flood")) {
		if (!run(SOCK_SEQPACKET, 2000, 64, atoi(argv[2])))
			fail("send");
		return 0;
	}
	return argc == 3 && !strcmp(argv[1], "stats") ? stats(argv[2]) : 2;
}
