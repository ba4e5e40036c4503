/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle: one instruction from one state, executed by the processor of
 * this machine and by our vCPU, and the two results compared. A case is made
 * by gen.c, run by native.c and guest.c, judged by compare.c; oracle.c counts.
 *
 * Both sides see the same ring-3 address space: code slots, two pages of
 * data that may be written, one that may only be read, nothing around them.
 */
#ifndef ORACLE_ORACLE_H
#define ORACLE_ORACLE_H

#include "encode.h"

#define ORACLE_CODE		0x10000000ULL
#define ORACLE_SLOT		64u	/* bytes of code a case */
#define ORACLE_BATCH		256u	/* cases run between two switches of sides */
#define ORACLE_CODE_SIZE	(ORACLE_SLOT * ORACLE_BATCH)
#define ORACLE_DATA		0x20000000ULL
#define ORACLE_DATA_RW		0x2000u
#define ORACLE_DATA_SIZE	0x3000u	/* with the read-only page */
#define ORACLE_STACK		(ORACLE_DATA + 0x1c00)	/* where RSP starts, about */

/* Selectors: those of Linux, which the guest side copies. */
#define ORACLE_CS32		0x23
#define ORACLE_DS		0x2b
#define ORACLE_CS64		0x33

struct oracle_x87 {
	u16 cw;
	u16 sw;
	u8  valid;		/* by physical register */
	u8  st[8][10];		/* from the top of the stack, as FXSAVE stores them */
};

struct oracle_state {
	u64 gpr[16];
	u64 rip;
	u64 rflags;
	u64 fs_base, gs_base;
	u16 cs, ds, es, fs, gs;
	u32 mxcsr;
	u8  vec[16][32];
	struct oracle_x87 x87;
};

/* Bytes put over the common contents of the data pages for one case. */
struct oracle_overlay {
	u16 at, len;
	u8  bytes[64];
};

struct oracle_case {
	struct oracle_state in;
	struct x86_insn insn;
	u8  code[16];
	u8  mode;		/* enum x86_mode: 64, or 32 for compatibility mode */
	u8  is_rep;
	struct oracle_overlay overlay[2];
};

struct oracle_result {
	struct oracle_state out;
	int trap;		/* exception vector; ORACLE_DONE: none */
	u32 err;
	u64 cr2;
	u8  mem[ORACLE_DATA_RW];
};

#define ORACLE_DONE	(-1)
#define ORACLE_LOST	(-2)	/* the side died on it */

/* What the two sides and the generator share; in memory that the native child sees too. */
struct oracle_batch {
	volatile u32 count;
	volatile u32 current;		/* the case the child is at */
	u8  common[ORACLE_DATA_SIZE];	/* contents of the data pages */
	struct oracle_case cases[ORACLE_BATCH];
	struct oracle_result native[ORACLE_BATCH];
	struct oracle_result guest[ORACLE_BATCH];
};

/* ---- gen.c ---- */

/* Makes a case of a table line in code slot slot, ac: sometimes with alignment checks. false: none could be made. */
bool oracle_gen(struct rng *r, unsigned form, enum x86_mode mode, unsigned slot, bool ac, struct oracle_case *c);
/* The line makes sense at ring 3 and gives the same result twice. */
bool oracle_form_usable(const struct x86_form *f);
void oracle_gen_common(struct rng *r, u8 *common);

/* ---- noise.c ---- */

/* A case of random bytes, for the native side alone. */
void oracle_noise_case(struct rng *r, enum x86_mode mode, unsigned slot, struct oracle_case *c);
/* Decoder and processor agree on whether it is valid, and how long. */
bool oracle_noise_agrees(const struct oracle_case *c, const struct oracle_result *n);

/* ---- native.c ---- */

/* Starts the sandboxed child. Returns 0 or -errno. */
int  oracle_native_start(struct oracle_batch *b);
void oracle_native_stop(void);
/* Runs all cases of the batch; cases that kill the child are marked ORACLE_LOST and a new child is started. */
int  oracle_native_run(struct oracle_batch *b);
/* CPUID of this machine says that a feature is there. */
bool oracle_native_has(enum x86_feature f);

/* ---- guest.c ---- */

int  oracle_guest_start(struct oracle_batch *b, bool jit);
void oracle_guest_report(void);	/* what was translated, if it was */
void oracle_guest_run(struct oracle_batch *b);
void oracle_guest_stop(void);
/* The model under test has a feature. */
bool oracle_guest_has(enum x86_feature f);

/* ---- compare.c ---- */

/*
 * Compares what is architecturally defined. Returns the number of differences;
 * each is described by a line into text (size bytes, always terminated).
 */
unsigned oracle_compare(const struct oracle_case *c, const struct oracle_result *n, const struct oracle_result *g,
			char *text, size_t size);

#endif
