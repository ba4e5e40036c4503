// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * High Precision Event Timer: IA-PC HPET specification 1.0a. Three 64-bit
 * comparators at 100 MHz. In legacy replacement mode timers 0 and 1 take
 * over IRQ 0 and 8, hence the PIT's and the RTC's lines run through here.
 *
 * A periodic tick that comes while the last one still waits for a processor
 * is owed, and given when that one was taken.
 */
#include "dev/isa.h"
#include "thread.h"

#define HPET_BASE	0xfed00000ULL
#define HPET_SIZE	0x400
#define TICK_NS		10
#define TIMERS		3
#define OWED_MAX_TICKS	(10 * NSEC_PER_SEC / TICK_NS)
#define OWED_MAX	100000

#define REG_CAP		0x000
#define REG_CFG		0x010
#define REG_ISR		0x020
#define REG_COUNTER	0x0f0
#define REG_TIMER	0x100
#define TIMER_STRIDE	0x20
#define REG_TN_CFG	0x00
#define REG_TN_CMP	0x08
#define REG_TN_FSB	0x10

/* Revision 1, three timers, 64 bits, legacy replacement, vendor 8086; period in femtoseconds. */
#define CAP_VALUE	(0x8086a201ULL | (u64)TICK_NS * 1000000 << 32)

#define CFG_ENABLE	0x1
#define CFG_LEGACY	0x2

#define TN_LEVEL	0x0002ULL
#define TN_ENABLE	0x0004ULL
#define TN_PERIODIC	0x0008ULL
#define TN_PERIODIC_CAP	0x0010ULL
#define TN_SIZE_CAP	0x0020ULL
#define TN_SETVAL	0x0040ULL
#define TN_32BIT	0x0100ULL
#define TN_ROUTE	0x3e00ULL
#define TN_FSB_ENABLE	0x4000ULL
#define TN_FSB_CAP	0x8000ULL
#define TN_WRITABLE	(TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SETVAL | TN_32BIT | TN_ROUTE | TN_FSB_ENABLE)

/* Lines that the timers may be routed to: 2, 8, 16-23. */
#define INTCAP_DEFAULT	0xff0104

struct hpet_timer {
	u64 cfg, cmp, fsb;
	u64 period;
	u32 owed;
	struct clock_timer timer;
	struct hpet *hpet;
};

struct hpet {
	struct device dev;
	u32 intcap;
	bool msi;
	u64 cfg, isr;
	u64 counter;		/* while stopped */
	u64 start_ns;		/* clock at counter 0 while running */
	struct hpet_timer tn[TIMERS];
	struct irq in[2];	/* from the PIT, from the RTC */
	const struct irq *legacy[2];
	const struct irq *gsi[24];
	int rtc_level;
	struct irq_watch watch;
	struct mem_region region;
	struct mem_map map;
};

static u64 now_ticks(const struct hpet *h)
{
	if (!(h->cfg & CFG_ENABLE))
		return h->counter;
	return (clock_ns(h->dev.machine->clock) - h->start_ns) / TICK_NS;
}

static unsigned index_of(const struct hpet_timer *t)
{
	return (unsigned)(t - t->hpet->tn);
}

static bool is_legacy(const struct hpet_timer *t)
{
	return index_of(t) < 2 && (t->hpet->cfg & CFG_LEGACY);
}

static const struct irq *line_of(const struct hpet_timer *t)
{
	const struct hpet *h = t->hpet;
	unsigned route = (unsigned)((t->cfg & TN_ROUTE) >> 9);

	if (is_legacy(t))
		return h->legacy[index_of(t)];
	return route < 24 && (h->intcap >> route & 1) ? h->gsi[route] : NULL;
}

static struct msi_msg message(const struct hpet_timer *t)
{
	return (struct msi_msg){ t->fsb >> 32, (u32)t->fsb };
}

/* What a tick would do now; arms the watch. */
static enum irq_line_state tick_state(struct hpet_timer *t)
{
	struct hpet *h = t->hpet;
	unsigned gsi = is_legacy(t) ? index_of(t) * 8 : (unsigned)((t->cfg & TN_ROUTE) >> 9);

	if (!(t->cfg & TN_ENABLE) || !(h->cfg & CFG_ENABLE) || !(t->cfg & TN_PERIODIC))
		return IRQ_LINE_OFF;
	if (t->cfg & TN_FSB_ENABLE)
		return machine_msi_waits(h->dev.machine, message(t), &h->watch) ? IRQ_LINE_WAITS : IRQ_LINE_FREE;
	if (t->cfg & TN_LEVEL)
		return h->isr >> index_of(t) & 1 ? IRQ_LINE_WAITS : IRQ_LINE_FREE;
	return machine_irq_state(h->dev.machine, gsi, &h->watch);
}

