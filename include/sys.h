/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls that musl has no wrapper for. Each returns the kernel's
 * result, or -errno (errno itself is not touched). -ENOSYS on kernels
 * without the call, -EPERM or -EACCES where a sandbox forbids it: probe and
 * fall back. Structures come from the kernel's uapi headers.
 */
#ifndef VMBOX_SYS_H
#define VMBOX_SYS_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include "compiler.h"

struct statx;
struct io_uring_params;

int sys_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *stx);
/* offset: as preadv(), -1 uses the file position; flags: RWF_*. */
ssize_t sys_preadv2(int fd, const struct iovec *iov, int n, u64 offset, int flags);
ssize_t sys_pwritev2(int fd, const struct iovec *iov, int n, u64 offset, int flags);
/* resolve: SYS_RESOLVE_* (linux/openat2.h). -ENOSYS before Linux 5.6. */
#define SYS_RESOLVE_NO_MAGICLINKS	0x02
#define SYS_RESOLVE_NO_SYMLINKS		0x04
#define SYS_RESOLVE_BENEATH		0x08
int sys_openat2(int dirfd, const char *path, u64 flags, u64 mode, u64 resolve);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
/* timeout NULL: for ever. sigmask NULL: unchanged. */
int sys_epoll_pwait2(int epfd, struct epoll_event *events, int max,
		     const struct timespec *timeout, const sigset_t *sigmask);
int sys_getcpu(unsigned *cpu, unsigned *node);
int sys_membarrier(int cmd, unsigned flags);
int sys_io_uring_setup(unsigned entries, struct io_uring_params *p);
/* arg, argsz: a signal mask, or struct io_uring_getevents_arg with IORING_ENTER_EXT_ARG. */
int sys_io_uring_enter(int fd, unsigned to_submit, unsigned min_complete, unsigned flags,
		       const void *arg, size_t argsz);
int sys_io_uring_register(int fd, unsigned op, const void *arg, unsigned n);
int sys_userfaultfd(int flags);
int sys_memfd_create(const char *name, unsigned flags);
/* op: FUTEX_WAIT or FUTEX_WAKE (| FUTEX_PRIVATE_FLAG); timeout relative, NULL: for ever. */
int sys_futex(u32 *addr, int op, u32 val, const struct timespec *timeout);
int sys_finit_module(int fd, const char *params, int flags);

#endif
