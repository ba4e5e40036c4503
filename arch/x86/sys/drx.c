// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug registers (SDM vol. 3, 17.2). While DR7 enables anything the vCPU runs
 * one instruction at a time, and while a data breakpoint is armed the first
 * TLB level stays empty, so that nothing costs when they are off.
 */
#include "../priv.h"

#define TYPE_EXEC	0
#define TYPE_WRITE	1
#define TYPE_IO		2
#define TYPE_RW		3

static bool enabled(const struct x86_cpu *cpu, unsigned n)
{
	return (cpu->dr7 >> (2 * n)) & 3;
}

static unsigned type(const struct x86_cpu *cpu, unsigned n)
{
	return (cpu->dr7 >> (16 + 4 * n)) & 3;
}

static unsigned length(const struct x86_cpu *cpu, unsigned n)
{
	static const u8 len[] = { 1, 2, 8, 4 };

	return len[(cpu->dr7 >> (18 + 4 * n)) & 3];
}

static bool overlaps(const struct x86_cpu *cpu, unsigned n, u64 addr, unsigned len)
{
	u64 start = cpu->dr[n] & ~(u64)(length(cpu, n) - 1);

	return addr < start + length(cpu, n) && start < addr + len;
}

void drx_data(struct x86_cpu *cpu, u64 lin, unsigned len, int access)
{
	for (unsigned n = 0; n < 4; n++)
		if (enabled(cpu, n) && (type(cpu, n) == TYPE_RW || (type(cpu, n) == TYPE_WRITE && access == X86_WRITE)) &&
		    overlaps(cpu, n, lin, len))
			cpu->db_pending |= BIT(n);
}

void drx_io(struct x86_cpu *cpu, u16 port, unsigned size)
{
	if (!(cpu->dr7 & 0xff) || !(cpu->cr4 & CR4_DE))
		return;
	for (unsigned n = 0; n < 4; n++)
		if (enabled(cpu, n) && type(cpu, n) == TYPE_IO && overlaps(cpu, n, port, size))
			cpu->db_pending |= BIT(n);
}

bool drx_code_hit(struct x86_cpu *cpu, u64 lin)
{
	u64 hits = 0;

	for (unsigned n = 0; n < 4; n++)
		if (enabled(cpu, n) && type(cpu, n) == TYPE_EXEC && cpu->dr[n] == lin)
			hits |= BIT(n);
	if (hits)
		cpu->dr6 = (cpu->dr6 & ~0xfULL) | hits;
	return hits != 0;
}

void drx_changed(struct x86_cpu *cpu)
{
	if (drx_data_armed(cpu))
		mmu_retag(cpu);
	if (cpu->dr7 & 0xff)
		sys_attention(cpu);
}

/* ---- a debugger's own breakpoints ---- */

int x86_debug_break_add(struct x86_cpu *cpu, u64 linear)
{
	if (cpu->dbg.count == ARRAY_SIZE(cpu->dbg.addr))
		return -ENOSPC;
	cpu->dbg.addr[cpu->dbg.count++] = linear;
	sys_attention(cpu);
	return 0;
}

void x86_debug_break_del(struct x86_cpu *cpu, u64 linear)
{
	for (u32 i = 0; i < cpu->dbg.count; i++)
		if (cpu->dbg.addr[i] == linear) {
			cpu->dbg.addr[i] = cpu->dbg.addr[--cpu->dbg.count];
			return;
		}
}
