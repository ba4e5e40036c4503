// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SCSI host (virtio 1.2 section 5.6): a control, an event and several request
 * queues; the commands are the units' own (drivers/scsi).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/scsi.h"
#include "dev/sglist.h"
#include "dev/virtio.h"
#include "mem.h"

#define F_HOTPLUG	BIT(1)
#define F_CHANGE	BIT(2)

#define QUEUE_SIZE	256
#define QUEUES_MAX	16
#define Q_CONTROL	0
#define Q_EVENT		1
#define Q_REQUEST	2
#define CONFIG_LEN	36
#define HEAD_LEN	19	/* of a request, without the CDB */
#define RESP_LEN	12	/* without the sense data */
#define SENSE_SIZE	96
#define CDB_SIZE	32
#define EVENT_LEN	16

#define S_OK			0
#define S_OVERRUN		1
#define S_BAD_TARGET		3
#define S_BUSY			5
#define S_FAILURE		9
#define S_FUNCTION_REJECTED	11
#define S_INCORRECT_LUN		12
#define E_NONE			0
#define E_TRANSPORT_RESET	1
#define E_PARAM_CHANGE		3
#define E_MISSED		0x80000000U

struct vscsi {
	struct virtio_dev v;
	u32 num_queues, seg_max, max_sectors, cmd_per_lun;	/* properties */
	struct scsi_bus bus;
	u32 sense_size, cdb_size;	/* what the driver chose */
	bool missed;			/* an event found no buffer */
	bool paused;
	u32 resets;
};

struct vscsi_req {
	struct scsi_cmd c;
	struct vscsi *s;
	struct virtq_elem *e;
	unsigned q;
	u32 resets;
	struct iovec *data;
};

static struct vscsi *to_vscsi(struct virtio_dev *v)
{
	return (struct vscsi *)v;
}

/* Single level addressing (5.6.6.1): 1, target, two bytes of unit. -1: not so. */
static int parse_lun(const u8 *lun, int *target)
{
	if (lun[0] != 1)
		return -1;
	*target = lun[1];
	return ((lun[2] & 0x3f) << 8) | lun[3];
}

/* ---- requests ---- */

static void respond(struct vscsi_req *r, u8 response)
{
	struct vscsi *s = r->s;
	u8 resp[RESP_LEN + SCSI_SENSE_LEN] = { 0 };
	u32 sense_len = 0;
	u64 room = r->c.room;

	if (r->resets != s->resets) {
		virtq_drop(r->e);
	} else {
		if (response == S_OK && r->c.status == SCSI_CHECK_CONDITION) {
			scsi_sense_fill(r->c.sense, resp + RESP_LEN);
			sense_len = MIN((u32)SCSI_SENSE_LEN, s->sense_size);
		}
		put_le32(resp, sense_len);
		put_le32(resp + 4, (u32)(response == S_OK ? room - MIN(room, r->c.xfer) : room));
		resp[10] = response == S_OK ? r->c.status : 0;
		resp[11] = response;
		virtq_write(r->e, 0, resp, RESP_LEN + sense_len);
		virtq_push(&s->v, r->q, r->e, (u32)(RESP_LEN + s->sense_size + (r->c.to_dev ? 0 : r->c.xfer)));
		virtq_interrupt(&s->v, r->q);
	}
	mem_free(r->data);
	mem_free(r);
}

static void on_complete(struct scsi_cmd *c)
{
	struct vscsi_req *r = container_of(c, struct vscsi_req, c);

	respond(r, c->overrun ? S_OVERRUN : S_OK);
}

/* The data part of the chain; false: both directions at once, or no memory. */
static bool take_data(struct vscsi_req *r)
{
	const struct virtq_elem *e = r->e;
	u64 head = HEAD_LEN + r->s->cdb_size, tail = RESP_LEN + r->s->sense_size;
	u64 out = e->out_len - head, in = e->in_len - tail;
	unsigned n = out ? e->out_n : e->in_n;

	if (out && in)
		return false;
	r->c.to_dev = out != 0;
	r->c.room = out ? out : in;
	r->data = mem_array(n, sizeof(*r->data));
	if (!r->data)
		return false;
	r->c.niov = iov_slice(out ? e->out : e->in, n, out ? head : tail, r->c.room, r->data);
	r->c.iov = r->data;
	return true;
}

