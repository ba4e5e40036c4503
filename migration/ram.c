// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory in a stream. Pages that are zero are left out, and holes of the
 * memory's file are not even looked at, so that saving does not fill them.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>
#include "bytes.h"
#include "mem.h"
#include "priv.h"
#include "str.h"

/* One record of n pages from page number first on. */
static int save_run(struct mig_stream *s, const struct machine_ram *ram, u64 first, u64 n, u8 *buf, struct err *err)
{
	put_le64(buf, first);
	memcpy(buf + 8, ram->region->host + first * MIG_PAGE, n * MIG_PAGE);
	return mig_write_record(s, MIG_PAGES, 1, ram->name, buf, 8 + n * MIG_PAGE, err);
}

/* The pages first to last - 1 without the zero ones. */
static int save_range(struct mig_stream *s, const struct machine_ram *ram, u64 first, u64 last, u8 *buf, struct err *err)
{
	u64 at, run = first;
	int ret = 0;

	for (at = first; at < last && ret == 0; at++) {
		bool zero = buf_is_zero(ram->region->host + at * MIG_PAGE, MIG_PAGE);

		if (at > run && (zero || at - run == MIG_RUN)) {
			ret = save_run(s, ram, run, at - run, buf, err);
			run = at;
		}
		if (zero)
			run = at + 1;
	}
	return ret == 0 && last > run ? save_run(s, ram, run, last - run, buf, err) : ret;
}

int mig_save_ram(struct mig_stream *s, const struct machine_ram *ram, struct err *err)
{
	u64 size = ram->region->size, at = 0, pages = size / MIG_PAGE;
	u8 *buf = mem_alloc(8 + MIG_RUN * MIG_PAGE);
	int ret = 0;

	if (!buf)
		return err_set(err, ENOMEM, "out of memory");
	while (at < size && ret == 0) {
		off_t data = lseek(ram->region->fd, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(ram->region->fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0) {	/* memory of a kind without holes */
			ret = save_range(s, ram, at / MIG_PAGE, pages, buf, err);
			break;
		}
		ret = save_range(s, ram, (u64)data / MIG_PAGE, MIN(pages, DIV_ROUND_UP((u64)hole, MIG_PAGE)), buf, err);
		at = (u64)hole;
	}
	mem_free(buf);
	return ret;
}

void mig_clear_ram(const struct machine_ram *ram)
{
	const struct mem_region *r = ram->region;

	if (r->fd < 0 || fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)r->size) < 0)
		memset(r->host, 0, r->size);
}

int mig_load_pages(struct machine *m, struct mig_record *r, struct err *err)
{
	const u8 *p = r->payload.data;
	size_t len = r->payload.len;
	struct machine_ram *ram;
	u64 first, n, pages;

	for (ram = m->rams; ram && !str_eq(ram->name, r->name); ram = ram->next)
		;
	if (!ram)
		return err_set(err, EINVAL, "there is no memory '%s' here", r->name);
	if (len < 16 || (r->kind == MIG_PAGES ? (len - 8) % MIG_PAGE : len != 16))
		return err_set(err, EINVAL, "memory '%s': a record of %zu bytes", r->name, len);
	first = get_le64(p);
	n = r->kind == MIG_PAGES ? (len - 8) / MIG_PAGE : get_le64(p + 8);
	pages = ram->region->size / MIG_PAGE;
	if (first > pages || n > pages - first)
		return err_set(err, EINVAL, "memory '%s': pages beyond its end", r->name);
	if (r->kind == MIG_PAGES)
		memcpy(ram->region->host + first * MIG_PAGE, p + 8, n * MIG_PAGE);
	else
		memset(ram->region->host + first * MIG_PAGE, 0, n * MIG_PAGE);
	return 0;
}
