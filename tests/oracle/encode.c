// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random encodings of a table line. The encoder knows prefixes, opcode maps,
 * ModRM and SIB; how many immediate bytes follow is the decoder's knowledge:
 * it gets enough noise behind, and its result says whether the attempt became
 * the wanted line.
 */
#include <string.h>
#include "x86/spec.h"
#include "encode.h"

struct emit {
	struct rng *r;
	const struct x86_form *form;
	const struct x86_form *head;
	enum x86_mode mode;
	unsigned vary;
	struct encoding *out;
	unsigned n;
	unsigned rex;		/* WRXB */
};

static void put(struct emit *e, unsigned byte)
{
	e->out->bytes[e->n++] = (u8)byte;
}

/* A bit of the key: as the line wants it, or true one time in n. */
static bool key_bit(struct emit *e, u32 bit, unsigned n)
{
	if (e->form->mask & bit)
		return e->form->key & bit;
	return n && rng_one_in(e->r, n);
}

static bool form_has_modrm(const struct x86_form *f)
{
	if (f->mask & (X86_KEY_REG | X86_KEY_RM | X86_KEY_MOD3))
		return true;
	for (unsigned i = 0; i < 4; i++) {
		unsigned m = x86_spec_infos[f->spec[i]].method;

		if ((m >= METHOD_E && m <= METHOD_D && m != METHOD_Z && m != METHOD_B && m != METHOD_H && m != METHOD_L) ||
		    m == METHOD_ST)
			return true;
	}
	return false;
}

static void put_legacy_prefixes(struct emit *e)
{
	static const u8 segs[6] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	const struct x86_form *f = e->form;
	bool string = x86_op_info(f->op)->flags & X86_OPF_STRING;
	unsigned rep = 0;

	if ((e->vary & ENCODE_SEGMENTS) && rng_one_in(e->r, 6))
		put(e, segs[rng_below(e->r, 6)]);
	if ((e->vary & ENCODE_ASIZE) && rng_one_in(e->r, 10))
		put(e, 0x67);
	if (f->key & X86_KEY_VEX)
		return;
	if (key_bit(e, X86_KEY_66, e->vary & ENCODE_OPSIZE ? 4 : 0))
		put(e, 0x66);
	if (f->key & X86_KEY_F3)
		rep = 0xf3;
	else if (f->key & X86_KEY_F2)
		rep = 0xf2;
	else if (string && (e->vary & ENCODE_REP) && rng_one_in(e->r, 2))
		rep = 0xf2 + rng_below(e->r, 2);
	if (rep)
		put(e, rep);
	if ((f->flags & X86_FF_LOCK) && (e->vary & ENCODE_LOCK) && rng_one_in(e->r, 5))
		put(e, 0xf0);
}

static void choose_rex(struct emit *e)
{
	e->rex = 0;
	if (e->mode != X86_MODE_64)
		return;
	e->rex = rng_below(e->r, 8);
	if (rng_one_in(e->r, 3))
		e->rex = 0;
	if (key_bit(e, X86_KEY_W, 0) || key_bit(e, X86_KEY_W64, e->vary & ENCODE_OPSIZE ? 3 : 0))
		e->rex |= X86_REX_W;
	if (key_bit(e, X86_KEY_REXB, 0))
		e->rex |= X86_REX_B;
	else if (e->form->mask & X86_KEY_REXB)
		e->rex &= ~(unsigned)X86_REX_B;
}

