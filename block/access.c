/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public I/O calls: bounds, the drain gate, write-through. */
#include "block/int.h"

static int check_range(const struct blk_node *n, u64 off, u64 len)
{
	u64 end;

	if (add_overflows(off, len, &end) || end > blk_length(n))
		return -EIO;
	return 0;
}

static int copy_on_read(struct blk_node *n, u64 off, u64 len)
{
	struct blk_node *t = blk_fill_target(n);

	return t && t->flags & BLK_O_RDWR ? blk_node_fill(t, NULL, off, len) : 0;
}

/* ---- watches ---- */

static int watch_before(struct blk_node *n, u64 off, u64 len)
{
	int ret = 0;

	for (struct blk_watch *w = n->watches; w && !ret; w = w->next)
		ret = w->before ? w->before(w, off, len) : 0;
	return ret;
}

static int watch_after(struct blk_node *n, u64 off, u64 len)
{
	int ret = 0;

	for (struct blk_watch *w = n->watches; w; w = w->next)
		ret = (w->after ? w->after(w, off, len) : 0) ?: ret;
	return ret;
}

void blk_watch_add(struct blk_node *n, struct blk_watch *w)
{
	blk_drain_begin(n);
	w->next = n->watches;
	n->watches = w;
	blk_drain_end(n);
}

void blk_watch_del(struct blk_node *n, struct blk_watch *w)
{
	blk_drain_begin(n);
	for (struct blk_watch **p = &n->watches; *p; p = &(*p)->next) {
		if (*p != w)
			continue;
		*p = w->next;
		break;
	}
	blk_drain_end(n);
}

/* ---- requests ---- */

int blk_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov)
{
	u64 len = iov_bytes(iov, niov);
	int ret = check_range(n, off, len);

	if (ret)
		return ret;
	blk_enter(n);
	if (unlikely(n->flags & BLK_O_COPY_ON_READ))
		ret = copy_on_read(n, off, len);
	ret = ret ?: blk_node_preadv(n, off, iov, niov, len);
	blk_leave(n);
	return ret;
}

int blk_pread(struct blk_node *n, u64 off, void *buf, size_t len)
{
	struct iovec v = { buf, len };

	return blk_preadv(n, off, &v, 1);
}

static int pwritev_placed(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u32 flags,
			  struct blk_placed *p)
{
	u64 len = iov_bytes(iov, niov);
	int ret = 0;

	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (n->flags & BLK_O_WRITETHROUGH)
		flags |= BLK_FUA;
	blk_enter(n);
	if (check_range(n, off, len)) {
		u64 end;

		if (!(flags & BLK_RESIZE) || n->watches || add_overflows(off, len, &end) || end > (u64)INT64_MAX)
			ret = -EIO;
		else if (blk_is_mapping(n) || n->drv->flags & BLK_DRV_FILTER)
			ret = blk_node_truncate(n, end, false, BLK_PREALLOC_OFF, NULL);
	}
	if (unlikely(n->watches))
		ret = ret ?: watch_before(n, off, len);
	if (!ret)
		ret = blk_node_pwritev_placed(n, off, iov, niov, len, flags, p);
	if (unlikely(n->watches))
		ret = watch_after(n, off, len) ?: ret;
	blk_leave(n);
	return ret;
}

int blk_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u32 flags)
{
	return pwritev_placed(n, off, iov, niov, flags, NULL);
}

int blk_pwrite_placed(struct blk_node *n, u64 off, const void *buf, size_t len, struct blk_placed *p)
{
	struct iovec v = { (void *)buf, len };

	return pwritev_placed(n, off, &v, 1, 0, p);
}

int blk_pwrite(struct blk_node *n, u64 off, const void *buf, size_t len, u32 flags)
{
	struct iovec v = { (void *)buf, len };

	return blk_pwritev(n, off, &v, 1, flags);
}

int blk_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	int ret = check_range(n, off, len);

	if (ret)
		return ret;
	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (n->flags & BLK_O_WRITETHROUGH)
		flags |= BLK_FUA;
	if (!(n->flags & BLK_O_UNMAP))
		flags &= ~(u32)BLK_MAY_UNMAP;
	blk_enter(n);
	if (unlikely(n->watches))
		ret = watch_before(n, off, len);
	ret = ret ?: blk_node_zero(n, off, len, flags);
	if (unlikely(n->watches))
		ret = watch_after(n, off, len) ?: ret;
	blk_leave(n);
	return ret;
}

