// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The NBD server: exports, clients, threads. A client's threads take turns:
 * one holds c->recv and reads a request, lets the next one read, does the
 * work and sends the reply. A further thread is started only when nobody is
 * waiting to read. The last thread of a client cleans up.
 */
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "block/nbd/server.h"
#include "loop.h"

#define CLIENT_MEMORY (64 * MiB)

/* ---- exports ---- */

static void export_free(struct nbd_exp *x)
{
	for (int i = 0; i < x->n_bitmaps; i++) {
		free(x->bitmaps[i].name);
		free(x->bitmaps[i].bits);
	}
	free(x->bitmaps);
	blk_unref(x->node);
	free(x->name);
	free(x->description);
	free(x);
}

/* The bitmap of that name in the image or, below it, in its backing files. */
static int load_bitmap(struct blk_node *n, const char *name, struct nbd_bits *b, struct err *e)
{
	for (; n; n = blk_backing(n)) {
		const struct blk_bitmap_ops *ops = n->drv->bitmaps;
		struct blk_bitmap *v = NULL;
		int k = ops && ops->list ? ops->list(n, &v) : 0, i;

		for (i = 0; i < k && strcmp(v[i].name, name); i++)
			;
		if (i >= k) {
			free(v);
			continue;
		}
		b->gran = v[i].granularity;
		i = v[i].in_use ? -EINVAL : 0;
		free(v);
		if (i || !b->gran)
			return err_set(e, EINVAL, "Bitmap '%s' is inconsistent and cannot be used", name);
		b->name = strdup(name);
		return b->name ? ops->read(n, name, &b->bits, &b->nbits, e) : -ENOMEM;
	}
	return err_set(e, ENOENT, "Bitmap '%s' is not found", name);
}

static int load_bitmaps(struct nbd_exp *x, const char *const *names, struct err *e)
{
	int n = 0, ret = 0;

	while (names && names[n])
		n++;
	if (n > NBD_MAX_BITMAPS)
		return err_set(e, E2BIG, "at most %d bitmaps can be exported", NBD_MAX_BITMAPS);
	if (!n)
		return 0;
	x->bitmaps = calloc((size_t)n, sizeof(*x->bitmaps));
	if (!x->bitmaps)
		return -ENOMEM;
	for (int i = 0; i < n && !ret; i++) {
		ret = load_bitmap(x->node, names[i], &x->bitmaps[i], e);
		x->n_bitmaps++;
	}
	return ret;
}

static u32 flags_of(const struct nbd_export *from)
{
	return NBD_FLAG_HAS_FLAGS | NBD_FLAG_FLUSH | NBD_FLAG_FUA | NBD_FLAG_CACHE |
	       (from->multi_conn ? NBD_FLAG_MULTI_CONN : 0) |
	       (from->writable ? NBD_FLAG_TRIM | NBD_FLAG_WRITE_ZEROES | NBD_FLAG_FAST_ZERO : NBD_FLAG_READ_ONLY);
}

int nbd_server_add(struct nbd_server *s, const struct nbd_export *from, struct err *e)
{
	struct nbd_exp *x = calloc(1, sizeof(*x)), *other;
	int ret;

	if (!x)
		return err_set(e, ENOMEM, "Out of memory");
	x->node = blk_ref(from->node);
	x->writable = from->writable;
	x->depth = from->allocation_depth;
	x->detect_zeroes = from->detect_zeroes;
	x->flags = flags_of(from);
	x->name = strdup(from->name);
	x->description = from->description ? strdup(from->description) : NULL;
	ret = x->name && (x->description || !from->description) ? 0 : err_set(e, ENOMEM, "Out of memory");
	if (!ret && (strlen(from->name) > NBD_MAX_STRING ||
		     (from->description && strlen(from->description) > NBD_MAX_STRING)))
		ret = err_set(e, EINVAL, "export name or description is longer than %u bytes", NBD_MAX_STRING);
	ret = ret ?: load_bitmaps(x, from->bitmaps, e);
	if (ret) {
		export_free(x);
		return ret;
	}
	pthread_mutex_lock(&s->lock);
	for (other = s->exports; other && strcmp(other->name, x->name); other = other->next)
		;
	if (!other) {
		x->next = s->exports;
		s->exports = x;
	}
	pthread_mutex_unlock(&s->lock);
	if (!other)
		return 0;
	ret = err_set(e, EEXIST, "NBD server already has export named '%s'", x->name);
	export_free(x);
	return ret;
}

struct nbd_exp *nbd_export_get(struct nbd_server *s, const char *name)
{
	struct nbd_exp *x;

	pthread_mutex_lock(&s->lock);
	for (x = s->exports; x && strcmp(x->name, name); x = x->next)
		;
	if (x && s->stopping)
		x = NULL;
	if (x)
		x->clients++;
	pthread_mutex_unlock(&s->lock);
	return x;
}

bool nbd_export_adopt(struct nbd_client *c, struct nbd_exp *x)
{
	bool ok;

	pthread_mutex_lock(&c->server->lock);
	ok = !x->removing && !c->server->stopping;
	if (ok)
		c->exp = x;
	pthread_mutex_unlock(&c->server->lock);
	return ok;
}

void nbd_export_put(struct nbd_server *s, struct nbd_exp *x)
{
	pthread_mutex_lock(&s->lock);
	x->clients--;
	pthread_cond_broadcast(&s->gone);
	pthread_mutex_unlock(&s->lock);
}

