// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transmission phase of the NBD client. There is no receiving thread:
 * of the callers that wait for replies, one reads them for all, and hands the
 * reading on when its own has come. Payloads go straight to their callers'
 * memory. A broken connection fails or repeats all that is in flight.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "block/nbd/client.h"
#include "loop.h"

#define MAX_IOV 64
#define RETRY_NS 1000000000ULL	/* between attempts once reconnect-delay is over */
#define GOODBYE_NS 500000000ULL	/* for the server to close the connection when we leave */
#define MAX_TRIES 8

/* ---- replies ---- */

static struct nbd_slot *find_slot(struct nbd_priv *p, u64 cookie)
{
	struct nbd_slot *s = &p->slot[cookie % NBD_SLOTS];

	return s->used && !s->done && s->cookie == cookie ? s : NULL;
}

/* Reads @len bytes that belong at disk offset @off into the request's memory. */
static int recv_data(struct nbd_priv *p, struct nbd_slot *s, u64 off, u64 len)
{
	struct iov_cur c = { s->iov, s->niov, 0 };
	struct iovec part[MAX_IOV];
	u64 got, skip = off - s->off;
	int ret = 0;

	while (skip) {
		iov_cur_take(&c, skip, part, MAX_IOV, &got);
		skip -= got;
	}
	while (!ret && len) {
		int k = iov_cur_take(&c, len, part, MAX_IOV, &got);

		for (int i = 0; !ret && i < k; i++)
			ret = nbd_recv(&p->conn, part[i].iov_base, part[i].iov_len);
		len -= got;
	}
	return ret;
}

static void zero_data(struct nbd_slot *s, u64 off, u64 len)
{
	struct iov_cur c = { s->iov, s->niov, 0 };
	struct iovec part[MAX_IOV];
	u64 got, skip = off - s->off;

	while (skip) {
		iov_cur_take(&c, skip, part, MAX_IOV, &got);
		skip -= got;
	}
	iov_cur_zero(&c, len);
}

static bool inside(const struct nbd_slot *s, u64 off, u64 len)
{
	return s->cmd == NBD_CMD_READ && len && off >= s->off && off - s->off <= s->len &&
	       len <= s->len - (off - s->off);
}

static int chunk_data(struct nbd_priv *p, struct nbd_slot *s, u64 len)
{
	u8 b[8];
	int ret = len > 8 ? nbd_recv(&p->conn, b, 8) : -EPROTO;

	if (ret)
		return ret;
	if (!inside(s, get_be64(b), len - 8))
		return -EPROTO;
	s->received += len - 8;
	return recv_data(p, s, get_be64(b), len - 8);
}

static int chunk_hole(struct nbd_priv *p, struct nbd_slot *s, u64 len)
{
	u8 b[12];
	int ret = len == 12 ? nbd_recv(&p->conn, b, 12) : -EPROTO;

	if (ret)
		return ret;
	if (!inside(s, get_be64(b), get_be32(b + 8)))
		return -EPROTO;
	s->received += get_be32(b + 8);
	zero_data(s, get_be64(b), get_be32(b + 8));
	return 0;
}

static void add_run(struct nbd_runs *r, u64 size, u64 len, u64 flags)
{
	u64 at = r->n ? r->v[r->n - 1].end : r->start, end;

	if (!len || at >= size || r->n == NBD_EXTENTS)
		return;
	if (add_overflows(at, len, &end) || end > size)
		end = size;
	if (r->n && r->v[r->n - 1].flags == (u32)flags)
		r->v[r->n - 1].end = end;
	else
		r->v[r->n++] = (struct nbd_run){ end, (u32)flags };
}

