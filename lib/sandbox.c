// SPDX-License-Identifier: GPL-2.0-or-later
/* Landlock and seccomp (sandbox.h; landlock(7), seccomp(2)). */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include "asan.h"
#include "sandbox.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_add_rule		445
#define SYS_landlock_restrict_self	446
#endif
#ifndef SYS_clone3
#define SYS_clone3	435
#endif
#ifndef SYS_openat2
#define SYS_openat2	437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2	439
#endif
#ifndef SYS_rseq
#define SYS_rseq	334
#endif

#ifdef __x86_64__
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#else
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#endif

/* Rights that came after the first version, and after this machine's headers. */
#define FS_TRUNCATE	(1ULL << 14)
#define FS_IOCTL_DEV	(1ULL << 15)

#define READ_RIGHTS	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_RIGHTS	(LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define DIR_RIGHTS	(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* Rights over files of each version: 13 bits, REFER since 2, TRUNCATE since 3, devices' ioctls since 5. */
static u64 known_rights(long abi)
{
	return (1ULL << (abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13)) - 1;
}

static int allow(int rules, const struct sandbox_rule *r, u64 known)
{
	struct landlock_path_beneath_attr a = {
		.parent_fd = r->path ? open(r->path, O_PATH | O_CLOEXEC) : r->fd,
	};
	u64 rights = READ_RIGHTS | (r->write ? WRITE_RIGHTS | DIR_RIGHTS : 0);
	struct stat st;
	int ret;

	if (a.parent_fd < 0)
		return -errno;
	ret = fstat(a.parent_fd, &st) < 0 ? -errno : 0;
	if (!ret && !S_ISDIR(st.st_mode))
		rights = (rights & ~(u64)DIR_RIGHTS) | FS_IOCTL_DEV;
	a.allowed_access = rights & known;
	if (!ret && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0)
		ret = -errno;
	if (r->path)
		close(a.parent_fd);
	/* Pipes and the like have no place in the file system: nobody can open them either. */
	return ret == -EBADFD || ret == -EBADF ? 0 : ret;
}

static int landlock(const struct sandbox_rule *r, int n)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	u64 attr;
	int rules, ret = 0;

	if (abi < 1)
		return -ENOSYS;
	attr = known_rights(abi);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	for (int i = 0; i < n && !ret; i++)
		ret = allow(rules, &r[i], attr);
	if (!ret && ASAN_IS_ON)
		ret = allow(rules, &(struct sandbox_rule){ "/proc", -1, false }, attr);
	if (!ret && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		ret = -errno;
	close(rules);
	return ret;
}

static const int reading[] = {
	SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_write, SYS_writev, SYS_lseek, SYS_close, SYS_fcntl,
	SYS_openat, SYS_openat2, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_readlinkat,
	SYS_faccessat, SYS_faccessat2, SYS_getcwd, SYS_ioctl, SYS_fadvise64, SYS_dup, SYS_fdatasync, SYS_fsync,
	SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_futex, SYS_clone, SYS_clone3,
	SYS_set_robust_list, SYS_set_tid_address, SYS_rseq, SYS_gettid, SYS_getpid, SYS_tgkill, SYS_tkill,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
	SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_sched_yield,
	SYS_sched_getaffinity, SYS_getrandom, SYS_membarrier, SYS_getrusage, SYS_prctl, SYS_setitimer, SYS_uname,
#ifdef __x86_64__
	SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_poll, SYS_arch_prctl, SYS_getdents64,
#endif
};

static const int writing[] = {
	SYS_pwrite64, SYS_pwritev, SYS_ftruncate, SYS_fallocate, SYS_unlinkat, SYS_copy_file_range, SYS_sync_file_range,
#ifdef __x86_64__
	SYS_unlink,
#endif
};

/* How the sanitizer stops its own threads to look for leaks. */
static const int sanitizing[] = {
	SYS_ptrace, SYS_wait4, SYS_getppid, SYS_getdents64, SYS_pipe2, SYS_process_vm_readv,
#ifdef __x86_64__
	SYS_getdents,
#endif
};

static struct sock_filter *let_pass(struct sock_filter *f, const int *calls, unsigned int n, unsigned int *left)
{
	for (unsigned int i = 0; i < n; i++)
		*f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (u32)calls[i], (u8)(*left)--, 0);
	return f;
}

static int seccomp(bool write)
{
	enum { R = ARRAY_SIZE(reading), W = ARRAY_SIZE(writing), S = ASAN_IS_ON ? ARRAY_SIZE(sanitizing) : 0 };
	struct sock_filter f[R + W + S + 6], *at = f;
	struct sock_fprog p = { .filter = f };
	unsigned int left = R + S + (write ? W : 0);

	_Static_assert(R + W + S < 250, "jumps are of eight bits");
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	at = let_pass(at, reading, R, &left);
	at = let_pass(at, sanitizing, S, &left);
	if (write)
		at = let_pass(at, writing, W, &left);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	p.len = (unsigned short)(at - f);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0 ? -errno : 0;
}

int sandbox_enter(const struct sandbox_rule *rules, int n, struct err *e)
{
	const struct rlimit no_core = { 0, 0 };
	bool write = false;
	int files, calls;

	for (int i = 0; i < n; i++)
		write |= rules[i].write;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "no sandbox");
	setrlimit(RLIMIT_CORE, &no_core);
	files = landlock(rules, n);
	calls = seccomp(write);
	if (files && calls)
		return err_set(e, -files, "no sandbox: this kernel has neither Landlock nor seccomp");
	if (files || calls)
		return err_errno(e, -(files ?: calls), "half a sandbox: no %s", files ? "Landlock" : "seccomp");
	return 0;
}
