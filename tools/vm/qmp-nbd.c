// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine's disks for NBD clients: nbd-server-start/-add/-remove/-stop and
 * block-export-add/-del, query-block-exports. One server; the block layer's
 * nodes take requests of any thread, so the guest goes on meanwhile. Main
 * thread, except client_change().
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "block/nbd.h"
#include "mem.h"
#include "qmp-util.h"
#include "sock_path.h"
#include "str.h"

#define MAX_CONNECTIONS	100		/* unless the user says otherwise */
#define MAX_BITMAPS	16

struct export {
	char *id, *name, *node;
	struct export *next;
};

struct vm_nbd {
	struct vm *vm;
	struct nbd_server *server;
	struct loop_fd listener;
	struct loop_bh room;		/* a client went */
	int fd;
	struct sock_path socket;	/* unlinked at the end */
	u64 max;			/* connections, 0: any number */
	u32 clients;			/* atomic */
	struct export *exports;
};

/* ---- the server ---- */

/* Any thread. */
static void client_change(void *opaque, int change, bool ready)
{
	struct vm_nbd *s = opaque;

	(void)ready;
	__atomic_add_fetch(&s->clients, (u32)change, __ATOMIC_SEQ_CST);
	if (change < 0)
		loop_bh_schedule(&s->room);
}

static bool full(struct vm_nbd *s)
{
	return s->max && __atomic_load_n(&s->clients, __ATOMIC_SEQ_CST) >= s->max;
}

static void on_room(struct loop_bh *bh)
{
	struct vm_nbd *s = bh->opaque;

	if (!full(s))
		loop_fd_mod(&s->listener, EPOLLIN);
}

static void on_client(struct loop_fd *h, u32 events)
{
	struct vm_nbd *s = h->opaque;
	struct err err = ERR_INIT;
	int fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		nbd_server_client(s->server, fd, &err);	/* on failure it is closed: that is all to tell */
	if (full(s))
		loop_fd_mod(&s->listener, 0);
}

static void export_free(struct export *x)
{
	mem_free(x->id);
	mem_free(x->name);
	mem_free(x->node);
	mem_free(x);
}

static void tell_deleted(struct vm *vm, const char *id)
{
	struct strbuf out = STRBUF_INIT;
	struct json *o = json_new(JSON_OBJECT);

	if (o) {
		qmp_str(o, "id", id);
		if (json_print(o, JSON_COMPACT, &out) == 0 && !strbuf_failed(&out))
			vm_event(vm, "BLOCK_EXPORT_DELETED", out.s);
	}
	json_free(o);
	strbuf_free(&out);
}

void vm_nbd_stop(struct vm *vm)
{
	struct vm_nbd *s = vm->nbd;

	if (!s)
		return;
	loop_fd_del(&s->listener);
	sock_path_unlink(&s->socket);
	if (s->fd >= 0)
		close(s->fd);
	if (s->server)
		nbd_server_free(s->server);
	loop_bh_del(&s->room);		/* nobody is left to schedule it */
	while (s->exports) {
		struct export *x = s->exports;

		s->exports = x->next;
		tell_deleted(vm, x->id);
		export_free(x);
	}
	sock_path_free(&s->socket);
	mem_free(s);
	vm->nbd = NULL;
}

static char *text_of(struct qmp_call *c, const char *key)
{
	const char *s = NULL;
	char *copy;

	qopts_require(c->args, key, &c->err);
	qopts_str(c->args, key, &s, &c->err);
	if (!s)
		return NULL;
	copy = str_dup(s);
	if (!copy)
		err_set(&c->err, ENOMEM, "out of memory");
	return copy;
}

static int read_address(struct qmp_call *c, struct nbd_addr *a)
{
	const char *type = "";

	*a = (struct nbd_addr){ .fd = -1 };
	qopts_require(c->args, "addr.type", &c->err);
	qopts_str(c->args, "addr.type", &type, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (str_eq(type, "unix")) {
		a->family = NBD_UNIX;
		a->path = text_of(c, "addr.data.path");
	} else if (str_eq(type, "inet") || str_eq(type, "vsock")) {
		a->family = type[0] == 'i' ? NBD_INET : NBD_VSOCK;
		a->host = text_of(c, type[0] == 'i' ? "addr.data.host" : "addr.data.cid");
		a->port = text_of(c, "addr.data.port");
	} else {
		err_set(&c->err, EINVAL, "Parameter 'type' does not accept value '%s'", type);
	}
	return -c->err.code;
}

static int start(struct vm_nbd *s, const struct nbd_addr *a, struct nbd_server_conf *conf, struct err *err)
{
	s->server = nbd_server_new(conf, err);
	if (!s->server)
		return -err->code;
	s->fd = nbd_addr_listen(a, 16, err);
	if (s->fd < 0)
		return s->fd;
	if (a->path)
		sock_path_keep(&s->socket, a->path);
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    loop_fd_add(s->vm->loop, &s->listener, s->fd, EPOLLIN, on_client, s, "listen", "nbd-server") < 0)
		return err_set(err, EIO, "cannot watch the socket");
	return 0;
}

