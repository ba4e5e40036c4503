// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The decoder: prefixes, opcode, choice of the table line by one masked
 * compare a line, then ModRM, displacement, immediates and operands as the
 * line says. SDM vol. 2, chapter 2; AMD APM vol. 3, chapter 1.
 */
#include "bytes.h"
#include "x86/spec.h"

/* Decoder state; done() and the take functions keep pos within limit. */
struct dec {
	const u8 *bytes;
	unsigned pos;
	unsigned limit;		/* min(avail, 15) */
	enum x86_mode mode;
	bool opsz;		/* 66 prefix, for operand sizes */
	bool vvvv_used;
	u8 opcode;
	u8 map;
	u8 seg_override;	/* enum x86_seg or SEG_NO_OVERRIDE */
	struct x86_insn *i;
};

#define SEG_NO_OVERRIDE 0xff

static inline int short_of(const struct dec *d)
{
	return d->limit >= 15 ? -X86_DECODE_GP : -X86_DECODE_NEED_MORE;
}

static inline bool lacks(const struct dec *d, unsigned n)
{
	return unlikely(d->pos + n > d->limit);
}

/* Opcodes that have a ModRM byte, one bit each; later maps always have one. */
static const u32 has_modrm[2][8] = {
	{ 0x0f0f0f0f, 0x0f0f0f0f, 0x00000000, 0x00000a0c,
	  0x0000ffff, 0x00000000, 0xff0f00f3, 0xc0c00000 },
	{ 0xffff200f, 0x0000ffff, 0xffffffff, 0xff7fffff,
	  0xffff0000, 0xfffff8f8, 0xffff00ff, 0xffffffff },
};

static bool opcode_has_modrm(unsigned map, u8 opcode)
{
	return map > X86_MAP_0F || (has_modrm[map][opcode >> 5] >> (opcode & 31) & 1);
}

/* What a byte is in the prefix position. */
enum { P_OPCODE, P_ES, P_CS, P_SS, P_DS, P_FS, P_GS, P_66, P_67, P_LOCK, P_F2, P_F3, P_REX };

static const u8 prefix_kind[256] = {
	[0x26] = P_ES, [0x2e] = P_CS, [0x36] = P_SS, [0x3e] = P_DS, [0x64] = P_FS, [0x65] = P_GS,
	[0x66] = P_66, [0x67] = P_67, [0xf0] = P_LOCK, [0xf2] = P_F2, [0xf3] = P_F3,
	[0x40 ... 0x4f] = P_REX,
};

static inline void take_prefix(struct dec *d, unsigned kind)
{
	struct x86_insn *i = d->i;

	switch (kind) {
	case P_66:
		i->prefixes |= X86_PFX_66;
		break;
	case P_67:
		i->prefixes |= X86_PFX_67;
		break;
	case P_LOCK:
		i->prefixes |= X86_PFX_LOCK;
		break;
	case P_F2:
		i->prefixes = (i->prefixes & ~X86_PFX_REP) | X86_PFX_REPNE;
		break;
	case P_F3:
		i->prefixes = (i->prefixes & ~X86_PFX_REPNE) | X86_PFX_REP;
		break;
	default:
		/* 64-bit mode ignores the overrides of the flat segments. */
		if (d->mode != X86_MODE_64 || kind >= P_FS) {
			i->prefixes |= X86_PFX_SEG;
			d->seg_override = (u8)(X86_ES + (kind - P_ES));
		}
	}
}

/* Legacy prefixes and REX; a REX that is not the last prefix does not count. */
static inline int take_prefixes(struct dec *d)
{
	struct x86_insn *i = d->i;

	for (;; d->pos++) {
		if (lacks(d, 1))
			return short_of(d);
		unsigned b = d->bytes[d->pos], kind = prefix_kind[b];

		if (likely(kind == P_OPCODE))
			return 0;
		if (kind == P_REX) {
			if (d->mode != X86_MODE_64)
				return 0;
			i->rex = (u8)(b & 0x0f) | X86_REX;
			continue;
		}
		i->rex = 0;
		take_prefix(d, kind);
	}
}

/*
 * C4 and C5. All prefixes that VEX stands for are forbidden before it. Outside
 * 64-bit mode only the eight low registers exist: B and vvvv[3] are ignored.
 */
