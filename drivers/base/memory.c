// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Address spaces: mappings in, flat views out (see dev/memory.h).
 *
 * A reader counts itself in one of two phases, copies the range it wants out
 * of the current view and counts itself out. A view that was replaced is put
 * on the list of the newest epoch; lists move on when the phase before has no
 * readers left, so a view is freed after both phases were seen empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dev/device.h"
#include "dev/memory.h"

#define PAGE 4096ULL

struct mem_view {
	struct mem_view *next;		/* on a list of retired views */
	u32 n;
	struct mem_range r[];
};

/* ---- readers and reclamation ---- */

static unsigned reader_enter(struct mem_space *s)
{
	unsigned phase = __atomic_load_n(&s->phase, __ATOMIC_SEQ_CST) & 1;

	__atomic_fetch_add(&s->readers[phase].n, 1, __ATOMIC_SEQ_CST);
	return phase;
}

static void reader_leave(struct mem_space *s, unsigned phase)
{
	__atomic_fetch_sub(&s->readers[phase].n, 1, __ATOMIC_SEQ_CST);
}

static void free_list(struct mem_view *v)
{
	while (v) {
		struct mem_view *next = v->next;

		free(v);
		v = next;
	}
}

/* Under the lock. */
static void reclaim(struct mem_space *s)
{
	unsigned before = 1 - s->phase;

	if (__atomic_load_n(&s->readers[before].n, __ATOMIC_SEQ_CST))
		return;
	free_list(s->retired_old);
	s->retired_old = s->retired_new;
	s->retired_new = NULL;
	__atomic_store_n(&s->phase, before, __ATOMIC_SEQ_CST);
}

void mem_sync(struct mem_space *s)
{
	bool busy = true;

	while (busy) {
		pthread_mutex_lock(&s->lock);
		reclaim(s);
		busy = s->retired_old || s->retired_new;
		pthread_mutex_unlock(&s->lock);
		if (busy)
			sched_yield();
	}
}

/* ---- building a view ---- */

static bool map_before(const struct mem_map *a, const struct mem_map *b)
{
	return a->prio != b->prio ? a->prio > b->prio : a->age > b->age;
}

/* Puts first..last of m into the gap before v->r[at]. */
static void view_insert(struct mem_view *v, u32 at, const struct mem_map *m, u64 first, u64 last)
{
	memmove(&v->r[at + 1], &v->r[at], (v->n - at) * sizeof(v->r[0]));
	v->r[at] = (struct mem_range){ first, last, m->region, m->off + (first - m->base), m->rdonly };
	v->n++;
}

/* Fills the gaps of v with m. Every gap filled adds one range, so 2n + 1 bounds the view. */
static void view_add(struct mem_view *v, const struct mem_map *m)
{
	u64 first = m->base, last = m->base + m->len - 1;
	u32 i;

	for (i = 0; i < v->n; i++) {
		if (v->r[i].last < first)
			continue;
		if (v->r[i].first > last)
			break;
		if (v->r[i].first > first) {
			view_insert(v, i, m, first, v->r[i].first - 1);
			i++;
		}
		if (v->r[i].last >= last)
			return;
		first = v->r[i].last + 1;
	}
	view_insert(v, i, m, first, last);
}

static struct mem_view *view_build(struct mem_space *s)
{
	struct mem_map *m;
	struct mem_view *v;
	u32 n = 0;

	for (m = s->maps; m; m = m->next)
		n++;
	v = malloc(sizeof(*v) + (2 * (size_t)n + 1) * sizeof(v->r[0]));
	if (!v)
		return NULL;
	v->n = 0;
	v->next = NULL;
	for (m = s->maps; m; m = m->next)
		view_add(v, m);
	return v;
}

