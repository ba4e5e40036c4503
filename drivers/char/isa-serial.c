// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 16550A UART on the ISA bus (-device isa-serial, -serial): National
 * Semiconductor PC16550D data sheet. Output goes to the character backend at
 * once, whatever the baud rate; when the backend is full, the transmitter
 * stays busy. Input honours the FIFO, its trigger levels and the time-out of
 * four characters.
 */
#include <errno.h>
#include "dev/char.h"
#include "dev/isa.h"

/* Interrupt enable. */
#define IER_RDI		0x01
#define IER_THRI	0x02
#define IER_RLSI	0x04
#define IER_MSI		0x08
/* Interrupt identification. */
#define IIR_NO_INT	0x01
#define IIR_MSI		0x00
#define IIR_THRI	0x02
#define IIR_RDI		0x04
#define IIR_RLSI	0x06
#define IIR_CTI		0x0c
#define IIR_ID		0x0e
#define IIR_FIFO	0xc0
/* FIFO control. */
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define FCR_CLEAR_TX	0x04
/* Line control. */
#define LCR_DLAB	0x80
#define LCR_BREAK	0x40
/* Modem control. */
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
/* Line status. */
#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_BI		0x10
#define LSR_THRE	0x20
#define LSR_TEMT	0x40
#define LSR_INT_ANY	0x1e
/* Modem status. */
#define MSR_ANY_DELTA	0x0f
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

#define FIFO_LEN	16
#define DIVISOR_CLOCK	115200ULL
#define LISTENING_POLLS	64	/* reads of the line status in a row, nothing sent: a guest that polls for input */

struct fifo {
	u8 data[FIFO_LEN];
	u8 head, len;
};

struct isa_serial {
	struct device dev;
	struct char_fe fe;
	struct chardev *chr;
	u32 iobase, irq_nr, index;
	const struct irq *irq;
	struct isa_io io;
	struct fifo rx, tx;
	u16 divisor;
	u8 rbr, thr, ier, iir, fcr, lcr, mcr, lsr, msr, scr;
	bool thr_pending;	/* THRE interrupt not seen yet */
	u32 idle_polls;
	bool timeout;		/* character time-out pending */
	struct clock_timer timeout_timer;
};

static void fifo_clear(struct fifo *f)
{
	f->head = f->len = 0;
}

static void fifo_push(struct fifo *f, u8 c)
{
	if (f->len < FIFO_LEN)
		f->data[(f->head + f->len++) % FIFO_LEN] = c;
}

static u8 fifo_pop(struct fifo *f)
{
	u8 c = f->data[f->head % FIFO_LEN];

	if (!f->len)
		return 0;
	f->head = (u8)((f->head + 1) % FIFO_LEN);
	f->len--;
	return c;
}

static unsigned rx_trigger(const struct isa_serial *s)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return level[s->fcr >> 6];
}

static u8 interrupt_id(const struct isa_serial *s)
{
	if ((s->ier & IER_RLSI) && (s->lsr & LSR_INT_ANY))
		return IIR_RLSI;
	if ((s->ier & IER_RDI) && s->timeout)
		return IIR_CTI;
	if ((s->ier & IER_RDI) && (s->lsr & LSR_DR) && (!(s->fcr & FCR_ENABLE) || s->rx.len >= rx_trigger(s)))
		return IIR_RDI;
	if ((s->ier & IER_THRI) && s->thr_pending)
		return IIR_THRI;
	if ((s->ier & IER_MSI) && (s->msr & MSR_ANY_DELTA))
		return IIR_MSI;
	return IIR_NO_INT;
}

static void update_irq(struct isa_serial *s)
{
	u8 id = interrupt_id(s);

	s->iir = id | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	irq_set(s->irq, id != IIR_NO_INT);
}

/* Ten bits a character at the programmed rate. */
static u64 char_ns(const struct isa_serial *s)
{
	return 10 * NSEC_PER_SEC * (s->divisor ? s->divisor : 1) / DIVISOR_CLOCK;
}

static void rx_put(struct isa_serial *s, u8 c)
{
	if (s->fcr & FCR_ENABLE) {
		if (s->rx.len == FIFO_LEN)
			s->lsr |= LSR_OE;
		fifo_push(&s->rx, c);
		clock_timer_arm(&s->timeout_timer, clock_ns(s->dev.machine->clock) + 4 * char_ns(s));
	} else {
		if (s->lsr & LSR_DR)
			s->lsr |= LSR_OE;
		s->rbr = c;
	}
	s->lsr |= LSR_DR;
}

