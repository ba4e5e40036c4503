// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls without a wrapper in musl (sys.h), by number. errno is put
 * back, so that a probe leaves no trace.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sys.h"

/* Numbers newer than the C library's headers; the same on x86-64 and arm64. */
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup	425
#define SYS_io_uring_enter	426
#define SYS_io_uring_register	427
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal	424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open		434
#endif
#ifndef SYS_close_range
#define SYS_close_range		436
#endif
#ifndef SYS_openat2
#define SYS_openat2		437
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2	441
#endif

#define CALL(...) ({ \
	int saved_errno = errno; \
	long result = syscall(__VA_ARGS__); \
	if (result < 0) { \
		result = -errno; \
		errno = saved_errno; \
	} \
	result; })

int sys_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *stx)
{
	return (int)CALL(SYS_statx, dirfd, path, flags, mask, stx);
}

/* The kernel takes the offset in two longs; on 64 bits the first holds it all. */
ssize_t sys_preadv2(int fd, const struct iovec *iov, int n, u64 offset, int flags)
{
	return CALL(SYS_preadv2, fd, iov, n, offset, 0, flags);
}

ssize_t sys_pwritev2(int fd, const struct iovec *iov, int n, u64 offset, int flags)
{
	return CALL(SYS_pwritev2, fd, iov, n, offset, 0, flags);
}

int sys_openat2(int dirfd, const char *path, u64 flags, u64 mode, u64 resolve)
{
	struct { u64 flags, mode, resolve; } how = { flags, mode, resolve };

	return (int)CALL(SYS_openat2, dirfd, path, &how, sizeof(how));
}

int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)CALL(SYS_close_range, first, last, flags);
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)CALL(SYS_pidfd_open, pid, flags);
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)CALL(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int sys_epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		     const sigset_t *sigmask)
{
	return (int)CALL(SYS_epoll_pwait2, epfd, events, max, timeout, sigmask, 8);
}

int sys_getcpu(unsigned *cpu, unsigned *node)
{
	return (int)CALL(SYS_getcpu, cpu, node, NULL);
}

int sys_membarrier(int cmd, unsigned flags)
{
	return (int)CALL(SYS_membarrier, cmd, flags, 0);
}

int sys_io_uring_setup(unsigned entries, struct io_uring_params *p)
{
	return (int)CALL(SYS_io_uring_setup, entries, p);
}

int sys_io_uring_enter(int fd, unsigned to_submit, unsigned min_complete, unsigned flags, const void *arg,
		       size_t argsz)
{
	return (int)CALL(SYS_io_uring_enter, fd, to_submit, min_complete, flags, arg, argsz);
}

int sys_io_uring_register(int fd, unsigned op, const void *arg, unsigned n)
{
	return (int)CALL(SYS_io_uring_register, fd, op, arg, n);
}

int sys_userfaultfd(int flags)
{
	return (int)CALL(SYS_userfaultfd, flags);
}

int sys_memfd_create(const char *name, unsigned flags)
{
	return (int)CALL(SYS_memfd_create, name, flags);
}

int sys_futex(u32 *addr, int op, u32 val, const struct timespec *timeout)
{
	return (int)CALL(SYS_futex, addr, op, val, timeout, NULL, 0);
}

int sys_finit_module(int fd, const char *params, int flags)
{
	return (int)CALL(SYS_finit_module, fd, params, flags);
}
