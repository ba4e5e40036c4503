// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 8254 interval timer at 0x40-0x43 and the PC's port 0x61 (speaker gate and
 * timer 2 output): Intel 8254 data sheet (231164). Counters are not stepped;
 * their value follows from the clock and the time at which they were loaded.
 *
 * A tick of counter 0 that comes while the last one still waits for a processor is
 * not lost: it is owed, and given when that one was taken ("delay", as KVM names it).
 */
#include <errno.h>
#include "dev/isa.h"
#include "thread.h"

#define PIT_HZ		1193182ULL
#define CHANNELS	3

#define OWED_MAX_NS	(10 * NSEC_PER_SEC)
#define OWED_MAX	100000
#define RW_LSB		1
#define RW_MSB		2
#define RW_WORD		3

struct channel {
	u32 count;		/* 1..65536 */
	u64 start_ns;		/* when it was loaded or its gate rose */
	u64 stop_ns;		/* while the gate is low: when it fell, or a load after that */
	u64 next_ns;		/* channel 0: logical time of the next output change */
	u16 latched_count;
	u8  latch_left;		/* bytes of the latched count still to be read */
	u8  latch_mode;
	bool status_latched;
	u8  status;
	u8  rw;			/* RW_* */
	u8  mode;		/* 0..5 */
	bool bcd, gate;
	bool triggered;		/* modes 1 and 5: the gate rose since the mode was written */
	bool loaded;		/* a count was written since the mode was */
	bool read_high, write_high;
	u8  write_low;
};

struct pit {
	struct device dev;
	struct channel ch[CHANNELS];
	u8  speaker;		/* port 0x61, bits 1 and 0 */
	bool refresh;
	struct isa_io io, io61;
	const struct irq *irq;
	struct clock_timer timer;
	u8 policy;		/* of ticks that would be lost */
	bool out;		/* counter 0's output as the line shows it, or would */
	u32 owed;		/* ticks that the line could not give yet */
	struct irq_watch watch;
};

enum { POLICY_DELAY, POLICY_DISCARD };
static const char *const policies[] = { "delay", "discard", NULL };

static u64 now_ns(const struct pit *p)
{
	return clock_ns(p->dev.machine->clock);
}

/* Modes 1 and 5 are started by the gate's edge; in the others its level lets them count. */
static bool edge_mode(const struct channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static u64 ticks(const struct channel *c, u64 now)
{
	if (edge_mode(c) && !c->triggered)
		return 0;
	if (!edge_mode(c) && !c->gate)
		now = c->stop_ns;
	return now > c->start_ns ? muldiv64(now - c->start_ns, PIT_HZ, NSEC_PER_SEC) : 0;
}

/* Rounded up: at that time the tick has happened. */
static u64 tick_time(const struct channel *c, u64 tick)
{
	return c->start_ns + (u64)(((u128)tick * NSEC_PER_SEC + PIT_HZ - 1) / PIT_HZ);
}

static unsigned to_bcd(unsigned v)
{
	return v % 10 | (v / 10 % 10) << 4 | (v / 100 % 10) << 8 | (v / 1000 % 10) << 12;
}

static u32 from_bcd(u32 v)
{
	return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}

static u16 counter(const struct pit *p, const struct channel *c)
{
	u64 d = ticks(c, now_ns(p));
	u32 wrap = c->bcd ? 10000 : 0x10000, v;

	if (!c->loaded)
		v = 0;
	else if (c->mode == 2)
		v = c->count - (u32)(d % c->count);
	else if (c->mode == 3)	/* counts by two, the odd one is skipped */
		v = c->count - (u32)((2 * d) % c->count);
	else
		v = (u32)((c->count + wrap - d % wrap) % wrap);
	return (u16)(c->bcd ? to_bcd(v % 10000) : v);
}

static bool output_at(const struct channel *c, u64 d)
{
	if (!c->loaded || (edge_mode(c) && !c->triggered))
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return d >= c->count;
	case 2:
		return !c->gate || d % c->count != c->count - 1;
	case 3:
		return !c->gate || d % c->count < (c->count + 1) / 2;
	default:
		return d != c->count;
	}
}

