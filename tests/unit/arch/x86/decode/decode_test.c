// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder by hand: operands of chosen encodings, what is #UD, #GP and
 * "more bytes", and properties of the whole table.
 * requires: CONFIG_X86_DECODE
 */
#include "test.h"
#include "x86/spec.h"
#include "oracle/encode.c"

static struct x86_insn insn;

static int decode(enum x86_mode mode, const char *hex)
{
	u8 bytes[24] = { 0 };
	unsigned n = 0;

	for (; *hex; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ') {
			unsigned v = 0;

			for (unsigned k = 0; k < 2; k++)
				v = v * 16 + (unsigned)(hex[k] <= '9' ? hex[k] - '0' : hex[k] - 'a' + 10);
			bytes[n++] = (u8)v;
		}
	return x86_decode(&insn, bytes, n, mode);
}

#define UD64(hex) CHECK_EQ(decode(X86_MODE_64, hex), -X86_DECODE_UD)
#define UD32(hex) CHECK_EQ(decode(X86_MODE_32, hex), -X86_DECODE_UD)
#define OK64(hex) CHECK_EQ(decode(X86_MODE_64, hex), 0)
#define OK32(hex) CHECK_EQ(decode(X86_MODE_32, hex), 0)

TEST(memory_operand_with_sib_and_segment)
{
	OK64("64 4a 03 84 ec 10 00 00 80");	/* add %fs:-0x7ffffff0(%rsp,%r13,8),%rax */
	CHECK_EQ(insn.op, X86_OP_ADD);
	CHECK_EQ(insn.len, 9);
	CHECK_EQ(insn.base, X86_RSP);
	CHECK_EQ(insn.index, X86_R13);
	CHECK_EQ(insn.scale, 3);
	CHECK_EQ(insn.disp, -0x7ffffff0LL);
	CHECK_EQ(insn.seg, X86_FS);
	CHECK_EQ(insn.opsize, 8);
	CHECK_EQ(insn.opnd[0].kind, X86_OPND_GPR);
	CHECK_EQ(insn.opnd[1].kind, X86_OPND_MEM);
	CHECK_EQ(x86_insn_mem_access(&insn), X86_ACC_R);
}

TEST(rip_relative_and_default_segments)
{
	OK64("8b 05 fc ff ff ff");
	CHECK_EQ(insn.base, X86_REG_RIP);
	CHECK_EQ(insn.disp, -4);
	OK32("8b 05 fc ff ff ff");
	CHECK_EQ(insn.base, X86_REG_NONE);
	OK32("8b 45 08");
	CHECK_EQ(insn.seg, X86_SS);
	CHECK_EQ(decode(X86_MODE_16, "8b 42 08"), 0);	/* mov 0x8(%bp,%si),%ax */
	CHECK_EQ(insn.seg, X86_SS);
	CHECK_EQ(insn.index, X86_RSI);
	CHECK_EQ(insn.opsize, 2);
}

TEST(high_byte_registers_need_no_rex)
{
	OK64("88 e0");
	CHECK_EQ(insn.opnd[1].kind, X86_OPND_GPRH);
	CHECK_EQ(insn.opnd[1].reg, X86_RAX);
	OK64("40 88 e0");
	CHECK_EQ(insn.opnd[1].kind, X86_OPND_GPR);
	CHECK_EQ(insn.opnd[1].reg, X86_RSP);
}

TEST(immediates)
{
	OK64("48 c7 c0 ff ff ff ff");
	CHECK_EQ(insn.imm, ~0ULL);
	OK64("48 b8 88 77 66 55 44 33 22 11");
	CHECK_EQ(insn.imm, 0x1122334455667788ULL);
	OK64("c8 34 12 05");
	CHECK_EQ(insn.imm & 0xffff, 0x1234);
	CHECK_EQ(insn.imm >> 32, 5);
	OK32("ea 78 56 34 12 33 00");
	CHECK_EQ(insn.opnd[0].kind, X86_OPND_FAR);
	CHECK_EQ(insn.imm, 0x3312345678ULL);
	OK64("a1 88 77 66 55 44 33 22 11");
	CHECK_EQ(insn.disp, 0x1122334455667788LL);
	CHECK_EQ(insn.base, X86_REG_NONE);
}

TEST(vex_operands)
{
	OK64("c4 c3 69 4a cb 40");	/* vblendvps %xmm4,%xmm11,%xmm2,%xmm1 */
	CHECK_EQ(insn.op, X86_OP_BLENDVPS);
	CHECK_EQ(insn.opnd[1].reg, 2);
	CHECK_EQ(insn.opnd[2].reg, 11);
	CHECK_EQ(insn.opnd[3].reg, 4);
	OK64("c5 fc 58 00");
	CHECK_EQ(insn.opnd[0].kind, X86_OPND_YMM);
	CHECK_EQ(insn.opnd[2].size, 32);
	OK32("c5 00");	/* LDS needs memory; C5 with mod 3 is VEX */
	CHECK_EQ(insn.op, X86_OP_LDS);
}

