// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our side: a bare vCPU in long mode at ring 3 with page tables and a GDT
 * like those that the native child lives under, and memory that is a plain
 * array. Guest-physical layout, all below 2 MiB: code, data, GDT, tables.
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "mem.h"
#include "oracle.h"
#include "x86/exec.h"
#include "x86/jit.h"

#define RAM_SIZE	0x200000u
#define PA_CODE		0x10000u
#define PA_DATA		0x40000u
#define PA_GDT		0x50000u
#define PA_TABLES	0x100000u

#define PTE_P		0x1u
#define PTE_W		0x2u
#define PTE_U		0x4u
#define PTE_AD		0x60u

static struct {
	struct oracle_batch *b;
	struct x86_platform platform;
	struct x86_system *sys;
	bool sys_jit;
	struct x86_cpu *cpu;
	u8 *ram;
	u32 next_table;
	struct x86_segment cs64, cs32, ds, null;
} guest;

static void phys_lookup(void *ctx, u64 gpa, struct x86_phys_page *page)
{
	(void)ctx;
	*page = (struct x86_phys_page){ .kind = X86_PHYS_MMIO, .run_first = gpa & ~0xfffULL, .run_last = gpa | 0xfff };
	if (gpa < RAM_SIZE) {
		page->kind = X86_PHYS_RAM;
		page->host = guest.ram + (gpa & ~0xfffULL);
		page->run_first = 0;
		page->run_last = RAM_SIZE - 1;
	}
}

static u64 no_read(void *ctx, u64 gpa, unsigned size)
{
	(void)ctx, (void)gpa, (void)size;
	return ~0ULL;
}

static void no_write(void *ctx, u64 gpa, u64 val, unsigned size)
{
	(void)ctx, (void)gpa, (void)val, (void)size;
}

static u32 no_in(void *ctx, u16 port, unsigned size)
{
	(void)ctx, (void)port, (void)size;
	return ~0u;
}

static void no_out(void *ctx, u16 port, u32 val, unsigned size)
{
	(void)ctx, (void)port, (void)val, (void)size;
}

static int no_ack(void *ctx)
{
	(void)ctx;
	return -1;
}

static void no_eoi(void *ctx, u8 vector)
{
	(void)ctx, (void)vector;
}

static u64 clock_zero(void *ctx)
{
	(void)ctx;
	return 0;
}

static void no_timer(void *ctx, struct x86_cpu *cpu, u64 deadline_ns)
{
	(void)ctx, (void)cpu, (void)deadline_ns;
}

static void no_fault(void *ctx, struct x86_cpu *cpu)
{
	(void)ctx, (void)cpu;
}

static const struct x86_platform_ops ops = {
	.phys_lookup = phys_lookup, .mmio_read = no_read, .mmio_write = no_write, .pio_read = no_in,
	.pio_write = no_out, .pic_ack = no_ack, .ioapic_eoi = no_eoi, .clock_ns = clock_zero,
	.lapic_timer_arm = no_timer, .triple_fault = no_fault,
};

/* Maps one 4 KiB page, making tables on the way. */
static void map_page(u64 va, u32 pa, unsigned bits)
{
	u32 table = PA_TABLES;

	for (int level = 39; level > 12; level -= 9) {
		u8 *e = guest.ram + table + (va >> level & 511) * 8;

		if (!get_le64(e)) {
			put_le64(e, guest.next_table | PTE_P | PTE_W | PTE_U | PTE_AD);
			guest.next_table += 0x1000;
		}
		table = (u32)get_le64(e) & ~0xfffu;
	}
	put_le64(guest.ram + table + (va >> 12 & 511) * 8, pa | bits | PTE_P | PTE_U | PTE_AD);
}

static struct x86_segment put_descriptor(unsigned sel, unsigned attr)
{
	struct x86_segment s = { .limit = 0xffffffff, .sel = (u16)sel, .attr = (u16)attr };

	put_le64(guest.ram + PA_GDT + (sel & ~7u), 0x000f00000000ffffULL | (u64)attr << 40);
	return s;
}

static void setup_memory(void)
{
	guest.next_table = PA_TABLES + 0x1000;
	for (u32 off = 0; off < ORACLE_CODE_SIZE; off += 0x1000)
		map_page(ORACLE_CODE + off, PA_CODE + off, PTE_W);
	for (u32 off = 0; off < ORACLE_DATA_SIZE; off += 0x1000)
		map_page(ORACLE_DATA + off, PA_DATA + off, off < ORACLE_DATA_RW ? PTE_W : 0);
	/* The GDT needs no user mapping; the processor reads it as supervisor, at an address of its own. */
	map_page(0x30000000, PA_GDT, 0);
	guest.cs32 = put_descriptor(ORACLE_CS32, 0xc0fb);
	guest.ds = put_descriptor(ORACLE_DS, 0xc0f3);
	guest.cs64 = put_descriptor(ORACLE_CS64, 0xa0fb);
	guest.null = (struct x86_segment){ 0 };
}

