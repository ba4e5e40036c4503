// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPU models and the -cpu argument. Feature names are QEMU's (both of its
 * spellings, with - or _). AMD is the default vendor: Linux then knows that
 * Meltdown does not apply and keeps one page table for kernel and user.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../priv.h"

struct feature_bit {
	const char *name;
	u8 word, bit;
	u8 feat;	/* enum x86_feature that instructions ask for, or NONE */
	u8 models;	/* M_* */
};

#define M_QEMU64	1
#define M_VMBOX		2
#define M_MAX		4
#define M_VM		(M_VMBOX | M_MAX)
#define M_ALL		7

#define F(name, word, bit, feat, models) { name, W_##word, bit, X86_FEAT_##feat, models }

static const struct feature_bit features[] = {
	F("fpu", 1_EDX, 0, FPU, M_ALL), F("vme", 1_EDX, 1, NONE, M_VM), F("de", 1_EDX, 2, NONE, M_ALL),
	F("pse", 1_EDX, 3, NONE, M_ALL), F("tsc", 1_EDX, 4, TSC, M_ALL), F("msr", 1_EDX, 5, MSR, M_ALL),
	F("pae", 1_EDX, 6, NONE, M_ALL), F("mce", 1_EDX, 7, NONE, M_ALL), F("cx8", 1_EDX, 8, CX8, M_ALL),
	F("apic", 1_EDX, 9, NONE, M_ALL), F("sep", 1_EDX, 11, SEP, M_ALL), F("mtrr", 1_EDX, 12, NONE, M_ALL),
	F("pge", 1_EDX, 13, NONE, M_ALL), F("mca", 1_EDX, 14, NONE, M_ALL), F("cmov", 1_EDX, 15, CMOV, M_ALL),
	F("pat", 1_EDX, 16, NONE, M_ALL), F("pse36", 1_EDX, 17, NONE, M_ALL), F("clflush", 1_EDX, 19, CLFSH, M_ALL),
	F("mmx", 1_EDX, 23, MMX, M_ALL), F("fxsr", 1_EDX, 24, FXSR, M_ALL), F("sse", 1_EDX, 25, SSE, M_ALL),
	F("sse2", 1_EDX, 26, SSE2, M_ALL), F("ht", 1_EDX, 28, NONE, 0),
	F("sse3", 1_ECX, 0, SSE3, M_ALL), F("pni", 1_ECX, 0, SSE3, M_ALL), F("pclmulqdq", 1_ECX, 1, PCLMUL, M_VM),
	F("monitor", 1_ECX, 3, MONITOR, M_MAX), F("ssse3", 1_ECX, 9, SSSE3, M_VM), F("fma", 1_ECX, 12, FMA, M_VM),
	F("cx16", 1_ECX, 13, CX16, M_ALL), F("pcid", 1_ECX, 17, NONE, M_VM), F("sse4.1", 1_ECX, 19, SSE41, M_VM),
	F("sse4.2", 1_ECX, 20, SSE42, M_VM), F("x2apic", 1_ECX, 21, NONE, M_VM), F("movbe", 1_ECX, 22, MOVBE, M_VM),
	F("popcnt", 1_ECX, 23, POPCNT, M_VM), F("tsc-deadline", 1_ECX, 24, NONE, M_VM), F("aes", 1_ECX, 25, AES, M_VM),
	F("xsave", 1_ECX, 26, XSAVE, M_VM), F("avx", 1_ECX, 28, AVX, M_VM), F("f16c", 1_ECX, 29, F16C, M_VM),
	F("rdrand", 1_ECX, 30, RDRAND, M_VM), F("hypervisor", 1_ECX, 31, NONE, M_ALL),
	F("fsgsbase", 7_EBX, 0, FSGSBASE, M_VM), F("tsc-adjust", 7_EBX, 1, NONE, M_VM), F("bmi1", 7_EBX, 3, BMI1, M_VM),
	F("avx2", 7_EBX, 5, AVX2, M_VM), F("fdp-excptn-only", 7_EBX, 6, NONE, M_VM), F("smep", 7_EBX, 7, NONE, M_VM), F("bmi2", 7_EBX, 8, BMI2, M_VM),
	F("zero-fcs-fds", 7_EBX, 13, NONE, M_VM),
	F("erms", 7_EBX, 9, NONE, M_VM), F("invpcid", 7_EBX, 10, INVPCID, M_VM), F("rdseed", 7_EBX, 18, RDSEED, M_VM),
	F("adx", 7_EBX, 19, ADX, M_VM), F("smap", 7_EBX, 20, SMAP, M_VM), F("clflushopt", 7_EBX, 23, CLFLUSHOPT, M_VM),
	F("clwb", 7_EBX, 24, CLWB, M_VM), F("sha-ni", 7_EBX, 29, SHA, M_VM),
	F("umip", 7_ECX, 2, NONE, M_VM), F("pku", 7_ECX, 3, PKU, M_VM), F("gfni", 7_ECX, 8, GFNI, M_MAX),
	F("vaes", 7_ECX, 9, VAES, M_MAX), F("vpclmulqdq", 7_ECX, 10, VPCLMUL, M_MAX), F("la57", 7_ECX, 16, NONE, M_MAX),
	F("rdpid", 7_ECX, 22, RDPID, M_VM), F("fsrm", 7_EDX, 4, NONE, M_VM),
	F("syscall", 81_EDX, 11, SYSCALL, M_ALL), F("nx", 81_EDX, 20, NONE, M_ALL), F("fxsr-opt", 81_EDX, 25, NONE, 0),
	F("pdpe1gb", 81_EDX, 26, NONE, M_VM), F("rdtscp", 81_EDX, 27, RDTSCP, M_VM), F("lm", 81_EDX, 29, NONE, M_ALL),
	F("lahf-lm", 81_ECX, 0, LAHF_LM, M_ALL), F("cmp-legacy", 81_ECX, 1, NONE, 0), F("cr8legacy", 81_ECX, 4, NONE, M_VM),
	F("abm", 81_ECX, 5, LZCNT, M_VM), F("lzcnt", 81_ECX, 5, LZCNT, M_VM),
	F("3dnowprefetch", 81_ECX, 8, PREFETCHW, M_VM), F("topoext", 81_ECX, 22, NONE, M_VM), F("mwaitx", 81_ECX, 29, MONITORX, 0),
	F("xsaveopt", D1_EAX, 0, XSAVEOPT, M_VM), F("xsavec", D1_EAX, 1, XSAVEC, M_VM),
	F("xgetbv1", D1_EAX, 2, NONE, M_VM), F("xsaves", D1_EAX, 3, XSAVES, 0),
	F("invtsc", 87_EDX, 8, NONE, M_VM), F("clzero", 88_EBX, 0, CLZERO, M_VM), F("wbnoinvd", 88_EBX, 9, WBNOINVD, M_VM),
	F("lfence-always-serializing", 821_EAX, 2, NONE, M_VM), F("null-sel-clr-base", 821_EAX, 6, NONE, M_VM),
	F("auto-ibrs", 821_EAX, 8, NONE, M_VM), F("srso-no", 821_EAX, 29, NONE, M_VM),
	F("arat", 6_EAX, 2, NONE, M_VM),
};

