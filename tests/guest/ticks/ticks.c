// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel of its own (multiboot 1, 32-bit) that takes no interrupts for 100 ms
 * while PIT, HPET or RTC tick a thousand times a second, and then counts what
 * arrives until 95 ticks or 60 ms have passed. A line for each way an interrupt can
 * go to port 0xe9: name, ticks, milliseconds since the first; the end to
 * isa-debug-exit at 0xf4. The HPET's counter is the time.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define HPET		0xfed00000u
#define IOAPIC		0xfec00000u
#define LAPIC		0xfee00000u
#define HPET_MS		100000u		/* its ticks in a millisecond */
#define VEC_PIC		0x50
#define VEC_APIC	0x60

__asm__(".section .text.start, \"ax\"\n"
	".align 4\n"
	".long 0x1badb002, 0, -0x1badb002\n"
	".globl _start\n"
	"_start: mov $stack_end, %esp\n"
	"	call kmain\n"
	".text\n"
	"on_tick: pusha\n"
	"	cld\n"
	"	call taken\n"
	"	popa\n"
	"	iret\n");

struct frame;
void kmain(void);
void taken(void);
extern u8 on_tick[];
u8 stack[8192] __attribute__((aligned(16)));
__asm__(".globl stack_end\n.set stack_end, stack + 8192\n");

static u32 gdt[6] __attribute__((aligned(8))) = { 0, 0, 0xffff, 0xcf9b00, 0xffff, 0xcf9300 };
static u32 idt[512] __attribute__((aligned(8)));
static volatile u32 ticks;
static u8 by_apic, rtc;

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 get(u32 at) { return *(volatile u32 *)at; }
static inline void set(u32 at, u32 v) { *(volatile u32 *)at = v; }
static inline u32 now(void) { return get(HPET + 0xf0); }

void taken(void)
{
	ticks++;
	if (rtc) {
		outb(0x70, 0x0c);
		inb(0x71);
	}
	if (by_apic) {
		set(LAPIC + 0xb0, 0);
		return;
	}
	if (rtc)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void put(const char *s)
{
	while (*s)
		outb(0xe9, (u8)*s++);
}

static void put_number(u32 v)
{
	char buf[12], *p = buf + 11;

	*p = 0;
	do {
		*--p = (char)('0' + v % 10);
	} while (v /= 10);
	put(p);
}

static void gate(unsigned vector)
{
	idt[vector * 2] = 8 << 16 | ((u32)on_tick & 0xffff);
	idt[vector * 2 + 1] = ((u32)on_tick & 0xffff0000) | 0x8e00;
}

static void setup(void)
{
	static const u8 icw[2][4] = { { 0x11, VEC_PIC, 4, 1 }, { 0x11, VEC_PIC + 8, 2, 1 } };
	struct { u16 limit; u32 base; } __attribute__((packed)) p = { sizeof(gdt) - 1, (u32)gdt };
	unsigned i;

	__asm__ volatile("lgdt %0\n ljmp $8, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss" :: "m"(p), "r"(16) : "memory");
	gate(VEC_PIC);
	gate(VEC_PIC + 8);
	gate(VEC_APIC);
	p.limit = sizeof(idt) - 1;
	p.base = (u32)idt;
	__asm__ volatile("lidt %0" :: "m"(p));
	for (i = 0; i < 4; i++) {
		outb(i ? 0x21 : 0x20, icw[0][i]);
		outb(i ? 0xa1 : 0xa0, icw[1][i]);
	}
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set(HPET + 0x10, 1);
	set(LAPIC + 0xf0, 0x1ff);
}

static void ioapic(unsigned pin, u32 low)
{
	set(IOAPIC, 0x10 + 2 * pin);
	set(IOAPIC + 0x10, low);
}

/* The way of ISA line 0 or 8 to the processor. */
static void route(unsigned line, u8 apic, u8 on)
{
	unsigned pin = line ? line : 2;

	by_apic = apic;
	ioapic(pin, on && apic ? VEC_APIC : 0x10000);
	outb(0x21, !on || apic ? 0xff : line ? 0xfb : 0xfe);
	outb(0xa1, on && !apic && line ? 0xfe : 0xff);
}

static void pit(u8 mode, u16 count)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

static void hpet(u8 on)
{
	u32 at = now() + HPET_MS;

	set(HPET + 0x100, 0);
	set(HPET + 0x10, on ? 3 : 1);
	if (!on)
		return;
	set(HPET + 0x100, 0x14c);	/* periodic, 32 bits, sets the comparator, enabled */
	set(HPET + 0x108, at);
	set(HPET + 0x108, HPET_MS);
}

static void rtc_ticks(u8 on)
{
	rtc = on;
	outb(0x70, 0x0a);
	outb(0x71, 0x26);		/* 1024 Hz */
	outb(0x70, 0x0b);
	outb(0x71, on ? 0x42 : 0x02);
	outb(0x70, 0x0c);
	inb(0x71);
}

enum source { PIT2, PIT3, HPET_LEGACY, RTC };

static void start(enum source s, u8 on)
{
	switch (s) {
	case PIT2:
	case PIT3:
		pit(on ? s == PIT2 ? 2 : 3 : 0, on ? 1193 : 0);
		break;
	case HPET_LEGACY:
		hpet(on);
		break;
	case RTC:
		rtc_ticks(on);
		break;
	}
}

static void measure(const char *name, enum source s, u8 apic)
{
	unsigned line = s == RTC ? 8 : 0;
	u32 t0, opened, counted;

	route(line, apic, 1);
	start(s, 1);
	ticks = 0;
	t0 = now();
	while (now() - t0 < 100 * HPET_MS)
		;
	opened = now();
	__asm__ volatile("sti");
	while (ticks < 95 && now() - opened < 60 * HPET_MS)
		;
	__asm__ volatile("cli");
	counted = ticks;
	put(name);
	put(" ");
	put_number(counted);
	put(" ");
	put_number((now() - t0) / HPET_MS);
	put("\n");
	start(s, 0);
	__asm__ volatile("sti\n nop");	/* what is still there */
	t0 = now();
	while (now() - t0 < 2 * HPET_MS)
		;
	__asm__ volatile("cli");
	route(line, apic, 0);
}

void kmain(void)
{
	setup();
	measure("pit-mode2-pic", PIT2, 0);
	measure("pit-mode3-pic", PIT3, 0);
	measure("pit-mode2-ioapic", PIT2, 1);
	measure("pit-mode3-ioapic", PIT3, 1);
	measure("hpet-pic", HPET_LEGACY, 0);
	measure("hpet-ioapic", HPET_LEGACY, 1);
	measure("rtc-pic", RTC, 0);
	measure("rtc-ioapic", RTC, 1);
	put("end\n");
	outb(0xf4, 0);
	for (;;)
		__asm__ volatile("hlt");
}