/* Under the lock. Out of memory keeps the old view until the next change. */
static void publish(struct mem_space *s)
{
	struct mem_view *v, *old = s->view;

	if (s->batch || !s->changed)
		return;
	v = view_build(s);
	if (!v)
		return;
	s->changed = false;
	__atomic_store_n(&s->view, v, __ATOMIC_SEQ_CST);
	if (old) {
		old->next = s->retired_new;
		s->retired_new = old;
	}
	reclaim(s);
	if (s->on_change)
		s->on_change(s->on_change_ctx);
}

int mem_space_init(struct mem_space *s, const char *name, u64 last)
{
	memset(s, 0, sizeof(*s));
	s->name = name;
	s->last = last;
	pthread_mutex_init(&s->lock, NULL);
	s->view = view_build(s);
	return s->view ? 0 : -ENOMEM;
}

void mem_space_free(struct mem_space *s)
{
	while (s->maps)
		mem_map_del(s->maps);
	free_list(s->retired_old);
	free_list(s->retired_new);
	free(s->view);
	s->retired_old = s->retired_new = s->view = NULL;
	pthread_mutex_destroy(&s->lock);
}

void mem_begin(struct mem_space *s)
{
	pthread_mutex_lock(&s->lock);
	s->batch++;
	pthread_mutex_unlock(&s->lock);
}