static void setup_cpu(struct x86_cpu *cpu)
{
	x86_cpu_setup_flat(cpu, true, 3);
	cpu->xcr0 = 7;
	x86_set_control(cpu, 0x80050033, PA_TABLES, 0x001506f0, 0xd01);
	cpu->gdt.base = 0x30000000;
	cpu->gdt.limit = 0x7f;
	/* A TSS without an I/O bitmap: its offset is the limit. */
	put_le16(guest.ram + PA_GDT + 0x800 + 0x66, 0x68);
	cpu->tr = (struct x86_segment){ .sel = 0x40, .base = 0x30000800, .limit = 0x67, .attr = 0x8b };
	cpu->ldt = guest.null;
	cpu->idt.base = 0;
	cpu->idt.limit = 0;
	cpu->stop_on_exc = 1;
}

int oracle_guest_start(struct oracle_batch *b, bool jit)
{
	static struct x86_cpu_model model;
	struct err err = ERR_INIT;

	guest.b = b;
	guest.ram = mem_pages(RAM_SIZE);
	if (!guest.ram)
		return -1;
	guest.platform.ops = &ops;
	if (x86_cpu_model_parse(&model, "max,vendor=GenuineIntel", &err) < 0)
		goto fail;
	guest.sys = x86_system_create(&guest.platform, &model, 1, &err);
	if (!guest.sys)
		goto fail;
	if (jit && x86_jit_enable(guest.sys, &(struct x86_jit_config){ .single = true }, &err) < 0)
		goto fail;
	guest.cpu = x86_cpu_create(guest.sys, 0, NULL, &err);
	if (!guest.cpu)
		goto fail;
	guest.sys_jit = jit;
	setup_memory();
	memcpy(guest.ram + PA_DATA, b->common, ORACLE_DATA_SIZE);
	x86_cpu_reset(guest.cpu);
	setup_cpu(guest.cpu);
	return 0;
fail:
	err_report(&err);
	oracle_guest_stop();
	return -1;
}

bool oracle_guest_has(enum x86_feature f)
{
	return x86_has(guest.cpu, f);
}

void oracle_guest_report(void)
{
	struct x86_jit_stats st;

	if (guest.sys && guest.sys_jit) {
		x86_jit_stats(guest.sys, &st);
		printf("# %llu instructions translated, %llu of them as calls of the interpreter\n", st.insns, st.helpers);
	}
}

void oracle_guest_stop(void)
{
	if (guest.sys)
		x86_system_destroy(guest.sys);
	guest.sys = NULL;
	if (guest.ram)
		mem_pages_free(guest.ram, RAM_SIZE);
	guest.ram = NULL;
}

static void put_x87(struct x86_fpu *fpu, const struct oracle_x87 *x)
{
	unsigned top = x->sw >> 11 & 7;

	memset(fpu, 0, sizeof(*fpu));
	fpu->cw = x->cw;
	fpu->sw = x->sw;
	fpu->valid = x->valid;
	for (unsigned i = 0; i < 8; i++) {
		struct x86_f80 *f = &fpu->st[(top + i) & 7];

		f->man = get_le64(x->st[i]);
		f->se = get_le16(x->st[i] + 8);
	}
}

static void get_x87(struct oracle_x87 *x, const struct x86_fpu *fpu)
{
	unsigned top = fpu->sw >> 11 & 7;

	x->cw = fpu->cw;
	x->sw = fpu->sw;
	x->valid = fpu->valid;
	for (unsigned i = 0; i < 8; i++) {
		const struct x86_f80 *f = &fpu->st[(top + i) & 7];

		put_le64(x->st[i], f->man);
		put_le16(x->st[i] + 8, f->se);
	}
}

static void set_data_segment(struct x86_cpu *cpu, enum x86_seg seg, u64 base)
{
	struct x86_segment s = seg >= X86_FS ? guest.null : guest.ds;

	s.base = base;
	x86_set_segment(cpu, seg, &s);
}

