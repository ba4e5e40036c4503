/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A saved machine, hostile: first byte 0: the rest is a stream as it stands;
 * else patches {u8 record, u16 offset, u8 length, bytes} to a good stream, whose
 * checksums are made right again, so that the tables and their checks are met.
 * What was loaded is then used: every port and register is read and written.
 * requires: CONFIG_MIGRATION CONFIG_EDU CONFIG_VIRTIO_RNG
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "checksum.h"
#include "dev/device.h"
#include "json.h"
#include "loop.h"
#include "machine/pc.h"
#include "migration/migration.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define STREAM_MAX	(1 << 20)
#define RECORDS		128

struct stream {
	u8 data[STREAM_MAX];
	size_t len, pos;
};

static struct {
	struct loop *loop;
	struct pc *pc;
	struct json *config;
	struct stream good, bad;
	size_t at[RECORDS], n;		/* where the records of good begin */
} f;

static int to_memory(void *ctx, const void *p, size_t n, struct err *err)
{
	struct stream *s = ctx;

	if (n > STREAM_MAX - s->len)
		return err_set(err, ENOSPC, "too long");
	memcpy(s->data + s->len, p, n);
	s->len += n;
	return 0;
}

static ssize_t from_memory(void *ctx, void *p, size_t n, struct err *err)
{
	struct stream *s = ctx;

	(void)err;
	n = MIN(n, s->len - s->pos);
	memcpy(p, s->data + s->pos, n);
	s->pos += n;
	return (ssize_t)n;
}

static void on_shutdown(void *ctx, bool by_guest, int code) { (void)ctx, (void)by_guest, (void)code; }
static bool on_reset(void *ctx, bool by_guest) { (void)ctx, (void)by_guest; return true; }
static void on_stopped(void *ctx, enum run_state why) { (void)ctx, (void)why; }
static void on_panicked(void *ctx) { (void)ctx; }
static const struct pc_events events = {
	.shutdown = on_shutdown, .reset = on_reset, .stopped = on_stopped, .panicked = on_panicked,
};

static void reset(void *ctx)
{
	(void)ctx;
	pc_reset(f.pc, false);
}

static void start(void)
{
	struct pc_config cfg = { .board = "q35", .cpus = 1, .max_cpus = 1, .ram_size = MiB, .no_acpi = true };
	struct mig_io io = { .write = to_memory, .ctx = &f.good };
	struct mig_stream s;
	struct err err = ERR_INIT;
	size_t at = 16;

	f.loop = loop_create(NULL, &err);
	f.pc = f.loop ? pc_create(&cfg, f.loop, &events, NULL, &err) : NULL;
	if (!f.pc || !device_create(pc_machine(f.pc), NULL, "edu", &err, "addr", "3", NULL) ||
	    !device_create(pc_machine(f.pc), NULL, "virtio-rng-pci", &err, "addr", "4", NULL) ||
	    !device_create(pc_machine(f.pc), NULL, "isa-serial", &err, NULL) ||
	    !device_create(pc_machine(f.pc), NULL, "pcie-root-port", &err, "addr", "5", NULL))
		abort();
	pc_reset(f.pc, false);
	f.config = json_new(JSON_OBJECT);
	if (!f.config || mig_stream_init(&s, &io) < 0 || mig_save(&s, pc_machine(f.pc), f.config, &err) < 0)
		abort();
	mig_stream_free(&s);
	for (; at < f.good.len && f.n < RECORDS; f.n++) {
		f.at[f.n] = at;
		at += 12 + get_le16(f.good.data + at + 2) + get_le32(f.good.data + at + 4);
	}
}

/* Patches stay inside payloads; the last record's must be right. */
static void patch(const u8 *data, size_t size)
{
	memcpy(f.bad.data, f.good.data, f.good.len);
	f.bad.len = f.good.len;
	while (size >= 4) {
		size_t at = f.at[data[0] % f.n], name = get_le16(f.bad.data + at + 2), len = get_le32(f.bad.data + at + 4);
		size_t off = len ? get_le16(data + 1) % len : 0, n = MIN(MIN((size_t)data[3], len - off), size - 4);
		u8 *p = f.bad.data + at;

		memcpy(p + 12 + name + off, data + 4, n);
		put_le32(p + 8, crc32c_update(crc32c_update(0, p, 8), p + 12, name + len));
		size -= 4 + MIN((size_t)data[3], size - 4);
		data += 4 + data[3];
	}
}

static void use(struct machine *m)
{
	static const struct { u64 base; unsigned len; } mmio[] = {
		{ 0xfec00000, 32 }, { 0xfed00000, 0x200 }, { 0xb0018000, 256 }, { 0xb0020000, 256 }, { 0xb0028000, 256 }, { 0xb00f8000, 256 },
	};
	static const struct { u16 base, len; } ports[] = {
		{ 0x20, 2 }, { 0xa0, 2 }, { 0x40, 4 }, { 0x60, 6 }, { 0x70, 4 }, { 0x3f8, 8 }, { 0xcf8, 1 }, { 0x510, 8 }, { 0x600, 48 },
	};
	struct x86_cpu *cpu = x86_system_cpu(pc_system(f.pc), 0);
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		for (k = 0; k < ports[i].len; k++)
			mem_write(&m->io, ports[i].base + k, mem_read(&m->io, ports[i].base + k, 1), 1);
	for (i = 0; i < ARRAY_SIZE(mmio); i++)
		for (k = 0; k < mmio[i].len; k += 4)
			mem_write(&m->mem, mmio[i].base + k, mem_read(&m->mem, mmio[i].base + k, 4), 4);
	loop_run_once(f.loop, 0);
	/* Steps of a debugger end even when the processor sleeps. */
	cpu->dbg.step = X86_DEBUG_STEP;
	for (i = 0; i < 50; i++)
		x86_cpu_run(cpu);
	cpu->dbg.step = 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct mig_io io = { .read = from_memory, .ctx = &f.bad };
	struct err err = ERR_INIT;
	struct mig_stream s;

	if (!f.pc)
		start();
	if (!size || size > 65536)
		return 0;
	f.bad.pos = 0;
	if (data[0]) {
		patch(data + 1, size - 1);
	} else {
		memcpy(f.bad.data, data + 1, size - 1);
		f.bad.len = size - 1;
	}
	if (mig_stream_init(&s, &io) < 0)
		abort();
	if (mig_load(&s, pc_machine(f.pc), f.config, NULL, reset, NULL, &err) == 0)
		use(pc_machine(f.pc));
	else if (!err.code || !err.msg[0])
		abort();
	mig_stream_free(&s);
	pc_reset(f.pc, false);
	return 0;
}
