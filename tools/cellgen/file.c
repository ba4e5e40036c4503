/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations in files: binary, JSON, C source (written only). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "layout.h"
#include "mem.h"
#include "str.h"

#define JSON_MAX (16U << 20)

int jh_slurp(const char *path, size_t max, u8 **data, size_t *len, struct err *err)
{
	int fd = str_eq(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = 0, cap = 0;
	u8 *p = NULL;
	ssize_t got;
	int ret = 0;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	do {
		if (mem_grow(&p, &cap, n + 65536, 1)) {
			ret = err_set(err, ENOMEM, "%s: out of memory", path);
			break;
		}
		got = read(fd, p + n, cap - n - 1);
		if (got < 0 && errno != EINTR)
			ret = err_errno(err, errno, "%s", path);
		else if (got > 0)
			n += got;
		if (n > max)
			ret = err_set(err, EFBIG, "%s: more than %zu bytes", path, max);
	} while (!ret && got != 0);
	if (fd != STDIN_FILENO)
		close(fd);
	if (ret) {
		mem_free(p);
		return ret;
	}
	p[n] = '\0';
	*data = p;
	*len = n;
	return 0;
}

int jh_load(struct jh_config *c, const char *path, int arch, unsigned *fault, struct err *err)
{
	size_t len, at = 0;
	int ret;
	u8 *p;

	jh_config_init(c);
	*fault = 0;
	ret = jh_slurp(path, JSON_MAX, &p, &len, err);
	if (ret)
		return ret;
	while (at < len && strchr(" \t\r\n", p[at]) && p[at])
		at++;
	if (at < len && p[at] == '{')
		ret = jh_read_json(c, (const char *)p, len, err);
	else if (len > 2 && (!memcmp(p, "/*", 2) || !memcmp(p, "#i", 2)))
		ret = err_set(err, EINVAL, "C source cannot be read; compile it first (gcc -c, objcopy -O binary)");
	else
		ret = jh_read(c, p, len, arch, fault, err);
	mem_free(p);
	if (ret)
		return err_prefix(err, "%s", path);
	c->path = path;
	return 0;
}

static int write_all(const char *path, const void *data, size_t len, struct err *err)
{
	const u8 *p = data;
	int fd = str_eq(path, "-") ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int ret = 0;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	while (len && !ret) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			ret = err_errno(err, errno, "%s", path);
		else if (n > 0) {
			p += n;
			len -= n;
		}
	}
	if (fd != STDOUT_FILENO && close(fd) && !ret)
		ret = err_errno(err, errno, "%s", path);
	return ret;
}

int jh_save(const struct jh_config *c, const char *path, const char *comment, struct err *err)
{
	struct strbuf b = STRBUF_INIT;
	size_t len;
	u8 *data;
	int ret;

	if (str_eq(path, "-") || str_ends(path, ".c") || str_ends(path, ".json")) {
		ret = str_ends(path, ".json") ? jh_write_json(c, &b) : jh_write_c(c, comment, &b);
		ret = ret ? err_set(err, ENOMEM, "out of memory") : write_all(path, b.s, b.len, err);
		strbuf_free(&b);
		return ret;
	}
	ret = jh_write(c, &data, &len, err);
	if (ret)
		return ret;
	ret = write_all(path, data, len, err);
	mem_free(data);
	return ret;
}
