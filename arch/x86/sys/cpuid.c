// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID leaves (SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). The hypervisor
 * leaf has TCG's signature, which guests' tools know, and tells the TSC's
 * frequency in 0x40000010 as KVM and VMware do; there is no paravirtual clock.
 */
#include <string.h>
#include "../priv.h"
#include "x86/xstate.h"

static unsigned id_bits(unsigned n)
{
	unsigned b = 0;

	while (1u << b < n)
		b++;
	return b;
}

/* Where in an APIC id the number of the core, the die and the socket begin. */
static unsigned core_shift(const struct x86_topology *t) { return id_bits(t->threads); }
static unsigned die_shift(const struct x86_topology *t) { return core_shift(t) + id_bits(t->cores); }
static unsigned socket_shift(const struct x86_topology *t) { return die_shift(t) + id_bits(t->dies); }

static unsigned in_socket(const struct x86_topology *t)
{
	return t->dies * t->cores * t->threads;
}

u32 x86_topology_apic_id(const struct x86_topology *t, unsigned index)
{
	unsigned core = index / t->threads, die = core / t->cores, socket = die / t->dies;

	return socket << socket_shift(t) | (die % t->dies) << die_shift(t) | (core % t->cores) << core_shift(t) | index % t->threads;
}

static bool is_intel(const struct x86_cpu *cpu)
{
	return cpu->sys->model.vendor[0] == 'G';
}

static void vendor_leaf(const struct x86_cpu *cpu, u32 max, u32 r[4])
{
	const char *v = cpu->sys->model.vendor;

	r[0] = max;
	memcpy(&r[1], v, 4);
	memcpy(&r[3], v + 4, 4);
	memcpy(&r[2], v + 8, 4);
}

static u32 signature(const struct x86_cpu_model *m)
{
	u32 family = MIN(m->family, 15u), ext = m->family - family;

	return ext << 20 | (m->model >> 4) << 16 | family << 8 | (m->model & 15) << 4 | m->stepping;
}

static void leaf_1(const struct x86_cpu *cpu, u32 r[4])
{
	const struct x86_cpu_model *m = &cpu->sys->model;
	unsigned n = in_socket(&cpu->sys->topology);

	r[0] = signature(m);
	r[1] = cpu->apic_id << 24 | (n > 1 ? n : 0) << 16 | 8 << 8;
	r[2] = m->words[W_1_ECX] | (cpu->cr4 & CR4_OSXSAVE ? 1u << 27 : 0);
	r[3] = m->words[W_1_EDX] | (n > 1 ? 1u << 28 : 0);
	if (!(cpu->msr.apic_base & BIT(11)))
		r[3] &= ~(1u << 9);
}

enum { L1_DATA, L1_CODE, L2, L3 };

/*
 * Sets and ways of a cache as leaf 4 and AMD's 8000001d have it: L1 and L2 belong to a core,
 * L3 to a die. Neither leaf's EAX has the number of cores here.
 */
static void cache_leaf(const struct x86_topology *t, u32 sub, u32 r[4])
{
	static const struct { u8 type, level; u16 ways; u32 sets; } cache[] = {
		[L1_DATA] = { 1, 1, 8, 64 }, [L1_CODE] = { 2, 1, 8, 64 }, [L2] = { 3, 2, 8, 1024 }, [L3] = { 3, 3, 16, 16384 },
	};

	if (sub >= ARRAY_SIZE(cache))
		return;
	r[0] = cache[sub].type | (u32)cache[sub].level << 5 | 1u << 8;
	r[0] |= ((1u << (sub == L3 ? die_shift(t) : core_shift(t))) - 1) << 14;
	r[1] = 63 | (cache[sub].ways - 1u) << 22;
	r[2] = cache[sub].sets - 1;
}

