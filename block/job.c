// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mirror and backup of a node in use (block/job.h). Each cluster of the node
 * is dirty (to be copied), busy (being copied by a thread) or neither. Threads
 * of the job take runs of dirty clusters. A mirror's clusters become dirty
 * again by every write; a backup's write copies the clusters that it is about
 * to change itself, or waits for the thread that does.
 *
 * Locks: the node's drain gate, then the job's lock; the lock is never held
 * over I/O. Who has marked clusters busy is inside of the gate and does not
 * wait for others, so nobody waits for ever.
 */
#include <string.h>
#include <time.h>
#include "block/int.h"
#include "block/job.h"
#include "mem.h"
#include "thread.h"

#define WORKERS		4
#define PIECE		(1U << 20)
#define RETRY_NS	100000000ULL
#define NS		1000000000ULL

struct blk_job {
	struct blk_job_conf c;
	struct blk_watch watch;
	pthread_mutex_t lock;
	pthread_cond_t wake;		/* work, a cluster that is not busy any more, the end */
	u64 *dirty, *busy;		/* a bit each cluster */
	u64 size, clusters, n_dirty, n_busy, cursor;
	u32 shift;
	u64 done, not_before_ns;
	bool paused, held, cancelled, quit, finishing, ready, ended, watched, drained;
	int ret;
	unsigned read_errors, write_errors;
	enum blk_job_on_error action;
	int error;
	struct thread th[WORKERS];
	unsigned threads, alive;
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * NS + (u64)t.tv_nsec;
}

static void notify(struct blk_job *j)
{
	if (j->c.notify)
		j->c.notify(j->c.opaque);
}

/* ---- clusters; the lock is held ---- */

static bool bit(const u64 *map, u64 k)
{
	return map[k / 64] >> (k % 64) & 1;
}

static void flip(u64 *map, u64 k)
{
	map[k / 64] ^= 1ULL << (k % 64);
}

static u64 bytes_of(const struct blk_job *j, u64 first, u64 n)
{
	u64 off = first << j->shift;

	return MIN(n << j->shift, j->size - off);
}

static void set_dirty(struct blk_job *j, u64 first, u64 n)
{
	for (; n; n--, first++)
		if (!bit(j->dirty, first)) {
			flip(j->dirty, first);
			j->n_dirty++;
		}
}

static void mark_busy(struct blk_job *j, u64 first, u64 n)
{
	j->n_dirty -= n;
	j->n_busy += n;
	for (; n; n--, first++) {
		flip(j->dirty, first);
		flip(j->busy, first);
	}
}

static void mark_free(struct blk_job *j, u64 first, u64 n)
{
	j->n_busy -= n;
	for (; n; n--, first++)
		flip(j->busy, first);
	pthread_cond_broadcast(&j->wake);
}

static bool is_free(const struct blk_job *j, u64 k)
{
	return bit(j->dirty, k) && !bit(j->busy, k);
}

/* How many from first on can be copied in one go. */
static u64 run_length(const struct blk_job *j, u64 first, u64 end, u64 max)
{
	u64 n = 0;

	while (first + n < end && n < max && is_free(j, first + n))
		n++;
	return n;
}

static u64 next_free(const struct blk_job *j, u64 from)
{
	u64 words = DIV_ROUND_UP(j->clusters, 64ULL), w = from / 64, mask = ~0ULL << (from % 64), i;

	for (i = 0; i <= words; i++) {
		u64 found = j->dirty[w] & ~j->busy[w] & mask;

		if (found)
			return w * 64 + (unsigned)__builtin_ctzll(found);
		mask = ~0ULL;
		w = w + 1 == words ? 0 : w + 1;
	}
	return ~0ULL;
}

/* Marks a run as busy; how many, 0: there is none. */
static u64 take(struct blk_job *j, u64 *first)
{
	u64 max = MAX(PIECE >> j->shift, 1U), n;

	if (j->c.speed)
		max = MIN(max, MAX((j->c.speed / 10) >> j->shift, 1ULL));
	*first = j->n_dirty ? next_free(j, j->cursor) : ~0ULL;
	if (*first == ~0ULL)
		return 0;
	n = run_length(j, *first, j->clusters, max);
	mark_busy(j, *first, n);
	j->cursor = *first + n == j->clusters ? 0 : *first + n;
	return n;
}

/* ---- copying; without the lock, inside of the source's gate ---- */

