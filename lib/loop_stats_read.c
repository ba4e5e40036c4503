// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader's side of an event loop's statistics page (loop_stats.h). The file is not trusted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "loop_priv.h"

int loop_stats_path(char *buf, size_t size, const char *name)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!dir || !*dir)
		dir = "/dev/shm";
	return snprintf(buf, size, "%s/vmbox-%d-%s.loop", dir, (int)getpid(), name) < (int)size ? 0 : -ENAMETOOLONG;
}

static bool header_fits(const struct loop_stats_page *p, u64 file_size)
{
	return atomic_get_acquire(&p->magic) == LOOP_STATS_MAGIC && p->version == LOOP_STATS_VERSION &&
	       p->size <= file_size && p->slot_offset >= sizeof(*p) && p->slot_offset % 8 == 0 &&
	       p->slot_size >= sizeof(struct loop_stats_slot) && p->slot_size % 8 == 0 &&
	       (u64)p->slot_offset + (u64)p->slot_count * p->slot_size <= p->size;
}

const struct loop_stats_page *loop_stats_open(const char *path, struct err *err)
{
	const struct loop_stats_page *p = MAP_FAILED;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		err_errno(err, errno, "%s", path);
		goto out;
	}
	if ((u64)st.st_size >= sizeof(*p))
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || !header_fits(p, (u64)st.st_size)) {
		err_set(err, EINVAL, "%s: not a statistics page of version %d", path, LOOP_STATS_VERSION);
		if (p != MAP_FAILED)
			munmap((void *)(uintptr_t)p, (size_t)st.st_size);
		p = MAP_FAILED;
	}
out:
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

void loop_stats_close(const struct loop_stats_page *page)
{
	if (page)
		munmap((void *)(uintptr_t)page, page->size);
}

const struct loop_stats_slot *loop_stats_slot(const struct loop_stats_page *page, u32 i)
{
	return (const void *)((const char *)page + page->slot_offset + (size_t)i * page->slot_size);
}

u64 loop_stats_ticks(void)
{
	return loop_ticks();
}

/* The later pair, or the reader's own clocks when there is none yet. */
static void second_pair(const struct loop_stats_page *p, u64 *ticks, u64 *ns)
{
	for (int tries = 0; tries < 100; tries++) {
		u64 seq = atomic_get_acquire(&p->pair_seq);

		*ticks = atomic_get(&p->ticks1);
		*ns = atomic_get(&p->ns1);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && atomic_get(&p->pair_seq) == seq && *ns != p->ns0)
			return;
	}
	*ticks = loop_ticks();
	*ns = loop_now_ns();
}

u64 loop_stats_to_ns(const struct loop_stats_page *page, u64 ticks)
{
	u64 ticks1, ns1;

	second_pair(page, &ticks1, &ns1);
	if (ticks1 <= page->ticks0 || ns1 <= page->ns0)
		return ticks;
	return (u64)((u128)ticks * (ns1 - page->ns0) / (ticks1 - page->ticks0));
}
