// SPDX-License-Identifier: GPL-2.0-or-later
/* Listening, accepting, stopping: the life of a qemu-nbd. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "log.h"
#include "qnbd.h"
#include "sock_path.h"
#include "str.h"

#define MAX_LISTEN 8

struct serve {
	const struct qnbd_args *a;
	struct nbd_server *s;
	int listen[MAX_LISTEN], n_listen;
	bool own;		/* we made the sockets that listen */
	int event, signals;
	int clients;		/* atomic; connections now */
	int served;		/* atomic: the last client that had got an export went, and no other is wanted */
	struct sock_path socket;	/* made by us */
};

/*
 * Nobody else is served. Called before the last client sees its connection end: who waited for that
 * finds no server, and not one that is just leaving. Sockets from the service manager are its own.
 */
static void close_doors(struct serve *v)
{
	sock_path_unlink(&v->socket);
	for (int i = 0; v->own && i < v->n_listen; i++)
		shutdown(v->listen[i], SHUT_RDWR);
	__atomic_store_n(&v->served, 1, __ATOMIC_SEQ_CST);
}

/* Any thread, a lock of the server's held. */
static void client_change(void *opaque, int change, bool ready)
{
	struct serve *v = opaque;
	u64 one = 1;

	if (!__atomic_add_fetch(&v->clients, change, __ATOMIC_SEQ_CST) && ready && !v->a->persistent &&
	    !__atomic_load_n(&v->served, __ATOMIC_SEQ_CST))
		close_doors(v);
	if (change < 0)
		(void)!write(v->event, &one, sizeof(one));
}

int qnbd_address(const struct qnbd_args *a, bool listen, struct nbd_addr *out)
{
	*out = (struct nbd_addr){ .family = a->socket ? NBD_UNIX : NBD_INET };
	if (a->socket && (a->bind || a->port)) {
		qnbd_error("A unix socket cannot be combined with %s", a->bind ? "-b" : "-p");
		return -EINVAL;
	}
	if (a->socket) {
		out->path = strdup(a->socket);
		return out->path ? 0 : -ENOMEM;
	}
	out->host = strdup(a->bind ? a->bind : listen ? "0.0.0.0" : "localhost");
	out->port = strdup(a->port ? a->port : NBD_DEFAULT_PORT);
	return out->host && out->port ? 0 : -ENOMEM;
}

/* Sockets from the service manager (sd_listen_fds(3)). */
static int activated(struct serve *v)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	u64 n;

	if (!pid || !fds || str_to_u64(pid, 10, &n) || n != (u64)getpid() || str_to_u64(fds, 10, &n) || !n)
		return 0;
	if (n > MAX_LISTEN) {
		qnbd_error("socket activation with more than %d sockets", MAX_LISTEN);
		return -EINVAL;
	}
	if (v->a->socket || v->a->bind || v->a->port || v->a->device) {
		qnbd_error("%s cannot be given when sockets come from socket activation",
			   v->a->socket ? "-k" : v->a->bind ? "-b" : v->a->port ? "-p" : "-c");
		return -EINVAL;
	}
	for (u64 i = 0; i < n; i++) {
		fcntl(3 + (int)i, F_SETFD, FD_CLOEXEC);
		v->listen[v->n_listen++] = 3 + (int)i;
	}
	return 1;
}

static int start_listening(struct serve *v)
{
	struct nbd_addr addr;
	struct err e = ERR_INIT;
	int ret = activated(v), fd;

	if (ret)
		return MIN(ret, 0);
	if (v->a->device)
		return 0;
	ret = qnbd_address(v->a, true, &addr);
	if (!ret) {
		fd = nbd_addr_listen(&addr, v->a->shared ? (int)v->a->shared : SOMAXCONN, &e);
		if (fd < 0)
			qnbd_error("%s", e.msg);
		else
			v->listen[v->n_listen++] = fd;
		v->own = fd >= 0;
		ret = MIN(fd, 0);
		if (!ret && addr.path)
			sock_path_keep(&v->socket, addr.path);
	}
	nbd_addr_free(&addr);
	return ret;
}

static int write_pid(const char *file)
{
	FILE *f = fopen(file, "w");
	int bad;

	if (f) {
		fprintf(f, "%ld\n", (long)getpid());
		bad = ferror(f);
		if (!fclose(f) && !bad)
			return 0;
	}
	qnbd_error("cannot create PID file: %s: %s", file, strerror(errno));
	return -EIO;
}

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void take_client(struct serve *v, int listener)
{
	struct err e = ERR_INIT;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (nbd_server_client(v->s, fd, &e))
		qnbd_error("%s", e.msg);
}

