// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The writer's side of the statistics page: making it, giving its slots to
 * handlers and taking them back. Counting itself is inline (loop_priv.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "log.h"
#include "loop_priv.h"
#include "mem.h"
#include "str.h"

#define SLOTS_DEFAULT	256
#define SLOTS_MAX	65536
#define PAIR_FIRST_NS	1000000
#define PAIR_INTERVAL_NS 1000000000

static struct loop_stats_slot *slot_at(const struct loop *loop, u32 i)
{
	return (struct loop_stats_slot *)(void *)((char *)loop->page + loop->page->slot_offset) + i;
}

/* Texts are copied word-wise enough for readers: the kind is what they wait for. */
static void set_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	memset(to, 0, size);
	if (n)
		memcpy(to, from, n);
}

/* A file left by a dead process of our id is replaced; the name is ours alone. */
static int open_file(const char *path)
{
	unlink(path);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* fd -1: anonymous. */
static void *map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *map_file(struct loop *loop, const char *path, size_t size, struct err *err)
{
	void *p = NULL;
	int fd;

	loop->stats_path = str_dup(path);
	if (!loop->stats_path) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	fd = open_file(path);
	if (fd >= 0 && !ftruncate(fd, (off_t)size))
		p = map(fd, size);
	if (!p)
		err_errno(err, errno, "%s: statistics page", path);
	if (fd >= 0)
		close(fd);
	return p;
}

int loop_stats_create(struct loop *loop, const struct loop_params *params, struct err *err)
{
	u32 slots = MIN(params->stats_slots ? params->stats_slots : SLOTS_DEFAULT, (u32)SLOTS_MAX) + 1;
	size_t size = sizeof(struct loop_stats_page) + slots * sizeof(struct loop_stats_slot);
	struct loop_stats_page *page = params->stats_path ? map_file(loop, params->stats_path, size, err) : map(-1, size);

	if (!page)
		return err_set(err, ENOMEM, "out of memory");
	loop->page = page;
	loop->slot_hint = 1;
	page->version = LOOP_STATS_VERSION;
	page->size = (u32)size;
	page->slot_offset = sizeof(*page);
	page->slot_size = sizeof(struct loop_stats_slot);
	page->slot_count = slots;
	page->pid = getpid();
	page->cur_slot = LOOP_STATS_NONE;
	page->ticks0 = page->ticks1 = page->cur_since = loop->ticks = loop_ticks();
	page->ns0 = page->ns1 = loop_now_ns();
	loop->pair_due_ns = page->ns0 + PAIR_FIRST_NS;
	loop->ticks_per_ns = BIT(32);
	set_text(page->loop, sizeof(page->loop), params->name ? params->name : "loop");
	set_text(page->program, sizeof(page->program), log_program());
	set_text(slot_at(loop, 0)->name, sizeof(slot_at(loop, 0)->name), "(others)");
	atomic_set(&slot_at(loop, 0)->kind, LOOP_STATS_OTHERS);
	atomic_set_release(&page->magic, LOOP_STATS_MAGIC);
	return 0;
}

void loop_stats_destroy(struct loop *loop)
{
	if (loop->page)
		munmap(loop->page, loop->page->size);
	if (loop->stats_path)
		unlink(loop->stats_path);
	mem_free(loop->stats_path);
}

struct loop_stats_slot *loop_stats_others(struct loop *loop)
{
	return slot_at(loop, 0);
}

struct loop_stats_slot *loop_stats_open_slot(struct loop *loop, enum loop_stats_kind kind, const char *name,
					     const char *owner)
{
	u32 count = loop->page->slot_count;

	for (u32 k = 1; k < count; k++) {
		u32 i = loop->slot_hint;
		struct loop_stats_slot *s = slot_at(loop, i);

		loop->slot_hint = i + 1 < count ? i + 1 : 1;
		if (s->kind != LOOP_STATS_FREE)
			continue;
		memset(s, 0, offsetof(struct loop_stats_slot, kind));
		set_text(s->name, sizeof(s->name), name);
		set_text(s->owner, sizeof(s->owner), owner);
		atomic_set(&s->generation, s->generation + 1);
		atomic_set_release(&s->kind, kind);
		return s;
	}
	return slot_at(loop, 0);
}

void loop_stats_close_slot(struct loop *loop, struct loop_stats_slot *s)
{
	if (s == slot_at(loop, 0))
		return;
	atomic_set_release(&s->kind, LOOP_STATS_FREE);
	atomic_set(&s->generation, s->generation + 1);
	loop->slot_hint = (u32)(s - slot_at(loop, 0));
}

/* The second pair of clock readings, guarded by pair_seq for readers; and our own rate. */
void loop_stats_pair(struct loop *loop)
{
	struct loop_stats_page *p = loop->page;
	u64 span;

	atomic_set(&p->pair_seq, p->pair_seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	atomic_set(&p->ticks1, loop_ticks());
	atomic_set(&p->ns1, loop_now_ns());
	atomic_set_release(&p->pair_seq, p->pair_seq + 1);
	span = p->ns1 - p->ns0;
	if (span)
		loop->ticks_per_ns = (u64)(((u128)(p->ticks1 - p->ticks0) << 32) / span);
	loop->pair_due_ns = p->ns1 + PAIR_INTERVAL_NS;
}

void loop_stats_post_name(struct loop *loop, const char *name)
{
	set_text(loop->page->post, sizeof(loop->page->post), name);
}