TEST(what_vex_forbids_is_ud)
{
	UD64("66 c5 f8 58 c0");
	UD64("f3 c5 f8 58 c0");
	UD64("f0 c5 f8 58 c0");
	UD64("48 c5 f8 58 c0");
	UD64("c5 f0 51 c0");		/* VSQRTPS: vvvv must be 1111b */
	UD64("c4 e2 79 19 00");		/* VBROADCASTSD with L 0 */
	UD64("c4 e2 69 90 14 90");	/* gather: destination is the mask */
	UD64("c4 e0 78 58 c0");		/* map 0 */
}

TEST(lock_needs_a_memory_destination)
{
	OK64("f0 01 00");
	UD64("f0 03 00");
	UD64("f0 01 c0");
	UD64("f0 89 00");
	UD64("f0 39 00");
	OK64("f0 0f c7 08");
}

TEST(modes_and_register_limits)
{
	UD64("06");
	UD64("27");
	UD64("9a 00 00 00 00 00 00");
	OK32("27");
	OK32("62 00");
	UD32("62 c0");
	UD64("8e c8");		/* MOV CS */
	UD64("8c f0");		/* segment register 6 */
	UD64("0f 20 c8");	/* CR1 */
	OK64("44 0f 20 c0");	/* CR8 */
	UD64("44 0f 21 c0");	/* DR8 */
	UD64("0f c7 c8");	/* CMPXCHG8B with a register */
}

TEST(pauses_nops_and_exchanges_at_90)
{
	OK64("90");
	CHECK_EQ(insn.op, X86_OP_NOP);
	OK64("f3 90");
	CHECK_EQ(insn.op, X86_OP_PAUSE);
	OK64("41 90");
	CHECK_EQ(insn.op, X86_OP_XCHG);
	OK64("48 90");
	CHECK_EQ(insn.op, X86_OP_NOP);
}

TEST(sixteen_bytes_are_gp)
{
	CHECK_EQ(decode(X86_MODE_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"), 0);
	CHECK_EQ(insn.len, 15);
	CHECK_EQ(decode(X86_MODE_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90"), -X86_DECODE_GP);
	CHECK_EQ(decode(X86_MODE_64, "66 66 66 66 66 66 66 66 66 66 66 66 48 05 00 00 00 00"), -X86_DECODE_GP);
}

/* Every line can be encoded in the modes that it has; cut short it asks for more, and reads nothing behind. */
TEST(every_line_is_reachable_and_asks_for_its_bytes)
{
	struct rng r = { 99 };
	struct encoding e;
	struct x86_insn again;

	for (unsigned form = 0; form < x86_form_count(); form++) {
		const struct x86_form *f = &x86_form_table[form];
		bool got = false;

		if (f->op == X86_OP_INVALID)
			continue;
		for (int mode = X86_MODE_16; mode <= X86_MODE_64; mode++) {
			if (!encode_form(&r, form, (enum x86_mode)mode, ENCODE_ALL, &e))
				continue;
			got = true;
			for (unsigned n = 0; n < e.insn.len; n++)
				CHECK_EQ(x86_decode(&again, e.bytes, n, (enum x86_mode)mode), -X86_DECODE_NEED_MORE);
			CHECK_EQ(x86_decode(&again, e.bytes, e.insn.len, (enum x86_mode)mode), 0);
			CHECK_MEM_EQ(&again, &e.insn, sizeof(again));
		}
		if (!got)
			test_note("%s cannot be encoded", x86_op_info(f->op)->name);
		CHECK(got);
	}
}

/* Lines that take only memory or only a register say so in their constraints. */
TEST(addressing_methods_agree_with_constraints)
{
	for (unsigned form = 0; form < x86_form_count(); form++) {
		const struct x86_form *f = &x86_form_table[form];
		unsigned map;

		if (f->op == X86_OP_INVALID)
			continue;
		map = x86_form_map(f);
		for (unsigned n = 0; n < 4; n++) {
			unsigned m = x86_spec_infos[f->spec[n]].method;

			if (m == METHOD_M && map != X86_MAP_X87M)
				CHECK((f->mask & X86_KEY_MOD3) && !(f->key & X86_KEY_MOD3));
			if ((m == METHOD_N || (m == METHOD_R && !(f->flags & X86_FF_MODRM3))) && !(f->mask & X86_KEY_MOD3))
				test_note("%s", x86_op_info(f->op)->name);
			if (m == METHOD_N || (m == METHOD_R && !(f->flags & X86_FF_MODRM3)))
				CHECK(f->key & X86_KEY_MOD3);
		}
	}
}

/* Random bytes: any answer, but never a length over 15 or beyond what was given. */
TEST(noise_is_harmless)
{
	struct rng r = { 4711 };

	for (unsigned k = 0; k < 300000; k++) {
		u64 v[2] = { rng_u64(&r), rng_u64(&r) };
		unsigned avail = 1 + rng_below(&r, 16), mode = k % 3;
		int ret = x86_decode(&insn, (const u8 *)v, avail, (enum x86_mode)mode);

		if (ret) {
			CHECK_EQ(insn.op, X86_OP_INVALID);
		} else {
			CHECK_LE(insn.len, MIN(avail, 15u));
			CHECK_LT(insn.op, X86_OP_COUNT);
		}
	}
}