static int nbd_server_start(struct qmp_call *c)
{
	const char *creds = NULL, *authz = NULL;
	struct nbd_server_conf conf = { .handshake_ms = 10000, .client = client_change };
	u64 max = MAX_CONNECTIONS, limit = 10;
	struct vm_nbd *s;
	struct nbd_addr a;
	int ret = read_address(c, &a);

	qopts_str(c->args, "tls-creds", &creds, &c->err);
	qopts_str(c->args, "tls-authz", &authz, &c->err);
	qopts_u64(c->args, "max-connections", 0, UINT32_MAX, &max, &c->err);
	qopts_u64(c->args, "handshake-max-seconds", 0, 4000000, &limit, &c->err);
	conf.handshake_ms = (u32)limit * 1000;
	if (!ret && c->vm->nbd)
		err_set(&c->err, EBUSY, "NBD server already running");
	if (!err_is_set(&c->err) && creds)
		nbd_tls_find(c->vm->drives.graph, creds, authz, true, &conf.tls, &c->err);
	if (err_is_set(&c->err))
		goto out;
	s = conf.opaque = mem_zalloc(sizeof(*s));
	if (!s) {
		err_set(&c->err, ENOMEM, "out of memory");
		goto out;
	}
	s->vm = c->vm;
	s->fd = -1;
	s->max = max;
	loop_bh_init(c->vm->loop, &s->room, on_room, s, "room", "nbd-server");
	c->vm->nbd = s;
	if (start(s, &a, &conf, &c->err) < 0)
		vm_nbd_stop(c->vm);
out:
	nbd_addr_free(&a);
	return -c->err.code;
}
QMP("nbd-server-start", nbd_server_start);

static struct vm_nbd *running(struct qmp_call *c)
{
	if (!c->vm->nbd)
		err_set(&c->err, ENOENT, "NBD server not running");
	return c->vm->nbd;
}

static int nbd_server_stop(struct qmp_call *c)
{
	if (!running(c))
		return -c->err.code;
	vm_nbd_stop(c->vm);
	return 0;
}
QMP("nbd-server-stop", nbd_server_stop);

/* ---- exports ---- */

/* The node of a drive's id, or of a node's name; *user: the drive when a device has it, else NULL. */
static struct blk_node *find_node(struct vm *vm, const char *name, const struct drive **user)
{
	struct blk_node *n = NULL;
	struct drive *d;

	for (d = vm->drives.first; d && !n; d = d->next)
		if (str_eq(d->id, name))
			n = d->node;
	if (!n)
		n = blk_graph_find(vm->drives.graph, name);
	*user = NULL;
	for (d = vm->drives.first; n && d; d = d->next)
		if (d->node == n && d->in_use)
			*user = d;
	return n;
}

static struct export **find_export(struct vm_nbd *s, const char *id)
{
	struct export **p = &s->exports;

	while (*p && !str_eq((*p)->id, id))
		p = &(*p)->next;
	return p;
}