static int take_vex(struct dec *d, bool three)
{
	struct x86_insn *i = d->i;
	const u8 *p = d->bytes + d->pos;
	unsigned last;

	if (lacks(d, three ? 3 : 2))
		return short_of(d);
	if (i->rex || (i->prefixes & (X86_PFX_66 | X86_PFX_REP | X86_PFX_REPNE | X86_PFX_LOCK)))
		return -X86_DECODE_UD;
	d->map = X86_MAP_0F;
	if (three) {
		unsigned mmmmm = p[0] & 0x1f;

		if (mmmmm < 1 || mmmmm > 3)
			return -X86_DECODE_UD;
		d->map = (u8)(X86_MAP_1 + mmmmm);
		i->rex = (u8)(~p[0] >> 5 & 7) | (p[1] >> 4 & X86_REX_W);
		last = p[1];
	} else {
		i->rex = (u8)(~p[0] >> 5 & X86_REX_R);
		last = p[0];
	}
	i->vvvv = ~last >> 3 & 15;
	i->flags |= X86_INSN_VEX | (last & 4 ? X86_INSN_L : 0) | (i->rex & X86_REX_W ? X86_INSN_W : 0);
	if (d->mode != X86_MODE_64)
		i->rex &= X86_REX_W;
	d->pos += three ? 2 : 1;
	d->opcode = d->bytes[d->pos++];
	return 0;
}

/* The opcode bytes; d->map and d->opcode are set, pos is behind them. */
static inline int take_opcode(struct dec *d)
{
	struct x86_insn *i = d->i;
	unsigned b = d->bytes[d->pos++];

	if (unlikely(b == 0xc4 || b == 0xc5)) {
		/* LES and LDS have no register form; those bytes are VEX. */
		if (lacks(d, 1))
			return short_of(d);
		if (d->mode == X86_MODE_64 || d->bytes[d->pos] >= 0xc0)
			return take_vex(d, b == 0xc4);
	}
	if (i->rex & X86_REX_W)
		i->flags |= X86_INSN_W;
	d->map = X86_MAP_1;
	if (b == 0x0f) {
		if (lacks(d, 1))
			return short_of(d);
		b = d->bytes[d->pos++];
		d->map = X86_MAP_0F;
		if (b == 0x38 || b == 0x3a) {
			if (lacks(d, 1))
				return short_of(d);
			d->map = b == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
			b = d->bytes[d->pos++];
		}
	}
	d->opcode = (u8)b;
	return 0;
}

static inline u32 line_key(const struct dec *d)
{
	const struct x86_insn *i = d->i;
	u32 key = (i->modrm >> 3 & 7) | (u32)(i->modrm & 7) << 3;

	if (i->modrm >= 0xc0)
		key |= X86_KEY_MOD3;
	if (i->flags & X86_INSN_VEX) {
		static const u16 pp[4] = { 0, X86_KEY_66, X86_KEY_F3, X86_KEY_F2 };
		unsigned raw = d->bytes[d->pos - (i->flags & X86_INSN_MODRM ? 3 : 2)];

		key |= X86_KEY_VEX | pp[raw & 3];
		if (i->flags & X86_INSN_L)
			key |= X86_KEY_L;
	} else {
		/* X86_PFX_REP, _REPNE and _66 stand in the order of the key's bits. */
		key |= (i->prefixes & X86_PFX_66) << 4;
		key |= (u32)(i->prefixes & (X86_PFX_REP | X86_PFX_REPNE)) << 7;
	}
	if (i->flags & X86_INSN_W)
		key |= X86_KEY_W;
	if (d->mode == X86_MODE_64) {
		key |= X86_KEY_M64;
		if (i->flags & X86_INSN_W)
			key |= X86_KEY_W64;
		if (i->rex & X86_REX_B)
			key |= X86_KEY_REXB;
	}
	return key;
}

_Static_assert(X86_KEY_66 == X86_PFX_66 << 4 && X86_KEY_F3 == X86_PFX_REP << 7 &&
	       X86_KEY_F2 == X86_PFX_REPNE << 7, "line_key() shifts prefixes into place");

