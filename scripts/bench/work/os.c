// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel and the MMU do: system calls, processes, faults, mappings, signals. */
#define _GNU_SOURCE
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static u64 system_calls(u64 n)
{
	u64 h = 0;

	while (n--)
		h += (u64)syscall(SYS_getppid) != 0;
	return h;
}

static u64 clock_reads(u64 n)
{
	struct timespec t, last = { 0, 0 };
	u64 h = 0;

	while (n--) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		h += t.tv_sec > last.tv_sec || (t.tv_sec == last.tv_sec && t.tv_nsec >= last.tv_nsec);
		last = t;
	}
	return h;	/* as many as were asked for: it never went back */
}

static u64 device_reads(u64 n)
{
	static char buf[65536];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	u64 h = 0;

	if (fd < 0)
		fail("/dev/zero");
	while (n--)
		h += (u64)read(fd, buf, n & 1 ? 64 : sizeof(buf));
	close(fd);
	return h;
}

static u64 pipes(u64 n)
{
	char buf[512];
	int p[2];
	u64 h = 0;

	if (pipe(p))
		fail("pipe");
	memset(buf, 7, sizeof(buf));
	while (n--) {
		h += (u64)write(p[1], buf, sizeof(buf));
		h += (u64)read(p[0], buf, sizeof(buf)) + (u64)buf[n & 511];
	}
	close(p[0]);
	close(p[1]);
	return h;
}

/* Two processes on one processor take turns. */
static u64 switches(u64 n)
{
	int a[2], b[2], status;
	char c = 0;
	u64 h = 0;
	cpu_set_t one, old;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_getaffinity(0, sizeof(old), &old);
	sched_setaffinity(0, sizeof(one), &one);
	if (pipe(a) || pipe(b))
		fail("pipe");
	pid = fork();
	if (!pid) {
		close(a[1]);
		while (read(a[0], &c, 1) == 1 && write(b[1], &c, 1) == 1)
			;
		_exit(0);
	}
	while (n--) {
		c = (char)n;
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			fail("pipe");
		h = mix(h, (u8)c);
	}
	close(a[1]);
	close(a[0]);
	close(b[0]);
	close(b[1]);
	waitpid(pid, &status, 0);
	sched_setaffinity(0, sizeof(old), &old);
	return h;
}

static u64 forks(u64 n)
{
	u64 h = 0;
	int status;

	while (n--) {
		pid_t pid = fork();

		if (!pid)
			_exit((int)(n & 63));
		waitpid(pid, &status, 0);
		h += (u64)WEXITSTATUS(status);
	}
	return h;
}

static u64 execs(u64 n)
{
	char *const argv[] = { "work", "idle", NULL }, *const env[] = { NULL };
	volatile u64 h = 0;
	int status;

	while (n--) {
		pid_t pid = vfork();

		if (!pid) {
			execve("/proc/self/exe", argv, env);
			_exit(9);
		}
		waitpid(pid, &status, 0);
		h += status == 0;
	}
	return h;
}

static u64 page_faults(u64 n)
{
	size_t size = (size_t)4 << 20;
	u64 h = 0;

	while (n--) {
		u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, size, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < size; i += 4096)
			p[i] = (u8)(i >> 12);
		h += checksum_of(p, 65536);
		munmap(p, size);
	}
	return h;
}

static u64 protections(u64 n)
{
	u8 *p = pages(65536);
	u64 h = 0;

	while (n--) {
		mprotect(p + (n & 7) * 8192, 4096, PROT_READ);
		h += p[(n & 7) * 8192];
		mprotect(p + (n & 7) * 8192, 4096, PROT_READ | PROT_WRITE);
		p[(n & 7) * 8192]++;
	}
	munmap(p, 65536);
	return h;
}

static volatile sig_atomic_t got;

static void count(int sig)
{
	(void)sig;
	got++;
}

static u64 signals(u64 n)
{
	struct sigaction sa = { .sa_handler = count };
	u64 h;

	got = 0;
	sigaction(SIGUSR1, &sa, NULL);
	while (n--)
		raise(SIGUSR1);
	h = (u64)got;
	return h;
}

static sigjmp_buf back;

static void leap(int sig)
{
	siglongjmp(back, sig);
}

static u64 bad_pointers(u64 n)
{
	struct sigaction sa = { .sa_handler = leap }, old;
	volatile u64 h = 0, left = n;
	char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sigaction(SIGSEGV, &sa, &old);
	while (left--) {
		if (!sigsetjmp(back, 1))
			*(volatile char *)none = 1;
		else
			h++;
	}
	sigaction(SIGSEGV, &old, NULL);
	munmap(none, 4096);
	return h;
}

static u64 files(u64 n)
{
	char name[64], buf[128];
	struct stat st;
	u64 h = 0;

	while (n--) {
		int fd;

		snprintf(name, sizeof(name), "/tmp/work-%d-%u", getpid(), (unsigned)(n & 15));
		fd = open(name, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			fail(name);
		memset(buf, (int)n, sizeof(buf));
		h += (u64)write(fd, buf, sizeof(buf)) + (u64)lseek(fd, 0, SEEK_SET);
		h += (u64)read(fd, buf, sizeof(buf)) + !stat(name, &st) + (u64)st.st_size;
		close(fd);
		unlink(name);
	}
	return h;
}

static void *nothing(void *p)
{
	return (char *)p + 1;
}

static u64 threads(u64 n)
{
	pthread_t t;
	void *r;
	u64 h = 0;

	while (n--) {
		if (pthread_create(&t, NULL, nothing, (char *)NULL + n))
			fail("pthread_create");
		pthread_join(t, &r);
		h += (u64)((char *)r - (char *)NULL);
	}
	return h;
}

static u64 allocations(u64 n)
{
	enum { N = 512 };
	static void *v[N];
	u64 s = 77, h = 0;

	while (n--) {
		u64 r = next_random(&s), i = r % N;

		free(v[i]);
		v[i] = malloc(16 + (r >> 20) % (r >> 40 & 7 ? 500 : 200000));
		*(u8 *)v[i] = (u8)r;
		h += *(u8 *)v[i];
	}
	return h;
}

const struct work os_works[] = {
	{ "os", "system-calls", system_calls, 700000, 0 },
	{ "os", "clock-reads", clock_reads, 1500000, 0 },
	{ "os", "device-reads", device_reads, 30000, 0 },
	{ "os", "pipes", pipes, 100000, 0 },
	{ "os", "context-switches", switches, 15000, 0 },
	{ "os", "forks", forks, 200, 0 },
	{ "os", "execs", execs, 100, 0 },
	{ "os", "page-faults", page_faults, 60, 0 },
	{ "os", "protections", protections, 20000, 0 },
	{ "os", "signals", signals, 50000, 0 },
	{ "os", "bad-pointers", bad_pointers, 50000, 0 },
	{ "os", "files", files, 5000, 0 },
	{ "os", "thread-starts", threads, 1000, 0 },
	{ "os", "allocations", allocations, 1500000, 0 },
	{ 0 }
};
