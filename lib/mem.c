// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checked allocation: every allocation of the project passes here, where the
 * fault injector can refuse it. The allocator below is whatever the build
 * linked (mimalloc, or the C library's).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "fault.h"
#include "mem.h"

void *mem_alloc(size_t size)
{
	if (fault_hit(FAULT_ALLOC))
		return NULL;
	return malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
	if (fault_hit(FAULT_ALLOC))
		return NULL;
	return calloc(1, size ? size : 1);
}

void *mem_array(size_t n, size_t size)
{
	size_t total;

	return mul_overflows(n, size, &total) ? NULL : mem_alloc(total);
}

void *mem_zarray(size_t n, size_t size)
{
	size_t total;

	return mul_overflows(n, size, &total) ? NULL : mem_zalloc(total);
}

void *mem_resize(void *p, size_t size)
{
	if (fault_hit(FAULT_ALLOC))
		return NULL;
	return realloc(p, size ? size : 1);
}

void *mem_resize_array(void *p, size_t n, size_t size)
{
	size_t total;

	return mul_overflows(n, size, &total) ? NULL : mem_resize(p, total);
}

void *mem_dup(const void *p, size_t size)
{
	void *copy = mem_alloc(size);

	if (copy && size)
		memcpy(copy, p, size);
	return copy;
}

void *mem_aligned(size_t align, size_t size)
{
	void *p;

	if (fault_hit(FAULT_ALLOC))
		return NULL;
	return posix_memalign(&p, align, size ? size : 1) ? NULL : p;
}

void mem_free(void *p)
{
	free(p);
}

int mem_grow(void *p, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap : 4;
	void *old, *new;

	if (n <= *cap)
		return 0;
	while (want < n)
		if (mul_overflows(want, 2, &want))
			return -ENOMEM;
	memcpy(&old, p, sizeof(old));	/* p is the address of a pointer of any type */
	new = mem_resize_array(old, want, size);
	if (!new)
		return -ENOMEM;
	memcpy(p, &new, sizeof(new));
	*cap = want;
	return 0;
}

#define HUGE_PAGE (2 * MiB)

void *mem_pages(size_t size)
{
	void *p;

	if (fault_hit(FAULT_ALLOC))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (size >= HUGE_PAGE)
		madvise(p, size, MADV_HUGEPAGE);	/* a wish: failure changes speed only */
	return p;
}

void mem_pages_free(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}
