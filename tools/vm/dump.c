// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dump-guest-memory: RAM and processors as an ELF core (ELF-64 object file
 * format; System V ABI, AMD64 supplement), which crash reads by physical and,
 * with paging, gdb by virtual addresses. Notes: NT_PRSTATUS of each processor,
 * and the one named QEMU with control registers, by which crash finds where
 * the kernel lies.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bytes.h"
#include "hmp.h"
#include "mem.h"
#include "qmp-util.h"
#include "x86/insn.h"
#include "x86/saved.h"

#define FOUR_GIB	0x100000000ULL
#define PRSTATUS_LEN	336
#define QEMU_NOTE_LEN	440
#define NOTE_LEN(n)	(sizeof(Elf64_Nhdr) + 8 + (n))	/* "CORE" and "QEMU" are 5 bytes, padded */
#define CPU_NOTES	(NOTE_LEN(PRSTATUS_LEN) + NOTE_LEN(QEMU_NOTE_LEN))
#define MAPPINGS_MAX	60000u		/* e_phnum has 16 bits */
#define PIECE		(1 * MiB)
#define TABLE(e)	((e) & 0x000ffffffffff000ULL)

struct dump {
	struct vm *vm;
	int fd;
	bool sparse;			/* zeros need not be written */
	u64 notes_at, ram_at;		/* offsets in the file */
	Elf64_Phdr *ph;
	unsigned n, cap;
	int ret;			/* of what was appended */
};

/* ---- program headers ---- */

/* The part [pa, pa + len) of one RAM block, at va; joins what continues the one before. */
static void add_load(struct dump *d, u64 va, u64 pa, u64 len)
{
	const struct machine *m = d->vm->m;
	u64 off = d->ram_at + (pa >= FOUR_GIB ? m->below_4g + pa - FOUR_GIB : pa);
	Elf64_Phdr *last = d->n ? &d->ph[d->n - 1] : NULL, *grown;

	if (last && last->p_type == PT_LOAD && va && last->p_vaddr + last->p_memsz == va && last->p_paddr + last->p_memsz == pa &&
	    last->p_offset + last->p_filesz == off) {
		last->p_filesz += len;
		last->p_memsz += len;
		return;
	}
	if (d->n >= MAPPINGS_MAX) {
		d->ret = -E2BIG;
		return;
	}
	if (d->n == d->cap) {
		grown = realloc(d->ph, (d->cap * 2 + 64) * sizeof(*grown));
		if (!grown) {
			d->ret = -ENOMEM;
			return;
		}
		d->ph = grown;
		d->cap = d->cap * 2 + 64;
	}
	d->ph[d->n++] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = off, .p_vaddr = va, .p_paddr = pa, .p_filesz = len, .p_memsz = len,
	};
}

/* What of the range is RAM; 2M and 1G pages may reach over a block's end. */
static void add_range(struct dump *d, u64 va, u64 pa, u64 len)
{
	const struct machine *m = d->vm->m;

	if (pa < m->below_4g)
		add_load(d, va, pa, MIN(len, m->below_4g - pa));
	else if (pa >= FOUR_GIB && pa - FOUR_GIB < m->above_4g)
		add_load(d, va, pa, MIN(len, FOUR_GIB + m->above_4g - pa));
}

/* Tables of 64-bit mode. level 4: PML5, 3: PML4, ... 0: page tables. */
static void walk(struct dump *d, u64 table, int level, int top, u64 va)
{
	unsigned shift = 12 + 9 * (unsigned)level, i;

	for (i = 0; i < 512 && !d->ret; i++) {
		u64 e = mem_read(&d->vm->m->mem, table + i * 8ULL, 8), at = va + ((u64)i << shift);

		if (!(e & 1))
			continue;
		if (level == top && i >= 256)
			at |= ~0ULL << (shift + 9);
		if (level == 0 || (level <= 2 && (e & 0x80)))
			add_range(d, at, TABLE(e) & ~((1ULL << shift) - 1), 1ULL << shift);
		else
			walk(d, TABLE(e), level - 1, top, at);
	}
}

static int add_paging(struct dump *d, struct err *err)
{
	struct x86_saved s;
	int top;

	x86_cpu_get_saved(x86_system_cpu(pc_system(d->vm->pc), 0), &s);
	if (!(s.cr0 >> 31 & 1) || !(s.efer & 0x400))
		return err_set(err, ENOTSUP, "dumping by virtual addresses needs a guest in 64-bit mode");
	top = s.cr4 & 0x1000 ? 4 : 3;
	walk(d, TABLE(s.cr3), top, top, 0);
	return 0;
}

