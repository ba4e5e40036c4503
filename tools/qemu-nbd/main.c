// SPDX-License-Identifier: GPL-2.0-or-later
/* The applet qemu-nbd: its options, --list, --fork. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "applet.h"
#include "log.h"
#include "qnbd.h"

#define A struct qnbd_args

void qnbd_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", log_program());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int list_exports(struct blk_graph *g, const struct qnbd_args *a, const struct nbd_addr *addr, bool json)
{
	struct nbd_tls_conf tls = { 0 };
	struct err e = ERR_INIT;
	int ret = qnbd_objects(g, a);

	if (!ret && a->tls)
		ret = nbd_tls_find(g, a->tls, NULL, false, &tls, &e);
	tls.hostname = a->tls_host ? a->tls_host : addr->host;
	ret = ret ?: nbd_list_exports(addr, &tls, json, &e);
	if (ret && err_is_set(&e))
		qnbd_error("%s", e.msg);
	return ret;
}

static int list(const struct qnbd_args *a)
{
	bool json = a->output && !strcmp(a->output, "json");
	struct blk_graph *g;
	struct nbd_addr addr = { 0 };
	int ret;

	if (a->file || a->device || a->disconnect) {
		qnbd_error("List mode is incompatible with a file name, -c and -d");
		return 1;
	}
	if (a->output && !json && strcmp(a->output, "human")) {
		qnbd_error("--output takes human or json, not '%s'", a->output);
		return 1;
	}
	g = blk_graph_new(NULL);
	ret = g ? qnbd_address(a, false, &addr) : -ENOMEM;
	ret = ret ?: list_exports(g, a, &addr, json);
	blk_graph_free(g);
	nbd_addr_free(&addr);
	return ret ? 1 : 0;
}

/*
 * The parent copies what the child has to say until it is ready, and exits; an error if it said
 * anything. In the child: the descriptor to close when ready.
 */