static void start(struct vscsi_req *r)
{
	struct vscsi *s = r->s;
	struct scsi_disk *d;
	u8 head[HEAD_LEN];
	int target = 0, lun;

	virtq_read(r->e, 0, head, sizeof(head));
	virtq_read(r->e, HEAD_LEN, r->c.cdb, MIN(s->cdb_size, (u32)SCSI_CDB_MAX));
	r->c.complete = on_complete;
	lun = parse_lun(head, &target);
	if (head[0] == 0xc1 && head[1] == 1) {		/* the well known unit for REPORT LUNS, of target 0 */
		lun = 0xffff;
	} else if (lun < 0) {
		respond(r, S_BAD_TARGET);
		return;
	}
	if (!scsi_bus_has_target(&s->bus, target)) {
		respond(r, S_BAD_TARGET);
		return;
	}
	d = r->c.cdb[0] == 0xa0 ? NULL : scsi_bus_find(&s->bus, target, lun);
	if (d)
		scsi_start(&d->lun, &r->c);
	else
		scsi_start_target(&s->bus, target, &r->c);
}

static void run_requests(struct vscsi *s, unsigned q)
{
	struct virtq_elem *e;

	while (!s->paused && (e = virtq_pop(&s->v, q))) {
		struct vscsi_req *r = mem_zalloc(sizeof(*r));

		if (!r) {
			virtq_unpop(&s->v, q, e);
			return;
		}
		*r = (struct vscsi_req){ .s = s, .e = e, .q = q, .resets = s->resets };
		if (e->out_len < HEAD_LEN + s->cdb_size || e->in_len < RESP_LEN + s->sense_size) {
			virtio_error(&s->v, "SCSI request without header or response");
			virtq_drop(e);
			mem_free(r);
			return;
		}
		if (take_data(r))
			start(r);
		else
			respond(r, S_FAILURE);
	}
}

/* ---- control ---- */

static void drain_target(struct vscsi *s, int target, int lun, bool reset)
{
	struct device *dev;

	for (dev = s->bus.bus.first; dev; dev = dev->next) {
		struct scsi_disk *d = (struct scsi_disk *)dev;

		if (!dev->realized || d->target != target || (lun >= 0 && d->lun_nr != lun))
			continue;
		blkdev_drain(&d->lun.blk);
		if (reset)
			scsi_lun_reset(&d->lun, true);
	}
}

/* An abort waits for the tasks: they end as they would have. */
static u8 task_management(struct vscsi *s, const u8 *req)
{
	int target = 0, lun = parse_lun(req + 8, &target);
	u32 subtype = get_le32(req + 4);

	if (lun < 0 || !scsi_bus_has_target(&s->bus, target))
		return S_BAD_TARGET;
	if (subtype != 4 && !scsi_bus_find(&s->bus, target, lun))
		return S_INCORRECT_LUN;
	switch (subtype) {
	case 0: case 1: case 3:		/* abort a task, the set, clear the set */
		drain_target(s, target, lun, false);
		return S_OK;
	case 4:				/* I_T nexus reset */
		drain_target(s, target, -1, true);
		return S_OK;
	case 5:
		drain_target(s, target, lun, true);
		return S_OK;
	case 6: case 7:			/* queries: no such task */
		drain_target(s, target, lun, false);
		return S_OK;
	default:
		return S_FUNCTION_REJECTED;
	}
}

static void run_control(struct vscsi *s)
{
	struct virtq_elem *e;

	while (!s->paused && (e = virtq_pop(&s->v, Q_CONTROL))) {
		u8 req[24] = { 0 }, resp[5] = { 0 };
		u32 resets = s->resets, len;
		size_t got = virtq_read(e, 0, req, sizeof(req));

		if (get_le32(req) == 0 && got == sizeof(req)) {
			resp[0] = task_management(s, req);
			len = 1;
		} else if (got >= 12 && (get_le32(req) == 1 || get_le32(req) == 2)) {
			len = 5;		/* asynchronous notifications: none is supported */
		} else {
			virtio_error(&s->v, "unknown control request");
			virtq_drop(e);
			return;
		}
		if (resets != s->resets) {
			virtq_drop(e);
			return;
		}
		virtq_write(e, 0, resp, len);
		virtq_push(&s->v, Q_CONTROL, e, len);
	}
	virtq_interrupt(&s->v, Q_CONTROL);
}