/* The first change of the output after tick d; 0: never again. */
static u64 next_change(const struct channel *c, u64 d)
{
	u64 base = d - d % c->count, half = (c->count + 1) / 2;

	if (!c->loaded || (edge_mode(c) && !c->triggered))
		return 0;
	switch (c->mode) {
	case 0:
	case 1:
		return d < c->count ? c->count : 0;
	case 2:
		if (!c->gate)
			return 0;
		return d % c->count < c->count - 1 ? base + c->count - 1 : base + c->count;
	case 3:
		if (!c->gate)
			return 0;
		return d % c->count < half ? base + half : base + c->count;
	default:
		return d < c->count ? c->count : d == c->count ? c->count + 1 : 0;
	}
}

static bool ticks_count(const struct pit *p)
{
	unsigned mode = p->ch[0].mode;

	return (mode == 2 || mode == 3) && p->policy == POLICY_DELAY && !atomic_get(&p->dev.machine->hpet_legacy);
}

static u32 owed_max(const struct channel *c)
{
	return (u32)MIN(OWED_MAX_NS * PIT_HZ / NSEC_PER_SEC / c->count, (u64)OWED_MAX);
}

static void edge(struct pit *p)
{
	irq_lower(p->irq);
	irq_raise(p->irq);
}

/* While a tick waits for a processor the line stays as it is. */
static void drive(struct pit *p, bool out)
{
	bool rises = out && !p->out;
	enum irq_line_state st = ticks_count(p) ? machine_irq_state(p->dev.machine, 0, &p->watch) : IRQ_LINE_OFF;

	p->out = out;
	if (st == IRQ_LINE_WAITS) {
		if (rises)
			p->owed = MIN(p->owed + 1, owed_max(&p->ch[0]));
		return;
	}
	if (st == IRQ_LINE_OFF)
		p->owed = 0;
	if (rises)
		edge(p);
	else
		irq_set(p->irq, out);
}

/* A processor has taken an interrupt: the next one that is owed. */
static void on_taken(void *opaque)
{
	struct pit *p = opaque;

	device_lock(&p->dev);
	if (p->owed && ticks_count(p) && machine_irq_state(p->dev.machine, 0, &p->watch) == IRQ_LINE_FREE) {
		p->owed--;
		edge(p);
		if (!p->out)
			drive(p, false);
	}
	device_unlock(&p->dev);
}

/* Drives IRQ 0 for logical time t and arms the timer for the change after it. */
static void update_irq0(struct pit *p, u64 t)
{
	struct channel *c = &p->ch[0];
	u64 d = ticks(c, t), next = next_change(c, d), due;

	drive(p, output_at(c, d));
	if (!next) {
		clock_timer_del(&p->timer);
		return;
	}
	c->next_ns = tick_time(c, next);
	/* The pulse of one tick in mode 2 is done at once; only whole periods wait. */
	due = c->mode == 2 && next % c->count ? c->next_ns
	      : clock_catch_up(p->dev.machine->clock, c->next_ns, c->count * NSEC_PER_SEC / PIT_HZ / 2);
	clock_timer_arm(&p->timer, due);
}

static void on_timer(void *opaque)
{
	struct pit *p = opaque;
	u64 now = now_ns(p), t = p->ch[0].next_ns;

	/* More than a second behind (the host slept): what was missed is gone. */
	update_irq0(p, now > t + NSEC_PER_SEC ? now : t);
}

static void load(struct pit *p, struct channel *c, u32 val)
{
	if (c->bcd)
		val = from_bcd(val);
	c->count = val ? val : c->bcd ? 10000 : 0x10000;
	if (c->mode == 3 && c->count == 1)
		c->count = 0x10000;
	c->start_ns = c->stop_ns = now_ns(p);
	c->loaded = true;
	if (c == &p->ch[0]) {
		p->owed = 0;
		update_irq0(p, c->start_ns);
	}
}

