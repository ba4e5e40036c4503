// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cascaded pair of 8259A interrupt controllers of a PC at 0x20 and 0xa0,
 * with the edge/level registers 0x4d0 and 0x4d1: Intel 8259A data sheet
 * (231468) and ICH9 data sheet, section 5.8.
 */
#include <errno.h>
#include "dev/isa.h"
#include "dev/pic.h"

#define CASCADE		2
#define ICW1_INIT	0x10
#define ICW1_LEVEL	0x08
#define ICW1_SINGLE	0x02
#define ICW1_ICW4	0x01
#define OCW3_SELECT	0x08

struct chip {
	u8 irr, imr, isr;
	u8 lines;		/* levels of the pins, for edges */
	u8 elcr, elcr_mask;
	u8 vector_base;
	u8 init_state;		/* 0 ready, 1-3 the ICW that comes next is 2-4 */
	u8 priority_add;	/* highest-priority pin */
	bool icw4, single, read_isr, poll, special_mask, auto_eoi, rotate_on_aeoi, special_nested;
};

struct i8259 {
	struct device dev;
	struct chip chip[2];	/* 0 master, 1 slave */
	struct irq in[16];
	const struct irq *out;
	struct isa_io ports[2], elcr_port;
};

static unsigned nr(const struct i8259 *p, const struct chip *c)
{
	return c == &p->chip[1];
}

/* Rank of the highest-priority bit in mask: 0 is the best, 8: none. */
static unsigned rank(const struct chip *c, u8 mask)
{
	unsigned i;

	if (!mask)
		return 8;
	for (i = 0; !(mask & (1 << ((i + c->priority_add) & 7))); i++)
		;
	return i;
}

/* The pin that is to interrupt now, or -1. */
static int pending_pin(const struct i8259 *p, const struct chip *c)
{
	unsigned want = rank(c, c->irr & ~c->imr);
	u8 in_service = c->isr;

	if (want == 8)
		return -1;
	if (c->special_mask)
		in_service &= ~c->imr;
	/* Special fully nested: the cascade pin may interrupt itself. */
	if (c->special_nested && !nr(p, c))
		in_service &= ~(1 << CASCADE);
	return want < rank(c, in_service) ? (int)((want + c->priority_add) & 7) : -1;
}

