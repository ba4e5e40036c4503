/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where CPUID shows features: the words kept in x86_cpu_model.words, and the
 * bits that the CPU code asks for by name (X86_EXTRA_*: word * 32 + bit).
 */
#ifndef ARCH_X86_SYS_FEATURES_H
#define ARCH_X86_SYS_FEATURES_H

enum x86_cpuid_word {
	W_1_EDX, W_1_ECX, W_7_EBX, W_7_ECX, W_7_EDX, W_81_EDX, W_81_ECX, W_D1_EAX,
	W_87_EDX, W_88_EBX, W_821_EAX, W_6_EAX, W_COUNT,
};

#define X86_EXTRA(word, bit)	((word) * 32 + (bit))
#define X86_EXTRA_PCID		X86_EXTRA(W_1_ECX, 17)
#define X86_EXTRA_X2APIC	X86_EXTRA(W_1_ECX, 21)
#define X86_EXTRA_TSC_DEADLINE	X86_EXTRA(W_1_ECX, 24)
#define X86_EXTRA_HYPERVISOR	X86_EXTRA(W_1_ECX, 31)
#define X86_EXTRA_APIC		X86_EXTRA(W_1_EDX, 9)
#define X86_EXTRA_MTRR		X86_EXTRA(W_1_EDX, 12)
#define X86_EXTRA_MCA		X86_EXTRA(W_1_EDX, 14)
#define X86_EXTRA_TSC_ADJUST	X86_EXTRA(W_7_EBX, 1)
#define X86_EXTRA_SMEP		X86_EXTRA(W_7_EBX, 7)
#define X86_EXTRA_UMIP		X86_EXTRA(W_7_ECX, 2)
#define X86_EXTRA_LA57		X86_EXTRA(W_7_ECX, 16)
#define X86_EXTRA_NX		X86_EXTRA(W_81_EDX, 20)
#define X86_EXTRA_FFXSR		X86_EXTRA(W_81_EDX, 25)
#define X86_EXTRA_PDPE1GB	X86_EXTRA(W_81_EDX, 26)
#define X86_EXTRA_LM		X86_EXTRA(W_81_EDX, 29)
#define X86_EXTRA_AUTOIBRS	X86_EXTRA(W_821_EAX, 8)

#endif
