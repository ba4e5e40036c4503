// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Scatter lists of guest memory (see dev/sglist.h).
 */
#include <errno.h>
#include <string.h>
#include "dev/sglist.h"
#include "mem.h"

#define FIRST_CAP 16

void sg_init(struct sglist *sg, bool to_guest)
{
	*sg = (struct sglist){ .to_guest = to_guest };
}

void sg_free(struct sglist *sg)
{
	mem_free(sg->iov);
	mem_free(sg->addr);
	sg_init(sg, sg->to_guest);
}

static int grow(struct sglist *sg)
{
	unsigned cap = sg->cap ? sg->cap * 2 : FIRST_CAP;
	struct iovec *iov;
	u64 *addr;

	if (sg->cap >= SG_PIECES_MAX)
		return -E2BIG;
	iov = mem_resize_array(sg->iov, cap, sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	sg->iov = iov;
	addr = mem_resize_array(sg->addr, cap, sizeof(*addr));
	if (!addr)
		return -ENOMEM;
	sg->addr = addr;
	sg->cap = cap;
	return 0;
}

/* Neighbours become one piece: a guest's pages are often in a row. */
static bool extends_last(struct sglist *sg, const u8 *host, u64 addr, u64 n)
{
	struct iovec *last = sg->n ? &sg->iov[sg->n - 1] : NULL;

	if (!last || (u8 *)last->iov_base + last->iov_len != host || sg->addr[sg->n - 1] + last->iov_len != addr)
		return false;
	last->iov_len += n;
	return true;
}

int sg_add(struct sglist *sg, struct pci_dev *pci, u64 addr, u64 len)
{
	if (!pci_is_master(pci))
		return -EFAULT;
	if (len > SG_BYTES_MAX - sg->len)
		return -E2BIG;
	while (len) {
		u64 n = len;
		u8 *host = dma_map(&pci->dev.machine->mem, addr, &n, sg->to_guest);
		int ret;

		if (!host)
			return -EFAULT;
		if (!extends_last(sg, host, addr, n)) {
			ret = sg->n == sg->cap ? grow(sg) : 0;
			if (ret < 0)
				return ret;
			sg->iov[sg->n] = (struct iovec){ host, n };
			sg->addr[sg->n++] = addr;
		}
		sg->len += n;
		addr += n;
		len -= n;
	}
	return 0;
}

void sg_truncate(struct sglist *sg, u64 len)
{
	while (sg->len > len) {
		struct iovec *last = &sg->iov[sg->n - 1];
		u64 over = MIN(sg->len - len, (u64)last->iov_len);

		last->iov_len -= over;
		sg->len -= over;
		if (!last->iov_len)
			sg->n--;
	}
}

void sg_skip(struct sglist *sg, u64 bytes)
{
	unsigned whole = 0;

	bytes = MIN(bytes, sg->len);
	sg->len -= bytes;
	while (bytes && bytes >= sg->iov[whole].iov_len)
		bytes -= sg->iov[whole++].iov_len;
	sg->n -= whole;
	memmove(sg->iov, sg->iov + whole, sg->n * sizeof(*sg->iov));
	memmove(sg->addr, sg->addr + whole, sg->n * sizeof(*sg->addr));
	if (bytes) {
		sg->iov[0].iov_base = (u8 *)sg->iov[0].iov_base + bytes;
		sg->iov[0].iov_len -= bytes;
		sg->addr[0] += bytes;
	}
}

void sg_written(struct sglist *sg, struct pci_dev *pci, u64 len)
{
	unsigned i;

	for (i = 0; i < sg->n && len && sg->to_guest; i++) {
		u64 part = MIN(len, (u64)sg->iov[i].iov_len);

		dma_written(&pci->dev.machine->mem, sg->addr[i], part);
		len -= part;
	}
}

static size_t copy_iov(const struct iovec *iov, unsigned n, u64 off, void *buf, size_t len, bool to_iov)
{
	size_t done = 0;
	unsigned i;

	for (i = 0; i < n && done < len; i++) {
		size_t part;

		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = MIN(len - done, iov[i].iov_len - (size_t)off);
		if (to_iov)
			memcpy((u8 *)iov[i].iov_base + off, (u8 *)buf + done, part);
		else
			memcpy((u8 *)buf + done, (u8 *)iov[i].iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t iov_read(const struct iovec *iov, unsigned n, u64 off, void *buf, size_t len)
{
	return copy_iov(iov, n, off, buf, len, false);
}

size_t iov_write(const struct iovec *iov, unsigned n, u64 off, const void *buf, size_t len)
{
	return copy_iov(iov, n, off, (void *)buf, len, true);
}

unsigned iov_slice(const struct iovec *iov, unsigned n, u64 off, u64 len, struct iovec *out)
{
	unsigned i, k = 0;

	for (i = 0; i < n && len; i++) {
		u64 part;

		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = MIN(len, iov[i].iov_len - off);
		out[k].iov_base = (u8 *)iov[i].iov_base + off;
		out[k++].iov_len = part;
		len -= part;
		off = 0;
	}
	return k;
}