void mem_commit(struct mem_space *s)
{
	pthread_mutex_lock(&s->lock);
	s->batch--;
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void unlink_map(struct mem_space *s, struct mem_map *m)
{
	struct mem_map **p = &s->maps;

	while (*p && *p != m)
		p = &(*p)->next;
	if (*p)
		*p = m->next;
	m->space = NULL;
	s->changed = true;
}

void mem_map_add_part(struct mem_space *s, struct mem_map *m, struct mem_region *r,
		      u64 base, u64 off, u64 len, int prio)
{
	struct mem_map **p;

	pthread_mutex_lock(&s->lock);
	if (m->space)
		unlink_map(s, m);
	if (len && base <= s->last) {
		m->region = r;
		m->base = base;
		m->off = off;
		m->len = MIN(len, s->last - base + 1 ? s->last - base + 1 : ~0ULL);
		m->prio = prio;
		m->age = ++s->age;
		m->space = s;
		for (p = &s->maps; *p && map_before(*p, m); p = &(*p)->next)
			;
		m->next = *p;
		*p = m;
		s->changed = true;
	}
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

void mem_map_add(struct mem_space *s, struct mem_map *m, struct mem_region *r, u64 base, int prio)
{
	mem_map_add_part(s, m, r, base, 0, r->size, prio);
}

void mem_map_del(struct mem_map *m)
{
	struct mem_space *s = m->space;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	unlink_map(s, m);
	publish(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- regions ---- */

/* Takes fd over, also on failure. */
static int map_ram(struct mem_region *r, const char *name, int fd, u64 size, bool share, struct err *err)
{
	struct stat st;
	void *host;

	r->name = name;
	r->kind = MEM_RAM;
	r->size = ALIGN_UP(size, PAGE);
	if (fstat(fd, &st) < 0 || ((u64)st.st_size < r->size && ftruncate(fd, (off_t)r->size) < 0)) {
		int e = errno;

		close(fd);
		return err_errno(err, e, "cannot size the memory '%s' to %llu bytes", name, r->size);
	}
	host = mmap(NULL, r->size, PROT_READ | PROT_WRITE, (share ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE, fd, 0);
	if (host == MAP_FAILED) {
		int e = errno;

		close(fd);
		return err_errno(err, e, "cannot map %llu bytes of memory '%s'", r->size, name);
	}
	if (!share)
		close(fd);
	r->fd = share ? fd : -1;
	r->host = host;
	return 0;
}

int mem_region_init_ram(struct mem_region *r, const char *name, u64 size, struct err *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	if (fd < 0)
		return err_errno(err, errno, "cannot create the memory '%s'", name);
	return map_ram(r, name, fd, size, true, err);
}

int mem_region_init_file(struct mem_region *r, const char *name, const char *path, u64 size, bool share, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT, 0600);

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	if (fd < 0 && errno == EISDIR)
		fd = open(path, O_RDWR | O_CLOEXEC | O_TMPFILE, 0600);
	if (fd < 0)
		return err_errno(err, errno, "cannot open the memory's file '%s'", path);
	return map_ram(r, name, fd, size, share, err);
}

int mem_region_prealloc(struct mem_region *r, struct err *err)
{
	u64 at;

	if (r->fd >= 0)
		return fallocate(r->fd, 0, 0, (off_t)r->size) < 0 ? err_errno(err, errno, "cannot allocate the memory '%s'", r->name) : 0;
	for (at = 0; at < r->size; at += PAGE)
		__atomic_fetch_or(r->host + at, 0, __ATOMIC_RELAXED);
	return 0;
}

int mem_region_init_rom(struct mem_region *r, const char *name, u64 size, struct err *err)
{
	int ret = mem_region_init_ram(r, name, size, err);

	r->kind = MEM_ROM;
	return ret;
}

void mem_region_init_io(struct mem_region *r, struct device *dev, const char *name, u64 size,
			const struct mem_ops *ops, void *opaque)
{
	*r = (struct mem_region){ .name = name, .kind = MEM_IO, .size = size, .fd = -1,
				  .ops = ops, .opaque = opaque, .dev = dev };
}

void mem_region_free(struct mem_region *r)
{
	if (r->host) {
		munmap(r->host, r->size);
		if (r->fd >= 0)
			close(r->fd);
	}
	r->host = NULL;
	r->fd = -1;
}

void mem_contents_changed(struct mem_space *s)
{
	if (s->on_change)
		s->on_change(s->on_change_ctx);
}

/* ---- look-up ---- */

/* Index of the first range that ends at or behind addr. */
static u32 view_lower(const struct mem_view *v, u64 addr)
{
	u32 lo = 0, hi = v->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (v->r[mid].last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool mem_find(struct mem_space *s, u64 addr, struct mem_range *out)
{
	unsigned phase = reader_enter(s);
	const struct mem_view *v = __atomic_load_n(&s->view, __ATOMIC_SEQ_CST);
	u32 i = view_lower(v, addr);
	bool hit = i < v->n && v->r[i].first <= addr;

	if (hit) {
		*out = v->r[i];
	} else {	/* the hole's bounds help callers that skip it */
		out->first = i ? v->r[i - 1].last + 1 : 0;
		out->last = i < v->n ? v->r[i].first - 1 : s->last;
		out->region = NULL;
	}
	reader_leave(s, phase);
	return hit;
}

int mem_walk(struct mem_space *s, int (*fn)(const struct mem_range *, void *), void *opaque)
{
	struct mem_range r;
	u64 addr = 0;
	int ret;

	for (;;) {
		if (mem_find(s, addr, &r)) {
			ret = fn(&r, opaque);
			if (ret)
				return ret;
		}
		if (r.last >= s->last)
			return 0;
		addr = r.last + 1;
	}
}

/* ---- accesses ---- */

static u64 ones(unsigned size)
{
	return ~0ULL >> (64 - 8 * size);
}

static bool io_valid(const struct mem_ops *ops, unsigned size)
{
	return size >= ops->valid_min && (!ops->valid_max || size <= ops->valid_max);
}

/* The size of the next piece: what is left, cut to what the callbacks take and to the alignment. */
static unsigned io_step(const struct mem_ops *ops, u64 off, unsigned left)
{
	unsigned max = ops->max ? ops->max : 8, size = 8;

	while (size > left || size > max || (!ops->unaligned && (off & (size - 1))))
		size /= 2;
	return size;
}

static u64 io_read_one(const struct mem_region *r, u64 off, unsigned size)
{
	unsigned min = r->ops->min ? r->ops->min : 1;

	if (!r->ops->read)
		return ones(size);
	if (size < min) {
		unsigned shift = 8 * (off & (min - 1));

		return (r->ops->read(r->opaque, off & ~(u64)(min - 1), min) >> shift) & ones(size);
	}
	return r->ops->read(r->opaque, off, size) & ones(size);
}

static void io_write_one(const struct mem_region *r, u64 off, u64 val, unsigned size)
{
	unsigned min = r->ops->min ? r->ops->min : 1;

	if (!r->ops->write)
		return;
	if (size < min)
		r->ops->write(r->opaque, off & ~(u64)(min - 1), val << (8 * (off & (min - 1))), min);
	else
		r->ops->write(r->opaque, off, val, size);
}

u64 mem_region_read(const struct mem_region *r, u64 off, unsigned size)
{
	u64 val = 0;
	unsigned done, step;

	if (!r->ops || !io_valid(r->ops, size))
		return ones(size);
	device_lock(r->dev);
	for (done = 0; done < size; done += step) {
		step = io_step(r->ops, off + done, size - done);
		val |= io_read_one(r, off + done, step) << (8 * done);
	}
	device_unlock(r->dev);
	return val;
}

void mem_region_write(const struct mem_region *r, u64 off, u64 val, unsigned size)
{
	unsigned done, step;

	if (!r->ops || !io_valid(r->ops, size))
		return;
	device_lock(r->dev);
	for (done = 0; done < size; done += step) {
		step = io_step(r->ops, off + done, size - done);
		io_write_one(r, off + done, (val >> (8 * done)) & ones(step), step);
	}
	device_unlock(r->dev);
}

/* Plain loads and stores of the right width: a guest's aligned access is one access. */
static u64 ram_load(const u8 *p, unsigned size)
{
	u64 v = 0;

	switch (size) {
	case 1: return *(volatile const u8 *)p;
	case 2: { u16 x; __builtin_memcpy(&x, p, 2); return x; }
	case 4: { u32 x; __builtin_memcpy(&x, p, 4); return x; }
	case 8: __builtin_memcpy(&v, p, 8); return v;
	}
	memcpy(&v, p, size);
	return v;
}

static void ram_store(u8 *p, u64 v, unsigned size)
{
	switch (size) {
	case 1: *(volatile u8 *)p = (u8)v; break;
	case 2: { u16 x = (u16)v; __builtin_memcpy(p, &x, 2); break; }
	case 4: { u32 x = (u32)v; __builtin_memcpy(p, &x, 4); break; }
	case 8: __builtin_memcpy(p, &v, 8); break;
	default: memcpy(p, &v, size);
	}
}

static bool range_has_bytes(const struct mem_range *r)
{
	return r->region->kind != MEM_IO;
}

/*
 * One access of size bytes at addr belongs to r alone. I/O is decoded by its
 * first byte: 0xcf9 inside 0xcf8-0xcfb does not split a dword at 0xcf8.
 */
static bool is_whole(const struct mem_range *r, u64 addr, unsigned size)
{
	if (r->last - addr >= size - 1)
		return true;
	return r->region && !range_has_bytes(r) && r->off + (addr - r->first) + size <= r->region->size;
}

u64 mem_read(struct mem_space *s, u64 addr, unsigned size)
{
	struct mem_range r;
	u64 val = 0;
	unsigned i;

	if (!mem_find(s, addr, &r) && r.last - addr >= size - 1)
		return ones(size);
	if (r.region && is_whole(&r, addr, size)) {
		if (range_has_bytes(&r))
			return ram_load(r.region->host + r.off + (addr - r.first), size);
		return mem_region_read(r.region, r.off + (addr - r.first), size);
	}
	for (i = 0; i < size; i++)	/* over the edge of a range */
		val |= (addr + i <= s->last && addr + i >= addr ? mem_read(s, addr + i, 1) : 0xff) << (8 * i);
	return val;
}

void mem_write(struct mem_space *s, u64 addr, u64 val, unsigned size)
{
	struct mem_range r;
	unsigned i;

	if (!mem_find(s, addr, &r) && r.last - addr >= size - 1)
		return;
	if (r.region && is_whole(&r, addr, size)) {
		u64 off = r.off + (addr - r.first);

		if (r.region->kind == MEM_RAM && !r.rdonly)
			ram_store(r.region->host + off, val, size);
		else if (r.region->kind != MEM_RAM)
			mem_region_write(r.region, off, val, size);
		return;
	}
	for (i = 0; i < size; i++)
		if (addr + i <= s->last && addr + i >= addr)
			mem_write(s, addr + i, (val >> (8 * i)) & 0xff, 1);
}

/* The widest natural access at addr that stays within len. */
static unsigned natural(u64 addr, u64 len)
{
	unsigned size = 8;

	while (size > len || (addr & (size - 1)))
		size /= 2;
	return size;
}

void mem_read_buf(struct mem_space *s, u64 addr, void *buf, u64 len)
{
	u8 *p = buf;
	struct mem_range r;

	while (len) {
		u64 n = 0, v;

		if (addr > s->last) {
			memset(p, 0xff, len);
			return;
		}
		mem_find(s, addr, &r);
		n = MIN(len, r.last - addr + 1 ? r.last - addr + 1 : ~0ULL);
		if (!r.region) {
			memset(p, 0xff, n);
		} else if (range_has_bytes(&r)) {
			memcpy(p, r.region->host + r.off + (addr - r.first), n);
		} else {
			n = natural(addr, n);
			v = mem_region_read(r.region, r.off + (addr - r.first), (unsigned)n);
			memcpy(p, &v, n);
		}
		addr += n;
		p += n;
		len -= n;
	}
}

void mem_write_buf(struct mem_space *s, u64 addr, const void *buf, u64 len)
{
	const u8 *p = buf;
	struct mem_range r;

	while (len && addr <= s->last) {
		u64 n, v = 0, off;

		mem_find(s, addr, &r);
		n = MIN(len, r.last - addr + 1 ? r.last - addr + 1 : ~0ULL);
		off = r.off + (addr - r.first);
		if (r.region && r.region->kind == MEM_RAM) {
			if (!r.rdonly) {
				memcpy(r.region->host + off, p, n);
				dma_written(s, addr, n);
			}
		} else if (r.region) {
			n = natural(addr, n);
			memcpy(&v, p, n);
			mem_region_write(r.region, off, v, (unsigned)n);
		}
		addr += n;
		p += n;
		len -= n;
		if (!addr)
			return;		/* wrapped */
	}
}

void *dma_map(struct mem_space *s, u64 addr, u64 *len, bool is_write)
{
	struct mem_range r;

	if (!mem_find(s, addr, &r) || !range_has_bytes(&r))
		return NULL;
	if (is_write && (r.region->kind != MEM_RAM || r.rdonly))
		return NULL;
	if (*len > r.last - addr + 1)
		*len = r.last - addr + 1;
	return r.region->host + r.off + (addr - r.first);
}

int dma_read(struct mem_space *s, u64 addr, void *buf, u64 len)
{
	u8 *p = buf;

	while (len) {
		u64 n = len;
		const void *host = dma_map(s, addr, &n, false);

		if (!host) {
			memset(p, 0xff, len);
			return -EFAULT;
		}
		memcpy(p, host, n);
		addr += n;
		p += n;
		len -= n;
	}
	return 0;
}

int dma_write(struct mem_space *s, u64 addr, const void *buf, u64 len)
{
	const u8 *p = buf;

	while (len) {
		u64 n = len;
		void *host = dma_map(s, addr, &n, true);

		if (!host)
			return -EFAULT;
		memcpy(host, p, n);
		dma_written(s, addr, n);
		addr += n;
		p += n;
		len -= n;
	}
	return 0;
}

void dma_written(struct mem_space *s, u64 addr, u64 len)
{
	if (s->on_dma)
		s->on_dma(s->on_dma_ctx, addr, len);
}