/* Fetches ModRM if the opcode has one and finds the table line. */
static inline const struct x86_form *find_line(struct dec *d, int *err)
{
	struct x86_insn *i = d->i;
	const struct x86_form *f;
	unsigned opcode = d->opcode, map = d->map, start = 0;
	u32 key;

	if (opcode_has_modrm(map, d->opcode)) {
		if (lacks(d, 1)) {
			*err = short_of(d);
			return NULL;
		}
		i->modrm = d->bytes[d->pos++];
		i->flags |= X86_INSN_MODRM;
		if (map == X86_MAP_1 && (opcode & 0xf8) == 0xd8) {
			map = i->modrm >= 0xc0 ? X86_MAP_X87R : X86_MAP_X87M;
			opcode = (opcode & 7) * 8 + (i->modrm >> 3 & 7);
		}
	}
	start = x86_opcode_index[map][opcode];
	*err = -X86_DECODE_UD;
	if (!start)
		return NULL;
	key = line_key(d);
	f = &x86_form_table[start];
	while ((key & f->mask) != f->key)
		f++;
	if (f->op == X86_OP_INVALID)
		return NULL;
	i->op = f->op;
	i->form = (u16)(f - x86_form_table);
	return f;
}

static inline void set_sizes(struct dec *d, const struct x86_form *f)
{
	struct x86_insn *i = d->i;
	bool small = (i->prefixes & X86_PFX_66) != 0;

	if (d->mode == X86_MODE_64) {
		i->asize = i->prefixes & X86_PFX_67 ? 4 : 8;
		if ((f->flags & X86_FF_F64) || (i->flags & X86_INSN_W))
			i->opsize = 8;
		else if (f->flags & X86_FF_D64)
			i->opsize = small ? 2 : 8;
		else
			i->opsize = small ? 2 : 4;
		return;
	}
	bool wide = d->mode == X86_MODE_32;

	i->asize = wide != !!(i->prefixes & X86_PFX_67) ? 4 : 2;
	i->opsize = wide != small ? 4 : 2;
	if (i->flags & X86_INSN_VEX)
		i->opsize = 4;
}

/* 16-bit addressing: SDM vol. 2, table 2-1. */
static int mem16(struct dec *d, unsigned mod)
{
	static const u8 bases[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP, X86_RSI, X86_RDI, X86_RBP, X86_RBX };
	static const u8 indexes[8] = { X86_RSI, X86_RDI, X86_RSI, X86_RDI,
				       X86_REG_NONE, X86_REG_NONE, X86_REG_NONE, X86_REG_NONE };
	struct x86_insn *i = d->i;
	unsigned rm = i->modrm & 7, dsize = mod;

	i->base = bases[rm];
	i->index = indexes[rm];
	if (mod == 0 && rm == 6) {
		i->base = X86_REG_NONE;
		dsize = 2;
	}
	if (lacks(d, dsize))
		return short_of(d);
	if (dsize == 1)
		i->disp = (s8)d->bytes[d->pos];
	else if (dsize == 2)
		i->disp = (s16)get_le16(d->bytes + d->pos);
	d->pos += dsize;
	return 0;
}

static inline int take_sib(struct dec *d, unsigned mod, bool vsib)
{
	struct x86_insn *i = d->i;
	unsigned sib, index;

	if (lacks(d, 1))
		return short_of(d);
	sib = d->bytes[d->pos++];
	i->scale = (u8)(sib >> 6);
	index = (sib >> 3 & 7) | (i->rex & X86_REX_X) << 2;
	i->index = index == X86_RSP && !vsib ? X86_REG_NONE : (u8)index;
	i->base = (u8)((sib & 7) | (i->rex & X86_REX_B) << 3);
	if ((sib & 7) == X86_RBP && mod == 0)
		i->base = X86_REG_NONE;
	return 0;
}

