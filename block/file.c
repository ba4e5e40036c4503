/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocols "file" and "host_device": a descriptor, pread and pwrite.
 * Holes come from SEEK_DATA/SEEK_HOLE, zeros and discards from fallocate.
 * Locking uses open-file-description locks on the bytes QEMU uses, so that
 * the two programs keep off each other's images.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include "block/int.h"
#include "err_hint.h"

/* Lock bytes (docs/interop of QEMU's file locking): permission used, permission not shared. */
#define LOCK_PERM_BASE		100
#define LOCK_SHARED_BASE	200
#define PERM_READ		0
#define PERM_WRITE		1
#define PERM_WRITE_UNCHANGED	2
#define PERM_RESIZE		3

#define WRITE_BACK		(8U << 20)	/* bytes: large writes, and the disk soon has some */

struct file_priv {
	int fd;
	bool device, locked;
	bool no_zero_range, no_punch, no_falloc, no_seek;
	bool use_lock;
	pthread_mutex_t grow;
	/* The last answer of SEEK_DATA/HOLE: [start, end) is data or a hole. */
	u64 seek_start, seek_end;
	u64 waiting;			/* bytes of a copy that the disk was not told of; atomic */
	bool seek_data;
	unsigned int seek_gen, gen;	/* the answer is good while they are equal */
};

static int lock_byte(int fd, off_t byte, short type, int cmd)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, cmd, &fl) < 0 ? -errno : fl.l_type == F_UNLCK ? 0 : -EAGAIN;
}

/* Fails when another process uses what we cannot share, or refuses to share what we use. */
static int check_locks(int fd, u32 perm, u32 unshared, const char *name, struct err *e)
{
	static const char *const names[] = { "consistent read", "write", "write unchanged", "resize" };

	for (int i = 0; i < 4; i++) {
		int ret = 0;

		if (perm & BIT(i))
			ret = lock_byte(fd, LOCK_SHARED_BASE + i, F_WRLCK, F_OFD_GETLK);
		if (ret == -EAGAIN) {
			err_set(e, EAGAIN, "Failed to get \"%s\" lock", names[i]);
			err_hint(e, "Is another process using the image [%s]?", name);
			return -EAGAIN;
		}
		if (unshared & BIT(i))
			ret = lock_byte(fd, LOCK_PERM_BASE + i, F_WRLCK, F_OFD_GETLK);
		if (ret == -EAGAIN) {
			err_set(e, EAGAIN, "Failed to get shared \"%s\" lock", names[i]);
			err_hint(e, "Is another process using the image [%s]?", name);
			return -EAGAIN;
		}
	}
	return 0;
}

static void drop_locks(struct file_priv *f)
{
	if (!f->locked)
		return;
	for (int i = 0; i < 4; i++) {
		lock_byte(f->fd, LOCK_PERM_BASE + i, F_UNLCK, F_OFD_SETLK);
		lock_byte(f->fd, LOCK_SHARED_BASE + i, F_UNLCK, F_OFD_SETLK);
	}
	f->locked = false;
}

static int take_locks(struct file_priv *f, u32 flags, const char *name, struct err *e)
{
	bool rw = flags & BLK_O_RDWR;
	u32 perm = BIT(PERM_READ) | (rw ? BIT(PERM_WRITE) | BIT(PERM_RESIZE) : 0);
	u32 unshared = flags & BLK_O_FORCE_SHARE ? 0 : BIT(PERM_WRITE) | BIT(PERM_RESIZE);

	drop_locks(f);
	if (!f->use_lock || flags & BLK_O_NO_IO || (flags & BLK_O_FORCE_SHARE && !rw))
		return 0;
	for (int i = 0; i < 4; i++) {
		if (perm & BIT(i) && lock_byte(f->fd, LOCK_PERM_BASE + i, F_RDLCK, F_OFD_SETLK) == -EINVAL)
			return 0;	/* no OFD locks here */
		if (unshared & BIT(i))
			lock_byte(f->fd, LOCK_SHARED_BASE + i, F_RDLCK, F_OFD_SETLK);
	}
	f->locked = true;
	return check_locks(f->fd, (u32)perm, unshared, name, e);
}

