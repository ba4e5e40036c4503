// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocols "http" and "https": read a file on a web server by byte ranges
 * (RFC 9110, section 14; RFC 9112; https.c has TLS). A few connections are kept open, as many as threads
 * ever read at once; small reads fetch a whole window ahead.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "block/https.h"
#include "block/int.h"
#include "log.h"
#include "resolve.h"
#include "str.h"

#define HEAD_MAX	16384
#define MAX_REDIRECTS	5
#define MAX_SPARE	16

struct conn {
	int fd;
	struct nbd_conn *tls;		/* NULL: in the clear; it has the socket then */
	u64 timeout;
	bool used;			/* an answer came on it already */
	u32 start, end;			/* of what is in buf and not consumed */
	char buf[HEAD_MAX];
	struct conn *next;
};

struct http {
	char *host, *port, *path;
	char *cookie, *auth;		/* for the host that the user named */
	bool tls, verify;
	struct nbd_tls_creds *trust;
	u64 timeout, readahead;
	pthread_mutex_t lock;		/* of spare */
	struct conn *spare;
	int n_spare;
	pthread_mutex_t window_lock;	/* of what follows */
	u8 *window;
	u64 w_off, w_len;
};

struct answer {
	int status;
	u64 length, first, total;	/* of the body; of Content-Range */
	bool has_length, has_range, has_total, close;
	char location[1024];
};

/* ---- names ---- */

/* What the user gave for one host is none of another's business. */
static void forget_secrets(struct http *h)
{
	free(h->cookie);
	free(h->auth);
	h->cookie = h->auth = NULL;
}

static int take_url(struct http *h, bool tls, const char *host, const char *path, struct err *e)
{
	const char *end = *host == '[' ? memchr(host, ']', (size_t)(path - host)) : NULL;
	const char *colon = memchr(end ? end : host, ':', (size_t)(path - (end ? end : host)));
	char *name = strndup(host + !!end, end ? (size_t)(end - host - 1) : (size_t)((colon ? colon : path) - host));
	char *port = colon ? strndup(colon + 1, (size_t)(path - colon - 1)) : strdup(tls ? "443" : "80");

	if (h->host && name && port && (strcasecmp(h->host, name) || strcmp(h->port, port)))
		forget_secrets(h);
	free(h->host);
	free(h->port);
	free(h->path);
	h->host = name;
	h->port = port;
	h->path = *path == '/' ? strndup(path, strcspn(path, "#")) : strdup("/");
	h->tls = tls;
	return name && port && h->path ? 0 : err_set(e, ENOMEM, "Out of memory");
}

static int set_url(struct http *h, const char *url, struct err *e)
{
	bool tls = !strncmp(url, "https://", 8);
	const char *host = url + (tls ? 8 : 7), *path;
	int ret;

	if (!tls && strncmp(url, "http://", 7))
		return err_set(e, EINVAL, "'%s' is not a http:// address", url);
	if (h->tls && !tls)
		return err_set(e, EPERM, "The server sends us from https to '%s', in the clear", url);
	path = host + strcspn(host, "/?#");
	if (memchr(host, '@', (size_t)(path - host)) || strpbrk(url, " \r\n"))
		return err_set(e, EINVAL, "'%s' is not an address that can be read", url);
	ret = tls && !h->trust ? https_trust_new(h->verify, &h->trust, e) : 0;
	ret = ret ?: take_url(h, tls, host, path, e);
	if (ret)
		return ret;
	return *h->host && *h->port ? 0 : err_set(e, EINVAL, "'%s' names no host", url);
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
	if (c && c->tls)
		https_end(c->tls);
	else if (c && c->fd >= 0)
		close(c->fd);
	free(c);
}