static int write_zeros(struct blk_job *j, u64 off, u64 len)
{
	int ret = 0;

	while (!ret && len) {
		struct blk_status st = { 0 };
		u64 m = len;

		if (!j->c.no_unmap && !blk_status_chain(j->c.dst, NULL, off, len, &st) && st.len)
			m = MIN(len, st.len);
		if (!(st.flags & BLK_ST_ZERO))
			ret = blk_zero(j->c.dst, off, m, j->c.no_unmap ? 0 : BLK_MAY_UNMAP);
		off += m;
		len -= m;
	}
	return ret;
}

/* At most PIECE bytes, whole clusters. *read: that side failed. */
static int copy_some(struct blk_job *j, u64 off, u64 len, bool zero, u8 *buf, bool *read)
{
	int ret = zero ? 0 : blk_node_pread(j->c.src, off, buf, len);

	*read = ret;
	if (ret)
		return ret;
	if (zero || buf_is_zero(buf, len))
		return write_zeros(j, off, len);
	return blk_pwrite(j->c.dst, off, buf, len, j->c.compress ? BLK_COMPRESS : 0);
}

static int copy_range(struct blk_job *j, u64 off, u64 len, u8 *buf, bool *read)
{
	u32 piece = j->c.compress ? 1U << j->shift : MAX(PIECE, 1U << j->shift);
	int ret = 0;

	*read = false;
	if (j->c.kind == BLK_JOB_STREAM)
		return blk_node_fill(j->c.src, j->c.base, off, len);
	while (!ret && len) {
		struct blk_status st;
		u64 m = MIN(len, (u64)piece);

		*read = true;
		ret = blk_status_chain(j->c.src, NULL, off, m, &st);
		if (ret)
			break;
		if (!j->c.compress && st.len)
			m = MIN(m, st.len);
		ret = copy_some(j, off, m, st.flags & BLK_ST_ZERO && st.len >= m, buf, read);
		off += m;
		len -= m;
	}
	return ret;
}

static u8 *buffer(const struct blk_job *j)
{
	return blk_buf_alloc(MAX(PIECE, 1U << j->shift));
}

/* ---- ends and errors; the lock is held ---- */

static void stop(struct blk_job *j, int ret)
{
	if (!j->ret)
		j->ret = ret;
	j->quit = true;
	pthread_cond_broadcast(&j->wake);
}

static void failed(struct blk_job *j, bool read, int ret)
{
	enum blk_job_on_error action = read ? j->c.on_source_error : j->c.on_target_error;

	if (action == BLK_ON_ERROR_ENOSPC)
		action = ret == -ENOSPC ? BLK_ON_ERROR_STOP : BLK_ON_ERROR_REPORT;
	if (read)
		j->read_errors++;
	else
		j->write_errors++;
	j->action = action;
	j->error = ret;
	if (action == BLK_ON_ERROR_REPORT)
		stop(j, ret);
	else if (action == BLK_ON_ERROR_STOP)
		j->held = true;
	else
		j->not_before_ns = now_ns() + RETRY_NS;
	notify(j);
}

/* The clusters were copied, or have to be once more. */
static void copied(struct blk_job *j, u64 first, u64 n, int ret, bool read)
{
	u64 bytes = bytes_of(j, first, n);

	if (ret)
		set_dirty(j, first, n);
	else
		j->done += bytes;
	mark_free(j, first, n);
	if (ret)
		failed(j, read, ret);
}

/* ---- inside of requests ---- */

/* Until none of the clusters is dirty or busy, or the job has failed. */
static void copy_now(struct blk_job *j, u64 first, u64 end)
{
	u8 *buf = NULL;

	while (first < end && !j->quit && !j->cancelled) {
		u64 n = run_length(j, first, end, MAX(PIECE >> j->shift, 1U));
		bool read = false;
		int ret;

		if (bit(j->busy, first)) {
			pthread_cond_wait(&j->wake, &j->lock);
			continue;
		}
		if (!n) {
			first++;
			continue;
		}
		mark_busy(j, first, n);
		pthread_mutex_unlock(&j->lock);
		if (!buf)
			buf = buffer(j);
		ret = buf ? copy_range(j, first << j->shift, bytes_of(j, first, n), buf, &read) : -ENOMEM;
		pthread_mutex_lock(&j->lock);
		copied(j, first, n, ret, read);
		/* The guest does not wait for the disk to have room again: this backup is lost, or the mirror goes on later. */
		if (ret && j->c.kind == BLK_JOB_BACKUP)
			stop(j, ret);
		if (ret)
			break;
	}
	free(buf);
}