static void load_case(struct x86_cpu *cpu, const struct oracle_case *c)
{
	const struct oracle_state *s = &c->in;

	memcpy(guest.ram + PA_DATA, guest.b->common, ORACLE_DATA_RW);
	for (unsigned i = 0; i < ARRAY_SIZE(c->overlay); i++)
		memcpy(guest.ram + PA_DATA + c->overlay[i].at, c->overlay[i].bytes, c->overlay[i].len);
	memcpy(cpu->gpr, s->gpr, sizeof(cpu->gpr));
	cpu->rip = s->rip;
	for (unsigned i = 0; i < 16; i++) {
		memset(&cpu->vec[i], 0, sizeof(cpu->vec[i]));
		memcpy(cpu->vec[i].b, s->vec[i], 32);
	}
	cpu->mxcsr = s->mxcsr;
	put_x87(&cpu->fpu, &s->x87);
	x86_set_segment(cpu, X86_CS, c->mode == X86_MODE_64 ? &guest.cs64 : &guest.cs32);
	set_data_segment(cpu, X86_SS, 0);
	set_data_segment(cpu, X86_DS, 0);
	set_data_segment(cpu, X86_ES, 0);
	set_data_segment(cpu, X86_FS, s->fs_base);
	set_data_segment(cpu, X86_GS, s->gs_base);
	cpu->cpl = 3;
	x86_set_eflags(cpu, s->rflags | 0x202);
	cpu->shadow = 0;
	cpu->exc_pending = 0;
	x86_cpu_changed(cpu);
}

static void save_case(struct x86_cpu *cpu, struct oracle_result *res)
{
	struct oracle_state *s = &res->out;

	memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
	s->rip = cpu->rip;
	s->rflags = x86_eflags(cpu);
	s->cs = cpu->seg[X86_CS].sel;
	s->ds = cpu->seg[X86_DS].sel;
	s->es = cpu->seg[X86_ES].sel;
	s->fs = cpu->seg[X86_FS].sel;
	s->gs = cpu->seg[X86_GS].sel;
	s->fs_base = cpu->seg[X86_FS].base;
	s->gs_base = cpu->seg[X86_GS].base;
	s->mxcsr = cpu->mxcsr;
	for (unsigned i = 0; i < 16; i++)
		memcpy(s->vec[i], cpu->vec[i].b, 32);
	get_x87(&s->x87, &cpu->fpu);
	memcpy(res->mem, guest.ram + PA_DATA, ORACLE_DATA_RW);
}

/*
 * The vCPU stops before it delivers. What delivery would have made of software
 * interrupts: INT3 and INTO are traps, and of INT n Linux lets none through.
 */
static void as_delivered(const struct oracle_case *c, struct oracle_result *res)
{
	unsigned op = c->insn.op;

	if ((op == X86_OP_INT3 && res->trap == 3) || (op == X86_OP_INTO && res->trap == 4))
		res->out.rip = c->in.rip + c->insn.len;
	if (op == X86_OP_INT && res->trap == (int)c->insn.imm && !res->err) {
		res->err = (u32)c->insn.imm * 8 + 2;
		res->trap = 13;
		res->cr2 = 0;
	}
}

static void run_case(struct x86_cpu *cpu, const struct oracle_case *c, struct oracle_result *res)
{
	enum x86_exit exit;
	unsigned steps = 0;

	load_case(cpu, c);
	do {
		exit = x86_cpu_step(cpu, 1);
	} while (c->is_rep && exit == X86_EXIT_STEPS && cpu->rip == c->in.rip && ++steps < 100);
	res->err = 0;
	res->cr2 = 0;
	if (exit == X86_EXIT_STEPS) {
		res->trap = ORACLE_DONE;
	} else if (exit == X86_EXIT_EXCEPTION) {
		res->trap = cpu->exc_vec;
		res->err = cpu->exc_has_err ? cpu->exc_err : 0;
		res->cr2 = cpu->exc_vec == 14 ? cpu->exc_cr2 : 0;
	} else {
		res->trap = ORACLE_LOST;
	}
	save_case(cpu, res);
	as_delivered(c, res);
}

void oracle_guest_run(struct oracle_batch *b)
{
	memset(guest.ram + PA_CODE, 0xcc, ORACLE_CODE_SIZE);
	for (u32 i = 0; i < b->count; i++) {
		memset(guest.ram + PA_CODE + i * ORACLE_SLOT, 0x90, 32);
		memcpy(guest.ram + PA_CODE + i * ORACLE_SLOT, b->cases[i].code, b->cases[i].insn.len);
	}
	x86_code_written(guest.sys, PA_CODE, ORACLE_CODE_SIZE);
	for (u32 i = 0; i < b->count; i++)
		run_case(guest.cpu, &b->cases[i], &b->guest[i]);
}
