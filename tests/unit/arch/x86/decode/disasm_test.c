// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decoder and disassembler against objdump: every table line in 16-, 32- and
 * 64-bit mode, several random encodings each. Lengths must be equal always,
 * text after dropping prefixes that mean nothing.
 * requires: CONFIG_X86_DISASM
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "test.h"
#include "x86/disasm.h"
#include "oracle/encode.c"

#define SLOT	 32u	/* bytes an instruction gets; NOPs behind it */
#define PER_LINE 4u
#define SAMPLES	 8192u

struct sample {
	u16 form;
	u8 len;
	bool loose;	/* 16-bit branches (objdump does not wrap them), segment moves */
	char text[X86_DISASM_TEXT];
};

static struct sample samples[SAMPLES];
static unsigned count;

static const char *const machines[3] = { "i8086", "i386", "i386:x86-64" };

/* Words in front of a mnemonic that do not change what is executed; rep before a string instruction does. */
static const char *skip_prefixes(const char *t)
{
	static const char *const words[] = {
		"data16 ", "data32 ", "addr16 ", "addr32 ", "cs ", "ds ", "es ", "ss ", "fs ", "gs ", "bnd ", "notrack ",
		"xacquire ", "xrelease ",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strncmp(t, words[i], strlen(words[i])))
			return skip_prefixes(t + strlen(words[i]));
	if (!strncmp(t, "rex", 3) && strchr(t, ' '))
		return skip_prefixes(strchr(t, ' ') + 1);
	return t;
}

/* One space between words, no comment, no symbol, no branch hint. */
static void normalise(char *out, const char *in)
{
	char *o = out;

	in = skip_prefixes(in);
	for (; *in && *in != '#' && *in != '<' && *in != '\n'; in++) {
		if (!strncmp(in, ",pn", 3) || !strncmp(in, ",pt", 3)) {
			in += 2;
			continue;
		}
		if (!strncmp(in, "rex", 3) && strchr(in, ' ')) {
			in = strchr(in, ' ');
			continue;
		}
		if (*in == ' ' && (o == out || o[-1] == ' '))
			continue;
		*o++ = *in;
	}
	while (o > out && o[-1] == ' ')
		o--;
	*o = '\0';
}

/* Where objdump is known to say something else, for instance by mixing up register names under W and L. */
static bool text_differs_by_design(unsigned op)
{
	switch (op) {
	/* suffixes and names that only objdump has */
	case X86_OP_SGDT: case X86_OP_SIDT: case X86_OP_LGDT: case X86_OP_LIDT: case X86_OP_SYSRET: case X86_OP_SYSEXIT:
	case X86_OP_FLDENV: case X86_OP_FNSTENV: case X86_OP_FRSTOR: case X86_OP_FNSAVE: case X86_OP_CALLF: case X86_OP_JMPF:
	case X86_OP_CVTPD2PS: case X86_OP_CVTPD2DQ: case X86_OP_CVTTPD2DQ: case X86_OP_PCMPESTRI: case X86_OP_PCMPESTRM:
	case X86_OP_PREFETCH: case X86_OP_PCLMULQDQ: case X86_OP_ENTER: case X86_OP_LOOP: case X86_OP_LOOPE: case X86_OP_LOOPNE:
	/* registers */
	case X86_OP_LAR: case X86_OP_LSL: case X86_OP_PMOVMSKB: case X86_OP_MOVMSKPS: case X86_OP_MOVMSKPD:
	case X86_OP_RDFSBASE: case X86_OP_RDGSBASE: case X86_OP_WRFSBASE: case X86_OP_WRGSBASE: case X86_OP_MOVQ2DQ:
	case X86_OP_MOVDQ2Q: case X86_OP_MOVSS: case X86_OP_MOVSD: case X86_OP_PEXTRW: case X86_OP_PINSRW: case X86_OP_RDPID:
	case X86_OP_SLDT: case X86_OP_STR: case X86_OP_SMSW:
	case X86_OP_NOP:	/* hints of later extensions have names there: bndmov, cldemote, rdsspd */
	case X86_OP_XCHG:	/* xchg %ax,%ax */
	case X86_OP_PAUSE:
	case X86_OP_FNENI: case X86_OP_FNDISI: case X86_OP_FNSETPM:	/* "(8087 only)" */
	case X86_OP_VMCALL: case X86_OP_VMRUN: case X86_OP_VMMCALL: case X86_OP_CLZERO:
	case X86_OP_MONITOR: case X86_OP_MWAIT: case X86_OP_MONITORX: case X86_OP_MWAITX:
		return true;
	default:
		return false;
	}
}