static int connect_to(const struct http *h, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	struct timeval tv = { .tv_sec = (time_t)h->timeout };
	int fd = -1, ret = resolve_host(h->host, h->port, &hints, &all);

	if (ret)
		return err_set(e, EHOSTUNREACH, "http: Could not resolve host '%s': %s", h->host, gai_strerror(ret));
	ret = -EHOSTUNREACH;
	for (a = all; a; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		if (!connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		ret = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(all);
	return fd < 0 ? ret : fd;
}

static int conn_new(struct http *h, struct conn **out, struct err *e)
{
	int fd = connect_to(h, e), ret = 0;
	struct conn *c;

	if (fd < 0)
		return fd;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	c->timeout = h->timeout;
	if (h->tls) {
		c->fd = -1;
		ret = https_start(fd, h->trust, h->host, h->timeout, &c->tls, e);
	}
	if (ret)
		conn_free(c);
	else
		*out = c;
	return ret;
}

static int conn_get(struct http *h, struct conn **out, struct err *e)
{
	struct conn *c;

	pthread_mutex_lock(&h->lock);
	c = h->spare;
	if (c) {
		h->spare = c->next;
		h->n_spare--;
	}
	pthread_mutex_unlock(&h->lock);
	if (!c)
		return conn_new(h, out, e);
	*out = c;
	return 0;
}

static void conn_put(struct http *h, struct conn *c, bool keep)
{
	pthread_mutex_lock(&h->lock);
	keep = keep && h->n_spare < MAX_SPARE;
	if (keep) {
		c->used = true;
		c->next = h->spare;
		h->spare = c;
		h->n_spare++;
	}
	pthread_mutex_unlock(&h->lock);
	if (!keep)
		conn_free(c);
}

static int send_all(struct conn *c, const char *p, size_t len)
{
	if (c->tls)
		return https_send(c->tls, p, len, c->timeout);
	while (len) {
		ssize_t r = send(c->fd, p, len, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 && errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
		p += r;
		len -= (size_t)r;
	}
	return 0;
}

static int recv_some(struct conn *c, void *p, size_t len, size_t *got)
{
	ssize_t r;

	if (c->tls)
		return https_recv(c->tls, p, len, c->timeout, got);
	do
		r = recv(c->fd, p, len, 0);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 && errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
	*got = (size_t)r;
	return 0;
}

/* ---- one request ---- */

static int ask(const struct http *h, struct conn *c, u64 off, u64 len)
{
	struct strbuf b = STRBUF_INIT;
	bool v6 = strchr(h->host, ':');
	int ret;

	strbuf_printf(&b, "GET %s HTTP/1.1\r\nHost: %s%s%s", h->path, v6 ? "[" : "", h->host, v6 ? "]" : "");
	if (strcmp(h->port, h->tls ? "443" : "80"))
		strbuf_printf(&b, ":%s", h->port);
	strbuf_printf(&b, "\r\nUser-Agent: vmbox\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
		      "Range: bytes=%llu-%llu\r\n", off, off + len - 1);
	if (h->cookie)
		strbuf_printf(&b, "Cookie: %s\r\n", h->cookie);
	if (h->auth)
		strbuf_printf(&b, "Authorization: Basic %s\r\n", h->auth);
	strbuf_puts(&b, "\r\n");
	ret = strbuf_failed(&b);
	ret = ret ?: send_all(c, b.s, b.len);
	strbuf_free(&b);
	return ret;
}

/* "bytes 0-99/1000", "bytes 0-99/" followed by a star, "bytes * /0" without the blank */
static void content_range(const char *v, struct answer *a)
{
	unsigned long long first, last, total;

	if (sscanf(v, "bytes %llu-%llu/%llu", &first, &last, &total) >= 2 && last >= first) {
		a->has_range = true;
		a->first = first;
	}
	v = strchr(v, '/');
	if (v && !str_to_u64(v + 1, 10, &a->total))
		a->has_total = true;
}

static void header_line(char *line, struct answer *a)
{
	char *v = strchr(line, ':');
	size_t n;

	if (!v)
		return;
	*v++ = '\0';
	v += strspn(v, " \t");
	for (n = strlen(v); n && (v[n - 1] == ' ' || v[n - 1] == '\t'); n--)
		v[n - 1] = '\0';
	if (!strcasecmp(line, "Content-Length"))
		a->has_length = !str_to_u64(v, 10, &a->length);
	else if (!strcasecmp(line, "Content-Range"))
		content_range(v, a);
	else if (!strcasecmp(line, "Connection") && !strcasecmp(v, "close"))
		a->close = true;
	else if (!strcasecmp(line, "Location"))
		snprintf(a->location, sizeof(a->location), "%s", v);
	else if (!strcasecmp(line, "Transfer-Encoding"))
		a->close = true;	/* no length, then: never the answer to a range */
}

static int parse_head(char *head, struct answer *a)
{
	char *save = NULL, *line = strtok_r(head, "\r\n", &save);
	int minor;

	if (!line || sscanf(line, "HTTP/1.%d %d", &minor, &a->status) != 2)
		return -EPROTO;
	a->close = minor == 0;
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL)
		header_line(line, a);
	return 0;
}

/* Reads the head of an answer; what follows it stays in the buffer. */
static int hear(struct conn *c, struct answer *a)
{
	char *end;
	size_t got;
	int ret;

	*a = (struct answer){ 0 };
	c->start = c->end = 0;
	for (;;) {
		if (c->end == HEAD_MAX - 1)
			return -EPROTO;
		ret = recv_some(c, c->buf + c->end, HEAD_MAX - 1 - c->end, &got);
		if (ret)
			return ret;
		c->end += (u32)got;
		c->buf[c->end] = '\0';
		end = memmem(c->buf, c->end, "\r\n\r\n", 4);
		if (end)
			break;
	}
	c->start = (u32)(end - c->buf) + 4;
	*end = '\0';
	return parse_head(c->buf, a);
}

static int body(struct conn *c, struct iov_cur *out, u64 len)
{
	while (len) {
		u64 m = MIN(len, (u64)(c->end - c->start));
		struct iovec v;
		size_t got;
		int ret;

		if (m) {
			iov_cur_from_buf(out, c->buf + c->start, m);
			c->start += (u32)m;
		} else {
			struct iov_cur at = *out;

			iov_cur_take(&at, len, &v, 1, &m);
			ret = recv_some(c, v.iov_base, v.iov_len, &got);
			if (ret)
				return ret;
			iov_cur_take(out, got, &v, 1, &m);
		}
		len -= m;
	}
	return 0;
}

/* Sends and hears; a kept connection that the server closed meanwhile is replaced once. */
static int exchange(struct http *h, u64 off, u64 len, struct conn **out, struct answer *a, struct err *e)
{
	for (;;) {
		struct conn *c;
		bool used;
		int ret = conn_get(h, &c, e);

		if (ret)
			return ret;
		used = c->used;
		ret = ask(h, c, off, len) ?: hear(c, a);
		if (!ret) {
			*out = c;
			return 0;
		}
		conn_free(c);
		if (!used || ret != -EPIPE)
			return ret;
	}
}

static int fetch(struct blk_node *n, u64 off, struct iov_cur *out, u64 len)
{
	struct http *h = n->priv;
	struct answer a;
	struct err e = ERR_INIT;
	struct conn *c;
	int ret = exchange(h, off, len, &c, &a, &e);

	if (ret && e.code)
		log_error("%s: %s", n->filename, e.msg);
	if (ret)
		return ret == -EPIPE ? -EIO : ret;
	if (a.status != 206 || !a.has_length || a.length != len || !a.has_range || a.first != off) {
		log_error("%s: the server answered %d where bytes %llu to %llu were asked for", n->filename, a.status,
			  off, off + len - 1);
		ret = -EIO;
	} else if (a.has_total && a.total != n->size) {
		log_error("%s: the file has changed on the server", n->filename);
		ret = -ESTALE;
	}
	ret = ret ?: body(c, out, len);
	conn_put(h, c, !ret && !a.close);
	return ret == -EPIPE ? -EIO : ret;
}

/* ---- the driver ---- */

static int probe_size(struct blk_node *n, struct err *e)
{
	struct http *h = n->priv;
	struct answer a = { 0 };

	for (int i = 0; i <= MAX_REDIRECTS; i++) {
		u8 one;
		struct iovec v = { &one, 1 };
		struct iov_cur cur = { &v, 1, 0 };
		struct conn *c;
		int ret = exchange(h, 0, 1, &c, &a, e);

		if (ret)
			return err_set(e, ret == -EPIPE ? EIO : -ret, "http: Could not read '%s': %s", n->filename, ret == -EPIPE ? "the connection was closed" : strerror(-ret));
		conn_put(h, c, a.status == 206 && a.length == 1 && !a.close && !body(c, &cur, 1));
		if (a.status / 100 != 3 || !a.location[0])
			break;
		ret = a.location[0] == '/' ? 0 : set_url(h, a.location, e);
		if (a.location[0] == '/') {
			free(h->path);
			h->path = strdup(a.location);
			ret = h->path ? 0 : -ENOMEM;
		}
		if (ret)
			return ret;
	}
	if (a.status == 416 && a.has_total && !a.total)
		return 0;
	if (a.status == 200)
		return err_set(e, EINVAL, "Server does not support 'range' (byte ranges).");
	if (a.status != 206)
		return err_set(e, a.status == 404 ? ENOENT : EIO, "http: The requested URL returned error: %d", a.status);
	if (!a.has_total || a.total > (u64)INT64_MAX)
		return err_set(e, EINVAL, "Server didn't report file size.");
	n->size = a.total;
	return 0;
}

static void http_close(struct blk_node *n)
{
	struct http *h = n->priv;

	while (h->spare) {
		struct conn *c = h->spare;

		h->spare = c->next;
		conn_free(c);
	}
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->window_lock);
	free(h->window);
	free(h->host);
	free(h->port);
	free(h->path);
	forget_secrets(h);
	https_trust_free(h->trust);
}

static int take_cookie(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct http *h = n->priv;
	char *id = blk_opts_take(o, "cookie-secret");
	const u8 *data;
	size_t len;
	int ret = 0;

	h->cookie = blk_opts_take(o, "cookie");
	if (id && h->cookie)
		ret = err_set(e, EINVAL, "curl driver cannot handle both cookie and cookie secret");
	else if (id)
		ret = blk_graph_secret(n->graph, id, &data, &len, e);
	if (!ret && id) {
		h->cookie = strndup((const char *)data, len);
		ret = h->cookie ? 0 : -ENOMEM;
	}
	if (!ret && h->cookie && strpbrk(h->cookie, "\r\n"))
		ret = err_set(e, EINVAL, "A cookie is one line");
	free(id);
	return ret;
}

/* "user:password" in base64, as a header has it (RFC 7617). */
static int basic_auth(struct http *h, const char *user, const u8 *pw, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t k = strlen(user), n = k + 1 + len, i;
	u8 *text = calloc(1, n + 3);
	char *out = malloc(DIV_ROUND_UP(n, (size_t)3) * 4 + 1);

	h->auth = out;
	if (!text || !out) {
		free(text);
		return -ENOMEM;
	}
	memcpy(text, user, k);
	text[k] = ':';
	if (len)
		memcpy(text + k + 1, pw, len);
	for (i = 0; i < n; i += 3) {
		u32 v = (u32)text[i] << 16 | (u32)text[i + 1] << 8 | text[i + 2];

		for (int d = 0; d < 4; d++)
			*out++ = i + (size_t)d > n ? '=' : digits[v >> (18 - 6 * d) & 63];
	}
	*out = '\0';
	free(text);
	return 0;
}

static int take_user(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	char *user = blk_opts_take(o, "username"), *id = blk_opts_take(o, "password-secret");
	const u8 *pw = NULL;
	size_t len = 0;
	int ret = id ? blk_graph_secret(n->graph, id, &pw, &len, e) : 0;

	if (!ret && id && !user)
		ret = err_set(e, EINVAL, "A password-secret needs a username");
	if (!ret && user && strchr(user, ':'))
		ret = err_set(e, EINVAL, "A username has no colon");
	if (!ret && user)
		ret = basic_auth(n->priv, user, pw, len);
	free(user);
	free(id);
	return ret;
}

static int http_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct http *h = n->priv;
	char *url = blk_opts_take(o, "url");
	int ret;

	*h = (struct http){ .timeout = 5, .readahead = 256 * KiB, .verify = true };
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_init(&h->window_lock, NULL);
	ret = n->flags & BLK_O_RDWR ? err_set(e, EROFS, "curl block device does not support writes") :
	      blk_opts_take_bool(o, "sslverify", &h->verify, e);
	if (!ret)
		ret = url ? set_url(h, url, e) : err_set(e, EINVAL, "curl block driver requires an 'url' option");
	ret = ret ?: blk_opts_take_u64(o, "timeout", &h->timeout, e);
	ret = ret ?: blk_opts_take_size(o, "readahead", &h->readahead, e);
	if (!ret && (h->timeout > 10000 || h->timeout < 1))
		ret = err_set(e, EINVAL, "timeout parameter is too large or negative");
	if (!ret && (h->readahead % 512 || h->readahead > 64 * MiB))
		ret = err_set(e, EINVAL, "HTTP_READAHEAD_SIZE %llu is not a multiple of 512", h->readahead);
	ret = ret ?: take_cookie(n, o, e);
	ret = ret ?: take_user(n, o, e);
	if (!ret && url && !n->filename[0]) {
		free(n->filename);
		n->filename = strdup(url);
		ret = n->filename ? 0 : -ENOMEM;
	}
	ret = ret ?: probe_size(n, e);
	free(url);
	if (ret)
		http_close(n);
	return ret;
}

