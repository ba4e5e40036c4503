/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory: checked allocation and bulk scans.
 *
 * All code allocates through these, so that tests can fail the Nth
 * allocation (fault.h). They return NULL when memory is out; callers give
 * -ENOMEM. What libraries allocated with malloc() is freed with free(), what
 * came from here with mem_free().
 */
#ifndef VMBOX_MEM_H
#define VMBOX_MEM_H

#include "compiler.h"

/* size 0 gives a valid pointer. */
void *mem_alloc(size_t size) __must_check __attribute__((malloc));
void *mem_zalloc(size_t size) __must_check __attribute__((malloc));
/* n * size bytes; NULL when that overflows. */
void *mem_array(size_t n, size_t size) __must_check __attribute__((malloc));
void *mem_zarray(size_t n, size_t size) __must_check __attribute__((malloc));
/* On failure p stays valid. */
void *mem_resize(void *p, size_t size) __must_check;
void *mem_resize_array(void *p, size_t n, size_t size) __must_check;
void *mem_dup(const void *p, size_t size) __must_check;
/* align: a power of two, at least 8. */
void *mem_aligned(size_t align, size_t size) __must_check __attribute__((malloc));
void mem_free(void *p);		/* NULL is fine */

/*
 * Grows an array by doubling: makes room for at least n elements of size
 * bytes in *p, whose capacity is *cap. 0 or -ENOMEM (nothing changed).
 */
int mem_grow(void *p, size_t *cap, size_t n, size_t size) __must_check;

/*
 * Anonymous pages straight from the kernel, zeroed; size is rounded up to
 * pages. Huge pages are asked for from 2 MiB up. NULL when memory is out.
 */
void *mem_pages(size_t size) __must_check;
void mem_pages_free(void *p, size_t size);

/* True when all n bytes are 0. AVX2 when the CPU has it; any alignment. */
bool buf_is_zero(const void *p, size_t n);
/* Offset of the first byte that differs, n when all are equal. */
size_t buf_find_diff(const void *a, const void *b, size_t n);
/* Offset of the first byte that is not 0, n when all are. */
size_t buf_find_nonzero(const void *p, size_t n);

#endif