static void put_vex(struct emit *e)
{
	const struct x86_form *f = e->form;
	unsigned pp = f->key & X86_KEY_66 ? 1 : f->key & X86_KEY_F3 ? 2 : f->key & X86_KEY_F2 ? 3 : 0;
	unsigned vvvv = 0, last;
	bool w = key_bit(e, X86_KEY_W, 3);

	for (unsigned i = 0; i < 4; i++) {
		unsigned m = x86_spec_infos[f->spec[i]].method;

		if (m == METHOD_H || m == METHOD_B)
			vvvv = rng_below(e->r, 16);	/* bit 3 is ignored outside 64-bit mode */
	}
	if (f->mask & X86_KEY_W64)
		w = f->key & X86_KEY_W64;
	last = (~vvvv & 15) << 3 | (key_bit(e, X86_KEY_L, 2) ? 4 : 0) | pp;
	if (e->head->head_map == X86_MAP_0F && !w && !(e->rex & 3) && rng_one_in(e->r, 2)) {
		put(e, 0xc5);
		put(e, (e->rex & X86_REX_R ? 0 : 0x80) | last);
	} else {
		put(e, 0xc4);
		put(e, (~e->rex & 7) << 5 | (unsigned)(e->head->head_map - X86_MAP_1));
		put(e, (w ? 0x80 : 0) | last);
	}
}

static void put_opcode(struct emit *e)
{
	unsigned map = e->head->head_map, opcode = e->head->head_opcode;

	if (e->form->key & X86_KEY_VEX) {
		put_vex(e);
	} else {
		if (e->rex || (e->mode == X86_MODE_64 && rng_one_in(e->r, 8)))
			put(e, 0x40 | e->rex);
		if (map == X86_MAP_0F || map == X86_MAP_0F38 || map == X86_MAP_0F3A)
			put(e, 0x0f);
		if (map == X86_MAP_0F38)
			put(e, 0x38);
		if (map == X86_MAP_0F3A)
			put(e, 0x3a);
	}
	if (map >= X86_MAP_X87M)
		opcode = 0xd8 + (opcode >> 3);
	put(e, opcode);
}

static void put_modrm(struct emit *e)
{
	const struct x86_form *f = e->form;
	unsigned map = e->head->head_map, mod, reg, rm, sib = 0;
	bool need_sib = f->flags & X86_FF_VSIB;

	reg = f->mask & X86_KEY_REG ? f->key & X86_KEY_REG : rng_below(e->r, 8);
	rm = f->mask & X86_KEY_RM ? (f->key & X86_KEY_RM) >> 3 : rng_below(e->r, 8);
	if (map >= X86_MAP_X87M)
		reg = e->head->head_opcode & 7;
	mod = key_bit(e, X86_KEY_MOD3, 2) ? 3 : rng_below(e->r, 3);
	if (map >= X86_MAP_X87M)
		mod = map == X86_MAP_X87R ? 3 : rng_below(e->r, 3);
	if (need_sib)
		rm = 4;
	put(e, mod << 6 | reg << 3 | rm);
	if (mod == 3)
		return;
	if (rm == 4) {
		sib = rng_below(e->r, 256);
		put(e, sib);
	}
	e->out->disp_at = e->n;
	if (mod == 1)
		e->out->disp_size = 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		e->out->disp_size = 4;
}

static void put_noise(struct emit *e)
{
	u64 v = rng_corner(e->r);

	/* Displacement: a signed byte's worth; then the immediate. */
	if (e->out->disp_size == 4) {
		s32 d = (s8)rng_u64(e->r);

		memcpy(e->out->bytes + e->n, &d, 4);
	} else if (e->out->disp_size) {
		e->out->bytes[e->n] = (u8)rng_u64(e->r);
	}
	memcpy(e->out->bytes + e->n + e->out->disp_size, &v, 8);
}

bool encode_form(struct rng *r, unsigned form, enum x86_mode mode, unsigned vary, struct encoding *out)
{
	struct emit e = { .r = r, .form = &x86_form_table[form], .mode = mode, .vary = vary, .out = out };

	e.head = x86_form_head(e.form);
	for (unsigned tries = 0; tries < 24; tries++) {
		memset(out, 0, sizeof(*out));
		e.n = 0;
		put_legacy_prefixes(&e);
		choose_rex(&e);
		put_opcode(&e);
		if (form_has_modrm(e.form))
			put_modrm(&e);
		put_noise(&e);
		if (!x86_decode(&out->insn, out->bytes, 15, mode) && out->insn.form == form)
			return true;
	}
	return false;
}
