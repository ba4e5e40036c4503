// SPDX-License-Identifier: GPL-2.0-or-later
/* The out-of-line parts of simd.h. */
#include "simd.h"

const union x86_vec *simd_load(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, union x86_vec *tmp)
{
	unsigned size = in->opnd[n].size;
	u64 lin = x86_mem(cpu, in, size, X86_READ);

	switch (size) {
	case 32: x86_ld256(cpu, lin, tmp); break;
	case 16: x86_ld128(cpu, lin, tmp); break;
	default: tmp->q[0] = x86_ld(cpu, lin, size); break;
	}
	return tmp;
}
