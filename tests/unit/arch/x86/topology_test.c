// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What CPUID tells of cores, threads and sockets, and APIC ids. The numbers follow
 * from the rules of SDM vol. 3, 9.9 and APM vol. 3, appendix E.
 * requires: CONFIG_X86
 */
#include "long_mode.h"

GUEST(ask, "	cpuid\n	mov %edx, %r8d\n" EXIT);	/* EXIT takes EDX */

static struct bare *machine(const char *model, const struct x86_topology *t, u32 apic_id)
{
	struct bare *b = calloc(1, sizeof(*b));
	struct x86_cpu_model m;
	struct err e = ERR_INIT;

	b->ram = mmap(NULL, BARE_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->platform = (struct x86_platform){ .ops = &bare_ops, .ctx = b };
	CHECK_EQ(x86_cpu_model_parse(&m, model, &e), 0);
	b->sys = x86_system_create(&b->platform, &m, 16, &e);
	CHECK(b->sys != NULL);
	x86_system_set_topology(b->sys, t);
	b->cpu = x86_cpu_create(b->sys, apic_id, b, &e);
	CHECK(b->cpu != NULL);
	BARE_LOAD(b, 0x1000, ask);
	return b;
}

static void cpuid(struct bare *b, u32 leaf, u32 sub, u32 r[4])
{
	x86_cpu_setup_flat(b->cpu, true, 0);
	b->cpu->rip = 0x1000;
	b->cpu->gpr[X86_RAX] = leaf;
	b->cpu->gpr[X86_RCX] = sub;
	CHECK_EQ(x86_cpu_run(b->cpu), X86_EXIT_REQUEST);
	r[0] = (u32)b->cpu->gpr[X86_RAX];
	r[1] = (u32)b->cpu->gpr[X86_RBX];
	r[2] = (u32)b->cpu->gpr[X86_RCX];
	r[3] = (u32)b->cpu->gpr[X86_R8];
}

TEST(apic_ids_have_gaps)
{
	static const struct x86_topology flat = { 1, 4, 1 }, six = { 1, 3, 2 }, dies = { 3, 1, 2 };
	static const u8 six_ids[] = { 0, 1, 2, 3, 4, 5, 8, 9 }, dies_ids[] = { 0, 1, 2, 3, 4, 5, 8 };

	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(x86_topology_apic_id(&flat, i), i);
		CHECK_EQ(x86_topology_apic_id(&six, i), six_ids[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(dies_ids); i++)
		CHECK_EQ(x86_topology_apic_id(&dies, i), dies_ids[i]);
}

TEST(one_processor_has_no_group)
{
	static const struct x86_topology one = { 1, 1, 1 };
	struct bare *b = machine("max", &one, 0);
	u32 r[4];

	cpuid(b, 1, 0, r);
	CHECK_EQ(r[1], 0x00000800);
	CHECK_EQ(r[3] >> 28 & 1, 0);
	cpuid(b, 0x80000001, 0, r);
	CHECK_EQ(r[2] >> 1 & 1, 0);
	cpuid(b, 0x80000008, 0, r);
	CHECK_EQ(r[2], 0);
	bare_destroy(b);
}

/* -smp 6,cores=3,threads=2: the last one. */
TEST(amd_cores_and_threads)
{
	static const struct x86_topology six = { 1, 3, 2 };
	struct bare *b = machine("max", &six, 5);
	u32 r[4];

	cpuid(b, 1, 0, r);
	CHECK_EQ(r[1], 0x05060800);
	CHECK_EQ(r[3] >> 28 & 1, 1);		/* HTT */
	cpuid(b, 0, 0, r);
	CHECK_EQ(r[0], 0xd);
	cpuid(b, 0xb, 0, r);
	CHECK_EQ(r[0], 1);
	CHECK_EQ(r[1], 2);
	CHECK_EQ(r[2], 0x100);
	CHECK_EQ(r[3], 5);
	cpuid(b, 0xb, 1, r);
	CHECK_EQ(r[0], 3);
	CHECK_EQ(r[1], 6);
	CHECK_EQ(r[2], 0x201);
	cpuid(b, 0xb, 2, r);
	CHECK_EQ(r[0] | r[1], 0);
	CHECK_EQ(r[2], 2);
	cpuid(b, 0x80000001, 0, r);
	CHECK_EQ(r[2] & 0x400002, 0x400002);	/* TOPOEXT, CMP_LEGACY */
	cpuid(b, 0x80000008, 0, r);
	CHECK_EQ(r[2], 0x3005);
	cpuid(b, 0x8000001d, 0, r);
	CHECK_EQ(r[0], 0x4121);			/* L1 data: of the two threads */
	cpuid(b, 0x8000001d, 3, r);
	CHECK_EQ(r[0], 0x1c163);		/* L3: of eight ids */
	cpuid(b, 0x8000001d, 4, r);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	cpuid(b, 0x8000001e, 0, r);
	CHECK_EQ(r[0], 5);
	CHECK_EQ(r[1], 0x102);
	CHECK_EQ(r[2], 0);
	bare_destroy(b);
}

TEST(without_topoext)
{
	static const struct x86_topology six = { 1, 3, 2 };
	struct bare *b = machine("max,-topoext", &six, 5);
	u32 r[4];

	cpuid(b, 0x8000001d, 0, r);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	cpuid(b, 0x8000001e, 0, r);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
	bare_destroy(b);
}

/* -smp 8,sockets=2,cores=2,threads=2: counts are those of a socket. */
TEST(intel_second_socket)
{
	static const struct x86_topology t = { 1, 2, 2 };
	struct bare *b = machine("max,vendor=GenuineIntel", &t, 7);
	u32 r[4];

	cpuid(b, 1, 0, r);
	CHECK_EQ(r[1], 0x07040800);
	cpuid(b, 4, 0, r);
	CHECK_EQ(r[0], 0x04004121);
	cpuid(b, 4, 3, r);
	CHECK_EQ(r[0], 0x0400c163);
	cpuid(b, 4, 4, r);
	CHECK_EQ(r[0], 0);
	cpuid(b, 0xb, 1, r);
	CHECK_EQ(r[0], 2);
	CHECK_EQ(r[1], 4);
	CHECK_EQ(r[3], 7);
	cpuid(b, 0x80000001, 0, r);
	CHECK_EQ(r[2] & 0x400002, 0);
	cpuid(b, 0x80000008, 0, r);
	CHECK_EQ(r[2], 0);
	bare_destroy(b);
}

/* -smp 8,dies=2,cores=2,threads=2: leaf 0x1f has one level more than 0xb. */
TEST(dies)
{
	static const struct x86_topology t = { 2, 2, 2 };
	static const u32 want[4][3] = { { 1, 2, 0x100 }, { 2, 4, 0x201 }, { 3, 8, 0x502 }, { 0, 0, 3 } };
	struct bare *b = machine("max", &t, 6);
	u32 r[4];

	cpuid(b, 0, 0, r);
	CHECK_EQ(r[0], 0x1f);
	for (u32 sub = 0; sub < 4; sub++) {
		cpuid(b, 0x1f, sub, r);
		CHECK_EQ(r[0], want[sub][0]);
		CHECK_EQ(r[1], want[sub][1]);
		CHECK_EQ(r[2], want[sub][2]);
		CHECK_EQ(r[3], 6);
	}
	cpuid(b, 0xb, 1, r);
	CHECK_EQ(r[0], 3);
	CHECK_EQ(r[1], 8);
	cpuid(b, 0x8000001e, 0, r);
	CHECK_EQ(r[1], 0x101);
	CHECK_EQ(r[2], 0x101);
	bare_destroy(b);
}
