// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The oracle's front: goes round all usable table lines in both modes, prints
 * a table of mnemonics with cases and differences, and the first differing
 * cases in full. Exit status 1 if there was a difference. Without arguments it
 * is a test of make check: a fixed number of rounds, TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "oracle.h"

struct options {
	u64 seed;
	double seconds;
	unsigned rounds;	/* 0: until time is up */
	unsigned show;		/* differing cases printed a mnemonic */
	const char *op;
	int mode;		/* -1: both */
	bool native_only;
	bool jit;		/* our side by generated code */
	bool ac;
	bool tap;
	unsigned noise;		/* batches of random bytes */
	bool quiet;
};

struct tally {
	u32 cases, differing, lost, faults;
};

struct run {
	struct options opt;
	struct oracle_batch *b;
	struct rng rng;
	struct tally tally[X86_OP_COUNT];
	u64 cases, differing;
	u32 lines, skipped;
	bool *wanted;		/* by table line */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void print_case(const struct oracle_case *c, const char *text)
{
	const struct x86_insn *i = &c->insn;

	printf("%s %d-bit:", x86_op_info(i->op)->name, c->mode == X86_MODE_64 ? 64 : 32);
	for (unsigned n = 0; n < i->len; n++)
		printf(" %02x", c->code[n]);
	printf("  (mxcsr %04x cw %04x)\n%s", c->in.mxcsr, c->in.x87.cw, text);
}

static void judge(struct run *run)
{
	struct oracle_batch *b = run->b;
	char text[4096];

	for (u32 i = 0; i < b->count; i++) {
		struct tally *t = &run->tally[b->cases[i].insn.op];

		t->cases++;
		run->cases++;
		if (b->native[i].trap != ORACLE_DONE)
			t->faults++;
		if (b->native[i].trap == ORACLE_LOST)
			t->lost++;
		if (run->opt.native_only)
			continue;
		if (!oracle_compare(&b->cases[i], &b->native[i], &b->guest[i], text, sizeof(text)))
			continue;
		run->differing++;
		if (t->differing++ < run->opt.show)
			print_case(&b->cases[i], text);
	}
	b->count = 0;
}

static int run_batch(struct run *run)
{
	int ret;

	if (!run->b->count)
		return 0;
	ret = oracle_native_run(run->b);
	if (ret)
		return ret;
	if (!run->opt.native_only)
		oracle_guest_run(run->b);
	judge(run);
	return 0;
}

static bool wanted(const struct run *run, const struct x86_form *f)
{
	if (!oracle_form_usable(f) || !oracle_native_has((enum x86_feature)f->feature))
		return false;
	if (!run->opt.native_only && !oracle_guest_has((enum x86_feature)f->feature))
		return false;
	return !run->opt.op || !strcasecmp(run->opt.op, x86_op_info(f->op)->name);
}

/* One case of every line and mode. */
static int run_round(struct run *run)
{
	struct oracle_batch *b = run->b;

	for (unsigned form = 0; form < x86_form_count(); form++) {
		if (!run->wanted[form])
			continue;
		for (int mode = X86_MODE_32; mode <= X86_MODE_64; mode++) {
			if (run->opt.mode >= 0 && run->opt.mode != mode)
				continue;
			if (oracle_gen(&run->rng, form, (enum x86_mode)mode, b->count, run->opt.ac, &b->cases[b->count]))
				b->count++;
			if (b->count == ORACLE_BATCH) {
				int ret = run_batch(run);

				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

/* Decides which lines take part (once: CPUID is slow in a virtual machine) and lists the others. */
static void choose_lines(struct run *run)
{
	for (unsigned form = 0; form < x86_form_count(); form++) {
		const struct x86_form *f = &x86_form_table[form];

		if (f->op == X86_OP_INVALID)
			continue;
		run->lines++;
		run->wanted[form] = wanted(run, f);
		if (run->wanted[form])
			continue;
		run->skipped++;
		if (!run->opt.quiet && !run->opt.op)
			printf("skipped: %s%s (%s)\n", f->flags & X86_FF_VEX ? "V" : "", x86_op_info(f->op)->name,
			       !oracle_form_usable(f) ? "no fixed result at ring 3" :
			       oracle_native_has((enum x86_feature)f->feature) ? "our model lacks it" :
			       "this processor lacks it");
	}
}

static int report(const struct run *run)
{
	u32 silent = 0;

	for (unsigned op = 1; op < X86_OP_COUNT; op++) {
		const struct tally *t = &run->tally[op];

		if (!t->cases)
			continue;
		if (t->differing || !run->opt.quiet)
			printf("%-18s %8u cases %7u faults %7u differ%s\n", x86_op_info(op)->name, t->cases, t->faults,
			       t->differing, t->lost ? "  (native side died)" : "");
		if (!t->differing)
			silent++;
	}
	printf("%s%u of %u table lines, %llu cases, %u mnemonics equal, %llu differences (seed %llu)\n",
	       run->opt.tap ? "# " : "", run->lines - run->skipped, run->lines, run->cases, silent, run->differing,
	       run->opt.seed);
	if (run->opt.tap)
		printf("%sok 2 - results, flags, memory and faults are the processor's\n1..2\n", run->differing ? "not " : "");
	return run->differing ? 1 : 0;
}

/* Random bytes, batches of them. Returns the number of disagreements, or -errno. */
static int run_noise(struct run *run, unsigned batches)
{
	struct oracle_batch *b = run->b;
	int bad = 0, ret;

	for (unsigned k = 0; k < batches; k++) {
		b->count = 0;
		while (b->count < ORACLE_BATCH) {
			struct oracle_case *c = &b->cases[b->count];

			oracle_noise_case(&run->rng, k & 1 ? X86_MODE_64 : X86_MODE_32, b->count, c);
			/* what would leave the sandbox */
			if (!oracle_form_usable(x86_insn_form(&c->insn)) && c->insn.op != X86_OP_INVALID)
				continue;
			if (c->insn.op == X86_OP_INT)
				continue;
			b->count++;
		}
		ret = oracle_native_run(b);
		if (ret)
			return ret;
		for (u32 i = 0; i < b->count; i++)
			if (!oracle_noise_agrees(&b->cases[i], &b->native[i]) && bad++ < 40)
				printf("noise: %s %u bytes, native trap %d, rip +%lld: %02x %02x %02x %02x %02x %02x (%d-bit)\n",
				       x86_op_info(b->cases[i].insn.op)->name, b->cases[i].insn.len, b->native[i].trap,
				       b->native[i].out.rip - b->cases[i].in.rip, b->cases[i].code[0], b->cases[i].code[1],
				       b->cases[i].code[2], b->cases[i].code[3], b->cases[i].code[4], b->cases[i].code[5],
				       b->cases[i].mode == X86_MODE_64 ? 64 : 32);
	}
	b->count = 0;
	return bad;
}

static int usage(void)
{
	fprintf(stderr, "usage: oracle [--seed N] [--seconds S] [--rounds N] [--op NAME] [--mode 32|64] [--show N] [--ac] [--jit] [--noise BATCHES] [--native] [--quiet]\n");
	return 2;
}

static int parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(a, "--native"))
			o->native_only = true;
		else if (!strcmp(a, "--jit"))
			o->jit = true;
		else if (!strcmp(a, "--ac"))
			o->ac = true;
		else if (!strcmp(a, "--quiet"))
			o->quiet = true;
		else if (!v)
			return usage();
		else if (!strcmp(a, "--seed"))
			o->seed = strtoull(v, NULL, 0), i++;
		else if (!strcmp(a, "--seconds"))
			o->seconds = strtod(v, NULL), i++;
		else if (!strcmp(a, "--rounds"))
			o->rounds = (unsigned)strtoul(v, NULL, 0), i++;
		else if (!strcmp(a, "--show"))
			o->show = (unsigned)strtoul(v, NULL, 0), i++;
		else if (!strcmp(a, "--noise"))
			o->noise = (unsigned)strtoul(v, NULL, 0), i++;
		else if (!strcmp(a, "--op"))
			o->op = v, i++;
		else if (!strcmp(a, "--mode"))
			o->mode = !strcmp(v, "32") ? X86_MODE_32 : X86_MODE_64, i++;
		else
			return usage();
	}
	return 0;
}

static int start(struct run *run)
{
	run->b = mmap(NULL, sizeof(*run->b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->b == MAP_FAILED)
		return -errno;
	run->rng.s = run->opt.seed * 0x9e3779b97f4a7c15ULL | 1;
	oracle_gen_common(&run->rng, run->b->common);
	return oracle_native_start(run->b);
}

int main(int argc, char **argv)
{
	static struct run run = { .opt = { .seed = 1, .seconds = 20, .show = 2, .mode = -1 } };
	double end;
	int noise;
	int ret = parse(&run.opt, argc, argv);

	if (ret)
		return ret;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 1)
		run.opt = (struct options){ .seed = 1, .rounds = 60, .noise = 200, .show = 2, .mode = -1, .quiet = true, .tap = true };
	if (start(&run)) {
		printf("1..0 # SKIP the CPU has no FSGSBASE, or seccomp is refused\n");
		return 0;
	}
	if (!run.opt.native_only && oracle_guest_start(run.b, run.opt.jit))
		return 1;
	run.wanted = calloc(x86_form_count(), sizeof(*run.wanted));
	if (!run.wanted)
		return 1;
	choose_lines(&run);
	noise = run_noise(&run, run.opt.noise);
	if (noise < 0)
		ret = noise;
	else if (run.opt.tap)
		printf("%sok 1 - valid encodings and lengths are the processor's\n", noise ? "not " : "");
	else if (run.opt.noise)
		printf("%u random encodings, %d disagreements\n", run.opt.noise * ORACLE_BATCH, noise);
	end = now() + run.opt.seconds;
	for (unsigned n = 0; !ret && (run.opt.rounds ? n < run.opt.rounds : now() < end); n++)
		ret = run_round(&run);
	if (!ret)
		ret = run_batch(&run);
	if (ret)
		fprintf(stderr, "oracle: native side: %s\n", strerror(-ret));
	oracle_native_stop();
	ret = report(&run) || noise || ret;
	oracle_guest_report();
	free(run.wanted);
	return ret;
}