/* ---- events ---- */

static void send_event(struct vscsi *s, u32 event, u32 reason, const struct scsi_disk *d)
{
	struct virtq_elem *e;
	u8 raw[EVENT_LEN] = { 0 };

	if (!(s->v.status & VIRTIO_STATUS_DRIVER_OK))
		return;
	e = s->paused ? NULL : virtq_pop(&s->v, Q_EVENT);
	if (!e) {
		s->missed = true;
		return;
	}
	put_le32(raw, event | (s->missed ? E_MISSED : 0));
	s->missed = false;
	if (d) {
		raw[4] = 1;
		raw[5] = (u8)d->target;
		put_be16(raw + 6, (u16)(d->lun_nr < 256 ? d->lun_nr : 0x4000 | d->lun_nr));
	}
	put_le32(raw + 12, reason);
	virtq_write(e, 0, raw, sizeof(raw));
	virtq_push(&s->v, Q_EVENT, e, EVENT_LEN);
	virtq_interrupt(&s->v, Q_EVENT);
}

/* reason 1: rescan, 2: removed. */
static void bus_changed(struct scsi_bus *bus, struct scsi_disk *d, bool on)
{
	struct vscsi *s = container_of(bus, struct vscsi, bus);

	device_lock(&s->v.dev);
	if (virtio_has(&s->v, F_HOTPLUG))
		send_event(s, E_TRANSPORT_RESET, on ? 1 : 2, d);
	device_unlock(&s->v.dev);
}

/* Code in the low byte of the reason, its qualifier above (5.6.6.3.1). */
static void unit_attention(struct scsi_bus *bus, struct scsi_disk *d, u32 sense)
{
	struct vscsi *s = container_of(bus, struct vscsi, bus);

	if (virtio_has(&s->v, F_CHANGE))
		send_event(s, E_PARAM_CHANGE, (sense >> 8 & 0xff) | (sense & 0xff) << 8, d);
}

static void vscsi_notify(struct virtio_dev *v, unsigned q)
{
	struct vscsi *s = to_vscsi(v);

	if (q == Q_CONTROL)
		run_control(s);
	else if (q >= Q_REQUEST)
		run_requests(s, q);
	else if (s->missed)
		send_event(s, E_NONE, 0, NULL);
}

/* ---- configuration and life ---- */

static void vscsi_get_config(struct virtio_dev *v, u8 *cfg)
{
	struct vscsi *s = to_vscsi(v);

	put_le32(cfg, s->num_queues);
	put_le32(cfg + 4, s->seg_max ? s->seg_max : QUEUE_SIZE - 2);
	put_le32(cfg + 8, s->max_sectors);
	put_le32(cfg + 12, s->cmd_per_lun);
	put_le32(cfg + 16, EVENT_LEN);
	put_le32(cfg + 20, s->sense_size);
	put_le32(cfg + 24, s->cdb_size);
	put_le16(cfg + 28, 0);
	put_le16(cfg + 30, 255);
	put_le32(cfg + 32, 16383);
}

static void vscsi_set_config(struct virtio_dev *v, const u8 *cfg)
{
	struct vscsi *s = to_vscsi(v);
	u32 sense = get_le32(cfg + 20), cdb = get_le32(cfg + 24);

	if (sense > 255 || cdb < 6 || cdb > 255) {
		virtio_error(v, "sizes of sense data or commands out of range");
		return;
	}
	s->sense_size = sense;
	s->cdb_size = cdb;
}

static void drain_all(struct vscsi *s)
{
	struct device *dev;

	for (dev = s->bus.bus.first; dev; dev = dev->next)
		if (dev->realized)
			blkdev_drain(&((struct scsi_disk *)dev)->lun.blk);
}

static void vscsi_reset(struct virtio_dev *v)
{
	struct vscsi *s = to_vscsi(v);
	struct device *dev;

	s->resets++;
	drain_all(s);
	for (dev = s->bus.bus.first; dev; dev = dev->next)
		if (dev->realized)
			scsi_lun_reset(&((struct scsi_disk *)dev)->lun, true);
	s->sense_size = SENSE_SIZE;
	s->cdb_size = CDB_SIZE;
	s->missed = false;
}