static void make_samples(FILE *f, enum x86_mode mode)
{
	struct rng r = { 0x1234567 + mode };
	struct encoding e;

	count = 0;
	for (unsigned form = 0; form < x86_form_count(); form++)
		for (unsigned n = 0; n < PER_LINE && count < SAMPLES; n++) {
			struct sample *s = &samples[count];
			u8 slot[SLOT];

			if (x86_form_table[form].op == X86_OP_INVALID ||
			    !encode_form(&r, form, mode, ENCODE_ALL & ~ENCODE_LOCK, &e))
				continue;
			memset(slot, 0x90, sizeof(slot));
			memcpy(slot, e.bytes, e.insn.len);
			CHECK_EQ(fwrite(slot, 1, SLOT, f), SLOT);
			s->form = (u16)form;
			s->len = e.insn.len;
			s->loose = (e.insn.opnd[0].kind == X86_OPND_REL && e.insn.opsize == 2) ||
				   e.insn.opnd[0].kind == X86_OPND_SEG;
			x86_disasm(s->text, sizeof(s->text), &e.insn, mode, (u64)count * SLOT);
			count++;
		}
}

static unsigned compare_one(const struct sample *s, const char *theirs, unsigned their_len)
{
	unsigned op = x86_form_table[s->form].op;
	char a[128], b[256];

	/* objdump has no length for what it calls bad: our aliases of x87, AMD's and Intel's extras */
	if (strstr(theirs, "(bad)"))
		return 0;
	normalise(a, s->text);
	normalise(b, theirs);
	/* a prefix before FWAIT is a line of its own there */
	if (op == X86_OP_WAIT)
		return 0;
	if (s->len == their_len && (s->loose || text_differs_by_design(op) || !strcmp(a, b)))
		return 0;
	test_note("%s: ours \"%s\" %u bytes, objdump's \"%s\" %u bytes", x86_op_info(op)->name, a, s->len, b, their_len);
	return 1;
}

/* Lines "   addr:\ttext"; the length of a sample is where the next line starts. */
static unsigned compare_all(FILE *p)
{
	char line[512], text[512] = "";
	unsigned bad = 0, seen = 0;
	unsigned long long addr, at = 0;

	while (fgets(line, sizeof(line), p)) {
		char *tab = strchr(line, '\t');

		if (!tab || sscanf(line, " %llx:", &addr) != 1)
			continue;
		if (*text && addr > at) {
			bad += compare_one(&samples[at / SLOT], text, (unsigned)(addr - at));
			seen++;
			*text = '\0';
		}
		if (addr % SLOT == 0) {
			strcpy(text, tab + 1);
			at = addr;
		}
	}
	CHECK_EQ(seen, count);
	return bad;
}

static void against_objdump(enum x86_mode mode)
{
	char path[] = "/tmp/disasm-test-XXXXXX", cmd[256];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w"), *p;
	unsigned bad;

	CHECK(f);
	make_samples(f, mode);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "objdump -D -w -z --no-show-raw-insn -b binary -m %s %s %s", machines[mode],
		 mode == X86_MODE_64 ? "-M intel64" : "", path);
	p = popen(cmd, "r");
	CHECK(p);
	bad = compare_all(p);
	CHECK_EQ(pclose(p), 0);
	unlink(path);
	CHECK_EQ(bad, 0);
}