/* 32- and 64-bit addressing: SDM vol. 2, tables 2-2, 2-3 and 2-7. */
static inline int mem32(struct dec *d, unsigned mod, bool vsib)
{
	struct x86_insn *i = d->i;
	unsigned rm = i->modrm & 7;
	unsigned dsize = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (rm == X86_RSP) {
		int ret = take_sib(d, mod, vsib);

		if (ret)
			return ret;
		if (i->base == X86_REG_NONE)
			dsize = 4;
	} else if (vsib) {
		return -X86_DECODE_UD;
	} else if (rm == X86_RBP && mod == 0) {
		i->base = d->mode == X86_MODE_64 ? X86_REG_RIP : X86_REG_NONE;
		dsize = 4;
	} else {
		i->base = (u8)(rm | (i->rex & X86_REX_B) << 3);
	}
	if (lacks(d, dsize))
		return short_of(d);
	if (dsize == 1)
		i->disp = (s8)d->bytes[d->pos];
	else if (dsize == 4)
		i->disp = (s32)get_le32(d->bytes + d->pos);
	d->pos += dsize;
	return 0;
}

static inline int take_memory(struct dec *d, const struct x86_form *f)
{
	struct x86_insn *i = d->i;
	unsigned mod = i->modrm >> 6;
	bool vsib = f->flags & X86_FF_VSIB;
	int ret;

	if (i->asize == 2)
		ret = vsib ? -X86_DECODE_UD : mem16(d, mod);
	else
		ret = mem32(d, mod, vsib);
	if (i->base == X86_RSP || i->base == X86_RBP)
		i->seg = X86_SS;
	i->flags |= X86_INSN_MEM | (vsib ? X86_INSN_VSIB : 0);
	return ret;
}

/* Width in bytes of a type under this instruction's sizes. */
static inline unsigned type_size(const struct dec *d, unsigned type)
{
	static const u8 fixed[] = {
		[TYPE_0] = 0, [TYPE_b] = 1, [TYPE_w] = 2, [TYPE_d] = 4, [TYPE_q] = 8,
		[TYPE_dq] = 16, [TYPE_qq] = 32, [TYPE_t] = 10,
	};
	const struct x86_insn *i = d->i;
	unsigned x = i->flags & X86_INSN_L ? 32 : 16;

	switch (type) {
	case TYPE_v:
		return i->opsize;
	case TYPE_z:
		return i->opsize == 2 ? 2 : 4;
	case TYPE_y:
		return i->opsize == 8 ? 8 : 4;
	case TYPE_p:
		return i->opsize + 2u;
	case TYPE_a:
		return i->opsize * 2u;
	case TYPE_x:
		return x;
	case TYPE_h:
		return x / 2;
	case TYPE_u:
		return x / 4;
	case TYPE_e:
		return x / 8;
	case TYPE_n:
		return d->mode == X86_MODE_64 ? 8 : 4;
	default:
		return fixed[type];
	}
}

static inline void set_gpr(const struct dec *d, struct x86_operand *o, unsigned reg)
{
	o->kind = X86_OPND_GPR;
	o->reg = (u8)reg;
	if (o->size == 1 && reg >= 4 && reg < 8 && !d->i->rex) {
		o->kind = X86_OPND_GPRH;
		o->reg = (u8)(reg - 4);
	}
}

static inline void set_vector(struct x86_operand *o, unsigned reg)
{
	o->kind = o->size == 32 ? X86_OPND_YMM : X86_OPND_XMM;
	o->reg = (u8)reg;
}

static inline void set_mem(struct dec *d, struct x86_operand *o, const struct x86_spec_info *s)
{
	o->kind = X86_OPND_MEM;
	o->size = (u8)type_size(d, s->type);
}

static int take_imm(struct dec *d, struct x86_operand *o, bool sign)
{
	/* An imm8 that extends to opsize has size opsize in its table entry. */
	struct x86_insn *i = d->i;
	unsigned n = o->size;
	const u8 *p = d->bytes + d->pos;

	if (lacks(d, n))
		return short_of(d);
	d->pos += n;
	o->kind = X86_OPND_IMM;
	if (n == 1)
		i->imm = sign ? (u64)(s8)*p : *p;
	else if (n == 2)
		i->imm = sign ? (u64)(s16)get_le16(p) : get_le16(p);
	else if (n == 4)
		i->imm = sign ? (u64)(s32)get_le32(p) : get_le32(p);
	else
		i->imm = get_le64(p);
	return 0;
}

static int take_far(struct dec *d, struct x86_operand *o)
{
	unsigned n = o->size - 2u;
	const u8 *p = d->bytes + d->pos;

	if (lacks(d, n + 2))
		return short_of(d);
	d->pos += n + 2;
	o->kind = X86_OPND_FAR;
	d->i->imm = (n == 2 ? get_le16(p) : get_le32(p)) | (u64)get_le16(p + n) << 32;
	return 0;
}

