// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random bytes: does the processor find the same encodings invalid, and the
 * same lengths? Features that it has and we do not know are left out.
 */
#include <string.h>
#include "oracle.h"

/* Opcodes in front of which random bytes mostly die are given their escape; VEX with sane fields. */
static unsigned put_opcode(struct rng *r, u8 *p)
{
	unsigned n = 0;

	switch (rng_below(r, 6)) {
	case 0:
		break;
	case 1:
		p[n++] = 0x0f;
		break;
	case 2:
		p[n++] = 0x0f;
		p[n++] = rng_one_in(r, 2) ? 0x38 : 0x3a;
		break;
	case 3:
		p[n++] = 0xc5;
		p[n++] = 0x80 | (u8)rng_u64(r) | (rng_one_in(r, 2) ? 0x78 : 0);
		break;
	default:
		p[n++] = 0xc4;
		p[n++] = 0xe0 | (u8)(1 + rng_below(r, 3));
		p[n++] = (u8)rng_u64(r) | (rng_one_in(r, 2) ? 0x78 : 0);
	}
	return n;
}

void oracle_noise_case(struct rng *r, enum x86_mode mode, unsigned slot, struct oracle_case *c)
{
	static const u8 prefixes[] = { 0x66, 0xf3, 0xf2, 0x67, 0xf0, 0x2e, 0x64, 0x48, 0x41 };
	unsigned n = 0;

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < sizeof(c->code); i++)
		c->code[i] = (u8)rng_u64(r);
	while (rng_one_in(r, 3) && n < 4)
		c->code[n++] = prefixes[rng_below(r, ARRAY_SIZE(prefixes))];
	put_opcode(r, c->code + n);
	c->mode = (u8)mode;
	c->in.rip = ORACLE_CODE + slot * ORACLE_SLOT;
	for (unsigned i = 0; i < 8; i++)
		c->in.gpr[i] = ORACLE_DATA + 0x800 + i * 64;
	c->in.rflags = 0x202;
	c->in.cs = mode == X86_MODE_64 ? ORACLE_CS64 : ORACLE_CS32;
	c->in.ds = c->in.es = ORACLE_DS;
	c->in.mxcsr = 0x1f80;
	c->in.x87.cw = 0x37f;
	if (x86_decode(&c->insn, c->code, 15, mode))
		c->insn.len = 15;
}

/* EVEX, opmask and AMX instructions under VEX, TSX, MOVDIRI, hypercalls: valid there, unknown here. */
static bool is_foreign(const struct oracle_case *c)
{
	const u8 *p = c->code, *end = c->code + 12;

	while (p < end && (strchr("\x66\xf2\xf3\x67\xf0\x2e\x36\x3e\x26\x64\x65", *p) ||
			   (c->mode == X86_MODE_64 && (*p & 0xf0) == 0x40)))
		p++;
	if (*p == 0x62 || ((*p == 0xc6 || *p == 0xc7) && p[1] == 0xf8))
		return true;
	if (p[0] == 0x0f && p[1] == 0x38 && (p[2] == 0xf8 || p[2] == 0xf9))
		return true;
	if (p[0] == 0x0f && p[1] == 0x01 && (p[2] == 0xc1 || p[2] == 0xd9 || p[2] == 0xd5 || p[2] == 0xd6 || p[2] == 0xe8 || p[2] == 0xea || p[2] == 0xee || p[2] == 0xef))
		return true;
	if (*p == 0xc5 || *p == 0xc4) {
		unsigned map = *p == 0xc5 ? 1 : p[1] & 0x1f, op = *p == 0xc5 ? p[2] : p[3];

		if (map == 1 && ((op >= 0x41 && op <= 0x4b) || (op >= 0x90 && op <= 0x93) || op == 0x98 || op == 0x99))
			return true;
		if (map == 3 && op >= 0x30 && op <= 0x33)
			return true;
		return map == 2 && op >= 0x49 && op <= 0x5e && op != 0x58 && op != 0x59 && op != 0x5a;
	}
	return false;
}

bool oracle_noise_agrees(const struct oracle_case *c, const struct oracle_result *n)
{
	const struct x86_form *f = x86_insn_form(&c->insn);
	bool ud = n->trap == 6;

	if (is_foreign(c) || n->trap == ORACLE_LOST)
		return true;
	if (c->insn.op == X86_OP_INVALID)
		return ud || n->trap == 13 || n->trap == 14;	/* faults in the fetch of a longer one */
	if (!oracle_native_has((enum x86_feature)f->feature) || (f->flags & (X86_FF_UD | X86_FF_CPL0_UD)) ||
	    f->op == X86_OP_SYSRET || x86_op_info(f->op)->ctl == X86_CTL_TRAP)
		return true;
	if (ud)
		return false;
	return n->trap != ORACLE_DONE || x86_op_info(f->op)->ctl != X86_CTL_NONE || (x86_op_info(f->op)->flags & X86_OPF_STRING) ||
	       n->out.rip == c->in.rip + c->insn.len || n->out.rip == c->in.rip + c->insn.len + 1;
}
