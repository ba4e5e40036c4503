// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * I/O APIC with 24 pins: Intel 82093AA data sheet (290566), version 0x20 with
 * the EOI register of the ICH. An entry is delivered as the message that the
 * chipset would write to 0xfeexxxxx, through the machine's msi().
 */
#include "dev/isa.h"
#include "dev/pic.h"

#define IOAPIC_BASE	0xfec00000ULL
#define IOAPIC_PINS	24
#define IOAPIC_VERSION	0x20

#define REG_SELECT	0x00
#define REG_WINDOW	0x10
#define REG_EOI		0x40

#define IDX_ID		0x00
#define IDX_VERSION	0x01
#define IDX_ARB		0x02
#define IDX_TABLE	0x10

/* Redirection entry. */
#define RTE_VECTOR	0xffULL
#define RTE_DELIVERY(e)	(((e) >> 8) & 7)
#define RTE_LOGICAL	BIT(11)
#define RTE_ACTIVE_LOW	BIT(13)
#define RTE_REMOTE_IRR	BIT(14)
#define RTE_LEVEL	BIT(15)
#define RTE_MASKED	BIT(16)
#define RTE_READ_ONLY	(BIT(12) | RTE_REMOTE_IRR)
#define RTE_WRITABLE	(0xff00000000000000ULL | 0x1afff | RTE_MASKED)
#define DELIVERY_EXTINT	7
/* Extended destination in bits 55-48: up to 15 bits of APIC id. */
#define RTE_EXT_DEST	0x00fe000000000000ULL

struct ioapic {
	struct device dev;
	u32 select, id;
	u32 levels;		/* pins that are asserted now */
	u32 pending;		/* edges not delivered yet (masked) */
	u64 table[IOAPIC_PINS];
	struct irq in[IOAPIC_PINS];
	struct mem_region region;
	struct mem_map map;
};

static struct msi_msg message(u64 e)
{
	struct msi_msg msg = {
		.addr = 0xfee00000ULL | (e >> 56) << 12 | ((e >> 49) & 0x7f) << 5 | (e & RTE_LOGICAL ? 4 : 0),
		.data = (u32)(e & 0x7ff) | (e & RTE_LEVEL ? 0x8000 | 0x4000 : 0),
	};

	if (RTE_DELIVERY(e) == 1)
		msg.addr |= 8;	/* lowest priority: redirection hint */
	return msg;
}

static void send(struct ioapic *s, unsigned pin)
{
	struct msi_msg msg = message(s->table[pin]);

	if (s->dev.machine->ops && s->dev.machine->ops->msi)
		s->dev.machine->ops->msi(s->dev.machine->ctx, msg);
}

static void service(struct ioapic *s, unsigned pin)
{
	u64 *e = &s->table[pin];
	u32 bit = 1U << pin;

	if (*e & RTE_MASKED)
		return;
	if (*e & RTE_LEVEL) {
		if (!(s->levels & bit) || (*e & RTE_REMOTE_IRR))
			return;
		*e |= RTE_REMOTE_IRR;
	} else {
		if (!(s->pending & bit))
			return;
		s->pending &= ~bit;
	}
	send(s, pin);
}

static void on_pin(void *opaque, int pin, int level)
{
	struct ioapic *s = opaque;
	u32 bit = 1U << pin;

	device_lock(&s->dev);
	if (level) {
		if (!(s->levels & bit) && !(s->table[pin] & RTE_LEVEL))
			s->pending |= bit;
		s->levels |= bit;
	} else {
		s->levels &= ~bit;
	}
	if (level)
		service(s, (unsigned)pin);
	device_unlock(&s->dev);
}

static void eoi(struct ioapic *s, u8 vector)
{
	unsigned i;

	for (i = 0; i < IOAPIC_PINS; i++) {
		u64 *e = &s->table[i];

		if ((*e & RTE_VECTOR) != vector || !(*e & RTE_LEVEL) || !(*e & RTE_REMOTE_IRR))
			continue;
		*e &= ~RTE_REMOTE_IRR;
		service(s, i);
	}
}

enum irq_line_state ioapic_line(struct device *ioapic, unsigned n)
{
	struct ioapic *s = (struct ioapic *)ioapic;
	const struct machine *m = ioapic->machine;
	enum irq_line_state st = IRQ_LINE_OFF;

	device_lock(ioapic);
	if (n < IOAPIC_PINS && !(s->table[n] & (RTE_MASKED | RTE_LEVEL)))
		st = m->ops && m->ops->msi_waits && m->ops->msi_waits(m->ctx, message(s->table[n])) ? IRQ_LINE_WAITS : IRQ_LINE_FREE;
	device_unlock(ioapic);
	return st;
}

void ioapic_eoi(struct device *ioapic, u8 vector)
{
	device_lock(ioapic);
	eoi((struct ioapic *)ioapic, vector);
	device_unlock(ioapic);
}

