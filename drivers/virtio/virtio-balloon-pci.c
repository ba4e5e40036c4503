// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory balloon (virtio 1.2 section 5.5): the guest gives pages back to the
 * host (inflate), takes them again (deflate), reports statistics, and with
 * free-page reporting the pages that it does not use just now. The host
 * page of memory that is given back reads as zeros later.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "bytes.h"
#include "dev/virtio.h"
#include "json.h"
#include "qmp.h"
#include "str.h"

#define F_STATS		BIT(1)
#define F_DEFLATE_ON_OOM BIT(2)
#define F_PAGE_REPORTING BIT(5)
#define QUEUE_SIZE	128
#define Q_INFLATE	0
#define Q_DEFLATE	1
#define Q_STATS		2
#define PAGE		4096ULL
#define CONFIG_LEN	16
#define STATS		10
#define BATCH		256	/* page numbers read at a time */

struct balloon {
	struct virtio_dev v;
	bool deflate_on_oom, reporting;	/* properties */
	u32 pages;			/* to be given back, as the host wants it */
	u32 actual;			/* as the guest has it */
	u64 stats[STATS];
	bool has_stats;
	u64 last_update_s;
	u32 poll_s;			/* guest-stats-polling-interval; 0: never */
	struct clock_timer poll;
	struct virtq_elem *stats_elem;	/* the guest waits for the next question */
	bool paused;
};

static const char *const stat_names[STATS] = {
	"stat-swap-in", "stat-swap-out", "stat-major-faults", "stat-minor-faults", "stat-free-memory", "stat-total-memory",
	"stat-available-memory", "stat-disk-caches", "stat-htlb-pgalloc", "stat-htlb-pgfail",
};

static struct balloon *to_balloon(struct virtio_dev *v)
{
	return (struct balloon *)v;
}

/* Reporting comes right behind those there are (5.5.2: absent queues take no number). */
static unsigned q_reporting(const struct balloon *b)
{
	return virtio_has(&b->v, F_STATS) ? 3 : 2;
}

/* ---- pages ---- */

/* Main memory only: what firmware or a device keeps there is not the guest's to give. */
static void discard(struct balloon *b, u8 *host, u64 len)
{
	const struct mem_region *ram = b->v.dev.machine->ram;
	u64 off = (u64)(host - ram->host), first, end;

	if (host < ram->host || off >= ram->size || len > ram->size - off)
		return;
	first = ALIGN_UP(off, PAGE);
	end = ALIGN_DOWN(off + len, PAGE);
	if (first < end && madvise(ram->host + first, end - first, MADV_REMOVE) < 0)
		madvise(ram->host + first, end - first, MADV_DONTNEED);
}

static void inflate_page(struct balloon *b, u32 pfn)
{
	u64 n = PAGE;
	u8 *host = dma_map(&b->v.dev.machine->mem, pfn * PAGE, &n, true);

	if (!host || n != PAGE)
		return;
	discard(b, host, PAGE);
	dma_written(&b->v.dev.machine->mem, pfn * PAGE, PAGE);
}

static void run_pages(struct balloon *b, unsigned q)
{
	struct virtq_elem *e;
	bool any = false;

	while (!b->paused && (e = virtq_pop(&b->v, q))) {
		u8 raw[4 * BATCH];
		u64 off = 0;
		size_t got, i;

		while (q == Q_INFLATE && (got = virtq_read(e, off, raw, sizeof(raw)) / 4)) {
			for (i = 0; i < got; i++)
				inflate_page(b, get_le32(raw + 4 * i));
			off += 4 * got;
		}
		virtq_push(&b->v, q, e, 0);
		any = true;
	}
	if (any)
		virtq_interrupt(&b->v, q);
}

static void run_reports(struct balloon *b, unsigned q)
{
	struct virtq_elem *e;
	unsigned i;

	while (!b->paused && (e = virtq_pop(&b->v, q))) {
		for (i = 0; i < e->in_n; i++)
			discard(b, e->in[i].iov_base, e->in[i].iov_len);
		virtq_push(&b->v, q, e, (u32)e->in_len);
	}
	virtq_interrupt(&b->v, q);
}

/* ---- statistics: the buffer stays with us until we ask again ---- */

static void read_stats(struct balloon *b, const struct virtq_elem *e)
{
	u64 off = 0;
	u8 raw[10];

	memset(b->stats, 0xff, sizeof(b->stats));
	while (virtq_read(e, off, raw, sizeof(raw)) == sizeof(raw) && off < 10 * 64) {
		u16 tag = get_le16(raw);

		if (tag < STATS)
			b->stats[tag] = get_le64(raw + 2);
		off += sizeof(raw);
	}
	b->has_stats = true;
	b->last_update_s = (u64)time(NULL);
}

static void run_stats(struct balloon *b)
{
	struct virtq_elem *e;

	while (!b->paused && (e = virtq_pop(&b->v, Q_STATS))) {
		if (b->stats_elem)
			virtq_push(&b->v, Q_STATS, b->stats_elem, 0);
		b->stats_elem = e;
		read_stats(b, e);
	}
}