static int before(struct blk_watch *w, u64 off, u64 len)
{
	struct blk_job *j = container_of(w, struct blk_job, watch);

	if (!len)
		return 0;
	pthread_mutex_lock(&j->lock);
	copy_now(j, off >> j->shift, ((off + len - 1) >> j->shift) + 1);
	pthread_mutex_unlock(&j->lock);
	return 0;
}

static int after(struct blk_watch *w, u64 off, u64 len)
{
	struct blk_job *j = container_of(w, struct blk_job, watch);
	u64 first = off >> j->shift, end = ((off + len - 1) >> j->shift) + 1;

	if (!len)
		return 0;
	pthread_mutex_lock(&j->lock);
	set_dirty(j, first, end - first);
	if (j->c.write_blocking && !j->paused && !j->held)
		copy_now(j, first, end);
	else
		pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	return 0;
}

/* ---- threads ---- */

/* All of it is there. A mirror goes on. */
static bool complete(const struct blk_job *j)
{
	return j->c.kind != BLK_JOB_MIRROR && j->c.sync != BLK_SYNC_NONE && !j->n_dirty && !j->n_busy;
}

static void check_ready(struct blk_job *j)
{
	if (j->c.kind != BLK_JOB_MIRROR || j->ready || j->n_dirty || j->n_busy)
		return;
	j->ready = true;
	notify(j);
}

/* Lock held, dropped meanwhile; true: there is something to take now. */
static bool wait_for_work(struct blk_job *j)
{
	bool none = j->paused || j->held || !j->n_dirty || (j->c.kind == BLK_JOB_BACKUP && j->c.sync == BLK_SYNC_NONE) ||
		    next_free(j, j->cursor) == ~0ULL;
	struct timespec t = { (time_t)(j->not_before_ns / NS), (long)(j->not_before_ns % NS) };

	if (none)
		pthread_cond_wait(&j->wake, &j->lock);
	else if (now_ns() < j->not_before_ns)
		pthread_cond_timedwait(&j->wake, &j->lock, &t);
	else
		return true;
	return false;
}

static void account_speed(struct blk_job *j, u64 bytes)
{
	if (j->c.speed)
		j->not_before_ns = MAX(now_ns(), j->not_before_ns) + (u64)((double)bytes * 1e9 / (double)j->c.speed);
}

static void work(struct blk_job *j, u8 *buf)
{
	u64 first, n;

	pthread_mutex_unlock(&j->lock);
	blk_enter(j->c.src);
	pthread_mutex_lock(&j->lock);
	n = j->quit || j->cancelled || j->paused || j->held || now_ns() < j->not_before_ns ? 0 : take(j, &first);
	if (n) {
		bool read = false;
		int ret;

		account_speed(j, bytes_of(j, first, n));
		pthread_mutex_unlock(&j->lock);
		ret = copy_range(j, first << j->shift, bytes_of(j, first, n), buf, &read);
		pthread_mutex_lock(&j->lock);
		copied(j, first, n, ret, read);
	}
	blk_leave(j->c.src);
}

/* The last thread to go says how it ended. */
static void leave(struct blk_job *j)
{
	int ret;

	if (--j->alive || j->finishing)
		return;
	if (!j->ret && !j->cancelled) {
		pthread_mutex_unlock(&j->lock);
		ret = blk_flush(j->c.dst);
		pthread_mutex_lock(&j->lock);
		if (ret) {
			j->write_errors++;
			stop(j, ret);
		}
	}
	if (j->cancelled && !j->ret)
		j->ret = -ECANCELED;
	j->ended = true;
	notify(j);
}

static void *worker(void *opaque)
{
	struct blk_job *j = opaque;
	u8 *buf = buffer(j);

	pthread_mutex_lock(&j->lock);
	if (!buf)
		stop(j, -ENOMEM);
	while (!j->quit && !j->cancelled && !(complete(j) && !j->paused)) {
		check_ready(j);
		if (wait_for_work(j))
			work(j, buf);
	}
	pthread_cond_broadcast(&j->wake);
	leave(j);
	pthread_mutex_unlock(&j->lock);
	free(buf);
	return NULL;
}

/* ---- life ---- */

/* They have been told to end; limits are no reason to wait longer. */
static void join(struct blk_job *j)
{
	blk_let_go(j->c.src, true);
	blk_let_go(j->c.dst, true);
	while (j->threads > 0)
		thread_join(&j->th[--j->threads]);
	blk_let_go(j->c.src, false);
	blk_let_go(j->c.dst, false);
}