static void write_entry(struct ioapic *s, unsigned pin, bool high, u32 val)
{
	u64 *e = &s->table[pin], old = *e, now;

	now = high ? (old & 0xffffffffULL) | (u64)val << 32 : (old & ~0xffffffffULL) | val;
	now = (now & (RTE_WRITABLE | RTE_EXT_DEST)) | (old & RTE_READ_ONLY);
	if (!(now & RTE_LEVEL))
		now &= ~RTE_REMOTE_IRR;
	/* A masked edge is not remembered by the chip. */
	if ((old & RTE_MASKED) && !(now & RTE_MASKED) && !(old & RTE_LEVEL) && !(now & RTE_LEVEL))
		s->pending &= s->levels;
	*e = now;
	service(s, pin);
}

static u32 read_window(struct ioapic *s)
{
	unsigned i = s->select - IDX_TABLE;

	switch (s->select) {
	case IDX_ID:
	case IDX_ARB:
		return s->id << 24;
	case IDX_VERSION:
		return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
	}
	if (s->select < IDX_TABLE || i / 2 >= IOAPIC_PINS)
		return 0;
	return (u32)(s->table[i / 2] >> (i & 1 ? 32 : 0));
}

static u64 ioapic_read(void *opaque, u64 off, unsigned size)
{
	struct ioapic *s = opaque;

	(void)size;
	if (off == REG_SELECT)
		return s->select;
	return off == REG_WINDOW ? read_window(s) : 0;
}

static void ioapic_write(void *opaque, u64 off, u64 val, unsigned size)
{
	struct ioapic *s = opaque;
	unsigned i;

	(void)size;
	switch (off) {
	case REG_SELECT:
		s->select = val & 0xff;
		break;
	case REG_WINDOW:
		i = s->select - IDX_TABLE;
		if (s->select == IDX_ID)
			s->id = (val >> 24) & 0xf;
		else if (s->select >= IDX_TABLE && i / 2 < IOAPIC_PINS)
			write_entry(s, i / 2, i & 1, (u32)val);
		break;
	case REG_EOI:
		eoi(s, val & 0xff);
		break;
	}
}

static const struct mem_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write, .min = 4, .max = 4 };

void ioapic_info(struct device *ioapic, void (*print)(void *ctx, const char *fmt, ...), void *ctx)
{
	static const char *const mode[] = { "fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT" };
	struct ioapic *s = (struct ioapic *)ioapic;
	unsigned i;

	device_lock(ioapic);
	print(ctx, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", IOAPIC_VERSION, s->id, s->select);
	for (i = 0; i < IOAPIC_PINS; i++) {
		u64 e = s->table[i];

		print(ctx, "  pin %-2u 0x%016llx dest=%llu vec=%-3llu active-%s %-5s %-6s %s %s\n", i, e, e >> 56, e & RTE_VECTOR,
		      e & RTE_ACTIVE_LOW ? "lo" : "hi", e & RTE_LEVEL ? "level" : "edge", e & RTE_MASKED ? "masked" : "",
		      mode[RTE_DELIVERY(e)], e & RTE_LOGICAL ? "logical" : "physical");
	}
	print(ctx, "  IRR      0x%08x\n  levels   0x%08x\n", s->pending, s->levels);
	device_unlock(ioapic);
}

static void ioapic_reset(struct device *dev)
{
	struct ioapic *s = (struct ioapic *)dev;
	unsigned i;

	s->select = s->id = s->pending = 0;
	for (i = 0; i < IOAPIC_PINS; i++)
		s->table[i] = RTE_MASKED;
}

static int ioapic_realize(struct device *dev, struct err *err)
{
	struct ioapic *s = (struct ioapic *)dev;
	int i;

	(void)err;
	for (i = 0; i < IOAPIC_PINS; i++)
		s->in[i] = (struct irq){ on_pin, s, i };
	device_irqs_in(dev, NULL, s->in, IOAPIC_PINS);
	mem_region_init_io(&s->region, dev, "ioapic", 0x1000, &ioapic_ops, s);
	mem_map_add(&dev->machine->mem, &s->map, &s->region, IOAPIC_BASE, 10);
	ioapic_reset(dev);
	return 0;
}

static void ioapic_unrealize(struct device *dev)
{
	mem_map_del(&((struct ioapic *)dev)->map);
}

static const struct state_field ioapic_fields[] = {
	STATE(struct ioapic, select, U32),
	STATE(struct ioapic, id, U32),
	STATE(struct ioapic, levels, U32),
	STATE(struct ioapic, pending, U32),
	STATE_ARRAY(struct ioapic, table, U64),
	STATE_END
};
static const struct state_table ioapic_state = { .version = 1, .fields = ioapic_fields };

static const struct device_class ioapic_class = {
	.name = "ioapic", .desc = "82093AA I/O APIC", .category = "Misc",
	.size = sizeof(struct ioapic), .locking = LOCK_DEVICE, .internal = true,
	.realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset, .state = &ioapic_state,
};
REGISTER(device, ioapic_class);
