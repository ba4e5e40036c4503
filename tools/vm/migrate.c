// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migrate and -incoming: the machine is stopped and saved by a thread, so that
 * monitors go on answering; loading is done at once. The stream itself is
 * migration/'s.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "mem.h"
#include "migration/migration.h"
#include "qmp.h"
#include "str.h"
#include "thread.h"
#include "vm.h"

#define RATE_NAP_NS	50000000L	/* how soon the saver sees that it is cancelled */

enum mig_status { MIG_NONE, MIG_ACTIVE, MIG_COMPLETED, MIG_FAILED, MIG_CANCELLED };
static const char *const status_names[] = { "none", "active", "completed", "failed", "cancelled" };

struct vm_migration {
	struct vm *vm;
	enum mig_status status;
	bool was_running;
	struct thread thread;
	struct mig_channel ch;
	struct mig_io out;		/* of the channel */
	struct mig_stream s;
	struct json *config;
	struct err err;
	u64 start_ns, total_ns, written;
	struct loop_fd listen;		/* incoming: a socket that waits */
};

static struct vm_migration *get(struct vm *vm)
{
	if (!vm->migration) {
		vm->migration = mem_zalloc(sizeof(*vm->migration));
		if (vm->migration)
			vm->migration->vm = vm;
	}
	return vm->migration;
}

struct json *vm_migrate_config(struct vm *vm, bool running)
{
	struct json *o = json_new(JSON_OBJECT);
	struct x86_cpu_model model;
	char cpu[16 * 9 + 40] = "none";
	size_t i, at;
	int ret = 0;

	if (!vm->cfg.no_cpus && x86_cpu_model_parse(&model, vm->cfg.cpu ? vm->cfg.cpu : "vmbox", NULL) == 0) {
		at = (size_t)snprintf(cpu, sizeof(cpu), "%s", model.vendor);
		for (i = 0; i < ARRAY_SIZE(model.words); i++)
			at += (size_t)snprintf(cpu + at, sizeof(cpu) - at, " %x", model.words[i]);
	}
	if (!o)
		return NULL;
	ret |= json_set(o, "machine", json_new_str(vm->cfg.board));
	ret |= json_set(o, "cpus", json_new_uint(vm->cfg.cpus));
	ret |= json_set(o, "memory", json_new_uint(vm->cfg.ram_size));
	ret |= json_set(o, "cpu-model", json_new_str(cpu));
	ret |= json_set(o, "_running", json_new_bool(running));
	if (ret == 0)
		return o;
	json_free(o);
	return NULL;
}

/* ---- saving ---- */

/* Main thread, the saver has ended. */
static void finish(struct vm_migration *g)
{
	struct vm *vm = g->vm;

	thread_join(&g->thread);
	mig_channel_close(&g->ch, &g->err);
	mig_stream_free(&g->s);
	json_free(g->config);
	g->config = NULL;
	g->total_ns = loop_now_ns() - g->start_ns;
	g->status = !g->err.code ? MIG_COMPLETED : g->err.code == ECANCELED ? MIG_CANCELLED : MIG_FAILED;
	vm->m->state = g->status == MIG_COMPLETED ? RUN_POSTMIGRATE : RUN_PAUSED;
	/* Nobody else has the machine: it goes on here. */
	if (g->status != MIG_COMPLETED && g->was_running)
		vm_cont(vm);
}

static void on_finished(void *arg)
{
	struct vm_migration *g = arg;

	if (g->status == MIG_ACTIVE)
		finish(g);
}

static void *saver(void *arg)
{
	struct vm_migration *g = arg;

	mig_save(&g->s, g->vm->m, g->config, &g->err);
	loop_post(g->vm->loop, on_finished, g, "saved", "migration");
	return NULL;
}

/* Saver: what went out since the start takes at least the time that max-bandwidth says. */
static void keep_rate(struct vm_migration *g)
{
	for (;;) {
		u64 rate = atomic_get(&g->vm->max_bandwidth), ns = loop_now_ns() - g->start_ns, due;
		struct timespec ts = { 0, RATE_NAP_NS };

		if (!rate || atomic_get(&g->s.cancel))
			return;
		due = (u64)((double)g->written * 1e9 / (double)rate);
		if (due <= ns)
			return;
		ts.tv_nsec = (long)MIN(due - ns, (u64)RATE_NAP_NS);
		nanosleep(&ts, NULL);
	}
}

static int write_slowly(void *ctx, const void *p, size_t n, struct err *err)
{
	struct vm_migration *g = ctx;

	g->written += n;
	keep_rate(g);
	return g->out.write(g->out.ctx, p, n, err);
}