static void on_timeout(void *opaque)
{
	struct isa_serial *s = opaque;

	if (s->rx.len && s->rx.len < rx_trigger(s)) {
		s->timeout = true;
		update_irq(s);
	}
}

/* Sends what waits; what the backend refuses stays and keeps THRE low. */
static void transmit(struct isa_serial *s)
{
	while (!(s->lsr & LSR_THRE)) {
		u8 c = s->fcr & FCR_ENABLE ? s->tx.data[s->tx.head % FIFO_LEN] : s->thr;

		if ((s->fcr & FCR_ENABLE) && !s->tx.len) {
			s->lsr |= LSR_THRE | LSR_TEMT;
			s->thr_pending = true;
			break;
		}
		if (s->mcr & MCR_LOOP)	/* a word has 5 to 8 bits */
			rx_put(s, c & (0xff >> (3 - (s->lcr & 3))));
		else if (s->fe.chr && !chardev_write(&s->fe, &c, 1))
			break;
		if (s->fcr & FCR_ENABLE) {
			fifo_pop(&s->tx);
		} else {
			s->lsr |= LSR_THRE | LSR_TEMT;
			s->thr_pending = true;
		}
	}
	update_irq(s);
}

static void on_writable(void *opaque)
{
	transmit(opaque);
}