static void send_irq(struct hpet_timer *t, bool active)
{
	struct hpet *h = t->hpet;
	u64 bit = 1ULL << index_of(t);

	if (!active) {
		h->isr &= ~bit;
		if (t->cfg & TN_LEVEL)
			irq_lower(line_of(t));
		return;
	}
	if (t->cfg & TN_LEVEL)
		h->isr |= bit;
	if (!(t->cfg & TN_ENABLE) || !(h->cfg & CFG_ENABLE))
		return;
	if (t->cfg & TN_FSB_ENABLE) {
		if (h->dev.machine->ops && h->dev.machine->ops->msi)
			h->dev.machine->ops->msi(h->dev.machine->ctx, message(t));
	} else if (t->cfg & TN_LEVEL) {
		irq_raise(line_of(t));
	} else if (is_legacy(t)) {	/* the 8259 wants to see the line high until it is served */
		irq_lower(line_of(t));
		irq_raise(line_of(t));
	} else {
		irq_pulse(line_of(t));
	}
}

/* One tick, or one more that is owed. */
static void tick(struct hpet_timer *t)
{
	enum irq_line_state st = tick_state(t);
	u64 max = t->period ? MIN(OWED_MAX_TICKS / t->period, (u64)OWED_MAX) : 0;

	if (st == IRQ_LINE_WAITS) {
		t->owed = (u32)MIN(t->owed + 1, max);
		return;
	}
	if (st == IRQ_LINE_OFF)
		t->owed = 0;
	send_irq(t, true);
}

static void give_owed(struct hpet_timer *t)
{
	if (!t->owed || tick_state(t) != IRQ_LINE_FREE)
		return;
	t->owed--;
	send_irq(t, true);
}

/* A processor has taken an interrupt. */
static void on_taken(void *opaque)
{
	struct hpet *h = opaque;
	int i;

	device_lock(&h->dev);
	for (i = 0; i < TIMERS; i++)
		give_owed(&h->tn[i]);
	device_unlock(&h->dev);
}

/* Ticks from now until the comparator matches. */
static u64 ticks_to_match(const struct hpet_timer *t, u64 now)
{
	if (t->cfg & TN_32BIT)
		return (u32)((u32)t->cmp - (u32)now);
	return t->cmp - now;
}

static void arm(struct hpet_timer *t)
{
	struct hpet *h = t->hpet;
	u64 now = now_ticks(h), delta = ticks_to_match(t, now);

	if (!(h->cfg & CFG_ENABLE)) {
		clock_timer_del(&t->timer);
		return;
	}
	if (delta > (1ULL << 56))	/* behind us (a wrap is centuries away) or very far */
		delta = (s64)delta < 0 && (t->cfg & TN_PERIODIC) ? 0 : 1ULL << 56;
	clock_timer_arm(&t->timer, clock_ns(h->dev.machine->clock) + delta * TICK_NS);
}

static void on_match(void *opaque)
{
	struct hpet_timer *t = opaque;
	struct hpet *h = t->hpet;
	u64 now = now_ticks(h), period = t->period, due;

	tick(t);
	if (!(t->cfg & TN_PERIODIC) || !period) {
		if (t->cfg & TN_32BIT)
			clock_timer_arm(&t->timer, clock_ns(h->dev.machine->clock) + (1ULL << 32) * TICK_NS);
		return;
	}
	/* The comparator moves by whole periods; ticks more than a second late are skipped. */
	t->cmp += period;
	if (!(t->cfg & TN_32BIT) && t->cmp + NSEC_PER_SEC / TICK_NS < now)
		t->cmp += (now - t->cmp) / period * period;
	if (t->cfg & TN_32BIT) {
		t->cmp = (u32)t->cmp;
		if ((u32)((u32)now - (u32)t->cmp) < 0x80000000U && (u32)((u32)now - (u32)t->cmp) > NSEC_PER_SEC / TICK_NS)
			t->cmp = (u32)((u32)now + period);
	}
	due = clock_ns(h->dev.machine->clock) + ticks_to_match(t, now) * TICK_NS;
	if (ticks_to_match(t, now) > period)	/* late */
		due = 0;
	clock_timer_arm(&t->timer, clock_catch_up(h->dev.machine->clock, due, period * TICK_NS));
}

static void write_cmp(struct hpet_timer *t, u64 val)
{
	if (t->cfg & TN_32BIT)
		val = (u32)val;
	if (!(t->cfg & TN_PERIODIC) || (t->cfg & TN_SETVAL))
		t->cmp = val;
	if (t->cfg & TN_PERIODIC)
		t->period = val;
	t->cfg &= ~TN_SETVAL;
	t->owed = 0;
	arm(t);
}

