/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scatter lists: pieces of guest memory that a controller's descriptors name
 * (PRDT, PRP, SGL), as iovecs for the block layer. Grows as needed up to
 * SG_PIECES_MAX and SG_BYTES_MAX, which bounds what a guest can make us hold.
 *
 * Threads: an object belongs to one thread at a time.
 */
#ifndef VMBOX_DEV_SGLIST_H
#define VMBOX_DEV_SGLIST_H

#include <sys/uio.h>
#include "dev/pci.h"

#define SG_PIECES_MAX	65536u
#define SG_BYTES_MAX	(64 * MiB)

struct sglist {
	struct iovec *iov;
	u64 *addr;		/* guest addresses of the pieces */
	unsigned n, cap;
	u64 len;		/* bytes in all */
	bool to_guest;		/* the device writes them */
};

void sg_init(struct sglist *sg, bool to_guest);
void sg_free(struct sglist *sg);	/* empty and usable again */
/* Appends; -EFAULT: not RAM or no bus mastering, -E2BIG, -ENOMEM. */
int  sg_add(struct sglist *sg, struct pci_dev *pci, u64 addr, u64 len);
/* Cuts to at most len bytes. */
void sg_truncate(struct sglist *sg, u64 len);
/* Drops the first bytes. */
void sg_skip(struct sglist *sg, u64 bytes);
/* Tells the machine that the first `len` bytes were written. */
void sg_written(struct sglist *sg, struct pci_dev *pci, u64 len);

/* Between n iovecs and a buffer; the bytes copied. */
size_t iov_read(const struct iovec *iov, unsigned n, u64 off, void *buf, size_t len);
size_t iov_write(const struct iovec *iov, unsigned n, u64 off, const void *buf, size_t len);
/* The len bytes of iov from off on as iovecs of their own, at most n of them; how many. */
unsigned iov_slice(const struct iovec *iov, unsigned n, u64 off, u64 len, struct iovec *out);

#endif
