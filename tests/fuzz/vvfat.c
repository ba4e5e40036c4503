/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder of the host as a FAT disk: names, links, sizes and the options come
 * from the input; the disk is read whole while entries go away. First byte:
 * options; then entries, each a byte of kind, one of size, and a name that
 * ends with a zero. requires: CONFIG_BLOCK_VVFAT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/driver.h"

#define MAX_ENTRIES 24

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct folder {
	int fd, n;
	struct { char name[256]; bool dir; } v[MAX_ENTRIES];
};

static void make(struct folder *f, u8 kind, u8 len, const char *name)
{
	int fd;

	f->v[f->n].dir = kind % 8 == 1;
	if (kind % 8 == 1)
		fd = mkdirat(f->fd, name, 0700);
	else if (kind % 8 == 2)
		fd = symlinkat(f->n ? f->v[len % f->n].name : "..", f->fd, name);
	else if (kind % 8 == 3)
		fd = mkfifoat(f->fd, name, 0600);
	else
		fd = openat(f->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (kind % 8 > 3 || !(kind % 8)) {
		if (ftruncate(fd, (off_t)len << kind % 16) < 0)
			f->v[f->n].dir = false;
		close(fd);
	}
	snprintf(f->v[f->n++].name, sizeof(f->v[0].name), "%s", name);
}

/* Names of one folder only: whatever could lead out of it is changed. */
static void fill(struct folder *f, const u8 *p, size_t size)
{
	while (size > 2 && f->n < MAX_ENTRIES) {
		char name[256] = { 0 };
		size_t n = strnlen((const char *)p + 2, MIN(size - 2, sizeof(name) - 1));

		memcpy(name, p + 2, n);
		for (size_t i = 0; i < n; i++)
			name[i] = name[i] == '/' ? '!' : name[i];
		if (n && strcmp(name, ".") && strcmp(name, ".."))
			make(f, p[0], p[1], name);
		n = MIN(n + 3, size);
		p += n;
		size -= n;
	}
}

static void empty(struct folder *f, int keep)
{
	while (f->n > keep) {
		f->n--;
		unlinkat(f->fd, f->v[f->n].name, f->v[f->n].dir ? AT_REMOVEDIR : 0);
	}
}

static void see(struct blk_node *n, struct folder *f)
{
	u64 off = 0, size = blk_length(n);
	static u8 buf[65536];

	while (off < size) {
		struct blk_status st;

		if (blk_status(n, off, size - off, &st) || !st.len)
			abort();
		for (u64 at = off; st.flags & BLK_ST_DATA && at < off + st.len && at < 32 * MiB; at += sizeof(buf)) {
			blk_pread(n, at, buf, MIN(size - at, sizeof(buf)));
			if (at == 4 * sizeof(buf))
				empty(f, f->n / 2);
		}
		off += st.len;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const types[] = { NULL, "12", "16", "32" };
	const char *tmp = getenv("TMPDIR");
	char dir[256];
	struct blk_graph *g;
	struct blk_node *n = NULL;
	struct blk_opts o = { 0 };
	struct folder f = { 0 };

	snprintf(dir, sizeof(dir), "%s/fuzz-vvfat.XXXXXX", tmp ? tmp : "/tmp");
	if (size < 2 || size > 4096 || !mkdtemp(dir))
		return 0;
	f.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g = f.fd < 0 ? NULL : blk_graph_new(NULL);
	if (g) {
		fill(&f, data + 1, size - 1);
		blk_opts_set(&o, "driver", "vvfat");
		blk_opts_set(&o, "dir", dir);
		if (data[0] & 3)
			blk_opts_set(&o, "fat-type", types[data[0] & 3]);
		blk_opts_set(&o, "floppy", data[0] & 4 ? "on" : "off");
		if (!blk_open(g, NULL, &o, 0, &n, NULL)) {
			see(n, &f);
			blk_unref(n);
		}
		blk_graph_free(g);
	}
	empty(&f, 0);
	if (f.fd >= 0)
		close(f.fd);
	rmdir(dir);
	return 0;
}
