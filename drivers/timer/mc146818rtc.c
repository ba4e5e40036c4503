// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MC146818A real-time clock with 256 bytes of CMOS RAM at 0x70-0x73:
 * Motorola data sheet MC146818A, ICH9 data sheet 5.13 for the second bank.
 * The time of day follows from a clock (-rtc clock=) plus an offset; nothing
 * ticks unless an interrupt is enabled. Interrupts come by the guest's clock:
 * the turn of a second is looked for when it should be there, and seconds
 * that went by unseen are looked through for the alarm.
 *
 * A periodic interrupt that comes while register C still shows the last one
 * is owed, and shown when that was read ("slew", as QEMU names it).
 */
#include <errno.h>
#include <time.h>
#include "dev/isa.h"
#include "dev/rtc.h"
#include "thread.h"

#define RTC_SECONDS		0x00
#define RTC_SECONDS_ALARM	0x01
#define RTC_MINUTES		0x02
#define RTC_MINUTES_ALARM	0x03
#define RTC_HOURS		0x04
#define RTC_HOURS_ALARM		0x05
#define RTC_DAY_OF_WEEK		0x06
#define RTC_DAY_OF_MONTH	0x07
#define RTC_MONTH		0x08
#define RTC_YEAR		0x09
#define RTC_A			0x0a
#define RTC_B			0x0b
#define RTC_C			0x0c
#define RTC_D			0x0d
#define RTC_CENTURY		0x32

#define A_UIP			0x80
#define A_DIVIDER		0x70
#define B_SET			0x80
#define B_PIE			0x40
#define B_AIE			0x20
#define B_UIE			0x10
#define B_BINARY		0x04
#define B_24H			0x02
#define C_IRQF			0x80
#define C_PF			0x40
#define C_AF			0x20
#define C_UF			0x10
#define ALARM_ANY		0xc0

#define UIP_NS			244000	/* update in progress before the second turns */
#define HZ32K			32768ULL
#define SECONDS_A_DAY	86400ULL
#define OWED_MAX_NS		(10 * NSEC_PER_SEC)

struct rtc {
	struct device dev;
	u8  cmos[256];
	u8  index, index_high;
	u8  clock;		/* enum rtc_clock */
	s64 offset_ns;		/* time of day = clock + offset */
	u64 turn_ns;		/* time of day at which the timer of the second is to find its turn; 0: unknown */
	u64 frozen_ns;		/* time of day while B_SET holds it */
	u64 periodic_ns;	/* logical time of the next periodic interrupt */
	u32 owed;		/* periodic interrupts that came while one was there */
	u8  policy;		/* POLICY_*: of those */
	struct isa_io io;
	const struct irq *irq;
	struct clock_timer periodic, second;
};

enum { POLICY_SLEW, POLICY_DISCARD };
static const char *const policies[] = { "slew", "discard", NULL };

/* ---- civil time; days are counted from 1970-01-01 ---- */