struct base_model {
	const char *name, *text, *brand;
	u8 mask;
	u32 family, model, stepping;
};

static const struct base_model models[] = {
	{ "vmbox", "x86-64-v3 with AES, SHA, PCID, SMAP, PKU (default)", "vmbox virtual CPU", M_VMBOX, 0x19, 0x11, 1 },
	{ "qemu64", "x86-64 baseline, as QEMU's qemu64", "QEMU Virtual CPU version 2.5+", M_QEMU64, 15, 107, 1 },
	{ "max", "everything that is implemented", "vmbox virtual CPU (max)", M_MAX, 0x19, 0x11, 1 },
};

static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char x = a[i] == '_' || a[i] == '.' ? '-' : a[i], y = b[i] == '_' || b[i] == '.' ? '-' : b[i];

		if (!y || x != y)
			return false;
	}
	return !b[len];
}

static void set_bit(struct x86_cpu_model *m, const struct feature_bit *f, bool on)
{
	u32 bit = 1u << f->bit;

	m->words[f->word] = on ? m->words[f->word] | bit : m->words[f->word] & ~bit;
}

static void derive(struct x86_cpu_model *m)
{
	memset(m->features, 0, sizeof(m->features));
	m->features[X86_FEAT_NONE] = 1;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].feat != X86_FEAT_NONE && (m->words[features[i].word] >> features[i].bit & 1))
			m->features[features[i].feat] = 1;
	m->hypervisor = m->words[W_1_ECX] >> 31;
	m->virt_bits = m->words[W_7_ECX] >> 16 & 1 ? 57 : 48;
}

