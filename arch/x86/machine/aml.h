/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small writer of ACPI Machine Language (ACPI 6.4, chapter 20). Terms are
 * appended in order; whatever has a PkgLength is opened by an aml_*_begin()
 * and closed by aml_end(), which inserts the length. Names are NameStrings in
 * source form: "PCI0", "\\_SB.PCI0", "^ISA". Running out of memory sticks and
 * is told by aml_failed(). One thread.
 */
#ifndef VMBOX_X86_MACHINE_AML_H
#define VMBOX_X86_MACHINE_AML_H

#include "compiler.h"

#define AML_DEPTH 16

struct aml {
	u8 *buf;
	size_t len, cap;
	size_t open[AML_DEPTH];		/* where the PkgLengths go */
	u8  buffer[AML_DEPTH];		/* 1: a Buffer, whose size term is written too */
	unsigned depth;
	bool failed;
};

void aml_free(struct aml *a);
bool aml_failed(const struct aml *a);
void aml_raw(struct aml *a, const void *p, size_t len);
void aml_byte(struct aml *a, u8 v);
void aml_end(struct aml *a);

void aml_scope_begin(struct aml *a, const char *name);
void aml_device_begin(struct aml *a, const char *name);
void aml_method_begin(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_if_begin(struct aml *a);	/* the predicate term follows */
void aml_else_begin(struct aml *a);
void aml_package_begin(struct aml *a, u8 elements);
/* A resource template: descriptors follow; the end tag is aml_resources_end()'s. */
void aml_resources_begin(struct aml *a);
void aml_resources_end(struct aml *a);

/* Name(name, <term that follows>) */
void aml_name(struct aml *a, const char *name);
void aml_namestring(struct aml *a, const char *name);
void aml_int(struct aml *a, u64 v);
void aml_string(struct aml *a, const char *s);
/* EISA id such as "PNP0A08" as the integer that _HID holds. */
void aml_eisaid(struct aml *a, const char *id);
void aml_return(struct aml *a);		/* the value term follows */
void aml_arg(struct aml *a, unsigned n);
void aml_local(struct aml *a, unsigned n);
/* Store(<term>, <target>): both follow. LEqual and And likewise take the terms that follow. */
void aml_store(struct aml *a);
void aml_lequal(struct aml *a);
void aml_and(struct aml *a);
void aml_or(struct aml *a);
void aml_create_dword_field(struct aml *a);	/* source, byte index, then a name */

/* Resource descriptors (ACPI 6.4 section 6.4). */
void aml_io(struct aml *a, u16 min, u16 max, u8 align, u8 len);
void aml_irq_noflags(struct aml *a, u8 irq);
/* An interrupt of any number: level triggered, active high, not shared. */
void aml_interrupt(struct aml *a, u32 gsi);
void aml_memory32_fixed(struct aml *a, u32 base, u32 len, bool writable);
void aml_word_bus(struct aml *a, u16 min, u16 max);
void aml_word_io(struct aml *a, u16 min, u16 max);
void aml_dword_memory(struct aml *a, u32 min, u32 max, bool cacheable);
void aml_qword_memory(struct aml *a, u64 min, u64 max);

#endif