/* ---- open ---- */

static int open_fd(const char *name, u32 flags)
{
	int fl = O_CLOEXEC | (flags & BLK_O_RDWR ? O_RDWR : O_RDONLY) |
		 (flags & BLK_O_DIRECT ? O_DIRECT : 0);
	int fd;

	if (!strncmp(name, "/dev/fdset/", 11))
		return -ENOENT;
	fd = open(name, fl);
	return fd < 0 ? -errno : fd;
}

static int query_size(struct blk_node *n, struct file_priv *f, struct err *e)
{
	struct stat st;
	u64 bytes;

	if (fstat(f->fd, &st) < 0)
		return err_errno(e, errno, "Could not stat '%s'", n->filename);
	if (S_ISREG(st.st_mode)) {
		n->size = (u64)st.st_size;
	} else if (S_ISBLK(st.st_mode) && !ioctl(f->fd, BLKGETSIZE64, &bytes)) {
		n->size = bytes;
	} else {
		off_t end = lseek(f->fd, 0, SEEK_END);

		n->size = end > 0 ? (u64)end : 0;
	}
	return 0;
}

static int check_type(struct blk_node *n, struct file_priv *f, struct err *e)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return err_errno(e, errno, "Could not stat file");
	if (!f->device && !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'file' driver requires '%s' to be a regular file",
			       n->filename);
	if (f->device && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "'%s' driver requires '%s' to be either a "
			       "character or block device", n->drv->name, n->filename);
	return 0;
}

static int set_alignment(struct blk_node *n, struct file_priv *f)
{
	int sect = 512;

	if (!(n->flags & BLK_O_DIRECT)) {
		n->lim.request_align = 1;
		return 0;
	}
	if (f->device && !ioctl(f->fd, BLKSSZGET, &sect) && sect > 0)
		n->lim.request_align = (u32)sect;
	else
		n->lim.request_align = 4096;
	return 0;
}

/* What others call the node: the path, so that nobody takes a colon in it for a protocol's. */
static int plain_name(struct blk_node *n, const char *path)
{
	bool colon = blk_protocol_prefix(path) > 0;

	free(n->filename);
	n->filename = malloc(strlen(path) + 3);
	if (!n->filename)
		return -ENOMEM;
	strcpy(n->filename, colon ? "./" : "");
	strcat(n->filename, path);
	return 0;
}

static int common_open(struct blk_node *n, struct blk_opts *o, bool device, struct err *e)
{
	static const char *const locking[] = { "on", "off", "auto", NULL };
	static const char *const aios[] = { "threads", "native", "io_uring", NULL };
	struct file_priv *f = n->priv;
	char *name = blk_opts_take(o, "filename");
	int ret, lock = 2, aio = 0;
	const char *path = name;

	f->device = device;
	f->fd = -1;
	if (!name)
		return err_set(e, EINVAL, "The '%s' block driver requires a file name",
			       device ? "host_device" : "file");
	ret = blk_opts_take_enum(o, "locking", locking, &lock, e);
	ret = ret ?: blk_opts_take_enum(o, "aio", aios, &aio, e);
	if (ret)
		goto fail;
	blk_opts_del(o, "aio-max-batch");
	blk_opts_del(o, "drop-cache");
	f->use_lock = lock != 1 && !device;
	ret = plain_name(n, path);
	if (ret)
		goto fail;
	f->fd = open_fd(path, n->flags);
	if (f->fd < 0) {
		ret = err_errno(e, -f->fd, "Could not open '%s'", path);
		goto fail;
	}
	ret = check_type(n, f, e);
	ret = ret ?: query_size(n, f, e);
	ret = ret ?: set_alignment(n, f);
	ret = ret ?: take_locks(f, n->flags, path, e);
	if (ret)
		goto fail;
	pthread_mutex_init(&f->grow, NULL);
	free(name);
	return 0;
fail:
	if (f->fd >= 0)
		close(f->fd);
	free(name);
	return ret;
}