void blk_job_free(struct blk_job *j)
{
	if (!j)
		return;
	blk_job_cancel(j);
	join(j);
	if (j->watched)
		blk_watch_del(j->c.src, &j->watch);
	if (j->drained)
		blk_drain_end(j->c.src);
	blk_unref(j->c.src);
	blk_unref(j->c.dst);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->wake);
	free(j->dirty);
	free(j->busy);
	free(j);
}

static u32 default_granularity(const struct blk_job_conf *c)
{
	u32 cl = blk_is_mapping(c->dst) ? c->dst->lim.cluster : 65536;

	return MIN(MAX(cl, 4096U), 65536U);
}

static int choose_clusters(struct blk_job *j, struct err *e)
{
	u32 g = j->c.granularity ? j->c.granularity : default_granularity(&j->c);

	if (j->c.compress && (!j->c.dst->lim.max_compressed || !j->c.dst->drv->compressed))
		return err_set(e, ENOTSUP, "Compression is not supported for this drive %s", blk_node_name(j->c.dst));
	if (j->c.compress)
		g = j->c.dst->lim.max_compressed;
	if (g < 512 || g > 64 * MiB || g & (g - 1))
		return err_set(e, EINVAL, "Parameter 'granularity' expects a power of 2 value in range [512B, 64MB]");
	/* What the job leaves out of a cluster of the target would hide the target's own backing file. */
	if (j->c.sync != BLK_SYNC_FULL && blk_is_mapping(j->c.dst) && !(j->c.dst->lim.cluster & (j->c.dst->lim.cluster - 1)))
		g = MIN(MAX(g, j->c.dst->lim.cluster), 64 * MiB);
	j->shift = (u32)__builtin_ctz(g);
	j->size = blk_length(j->c.src);
	if (blk_length(j->c.dst) < j->size || (j->c.kind == BLK_JOB_BACKUP && blk_length(j->c.dst) != j->size))
		return err_set(e, EINVAL, "Source and target image have different sizes");
	j->clusters = DIV_ROUND_UP(j->size, (u64)g);
	return 0;
}

static void mark_range(struct blk_job *j, u64 off, u64 len)
{
	pthread_mutex_lock(&j->lock);
	set_dirty(j, off >> j->shift, ((off + len - 1) >> j->shift) - (off >> j->shift) + 1);
	pthread_mutex_unlock(&j->lock);
}

/* What the node and those between it and the base hold. */
static int mark_above(struct blk_job *j, struct err *e)
{
	struct blk_status st;
	u64 off;

	for (off = 0; off < j->size; off += st.len) {
		int ret = blk_status_chain(j->c.src, j->c.base, off, j->size - off, &st);

		if (ret || !st.len)
			return err_errno(e, ret ? -ret : EIO, "cannot find out what '%s' holds", blk_filename(j->c.src));
		if (st.flags & BLK_ST_ALLOCATED)
			mark_range(j, off, st.len);
	}
	return 0;
}

/* Outside of requests, and inside the writes that come meanwhile: all, or what the node holds by itself. */
static int mark_first(struct blk_job *j, struct err *e)
{
	u64 off = 0, run;

	if (j->c.sync == BLK_SYNC_NONE && j->c.kind == BLK_JOB_MIRROR)
		return 0;
	if (j->c.base && j->c.kind != BLK_JOB_STREAM)
		return mark_above(j, e);
	if (j->c.sync != BLK_SYNC_TOP) {
		if (j->size)
			mark_range(j, 0, j->size);
		return 0;
	}
	while (off < j->size) {
		int ret = blk_allocated(j->c.src, off, j->size - off, &run);

		if (ret < 0 || !run)
			return err_errno(e, ret ? -ret : EIO, "cannot find out what '%s' holds", blk_filename(j->c.src));
		if (ret)
			mark_range(j, off, run);
		off += run;
	}
	return 0;
}

static int start_threads(struct blk_job *j, struct err *e)
{
	unsigned want = MIN(thread_cpus(), (unsigned)WORKERS);
	int ret = 0;

	pthread_mutex_lock(&j->lock);	/* nobody leaves before all are counted */
	while (!ret && j->threads < want) {
		ret = thread_create(&j->th[j->threads], "blk-job", THREAD_STACK_BIG, worker, j, e);
		if (!ret)
			j->alive = ++j->threads;
	}
	if (j->threads && ret)
		err_clear(e);
	pthread_mutex_unlock(&j->lock);
	return j->threads ? 0 : ret;
}

/*
 * While it is found out what there is to copy, writes add to it. Of the node of a stream or a commit the watch only
 * keeps the size.
 */
