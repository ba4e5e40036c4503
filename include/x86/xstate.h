/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State components of XSAVE areas (SDM vol. 1, 13.4-13.5): what CPUID leaf
 * 0Dh shows and the XSAVE family uses. PKRU follows AVX directly, as on AMD
 * processors without AVX-512.
 */
#ifndef VMBOX_X86_XSTATE_H
#define VMBOX_X86_XSTATE_H

#include "x86/cpu.h"

#define X86_XSTATE_X87	BIT(0)
#define X86_XSTATE_SSE	BIT(1)
#define X86_XSTATE_AVX	BIT(2)
#define X86_XSTATE_PKRU	BIT(9)
#define X86_XSTATE_LEGACY	512	/* bytes before the header */
#define X86_XSTATE_HEADER	64

struct x86_xstate_component {
	u16 offset;	/* in the standard format */
	u16 size;
};

/* Component i of the extended region (i >= 2); size 0: there is none. */
static inline struct x86_xstate_component x86_xstate_component(unsigned i)
{
	if (i == 2)
		return (struct x86_xstate_component){ 576, 256 };
	if (i == 9)
		return (struct x86_xstate_component){ 832, 8 };
	return (struct x86_xstate_component){ 0, 0 };
}

/* Bytes of a standard (CPUID.0Dh.0:EBX, ECX) or compacted (0Dh.1:EBX) area of these components. */
static inline u32 x86_xstate_size(u64 components, bool compacted)
{
	u32 size = X86_XSTATE_LEGACY + X86_XSTATE_HEADER;

	for (unsigned i = 2; i < 63; i++) {
		struct x86_xstate_component c = x86_xstate_component(i);

		if (!(components >> i & 1) || !c.size)
			continue;
		size = compacted ? size + c.size : (u32)c.offset + c.size;
	}
	return size;
}

/* The MXCSR bits that may be set, as FXSAVE shows them in MXCSR_MASK. */
#define X86_MXCSR_MASK	0xffffu

#endif