static int apply_feature(struct x86_cpu_model *m, const char *name, size_t len, bool on, struct err *e)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (same_name(name, features[i].name, len)) {
			set_bit(m, &features[i], on);
			found = true;
		}
	if (!found)
		return err_set(e, EINVAL, "-cpu: no feature '%.*s' (see -cpu help)", (int)len, name);
	return 0;
}

static int apply_value(struct x86_cpu_model *m, const char *key, size_t klen, const char *val, size_t vlen, struct err *e)
{
	if (same_name(key, "vendor", klen)) {
		if (vlen != 12)
			return err_set(e, EINVAL, "-cpu: vendor must have 12 characters");
		memcpy(m->vendor, val, 12);
		return 0;
	}
	if (same_name(key, "family", klen) || same_name(key, "model", klen) || same_name(key, "stepping", klen) ||
	    same_name(key, "phys-bits", klen)) {
		u32 *field = key[0] == 'f' ? &m->family : key[0] == 'm' ? &m->model : key[0] == 's' ? &m->stepping : &m->phys_bits;
		char *end;
		unsigned long n = strtoul(val, &end, 0);

		if (end != val + vlen || n > 0x10e || (key[0] == 'p' && (n < 32 || n > 52)))
			return err_set(e, EINVAL, "-cpu: bad value in '%.*s'", (int)(klen + 1 + vlen), key);
		*field = (u32)n;
		return 0;
	}
	if (vlen == 2 && !memcmp(val, "on", 2))
		return apply_feature(m, key, klen, true, e);
	if (vlen == 3 && !memcmp(val, "off", 3))
		return apply_feature(m, key, klen, false, e);
	return err_set(e, EINVAL, "-cpu: unknown property '%.*s'", (int)(klen + 1 + vlen), key);
}

static int apply(struct x86_cpu_model *m, const char *s, size_t len, struct err *e)
{
	const char *eq = memchr(s, '=', len);

	if (len && (s[0] == '+' || s[0] == '-'))
		return apply_feature(m, s + 1, len - 1, s[0] == '+', e);
	if (eq)
		return apply_value(m, s, (size_t)(eq - s), eq + 1, len - (size_t)(eq - s) - 1, e);
	return apply_feature(m, s, len, true, e);
}

static int start_model(struct x86_cpu_model *m, const char *name, size_t len, struct err *e)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		const struct base_model *b = &models[i];

		if (strlen(b->name) != len || memcmp(b->name, name, len))
			continue;
		m->name = b->name;
		memcpy(m->vendor, "AuthenticAMD", 13);
		memcpy(m->brand, b->brand, strlen(b->brand) + 1);
		m->family = b->family;
		m->model = b->model;
		m->stepping = b->stepping;
		m->phys_bits = 40;
		m->tsc_hz = 1000000000;
		for (size_t k = 0; k < ARRAY_SIZE(features); k++)
			if (features[k].models & b->mask)
				set_bit(m, &features[k], true);
		return 0;
	}
	return err_set(e, EINVAL, "-cpu: no model '%.*s' (vmbox, qemu64, max)", (int)len, name);
}

int x86_cpu_model_parse(struct x86_cpu_model *m, const char *arg, struct err *e)
{
	size_t len = strcspn(arg, ",");
	int r = start_model(m, len ? arg : "vmbox", len ? len : 5, e);

	while (!r && arg[len]) {
		arg += len + 1;
		len = strcspn(arg, ",");
		r = apply(m, arg, len, e);
	}
	derive(m);
	return r;
}

void x86_cpu_model_features(const struct x86_cpu_model *m, void (*emit)(void *ctx, const char *name, bool on), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		emit(ctx, features[i].name, m->words[features[i].word] >> features[i].bit & 1);
}

void x86_cpu_model_list(void (*emit)(void *ctx, const char *line), void *ctx)
{
	char line[160];

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		snprintf(line, sizeof(line), "%-8s %s", models[i].name, models[i].text);
		emit(ctx, line);
	}
	emit(ctx, "Features:");
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		snprintf(line, sizeof(line), "  %s", features[i].name);
		emit(ctx, line);
	}
}