/* One wait; false: stop. */
static bool round_trip(struct serve *v)
{
	struct pollfd p[2 + MAX_LISTEN] = { { v->signals, POLLIN, 0 }, { v->event, POLLIN, 0 } };
	bool full = __atomic_load_n(&v->served, __ATOMIC_SEQ_CST) ||
		    (v->a->shared && (u64)__atomic_load_n(&v->clients, __ATOMIC_SEQ_CST) >= v->a->shared);
	int n = 2;
	u64 count;

	for (int i = 0; !full && i < v->n_listen; i++)
		p[n++] = (struct pollfd){ v->listen[i], POLLIN, 0 };
	if (poll(p, (nfds_t)n, -1) < 0)
		return errno == EINTR;
	if (p[0].revents)
		return false;
	if (p[1].revents) {
		(void)!read(v->event, &count, sizeof(count));
		if (__atomic_load_n(&v->served, __ATOMIC_SEQ_CST) &&
		    !__atomic_load_n(&v->clients, __ATOMIC_SEQ_CST))
			return false;
	}
	for (int i = 2; i < n; i++)
		if (p[i].revents)
			take_client(v, p[i].fd);
	return true;
}

static int add_export(struct serve *v, struct blk_node *n)
{
	static const char *const modes[] = { "off", "on", "unmap", NULL };
	const struct qnbd_args *a = v->a;
	struct nbd_export x = { .name = a->name ? a->name : "", .description = a->description, .node = n,
				.writable = !blk_read_only(n), .allocation_depth = a->depth,
				.multi_conn = a->shared != 1 };
	const char **names = calloc(a->bitmaps.n + 1, sizeof(*names));
	int dz = a->detect ? str_to_index(a->detect, modes) : 0, ret = 0;
	struct err e = ERR_INIT;

	for (size_t i = 0; names && i < a->bitmaps.n; i++)
		names[i] = a->bitmaps.v[i].val;
	x.bitmaps = names;
	if (!names)
		ret = err_set(&e, ENOMEM, "Out of memory");
	else if (dz < 0)
		ret = err_set(&e, EINVAL, "Failed to parse detect_zeroes mode: %s", a->detect);
	else if (dz == 2 && !(blk_flags(n) & BLK_O_UNMAP))
		ret = err_set(&e, EINVAL, "setting detect-zeroes to unmap is not allowed without setting discard "
			      "operation to unmap");
	x.detect_zeroes = (enum nbd_zeroes)MAX(dz, 0);
	ret = ret ?: nbd_server_add(v->s, &x, &e);
	if (ret)
		qnbd_error("%s", e.msg);
	free(names);
	return ret;
}

/* Who waits for us to be ready (--fork) sees this descriptor close. */
static void say_ready(const struct qnbd_args *a, int fd)
{
	int null;

	if (fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && !a->verbose)
		dup2(null, STDERR_FILENO);
	else
		dup2(fd, STDERR_FILENO);
	close(fd);
	if (null > STDERR_FILENO)
		close(null);
}

int qnbd_serve(struct blk_graph *g, struct blk_node *n, const struct qnbd_args *a, int ready_fd)
{
	struct serve v = { .a = a, .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .signals = watch_signals() };
	struct nbd_server_conf conf = { .handshake_ms = (u32)MIN(a->limit, (u64)4000000) * 1000,
					.client = client_change, .opaque = &v };
	struct qnbd_device *dev = NULL;
	struct err e = ERR_INIT;
	int ret = v.event < 0 || v.signals < 0 ? err_errno(&e, errno, "No event descriptor") : 0;

	if (!ret && a->tls)
		ret = nbd_tls_find(g, a->tls, a->tls_authz, true, &conf.tls, &e);
	v.s = ret ? NULL : nbd_server_new(&conf, &e);
	if (!v.s) {
		qnbd_error("%s", e.msg);
		return 1;
	}
	ret = add_export(&v, n);
	ret = ret ?: start_listening(&v);
	if (!ret && a->device) {
		ret = qnbd_device_connect(a->device, v.s, a->name ? a->name : "", v.event, &dev, &e);
		if (ret)
			qnbd_error("%s", e.msg);
		else if (a->verbose)
			fprintf(stderr, "NBD device %s is now connected to %s\n", a->device, a->file);
	}
	if (!ret && a->pid_file)
		ret = write_pid(a->pid_file);
	if (!ret) {
		say_ready(a, ready_fd);
		while (round_trip(&v))
			;
	}
	if (!v.served)
		sock_path_unlink(&v.socket);
	for (int i = 0; i < v.n_listen; i++)
		close(v.listen[i]);
	qnbd_device_close(dev);
	nbd_server_free(v.s);
	sock_path_free(&v.socket);
	close(v.event);
	close(v.signals);
	return ret ? 1 : 0;
}