static void arm(struct balloon *b)
{
	if (b->poll_s)
		clock_timer_arm(&b->poll, clock_ns(b->v.dev.machine->clock) + b->poll_s * NSEC_PER_SEC);
	else
		clock_timer_del(&b->poll);
}

static void on_poll(void *opaque)
{
	struct balloon *b = opaque;

	if (b->stats_elem && !b->paused) {
		virtq_push(&b->v, Q_STATS, b->stats_elem, 0);
		b->stats_elem = NULL;
		virtq_interrupt(&b->v, Q_STATS);
	}
	arm(b);
}

static void balloon_notify(struct virtio_dev *v, unsigned q)
{
	struct balloon *b = to_balloon(v);

	if (q == Q_INFLATE || q == Q_DEFLATE)
		run_pages(b, q);
	else if (q == Q_STATS && virtio_has(v, F_STATS))
		run_stats(b);
	else if (q == q_reporting(b) && virtio_has(v, F_PAGE_REPORTING))
		run_reports(b, q);
}

/* Linux rings the statistics queue before it is ready. */
static void balloon_ready(struct virtio_dev *v)
{
	unsigned q;

	for (q = 0; q < v->queues; q++)
		balloon_notify(v, q);
}

/* ---- configuration ---- */

static void balloon_get_config(struct virtio_dev *v, u8 *cfg)
{
	struct balloon *b = to_balloon(v);

	memset(cfg, 0, CONFIG_LEN);
	put_le32(cfg, b->pages);
	put_le32(cfg + 4, b->actual);
}

static u64 guest_bytes(const struct balloon *b)
{
	return b->v.dev.machine->ram_size - MIN(b->v.dev.machine->ram_size, (u64)b->actual * PAGE);
}

static void balloon_set_config(struct virtio_dev *v, const u8 *cfg)
{
	struct balloon *b = to_balloon(v);
	u32 actual = get_le32(cfg + 4);
	char text[48];

	if (actual == b->actual)
		return;
	b->actual = actual;
	snprintf(text, sizeof(text), "{\"actual\": %llu}", guest_bytes(b));
	machine_event(v->dev.machine, "BALLOON_CHANGE", text);
}

static void balloon_reset(struct virtio_dev *v)
{
	struct balloon *b = to_balloon(v);

	if (b->stats_elem)
		virtq_drop(b->stats_elem);
	b->stats_elem = NULL;
	b->actual = 0;
}

static const struct virtio_ops balloon_ops = {
	.id = VIRTIO_ID_BALLOON, .class_code = 0x00ff00, .features = F_STATS, .queues = 4, .queue_size = QUEUE_SIZE,
	.config_len = CONFIG_LEN, .get_config = balloon_get_config, .set_config = balloon_set_config, .notify = balloon_notify,
	.ready = balloon_ready,
	.reset = balloon_reset,
};

/* ---- life ---- */

static int balloon_realize(struct device *dev, struct err *err)
{
	struct balloon *b = (struct balloon *)dev;
	u64 features = (b->deflate_on_oom ? F_DEFLATE_ON_OOM : 0) | (b->reporting ? F_PAGE_REPORTING : 0);

	if (machine_service(dev->machine, "balloon"))
		return err_set(err, EBUSY, "only one balloon device is supported");
	b->paused = !dev->machine->running;
	clock_timer_init(&b->poll, dev->machine->clock, dev, "balloon-stats", on_poll, b);
	arm(b);
	if (virtio_init(&b->v, &balloon_ops, b->reporting ? 4 : 3, features, err) < 0)
		return -err->code;
	machine_service_add(dev->machine, "balloon", b);
	return 0;
}

static void balloon_unrealize(struct device *dev)
{
	struct balloon *b = (struct balloon *)dev;

	machine_service_add(dev->machine, "balloon", NULL);
	clock_timer_del(&b->poll);
	if (b->stats_elem)
		virtq_drop(b->stats_elem);
	virtio_exit(&b->v);
}

static void balloon_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

/* The buffer of the statistics goes back into the ring while the machine stands. */
static void balloon_set_running(struct device *dev, bool running)
{
	struct balloon *b = (struct balloon *)dev;

	device_lock(dev);
	b->paused = !running;
	if (b->stats_elem && !running) {
		virtq_unpop(&b->v, Q_STATS, b->stats_elem);
		b->stats_elem = NULL;
	}
	if (running)
		balloon_ready(&b->v);
	device_unlock(dev);
}