static s64 days_from_civil(s64 y, unsigned m, unsigned d)
{
	s64 era;
	unsigned yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (unsigned)(y - era * 400);
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + (s64)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

struct civil {
	s64 year;
	unsigned mon, day, wday, hour, min, sec;
};

static struct civil civil_from_seconds(s64 t)
{
	s64 days = t / 86400, z, era;
	unsigned sod, doe, yoe, doy, mp;
	struct civil c;

	if (t % 86400 < 0)
		days--;
	sod = (unsigned)(t - days * 86400);
	z = days + 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = (unsigned)(z - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	c.day = doy - (153 * mp + 2) / 5 + 1;
	c.mon = mp < 10 ? mp + 3 : mp - 9;
	c.year = (s64)yoe + era * 400 + (c.mon <= 2);
	c.wday = (unsigned)(((days % 7) + 11) % 7);
	c.hour = sod / 3600;
	c.min = sod / 60 % 60;
	c.sec = sod % 60;
	return c;
}

/* ---- registers and time ---- */

static u8 encode(const struct rtc *s, unsigned v)
{
	return (u8)(s->cmos[RTC_B] & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc *s, u8 v)
{
	return s->cmos[RTC_B] & B_BINARY ? v : (v >> 4) * 10U + (v & 15);
}

static u8 encode_hour(const struct rtc *s, unsigned h)
{
	if (s->cmos[RTC_B] & B_24H)
		return encode(s, h);
	return encode(s, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const struct rtc *s, u8 v)
{
	unsigned h;

	if (s->cmos[RTC_B] & B_24H)
		return decode(s, v);
	h = decode(s, v & 0x7f) % 12;
	return v & 0x80 ? h + 12 : h;
}

static u64 clock_now(const struct rtc *s)
{
	return clock_ns(s->dev.machine->clock);
}

/* The clock that the time of day goes by. */
static u64 day_clock(const struct rtc *s)
{
	struct timespec ts;

	if (s->clock == RTC_CLOCK_VM)
		return clock_now(s);
	clock_gettime(s->clock == RTC_CLOCK_RT ? CLOCK_MONOTONIC : CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static bool halted(const struct rtc *s)
{
	/* Divider chain in reset (11x) or the time being set. */
	return (s->cmos[RTC_B] & B_SET) || (s->cmos[RTC_A] & 0x60) == 0x60;
}

static u64 time_ns(const struct rtc *s)
{
	return halted(s) ? s->frozen_ns : day_clock(s) + (u64)s->offset_ns;
}

static void registers_from_time(struct rtc *s)
{
	struct civil c = civil_from_seconds((s64)(time_ns(s) / NSEC_PER_SEC));

	s->cmos[RTC_SECONDS] = encode(s, c.sec);
	s->cmos[RTC_MINUTES] = encode(s, c.min);
	s->cmos[RTC_HOURS] = encode_hour(s, c.hour);
	s->cmos[RTC_DAY_OF_WEEK] = encode(s, c.wday + 1);
	s->cmos[RTC_DAY_OF_MONTH] = encode(s, c.day);
	s->cmos[RTC_MONTH] = encode(s, c.mon);
	s->cmos[RTC_YEAR] = encode(s, (unsigned)(c.year % 100));
	s->cmos[RTC_CENTURY] = encode(s, (unsigned)(c.year / 100 % 100));
}

/* Takes the registers as the new time; out-of-range values carry over as they would by counting. */
static void time_from_registers(struct rtc *s)
{
	unsigned mon = decode(s, s->cmos[RTC_MONTH]), day = decode(s, s->cmos[RTC_DAY_OF_MONTH]);
	s64 year = (s64)decode(s, s->cmos[RTC_YEAR]) + (s64)decode(s, s->cmos[RTC_CENTURY]) * 100, t;

	mon = mon < 1 ? 1 : mon > 12 ? 12 : mon;
	t = days_from_civil(year, mon, day ? day : 1) * 86400 + (s64)decode_hour(s, s->cmos[RTC_HOURS]) * 3600 +
	    (s64)decode(s, s->cmos[RTC_MINUTES]) * 60 + (s64)decode(s, s->cmos[RTC_SECONDS]);
	s->frozen_ns = (u64)(t < 0 ? 0 : t) * NSEC_PER_SEC;
	s->offset_ns = (s64)(s->frozen_ns - day_clock(s));
	s->turn_ns = 0;
}

/* ---- interrupts ---- */

static void update_irq(struct rtc *s)
{
	u8 c = s->cmos[RTC_C] & 0x70;

	if (c & s->cmos[RTC_B])
		c |= C_IRQF;
	s->cmos[RTC_C] = c;
	irq_set(s->irq, (c & C_IRQF) != 0);
}

/* Period of the square wave, 0: off. */
static u64 period_ns(const struct rtc *s)
{
	unsigned rate = s->cmos[RTC_A] & 15;

	if (!rate || (s->cmos[RTC_A] & A_DIVIDER) != 0x20)
		return 0;
	if (rate <= 2)
		rate += 7;
	return (1ULL << (rate - 1)) * NSEC_PER_SEC / HZ32K;
}

static void arm_periodic(struct rtc *s)
{
	u64 period = period_ns(s), now = clock_now(s);

	s->owed = 0;
	if (!period || !(s->cmos[RTC_B] & B_PIE)) {
		clock_timer_del(&s->periodic);
		return;
	}
	s->periodic_ns = now - now % period + period;
	clock_timer_arm(&s->periodic, s->periodic_ns);
}

static void on_periodic(void *opaque)
{
	struct rtc *s = opaque;
	u64 period = period_ns(s), now = clock_now(s);

	if (!period)
		return;
	if ((s->cmos[RTC_C] & C_PF) && s->policy == POLICY_SLEW && !atomic_get(&s->dev.machine->hpet_legacy))
		s->owed = (u32)MIN(s->owed + 1, OWED_MAX_NS / period);
	s->cmos[RTC_C] |= C_PF;
	update_irq(s);
	s->periodic_ns += period;
	if (s->periodic_ns + NSEC_PER_SEC < now)
		s->periodic_ns = now;
	clock_timer_arm(&s->periodic, clock_catch_up(s->dev.machine->clock, s->periodic_ns, period));
}

static bool alarm_field(u8 alarm, u8 now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

/* One of the seconds from first to last is the alarm's; more than a day has them all. */
static bool alarm_between(const struct rtc *s, u64 first, u64 last)
{
	if (last - first >= SECONDS_A_DAY)
		first = last - MIN(last, SECONDS_A_DAY - 1);
	for (; first <= last; first++) {
		unsigned sod = (unsigned)(first % SECONDS_A_DAY);

		if (alarm_field(s->cmos[RTC_SECONDS_ALARM], encode(s, sod % 60)) &&
		    alarm_field(s->cmos[RTC_MINUTES_ALARM], encode(s, sod / 60 % 60)) &&
		    alarm_field(s->cmos[RTC_HOURS_ALARM], encode_hour(s, sod / 3600)))
			return true;
	}
	return false;
}

/* The next turn of the second, while an interrupt waits for one. */
static void arm_second(struct rtc *s)
{
	u64 t = time_ns(s);
	bool want = !halted(s) && ((s->cmos[RTC_B] & (B_UIE | B_AIE)) || !(s->cmos[RTC_C] & C_UF));

	if (!want) {
		clock_timer_del(&s->second);
		return;
	}
	if (s->turn_ns && s->turn_ns <= t && clock_timer_armed(&s->second))
		return;			/* due already, with the alarm of the seconds since */
	s->turn_ns = t - t % NSEC_PER_SEC + NSEC_PER_SEC;
	clock_timer_arm(&s->second, clock_now(s) + s->turn_ns - t);
}

static void on_second(void *opaque)
{
	struct rtc *s = opaque;

	u64 now = time_ns(s);

	if (now >= s->turn_ns) {	/* else the day's clock is behind the guest's */
		registers_from_time(s);
		s->cmos[RTC_C] |= C_UF;
		if (alarm_between(s, (s->turn_ns ? s->turn_ns : now) / NSEC_PER_SEC, now / NSEC_PER_SEC))
			s->cmos[RTC_C] |= C_AF;
		update_irq(s);
	}
	arm_second(s);
}

/* ---- ports ---- */

static void write_a_or_b(struct rtc *s, unsigned reg, u8 val)
{
	bool was = halted(s), is;

	if (!was) {
		s->frozen_ns = time_ns(s);
		registers_from_time(s);
	}
	s->cmos[reg] = reg == RTC_A ? (val & ~A_UIP) : val;
	is = halted(s);
	if (reg == RTC_B && (val & B_SET))
		s->cmos[RTC_B] &= ~B_UIE;
	if (was && !is) {
		u64 fraction = s->frozen_ns % NSEC_PER_SEC;

		time_from_registers(s);
		s->offset_ns += (s64)fraction;
	}
	arm_periodic(s);
	arm_second(s);
	update_irq(s);
}

static void rtc_write_reg(struct rtc *s, unsigned reg, u8 val)
{
	switch (reg) {
	case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS: case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH: case RTC_MONTH: case RTC_YEAR: case RTC_CENTURY:
		if (!halted(s))
			registers_from_time(s);
		s->cmos[reg] = val;
		if (!halted(s))
			time_from_registers(s);
		arm_second(s);
		break;
	case RTC_A:
	case RTC_B:
		write_a_or_b(s, reg, val);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		s->cmos[reg] = val;
	}
}

static u8 rtc_read_reg(struct rtc *s, unsigned reg)
{
	u8 v;

	switch (reg) {
	case RTC_SECONDS: case RTC_MINUTES: case RTC_HOURS: case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH: case RTC_MONTH: case RTC_YEAR: case RTC_CENTURY:
		if (!halted(s))
			registers_from_time(s);
		return s->cmos[reg];
	case RTC_A:
		v = s->cmos[RTC_A];
		if (!halted(s) && time_ns(s) % NSEC_PER_SEC >= NSEC_PER_SEC - UIP_NS)
			v |= A_UIP;
		return v;
	case RTC_C:
		v = s->cmos[RTC_C];
		s->cmos[RTC_C] = 0;
		irq_lower(s->irq);
		if (s->owed) {
			s->owed--;
			s->cmos[RTC_C] = C_PF;
			update_irq(s);
		}
		arm_second(s);
		return v;
	case RTC_D:
		return 0x80;	/* the battery is good */
	default:
		return s->cmos[reg];
	}
}

static void rtc_write(void *opaque, u64 off, u64 v, unsigned size)
{
	struct rtc *s = opaque;

	(void)size;
	switch (off) {
	case 0: s->index = v & 0x7f; break;
	case 1: rtc_write_reg(s, s->index, (u8)v); break;
	case 2: s->index_high = v & 0x7f; break;
	default: s->cmos[0x80 | s->index_high] = (u8)v; break;
	}
}

static u64 rtc_read(void *opaque, u64 off, unsigned size)
{
	struct rtc *s = opaque;

	(void)size;
	switch (off) {
	case 1: return rtc_read_reg(s, s->index);
	case 2: return s->index_high;
	case 3: return s->cmos[0x80 | s->index_high];
	default: return 0xff;	/* the index cannot be read back */
	}
}

static const struct mem_ops rtc_ops = { .read = rtc_read, .write = rtc_write, .max = 1 };

void rtc_set_cmos(struct device *rtc, u8 reg, u8 val)
{
	device_lock(rtc);
	((struct rtc *)rtc)->cmos[reg] = val;
	device_unlock(rtc);
}

s64 rtc_time_seconds(struct device *rtc)
{
	s64 t;

	device_lock(rtc);
	t = (s64)(time_ns((struct rtc *)rtc) / NSEC_PER_SEC);
	device_unlock(rtc);
	return t;
}

static void rtc_reset(struct device *dev)
{
	struct rtc *s = (struct rtc *)dev;

	/* RESET# clears the enables and flags; time, alarm and RAM have a battery. */
	s->cmos[RTC_B] &= ~(B_PIE | B_AIE | B_UIE | 0x08);
	s->cmos[RTC_C] = 0;
	s->index = 0;
	arm_periodic(s);
	arm_second(s);
	update_irq(s);
}

static int rtc_realize(struct device *dev, struct err *err)
{
	struct rtc *s = (struct rtc *)dev;
	struct timespec ts;

	(void)err;
	s->irq = isa_irq(dev, 8);
	clock_gettime(CLOCK_REALTIME, &ts);
	s->clock = dev->machine->rtc_clock;
	s->offset_ns = (s64)(((u64)ts.tv_sec + (u64)dev->machine->rtc_offset_s) * NSEC_PER_SEC + (u64)ts.tv_nsec -
			     day_clock(s));
	s->cmos[RTC_A] = 0x26;
	s->cmos[RTC_B] = B_24H;
	s->cmos[RTC_D] = 0x80;
	registers_from_time(s);
	clock_timer_init(&s->periodic, dev->machine->clock, dev, "rtc-periodic", on_periodic, s);
	clock_timer_init(&s->second, dev->machine->clock, dev, "rtc-second", on_second, s);
	device_irqs_out(dev, NULL, &s->irq, 1);
	isa_io_add(dev, &s->io, "rtc", 0x70, 4, &rtc_ops);
	return 0;
}

static void rtc_unrealize(struct device *dev)
{
	struct rtc *s = (struct rtc *)dev;

	isa_io_del(&s->io);
	clock_timer_del(&s->periodic);
	clock_timer_del(&s->second);
}

static const struct state_field rtc_fields[] = {
	STATE_ARRAY(struct rtc, cmos, U8),
	STATE(struct rtc, index, U8),
	STATE(struct rtc, index_high, U8),
	STATE(struct rtc, offset_ns, U64),
	STATE(struct rtc, frozen_ns, U64),
	STATE(struct rtc, periodic_ns, U64),
	STATE(struct rtc, periodic, TIMER),
	STATE(struct rtc, second, TIMER),
	STATE_SINCE(struct rtc, owed, U32, 2),
	STATE_SINCE(struct rtc, clock, U8, 3),
	STATE_SINCE(struct rtc, turn_ns, U64, 3),
	STATE_END
};

static int rtc_post_load(void *dev, u8 version, struct err *err)
{
	struct rtc *s = dev;

	/* The offset is to that clock: it stays. */
	if (version < 3) {
		s->clock = RTC_CLOCK_VM;
		s->turn_ns = 0;
	}
	if (s->clock > RTC_CLOCK_VM)
		return err_set(err, EINVAL, "mc146818rtc: there is no clock %u", s->clock);
	s->owed = version < 2 ? 0 : (u32)MIN(s->owed, OWED_MAX_NS * HZ32K / NSEC_PER_SEC);
	s->index &= 0x7f;
	s->index_high &= 0x7f;
	update_irq(s);
	return 0;
}

static const struct state_table rtc_state = { .version = 3, .fields = rtc_fields, .post_load = rtc_post_load };

static const struct prop rtc_props[] = {
	PROP_ENUM(struct rtc, policy, "lost_tick_policy", policies, POLICY_SLEW, "periodic interrupts that come too fast: slew or discard"),
	PROP_END
};

static const struct device_class mc146818rtc_class = {
	.name = "mc146818rtc", .desc = "real-time clock with CMOS RAM", .bus = "ISA", .category = "Misc",
	.size = sizeof(struct rtc), .locking = LOCK_DEVICE, .internal = true, .props = rtc_props,
	.realize = rtc_realize, .unrealize = rtc_unrealize, .reset = rtc_reset, .state = &rtc_state,
};
REGISTER(device, mc146818rtc_class);