static int start_saving(struct vm_migration *g, struct err *err)
{
	struct mig_io io = { .write = write_slowly, .ctx = g };

	mig_channel_io(&g->ch, &g->out);
	g->written = 0;
	g->config = vm_migrate_config(g->vm, g->was_running);
	if (!g->config || mig_stream_init(&g->s, &io) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return thread_create(&g->thread, "migration", THREAD_STACK_BIG, saver, g, err);
}

int vm_migrate(struct vm *vm, const char *uri, struct err *err)
{
	struct vm_migration *g = get(vm);

	if (!g)
		return err_set(err, ENOMEM, "out of memory");
	if (g->status == MIG_ACTIVE)
		return err_set(err, EBUSY, "There's a migration process in progress");
	if (vm->m->state == RUN_INMIGRATE)
		return err_set(err, EINVAL, "Guest is waiting for an incoming migration");
	if (vm->m->state == RUN_POSTMIGRATE)
		return err_set(err, EINVAL, "Can't migrate the vm that was paused due to previous migration");
	if (mig_channel_open(&g->ch, uri, true, err) < 0)
		return -err->code;
	err_clear(&g->err);
	g->was_running = vm->m->state == RUN_RUNNING;
	g->start_ns = loop_now_ns();
	vm_stop(vm);
	vm->m->state = RUN_FINISH_MIGRATE;
	g->status = MIG_ACTIVE;
	if (start_saving(g, err) == 0)
		return 0;
	mig_stream_free(&g->s);
	json_free(g->config);
	g->config = NULL;
	mig_channel_close(&g->ch, NULL);
	g->status = MIG_FAILED;
	g->err = *err;
	vm->m->state = RUN_PAUSED;
	if (g->was_running)
		vm_cont(vm);
	return -err->code;
}

int vm_migrate_wait(struct vm *vm, struct err *err)
{
	struct vm_migration *g = vm->migration;

	while (g->status == MIG_ACTIVE)
		loop_run_once(vm->loop, ~0ULL);
	return g->status == MIG_COMPLETED ? 0 : err_set(err, g->err.code, "%s", g->err.msg);
}

/* ---- loading ---- */

static void reset_machine(void *ctx)
{
	pc_reset(((struct vm *)ctx)->pc, false);
}

static int load(struct vm *vm, struct mig_channel *ch, struct err *err)
{
	struct json *config = vm_migrate_config(vm, false), *extra = NULL;
	struct mig_stream s = { .buf = NULL };
	bool running = true;
	struct mig_io io;
	int ret;

	mig_channel_io(ch, &io);
	if (!config || mig_stream_init(&s, &io) < 0)
		ret = err_set(err, ENOMEM, "out of memory");
	else
		ret = mig_load(&s, vm->m, config, &extra, reset_machine, vm, err);
	mig_stream_free(&s);
	json_free(config);
	if (ret == 0) {
		json_to_bool(json_get(extra, "_running"), &running);
		vm->m->state = RUN_PAUSED;
		if (vm->autostart && running)
			vm_cont(vm);
	}
	json_free(extra);
	if (mig_channel_close(ch, ret == 0 ? err : NULL) < 0 && ret == 0)
		ret = -err->code;
	return ret < 0 ? err_prefix(err, "-incoming %s", ch->uri) : 0;
}

static void stop_listening(struct vm_migration *g)
{
	int fd = g->listen.fd;

	if (!g->listen.loop)
		return;
	loop_fd_del(&g->listen);
	close(fd);
}

static void on_peer(struct loop_fd *h, u32 events)
{
	struct vm_migration *g = h->opaque;
	struct mig_channel ch = { .fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC), .uri = "socket" };
	struct err err = ERR_INIT;

	(void)events;
	if (ch.fd < 0)
		return;
	stop_listening(g);
	if (load(g->vm, &ch, &err) < 0) {
		err_report(&err);
		vm_quit(g->vm, 1);
	}
}

int vm_incoming(struct vm *vm, const char *uri, struct err *err)
{
	struct vm_migration *g = get(vm);
	struct mig_channel ch;
	int fd;

	if (!g)
		return err_set(err, ENOMEM, "out of memory");
	if (vm->m->state != RUN_PRELAUNCH && vm->m->state != RUN_INMIGRATE)
		return err_set(err, EINVAL, "'-incoming' was not specified on the command line");
	if (g->listen.loop)
		return err_set(err, EBUSY, "The incoming migration has already been started");
	vm->m->state = RUN_INMIGRATE;
	if (str_eq(uri, "defer"))
		return 0;
	if (str_starts(uri, "unix:", NULL) || str_starts(uri, "tcp:", NULL)) {
		if (mig_channel_listen(uri, &fd, err) < 0)
			return -err->code;
		return loop_fd_add(vm->loop, &g->listen, fd, EPOLLIN, on_peer, g, "incoming", "migration");
	}
	return mig_channel_open(&ch, uri, false, err) < 0 ? -err->code : load(vm, &ch, err);
}

void vm_migrate_stop(struct vm *vm)
{
	struct vm_migration *g = vm->migration;

	if (!g)
		return;
	stop_listening(g);
	if (g->status == MIG_ACTIVE) {
		g->was_running = false;
		__atomic_store_n(&g->s.cancel, true, __ATOMIC_RELAXED);
		finish(g);
	}
	mem_free(g);
	vm->migration = NULL;
}

/* ---- telling ---- */