static int chunk_status(struct nbd_priv *p, struct nbd_slot *s, u64 len, bool ext)
{
	u32 head = ext ? 8 : 4, each = ext ? 16 : 8;
	u8 b[16];
	int ret;

	if (s->cmd != NBD_CMD_BLOCK_STATUS || !s->runs || len < head + each || (len - head) % each ||
	    len > 64 * MiB || s->runs->n)
		return -EPROTO;
	ret = nbd_recv(&p->conn, b, head);
	if (!ret && get_be32(b) != p->info.context_id)
		return -EPROTO;
	for (len -= head; !ret && len; len -= each) {
		ret = nbd_recv(&p->conn, b, each);
		if (!ret && ext)
			add_run(s->runs, p->info.size, get_be64(b), get_be64(b + 8));
		else if (!ret)
			add_run(s->runs, p->info.size, get_be32(b), get_be32(b + 4));
	}
	return ret;
}

static int chunk_error(struct nbd_priv *p, struct nbd_slot *s, u64 len)
{
	u8 b[6];
	int ret = len >= 6 ? nbd_recv(&p->conn, b, 6) : -EPROTO;

	if (ret)
		return ret;
	if (!get_be32(b))
		return -EPROTO;
	if (!s->ret)
		s->ret = nbd_errno_from_wire(get_be32(b));
	return nbd_recv_skip(&p->conn, len - 6);
}

static int take_chunk(struct nbd_priv *p, struct nbd_slot *s, u32 type, u64 len)
{
	if (len > 64 * MiB + 8)
		return -EPROTO;
	if (type & NBD_CHUNK_IS_ERROR)
		return chunk_error(p, s, len);
	switch (type) {
	case NBD_CHUNK_NONE:
		return len ? -EPROTO : 0;
	case NBD_CHUNK_DATA:
		return chunk_data(p, s, len);
	case NBD_CHUNK_HOLE:
		return chunk_hole(p, s, len);
	case NBD_CHUNK_STATUS:
		return chunk_status(p, s, len, false);
	case NBD_CHUNK_STATUS_EXT:
		return p->info.extended ? chunk_status(p, s, len, true) : -EPROTO;
	}
	return -EPROTO;
}

static void finish(struct nbd_priv *p, struct nbd_slot *s)
{
	if (!s->ret && s->cmd == NBD_CMD_READ && s->received != s->len)
		s->ret = -EIO;
	pthread_mutex_lock(&p->lock);
	s->done = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&p->lock);
}

static int simple_reply(struct nbd_priv *p, const u8 *h)
{
	struct nbd_slot *s = find_slot(p, get_be64(h + 8));
	int ret = 0;

	if (!s)
		return -EPROTO;
	s->ret = nbd_errno_from_wire(get_be32(h + 4));
	/* With structured replies agreed on, reads must be answered by chunks. */
	if (s->cmd == NBD_CMD_BLOCK_STATUS || (s->cmd == NBD_CMD_READ && p->info.structured))
		return -EPROTO;
	if (!s->ret && s->cmd == NBD_CMD_READ) {
		ret = recv_data(p, s, s->off, s->len);
		s->received = s->len;
	}
	if (!ret)
		finish(p, s);
	return ret;
}

/* Reads one reply. Only the thread that is the reader calls it; 0 or the connection is lost. */
static int read_reply(struct nbd_priv *p)
{
	u8 h[NBD_EXT_REPLY_SIZE];
	struct nbd_slot *s;
	u64 len;
	int ret = nbd_recv(&p->conn, h, NBD_SIMPLE_SIZE);
	u32 magic = ret ? 0 : get_be32(h), flags, type;

	if (ret)
		return ret;
	if (magic == NBD_SIMPLE_MAGIC && !p->info.extended)
		return simple_reply(p, h);
	if (magic == NBD_CHUNK_MAGIC && p->info.structured && !p->info.extended) {
		ret = nbd_recv(&p->conn, h + NBD_SIMPLE_SIZE, NBD_CHUNK_SIZE - NBD_SIMPLE_SIZE);
		len = get_be32(h + 16);
	} else if (magic == NBD_EXT_REPLY_MAGIC && p->info.extended) {
		ret = nbd_recv(&p->conn, h + NBD_SIMPLE_SIZE, NBD_EXT_REPLY_SIZE - NBD_SIMPLE_SIZE);
		len = get_be64(h + 24);
	} else {
		return -EPROTO;
	}
	if (ret)
		return ret;
	flags = get_be16(h + 4);
	type = get_be16(h + 6);
	s = find_slot(p, get_be64(h + 8));
	ret = s ? take_chunk(p, s, type, len) : -EPROTO;
	if (!ret && flags & NBD_CHUNK_DONE)
		finish(p, s);
	return ret;
}