static void leaf_4(const struct x86_cpu *cpu, u32 sub, u32 r[4])
{
	const struct x86_topology *t = &cpu->sys->topology;

	if (!is_intel(cpu))
		return;
	cache_leaf(t, sub, r);
	if (r[0])
		r[0] |= ((1u << MIN(socket_shift(t) - core_shift(t), 6u)) - 1) << 26;
}

static void leaf_7(const struct x86_cpu *cpu, u32 sub, u32 r[4])
{
	const u32 *w = cpu->sys->model.words;

	if (sub)
		return;
	r[1] = w[W_7_EBX];
	r[2] = w[W_7_ECX] | (cpu->cr4 & CR4_PKE ? 1u << 4 : 0);
	r[3] = w[W_7_EDX];
}

/* Leaves 0xb, whose widest level is the socket, and 0x1f, which knows dies. */
static void topology_leaf(const struct x86_cpu *cpu, bool dies, u32 sub, u32 r[4])
{
	const struct x86_topology *t = &cpu->sys->topology;
	const struct { u8 type, shift; unsigned count; } level[] = {
		{ 1, (u8)core_shift(t), t->threads },
		{ 2, (u8)(dies ? die_shift(t) : socket_shift(t)), dies ? t->cores * t->threads : in_socket(t) },
		{ 5, (u8)socket_shift(t), in_socket(t) },
	};

	r[2] = sub & 0xff;
	r[3] = cpu->apic_id;
	if (sub < (dies ? 3 : 2)) {
		r[0] = level[sub].shift;
		r[1] = level[sub].count;
		r[2] |= (u32)level[sub].type << 8;
	}
}

static void leaf_d(const struct x86_cpu *cpu, u32 sub, u32 r[4])
{
	u64 mask = x86_xcr0_mask(cpu);

	if (!x86_has(cpu, X86_FEAT_XSAVE))
		return;
	if (sub == 0) {
		r[0] = (u32)mask;
		r[1] = x86_xstate_size(cpu->xcr0, false);
		r[2] = x86_xstate_size(mask, false);
	} else if (sub == 1) {
		r[0] = cpu->sys->model.words[W_D1_EAX];
		r[1] = r[0] & 10 ? x86_xstate_size(cpu->xcr0, true) : 0;
	} else if (sub < 63 && (mask >> sub & 1)) {
		r[0] = x86_xstate_component(sub).size;
		r[1] = x86_xstate_component(sub).offset;
	}
}

static void leaf_frequency(const struct x86_cpu *cpu, u32 leaf, u32 r[4])
{
	u32 mhz = (u32)(cpu->sys->model.tsc_hz / 1000000);

	if (!is_intel(cpu))
		return;
	if (leaf == 0x15) {
		r[0] = r[1] = 1;
		r[2] = (u32)cpu->sys->model.tsc_hz;
	} else {
		r[0] = r[1] = mhz;
		r[2] = 100;
	}
}

static u32 max_basic(const struct x86_cpu *cpu)
{
	if (cpu->sys->topology.dies > 1)
		return 0x1f;
	return is_intel(cpu) ? 0x16 : 0xd;
}

static void basic(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 r[4])
{
	const u32 *w = cpu->sys->model.words;

	switch (leaf) {
	case 0: vendor_leaf(cpu, max_basic(cpu), r); break;
	case 1: leaf_1(cpu, r); break;
	case 4: leaf_4(cpu, sub, r); break;
	case 5: r[0] = r[1] = 64; r[2] = 3; break;
	case 6: r[0] = w[W_6_EAX]; break;
	case 7: leaf_7(cpu, sub, r); break;
	case 0xb: topology_leaf(cpu, false, sub, r); break;
	case 0xd: leaf_d(cpu, sub, r); break;
	case 0x15:
	case 0x16: leaf_frequency(cpu, leaf, r); break;
	case 0x1f:
		if (cpu->sys->topology.dies > 1)
			topology_leaf(cpu, true, sub, r);
		break;
	}
}