static void set_gate(struct pit *p, struct channel *c, bool gate)
{
	u64 now = now_ns(p);

	if (gate && !c->gate) {
		/* The edge starts modes 1, 2, 3 and 5; 0 and 4 go on where they stood. */
		c->start_ns = c->mode == 0 || c->mode == 4 ? now - (c->stop_ns - c->start_ns) : now;
		c->triggered = c->loaded;
	} else if (!gate && c->gate) {
		c->stop_ns = now;
	}
	c->gate = gate;
}

static void latch_count(struct pit *p, struct channel *c)
{
	if (c->latch_left)
		return;
	c->latched_count = counter(p, c);
	c->latch_mode = c->rw;
	c->latch_left = c->rw == RW_WORD ? 2 : 1;
}

static void latch_status(struct pit *p, struct channel *c)
{
	if (c->status_latched)
		return;
	c->status = (u8)(output_at(c, ticks(c, now_ns(p))) << 7 | !c->loaded << 6 | c->rw << 4 | c->mode << 1 | c->bcd);
	c->status_latched = true;
}

static void write_control(struct pit *p, u8 val)
{
	unsigned sel = val >> 6, i;
	struct channel *c;

	if (sel == 3) {		/* read-back command */
		for (i = 0; i < CHANNELS; i++) {
			if (!(val & (2 << i)))
				continue;
			if (!(val & 0x20))
				latch_count(p, &p->ch[i]);
			if (!(val & 0x10))
				latch_status(p, &p->ch[i]);
		}
		return;
	}
	c = &p->ch[sel];
	if (!(val >> 4 & 3)) {
		latch_count(p, c);
		return;
	}
	c->rw = val >> 4 & 3;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4;	/* bit 2 is don't care in modes 2 and 3 */
	c->bcd = val & 1;
	c->triggered = false;
	c->loaded = c->read_high = c->write_high = false;
	c->latch_left = 0;
	c->count = c->bcd ? 10000 : 0x10000;
	if (sel == 0) {
		p->owed = 0;
		update_irq0(p, now_ns(p));
	}
}

static void pit_write(void *opaque, u64 off, u64 v, unsigned size)
{
	struct pit *p = opaque;
	struct channel *c = &p->ch[off % CHANNELS];
	u8 val = (u8)v;

	(void)size;
	if (off == 3) {
		write_control(p, val);
	} else if (c->rw == RW_MSB) {
		load(p, c, (u32)val << 8);
	} else if (c->rw == RW_WORD && !c->write_high) {
		c->write_low = val;
		c->write_high = true;
		if (c->mode == 0 && c->loaded)
			c->loaded = false;	/* the first byte stops mode 0 */
	} else if (c->rw == RW_WORD) {
		c->write_high = false;
		load(p, c, c->write_low | (u32)val << 8);
	} else {
		load(p, c, val);
	}
}

static u64 pit_read(void *opaque, u64 off, unsigned size)
{
	struct pit *p = opaque;
	struct channel *c = &p->ch[off % CHANNELS];
	u16 v;

	(void)size;
	if (off == 3)
		return 0;
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latch_left) {
		bool high = c->latch_mode == RW_MSB || (c->latch_mode == RW_WORD && c->latch_left == 1);

		c->latch_left--;
		return high ? c->latched_count >> 8 : c->latched_count & 0xff;
	}
	v = counter(p, c);
	if (c->rw == RW_WORD) {
		c->read_high = !c->read_high;
		return c->read_high ? v & 0xff : v >> 8;
	}
	return c->rw == RW_MSB ? v >> 8 : v & 0xff;
}

static u64 port61_read(void *opaque, u64 off, unsigned size)
{
	struct pit *p = opaque;
	struct channel *c = &p->ch[2];

	(void)off;
	(void)size;
	p->refresh = !p->refresh;
	return p->speaker | p->refresh << 4 | output_at(c, ticks(c, now_ns(p))) << 5;
}

static void port61_write(void *opaque, u64 off, u64 v, unsigned size)
{
	struct pit *p = opaque;

	(void)off;
	(void)size;
	p->speaker = v & 3;
	set_gate(p, &p->ch[2], v & 1);
}