/* Under the server's lock: ends the connections to @x, or all of them. */
static void disconnect(struct nbd_server *s, const struct nbd_exp *x)
{
	for (struct nbd_client *c = s->clients; c; c = c->next)
		if (!x || c->exp == x)
			shutdown(c->conn.fd, SHUT_RDWR);
}

int nbd_server_remove(struct nbd_server *s, const char *name, bool hard)
{
	struct nbd_exp **p, *x;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	for (p = &s->exports; *p && strcmp((*p)->name, name); p = &(*p)->next)
		;
	x = *p;
	if (!x)
		ret = -ENOENT;
	else if (x->clients && !hard)
		ret = -EBUSY;
	if (!ret) {
		*p = x->next;
		x->removing = true;
		disconnect(s, x);
		while (x->clients)
			pthread_cond_wait(&s->gone, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	if (!ret)
		export_free(x);
	return ret;
}

/* ---- clients ---- */

static void client_free(struct nbd_client *c)
{
	struct nbd_server *s = c->server;
	bool ready = c->exp;

	pthread_mutex_lock(&s->lock);
	for (struct nbd_client **p = &s->clients; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	if (c->exp)
		c->exp->clients--;
	if (s->conf.client)
		s->conf.client(s->conf.opaque, -1, ready);
	pthread_cond_broadcast(&s->gone);
	pthread_mutex_unlock(&s->lock);
	/* Only now: until it left the list, disconnect() may use the descriptor. */
	nbd_conn_close(&c->conn);
	pthread_mutex_destroy(&c->recv);
	pthread_mutex_destroy(&c->send);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->room);
	free(c->context_export);
	free(c);
}

static void *follower(void *arg);

/* Somebody must read the next request while this thread works. */
static void ensure_reader(struct nbd_client *c)
{
	struct thread t;
	bool start;

	pthread_mutex_lock(&c->lock);
	start = !c->waiting && c->threads < NBD_THREADS;
	c->threads += start;
	pthread_mutex_unlock(&c->lock);
	if (!start)
		return;
	if (!thread_create(&t, "nbd", THREAD_STACK_BIG, follower, c, NULL)) {
		thread_detach(&t);
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->threads--;
	pthread_mutex_unlock(&c->lock);
}

static int turn(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	c->waiting++;
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_lock(&c->recv);
	pthread_mutex_lock(&c->lock);
	c->waiting--;
	pthread_mutex_unlock(&c->lock);
	ret = c->closing ? -ENOTCONN : nbd_serve_recv(c, r, w);
	if (ret)
		c->closing = true;
	else
		ensure_reader(c);
	pthread_mutex_unlock(&c->recv);
	return ret;
}

static void transmit(struct nbd_client *c)
{
	struct nbd_work w = { 0 };
	struct nbd_req r;
	bool last;

	while (!turn(c, &r, &w)) {
		if (nbd_serve_request(c, &r, &w))
			shutdown(c->conn.fd, SHUT_RDWR);	/* the reader notices */
	}
	free(w.buf);
	pthread_mutex_lock(&c->lock);
	last = !--c->threads;
	pthread_mutex_unlock(&c->lock);
	if (last)
		client_free(c);
}

static void *follower(void *arg)
{
	transmit(arg);
	return NULL;
}

static void *first(void *arg)
{
	struct nbd_client *c = arg;
	u32 ms = c->server->conf.handshake_ms;

	c->conn.deadline_ns = ms ? loop_now_ns() + ms * 1000000ULL : 0;
	if (nbd_serve_options(c)) {
		c->closing = true;
		shutdown(c->conn.fd, SHUT_RDWR);
	}
	c->conn.deadline_ns = 0;
	transmit(c);
	return NULL;
}

int nbd_server_client(struct nbd_server *s, int fd, struct err *e)
{
	struct nbd_client *c = calloc(1, sizeof(*c));
	struct thread t;
	int on = 1, ret;

	if (!c) {
		close(fd);
		return err_set(e, ENOMEM, "Out of memory");
	}
	ret = nbd_conn_init(&c->conn, fd);
	if (ret) {
		free(c);
		return err_set(e, ENOMEM, "Out of memory");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* fails on unix sockets, and may */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	c->server = s;
	c->threads = 1;
	pthread_mutex_init(&c->recv, NULL);
	pthread_mutex_init(&c->send, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->room, NULL);
	pthread_mutex_lock(&s->lock);
	c->next = s->clients;
	s->clients = c;
	if (s->conf.client)
		s->conf.client(s->conf.opaque, 1, false);
	pthread_mutex_unlock(&s->lock);
	ret = thread_create(&t, "nbd", THREAD_STACK_BIG, first, c, e);
	if (ret)
		client_free(c);
	else
		thread_detach(&t);
	return ret;
}

/* ---- the whole ---- */

struct nbd_server *nbd_server_new(const struct nbd_server_conf *conf, struct err *e)
{
	struct nbd_server *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "Out of memory");
		return NULL;
	}
	if (conf)
		s->conf = *conf;
	if (!s->conf.client_memory)
		s->conf.client_memory = CLIENT_MEMORY;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->gone, NULL);
	return s;
}

void nbd_server_free(struct nbd_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	disconnect(s, NULL);
	while (s->clients)
		pthread_cond_wait(&s->gone, &s->lock);
	pthread_mutex_unlock(&s->lock);
	while (s->exports) {
		struct nbd_exp *x = s->exports;

		s->exports = x->next;
		export_free(x);
	}
	pthread_cond_destroy(&s->gone);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