/* qom-set guest-stats-polling-interval. */
static int balloon_set(struct device *dev, const char *name, const struct json *val, struct err *err)
{
	struct balloon *b = (struct balloon *)dev;
	s64 seconds;

	if (!str_eq(name, "guest-stats-polling-interval"))
		return -ENOENT;
	if (!json_to_s64(val, &seconds))
		return err_set(err, EINVAL, "Invalid parameter type for 'guest-stats-polling-interval', expected: integer");
	if (seconds < 0 || seconds > UINT32_MAX)
		return err_set(err, EINVAL, seconds < 0 ? "timer value must be greater than zero" : "timer value is too big");
	device_lock(dev);
	b->poll_s = (u32)seconds;
	arm(b);
	device_unlock(dev);
	return 0;
}

/* qom-get guest-stats. */
static struct json *balloon_get(struct device *dev, const char *name)
{
	struct balloon *b = (struct balloon *)dev;
	struct json *o, *s;
	unsigned i;
	bool bad;

	if (!str_eq(name, "guest-stats"))
		return NULL;
	o = json_new(JSON_OBJECT);
	s = json_new(JSON_OBJECT);
	bad = !o || !s;

	device_lock(dev);
	for (i = 0; i < STATS && !bad; i++)
		bad = json_set(s, stat_names[i], b->has_stats && b->stats[i] != ~0ULL ? json_new_uint(b->stats[i])
									: json_new_int(-1)) < 0;
	if (!bad)
		bad = json_set(o, "last-update", json_new_uint(b->last_update_s)) < 0;
	device_unlock(dev);
	if (bad || json_set(o, "stats", s) < 0) {
		if (bad)
			json_free(s);
		json_free(o);
		return NULL;
	}
	return o;
}

static const struct state_field balloon_fields[] = {
	STATE_VIRTIO(struct balloon, v), STATE(struct balloon, pages, U32), STATE(struct balloon, actual, U32),
	STATE(struct balloon, poll_s, U32), STATE(struct balloon, poll, TIMER), STATE_END
};

static int balloon_post_load(void *dev, u8 version, struct err *err)
{
	(void)version;
	return virtio_post_load(dev, err);
}

static const struct state_table balloon_state = { .version = 1, .fields = balloon_fields, .post_load = balloon_post_load };
static const struct pci_ops balloon_pci_ops = VIRTIO_PCI_OPS;

static const struct prop balloon_props[] = {
	PROP(struct balloon, deflate_on_oom, "deflate-on-oom", BOOL, 0, "the guest may take pages back when it is short of them"),
	PROP(struct balloon, reporting, "free-page-reporting", BOOL, 0, "the guest tells which pages it does not use"),
	PROP(struct balloon, poll_s, "guest-stats-polling-interval", U32, 0, "seconds between questions for statistics; 0: none"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_BALLOON_COMMON \
	.category = "Misc", .size = sizeof(struct balloon), .locking = LOCK_DEVICE, .props = balloon_props, \
	.realize = balloon_realize, .unrealize = balloon_unrealize, .reset = balloon_dev_reset, \
	.set_running = balloon_set_running, .state = &balloon_state, .get = balloon_get, .set = balloon_set

static const struct device_class virtio_balloon_class = {
	.name = "virtio-balloon-pci", .alias = "virtio-balloon", .desc = "memory balloon", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &balloon_pci_ops, VIRTIO_BALLOON_COMMON,
};
REGISTER(device, virtio_balloon_class);

static const struct device_class virtio_balloon_device_class = {
	.name = "virtio-balloon-device", .desc = "memory balloon", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_BALLOON_COMMON,
};
REGISTER(device, virtio_balloon_device_class);

/* ---- QMP ---- */

static struct balloon *need_balloon(struct qmp_call *c)
{
	struct balloon *b = machine_service(c->m, "balloon");

	if (!b) {
		c->err_class = "DeviceNotActive";
		err_set(&c->err, ENODEV, "No balloon device has been activated");
	}
	return b;
}

/* The size that the guest shall have. */
static int qmp_balloon(struct qmp_call *c)
{
	struct balloon *b = need_balloon(c);
	u64 value = 0, ram;

	if (!b || qopts_require(c->args, "value", &c->err) < 0 || qopts_u64(c->args, "value", 1, ~0ULL >> 1, &value, &c->err) < 0)
		return -c->err.code;
	ram = c->m->ram_size;
	device_lock(&b->v.dev);
	b->pages = (u32)((ram - MIN(ram, value)) / PAGE);
	virtio_config_changed(&b->v);
	device_unlock(&b->v.dev);
	return 0;
}

static const struct qmp_command balloon_cmd = { "balloon", qmp_balloon, false };
REGISTER(qmp_command, balloon_cmd);

static int qmp_query_balloon(struct qmp_call *c)
{
	struct balloon *b = need_balloon(c);

	if (!b)
		return -c->err.code;
	c->ret = json_new(JSON_OBJECT);
	if (!c->ret || json_set(c->ret, "actual", json_new_uint(guest_bytes(b))) < 0)
		return err_set(&c->err, ENOMEM, "out of memory");
	return 0;
}

static const struct qmp_command query_balloon_cmd = { "query-balloon", qmp_query_balloon, false };
REGISTER(qmp_command, query_balloon_cmd);
