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

/* The debugger's: a read counts for READ and ACCESS, a write for WRITE and ACCESS. */
static void debug_data(struct x86_cpu *cpu, u64 lin, unsigned len, int access)
{
	u8 skip = access == X86_WRITE ? X86_DEBUG_WATCH_READ : X86_DEBUG_WATCH_WRITE;

	for (u32 i = 0; i < cpu->dbg.nwatch && !cpu->dbg.watched; i++)
		if (cpu->dbg.watch[i].kind != skip && lin - cpu->dbg.watch[i].addr + len - 1 < cpu->dbg.watch[i].len + len - 1) {
			cpu->dbg.watched = (u8)(i + 1);
			cpu->dbg.hit = lin < cpu->dbg.watch[i].addr ? cpu->dbg.watch[i].addr : lin;
		}
}

void drx_data(struct x86_cpu *cpu, u64 lin, unsigned len, int access)
{
	debug_data(cpu, lin, len, access);
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

/* ---- a debugger's own breakpoints and watchpoints ---- */

int x86_debug_break_add(struct x86_cpu *cpu, u64 linear)
{
	if (cpu->dbg.count == ARRAY_SIZE(cpu->dbg.addr))
		return -ENOSPC;
	cpu->dbg.addr[cpu->dbg.count++] = linear;
	x86_cpu_request(cpu, X86_REQ_TLB);
	return 0;
}

int x86_debug_break_del(struct x86_cpu *cpu, u64 linear)
{
	for (u32 i = 0; i < cpu->dbg.count; i++)
		if (cpu->dbg.addr[i] == linear) {
			cpu->dbg.addr[i] = cpu->dbg.addr[--cpu->dbg.count];
			x86_cpu_request(cpu, X86_REQ_TLB);
			return 0;
		}
	return -ENOENT;
}

void x86_debug_pass(struct x86_cpu *cpu, bool pass)
{
	u64 lin = (cpu->rip + cpu->seg_base[X86_CS]) & cpu->lin_mask;

	cpu->dbg.pass = 0;
	for (u32 i = 0; pass && i < cpu->dbg.count; i++)
		if (cpu->dbg.addr[i] == lin) {
			cpu->dbg.pass = 1;
			cpu->dbg.hit = lin;
		}
}

bool x86_debug_page(const struct x86_cpu *cpu)
{
	u64 lin = (cpu->rip + cpu->seg_base[X86_CS]) & cpu->lin_mask;

	for (u32 i = 0; i < cpu->dbg.count; i++)
		if ((cpu->dbg.addr[i] ^ lin) <= X86_PAGE_MASK)
			return true;
	return false;
}

int x86_debug_watch_add(struct x86_cpu *cpu, u64 linear, u64 len, enum x86_debug_watch kind)
{
	u32 n = cpu->dbg.nwatch;

	if (n == ARRAY_SIZE(cpu->dbg.watch))
		return -ENOSPC;
	cpu->dbg.watch[n].addr = linear;
	cpu->dbg.watch[n].len = len;
	cpu->dbg.watch[n].kind = (u8)kind;
	cpu->dbg.nwatch++;
	x86_cpu_request(cpu, X86_REQ_TLB);
	return 0;
}

int x86_debug_watch_del(struct x86_cpu *cpu, u64 linear, u64 len, enum x86_debug_watch kind)
{
	for (u32 i = 0; i < cpu->dbg.nwatch; i++)
		if (cpu->dbg.watch[i].addr == linear && cpu->dbg.watch[i].len == len && cpu->dbg.watch[i].kind == kind) {
			cpu->dbg.watch[i] = cpu->dbg.watch[--cpu->dbg.nwatch];
			return 0;
		}
	return -ENOENT;
}