static int to_background(const struct qnbd_args *a)
{
	int p[2], null;
	char buf[512];
	bool any = false;
	ssize_t r;
	pid_t pid;

	fflush(NULL);
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(p[1]);
		while ((r = read(p[0], buf, sizeof(buf))) > 0 || (r < 0 && errno == EINTR)) {
			any = true;
			(void)!write(STDERR_FILENO, buf, (size_t)MAX(r, 0));
		}
		_exit(any || waitpid(pid, NULL, WNOHANG) == pid ? 1 : 0);
	}
	close(p[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	r = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	dup2(p[1], STDERR_FILENO);
	close(p[1]);
	return (int)r;
}

static int check(const struct qnbd_args *a)
{
	if (a->tls_host) {
		qnbd_error("--tls-hostname is for --list");
		return -EINVAL;
	}
	if (a->tls_authz && !a->tls) {
		qnbd_error("--tls-authz is not permitted without --tls-creds");
		return -EINVAL;
	}
	if (a->tls && a->device) {
		qnbd_error("TLS is not supported with a host device");
		return -EINVAL;
	}
	if (!a->file) {
		qnbd_error("Invalid number of arguments\nTry `%s --help' for more information.", log_program());
		return -EINVAL;
	}
	if (a->partition && a->offset) {
		qnbd_error("-P and -o cannot be combined");
		return -EINVAL;
	}
	return 0;
}

/* Another server may have written its number over ours. */
static bool names_us(const char *file)
{
	FILE *f = fopen(file, "re");
	long pid = 0;
	bool us = f && fscanf(f, "%ld", &pid) == 1 && pid == (long)getpid();

	if (f)
		fclose(f);
	return us;
}

static int serve(struct qnbd_args *a)
{
	int ready = -1, ret = 1, lost;
	struct blk_policy p = { .follow = BLK_FOLLOW_ALL };
	struct err e = ERR_INIT;
	struct blk_graph *g;
	struct blk_node *n;

	if (blk_follow_parse(a->follow, &p.follow, &e)) {
		qnbd_error("%s", e.msg);
		return 1;
	}
	if (a->fork || (a->device && !a->verbose)) {
		ready = to_background(a);
		if (ready < 0) {
			qnbd_error("Failed to fork: %s", strerror(-ready));
			return 1;
		}
	}
	g = blk_graph_new(&p);
	n = g && !qnbd_objects(g, a) ? qnbd_open(g, a) : NULL;
	if (n) {
		ret = qnbd_serve(g, n, a, ready);
		blk_unref(n);
		lost = blk_graph_lost(g, NULL);
		if (lost) {
			qnbd_error("Error while closing '%s': %s", a->file, strerror(-lost));
			ret = 1;
		}
		/* The last thing: who waits for it may use the image. */
		if (!ret && a->pid_file && names_us(a->pid_file))
			unlink(a->pid_file);
	}
	blk_graph_free(g);
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct qnbd_args *a = args;
	struct err e = ERR_INIT;

	if (a->list)
		return list(a);
	if (a->disconnect) {
		if (!qnbd_device_disconnect(a->disconnect, &e)) {
			printf("%s disconnected\n", a->disconnect);
			return 0;
		}
		qnbd_error("%s", e.msg);
		return 1;
	}
	return check(a) ? 1 : serve(a);
}

static void defaults(void *args)
{
	struct qnbd_args *a = args;

	a->shared = 1;
	a->limit = 10;
}

static const struct opt opts[] = {
	OPT_GROUP("Connection"),
	OPT_STR('p', "port", "PORT", A, port, "TCP port to listen on or, with --list, to ask (default: 10809)"),
	OPT_STR('b', "bind", "HOST", A, bind, "address to listen on (default: 0.0.0.0) or to ask (default: localhost)"),
	OPT_STR('k', "socket", "PATH", A, socket, "unix socket"),
	OPT_UINT('e', "shared", "N", A, shared, "up to N clients at a time, 0 for any number (default: 1)", .u = { 0, 65535 }),
	OPT_FLAG('t', "persistent", A, persistent, "do not end with the last client"),
	OPT_FLAG('v', "verbose", A, verbose, "say what happens"),
	OPT_STR('x', "export-name", "NAME", A, name, "name of the export (default: empty)"),
	OPT_STR('D', "description", "TEXT", A, description, "what clients see when they list exports"),
	OPT_UINT(0, "handshake-limit", "SECONDS", A, limit, "clients that do not negotiate in time are closed; 0: no limit (default: 10)"),
	OPT_STR(0, "tls-creds", "ID", A, tls, "TLS is a must, with the keys of the object ID"),
	OPT_STR(0, "tls-authz", "ID", A, tls_authz, "only clients that the object ID (authz-simple, authz-list) allows"),
	OPT_STR(0, "tls-hostname", "NAME", A, tls_host, "with --list: whose certificate the server must show (default: the host)"),
	OPT_FLAG('L', "list", A, list, "list the exports of another server"),
	OPT_STR(0, "output", "FORM", A, output, "of --list: human (default) or json"),
	OPT_GROUP("What is exported"),
	OPT_SIZE('o', "offset", "OFFSET", A, offset, "leave out the first OFFSET bytes"),
	OPT_UINT('P', "partition", "N", A, partition, "only partition N (GPT, or MBR with logical partitions from 5)", .u = { 1, 1024 }),
	OPT_FLAG('A', "allocation-depth", A, depth, "offer the meta context qemu:allocation-depth"),
	OPT_LIST('B', "bitmap", "NAME", A, bitmaps, "offer a persistent dirty bitmap as qemu:dirty-bitmap:NAME"),
	OPT_FLAG(0, "fork", A, fork, "go to the background once the server is ready"),
	OPT_STR(0, "pid-file", "PATH", A, pid_file, "write the process id there"),
	OPT_STR(0, "selinux-label", "LABEL", A, selinux, "accepted for compatibility"),
	OPT_STR('T', "trace", "FILE", A, trace, "accepted for compatibility"),
	OPT_GROUP("Image"),
	OPT_STR('f', "format", "FMT", A, fmt, "format of the image"),
	OPT_FLAG('r', "read-only", A, read_only, "clients may not write"),
	OPT_FLAG('s', "snapshot", A, snapshot, "what clients write goes to a temporary file"),
	OPT_STR('l', "load-snapshot", "SNAPSHOT", A, load, "show an internal snapshot: its name or id, or snapshot.id=ID,snapshot.name=NAME"),
	OPT_FLAG('n', "nocache", A, nocache, "bypass the page cache"),
	OPT_STR(0, "cache", "MODE", A, cache, "none, writeback (default), writethrough, directsync, unsafe"),
	OPT_STR(0, "aio", "MODE", A, aio, "threads, native or io_uring; accepted for compatibility"),
	OPT_STR(0, "discard", "MODE", A, discard, "ignore (default) or unmap"),
	OPT_STR(0, "detect-zeroes", "MODE", A, detect, "off (default), on or unmap: written zeros take no space"),
	OPT_STR(0, "follow", "WHICH", A, follow, "open files that images name: all (default), dir (the image's own directory) or none"),
	OPT_FLAG(0, "image-opts", A, image_opts, "FILE is a list of options (driver=...,file.filename=...)"),
	OPT_LIST(0, "object", "OBJECT", A, objects, "define an object: secret,id=ID,data=...|file=..., or keys for TLS (below)"),
	OPT_GROUP("Kernel's client"),
	OPT_STR('c', "connect", "DEV", A, device, "connect the image to /dev/nbdN"),
	OPT_STR('d', "disconnect", "DEV", A, disconnect, "disconnect /dev/nbdN"),
	OPERAND_OPT("FILE", A, file, "the image"),
	OPT_END
};

static const struct opt_section sections[] = {
	{ "EXAMPLES",
	  "\tqemu-nbd -t -e 8 -k /run/disk.sock -f qcow2 disk.qcow2\n\tqemu-nbd -r -P 1 disk.qcow2\n"
	  "\tqemu-nbd -L -p 10809\n" },
	{ "TLS",
	  "Keys are objects, from files in a folder with QEMU's names: tls-creds-x509,id=ID,endpoint=server,dir=DIR"
	  "[,verify-peer=no][,passwordid=SECRET] takes ca-cert.pem, server-cert.pem, server-key.pem and, if there, "
	  "ca-crl.pem and dh-params.pem; tls-creds-psk,id=ID,endpoint=server,dir=DIR takes keys.psk, lines of "
	  "user:key. Clients have endpoint=client, client-cert.pem, client-key.pem, and username=NAME (qemu). Who may "
	  "connect: authz-simple,id=ID,identity=NAME, or authz-list,id=ID,policy=deny,rules.0.match=NAME,"
	  "rules.0.policy=allow,rules.0.format=glob; the name is a certificate's subject or a key's user. TLS 1.2.\n"
	  "\n\tqemu-nbd --object tls-creds-psk,id=k,endpoint=server,dir=/etc/keys --tls-creds k disk.qcow2\n" },
	{ "SOCKETS FROM OUTSIDE",
	  "With LISTEN_PID and LISTEN_FDS in the environment, as systemd sets them, the sockets from descriptor 3 on "
	  "are listened to." },
	{ NULL, NULL }
};

static const struct opt_cmd qemu_nbd_cmd = {
	.name = "qemu-nbd", .summary = "serve a disk image to NBD clients", .opts = opts, .sections = sections,
	.args_size = sizeof(A), .defaults = defaults, .run = run, .usage_status = 1,
};
static const struct applet qemu_nbd = { .cmd = &qemu_nbd_cmd };
APPLET(qemu_nbd);