static void write_tn_cfg(struct hpet_timer *t, u64 val)
{
	struct hpet *h = t->hpet;
	u64 writable = h->msi ? TN_WRITABLE : TN_WRITABLE & ~TN_FSB_ENABLE;
	u64 now = (t->cfg & ~writable) | (val & writable);
	bool pending = h->isr >> index_of(t) & 1;

	if ((t->cfg & TN_LEVEL) && pending && (!(now & TN_LEVEL) || !(now & TN_ENABLE)))
		send_irq(t, false);
	t->cfg = now;
	t->owed = 0;
	if (now & TN_32BIT) {
		t->cmp = (u32)t->cmp;
		t->period = (u32)t->period;
	}
	if ((now & TN_LEVEL) && (now & TN_ENABLE) && (h->isr >> index_of(t) & 1))
		send_irq(t, true);
	arm(t);
}

static void write_cfg(struct hpet *h, u64 val)
{
	u64 old = h->cfg;
	int i;

	if ((old & CFG_ENABLE) && !(val & CFG_ENABLE))
		h->counter = now_ticks(h);
	h->cfg = val & (CFG_ENABLE | CFG_LEGACY);
	if (!(old & CFG_ENABLE) && (val & CFG_ENABLE))
		h->start_ns = clock_ns(h->dev.machine->clock) - h->counter * TICK_NS;
	for (i = 0; i < TIMERS; i++)
		arm(&h->tn[i]);
	if ((old ^ h->cfg) & CFG_LEGACY) {
		atomic_set(&h->dev.machine->hpet_legacy, !!(h->cfg & CFG_LEGACY));
		irq_lower(h->legacy[0]);
		irq_set(h->legacy[1], h->cfg & CFG_LEGACY ? 0 : h->rtc_level);
	}
}

static u64 read_reg(struct hpet *h, u64 reg)
{
	unsigned n = (unsigned)((reg - REG_TIMER) / TIMER_STRIDE);

	switch (reg) {
	case REG_CAP:	  return CAP_VALUE;
	case REG_CFG:	  return h->cfg;
	case REG_ISR:	  return h->isr;
	case REG_COUNTER: return now_ticks(h);
	}
	if (reg < REG_TIMER || n >= TIMERS)
		return 0;
	switch ((reg - REG_TIMER) % TIMER_STRIDE) {
	case REG_TN_CFG: return h->tn[n].cfg;
	case REG_TN_CMP: return h->tn[n].cmp;
	case REG_TN_FSB: return h->tn[n].fsb;
	default:	 return 0;
	}
}

static void write_reg(struct hpet *h, u64 reg, u64 val)
{
	unsigned n = (unsigned)((reg - REG_TIMER) / TIMER_STRIDE), i;

	switch (reg) {
	case REG_CFG:
		write_cfg(h, val);
		return;
	case REG_ISR:
		for (i = 0; i < TIMERS; i++)
			if (val & h->isr & (1ULL << i)) {
				send_irq(&h->tn[i], false);
				give_owed(&h->tn[i]);
			}
		return;
	case REG_COUNTER:
		if (!(h->cfg & CFG_ENABLE))	/* writes to a running counter are undefined: ignored */
			h->counter = val;
		return;
	}
	if (reg < REG_TIMER || n >= TIMERS)
		return;
	switch ((reg - REG_TIMER) % TIMER_STRIDE) {
	case REG_TN_CFG: write_tn_cfg(&h->tn[n], val); break;
	case REG_TN_CMP: write_cmp(&h->tn[n], val); break;
	case REG_TN_FSB: h->tn[n].fsb = val; break;
	}
}

static u64 hpet_read(void *opaque, u64 off, unsigned size)
{
	u64 v = read_reg(opaque, off & ~7ULL);

	return size == 8 ? v : (u32)(v >> (8 * (off & 4)));
}

static void hpet_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct hpet *h = opaque;
	u64 reg = off & ~7ULL, old;

	if (size == 4) {
		/* A half of the comparator in periodic mode sets the period's half too. */
		old = reg >= REG_TIMER && (reg - REG_TIMER) % TIMER_STRIDE == REG_TN_CMP && reg < REG_TIMER + TIMERS * TIMER_STRIDE
		      ? h->tn[(reg - REG_TIMER) / TIMER_STRIDE].cmp : reg == REG_ISR ? 0 : read_reg(h, reg);
		if (off & 4)
			val = (old & 0xffffffffULL) | val << 32;
		else
			val = (old & ~0xffffffffULL) | val;
	}
	write_reg(h, reg, val);
}

static const struct mem_ops hpet_ops = { .read = hpet_read, .write = hpet_write, .min = 4, .max = 8 };