/* File offsets of the memory are relative until the number of headers is known. */
static int make_headers(struct dump *d, bool paging, struct err *err)
{
	const struct machine *m = d->vm->m;
	unsigned i;
	u64 notes;

	add_load(d, 0, 0, m->below_4g);
	if (m->above_4g)
		add_load(d, 0, FOUR_GIB, m->above_4g);
	if (paging && !d->ret && add_paging(d, err) < 0)
		return -err->code;
	if (d->ret)
		return err_errno(err, -d->ret, "dump: too many mappings");
	d->notes_at = sizeof(Elf64_Ehdr) + (d->n + 1ULL) * sizeof(Elf64_Phdr);
	notes = pc_cpus(d->vm->pc) * CPU_NOTES;
	d->ram_at = ALIGN_UP(d->notes_at + notes, 4096ULL);
	for (i = 0; i < d->n; i++)
		d->ph[i].p_offset += d->ram_at;
	return 0;
}

/* ---- notes ---- */

static u8 *put_note(u8 *p, const char *name, u32 type, u32 len)
{
	put_le32(p, (u32)strlen(name) + 1);
	put_le32(p + 4, len);
	put_le32(p + 8, type);
	memcpy(p + 12, name, strlen(name) + 1);
	return p + 20;
}

/* elf_prstatus: the registers of ptrace's user_regs_struct at 112. */
static void put_prstatus(u8 *p, unsigned cpu, const struct x86_saved *s)
{
	static const u8 order[] = {
		X86_R15, X86_R14, X86_R13, X86_R12, X86_RBP, X86_RBX, X86_R11, X86_R10, X86_R9, X86_R8,
		X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RAX,
	};
	const u64 rest[] = {
		s->rip, s->seg[X86_CS].sel, s->rflags, s->gpr[X86_RSP], s->seg[X86_SS].sel, s->seg[X86_FS].base, s->seg[X86_GS].base,
		s->seg[X86_DS].sel, s->seg[X86_ES].sel, s->seg[X86_FS].sel, s->seg[X86_GS].sel,
	};
	size_t i;

	put_le32(p + 32, cpu + 1);
	p += 112;
	for (i = 0; i < ARRAY_SIZE(order); i++, p += 8)
		put_le64(p, s->gpr[order[i]]);
	for (i = 0; i < ARRAY_SIZE(rest); i++, p += 8)
		put_le64(p, rest[i]);
}

static u8 *put_segment(u8 *p, const struct x86_saved_segment *s)
{
	put_le32(p, s->sel);
	put_le32(p + 4, s->limit);
	put_le32(p + 8, (u32)s->attr << 8);
	put_le64(p + 16, s->base);
	return p + 24;
}

/* QEMUCPUState, version 1. */
static void put_qemu(u8 *p, const struct x86_saved *s)
{
	static const u8 order[] = { X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RSP, X86_RBP };
	static const u8 segs[] = { X86_CS, X86_DS, X86_ES, X86_FS, X86_GS, X86_SS };
	const u64 cr[] = { s->cr0, 0, s->cr2, s->cr3, s->cr4, s->kernel_gs_base };
	size_t i;

	put_le32(p, 1);
	put_le32(p + 4, QEMU_NOTE_LEN);
	p += 8;
	for (i = 0; i < 16; i++, p += 8)
		put_le64(p, s->gpr[i < ARRAY_SIZE(order) ? order[i] : i]);
	put_le64(p, s->rip);
	put_le64(p + 8, s->rflags);
	p += 16;
	for (i = 0; i < ARRAY_SIZE(segs); i++)
		p = put_segment(p, &s->seg[segs[i]]);
	p = put_segment(p, &s->ldt);
	p = put_segment(p, &s->tr);
	p = put_segment(p, &s->gdt);
	p = put_segment(p, &s->idt);
	for (i = 0; i < ARRAY_SIZE(cr); i++, p += 8)
		put_le64(p, cr[i]);
}

/* ---- the file ---- */

static int put_at(struct dump *d, u64 off, const void *buf, size_t len, struct err *err)
{
	const u8 *p = buf;

	while (len) {
		ssize_t n = d->sparse ? pwrite(d->fd, p, len, (off_t)off) : write(d->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n ? errno : EIO, "dump: failed to save memory");
		p += n;
		off += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

/* All that stands before the memory, as one buffer. */
static int put_front(struct dump *d, struct err *err)
{
	unsigned cpus = pc_cpus(d->vm->pc), i;
	u8 *buf = mem_zalloc(d->ram_at), *p = buf + d->notes_at;
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_CORE, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_phoff = sizeof(eh), .e_ehsize = sizeof(eh), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(d->n + 1),
	};
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_offset = d->notes_at, .p_filesz = cpus * CPU_NOTES, .p_memsz = cpus * CPU_NOTES };
	struct x86_saved s;
	int ret;

	if (!buf)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(buf, &eh, sizeof(eh));
	memcpy(buf + sizeof(eh), &note, sizeof(note));
	memcpy(buf + sizeof(eh) + sizeof(note), d->ph, d->n * sizeof(*d->ph));
	for (i = 0; i < cpus; i++) {
		x86_cpu_get_saved(x86_system_cpu(pc_system(d->vm->pc), i), &s);
		p = put_note(p, "CORE", NT_PRSTATUS, PRSTATUS_LEN);
		put_prstatus(p, i, &s);
		p += PRSTATUS_LEN;
	}
	for (i = 0; i < cpus; i++) {
		x86_cpu_get_saved(x86_system_cpu(pc_system(d->vm->pc), i), &s);
		p = put_note(p, "QEMU", 0, QEMU_NOTE_LEN);
		put_qemu(p, &s);
		p += QEMU_NOTE_LEN;
	}
	ret = put_at(d, 0, buf, d->ram_at, err);
	mem_free(buf);
	return ret;
}