static u64 ram_total(const struct vm *vm)
{
	const struct machine_ram *r;
	u64 sum = 0;

	for (r = vm->m->rams; r; r = r->next)
		sum += r->region->size;
	return sum;
}

void vm_migrate_info(struct vm *vm, struct strbuf *out)
{
	const struct vm_migration *g = vm->migration;

	if (!g || g->status == MIG_NONE)
		return;
	strbuf_printf(out, "Migration status: %s\n", status_names[g->status]);
	if (g->status == MIG_FAILED)
		strbuf_printf(out, "error description: %s\n", g->err.msg);
	strbuf_printf(out, "total time: %llu ms\ntransferred ram: %llu kbytes\ntotal ram: %llu kbytes\n",
		      (g->status == MIG_ACTIVE ? loop_now_ns() - g->start_ns : g->total_ns) / 1000000, atomic_get(&g->s.bytes) / 1024,
		      ram_total(vm) / 1024);
}

static int set_ram(struct qmp_call *c, const struct vm_migration *g)
{
	static const char *const zeroes[] = {
		"duplicate", "skipped", "dirty-pages-rate", "dirty-sync-count", "multifd-bytes", "pages-per-second",
		"downtime-bytes", "postcopy-requests", "postcopy-bytes", "dirty-sync-missed-zero-copy",
	};
	struct json *o = json_new(JSON_OBJECT);
	u64 bytes = atomic_get(&g->s.bytes), ns = MAX(g->total_ns, 1ULL);
	size_t i;

	if (json_set(c->ret, "ram", o) < 0)
		return err_set(&c->err, ENOMEM, "out of memory");
	json_set(o, "total", json_new_uint(ram_total(c->vm)));
	json_set(o, "remaining", json_new_int(0));
	json_set(o, "transferred", json_new_uint(bytes));
	json_set(o, "precopy-bytes", json_new_uint(bytes));
	json_set(o, "normal", json_new_uint(bytes / 4096));
	json_set(o, "normal-bytes", json_new_uint(bytes));
	json_set(o, "page-size", json_new_int(4096));
	json_set(o, "mbps", json_new_double((double)bytes * 8000 / (double)ns));
	for (i = 0; i < ARRAY_SIZE(zeroes); i++)
		json_set(o, zeroes[i], json_new_int(0));
	return 0;
}

static int query_migrate(struct qmp_call *c)
{
	const struct vm_migration *g = c->vm->migration;
	u64 ms;

	c->ret = json_new(JSON_OBJECT);
	if (!c->ret)
		return err_set(&c->err, ENOMEM, "out of memory");
	if (!g || g->status == MIG_NONE)
		return 0;
	ms = (g->status == MIG_ACTIVE ? loop_now_ns() - g->start_ns : g->total_ns) / 1000000;
	json_set(c->ret, "status", json_new_str(status_names[g->status]));
	if (g->status == MIG_FAILED)
		json_set(c->ret, "error-desc", json_new_str(g->err.msg));
	json_set(c->ret, "setup-time", json_new_int(0));
	json_set(c->ret, "total-time", json_new_uint(ms));
	if (g->status == MIG_COMPLETED)
		json_set(c->ret, "downtime", json_new_uint(ms));
	return set_ram(c, g);
}
static const struct qmp_command query_migrate_cmd = { .name = "query-migrate", .fn = query_migrate };
REGISTER(qmp_command, query_migrate_cmd);

static const char *take_uri(struct qmp_call *c)
{
	const char *uri = NULL;

	qopts_str(c->args, "uri", &uri, &c->err);
	qopts_require(c->args, "uri", &c->err);
	return uri;
}

static int migrate(struct qmp_call *c)
{
	const char *uri = take_uri(c);
	bool detach;

	qopts_bool(c->args, "detach", &detach, &c->err);	/* always so here */
	return err_is_set(&c->err) ? -c->err.code : vm_migrate(c->vm, uri, &c->err);
}
static const struct qmp_command migrate_cmd = { .name = "migrate", .fn = migrate };
REGISTER(qmp_command, migrate_cmd);

static int migrate_incoming(struct qmp_call *c)
{
	const char *uri = take_uri(c);

	if (err_is_set(&c->err))
		return -c->err.code;
	if (c->m->state != RUN_INMIGRATE)
		return err_set(&c->err, EINVAL, "'-incoming' was not specified on the command line");
	return vm_incoming(c->vm, uri, &c->err);
}
static const struct qmp_command migrate_incoming_cmd = { .name = "migrate-incoming", .fn = migrate_incoming };
REGISTER(qmp_command, migrate_incoming_cmd);

static int migrate_cancel(struct qmp_call *c)
{
	struct vm_migration *g = c->vm->migration;

	if (g && g->status == MIG_ACTIVE)
		__atomic_store_n(&g->s.cancel, true, __ATOMIC_RELAXED);
	return 0;
}
static const struct qmp_command migrate_cancel_cmd = { .name = "migrate_cancel", .fn = migrate_cancel };
REGISTER(qmp_command, migrate_cancel_cmd);
