// SPDX-License-Identifier: GPL-2.0-or-later
/* Landlock and seccomp (sandbox.h; landlock(7), seccomp(2)). */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
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

/* Rights over files of each version: 13 bits, REFER since 2, TRUNCATE since 3, devices' ioctls since 5. */
static u64 known_rights(long abi)
{
	return (1ULL << (abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13)) - 1;
}

static int allow_dir(int rules, const char *dir)
{
	struct landlock_path_beneath_attr a = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(dir, O_PATH | O_CLOEXEC),
	};
	int ret;

	if (a.parent_fd < 0)
		return -errno;
	ret = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ? -errno : 0;
	close(a.parent_fd);
	return ret;
}

static int landlock(const char *const *dirs)
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
	for (; *dirs && !ret; dirs++)
		ret = allow_dir(rules, *dirs);
	if (!ret && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		ret = -errno;
	close(rules);
	return ret;
}

static const int allowed[] = {
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

static int seccomp(void)
{
	enum { N = ARRAY_SIZE(allowed) };
	struct sock_filter f[N + 6];
	struct sock_fprog p = { .filter = f };
	unsigned int k = 0;

	_Static_assert(N < 250, "jumps are of eight bits");
	f[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0);
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	f[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < N; i++)
		f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (u32)allowed[i], (u8)(N - i), 0);
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	p.len = (unsigned short)k;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0 ? -errno : 0;
}

int sandbox_read_only(const char *const *dirs, struct err *e)
{
	int files, calls;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "no sandbox");
	files = landlock(dirs);
	calls = seccomp();
	if (files && calls)
		return err_set(e, -files, "no sandbox: this kernel has neither Landlock nor seccomp");
	if (files || calls)
		return err_errno(e, -(files ?: calls), "half a sandbox: no %s", files ? "Landlock" : "seccomp");
	return 0;
}
