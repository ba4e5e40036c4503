// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Code and mappings that change on one processor while others use them, and sums
 * that must not change under storms of interrupts (SDM vol. 3, 9.1.3 and 4.10.5). races
 * SECONDS: each part runs so long on all processors; a line says how often, and BAD when
 * something was seen that no processor may show. Status 1: something was.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define CPUS	8
#define SLOTS	32
#define SLOT	64
/* linux/membarrier.h, which musl-gcc does not find */
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED		(1 << 3)
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED	(1 << 4)

typedef unsigned (*code_fn)(unsigned);

static int ncpus, seconds;
static volatile int stop;
static unsigned long looks, changes, bad;	/* atomic */
static unsigned *code;		/* a page that may be written and executed */
static volatile unsigned long published;

static unsigned long get(volatile unsigned long *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void put(volatile unsigned long *p, unsigned long v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static void complain(const char *what, unsigned long got, unsigned long want)
{
	if (__atomic_fetch_add(&bad, 1, __ATOMIC_SEQ_CST) < 5)
		printf("races: BAD %s: got %lu, want %lu\n", what, got, want);
}

static void seen(unsigned long n)
{
	__atomic_fetch_add(&looks, n, __ATOMIC_SEQ_CST);
}

static void serialize(void)
{
	unsigned a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

/* ---- an instruction whose operand another processor changes ---- */

/* nop, nop, nop; mov $N, %eax; ret: the operand stands in an aligned word */
static void make_mov(void)
{
	static const unsigned char text[] = { 0x90, 0x90, 0x90, 0xb8, 0, 0, 0, 0, 0xc3 };

	memcpy(code, text, sizeof(text));
}

static void mov_change(void)
{
	__atomic_store_n(&code[1], (unsigned)published + 1, __ATOMIC_RELAXED);
	put(&published, published + 1);
}

static void mov_look(void)
{
	unsigned long from = get(&published), v;

	serialize();
	v = ((code_fn)(void *)code)(0);
	if (v < from || v > get(&published) + 1)
		complain("old operand", v, from);
}

/* ---- new functions where older ones were ---- */

/* Slot n of the ring computes eax = edi * 3 ^ n, by one of two orders of instructions of other lengths. */
static void write_function(unsigned char *at, unsigned n)
{
	static const unsigned char one[] = { 0x8d, 0x04, 0x7f, 0x35 };			/* lea (%rdi,%rdi,2), %eax; xor $n, %eax */
	static const unsigned char two[] = { 0x90, 0x6b, 0xc7, 0x03, 0x66, 0x90, 0x35 };	/* nop; imul $3, %edi, %eax; nop; xor */
	unsigned len = n & 1 ? sizeof(one) : sizeof(two);

	memcpy(at, n & 1 ? one : two, len);
	memcpy(at + len, &n, 4);
	at[len + 4] = 0xc3;
}

static volatile unsigned long using[CPUS];	/* the number that a thread calls, ~0: none */

static void slot_change(void)
{
	unsigned long next = published + 1;

	for (int i = 0; i < CPUS; i++)		/* nobody is in what the slot held */
		while (get(&using[i]) != ~0UL && get(&using[i]) + SLOTS <= next)
			if (stop)
				return;
	write_function((unsigned char *)code + next % SLOTS * SLOT, (unsigned)next);
	put(&published, next);
}

static __thread int self;

static void slot_look(void)
{
	unsigned long n = get(&published);
	unsigned got;

	__atomic_store_n(&using[self], n, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&published, __ATOMIC_SEQ_CST) != n) {
		put(&using[self], ~0UL);
		return;
	}
	serialize();
	got = ((code_fn)(void *)((char *)code + n % SLOTS * SLOT))(1000);
	if (got != (3000 ^ (unsigned)n))
		complain("old function", got, 3000 ^ (unsigned)n);
	put(&using[self], ~0UL);
}

/* ---- another page where code runs ---- */

static int pages;		/* of a memfd: each returns its number */

static void remap(void *at, int prot, int flags, int fd, long off)
{
	if (mmap(at, PAGE, prot, MAP_FIXED | flags, fd, off) != at) {
		perror("mmap");
		exit(2);
	}
}

static void make_pages(void)
{
	unsigned char text[] = { 0xb8, 0, 0, 0, 0, 0xc3 };

	for (unsigned n = 0; n < 2; n++) {
		text[1] = (unsigned char)n;
		if (pwrite(pages, text, sizeof(text), n * PAGE) < 0)
			perror("pwrite");
	}
	remap(code, PROT_READ | PROT_EXEC, MAP_SHARED, pages, 0);
}

static void page_change(void)
{
	unsigned long next = published + 2;

	put(&published, next - 1);		/* odd: in between */
	remap(code, PROT_READ | PROT_EXEC, MAP_SHARED, pages, next / 2 % 2 * PAGE);
	put(&published, next);
}

static void page_look(void)
{
	unsigned long from = get(&published);
	unsigned got = ((code_fn)(void *)code)(0);

	if (get(&published) == from && !(from & 1) && got != from / 2 % 2)
		complain("code of the page that was there", got, from / 2 % 2);
}

/* ---- a page that is replaced while others read it ---- */

static volatile unsigned long *data;

static void data_change(void)
{
	remap((void *)data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*data = published + 1;
	put(&published, published + 1);
}

static void data_look(void)
{
	unsigned long from = get(&published), v = *data;

	if (v && v < from)
		complain("a page that was replaced", v, from);
}

/* ---- a page that becomes read-only while others write to it ---- */

static void on_fault(int sig)
{
	(void)sig;
	sched_yield();
}

static unsigned long stores(void)
{
	unsigned long sum = 0;

	for (int i = 0; i < CPUS; i++)
		sum += data[i];
	return sum;
}

static void protect_change(void)
{
	unsigned long before;

	mprotect((void *)data, PAGE, PROT_READ);
	before = stores();
	for (int n = 0; n < 300; n++)
		if (stores() != before) {
			complain("a store to a page that is read-only", stores(), before);
			break;
		}
	mprotect((void *)data, PAGE, PROT_READ | PROT_WRITE);
	published++;
}

static void protect_look(void)
{
	for (int n = 0; n < 100; n++)
		data[self]++;
}

/* ---- sums under storms ---- */

static unsigned long right_sum;

static unsigned long sum(void)
{
	unsigned long h = 1469598103934665603UL;
	double x = 1.0;
	long double y = 1.0L;
	unsigned char buf[256];

	for (unsigned n = 0; n < 2000; n++) {
		memset(buf, (int)n, sizeof(buf));
		h = (h ^ buf[n & 255] ^ n) * 1099511628211UL;
		h = h << 13 | h >> 51;
		x = x * 1.0000001 + 0.25;
		y = y * 1.0000001L + 0.125L;
		if (n % 7 == 0)
			x /= 3.0;
	}
	return h ^ (unsigned long)(x * 1e9) ^ (unsigned long)(y * 1e9L);
}

static void storm_look(void)
{
	unsigned long v = sum();

	if (v != right_sum)
		complain("sum", v, right_sum);
}

static void on_alarm(int sig)
{
	double x = published;

	(void)sig;
	__asm__ volatile("" : "+x"(x));
	published++;
}

/* A barrier on all processors that run this process: an interrupt to each. */
static void ipi_change(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	published++;
}

/* ---- running them ---- */

struct part {
	const char *name;
	void (*make)(void);
	void (*change)(void);	/* on the first processor; NULL: it looks as the others do */
	void (*look)(void);
};

static const struct part *part;

static void *worker(void *arg)
{
	cpu_set_t set;
	unsigned long n = 0;
	int changer = !arg && part->change;

	self = (int)(long)arg;
	CPU_ZERO(&set);
	CPU_SET(self % ncpus, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!stop) {
		changer ? part->change() : part->look();
		n++;
	}
	if (changer)
		changes += n;
	else
		seen(n);
	return NULL;
}

static void start_alarms(void)
{
	struct itimerval it = { { 0, 100 }, { 0, 100 } };

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &it, NULL);
}

static void join_membarrier(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

static const struct part parts[] = {
	{ "operand", make_mov, mov_change, mov_look },
	{ "function", NULL, slot_change, slot_look },
	{ "remap", make_pages, page_change, page_look },
	{ "replace", NULL, data_change, data_look },
	{ "protect", NULL, protect_change, protect_look },
	{ "alarms", start_alarms, NULL, storm_look },
	{ "ipis", join_membarrier, ipi_change, storm_look },
	{ "nmis", NULL, NULL, storm_look },	/* sent from outside */
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void run(const struct part *p)
{
	struct itimerval off = { 0 };
	pthread_t th[CPUS];
	int threads = ncpus > CPUS ? CPUS : ncpus;

	part = p;
	stop = 0;
	looks = changes = published = 0;
	for (int i = 0; i < CPUS; i++)
		using[i] = ~0UL;
	remap(code, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->look == slot_look)
		write_function((unsigned char *)code, 0);
	if (p->make)
		p->make();
	printf("races: %s begins\n", p->name);
	for (long i = 0; i < threads; i++)
		pthread_create(&th[i], NULL, worker, (void *)i);
	for (time_t end = time(NULL) + seconds; time(NULL) < end;)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(th[i], NULL);
	setitimer(ITIMER_REAL, &off, NULL);
	printf("races: %s: %lu changes, %lu looks\n", p->name, p->change ? changes : published, looks);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	seconds = argc > 1 ? atoi(argv[1]) : 2;
	ncpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	pages = (int)syscall(SYS_memfd_create, "pages", 0);
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages < 0 || ftruncate(pages, 2 * PAGE) || code == MAP_FAILED || data == MAP_FAILED)
		return 2;
	signal(SIGSEGV, on_fault);
	right_sum = sum();
	for (size_t i = 0; i < PARTS; i++)
		run(&parts[i]);
	printf("races: done on %d processors, %lu bad\n", ncpus, bad);
	return bad != 0;
}