static void watch(struct blk_job *j)
{
	bool in_use = j->c.kind == BLK_JOB_BACKUP || j->c.kind == BLK_JOB_MIRROR;

	j->watch.after = in_use && !(j->c.kind == BLK_JOB_BACKUP && j->c.sync == BLK_SYNC_FULL) ? after : NULL;
	blk_watch_add(j->c.src, &j->watch);
	j->watched = true;
}

/* The moment that a backup holds. */
static void begin(struct blk_job *j)
{
	blk_drain_begin(j->c.src);
	j->watch.before = j->c.kind == BLK_JOB_BACKUP ? before : NULL;
	j->watch.after = j->c.kind == BLK_JOB_MIRROR ? after : NULL;
	blk_drain_end(j->c.src);
}

struct blk_job *blk_job_start(const struct blk_job_conf *c, struct err *e)
{
	struct blk_job *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	u64 words;

	if (!j) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	j->c = *c;
	blk_ref(c->src);
	blk_ref(c->dst);
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (choose_clusters(j, e) < 0)
		goto fail;
	words = DIV_ROUND_UP(j->clusters, 64ULL) + 1;
	j->dirty = calloc(words, sizeof(u64));
	j->busy = calloc(words, sizeof(u64));
	if (!j->dirty || !j->busy) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	watch(j);
	if (mark_first(j, e) < 0)
		goto fail;
	begin(j);
	if (start_threads(j, e) < 0)
		goto fail;
	return j;
fail:
	blk_job_free(j);
	return NULL;
}

static void fill_info(struct blk_job *j, struct blk_job_info *info)
{
	u64 left;

	left = (j->n_dirty + j->n_busy) << j->shift;
	if (j->clusters && (bit(j->dirty, j->clusters - 1) || bit(j->busy, j->clusters - 1)))
		left -= (j->clusters << j->shift) - j->size;	/* the last one is shorter */
	*info = (struct blk_job_info){
		.done = j->done, .len = j->done + left, .speed = j->c.speed, .ready = j->ready, .paused = j->paused || j->held,
		.ended = j->ended, .ret = j->ret, .read_errors = j->read_errors, .write_errors = j->write_errors,
		.action = j->action, .error = j->error,
	};
}

void blk_job_peek(struct blk_job *j, struct blk_job_info *info)
{
	pthread_mutex_lock(&j->lock);
	fill_info(j, info);
	pthread_mutex_unlock(&j->lock);
}

void blk_job_info(struct blk_job *j, struct blk_job_info *info)
{
	pthread_mutex_lock(&j->lock);
	fill_info(j, info);
	j->read_errors = j->write_errors = 0;
	pthread_mutex_unlock(&j->lock);
}

static void set_paused(struct blk_job *j, bool on)
{
	pthread_mutex_lock(&j->lock);
	j->paused = on;
	if (!on)
		j->held = false;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
}

void blk_job_pause(struct blk_job *j) { set_paused(j, true); }
void blk_job_resume(struct blk_job *j) { set_paused(j, false); }

void blk_job_set_speed(struct blk_job *j, u64 speed)
{
	pthread_mutex_lock(&j->lock);
	j->c.speed = speed;
	j->not_before_ns = 0;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
}

void blk_job_cancel(struct blk_job *j)
{
	pthread_mutex_lock(&j->lock);
	j->cancelled = true;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
}

/* What is left, by this thread alone: nobody else reads or writes the source now. */
static int copy_rest(struct blk_job *j)
{
	u8 *buf = buffer(j);
	u64 first, n;
	int ret = buf ? 0 : -ENOMEM;

	pthread_mutex_lock(&j->lock);
	while (!ret && (n = take(j, &first)) > 0) {
		bool read = false;

		pthread_mutex_unlock(&j->lock);
		ret = copy_range(j, first << j->shift, bytes_of(j, first, n), buf, &read);
		pthread_mutex_lock(&j->lock);
		if (ret)
			set_dirty(j, first, n);
		else
			j->done += bytes_of(j, first, n);
		mark_free(j, first, n);
	}
	pthread_mutex_unlock(&j->lock);
	free(buf);
	return ret ?: blk_flush(j->c.dst);
}

int blk_job_finish(struct blk_job *j)
{
	int ret;

	pthread_mutex_lock(&j->lock);
	j->finishing = j->quit = true;
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	join(j);
	blk_drain_begin(j->c.src);
	j->drained = true;
	ret = j->ret ? j->ret : copy_rest(j);
	pthread_mutex_lock(&j->lock);
	j->ret = ret;
	j->ended = true;
	pthread_mutex_unlock(&j->lock);
	return ret;
}