/* The PIT's and the RTC's lines pass unless legacy replacement took them over. */
static void on_legacy_in(void *opaque, int n, int level)
{
	struct hpet *h = opaque;

	device_lock(&h->dev);
	if (n == 1)
		h->rtc_level = level;
	if (!(h->cfg & CFG_LEGACY))
		irq_set(h->legacy[n], level);
	device_unlock(&h->dev);
}

static void hpet_reset(struct device *dev)
{
	struct hpet *h = (struct hpet *)dev;
	int i;

	for (i = 0; i < TIMERS; i++) {
		struct hpet_timer *t = &h->tn[i];

		clock_timer_del(&t->timer);
		if (h->isr >> i & 1)
			send_irq(t, false);
		t->cmp = ~0ULL;
		t->cfg = TN_PERIODIC_CAP | TN_SIZE_CAP | (h->msi ? TN_FSB_CAP : 0) | (u64)h->intcap << 32;
		t->period = t->fsb = 0;
		t->owed = 0;
	}
	atomic_set(&dev->machine->hpet_legacy, false);
	h->cfg = h->isr = h->counter = 0;
	h->start_ns = 0;
}

static int hpet_realize(struct device *dev, struct err *err)
{
	struct hpet *h = (struct hpet *)dev;
	const struct irq *const *gsi = machine_service(dev->machine, "gsi");
	int i;

	(void)err;
	for (i = 0; gsi && i < 24; i++)
		h->gsi[i] = gsi[i];
	h->legacy[0] = isa_irq(dev, 0);
	h->legacy[1] = isa_irq(dev, 8);
	for (i = 0; i < 2; i++)
		h->in[i] = (struct irq){ on_legacy_in, h, i };
	dev->machine->isa_irq[0] = &h->in[0];
	dev->machine->isa_irq[8] = &h->in[1];
	for (i = 0; i < TIMERS; i++) {
		h->tn[i].hpet = h;
		clock_timer_init(&h->tn[i].timer, dev->machine->clock, dev, "hpet", on_match, &h->tn[i]);
	}
	machine_irq_watch_add(dev->machine, &h->watch, on_taken, h);
	mem_region_init_io(&h->region, dev, "hpet", HPET_SIZE, &hpet_ops, h);
	mem_map_add(&dev->machine->mem, &h->map, &h->region, HPET_BASE, 10);
	return 0;
}

static void hpet_unrealize(struct device *dev)
{
	struct hpet *h = (struct hpet *)dev;
	int i;

	mem_map_del(&h->map);
	for (i = 0; i < TIMERS; i++)
		clock_timer_del(&h->tn[i].timer);
	dev->machine->isa_irq[0] = h->legacy[0];
	dev->machine->isa_irq[8] = h->legacy[1];
}

static const struct state_field hpet_timer_fields[] = {
	STATE(struct hpet_timer, cfg, U64),
	STATE(struct hpet_timer, cmp, U64),
	STATE(struct hpet_timer, fsb, U64),
	STATE(struct hpet_timer, period, U64),
	STATE(struct hpet_timer, timer, TIMER),
	STATE_SINCE(struct hpet_timer, owed, U32, 2),
	STATE_END
};

static const struct state_field hpet_fields[] = {
	STATE(struct hpet, cfg, U64),
	STATE(struct hpet, isr, U64),
	STATE(struct hpet, counter, U64),
	STATE(struct hpet, start_ns, U64),
	STATE_SUB_ARRAY(struct hpet, tn, hpet_timer_fields),
	STATE(struct hpet, rtc_level, U32),
	STATE_END
};

static int hpet_post_load(void *dev, u8 version, struct err *err)
{
	struct hpet *h = dev;
	int i;

	(void)err;
	for (i = 0; i < TIMERS; i++)
		h->tn[i].owed = version < 2 ? 0 : MIN(h->tn[i].owed, (u32)OWED_MAX);
	atomic_set(&h->dev.machine->hpet_legacy, !!(h->cfg & CFG_LEGACY));
	return 0;
}

static const struct state_table hpet_state = { .version = 2, .fields = hpet_fields, .post_load = hpet_post_load };

static const struct prop hpet_props[] = {
	PROP(struct hpet, intcap, "hpet-intcap", U32, INTCAP_DEFAULT, "interrupt lines that the timers may use"),
	PROP(struct hpet, msi, "msi", BOOL, 0, "timers can send messages (FSB delivery)"),
	PROP_END
};

static const struct device_class hpet_class = {
	.name = "hpet", .desc = "high precision event timer", .category = "Misc",
	.size = sizeof(struct hpet), .locking = LOCK_DEVICE, .internal = true, .props = hpet_props,
	.realize = hpet_realize, .unrealize = hpet_unrealize, .reset = hpet_reset, .state = &hpet_state,
};
REGISTER(device, hpet_class);