static bool has_topoext(const struct x86_cpu *cpu)
{
	return !is_intel(cpu) && (cpu->sys->model.words[W_81_ECX] >> 22 & 1);
}

/* Who it is: APIC id; threads in a core, core; dies in a socket, die. */
static void leaf_8000001e(const struct x86_cpu *cpu, u32 r[4])
{
	const struct x86_topology *t = &cpu->sys->topology;
	u32 id = cpu->apic_id, core = (id >> core_shift(t)) & ((1u << id_bits(t->cores)) - 1);

	r[0] = id;
	r[1] = (t->threads - 1) << 8 | core;
	r[2] = (t->dies - 1) << 8 | id >> die_shift(t);
}

static void extended(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 r[4])
{
	const struct x86_cpu_model *m = &cpu->sys->model;
	unsigned n = in_socket(&cpu->sys->topology);

	switch (leaf) {
	case 0x80000000:
		vendor_leaf(cpu, 0x80000021, r);
		break;
	case 0x80000001:
		r[0] = is_intel(cpu) ? 0 : signature(m);
		r[2] = m->words[W_81_ECX] | (n > 1 && !is_intel(cpu) ? 2 : 0);
		if (is_intel(cpu))
			r[2] &= ~(1u << 22);	/* TOPOEXT */
		r[3] = m->words[W_81_EDX];
		if (!is_intel(cpu))	/* AMD repeats leaf 1's common bits */
			r[3] |= m->words[W_1_EDX] & 0x0183f3ff;
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
		memcpy(r, m->brand + (leaf - 0x80000002) * 16, 16);
		break;
	case 0x80000005:
		r[2] = r[3] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
		break;
	case 0x80000006:
		r[2] = 512u << 16 | 6 << 12 | 1 << 8 | 64;
		if (has_topoext(cpu))
			r[3] = 32u << 18 | 8 << 12 | 1 << 8 | 64;	/* L3, in units of 512 KiB */
		break;
	case 0x80000007:
		r[3] = m->words[W_87_EDX];
		break;
	case 0x80000008:
		r[0] = m->virt_bits << 8 | m->phys_bits;
		r[1] = m->words[W_88_EBX];
		r[2] = is_intel(cpu) || n == 1 ? 0 : socket_shift(&cpu->sys->topology) << 12 | (n - 1);
		break;
	case 0x8000001d:
		if (has_topoext(cpu))
			cache_leaf(&cpu->sys->topology, sub, r);
		break;
	case 0x8000001e:
		if (has_topoext(cpu))
			leaf_8000001e(cpu, r);
		break;
	case 0x80000021:
		r[0] = is_intel(cpu) ? 0 : m->words[W_821_EAX];
		break;
	}
}

static void hypervisor(const struct x86_cpu *cpu, u32 leaf, u32 r[4])
{
	if (leaf == 0x40000000) {
		r[0] = 0x40000010;
		memcpy(&r[1], "TCGTCGTCGTCG", 12);
	} else if (leaf == 0x40000010) {
		r[0] = (u32)(cpu->sys->model.tsc_hz / 1000);
		r[1] = 1000000;		/* LAPIC timer, kHz */
	}
}

void sys_cpuid(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 r[4])
{
	u32 max = max_basic(cpu);

	r[0] = r[1] = r[2] = r[3] = 0;
	if (leaf >= 0x80000000) {
		extended(cpu, leaf, sub, r);
		return;
	}
	if (leaf >= 0x40000000 && leaf <= 0x400000ff && cpu->sys->model.hypervisor) {
		hypervisor(cpu, leaf, r);
		return;
	}
	/* Intel shows the highest basic leaf for what is beyond it, AMD zeros */
	if (leaf > max && is_intel(cpu))
		leaf = max;
	basic(cpu, leaf, sub, r);
}

void x86_cpu_cpuid(const struct x86_cpu *cpu, u32 leaf, u32 sub, u32 out[4])
{
	sys_cpuid(cpu, leaf, sub, out);
}