TEST(every_line_in_16_bit_mode_as_objdump)
{
	against_objdump(X86_MODE_16);
}

TEST(every_line_in_32_bit_mode_as_objdump)
{
	against_objdump(X86_MODE_32);
}

TEST(every_line_in_64_bit_mode_as_objdump)
{
	against_objdump(X86_MODE_64);
}

/* ---- whole programs of Debian's ---- */

/* Extensions that this decoder does not know: AVX-512, TSX, XOP, FMA4, 3DNow, VMX and CET's stack. */
static bool is_foreign(const u8 *b, unsigned len, const char *text)
{
	static const char *const marks[] = { "%k", "zmm", "(bad)", ".byte", "vp2", "xbegin", "xabort", "xend", "xtest", "rdssp",
					     "incssp", "vpmac", "vphadd", "vpperm", "vprot", "vpcom", "vpsh", "vfmaddp", "vfmadds",
					     "vfnmaddp", "vfnmadds", "pmulhrw", "vmread", "vmwrite", "bnd", "%?", "fwait" };

	for (unsigned i = 0; i < len && i < 4; i++)
		if (b[i] == 0x62)
			return true;
	for (unsigned i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(text, marks[i]))
			return true;
	return false;
}

static unsigned parse_bytes(const char *hex, u8 *out)
{
	unsigned n = 0, v;
	int used;

	while (n < 15 && sscanf(hex, " %2x%n", &v, &used) == 1) {
		out[n++] = (u8)v;
		hex += used;
	}
	return n;
}

/* 1: as objdump, 0: not, -1: not comparable. */
static int compare_line(char *line)
{
	char *bytes = strchr(line, '\t'), *text = bytes ? strchr(bytes + 1, '\t') : NULL;
	char ours[X86_DISASM_TEXT], a[128], b[512];
	unsigned long long addr;
	struct x86_insn insn;
	u8 code[16];
	unsigned n;

	if (!text || sscanf(line, " %llx:", &addr) != 1)
		return -1;
	*text++ = '\0';
	n = parse_bytes(bytes + 1, code);
	if (is_foreign(code, n, text) || strlen(text) >= sizeof(b))
		return -1;
	normalise(b, text);
	if (!strncmp(b, "rep", 3) && strstr(b, "ret"))	/* the return of AMD's K8 */
		return -1;
	if (!x86_decode(&insn, code, n, X86_MODE_64) && insn.len == n) {
		x86_disasm(ours, sizeof(ours), &insn, X86_MODE_64, addr);
		normalise(a, ours);
		/* branch targets have no 0x there */
		if (insn.opnd[0].kind == X86_OPND_REL || insn.op == X86_OP_NOP || insn.op == X86_OP_XCHG || !strcmp(a, b))
			return 1;
		test_note("%llx: ours \"%s\", objdump's \"%s\"", addr, a, b);
	} else {
		test_note("%llx: %u bytes, ours %u: %s", addr, n, insn.len, text);
	}
	return 0;
}

static void whole_program(const char *path, unsigned lines)
{
	char cmd[256], line[1024];
	unsigned bad = 0, good = 0;
	FILE *p;

	if (access(path, R_OK))
		test_skip("no %s on this machine", path);
	snprintf(cmd, sizeof(cmd), "objdump -d -w -j .text --insn-width=16 %s", path);
	p = popen(cmd, "r");
	CHECK(p);
	while (good < lines && fgets(line, sizeof(line), p)) {
		int ret = compare_line(line);

		good += ret > 0;
		bad += !ret;
	}
	pclose(p);
	test_note("%s: %u instructions", path, good);
	CHECK_EQ(bad, 0);
	CHECK_LE(50000, good);
}

TEST(libc_as_objdump)
{
	whole_program("/lib/x86_64-linux-gnu/libc.so.6", 150000);
}

TEST(busybox_as_objdump)
{
	whole_program("/bin/busybox", 150000);
}