/* ---- the connection's state; p->lock is held ---- */

static void wake_all(struct nbd_priv *p)
{
	for (int i = 0; i < NBD_SLOTS; i++)
		if (p->slot[i].used)
			pthread_cond_signal(&p->slot[i].wake);
}

static void went_down(struct nbd_priv *p)
{
	if (!p->up)
		return;
	p->up = false;
	p->down_ns = loop_now_ns();
	p->tried_ns = 0;
	shutdown(p->conn.fd, SHUT_RDWR);
	wake_all(p);
}

/* The next that waits becomes the reader. */
static void hand_on(struct nbd_priv *p)
{
	for (int i = 0; i < NBD_SLOTS; i++) {
		struct nbd_slot *s = &p->slot[i];

		if (s->used && !s->done && s->waiting) {
			pthread_cond_signal(&s->wake);
			return;
		}
	}
}

static void wait_reply(struct nbd_priv *p, struct nbd_slot *s)
{
	while (!s->done && p->up) {
		int ret;

		if (p->reading) {
			s->waiting = true;
			pthread_cond_wait(&s->wake, &p->lock);
			s->waiting = false;
			continue;
		}
		p->reading = true;
		pthread_mutex_unlock(&p->lock);
		do
			ret = read_reply(p);
		while (!ret && !s->done);
		pthread_mutex_lock(&p->lock);
		p->reading = false;
		if (ret)
			went_down(p);
	}
	if (!p->up)
		wake_all(p);
	else if (!p->reading)
		hand_on(p);
}

static struct nbd_slot *take_slot(struct nbd_priv *p)
{
	for (;;) {
		if (!p->up)
			return NULL;
		for (int i = 0; i < NBD_SLOTS; i++) {
			struct nbd_slot *s = &p->slot[i];

			if (s->used)
				continue;
			s->used = true;
			s->done = s->waiting = false;
			s->cookie = ++p->serial * NBD_SLOTS + (u64)i;
			p->in_use++;
			return s;
		}
		pthread_cond_wait(&p->change, &p->lock);
	}
}

