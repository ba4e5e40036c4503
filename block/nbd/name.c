// SPDX-License-Identifier: GPL-2.0-or-later
/* File names of NBD exports: URIs (doc/uri.md of the NBD project) and the old "nbd:" form. */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "block/nbd.h"
#include "mem.h"
#include "str.h"

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Undoes %XX; *out for free(). NUL bytes are refused. */
static int unescape(const char *s, size_t len, char **out)
{
	char *p = malloc(len + 1);
	size_t n = 0;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		int v = (u8)s[i];

		if (s[i] == '%') {
			int hi = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			v = hi < 0 || lo < 0 ? 0 : hi << 4 | lo;
			i += 2;
		}
		if (!v) {
			free(p);
			return -EINVAL;
		}
		p[n++] = (char)v;
	}
	p[n] = 0;
	*out = p;
	return 0;
}

static int set_part(struct blk_opts *o, const char *key, const char *s, size_t len)
{
	char *v;
	int ret = unescape(s, len, &v);

	if (ret)
		return ret;
	ret = blk_opts_set(o, key, v);
	free(v);
	return ret;
}

/* host[:port], [v6][:port]; an empty host is localhost. */
static int set_host(struct blk_opts *o, const char *s, size_t len, const char *kind)
{
	const char *end = s + len, *colon, *host = s;
	bool vsock = !strcmp(kind, "vsock");
	size_t host_len;
	int ret;

	if (len && *s == '[') {
		host = s + 1;
		colon = memchr(s, ']', len);
		if (!colon)
			return -EINVAL;
		host_len = (size_t)(colon - host);
		colon++;
	} else {
		colon = memchr(s, ':', len);
		colon = colon ? colon : end;
		host_len = (size_t)(colon - host);
	}
	if (colon < end && *colon != ':')
		return -EINVAL;
	ret = blk_opts_set(o, "server.type", kind);
	ret = ret ?: set_part(o, vsock ? "server.cid" : "server.host", host_len ? host : "localhost",
			      host_len ? host_len : 9);
	if (!ret && end - colon > 1)
		return set_part(o, "server.port", colon + 1, (size_t)(end - colon - 1));
	return ret ?: blk_opts_set(o, "server.port", NBD_DEFAULT_PORT);
}

static int parse_uri(const char *scheme_rest, const char *authority, struct blk_opts *o)
{
	const char *path = authority + strcspn(authority, "/?#"), *query = strchr(path, '?');
	const char *end = path + strcspn(path, "?#");
	int ret = 0;

	if (*path == '/')
		path++;
	if (path < end || *path)
		ret = set_part(o, "export", path, end > path ? (size_t)(end - path) : 0);
	if (ret)
		return ret;
	if (str_starts(scheme_rest, "+unix", NULL)) {
		if (*authority != '/' && *authority != '?')
			return -EINVAL;		/* no host for a unix socket */
		if (!query || !str_starts(query, "?socket=", &query) || strchr(query, '&'))
			return -EINVAL;
		ret = blk_opts_set(o, "server.type", "unix");
		return ret ?: set_part(o, "server.path", query, strcspn(query, "#"));
	}
	if (query)
		return -EINVAL;
	return set_host(o, authority, strcspn(authority, "/?#"),
			str_starts(scheme_rest, "+vsock", NULL) ? "vsock" : "inet");
}

/* nbd:HOST:PORT[:exportname=X], nbd:unix:PATH[:exportname=X] */
static int parse_old(const char *s, struct blk_opts *o, struct err *e)
{
	const char *x = strstr(s, ":exportname=");
	size_t len = x ? (size_t)(x - s) : strlen(s);
	int ret = 0;

	if (x && !x[12])
		return err_set(e, EINVAL, "export name is empty");
	if (x)
		ret = blk_opts_set(o, "export", x + 12);
	if (ret)
		return ret;
	if (len >= 5 && !strncmp(s, "unix:", 5)) {
		char *path = str_ndup(s + 5, len - 5);

		ret = path ? blk_opts_set(o, "server.type", "unix") : -ENOMEM;
		ret = ret ?: blk_opts_set(o, "server.path", path);
		mem_free(path);
		return ret;
	}
	if (!len || (*s != '[' && !memchr(s, ':', len)))
		return err_set(e, EINVAL, "host address and port are needed: 'nbd:%s'", s);
	return set_host(o, s, len, "inet");
}

int nbd_parse_name(const char *name, struct blk_opts *o, struct err *e)
{
	const char *rest = name + 3, *auth = strstr(rest, "://");
	size_t kind = strcspn(rest, ":");
	int ret;

	if (blk_opts_get(o, "host") || blk_opts_get(o, "port") || blk_opts_get(o, "path") ||
	    blk_opts_has_sub(o, "server"))
		return err_set(e, EINVAL, "host/port/path and file names may not be specified at the same time");
	if (*rest == 's') {
		rest++;
		kind--;
	}
	if (!auth || auth != rest + kind)
		return kind ? err_set(e, EINVAL, "File name '%s' is no NBD address", name) : parse_old(rest + 1, o, e);
	if (kind && strncmp(rest, "+tcp:", 5) && strncmp(rest, "+unix:", 6) && strncmp(rest, "+vsock:", 7))
		return err_set(e, EINVAL, "Invalid URI scheme in '%s'", name);
	ret = parse_uri(rest, auth + 3, o);
	return ret ? err_set(e, -ret, "No valid URL specified: '%s'", name) : 0;
}