static int file_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	return common_open(n, o, false, e);
}

static int device_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	return common_open(n, o, true, e);
}

/* Where writes wait on the client (NFS, FUSE), closing a descriptor tells what became of them. */
static int file_settle(struct blk_node *n)
{
	int fd = dup(((struct file_priv *)n->priv)->fd);

	return fd < 0 || !close(fd) ? 0 : -errno;
}

static void file_close(struct blk_node *n)
{
	struct file_priv *f = n->priv;

	close(f->fd);
	pthread_mutex_destroy(&f->grow);
}

static int file_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	size_t p = blk_protocol_prefix(filename);

	if (p && (!strncmp(filename, "file:", 5) || !strncmp(filename, "host_device:", 12) ||
		  !strncmp(filename, "host_cdrom:", 11)))
		filename += p;
	return blk_opts_set(o, "filename", filename) ? err_set(e, ENOMEM, "Out of memory") : 0;
}

static int file_reopen(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e)
{
	struct file_priv *f = n->priv;
	int fd = open_fd(n->filename, flags), ret;

	if (fd < 0)
		return err_errno(e, -fd, "Could not reopen '%s'", n->filename);
	drop_locks(f);
	close(f->fd);
	f->fd = fd;
	n->flags = flags;
	set_alignment(n, f);
	ret = take_locks(f, flags, n->filename, e);
	return ret;
}

/* ---- I/O ---- */

static int file_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct file_priv *f = n->priv;
	struct iov_cur c = { iov, niov, 0 };
	struct iovec part[64];

	while (len) {
		u64 got;
		ssize_t r;
		int k;
		struct iov_cur at = c;

		k = iov_cur_take(&at, MIN(len, 1ULL << 30), part, 64, &got);
		do
			r = k == 1 ? pread(f->fd, part[0].iov_base, part[0].iov_len, (off_t)off) :
				     preadv(f->fd, part, k, (off_t)off);
		while (r < 0 && errno == EINTR);
		if (r < 0)
			return -errno;
		if (!r) {	/* the file became shorter, or a sparse end */
			iov_cur_zero(&c, len);
			return 0;
		}
		if ((u64)r == got)
			c = at;
		else
			iov_cur_take(&c, (u64)r, part, 64, &got);
		off += (u64)r;
		len -= (u64)r;
	}
	return 0;
}

