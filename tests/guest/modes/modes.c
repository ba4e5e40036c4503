// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel of its own (multiboot 1, 32-bit) that tries what modern systems no
 * longer use: task switches, call gates with parameters, virtual-8086 mode
 * with and without its extensions, protected-mode virtual interrupts,
 * alignment checks, the coprocessor's IRQ 13. Results go to port 0xe9 as TAP
 * lines, the end to isa-debug-exit at 0xf4. SDM vol. 3, chapters 5, 6, 8, 20.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define CODE0	0x08
#define DATA0	0x10
#define CODE3	0x1b
#define DATA3	0x23
#define TSS_MAIN 0x28
#define TSS_SUB	0x30
#define GATE	0x38		/* call gate, DPL 3, two parameters */
#define TASK	0x40		/* task gate, DPL 3 */
#define TSS16	0x48
#define NT	0x4000
#define VM	0x20000
#define VIF	0x80000
#define VIP	0x100000
#define AC	0x40000

struct tss {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, gpr[8], seg[6], ldt;
	u16 trap, iomap;
	u8  redirect[32], io[32], end;
} __attribute__((packed));

struct frame {
	u32 gs, fs, es, ds, edi, esi, ebp, esp_, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss, ves, vds, vfs, vgs;
};

static u32 gdt[32] __attribute__((aligned(8)));
static u32 idt[512] __attribute__((aligned(8)));
static struct tss tss_main, tss_sub;
static u16 tss16[22];
static u8 stack_sub[4096] __attribute__((aligned(16))), stack_user[4096] __attribute__((aligned(16)));
static u8 stack_kernel[4096] __attribute__((aligned(16)));
static unsigned count, failed;
/* What the last exception or interrupt was; where to go on. */
volatile u32 seen_vector, seen_error, seen_flags, seen_cs, seen_eip, resume_eip, resume_esp, irq13;

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 cr0(void) { u32 v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline void set_cr0(u32 v) { __asm__ volatile("mov %0, %%cr0" :: "r"(v)); }
static inline u32 cr4(void) { u32 v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void set_cr4(u32 v) { __asm__ volatile("mov %0, %%cr4" :: "r"(v)); }

static void put(const char *s)
{
	while (*s)
		outb(0xe9, (u8)*s++);
}

static void put_number(u32 v, u32 base)
{
	char buf[12], *p = buf + 11;

	*p = 0;
	do {
		*--p = "0123456789abcdef"[v % base];
	} while (v /= base);
	put(p);
}

static void check(const char *name, u32 got, u32 want)
{
	put(got == want ? "ok " : "not ok ");
	put_number(++count, 10);
	put(" - ");
	put(name);
	if (got != want) {
		failed++;
		put("\n# got 0x");
		put_number(got, 16);
		put(", want 0x");
		put_number(want, 16);
	}
	put("\n");
}

/* ---- tables ---- */

static void segment(unsigned sel, u32 base, u32 limit, u32 attr)
{
	gdt[sel / 8 * 2] = base << 16 | (limit & 0xffff);
	gdt[sel / 8 * 2 + 1] = (base & 0xff000000) | (attr & 0xf0ff) << 8 | (limit & 0xf0000) | (base >> 16 & 0xff);
}

static void gate(unsigned vector, u32 target, u32 sel, u32 attr)
{
	idt[vector * 2] = sel << 16 | (target & 0xffff);
	idt[vector * 2 + 1] = (target & 0xffff0000) | attr << 8;
}

#define VECTORS 0x60
extern u8 stubs[];		/* 16 bytes each */
extern void sub_task(void), call_target(void), v86_code(void), back(void);

static u32 busy(unsigned sel)
{
	return gdt[sel / 8 * 2 + 1] >> 8 & 0x1f;
}

static void setup(void)
{
	struct { u16 limit; u32 base; } __attribute__((packed)) p;
	unsigned i;

	segment(CODE0, 0, 0xfffff, 0xc09b);
	segment(DATA0, 0, 0xfffff, 0xc093);
	segment(CODE3 & ~3, 0, 0xfffff, 0xc0fb);
	segment(DATA3 & ~3, 0, 0xfffff, 0xc0f3);
	segment(TSS_MAIN, (u32)&tss_main, sizeof(tss_main) - 1, 0x89);
	segment(TSS_SUB, (u32)&tss_sub, sizeof(tss_sub) - 1, 0x89);
	segment(TSS16, (u32)tss16, sizeof(tss16) - 1, 0x81);
	gdt[GATE / 8 * 2] = CODE0 << 16 | ((u32)call_target & 0xffff);
	gdt[GATE / 8 * 2 + 1] = ((u32)call_target & 0xffff0000) | 0xec02;
	gdt[TASK / 8 * 2] = TSS_SUB << 16;
	gdt[TASK / 8 * 2 + 1] = 0xe500;
	for (i = 0; i < VECTORS; i++)
		gate(i, (u32)stubs + 16 * i, CODE0, i >= 0x30 ? 0xee : 0x8e);
	p.limit = sizeof(gdt) - 1;
	p.base = (u32)gdt;
	__asm__ volatile("lgdt %0\n ljmp $8, $1f\n1: mov %1, %%ds\n mov %1, %%es\n mov %1, %%ss\n mov %1, %%fs\n mov %1, %%gs"
			 :: "m"(p), "r"(DATA0) : "memory");
	p.limit = sizeof(idt) - 1;
	p.base = (u32)idt;
	__asm__ volatile("lidt %0" :: "m"(p));
	tss_main.ss0 = DATA0;
	tss_main.esp0 = (u32)(stack_kernel + sizeof(stack_kernel));
	tss_main.iomap = 104 + 32;
	tss_main.end = 0xff;
	__asm__ volatile("ltr %w0" :: "r"(TSS_MAIN));
}

/* Records what came and leaves for resume_eip, if that is set. */
void on_vector(struct frame *f);
void on_vector(struct frame *f)
{
	seen_vector = f->vector;
	seen_error = f->error;
	seen_flags = f->eflags;
	seen_cs = f->cs;
	seen_eip = f->eip;
	if (f->vector == 0x5d) {		/* IRQ 13 */
		irq13++;
		outb(0xf0, 0);
		__asm__ volatile("fnclex");
		outb(0xa0, 0x20);
		outb(0x20, 0x20);
		return;
	}
	if (resume_eip) {
		/* Back to ring 0 whatever it came from. */
		__asm__ volatile("mov %0, %%esp\n mov %2, %%ds\n mov %2, %%es\n jmp *%1" :: "r"(resume_esp), "r"(resume_eip), "r"(DATA0));
		__builtin_unreachable();
	}
	put("Bail out! vector 0x");
	put_number(f->vector, 16);
	put(" error 0x");
	put_number(f->error, 16);
	put(" at 0x");
	put_number(f->eip, 16);
	put("\n");
	outb(0xf4, 0x7f);
}

/* ---- tasks ---- */

volatile u32 sub_runs, sub_flags, sub_link, sub_error, sub_tr, sub_ts, sub_next;

/* What the other task does each time it is entered. */
void sub_step(u32 flags, u32 tr);
void sub_step(u32 flags, u32 tr)
{
	sub_runs++;
	sub_flags = flags;
	sub_link = tss_sub.link & 0xffff;
	sub_tr = tr;
	sub_ts = cr0() & 8;
	if (sub_next) {
		tss_main.eip = sub_next;
		sub_next = 0;
	}
}

static u32 task_register(void)
{
	u32 v = 0;

	__asm__ volatile("str %w0" : "+r"(v));
	return v;
}

static void test_tasks(void)
{
	u32 i, a, b, c;

	tss_sub = (struct tss){ .ss0 = DATA0, .esp0 = (u32)(stack_sub + 4096), .eip = (u32)sub_task, .eflags = 2, .iomap = 200 };
	for (i = 0; i < 8; i++)
		tss_sub.gpr[i] = 0x1000 + i;
	tss_sub.gpr[4] = (u32)(stack_sub + 4096);
	tss_sub.seg[0] = tss_sub.seg[2] = tss_sub.seg[3] = tss_sub.seg[4] = tss_sub.seg[5] = DATA0;
	tss_sub.seg[1] = CODE0;
	__asm__ volatile("clts");
	__asm__ volatile("mov $0x11, %%ebx\n mov $0x22, %%esi\n lcall $0x30, $0\n" : "=b"(a), "=S"(b), "=D"(c) :: "memory", "cc");
	check("CALL of a TSS: the task ran", sub_runs, 1);
	check("its NT is set", sub_flags & NT, NT);
	check("its link is ours", sub_link, TSS_MAIN);
	check("its task register", sub_tr, TSS_SUB);
	check("CR0.TS is set by the switch", sub_ts, 8);
	check("our registers are back", a << 8 | b, 0x1122);
	check("we are busy", busy(TSS_MAIN), 0x0b);
	check("it is not", busy(TSS_SUB), 0x09);
	check("its EAX was saved", tss_sub.gpr[0], 0x77);
	check("IRET cleared its NT", tss_sub.eflags & NT, 0);
	__asm__ volatile("lcall $0x40, $0" ::: "memory", "cc", "eax", "ecx", "edx");
	check("CALL of a task gate", sub_runs, 2);
	gate(0x50, 0, TSS_SUB, 0xe5);
	__asm__ volatile("int $0x50" ::: "memory", "cc", "eax", "ecx", "edx");
	check("interrupt through a task gate", sub_runs, 3);
	/* #GP(0x58) by a task gate: the error code is on the new task's stack. */
	gate(13, 0, TSS_SUB, 0x85);
	__asm__ volatile("movl $1f, sub_next\n mov $0x58, %%eax\n mov %%eax, %%gs\n 1:" ::: "eax", "ecx", "edx", "memory");
	check("exception through a task gate", sub_runs, 4);
	check("with its error code", sub_error, 0x58);
	gate(13, (u32)stubs + 16 * 13, CODE0, 0x8e);
	check("task register at the end", task_register(), TSS_MAIN);
	/* A busy task cannot be called. */
	__asm__ volatile("pusha\n mov %%esp, resume_esp\n movl $1f, resume_eip\n lcall $0x28, $0\n 1: popa" ::: "memory");
	resume_eip = 0;
	check("CALL of a busy task: vector", seen_vector, 13);
	check("and error code", seen_error, TSS_MAIN);
	__asm__ volatile("clts");
}

/* ---- rings ---- */

volatile u32 call_cs, call_ss, call_a, call_b, user_esp_after;

void call_step(u32 *stack, u32 ss);
void call_step(u32 *stack, u32 ss)
{
	call_cs = stack[1];
	call_ss = ss;
	call_a = stack[2];
	call_b = stack[3];
}

/* Enters ring 3 (or virtual-8086 mode) and comes back by a vector. */
static __attribute__((noinline)) void enter(u32 eip, u32 cs, u32 eflags, u32 esp, u32 ss)
{
	resume_eip = (u32)back;
	__asm__ volatile("pusha\n mov %%esp, %0\n"
			 "push $0\n push $0\n push $0\n push $0\n"		/* GS FS DS ES of virtual-8086 mode */
			 "push %1\n push %2\n push %3\n push %4\n push %5\n iret\n"
			 ".globl back\n back: popa\n"
			 : "=m"(resume_esp) : "r"(ss), "r"(esp), "r"(eflags), "r"(cs), "r"(eip) : "memory");
	resume_eip = 0;
	__asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" :: "r"(DATA0));
}

static void enter_user(u32 eip, u32 eflags)
{
	enter(eip, CODE3, eflags, (u32)(stack_user + 4096 - 64), DATA3);
}

extern u8 user_gate[], user_unaligned[], user_cli[], user_sti[], user_read_flags[];

static void test_rings(void)
{
	enter_user((u32)user_gate, 2);
	check("call gate: back by INT 0x31", seen_vector, 0x31);
	check("its caller's CS", call_cs, CODE3);
	check("the stack is ring 0's", call_ss, DATA0);
	check("parameters are copied", call_a << 16 | call_b, 0x11112222);
	check("RET n pops them on both stacks", user_esp_after, 0);
	check("CS of the interrupted code", seen_cs, CODE3);
	enter_user((u32)user_unaligned, 2);
	check("misaligned without CR0.AM", seen_vector, 0x31);
	set_cr0(cr0() | 0x40000);
	enter_user((u32)user_unaligned, 2);
	check("misaligned without EFLAGS.AC", seen_vector, 0x31);
	enter_user((u32)user_unaligned, 2 | AC);
	check("misaligned with both: #AC", seen_vector, 17);
	check("error code 0", seen_error, 0);
	set_cr0(cr0() & ~0x40000u);
	enter_user((u32)user_cli, 2);
	check("CLI in ring 3: #GP", seen_vector, 13);
	set_cr4(cr4() | 2);
	enter_user((u32)user_cli, 0x202 | VIF);
	check("CLI with CR4.PVI", seen_vector, 0x31);
	check("clears VIF, not IF", seen_flags & (VIF | 0x200), 0x200);
	enter_user((u32)user_sti, 0x202);
	check("STI with CR4.PVI sets VIF", seen_flags & VIF, VIF);
	enter_user((u32)user_sti, 0x202 | VIP);
	check("STI with VIP: #GP", seen_vector, 13);
	set_cr4(cr4() & ~2u);
}

/* ---- virtual-8086 mode ---- */

extern u8 v86_int21[], v86_cli[], v86_sti[], v86_pushf[], v86_exit[], v86_popf[], v86_end[];
#define V86_SEG	0x1000
#define V86_AT(label) ((u32)((label) - (u8 *)v86_code))

static void enter_v86(const u8 *label, u32 eflags)
{
	enter(V86_AT(label), V86_SEG, VM | 2 | eflags, 0xff00, V86_SEG);
}

static volatile u16 *v86_word(u32 off)
{
	return (volatile u16 *)(V86_SEG * 16 + off);
}

static void test_v86(void)
{
	volatile u8 *to = (volatile u8 *)(V86_SEG * 16);
	volatile u32 *ivt = 0;
	u32 i, iopl3 = 0x3000;

	__asm__("" : "+r"(ivt));
	for (i = 0; i < (u32)(v86_end - (u8 *)v86_code); i++)
		to[i] = ((u8 *)v86_code)[i];
	ivt[0x21] = V86_SEG << 16 | V86_AT(v86_exit);
	ivt[0x22] = V86_SEG << 16 | V86_AT(v86_exit);

	enter_v86(v86_int21, iopl3);
	check("virtual-8086: INT 0x41 with IOPL 3 goes to the IDT", seen_vector, 0x41);
	check("from its segment", seen_cs & 0xffff, V86_SEG);
	check("with VM set", seen_flags & VM, VM);
	enter_v86(v86_int21, 0);
	check("INT with IOPL 0: #GP", seen_vector, 13);
	enter_v86(v86_cli, 0);
	check("CLI with IOPL 0: #GP", seen_vector, 13);
	enter_v86(v86_cli, iopl3 | 0x200);
	check("CLI with IOPL 3 clears IF", seen_flags & 0x200, 0);

	set_cr4(cr4() | 1);
	enter_v86(v86_cli, 0x200 | VIF);
	check("VME: CLI leaves by its exit", seen_vector, 6);
	check("VME: and clears VIF alone", seen_flags & (VIF | 0x200), 0x200);
	enter_v86(v86_sti, 0x200);
	check("VME: STI sets VIF", seen_flags & VIF, VIF);
	enter_v86(v86_sti, 0x200 | VIP);
	check("VME: STI with VIP: #GP", seen_vector, 13);
	enter_v86(v86_pushf, 0x200 | VIF);
	check("VME: PUSHF shows VIF as IF and IOPL 3", *v86_word(0xfefe) & 0x3200, 0x3200);
	enter_v86(v86_pushf, 0x200);
	check("VME: and without VIF", *v86_word(0xfefe) & 0x3200, 0x3000);
	enter_v86(v86_popf, 0x200);
	check("VME: POPF sets VIF", seen_flags & (VIF | 0x200), VIF | 0x200);
	/* Bit clear: by the 8086's own table; vector 0x41 stays set in the map. */
	tss_main.redirect[0x41 / 8] |= 1 << (0x41 % 8);
	ivt[0x41] = V86_SEG << 16 | V86_AT(v86_exit);
	enter_v86(v86_int21, 0);
	check("VME: INT with its bit set: #GP", seen_vector, 13);
	tss_main.redirect[0x41 / 8] = 0;
	enter_v86(v86_int21, 0x200 | VIF);
	check("VME: INT with its bit clear stays in virtual-8086 mode", seen_vector, 6);
	check("VME: it cleared VIF", seen_flags & VIF, 0);
	check("VME: the pushed flags have VIF as IF, IOPL 3", *v86_word(0xfefe) & 0x3200, 0x3200);
	check("VME: the pushed CS", *v86_word(0xfefc), V86_SEG);
	set_cr4(cr4() & ~1u);
}

/* ---- IRQ 13 ---- */

static void test_ferr(void)
{
	u16 cw = 0x37b;		/* division by zero is not masked */
	float zero = 0;
	u32 i;

	static const u8 icw[2][4] = { { 0x11, 0x50, 4, 1 }, { 0x11, 0x58, 2, 1 } };
	for (i = 0; i < 4; i++) {
		outb(i ? 0x21 : 0x20, icw[0][i]);
		outb(i ? 0xa1 : 0xa0, icw[1][i]);
	}
	outb(0x21, 0xfb);
	outb(0xa1, 0xdf);
	set_cr0((cr0() & ~0x2cu) | 2);	/* no NE, EM, TS */
	seen_vector = 0;
	__asm__ volatile("fninit\n fldcw %0\n fld1\n fdivs %1\n" :: "m"(cw), "m"(zero));
	check("an x87 error waits for the next instruction", seen_vector, 0);
	__asm__ volatile("sti\n nop\n fwait\n jmp 1f\n 1: nop\n jmp 2f\n 2: cli");
	check("IRQ 13 once", irq13, 1);
	check("its vector", seen_vector, 0x5d);
	__asm__ volatile("sti\n nop\n fwait\n jmp 1f\n 1: nop\n jmp 2f\n 2: cli");
	check("and not again", irq13, 1);
	set_cr0(cr0() | 0x20);
	__asm__ volatile("fninit\n fldcw %0\n fld1\n fdivs %1" :: "m"(cw), "m"(zero));
	__asm__ volatile("pusha\n mov %%esp, resume_esp\n movl $1f, resume_eip\n fwait\n 1: popa" ::: "memory");
	resume_eip = 0;
	check("with CR0.NE: #MF", seen_vector, 16);
	__asm__ volatile("fninit");
	check("and no IRQ 13", irq13, 1);
}

void kmain(u32 magic);
void kmain(u32 magic)
{
	check("multiboot's magic", magic, 0x2badb002);
	setup();
	test_tasks();
	test_rings();
	test_v86();
	test_ferr();
	put("1..");
	put_number(count, 10);
	put("\n");
	outb(0xf4, failed ? 1 : 0);
	for (;;)
		__asm__ volatile("hlt");
}
