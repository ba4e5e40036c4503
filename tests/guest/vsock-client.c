// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In a guest: programs that speak over vsock.
 *	serve TYPE PORT			echoes what comes, in the background
 *	echo TYPE CID PORT SIZE COUNT	sends COUNT times SIZE bytes to an echo, compares
 *	many TYPE CID PORT N		N connections at once, a kilobyte each
 *	refused TYPE CID PORT		the errno of a connection that must fail
 *	hold TYPE CID PORT		connects and waits for the end; says how it came
 *	put TYPE CID PORT		connects and sends standard input
 * TYPE: stream or seqpacket.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int type;

static void fail(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(const char *cid, const char *port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = (unsigned)atoi(cid), .svm_port = (unsigned)atoi(port) };
	int s = socket(AF_VSOCK, type, 0);

	if (s < 0)
		fail("socket");
	if (connect(s, (struct sockaddr *)&a, sizeof(a))) {
		int e = errno;

		close(s);
		errno = e;
		return -1;
	}
	return s;
}

static void *echo_one(void *p)
{
	int s = (int)(long)p;
	char *buf = malloc(262144);
	ssize_t n, at, w;

	while ((n = recv(s, buf, 262144, 0)) > 0)
		for (at = 0; at < n; at += w)
			if ((w = send(s, buf + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
				goto out;
out:
	close(s);
	free(buf);
	return NULL;
}

static int serve(const char *port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = (unsigned)atoi(port) };
	int l = socket(AF_VSOCK, type, 0), s;
	pthread_t t;

	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 512))
		fail("listen");
	if (daemon(1, 1))
		fail("daemon");
	while ((s = accept(l, NULL, NULL)) >= 0) {
		pthread_create(&t, NULL, echo_one, (void *)(long)s);
		pthread_detach(t);
	}
	return 0;
}

struct reader {
	int s;
	size_t size, times, got, messages;
	int bad;
};

static void *read_back(void *p)
{
	struct reader *r = p;
	unsigned char *buf = malloc(262144);
	ssize_t n, i;

	while ((n = recv(r->s, buf, 262144, 0)) > 0) {
		for (i = 0; i < n; i++)
			r->bad |= buf[i] != (unsigned char)((r->got + (size_t)i) * 2654435761u >> 13);
		r->got += (size_t)n;
		r->messages++;
		r->bad |= type == SOCK_SEQPACKET && (size_t)n != r->size;
	}
	free(buf);
	return NULL;
}

static int echo(char **v)
{
	struct reader r = { .s = dial(v[0], v[1]), .size = (size_t)atol(v[2]), .times = (size_t)atol(v[3]) };
	unsigned char *buf = malloc(r.size);
	size_t at = 0, i, k;
	pthread_t t;

	if (r.s < 0)
		fail("connect");
	pthread_create(&t, NULL, read_back, &r);
	for (k = 0; k < r.times; k++) {
		for (i = 0; i < r.size; i++)
			buf[i] = (unsigned char)((at + i) * 2654435761u >> 13);
		for (i = 0; i < r.size;) {
			ssize_t n = send(r.s, buf + i, r.size - i, MSG_NOSIGNAL);

			if (n <= 0)
				fail("send");
			i += (size_t)n;
		}
		at += r.size;
	}
	shutdown(r.s, SHUT_WR);
	pthread_join(t, NULL);
	printf("echoed %zu of %zu %s\n", r.got, at, r.bad ? "WRONG" : "right");
	return 0;
}

static int many(char **v)
{
	int n = atoi(v[2]), i, good = 0, *s = calloc((size_t)n, sizeof(*s));
	char out[1024], in[1024];

	for (i = 0; i < n; i++)
		if ((s[i] = dial(v[0], v[1])) < 0)
			fail("connect");
	for (i = 0; i < n; i++) {
		memset(out, i, sizeof(out));
		if (send(s[i], out, sizeof(out), 0) != sizeof(out))
			fail("send");
	}
	for (i = n - 1; i >= 0; i--) {
		memset(out, i, sizeof(out));
		good += recv(s[i], in, sizeof(in), MSG_WAITALL) == sizeof(in) && !memcmp(in, out, sizeof(in));
		close(s[i]);
	}
	printf("many %d of %d\n", good, n);
	return 0;
}

static int hold(char **v)
{
	int s = dial(v[0], v[1]);
	char c;
	ssize_t n;

	if (s < 0)
		fail("connect");
	printf("holding\n");
	n = recv(s, &c, 1, 0);
	printf("held: %zd %s\n", n, n < 0 ? strerror(errno) : "end");
	return 0;
}

static int put(char **v)
{
	int s = dial(v[0], v[1]);
	char buf[65536];
	ssize_t n;

	if (s < 0)
		fail("connect");
	while ((n = read(0, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0, w; at < n; at += w)
			if ((w = send(s, buf + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
				fail("send");
	close(s);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		return 2;
	type = !strcmp(argv[2], "stream") ? SOCK_STREAM : SOCK_SEQPACKET;
	if (!strcmp(argv[1], "serve"))
		return serve(argv[3]);
	if (argc == 7 && !strcmp(argv[1], "echo"))
		return echo(argv + 3);
	if (argc == 6 && !strcmp(argv[1], "many"))
		return many(argv + 3);
	if (argc == 5 && !strcmp(argv[1], "hold"))
		return hold(argv + 3);
	if (argc == 5 && !strcmp(argv[1], "put"))
		return put(argv + 3);
	if (argc == 5 && !strcmp(argv[1], "refused")) {
		printf("refused: %s\n", dial(argv[3], argv[4]) < 0 ? strerror(errno) : "FAIL not at all");
		return 0;
	}
	return 2;
}