static int http_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	return blk_opts_set(o, "url", filename) ? err_set(e, ENOMEM, "Out of memory") : 0;
}

/* window_lock is held: one thread fills the window, the others wait for it rather than ask twice. */
static int read_window(struct blk_node *n, u64 off, struct iov_cur *out, u64 len)
{
	struct http *h = n->priv;
	int ret = 0;

	if (off < h->w_off || off + len > h->w_off + h->w_len) {
		u64 m = MIN(h->readahead, n->size - off);
		struct iovec v;
		struct iov_cur c = { &v, 1, 0 };

		if (!h->window)
			h->window = malloc(h->readahead);
		if (!h->window)
			return -ENOMEM;
		v = (struct iovec){ h->window, m };
		h->w_len = 0;
		ret = fetch(n, off, &c, m);
		h->w_off = off;
		h->w_len = ret ? 0 : m;
	}
	if (!ret)
		iov_cur_from_buf(out, h->window + (off - h->w_off), len);
	return ret;
}

static int http_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct http *h = n->priv;
	struct iov_cur c = { iov, niov, 0 };
	int ret;

	if (len > h->readahead / 2)
		return fetch(n, off, &c, len);
	pthread_mutex_lock(&h->window_lock);
	ret = read_window(n, off, &c, len);
	pthread_mutex_unlock(&h->window_lock);
	return ret;
}

static int http_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	*x = (struct blk_extent){ .kind = BLK_DATA, .off = off, .host = off, .len = len, .node = n };
	return 0;
}

#define WEB_DRIVER(scheme, var) \
static const struct blk_driver var = { \
	.name = scheme, .prefix = scheme, .flags = BLK_DRV_PROTOCOL, \
	.priv_size = sizeof(struct http), .parse_filename = http_parse, .open = http_open, .close = http_close, \
	.preadv = http_preadv, .status = http_status, \
}; \
BLOCK_FORMAT(var)

WEB_DRIVER("http", http);
WEB_DRIVER("https", https);