static int add_export(struct vm_nbd *s, const char *id, const char *node_name, bool by_device, struct nbd_export *x, struct err *err)
{
	const struct drive *user;
	struct export *e;

	if (*find_export(s, id))
		return err_set(err, EEXIST, "Block export id '%s' is already in use", id);
	x->node = find_node(s->vm, node_name, &user);
	if (!x->node)
		return err_set(err, ENOENT, "Cannot find device='%s' nor node-name='%s'", by_device ? node_name : "", node_name);
	if (x->writable && blk_read_only(x->node))
		return err_set(err, EACCES, "Cannot export read-only node as writable");
	/* Two writers that know nothing of each other destroy a file system. */
	if (x->writable && user)
		return err_set(err, EBUSY, "Permission conflict on node '%s': it is written by the device that has drive '%s'", node_name, user->id);
	x->multi_conn = true;
	e = mem_zalloc(sizeof(*e));
	if (!e || !(e->id = str_dup(id)) || !(e->name = str_dup(x->name)) || !(e->node = str_dup(node_name))) {
		err_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	if (nbd_server_add(s->server, x, err) < 0)
		goto fail;
	*find_export(s, id) = e;
	return 0;
fail:
	if (e)
		export_free(e);
	return -err->code;
}

static int remove_export(struct vm_nbd *s, const char *id, bool hard, struct err *err)
{
	struct export **p = find_export(s, id), *x = *p;

	if (!x)
		return err_set(err, ENOENT, "Export '%s' is not found", id);
	if (nbd_server_remove(s->server, x->name, hard) == -EBUSY)
		return err_set(err, EBUSY, "export '%s' still in use", id);
	*p = x->next;
	tell_deleted(s->vm, x->id);
	export_free(x);
	return 0;
}

static int nbd_server_add_cmd(struct qmp_call *c)
{
	const char *device = qmp_need_str(c, "device"), *bitmaps[2] = { NULL };
	struct nbd_export x = { .name = device, .bitmaps = bitmaps };
	const struct drive *user;
	struct blk_node *node;

	if (!device)
		return -c->err.code;
	qopts_str(c->args, "name", &x.name, &c->err);
	qopts_str(c->args, "description", &x.description, &c->err);
	qopts_bool(c->args, "writable", &x.writable, &c->err);
	qopts_str(c->args, "bitmap", &bitmaps[0], &c->err);
	if (err_is_set(&c->err) || !running(c))
		return -c->err.code;
	/* A disk that cannot be written is exported as it is, without a word. */
	node = find_node(c->vm, device, &user);
	x.writable = x.writable && node && !blk_read_only(node);
	return add_export(c->vm->nbd, x.name, device, true, &x, &c->err);
}
QMP("nbd-server-add", nbd_server_add_cmd);

static int by_mode(struct qmp_call *c, const char *key)
{
	static const char *const modes[] = { "safe", "hard", NULL };
	const char *id = qmp_need_str(c, key);
	int mode = 0;

	qopts_enum(c->args, "mode", modes, &mode, &c->err);
	if (!id || err_is_set(&c->err) || !running(c))
		return -c->err.code;
	return remove_export(c->vm->nbd, id, mode == 1, &c->err);
}

static int nbd_server_remove_cmd(struct qmp_call *c) { return by_mode(c, "name"); }
QMP("nbd-server-remove", nbd_server_remove_cmd);

static int block_export_del(struct qmp_call *c) { return by_mode(c, "id"); }
QMP("block-export-del", block_export_del);

static int read_bitmaps(struct qmp_call *c, const char **names)
{
	size_t i, n = qopts_count(c->args, "bitmaps");
	char key[32];

	if (n > MAX_BITMAPS)
		return err_set(&c->err, E2BIG, "bitmaps: at most %u of them", MAX_BITMAPS);
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "bitmaps.%zu", i);
		qopts_str(c->args, key, &names[i], &c->err);
	}
	return -c->err.code;
}

static int block_export_add(struct qmp_call *c)
{
	const char *type = qmp_need_str(c, "type"), *id = qmp_need_str(c, "id"), *node = qmp_need_str(c, "node-name");
	const char *bitmaps[MAX_BITMAPS + 1] = { NULL };
	struct nbd_export x = { .name = node, .bitmaps = bitmaps };

	if (!type || !id || !node)
		return -c->err.code;
	if (!str_eq(type, "nbd"))
		return err_set(&c->err, EINVAL, "Parameter 'type' does not accept value '%s'", type);
	qopts_str(c->args, "name", &x.name, &c->err);
	qopts_str(c->args, "description", &x.description, &c->err);
	qopts_bool(c->args, "writable", &x.writable, &c->err);
	qopts_bool(c->args, "allocation-depth", &x.allocation_depth, &c->err);
	if (err_is_set(&c->err) || read_bitmaps(c, bitmaps) < 0 || !running(c))
		return -c->err.code;
	return add_export(c->vm->nbd, id, node, false, &x, &c->err);
}
QMP("block-export-add", block_export_add);

static int query_block_exports(struct qmp_call *c)
{
	const struct export *x;

	if (qmp_new(c, JSON_ARRAY) < 0)
		return -c->err.code;
	for (x = c->vm->nbd ? c->vm->nbd->exports : NULL; x; x = x->next) {
		struct json *o = json_new(JSON_OBJECT);

		qmp_str(o, "node-name", x->node);
		qmp_bool(o, "shutting-down", false);
		qmp_str(o, "type", "nbd");
		qmp_str(o, "id", x->id);
		json_append(c->ret, o);
	}
	return 0;
}
QMP("query-block-exports", query_block_exports);