static const struct virtio_ops vscsi_ops = {
	.id = VIRTIO_ID_SCSI, .class_code = 0x010000, .features = F_HOTPLUG | F_CHANGE, .queues = Q_REQUEST + QUEUES_MAX,
	.queue_size = QUEUE_SIZE, .config_len = CONFIG_LEN, .get_config = vscsi_get_config, .set_config = vscsi_set_config,
	.notify = vscsi_notify, .reset = vscsi_reset,
};

static int vscsi_realize(struct device *dev, struct err *err)
{
	struct vscsi *s = (struct vscsi *)dev;
	char name[48];

	if (!s->num_queues || s->num_queues > QUEUES_MAX)
		return err_set(err, EINVAL, "num_queues must lie between 1 and %u", QUEUES_MAX);
	s->paused = !dev->machine->running;
	if (virtio_init(&s->v, &vscsi_ops, Q_REQUEST + s->num_queues, 0, err) < 0)
		return -err->code;
	if (dev->id)
		snprintf(name, sizeof(name), "%.40s.0", dev->id);
	else
		snprintf(name, sizeof(name), "scsi.%s", strrchr(dev->path, '.') ? strrchr(dev->path, '.') + 1 : "0");
	scsi_bus_init(&s->bus, dev, name);
	s->bus.changed = bus_changed;
	s->bus.attention = unit_attention;
	return 0;
}

static void vscsi_unrealize(struct device *dev) { virtio_exit(to_virtio(dev)); }
static void vscsi_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

static void vscsi_set_running(struct device *dev, bool running)
{
	struct vscsi *s = (struct vscsi *)dev;
	unsigned q;

	device_lock(dev);
	s->paused = !running;
	drain_all(s);
	for (q = 0; q < s->v.queues && running; q++)
		vscsi_notify(&s->v, q);
	device_unlock(dev);
}

static const struct state_field vscsi_fields[] = {
	STATE_VIRTIO(struct vscsi, v), STATE(struct vscsi, sense_size, U32), STATE(struct vscsi, cdb_size, U32),
	STATE(struct vscsi, missed, BOOL), STATE_END
};

static int vscsi_post_load(void *dev, u8 version, struct err *err)
{
	struct vscsi *s = dev;

	(void)version;
	if (s->sense_size > 255 || s->cdb_size < 6 || s->cdb_size > 255)
		return err_set(err, EINVAL, "sizes of sense data or commands out of range");
	return virtio_post_load(&s->v, err);
}

static const struct state_table vscsi_state = { .version = 1, .fields = vscsi_fields, .post_load = vscsi_post_load };
static const struct pci_ops vscsi_pci_ops = VIRTIO_PCI_OPS;

static const struct prop vscsi_props[] = {
	PROP(struct vscsi, num_queues, "num_queues", U32, 1, "request queues"),
	PROP(struct vscsi, seg_max, "seg_max", U32, 0, "segments of a request; 0: what fits"),
	PROP(struct vscsi, max_sectors, "max_sectors", U32, 0xffff, "sectors of a request"),
	PROP(struct vscsi, cmd_per_lun, "cmd_per_lun", U32, 128, "requests at a time"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_SCSI_COMMON \
	.category = "Storage", .size = sizeof(struct vscsi), .locking = LOCK_DEVICE, .props = vscsi_props, \
	.realize = vscsi_realize, .unrealize = vscsi_unrealize, .reset = vscsi_dev_reset, \
	.set_running = vscsi_set_running, .state = &vscsi_state

static const struct device_class virtio_scsi_class = {
	.name = "virtio-scsi-pci", .alias = "virtio-scsi", .desc = "virtio SCSI controller", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &vscsi_pci_ops, VIRTIO_SCSI_COMMON,
};
REGISTER(device, virtio_scsi_class);

static const struct device_class virtio_scsi_device_class = {
	.name = "virtio-scsi-device", .desc = "virtio SCSI controller", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_SCSI_COMMON,
};
REGISTER(device, virtio_scsi_device_class);