static int send_request(struct nbd_priv *p, const struct nbd_slot *s)
{
	u8 h[NBD_EXT_REQUEST_SIZE];
	struct iovec v[MAX_IOV + 1];
	struct iov_cur c = { s->iov, s->niov, 0 };
	u64 left = s->cmd == NBD_CMD_WRITE ? s->len : 0, got;
	bool ext = p->info.extended;
	int ret = 0, k = 1;

	put_be32(h, ext ? NBD_EXT_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
	put_be16(h + 4, (u16)(s->flags | (ext && left ? NBD_CMD_FLAG_PAYLOAD : 0)));
	put_be16(h + 6, (u16)s->cmd);
	put_be64(h + 8, s->cookie);
	put_be64(h + 16, s->off);
	if (ext)
		put_be64(h + 24, s->len);
	else
		put_be32(h + 24, (u32)s->len);
	v[0] = (struct iovec){ h, ext ? NBD_EXT_REQUEST_SIZE : NBD_REQUEST_SIZE };
	pthread_mutex_lock(&p->send);
	do {
		if (left) {
			k += iov_cur_take(&c, left, v + k, MAX_IOV, &got);
			left -= got;
		}
		ret = nbd_sendv(&p->conn, v, k);
		k = 0;
	} while (!ret && left);
	pthread_mutex_unlock(&p->send);
	return ret;
}

/* One request on the connection: -ENOTCONN when there is none, -ENETRESET when it broke meanwhile. */
static int attempt(struct nbd_priv *p, const struct nbd_slot *want)
{
	struct nbd_slot *s;
	int ret;

	pthread_mutex_lock(&p->lock);
	s = take_slot(p);
	if (!s) {
		pthread_mutex_unlock(&p->lock);
		return -ENOTCONN;
	}
	s->cmd = want->cmd;
	s->flags = want->flags;
	s->off = want->off;
	s->len = want->len;
	s->iov = want->iov;
	s->niov = want->niov;
	s->runs = want->runs;
	if (s->runs)
		s->runs->n = 0;
	s->received = 0;
	s->ret = 0;
	pthread_mutex_unlock(&p->lock);
	ret = send_request(p, s);
	pthread_mutex_lock(&p->lock);
	if (ret)
		went_down(p);
	wait_reply(p, s);
	/* While another thread reads into this request's memory, it must not be given back. */
	while (!s->done && p->reading)
		pthread_cond_wait(&s->wake, &p->lock);
	ret = s->done ? s->ret : -ENETRESET;
	if (ret == -ESHUTDOWN && p->reconnect_ns) {	/* it will be gone soon */
		went_down(p);
		ret = -ENETRESET;
	}
	s->used = false;
	p->in_use--;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* ---- connecting ---- */

/* Block sizes that a server did not name get their defaults, so that two answers can be compared. */
static void complete(struct nbd_info *i)
{
	i->min_block = i->min_block ? i->min_block : 1;
	i->max_block = MIN(i->max_block ? i->max_block : NBD_MAX_DATA, (u32)(64 * MiB));
	i->max_block = MAX(i->max_block / i->min_block * i->min_block, i->min_block);
}

static int connect_once(struct nbd_priv *p, u64 deadline_ns, struct nbd_conn *c, struct nbd_info *i,
			struct err *e)
{
	u64 now = loop_now_ns(), limit = deadline_ns > now ? deadline_ns - now : 0;
	int fd = nbd_addr_connect(&p->addr, limit, e), ret;

	if (fd < 0)
		return fd;
	ret = nbd_conn_init(c, fd);
	if (ret)
		return err_set(e, ENOMEM, "Out of memory");
	c->deadline_ns = deadline_ns > now ? deadline_ns : 0;
	ret = nbd_negotiate(c, &p->tls, p->export, p->context ? p->context : "base:allocation", i, e);
	c->deadline_ns = 0;
	if (ret)
		nbd_conn_close(c);
	else
		complete(i);
	return ret;
}

int nbd_session_open(struct nbd_priv *p, u64 deadline_ns, struct err *e)
{
	u64 now;
	int ret;

	for (;;) {
		err_clear(e);
		ret = connect_once(p, deadline_ns, &p->conn, &p->info, e);
		now = loop_now_ns();
		if (!ret || now >= deadline_ns)
			break;
		nanosleep(&(struct timespec){ 0, (long)MIN(100000000ULL, deadline_ns - now) }, NULL);
	}
	p->up = p->opened = !ret;
	return ret;
}

/* The export must be what it was: others hold its size and abilities. */
static bool same_export(const struct nbd_info *a, const struct nbd_info *b)
{
	return a->size == b->size && !(a->flags & ~b->flags & ~(u32)NBD_FLAG_DF) &&
	       a->has_context == b->has_context && a->min_block == b->min_block && a->max_block == b->max_block;
}

static int replace(struct nbd_priv *p, u64 deadline_ns)
{
	struct nbd_conn c;
	struct nbd_info i;
	int ret = connect_once(p, deadline_ns, &c, &i, NULL);

	if (ret)
		return ret;
	if (!same_export(&p->info, &i)) {
		nbd_info_clear(&i);
		nbd_conn_close(&c);
		return -ESTALE;
	}
	nbd_conn_close(&p->conn);
	nbd_info_clear(&p->info);
	p->conn = c;
	p->info = i;
	__atomic_add_fetch(&p->gen, 1, __ATOMIC_RELEASE);
	return 0;
}

static bool may_try(const struct nbd_priv *p, u64 now)
{
	return now < p->down_ns + p->reconnect_ns || !p->tried_ns || now - p->tried_ns >= RETRY_NS;
}

/* p->lock is held. One thread connects, the others wait for it. 0: up again. */
static int come_back(struct nbd_priv *p)
{
	struct timespec nap = { 0, 100000000 };
	u64 now;
	int ret = -ENOTCONN;

	while (p->reconnecting)
		pthread_cond_wait(&p->change, &p->lock);
	if (p->up)
		return 0;
	now = loop_now_ns();
	if (!may_try(p, now))
		return -EIO;
	p->reconnecting = true;
	while (p->in_use)
		pthread_cond_wait(&p->change, &p->lock);
	pthread_mutex_unlock(&p->lock);
	for (;;) {
		u64 until = p->down_ns + p->reconnect_ns;

		now = loop_now_ns();
		ret = replace(p, MAX(until, now + RETRY_NS));
		now = loop_now_ns();
		if (!ret || ret == -ESTALE || now >= until)
			break;
		nanosleep(&nap, NULL);
	}
	pthread_mutex_lock(&p->lock);
	p->tried_ns = now;
	p->up = !ret;
	p->reconnecting = false;
	pthread_cond_broadcast(&p->change);
	return ret;
}

int nbd_request(struct nbd_priv *p, u32 cmd, u32 flags, u64 off, u64 len, const struct iovec *iov,
		int niov, struct nbd_runs *runs)
{
	struct nbd_slot want = { .cmd = cmd, .flags = flags, .off = off, .len = len, .iov = iov,
				 .niov = niov, .runs = runs };

	/* Bounded: a request may be what makes the server close. */
	for (int i = 0; i < MAX_TRIES; i++) {
		struct timespec nap = { i / 5, i % 5 * 200000000L };
		int ret;

		/* A server that is shutting down may go on taking connections for a while. */
		if (i)
			nanosleep(&nap, NULL);
		ret = attempt(p, &want);

		if (ret != -ENOTCONN && ret != -ENETRESET)
			return ret;
		/* What was under way is not repeated unless the user said how long to try. */
		if (ret == -ENETRESET && !p->reconnect_ns)
			return -EIO;
		pthread_mutex_lock(&p->lock);
		ret = come_back(p);
		pthread_mutex_unlock(&p->lock);
		if (ret)
			return -EIO;
	}
	return -EIO;
}

/*
 * Who hears of our end may ask for the server's next: it is given the time to leave first. What still comes is of no
 * interest.
 */
static void await_end(struct nbd_conn *c)
{
	u8 b[256];

	c->deadline_ns = loop_now_ns() + GOODBYE_NS;
	for (int i = 0; i < 64; i++)
		if (nbd_conn_await(c, POLLIN) || recv(c->fd, b, sizeof(b), MSG_DONTWAIT) <= 0)
			break;
}

void nbd_session_close(struct nbd_priv *p)
{
	u8 h[NBD_EXT_REQUEST_SIZE] = { 0 };

	if (p->up) {
		put_be32(h, p->info.extended ? NBD_EXT_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
		put_be16(h + 6, NBD_CMD_DISC);
		if (!nbd_send(&p->conn, h, p->info.extended ? NBD_EXT_REQUEST_SIZE : NBD_REQUEST_SIZE))
			await_end(&p->conn);
	}
	if (p->opened)
		nbd_conn_close(&p->conn);
	nbd_info_clear(&p->info);
}