/* The modem lines as the other side (or the loop) drives them. */
static void update_modem(struct isa_serial *s)
{
	u8 old = s->msr, now = MSR_CTS | MSR_DSR | MSR_DCD;

	if (s->mcr & MCR_LOOP) {
		now = 0;
		if (s->mcr & MCR_RTS)
			now |= MSR_CTS;
		if (s->mcr & MCR_DTR)
			now |= MSR_DSR;
		if (s->mcr & MCR_OUT1)
			now |= MSR_RI;
		if (s->mcr & MCR_OUT2)
			now |= MSR_DCD;
	}
	s->msr = (old & MSR_ANY_DELTA) | now;
	s->msr |= ((old ^ now) & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;
	if ((old & MSR_RI) && !(now & MSR_RI))
		s->msr |= 0x04;
}

static void write_fcr(struct isa_serial *s, u8 val)
{
	if ((val ^ s->fcr) & FCR_ENABLE)
		val |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (val & FCR_CLEAR_RX) {
		s->lsr &= ~(LSR_DR | LSR_BI);
		clock_timer_del(&s->timeout_timer);
		s->timeout = false;
		fifo_clear(&s->rx);
	}
	if (val & FCR_CLEAR_TX) {
		s->lsr |= LSR_THRE | LSR_TEMT;
		s->thr_pending = true;
		fifo_clear(&s->tx);
	}
	s->fcr = val & 0xc9;
	chardev_accept_input(&s->fe);
}

static void write_thr(struct isa_serial *s, u8 val)
{
	s->thr = val;
	if (s->idle_polls < LISTENING_POLLS)
		s->idle_polls = 0;
	if (s->fcr & FCR_ENABLE) {
		if (s->tx.len == FIFO_LEN)
			fifo_pop(&s->tx);
		fifo_push(&s->tx, val);
	}
	s->thr_pending = false;
	s->lsr &= ~(LSR_THRE | LSR_TEMT);
	transmit(s);
}

static void write_ier(struct isa_serial *s, u8 val)
{
	bool thri_rises = (val & ~s->ier) & IER_THRI;

	s->ier = val & 0x0f;
	/* Enabling the interrupt while the register is empty raises it. */
	if (thri_rises)
		s->thr_pending = s->lsr & LSR_THRE;
	chardev_accept_input(&s->fe);
}

static void serial_write(void *opaque, u64 off, u64 v, unsigned size)
{
	struct isa_serial *s = opaque;
	u8 val = (u8)v;

	(void)size;
	switch (off) {
	case 0:
		if (s->lcr & LCR_DLAB)
			s->divisor = (s->divisor & 0xff00) | val;
		else
			write_thr(s, val);
		break;
	case 1:
		if (s->lcr & LCR_DLAB)
			s->divisor = (u16)((s->divisor & 0x00ff) | val << 8);
		else
			write_ier(s, val);
		break;
	case 2:
		write_fcr(s, val);
		break;
	case 3:
		s->lcr = val;
		break;
	case 4:
		s->mcr = val & 0x1f;
		update_modem(s);
		break;
	case 7:
		s->scr = val;
		break;
	default:	/* line and modem status are read only */
		break;
	}
	update_irq(s);
}

static u8 read_rbr(struct isa_serial *s)
{
	u8 c = s->rbr;

	if (s->fcr & FCR_ENABLE) {
		c = fifo_pop(&s->rx);
		s->timeout = false;
		if (s->rx.len) {
			clock_timer_arm(&s->timeout_timer, clock_ns(s->dev.machine->clock) + 4 * char_ns(s));
		} else {
			clock_timer_del(&s->timeout_timer);
			s->lsr &= ~(LSR_DR | LSR_BI);
		}
	} else {
		s->lsr &= ~(LSR_DR | LSR_BI);
	}
	update_irq(s);
	if (!(s->mcr & MCR_LOOP))
		chardev_accept_input(&s->fe);
	return c;
}

static u8 read_iir(struct isa_serial *s)
{
	u8 iir = s->iir;

	if ((iir & IIR_ID) == IIR_THRI && !(iir & IIR_NO_INT)) {
		s->thr_pending = false;
		update_irq(s);
	}
	return iir;
}

static u64 serial_read(void *opaque, u64 off, unsigned size)
{
	struct isa_serial *s = opaque;
	u8 v;

	(void)size;
	switch (off) {
	case 0:
		return s->lcr & LCR_DLAB ? s->divisor & 0xff : read_rbr(s);
	case 1:
		return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
	case 2:
		return read_iir(s);
	case 3:
		return s->lcr;
	case 4:
		return s->mcr;
	case 5:
		v = s->lsr;
		if (s->idle_polls < LISTENING_POLLS && ++s->idle_polls == LISTENING_POLLS)
			chardev_accept_input(&s->fe);
		s->lsr &= ~(LSR_OE | LSR_BI);
		update_irq(s);
		return v;
	case 6:
		v = s->msr;
		s->msr &= 0xf0;
		update_irq(s);
		return v;
	default:
		return s->scr;
	}
}

static const struct mem_ops serial_ops = { .read = serial_read, .write = serial_write, .max = 1 };

/* ---- the other side of the line ---- */

static unsigned can_read(void *opaque)
{
	struct isa_serial *s = opaque;

	/* A machine that stands is saved as it is: what comes now waits. */
	if (!s->dev.machine->running)
		return 0;
	/*
	 * A script on stdin is there before the guest has a driver, whose
	 * FIFO reset would eat its beginning: it waits until somebody listens.
	 */
	if (s->chr && chardev_is_batch(s->chr) && !(s->ier & IER_RDI) && s->idle_polls < LISTENING_POLLS)
		return 0;
	if (!(s->fcr & FCR_ENABLE))
		return !(s->lsr & LSR_DR);
	/* Above the trigger level one at a time, so that the guest keeps up. */
	if (s->rx.len >= rx_trigger(s))
		return s->rx.len < FIFO_LEN ? 1 : 0;
	return rx_trigger(s) - s->rx.len;
}

static void on_read(void *opaque, const u8 *buf, unsigned len)
{
	struct isa_serial *s = opaque;

	while (len--)
		rx_put(s, *buf++);
	update_irq(s);
}

static void on_event(void *opaque, enum char_event ev)
{
	struct isa_serial *s = opaque;

	if (ev != CHAR_BREAK)
		return;
	rx_put(s, 0);
	s->lsr |= LSR_BI;
	update_irq(s);
}

/* ---- life ---- */

static void serial_reset(struct device *dev)
{
	struct isa_serial *s = (struct isa_serial *)dev;

	s->ier = s->fcr = s->lcr = s->rbr = s->thr = s->scr = 0;
	s->divisor = 12;
	s->mcr = MCR_OUT2;
	s->lsr = LSR_THRE | LSR_TEMT;
	s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	s->thr_pending = s->timeout = false;
	s->idle_polls = 0;
	fifo_clear(&s->rx);
	fifo_clear(&s->tx);
	clock_timer_del(&s->timeout_timer);
	update_irq(s);
	chardev_accept_input(&s->fe);
}

static const u16 com_port[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const u8 com_irq[] = { 4, 3, 4, 3 };

/* The first COM port that nobody has, unless the user said which. */
static int choose_index(struct isa_serial *s, struct err *err)
{
	u32 i, port;

	if (s->index == ~0U)
		for (s->index = 0; s->index < 4; s->index++) {
			struct mem_range r;

			if (!mem_find(&s->dev.machine->io, com_port[s->index], &r))
				break;
		}
	i = s->index;
	if (i > 3 && (s->iobase == ~0U || s->irq_nr == ~0U))
		return err_set(err, EINVAL, "at most 4 serial ports have default addresses; set iobase and irq");
	port = s->iobase == ~0U ? com_port[i] : s->iobase;
	s->iobase = port;
	if (s->irq_nr == ~0U)
		s->irq_nr = com_irq[i];
	return port > 0xfff8 ? err_set(err, EINVAL, "iobase 0x%x is beyond the I/O ports", port) : 0;
}

static int serial_realize(struct device *dev, struct err *err)
{
	struct isa_serial *s = (struct isa_serial *)dev;
	int ret = choose_index(s, err);

	if (ret < 0)
		return ret;
	s->irq = isa_irq(dev, s->irq_nr);
	clock_timer_init(&s->timeout_timer, dev->machine->clock, dev, "serial-timeout", on_timeout, s);
	s->fe = (struct char_fe){ .dev = dev, .label = dev->path, .can_read = can_read, .read = on_read,
				  .event = on_event, .writable = on_writable, .opaque = s };
	if (s->chr) {
		ret = chardev_attach(s->chr, &s->fe, err);
		if (ret < 0)
			return ret;
	}
	device_irqs_out(dev, NULL, &s->irq, 1);
	isa_io_add(dev, &s->io, "serial", (u16)s->iobase, 8, &serial_ops);
	return 0;
}

static void serial_set_running(struct device *dev, bool running)
{
	if (running)
		chardev_accept_input(&((struct isa_serial *)dev)->fe);
}

static void serial_unrealize(struct device *dev)
{
	struct isa_serial *s = (struct isa_serial *)dev;

	isa_io_del(&s->io);
	clock_timer_del(&s->timeout_timer);
	chardev_detach(&s->fe);
}

static const struct state_field fifo_fields[] = {
	STATE_ARRAY(struct fifo, data, U8),
	STATE(struct fifo, head, U8),
	STATE(struct fifo, len, U8),
	STATE_END
};

static const struct state_field serial_fields[] = {
	STATE(struct isa_serial, divisor, U16),
	STATE(struct isa_serial, rbr, U8),
	STATE(struct isa_serial, thr, U8),
	STATE(struct isa_serial, ier, U8),
	STATE(struct isa_serial, iir, U8),
	STATE(struct isa_serial, fcr, U8),
	STATE(struct isa_serial, lcr, U8),
	STATE(struct isa_serial, mcr, U8),
	STATE(struct isa_serial, lsr, U8),
	STATE(struct isa_serial, msr, U8),
	STATE(struct isa_serial, scr, U8),
	STATE(struct isa_serial, thr_pending, BOOL),
	STATE(struct isa_serial, timeout, BOOL),
	STATE_SUB(struct isa_serial, rx, fifo_fields),
	STATE_SUB(struct isa_serial, tx, fifo_fields),
	STATE(struct isa_serial, timeout_timer, TIMER),
	STATE_END
};

static int serial_post_load(void *dev, u8 version, struct err *err)
{
	struct isa_serial *s = dev;

	(void)version;
	if (s->rx.len > FIFO_LEN || s->tx.len > FIFO_LEN)
		return err_set(err, EINVAL, "FIFO is longer than %u", FIFO_LEN);
	s->fcr &= 0xc9;
	update_irq(s);
	return 0;
}

static const struct state_table serial_state = { .version = 1, .fields = serial_fields, .post_load = serial_post_load };

static const struct prop serial_props[] = {
	PROP(struct isa_serial, chr, "chardev", CHARDEV, 0, "character backend"),
	PROP(struct isa_serial, index, "index", U32, ~0U, "COM port 0 to 3"),
	PROP(struct isa_serial, iobase, "iobase", U32, ~0U, "first I/O port"),
	PROP(struct isa_serial, irq_nr, "irq", U32, ~0U, "ISA interrupt"),
	PROP_END
};

static const struct device_class isa_serial_class = {
	.name = "isa-serial", .desc = "16550A serial port", .bus = "ISA", .category = "Input",
	.size = sizeof(struct isa_serial), .locking = LOCK_DEVICE, .props = serial_props,
	.realize = serial_realize, .unrealize = serial_unrealize, .reset = serial_reset, .set_running = serial_set_running,
	.state = &serial_state,
};
REGISTER(device, isa_serial_class);