static void grew(struct blk_node *n, u64 end)
{
	u64 old = blk_length(n);

	while (end > old && !__atomic_compare_exchange_n(&n->size, &old, end, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void forget_seek(struct file_priv *f)
{
	__atomic_add_fetch(&f->gen, 1, __ATOMIC_RELEASE);
}

/*
 * A copy that is flushed at its end waits for the disk then: better the disk works meanwhile. Only a
 * hint: what cannot be written is an error of the flush.
 */
static void write_back(struct blk_node *n, struct file_priv *f, u64 len)
{
	if (likely(!__atomic_load_n(&n->bulk, __ATOMIC_RELAXED)) || n->flags & (BLK_O_NO_FLUSH | BLK_O_DIRECT) ||
	    __atomic_add_fetch(&f->waiting, len, __ATOMIC_RELAXED) < WRITE_BACK)
		return;
	__atomic_store_n(&f->waiting, 0, __ATOMIC_RELAXED);
	(void)!sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int file_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			u32 flags)
{
	struct file_priv *f = n->priv;
	struct iov_cur c = { iov, niov, 0 };
	struct iovec part[64];
	u64 start = off, end = off + len;

	if (f->device && end > blk_length(n))
		return -ENOSPC;
	while (len) {
		u64 got;
		ssize_t r;
		struct iov_cur at = c;
		int k = iov_cur_take(&at, MIN(len, 1ULL << 30), part, 64, &got);

		do
			r = k == 1 ? pwrite(f->fd, part[0].iov_base, part[0].iov_len, (off_t)off) :
				     pwritev(f->fd, part, k, (off_t)off);
		while (r < 0 && errno == EINTR);
		if (r < 0)
			return -errno;
		if (!r)
			return -ENOSPC;
		if ((u64)r == got)
			c = at;
		else
			iov_cur_take(&c, (u64)r, part, 64, &got);
		off += (u64)r;
		len -= (u64)r;
	}
	grew(n, end);
	forget_seek(f);
	write_back(n, f, end - start);
	if (flags & BLK_FUA && !(n->flags & BLK_O_NO_FLUSH) && fdatasync(f->fd) < 0)
		return -errno;
	return 0;
}

static int copy_bytes(int from, u64 src_off, int to, u64 off, u64 len)
{
	while (len) {
		off_t a = (off_t)src_off, b = (off_t)off;
		ssize_t r = copy_file_range(from, &a, to, &b, (size_t)MIN(len, GiB), 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)		/* the source became shorter */
			return -EIO;
		src_off += (u64)r;
		off += (u64)r;
		len -= (u64)r;
	}
	return 0;
}

static int file_copy_from(struct blk_node *n, u64 off, struct blk_node *src, u64 src_off, u64 len,
			  bool share)
{
	struct file_priv *f = n->priv, *s = src->priv;
	int ret;

	if (src->drv != n->drv || f->device)
		return -ENOTSUP;
	if (share) {
		struct file_clone_range r = { .src_fd = s->fd, .src_offset = src_off,
					      .src_length = len, .dest_offset = off };

		ret = ioctl(f->fd, FICLONERANGE, &r) < 0 ? -errno : 0;
	} else {
		ret = copy_bytes(s->fd, src_off, f->fd, off, len);
	}
	forget_seek(f);
	if (!ret)
		grew(n, off + len);
	return ret;
}

static int file_flush(struct blk_node *n)
{
	struct file_priv *f = n->priv;

	if (n->flags & BLK_O_NO_FLUSH)
		return 0;
	/* EINVAL: a special file that keeps nothing back. */
	return fdatasync(f->fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* SEEK_DATA/SEEK_HOLE around @off; answers are kept until the next write. */
static int find_data(struct file_priv *f, u64 off, u64 size, bool *data, u64 *end)
{
	off_t d = lseek(f->fd, (off_t)off, SEEK_DATA), h;

	if (d < 0 && errno == ENXIO) {
		*data = false;
		*end = size;
		return 0;
	}
	if (d < 0)
		return -ENOTSUP;
	if ((u64)d > off) {
		*data = false;
		*end = (u64)d;
		return 0;
	}
	h = lseek(f->fd, (off_t)off, SEEK_HOLE);
	*data = true;
	*end = h > d ? (u64)h : size;
	return 0;
}

static int file_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct file_priv *f = n->priv;
	u64 size = blk_length(n), end = off + len;
	unsigned int gen = __atomic_load_n(&f->gen, __ATOMIC_ACQUIRE);
	bool data = true;

	x->node = n;
	x->host = x->off = off;
	if (off >= size) {
		x->kind = BLK_ZERO;
		x->len = len;
		x->flags = BLK_X_OFFSET;
		return 0;
	}
	pthread_mutex_lock(&f->grow);
	if (f->no_seek || f->device) {
		end = size;
	} else if (f->seek_end > off && f->seek_start <= off &&
		   f->seek_gen == gen) {
		data = f->seek_data;
		end = f->seek_end;
	} else if (find_data(f, off, size, &data, &end)) {
		f->no_seek = true;
		end = size;
	} else {
		f->seek_start = off;
		f->seek_end = end;
		f->seek_data = data;
		f->seek_gen = gen;
	}
	pthread_mutex_unlock(&f->grow);
	x->kind = data ? BLK_DATA : BLK_ZERO;
	x->flags = data ? BLK_X_IN_PLACE : BLK_X_OFFSET;
	x->len = MIN(len, MAX(end, off + 1) - off);
	return 0;
}

static int do_fallocate(int fd, int mode, u64 off, u64 len)
{
	int r;

	do
		r = fallocate(fd, mode, (off_t)off, (off_t)len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int file_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct file_priv *f = n->priv;
	u64 size = blk_length(n), end = off + len;
	int ret = -ENOTSUP;

	forget_seek(f);
	if (f->device) {
		u64 range[2] = { off, len };

		if (f->no_zero_range || (off | len) & 511)
			return -ENOTSUP;
		if (ioctl(f->fd, BLKZEROOUT, range) < 0) {
			f->no_zero_range = true;
			return -ENOTSUP;
		}
		return 0;
	}
	if (flags & BLK_MAY_UNMAP && !f->no_punch && off < size) {
		ret = do_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
		if (!ret && end > size && ftruncate(f->fd, (off_t)end) < 0)
			ret = -errno;
	}
	if (ret == -ENOTSUP && !f->no_zero_range)
		ret = do_fallocate(f->fd, FALLOC_FL_ZERO_RANGE, off, len);
	if (ret == -EOPNOTSUPP || ret == -EINVAL || ret == -ENOSYS || ret == -EPERM) {
		if (off >= size && ftruncate(f->fd, (off_t)end) == 0)
			ret = 0;
		else if (!f->no_punch && !f->no_falloc && off < size && end <= size &&
			 !do_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len) &&
			 !do_fallocate(f->fd, 0, off, len))
			ret = 0;
		else
			ret = -ENOTSUP;
	}
	if (!ret)
		grew(n, end);
	return ret;
}

static int file_discard(struct blk_node *n, u64 off, u64 len)
{
	struct file_priv *f = n->priv;
	int ret;

	forget_seek(f);
	if (f->device) {
		u64 range[2] = { off, len };

		return ioctl(f->fd, BLKDISCARD, range) < 0 ? -ENOTSUP : 0;
	}
	if (f->no_punch)
		return -ENOTSUP;
	ret = do_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
	if (ret == -EOPNOTSUPP || ret == -ENOSYS) {
		f->no_punch = true;
		return -ENOTSUP;
	}
	return ret;
}

static int fill_zeros(int fd, u64 from, u64 to)
{
	u8 *buf = calloc(1, MiB);
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	while (!ret && from < to) {
		ssize_t r = pwrite(fd, buf, (size_t)MIN(to - from, MiB), (off_t)from);

		if (r < 0 && errno != EINTR)
			ret = -errno;
		else if (r > 0)
			from += (u64)r;
	}
	free(buf);
	return ret;
}

/*
 * As QEMU has it: the first block of a new file is there, since the alignment that direct I/O
 * needs cannot be found out on some file systems by reading a hole. Without it nothing is lost.
 */
static void first_block(int fd, u64 size)
{
	static const u8 zeros[4096] __aligned(4096);
	ssize_t ret;

	do
		ret = pwrite(fd, zeros, MIN(size, sizeof(zeros)), 0);
	while (ret < 0 && errno == EINTR);
}

static int resize_regular(struct blk_node *n, u64 size, int prealloc, struct err *e)
{
	struct file_priv *f = n->priv;
	u64 old = blk_length(n);
	int ret = 0;

	if (prealloc && size < old)
		return err_set(e, ENOTSUP, "Preallocation can't be used for shrinking files");
	if (prealloc == BLK_PREALLOC_METADATA)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode 'metadata'");
	if (prealloc == BLK_PREALLOC_FALLOC && size > old) {
		ret = do_fallocate(f->fd, 0, old, size - old);
		if (ret == -EOPNOTSUPP)
			ret = fill_zeros(f->fd, old, size);
		if (ret)
			return err_errno(e, -ret, "Could not preallocate data for the new file");
		return 0;
	}
	if (ftruncate(f->fd, (off_t)size) < 0)
		return err_errno(e, errno, "Failed to resize file");
	if (!old && size)
		first_block(f->fd, size);
	if (prealloc == BLK_PREALLOC_FULL)
		ret = fill_zeros(f->fd, old, size);
	if (ret) {
		err_errno(e, -ret, "Could not write zeros for preallocation");
		ret = ftruncate(f->fd, (off_t)old) < 0 ? -errno : ret;
	}
	return ret;
}

static int file_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct file_priv *f = n->priv;
	int ret;

	forget_seek(f);
	if (f->device) {
		if (size <= blk_length(n) && !exact)
			return 0;
		if (size == blk_length(n))
			return 0;
		return err_set(e, size > blk_length(n) ? EINVAL : ENOTSUP, size > blk_length(n) ?
			       "Cannot grow device files" : "Cannot resize device files");
	}
	ret = resize_regular(n, size, prealloc, e);
	if (!ret)
		blk_set_length(n, size);
	return ret;
}

static int file_create(struct blk_graph *g, const char *filename, struct blk_opts *o, struct err *e)
{
	bool nocow = false;
	u64 hint = 0;
	int fd, ret;

	if (!strncmp(filename, "file:", 5))
		filename += 5;
	ret = blk_opts_take_bool(o, "nocow", &nocow, e);
	ret = ret ?: blk_opts_take_size(o, "extent_size_hint", &hint, e);
	if (ret)
		return ret;
	/* Not O_TRUNC: a file that another process has locked must stay as it is. */
	fd = open(filename, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, errno, "Could not create '%s'", filename);
	ret = check_locks(fd, (u32)(BIT(PERM_WRITE) | BIT(PERM_RESIZE)), (u32)(BIT(PERM_WRITE) | BIT(PERM_RESIZE)),
			  filename, e);
	if (!ret && ftruncate(fd, 0) < 0 && errno != EINVAL)
		ret = err_errno(e, errno, "Could not clear file '%s'", filename);
	if (!ret && nocow) {
		int attr = 0;

		if (!ioctl(fd, FS_IOC_GETFLAGS, &attr)) {
			attr |= FS_NOCOW_FL;
			(void)!ioctl(fd, FS_IOC_SETFLAGS, &attr);
		}
	}
	close(fd);
	return ret;
}

static s64 file_disk_size(struct blk_node *n)
{
	struct file_priv *f = n->priv;
	struct stat st;

	return fstat(f->fd, &st) < 0 ? -errno : (s64)st.st_blocks * 512;
}

static const struct blk_optdesc file_create_opts[] = {
	{ "nocow", BLK_OPT_BOOL, "Turn off copy-on-write (valid only on btrfs)", NULL },
	{ "extent_size_hint", BLK_OPT_SIZE,
	  "Extent size hint for the image file, 0 to disable", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver file_driver = {
	.name = "file", .prefix = "file", .flags = BLK_DRV_PROTOCOL | BLK_DRV_ANY_ORDER,
	.priv_size = sizeof(struct file_priv),
	.create_opts = file_create_opts,
	.parse_filename = file_parse,
	.open = file_open, .settle = file_settle, .close = file_close, .reopen = file_reopen,
	.create_file = file_create, .copy_from = file_copy_from,
	.preadv = file_preadv, .pwritev = file_pwritev, .flush = file_flush,
	.status = file_status, .zero = file_zero, .discard = file_discard,
	.truncate = file_truncate, .disk_size = file_disk_size,
};
BLOCK_FORMAT(file_driver);

#define DEVICE_DRIVER(var, called) \
static const struct blk_driver var = { \
	.name = called, .prefix = called, .flags = BLK_DRV_PROTOCOL | BLK_DRV_ANY_ORDER, \
	.priv_size = sizeof(struct file_priv), .parse_filename = file_parse, \
	.open = device_open, .settle = file_settle, .close = file_close, .reopen = file_reopen, \
	.create_file = file_create, \
	.preadv = file_preadv, .pwritev = file_pwritev, .flush = file_flush, \
	.status = file_status, .zero = file_zero, .discard = file_discard, \
	.truncate = file_truncate, .disk_size = file_disk_size, \
}; \
BLOCK_FORMAT(var)

DEVICE_DRIVER(device_driver, "host_device");
DEVICE_DRIVER(cdrom_driver, "host_cdrom");