static const struct mem_ops pit_ops = { .read = pit_read, .write = pit_write, .max = 1 };
static const struct mem_ops port61_ops = { .read = port61_read, .write = port61_write, .max = 1 };

static void pit_reset(struct device *dev)
{
	struct pit *p = (struct pit *)dev;
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		p->ch[i] = (struct channel){ .count = 0x10000, .mode = 3, .rw = RW_WORD, .gate = i != 2, .start_ns = now_ns(p) };
	p->speaker = 0;
	p->refresh = false;
	p->owed = 0;
	update_irq0(p, now_ns(p));
}

static int pit_realize(struct device *dev, struct err *err)
{
	struct pit *p = (struct pit *)dev;

	(void)err;
	p->irq = isa_irq(dev, 0);
	clock_timer_init(&p->timer, dev->machine->clock, dev, "pit", on_timer, p);
	device_irqs_out(dev, NULL, &p->irq, 1);
	machine_irq_watch_add(dev->machine, &p->watch, on_taken, p);
	isa_io_add(dev, &p->io, "pit", 0x40, 4, &pit_ops);
	isa_io_add(dev, &p->io61, "port61", 0x61, 1, &port61_ops);
	return 0;
}

static void pit_unrealize(struct device *dev)
{
	struct pit *p = (struct pit *)dev;

	isa_io_del(&p->io);
	isa_io_del(&p->io61);
	clock_timer_del(&p->timer);
}

static const struct state_field channel_fields[] = {
	STATE(struct channel, count, U32), STATE(struct channel, start_ns, U64), STATE(struct channel, next_ns, U64),
	STATE(struct channel, latched_count, U16), STATE(struct channel, latch_left, U8), STATE(struct channel, latch_mode, U8),
	STATE(struct channel, status_latched, BOOL), STATE(struct channel, status, U8), STATE(struct channel, rw, U8),
	STATE(struct channel, mode, U8), STATE(struct channel, bcd, BOOL), STATE(struct channel, gate, BOOL),
	STATE(struct channel, loaded, BOOL), STATE(struct channel, read_high, BOOL),
	STATE(struct channel, write_high, BOOL), STATE(struct channel, write_low, U8),
	STATE_SINCE(struct channel, stop_ns, U64, 2), STATE_SINCE(struct channel, triggered, BOOL, 2),
	STATE_END
};

static const struct state_field pit_fields[] = {
	STATE_SUB_ARRAY(struct pit, ch, channel_fields),
	STATE(struct pit, speaker, U8),
	STATE(struct pit, refresh, BOOL),
	STATE(struct pit, timer, TIMER),
	STATE_SINCE(struct pit, out, BOOL, 3), STATE_SINCE(struct pit, owed, U32, 3),
	STATE_END
};

static int pit_post_load(void *dev, u8 version, struct err *err)
{
	struct pit *p = dev;
	int i;

	for (i = 0; i < CHANNELS; i++) {
		if (version < 2) {	/* those ran without a trigger, and without the gate */
			p->ch[i].triggered = p->ch[i].loaded;
			p->ch[i].stop_ns = p->ch[i].start_ns;
		}
		if (!p->ch[i].count || p->ch[i].count > 0x10000 || p->ch[i].mode > 5)
			return err_set(err, EINVAL, "channel %d: count or mode out of range", i);
	}
	if (version < 3)
		p->out = true;
	p->owed = version < 3 ? 0 : MIN(p->owed, owed_max(&p->ch[0]));
	return 0;
}

static const struct state_table pit_state = { .version = 3, .fields = pit_fields, .post_load = pit_post_load };

static const struct prop pit_props[] = {
	PROP_ENUM(struct pit, policy, "lost_tick_policy", policies, POLICY_DELAY, "ticks that come too fast: delay or discard"),
	PROP_END
};

static const struct device_class isa_pit_class = {
	.name = "isa-pit", .desc = "8254 interval timer", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct pit), .locking = LOCK_DEVICE, .internal = true, .props = pit_props,
	.realize = pit_realize, .unrealize = pit_unrealize, .reset = pit_reset, .state = &pit_state,
};
REGISTER(device, isa_pit_class);