int blk_discard(struct blk_node *n, u64 off, u64 len)
{
	int ret = check_range(n, off, len);

	if (ret)
		return ret;
	blk_enter(n);
	if (unlikely(n->watches))
		ret = watch_before(n, off, len);
	ret = ret ?: blk_node_discard(n, off, len);
	if (unlikely(n->watches))
		ret = watch_after(n, off, len) ?: ret;
	blk_leave(n);
	return ret;
}

int blk_copy_range(struct blk_node *n, u64 off, struct blk_node *src, u64 src_off, u64 len,
		   bool share)
{
	int ret = check_range(n, off, len) ?: check_range(src, src_off, len);

	if (ret)
		return ret;
	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (!n->drv->copy_from || n->detect_zeroes || n->flags & BLK_O_WRITETHROUGH)
		return -ENOTSUP;
	blk_enter(n);
	ret = n->watches ? -ENOTSUP : n->drv->copy_from(n, off, src, src_off, len, share);
	blk_leave(n);
	return ret;
}

int blk_flush(struct blk_node *n)
{
	int ret;

	blk_enter(n);
	ret = blk_node_flush(n);
	blk_leave(n);
	return ret;
}

int blk_node_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	u64 old = blk_length(n), below = n->backing ? blk_length(n->backing) : 0;
	int ret;

	if (!(n->flags & BLK_O_RDWR))
		return err_set(e, EACCES, "Image is read-only");
	if (size > (u64)INT64_MAX || (n->lim.max_size && size > n->lim.max_size))
		return err_set(e, EFBIG, "The new size is too large for this format");
	if (!n->drv->truncate)
		return err_set(e, ENOTSUP, "Image format driver does not support resize");
	ret = n->drv->truncate(n, size, exact, prealloc, e);
	/* New space is zeros, whatever a larger backing file has there. */
	if (!ret && size > old && below > old)
		ret = blk_node_zero(n, old, MIN(size, below) - old, 0);
	if (ret)
		err_errno(e, -ret, "Could not resize the image");
	return ret;
}

int blk_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	int ret;

	if (n->watches)
		return err_set(e, EBUSY, "Node '%s' is busy: block device is in use by a block job", blk_node_name(n));
	blk_drain_begin(n);
	ret = blk_node_truncate(n, size, exact, prealloc, e);
	blk_drain_end(n);
	return ret;
}

/* ---- the machine's state ---- */

static struct blk_node *vmstate_owner(struct blk_node *n)
{
	while (n && !n->drv->vmstate_base && n->drv->flags & BLK_DRV_FILTER)
		n = n->n_children ? n->child[0].node : NULL;
	return n && n->drv->vmstate_base ? n : NULL;
}

u64 blk_vmstate_base(struct blk_node *n)
{
	n = vmstate_owner(n);
	return n ? n->drv->vmstate_base(n) : 0;
}

int blk_vmstate_read(struct blk_node *n, u64 pos, void *buf, size_t len)
{
	u64 off;
	int ret;

	n = vmstate_owner(n);
	if (!n)
		return -ENOTSUP;
	if (add_overflows(n->drv->vmstate_base(n), pos, &off) || off > (u64)INT64_MAX - len)
		return -EFBIG;
	blk_enter(n);
	ret = blk_node_pread(n, off, buf, len);
	blk_leave(n);
	return ret;
}

int blk_vmstate_write(struct blk_node *n, u64 pos, const void *buf, size_t len)
{
	u64 off;
	int ret;

	n = vmstate_owner(n);
	if (!n)
		return -ENOTSUP;
	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (add_overflows(n->drv->vmstate_base(n), pos, &off) || off > (u64)INT64_MAX - len)
		return -EFBIG;
	blk_drain_begin(n);
	ret = n->drv->vmstate_reserve(n, off + len, NULL);
	blk_drain_end(n);
	if (ret)
		return ret;
	blk_enter(n);
	ret = blk_node_pwrite(n, off, buf, len);
	blk_leave(n);
	return ret;
}

int blk_break(struct blk_node *n, enum blk_break op, const char *event, const char *tag)
{
	while (n && !n->drv->brk)
		n = n->n_children ? n->child[0].node : NULL;
	return n ? n->drv->brk(n, op, event, tag) : -ENOTSUP;
}