/* moffs: as wide as addresses are. */
static int take_moffs(struct dec *d, struct x86_operand *o)
{
	struct x86_insn *i = d->i;
	const u8 *p = d->bytes + d->pos;

	if (lacks(d, i->asize))
		return short_of(d);
	d->pos += i->asize;
	o->kind = X86_OPND_MEM;
	i->flags |= X86_INSN_MEM;
	i->disp = i->asize == 2 ? get_le16(p) : i->asize == 4 ? get_le32(p) : (s64)get_le64(p);
	return 0;
}

static int take_control_reg(const struct dec *d, struct x86_operand *o, bool debug)
{
	unsigned reg = x86_insn_reg(d->i);

	o->kind = debug ? X86_OPND_DR : X86_OPND_CR;
	o->reg = (u8)reg;
	if (debug)
		return reg < 8 ? 0 : -X86_DECODE_UD;
	return 0x11d >> reg & 1 ? 0 : -X86_DECODE_UD;
}

static int take_segment_reg(const struct dec *d, struct x86_operand *o)
{
	unsigned reg = d->i->modrm >> 3 & 7;

	o->kind = X86_OPND_SEG;
	o->reg = (u8)reg;
	if (reg >= X86_SEG_COUNT || (reg == X86_CS && (o->access & X86_ACC_W)))
		return -X86_DECODE_UD;
	return 0;
}

/* Operands that are neither in ModRM nor in VEX. */
static int take_other(struct dec *d, struct x86_operand *o, const struct x86_spec_info *s)
{
	struct x86_insn *i = d->i;
	int ret;

	switch (s->method) {
	case METHOD_I:
		return take_imm(d, o, false);
	case METHOD_SI:
		o->size = (u8)type_size(d, s->type);
		ret = take_imm(d, o, true);
		o->size = (u8)type_size(d, s->rtype);
		return ret;
	case METHOD_I2:
		if (lacks(d, 1))
			return short_of(d);
		o->kind = X86_OPND_IMM2;
		i->imm |= (u64)d->bytes[d->pos++] << 32;
		return 0;
	case METHOD_L:
		if (lacks(d, 1))
			return short_of(d);
		i->imm = d->bytes[d->pos++];
		set_vector(o, i->imm >> 4 & (d->mode == X86_MODE_64 ? 15 : 7));
		return 0;
	case METHOD_J:
		ret = take_imm(d, o, true);
		o->kind = X86_OPND_REL;
		return ret;
	case METHOD_A:
		return take_far(d, o);
	case METHOD_O:
		return take_moffs(d, o);
	case METHOD_X:
		o->kind = X86_OPND_STRSRC;
		return 0;
	case METHOD_Y:
		o->kind = X86_OPND_STRDST;
		return 0;
	case METHOD_S:
		return take_segment_reg(d, o);
	case METHOD_C:
		return take_control_reg(d, o, false);
	case METHOD_D:
		return take_control_reg(d, o, true);
	case METHOD_BASE:
		o->kind = X86_OPND_MEM;
		i->base = s->reg;
		i->flags |= X86_INSN_MEM;
		return 0;
	case METHOD_ONE:
		o->kind = X86_OPND_IMM;
		i->imm = 1;
		return 0;
	case METHOD_SREG:
		o->kind = X86_OPND_SEG;
		o->reg = s->reg;
		return 0;
	case METHOD_ST0:
		o->kind = X86_OPND_ST;
		return 0;
	default:
		return -X86_DECODE_UD;
	}
}

/* Outside 64-bit mode the top bit does not count, but only where the field names a register. */
static inline unsigned use_vvvv(struct dec *d)
{
	d->vvvv_used = true;
	if (d->mode != X86_MODE_64)
		d->i->vvvv &= 7;
	return d->i->vvvv;
}