static void set_pin(struct chip *c, unsigned pin, int level)
{
	u8 bit = 1 << pin;

	if (c->elcr & bit) {
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	} else if (level && !(c->lines & bit)) {
		c->irr |= bit;
	} else if (!level) {
		c->irr &= ~bit;
	}
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

static void update(struct i8259 *p)
{
	set_pin(&p->chip[0], CASCADE, pending_pin(p, &p->chip[1]) >= 0);
	irq_set(p->out, pending_pin(p, &p->chip[0]) >= 0);
}

static void on_pin(void *opaque, int n, int level)
{
	struct i8259 *p = opaque;

	if (n == CASCADE)
		return;
	device_lock(&p->dev);
	set_pin(&p->chip[n >> 3], n & 7, level);
	update(p);
	device_unlock(&p->dev);
}

static void acknowledge(struct chip *c, unsigned pin)
{
	if (c->auto_eoi) {
		if (c->rotate_on_aeoi)
			c->priority_add = (pin + 1) & 7;
	} else {
		c->isr |= 1 << pin;
	}
	if (!(c->elcr & (1 << pin)))
		c->irr &= ~(1 << pin);
}

/* Both acknowledge pulses; a request that went away reads as pin 7. */
static u8 ack_locked(struct i8259 *p)
{
	struct chip *m = &p->chip[0], *s = &p->chip[1];
	int pin = pending_pin(p, m), sub;
	u8 vector;

	if (pin < 0)
		return m->vector_base + 7;
	acknowledge(m, (unsigned)pin);
	vector = m->vector_base + (u8)pin;
	if (pin == CASCADE) {
		sub = pending_pin(p, s);
		if (sub >= 0)
			acknowledge(s, (unsigned)sub);
		vector = s->vector_base + (u8)(sub < 0 ? 7 : sub);
	}
	update(p);
	return vector;
}

int i8259_ack(struct device *pic)
{
	struct i8259 *p = (struct i8259 *)pic;
	int vector = -1;

	device_lock(pic);
	if (pending_pin(p, &p->chip[0]) >= 0)
		vector = ack_locked(p);
	device_unlock(pic);
	return vector;
}

enum irq_line_state i8259_line(struct device *pic, unsigned n)
{
	struct i8259 *p = (struct i8259 *)pic;
	struct chip *c = &p->chip[n >> 3];
	u8 bit = 1 << (n & 7);
	enum irq_line_state st;

	device_lock(pic);
	if ((c->imr & bit) || (n >= 8 && (p->chip[0].imr & (1 << CASCADE))))
		st = IRQ_LINE_OFF;
	else
		st = c->irr & bit ? IRQ_LINE_WAITS : IRQ_LINE_FREE;
	device_unlock(pic);
	return st;
}

void i8259_connect(struct device *pic, const struct irq *out)
{
	((struct i8259 *)pic)->out = out;
}

static void init_command(struct chip *c, u8 val)
{
	u8 elcr = c->elcr, mask = c->elcr_mask, lines = c->lines;

	*c = (struct chip){ .elcr = elcr, .elcr_mask = mask, .lines = lines };
	c->irr = lines & elcr;
	c->init_state = 1;
	c->icw4 = val & ICW1_ICW4;
	c->single = val & ICW1_SINGLE;
}

/* OCW2: end of interrupt and rotation. */
static void end_command(struct chip *c, u8 val)
{
	unsigned cmd = val >> 5, pin = val & 7, best;

	switch (cmd) {
	case 0:
	case 4:
		c->rotate_on_aeoi = cmd == 4;
		break;
	case 1:
	case 5:
		best = rank(c, c->isr);
		if (best == 8)
			break;
		pin = (best + c->priority_add) & 7;
		c->isr &= ~(1 << pin);
		if (cmd == 5)
			c->priority_add = (pin + 1) & 7;
		break;
	case 3:
		c->isr &= ~(1 << pin);
		break;
	case 6:
		c->priority_add = (pin + 1) & 7;
		break;
	case 7:
		c->isr &= ~(1 << pin);
		c->priority_add = (pin + 1) & 7;
		break;
	default:
		break;
	}
}

static void write_command(struct chip *c, u8 val)
{
	if (val & ICW1_INIT) {
		init_command(c, val);
	} else if (val & OCW3_SELECT) {
		if (val & 0x04)
			c->poll = true;
		if (val & 0x02)
			c->read_isr = val & 1;
		if (val & 0x40)
			c->special_mask = (val >> 5) & 1;
	} else {
		end_command(c, val);
	}
}

static void write_data(struct chip *c, u8 val)
{
	switch (c->init_state) {
	case 0:
		c->imr = val;
		break;
	case 1:
		c->vector_base = val & 0xf8;
		c->init_state = c->single ? (c->icw4 ? 3 : 0) : 2;
		break;
	case 2:
		c->init_state = c->icw4 ? 3 : 0;
		break;
	default:
		c->special_nested = (val >> 4) & 1;
		c->auto_eoi = (val >> 1) & 1;
		c->init_state = 0;
	}
}

static void pic_write(struct i8259 *p, unsigned n, u64 off, u8 val)
{
	if (off)
		write_data(&p->chip[n], val);
	else
		write_command(&p->chip[n], val);
	update(p);
}

static u8 pic_read(struct i8259 *p, unsigned n, u64 off)
{
	struct chip *c = &p->chip[n];
	int pin;

	if (c->poll) {
		c->poll = false;
		pin = pending_pin(p, c);
		if (pin < 0)
			return 0;
		acknowledge(c, (unsigned)pin);
		update(p);
		return 0x80 | (u8)pin;
	}
	if (off)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static u64 master_read(void *o, u64 off, unsigned size) { (void)size; return pic_read(o, 0, off); }
static u64 slave_read(void *o, u64 off, unsigned size) { (void)size; return pic_read(o, 1, off); }
static void master_write(void *o, u64 off, u64 v, unsigned size) { (void)size; pic_write(o, 0, off, (u8)v); }
static void slave_write(void *o, u64 off, u64 v, unsigned size) { (void)size; pic_write(o, 1, off, (u8)v); }

static u64 elcr_read(void *opaque, u64 off, unsigned size)
{
	(void)size;
	return ((struct i8259 *)opaque)->chip[off & 1].elcr;
}

static void elcr_write(void *opaque, u64 off, u64 v, unsigned size)
{
	struct i8259 *p = opaque;
	struct chip *c = &p->chip[off & 1];

	(void)size;
	c->elcr = (u8)v & c->elcr_mask;
	update(p);
}

static const struct mem_ops port_ops[2] = {
	{ .read = master_read, .write = master_write, .max = 1 },
	{ .read = slave_read, .write = slave_write, .max = 1 },
};
static const struct mem_ops elcr_ops = { .read = elcr_read, .write = elcr_write, .max = 1 };

void i8259_info(struct device *pic, void (*print)(void *ctx, const char *fmt, ...), void *ctx)
{
	struct i8259 *p = (struct i8259 *)pic;
	int i;

	device_lock(pic);
	for (i = 0; i < 2; i++) {
		struct chip *c = &p->chip[i];

		print(ctx, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", i,
		      c->irr, c->imr, c->isr, c->priority_add, c->vector_base, c->read_isr, c->elcr, c->special_nested);
	}
	device_unlock(pic);
}

static void pic_reset(struct device *dev)
{
	struct i8259 *p = (struct i8259 *)dev;
	int i;

	for (i = 0; i < 2; i++)
		p->chip[i] = (struct chip){ .lines = p->chip[i].lines, .elcr_mask = i ? 0xde : 0xf8 };
	update(p);
}

static int pic_realize(struct device *dev, struct err *err)
{
	struct i8259 *p = (struct i8259 *)dev;
	int i;

	(void)err;
	for (i = 0; i < 16; i++)
		p->in[i] = (struct irq){ on_pin, p, i };
	device_irqs_in(dev, NULL, p->in, 16);
	isa_io_add(dev, &p->ports[0], "pic", 0x20, 2, &port_ops[0]);
	isa_io_add(dev, &p->ports[1], "pic", 0xa0, 2, &port_ops[1]);
	isa_io_add(dev, &p->elcr_port, "elcr", 0x4d0, 2, &elcr_ops);
	pic_reset(dev);
	return 0;
}

static void pic_unrealize(struct device *dev)
{
	struct i8259 *p = (struct i8259 *)dev;

	isa_io_del(&p->ports[0]);
	isa_io_del(&p->ports[1]);
	isa_io_del(&p->elcr_port);
}

static const struct state_field chip_fields[] = {
	STATE(struct chip, irr, U8), STATE(struct chip, imr, U8), STATE(struct chip, isr, U8),
	STATE(struct chip, lines, U8), STATE(struct chip, elcr, U8), STATE(struct chip, vector_base, U8),
	STATE(struct chip, init_state, U8), STATE(struct chip, priority_add, U8),
	STATE(struct chip, icw4, BOOL), STATE(struct chip, single, BOOL), STATE(struct chip, read_isr, BOOL),
	STATE(struct chip, poll, BOOL), STATE(struct chip, special_mask, BOOL), STATE(struct chip, auto_eoi, BOOL),
	STATE(struct chip, rotate_on_aeoi, BOOL), STATE(struct chip, special_nested, BOOL),
	STATE_END
};

static const struct state_field pic_fields[] = {
	STATE_SUB_ARRAY(struct i8259, chip, chip_fields),
	STATE_END
};

static int pic_post_load(void *dev, u8 version, struct err *err)
{
	struct i8259 *p = dev;
	int i;

	(void)version;
	for (i = 0; i < 2; i++)
		if (p->chip[i].init_state > 3 || p->chip[i].priority_add > 7)
			return err_set(err, EINVAL, "8259 state out of range");
	update(p);
	return 0;
}

static const struct state_table pic_state = { .version = 1, .fields = pic_fields, .post_load = pic_post_load };

static const struct device_class isa_i8259_class = {
	.name = "isa-i8259", .desc = "8259A interrupt controllers", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct i8259), .locking = LOCK_DEVICE, .internal = true,
	.realize = pic_realize, .unrealize = pic_unrealize, .reset = pic_reset, .state = &pic_state,
};
REGISTER(device, isa_i8259_class);