/* The block of RAM lies in one piece in the host: what is above 4 GiB follows what is below. */
static int put_ram(struct dump *d, struct err *err)
{
	const struct machine *m = d->vm->m;
	u64 at, n;

	for (at = 0; at < m->ram_size; at += n) {
		const u8 *p = m->ram->host + at;

		n = MIN(m->ram_size - at, PIECE);
		if (!(d->sparse && buf_is_zero(p, n)) && put_at(d, d->ram_at + at, p, n, err) < 0)
			return -err->code;
	}
	if (d->sparse && ftruncate(d->fd, (off_t)(d->ram_at + m->ram_size)) < 0)
		return err_errno(err, errno, "dump: failed to save memory");
	return 0;
}

static int dump_to(struct vm *vm, int fd, bool paging, struct err *err)
{
	struct dump d = { .vm = vm, .fd = fd };
	struct stat st;
	int ret;

	d.sparse = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	pc_pause(vm->pc);
	ret = make_headers(&d, paging, err);
	if (ret == 0)
		ret = put_front(&d, err);
	if (ret == 0)
		ret = put_ram(&d, err);
	pc_resume(vm->pc);
	free(d.ph);
	return ret;
}

/* protocol: file:PATH or fd:NUMBER. */
static int dump_open(const char *protocol, struct err *err)
{
	const char *rest;
	char *end;
	long n;
	int fd;

	if (str_starts(protocol, "file:", &rest)) {
		fd = open(rest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		return fd < 0 ? err_errno(err, errno, "Could not open '%s'", rest) : fd;
	}
	if (!str_starts(protocol, "fd:", &rest))
		return err_set(err, EINVAL, "parameter 'protocol' must start with 'file:' or 'fd:'");
	n = strtol(rest, &end, 10);
	if (!*rest || *end || n < 0 || n > 1 << 20)
		return err_set(err, EINVAL, "File descriptor named '%s' has not been found", rest);
	fd = dup((int)n);
	return fd < 0 ? err_errno(err, errno, "file descriptor %ld", n) : fd;
}

static int dump(struct vm *vm, const char *protocol, bool paging, struct err *err)
{
	char data[160];
	int fd, ret;

	if (!pc_cpus(vm->pc))
		return err_set(err, ENOTSUP, "dump: there is no processor");
	fd = dump_open(protocol, err);
	if (fd < 0)
		return fd;
	ret = dump_to(vm, fd, paging, err);
	if (close(fd) < 0 && ret == 0)
		ret = err_errno(err, errno, "dump: failed to save memory");
	if (ret == 0) {
		snprintf(data, sizeof(data), "{\"result\": {\"total\": %llu, \"status\": \"completed\", \"completed\": %llu}}",
			 vm->m->ram_size, vm->m->ram_size);
		vm_event(vm, "DUMP_COMPLETED", data);
	}
	return ret;
}

/* ---- orders ---- */

static int dump_guest_memory(struct qmp_call *c)
{
	const char *protocol = qmp_need_str(c, "protocol"), *format = NULL;
	bool paging = false, detach = false;

	qopts_bool(c->args, "paging", &paging, &c->err);
	qopts_bool(c->args, "detach", &detach, &c->err);	/* it is over when the reply comes */
	qopts_str(c->args, "format", &format, &c->err);
	if (err_is_set(&c->err))
		return -c->err.code;
	if (format && !str_eq(format, "elf"))
		return err_set(&c->err, EINVAL, "only the format 'elf' is supported");
	return dump(c->vm, protocol, paging, &c->err);
}
QMP("dump-guest-memory", dump_guest_memory);

static int query_capability(struct qmp_call *c)
{
	struct json *formats = json_new(JSON_ARRAY);

	if (qmp_new(c, JSON_OBJECT) < 0)
		return -c->err.code;
	json_append(formats, json_new_str("elf"));
	json_set(c->ret, "formats", formats);
	return 0;
}
QMP("query-dump-guest-memory-capability", query_capability);

void hmp_dump_guest_memory(struct hmp_call *c)
{
	bool paging = c->argc > 1 && str_eq(c->argv[1], "-p");
	struct err err = ERR_INIT;
	char *protocol;

	if (c->argc != 2U + paging) {
		strbuf_puts(c->out, "usage: dump-guest-memory [-p] FILE\n");
		return;
	}
	protocol = str_printf("file:%s", c->argv[1 + paging]);
	if (!protocol)
		err_set(&err, ENOMEM, "out of memory");
	else
		dump(c->vm, protocol, paging, &err);
	if (err_is_set(&err))
		strbuf_printf(c->out, "Error: %s\n", err.msg);
	mem_free(protocol);
}