static inline int take_operand(struct dec *d, struct x86_operand *o, const struct x86_spec_info *s)
{
	struct x86_insn *i = d->i;
	bool mem = i->flags & X86_INSN_MEM;

	o->size = (u8)type_size(d, s->rtype);
	switch (s->method) {
	case METHOD_E:
		if (mem)
			set_mem(d, o, s);
		else
			set_gpr(d, o, x86_insn_rm(i));
		return 0;
	case METHOD_R:
		set_gpr(d, o, x86_insn_rm(i));
		return 0;
	case METHOD_M:
		set_mem(d, o, s);
		return 0;
	case METHOD_G:
		set_gpr(d, o, x86_insn_reg(i));
		return 0;
	case METHOD_B:
		set_gpr(d, o, use_vvvv(d));
		return 0;
	case METHOD_Z:
		set_gpr(d, o, (d->opcode & 7) | (i->rex & X86_REX_B) << 3);
		return 0;
	case METHOD_GPR:
		o->kind = X86_OPND_GPR;
		o->reg = s->reg;
		return 0;
	case METHOD_W:
		if (mem)
			set_mem(d, o, s);
		else
			set_vector(o, x86_insn_rm(i));
		return 0;
	case METHOD_U:
		set_vector(o, x86_insn_rm(i));
		return 0;
	case METHOD_V:
		set_vector(o, x86_insn_reg(i));
		return 0;
	case METHOD_H:
		set_vector(o, use_vvvv(d));
		return 0;
	case METHOD_XMM:
		set_vector(o, s->reg);
		return 0;
	case METHOD_Q:
		if (mem) {
			set_mem(d, o, s);
			return 0;
		}
		__fallthrough;
	case METHOD_N:
		o->kind = X86_OPND_MMX;
		o->reg = i->modrm & 7;
		return 0;
	case METHOD_P:
		o->kind = X86_OPND_MMX;
		o->reg = i->modrm >> 3 & 7;
		return 0;
	case METHOD_ST:
		o->kind = X86_OPND_ST;
		o->reg = i->modrm & 7;
		return 0;
	default:
		return take_other(d, o, s);
	}
}

/* Rules on the whole instruction that no operand sees. */
static inline int check_whole(const struct dec *d, const struct x86_form *f)
{
	const struct x86_insn *i = d->i;

	if (unlikely(i->prefixes & X86_PFX_LOCK) &&
	    (!(f->flags & X86_FF_LOCK) || i->opnd[0].kind != X86_OPND_MEM))
		return -X86_DECODE_UD;
	if (!(i->flags & X86_INSN_VEX))
		return 0;
	if (!d->vvvv_used && i->vvvv)
		return -X86_DECODE_UD;
	if (i->flags & X86_INSN_VSIB) {
		unsigned dst = i->opnd[0].reg, mask = i->opnd[2].reg;

		if (dst == mask || dst == i->index || mask == i->index)
			return -X86_DECODE_UD;
	}
	return 0;
}

static inline int decode_body(struct dec *d)
{
	struct x86_insn *i = d->i;
	const struct x86_form *f;
	int ret;

	ret = take_prefixes(d);
	if (ret)
		return ret;
	ret = take_opcode(d);
	if (ret)
		return ret;
	f = find_line(d, &ret);
	if (!f)
		return ret;
	set_sizes(d, f);
	i->seg = X86_DS;
	if ((i->flags & X86_INSN_MODRM) && i->modrm < 0xc0 && !(f->flags & X86_FF_MODRM3)) {
		ret = take_memory(d, f);
		if (ret)
			return ret;
	}
	if (d->seg_override != SEG_NO_OVERRIDE)
		i->seg = d->seg_override;
	for (unsigned n = 0; n < 4 && f->spec[n]; n++) {
		i->opnd[n].access = f->acc[n];
		ret = take_operand(d, &i->opnd[n], &x86_spec_infos[f->spec[n]]);
		if (ret)
			return ret;
	}
	i->len = (u8)d->pos;
	return check_whole(d, f);
}

int x86_decode(struct x86_insn *out, const u8 *bytes, unsigned avail, enum x86_mode mode)
{
	struct dec d = {
		.bytes = bytes, .limit = avail < 15 ? avail : 15, .mode = mode,
		.seg_override = SEG_NO_OVERRIDE, .i = out,
	};
	int ret;

	*out = (struct x86_insn){ .base = X86_REG_NONE, .index = X86_REG_NONE };
	ret = decode_body(&d);
	if (unlikely(ret))
		out->op = X86_OP_INVALID;
	return ret;
}
