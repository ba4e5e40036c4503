// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket device (virtio 1.2 section 5.10) without the host kernel's vhost:
 * -device virtio-vsock-pci,guest-cid=3,uds=PATH. The guest's port P of the
 * host is the unix socket PATH_P; the host connects to PATH and says
 * "CONNECT P\n". Here: rings, events, life; conn.c and host.c have the rest.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/machine.h"
#include "mem.h"
#include "str.h"
#include "vsock.h"

#define CONFIG_LEN	8
#define TX_AT_ONCE	256	/* packets of the guest before its sockets are looked at again */

static void put_packet(u8 *raw, const struct packet *p)
{
	put_le64(raw, p->src_cid);
	put_le64(raw + 8, p->dst_cid);
	put_le32(raw + 16, p->src_port);
	put_le32(raw + 20, p->dst_port);
	put_le32(raw + 24, p->len);
	put_le16(raw + 28, p->type);
	put_le16(raw + 30, p->op);
	put_le32(raw + 32, p->flags);
	put_le32(raw + 36, p->buf_alloc);
	put_le32(raw + 40, p->fwd_cnt);
}

static void get_packet(const u8 *raw, struct packet *p)
{
	p->src_cid = get_le64(raw);
	p->dst_cid = get_le64(raw + 8);
	p->src_port = get_le32(raw + 16);
	p->dst_port = get_le32(raw + 20);
	p->len = get_le32(raw + 24);
	p->type = get_le16(raw + 28);
	p->op = get_le16(raw + 30);
	p->flags = get_le32(raw + 32);
	p->buf_alloc = get_le32(raw + 36);
	p->fwd_cnt = get_le32(raw + 40);
}

static void show_taps(struct vsock *s, bool from_guest, const u8 *raw, const void *data, size_t len)
{
	struct vsock_tap *t;

	for (t = s->taps; t; t = t->next)
		t->packet(t, from_guest, raw, data, len);
}

/* ---- to the guest ---- */

struct virtq_elem *vsock_rx_buffer(struct vsock *s)
{
	struct virtq_elem *e = virtq_pop(&s->v, Q_RX);

	if (e && e->in_len < VSOCK_HDR_LEN) {
		virtio_error(&s->v, "receive buffer without room for a header");
		virtq_drop(e);
		return NULL;
	}
	return e;
}

void vsock_rx_push(struct vsock *s, struct virtq_elem *e, const struct packet *p, const void *data)
{
	u8 raw[VSOCK_HDR_LEN];

	put_packet(raw, p);
	virtq_write(e, 0, raw, sizeof(raw));
	if (p->len)
		virtq_write(e, sizeof(raw), data, p->len);
	if (s->taps)
		show_taps(s, false, raw, data, p->len);
	virtq_push(&s->v, Q_RX, e, VSOCK_HDR_LEN + p->len);
	s->rx_pushed = true;
}

void vsock_reply_reset(struct vsock *s, const struct packet *p)
{
	if (p->op == VSC_VIRTIO_RST || mem_grow(&s->replies, &s->replies_cap, s->replies_n + 1, sizeof(*s->replies)) < 0)
		return;
	s->replies[s->replies_n++] = (struct packet){
		.src_cid = p->dst_cid, .dst_cid = p->src_cid, .src_port = p->dst_port, .dst_port = p->src_port,
		.type = p->type, .op = VSC_VIRTIO_RST,
	};
}

static void send_replies(struct vsock *s)
{
	struct virtq_elem *e;
	size_t n = 0;

	while (n < s->replies_n && (e = vsock_rx_buffer(s)))
		vsock_rx_push(s, e, &s->replies[n++], NULL);
	s->replies_n -= n;
	if (n && s->replies_n)
		memmove(s->replies, s->replies + n, s->replies_n * sizeof(*s->replies));
}

/* Those that are ready now, each once: who finds no buffer is ready again. */
static void serve_ready(struct vsock *s)
{
	struct conn *last = s->ready_last, *c;
	unsigned n = s->count;

	while (n-- && (c = s->ready_first) && virtq_has_work(&s->v, Q_RX)) {
		bool end = c == last;

		conn_service(c);
		if (end)
			break;
	}
}

static void send_event(struct vsock *s)
{
	static const u8 reset[4];	/* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET */
	struct virtq_elem *e = virtq_pop(&s->v, Q_EVENT);

	if (!e)
		return;
	virtq_push(&s->v, Q_EVENT, e, (u32)virtq_write(e, 0, reset, sizeof(reset)));
	virtq_interrupt(&s->v, Q_EVENT);
	s->reset_event = false;
}

/* ---- from the guest ---- */

static void guest_connects(struct vsock *s, const struct packet *p)
{
	int fd = s->count < CONNS_MAX ? vsock_connect(s, p->dst_port, p->type) : -1;
	struct conn *c = fd >= 0 ? conn_new(s, fd, p->type, CONN_OPEN) : NULL;

	if (!c) {
		vsock_reply_reset(s, p);
		return;
	}
	conn_name(c, p->src_port, p->dst_port);
	c->peer_buf_alloc = p->buf_alloc;
	c->peer_fwd_cnt = p->fwd_cnt;
	conn_tell(c, VSC_VIRTIO_RESPONSE);
}

static void guest_packet(struct vsock *s, const struct packet *p, const u8 *data)
{
	struct conn *c;

	if (p->src_cid != s->guest_cid)
		return;
	if (p->dst_cid != VSOCK_HOST_CID || (p->type != VSC_VIRTIO_STREAM &&
					     !(p->type == VSC_VIRTIO_SEQPACKET && virtio_has(&s->v, F_SEQPACKET)))) {
		vsock_reply_reset(s, p);
		return;
	}
	c = conn_find(s, p->src_port, p->dst_port);
	if (!c && p->op == VSC_VIRTIO_REQUEST)
		guest_connects(s, p);
	else if (!c)
		vsock_reply_reset(s, p);
	else
		conn_packet(c, p, data);
}

static void take_tx(struct vsock *s)
{
	struct virtq_elem *e;
	unsigned n = 0;

	while (n < TX_AT_ONCE && s->replies_n < REPLIES_MAX && (e = virtq_pop(&s->v, Q_TX))) {
		u8 raw[VSOCK_HDR_LEN];
		struct packet p;

		if (virtq_read(e, 0, raw, sizeof(raw)) == sizeof(raw)) {
			get_packet(raw, &p);
			if (p.len <= PACKET_MAX && virtq_read(e, VSOCK_HDR_LEN, s->bounce, p.len) == p.len) {
				if (s->taps)
					show_taps(s, true, raw, s->bounce, p.len);
				guest_packet(s, &p, s->bounce);
			}
		}
		virtq_push(&s->v, Q_TX, e, 0);
		n++;
	}
	if (n)
		virtq_interrupt(&s->v, Q_TX);
}

/* ---- the worker ---- */

static void drop_connections(struct vsock *s)
{
	while (s->conns)
		conn_free(s->conns);
	s->replies_n = 0;
	s->drop_all = false;
}

bool vsock_enter(struct vsock *s)
{
	bool good;

	device_lock(&s->v.dev);
	while (s->paused && !s->quit)
		pthread_cond_wait(&s->resume, &s->v.dev.lock);
	good = !s->quit && !s->drop_all;
	if (!good) {
		if (s->drop_all)
			drop_connections(s);
		device_unlock(&s->v.dev);
	}
	return good;
}

void vsock_leave(struct vsock *s)
{
	if (s->rx_pushed)
		virtq_interrupt(&s->v, Q_RX);
	s->rx_pushed = false;
	device_unlock(&s->v.dev);
}

static void on_kick(struct loop_bh *bh)
{
	struct vsock *s = bh->opaque;

	if (!vsock_enter(s) && (s->quit || !vsock_enter(s)))
		return;
	if (s->reset_event)
		send_event(s);
	send_replies(s);
	take_tx(s);
	send_replies(s);
	serve_ready(s);
	if (s->replies_n < REPLIES_MAX && virtq_has_work(&s->v, Q_TX))
		loop_bh_schedule(&s->kick);
	vsock_leave(s);
}

static void *worker(void *arg)
{
	loop_run(((struct vsock *)arg)->loop);
	return NULL;
}

static void vsock_notify(struct virtio_dev *v, unsigned q)
{
	(void)q;
	loop_bh_schedule(&((struct vsock *)v)->kick);
}

static void vsock_reset(struct virtio_dev *v)
{
	struct vsock *s = (struct vsock *)v;

	s->drop_all = true;
	s->reset_event = false;
	if (s->started)
		loop_bh_schedule(&s->kick);
}

static void vsock_get_config(struct virtio_dev *v, u8 *cfg)
{
	put_le64(cfg, ((struct vsock *)v)->guest_cid);
}

static const struct virtio_ops vsock_ops = {
	.id = VIRTIO_ID_VSOCK, .class_code = 0x078000, .features = F_STREAM, .queues = 3, .queue_size = QUEUE_SIZE,
	.config_len = CONFIG_LEN, .get_config = vsock_get_config, .notify = vsock_notify, .reset = vsock_reset,
};

/* ---- life ---- */

static int check_props(struct vsock *s, struct err *err)
{
	if (s->guest_cid < 3 || s->guest_cid >= 0xffffffff)
		return err_set(err, EINVAL, "guest-cid property must be greater than 2 and smaller than 4294967295");
	if (!s->uds || !*s->uds)
		return err_set(err, EINVAL, "uds property must be set: the path of the host's unix sockets");
	/* As everybody's: modern only. */
	if (!s->v.disable_legacy)
		s->v.disable_legacy = 1;
	return 0;
}

static void free_parts(struct vsock *s)
{
	vsock_unlisten(s);
	drop_connections(s);
	loop_bh_del(&s->kick);
	loop_destroy(s->loop);
	pthread_cond_destroy(&s->resume);
	mem_free(s->replies);
	mem_free(s->bounce);
}

static int vsock_realize(struct device *dev, struct err *err)
{
	struct loop_params params = { .name = "vsock" };
	struct vsock *s = (struct vsock *)dev;

	if (check_props(s, err) < 0)
		return -err->code;
	s->paused = !dev->machine->running;
	s->next_port = HOST_PORT_FIRST;
	s->loop = loop_create(&params, err);
	if (!s->loop)
		return -err->code;
	pthread_cond_init(&s->resume, NULL);
	loop_bh_init(s->loop, &s->kick, on_kick, s, "rings", dev->path);
	s->bounce = mem_alloc(PACKET_MAX);
	if (!s->bounce)
		err_set(err, ENOMEM, "out of memory");
	if (err_is_set(err) || vsock_listen(s, err) < 0)
		goto free;
	if (virtio_init(&s->v, &vsock_ops, 3, s->seqpacket ? F_SEQPACKET : 0, err) < 0)
		goto free;
	if (thread_create(&s->thread, "virtio-vsock", THREAD_STACK_DEFAULT, worker, s, err) < 0)
		goto exit;
	s->started = true;
	return 0;

exit:
	virtio_exit(&s->v);
free:
	free_parts(s);
	return -err->code;
}

static void vsock_unrealize(struct device *dev)
{
	struct vsock *s = (struct vsock *)dev;
	struct vsock_tap *t;

	device_lock(dev);
	s->quit = true;
	for (t = s->taps; t; t = t->next)
		t->dev = NULL;
	s->taps = NULL;
	pthread_cond_broadcast(&s->resume);
	device_unlock(dev);
	loop_quit(s->loop, 0);
	thread_join(&s->thread);
	s->started = false;
	free_parts(s);
	virtio_exit(&s->v);
}

static void vsock_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

static void vsock_set_running(struct device *dev, bool running)
{
	struct vsock *s = (struct vsock *)dev;

	device_lock(dev);
	s->paused = !running;
	pthread_cond_broadcast(&s->resume);
	device_unlock(dev);
	if (running)
		loop_bh_schedule(&s->kick);
}

/* The sockets stay where they were; the guest is told that its connections are gone (5.10.6.7). */
static int vsock_post_load(void *dev, u8 version, struct err *err)
{
	struct vsock *s = dev;

	(void)version;
	if (virtio_post_load(&s->v, err) < 0)
		return -err->code;
	s->drop_all = true;
	s->reset_event = s->v.status & VIRTIO_STATUS_DRIVER_OK;
	loop_bh_schedule(&s->kick);
	return 0;
}

static const struct state_field vsock_fields[] = { STATE_VIRTIO(struct vsock, v), STATE_END };
static const struct state_table vsock_state = { .version = 1, .fields = vsock_fields, .post_load = vsock_post_load };
static const struct pci_ops vsock_pci_ops = VIRTIO_PCI_OPS;

static const struct prop vsock_props[] = {
	PROP(struct vsock, guest_cid, "guest-cid", U64, 0, "the guest's address, from 3 on"),
	PROP(struct vsock, uds, "uds", STR, 0, "unix socket of the host; PATH_PORT for what the guest connects to"),
	PROP(struct vsock, seqpacket, "seqpacket", BOOL, 1, "sockets that keep messages apart; the host's are at PATH_seqpacket"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_VSOCK_COMMON \
	.category = "Network", .size = sizeof(struct vsock), .locking = LOCK_DEVICE, .props = vsock_props, \
	.realize = vsock_realize, .unrealize = vsock_unrealize, .reset = vsock_dev_reset, \
	.set_running = vsock_set_running, .state = &vsock_state

static const struct device_class virtio_vsock_class = {
	.name = "virtio-vsock-pci", .alias = "virtio-vsock", .desc = "sockets between guest and host", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &vsock_pci_ops, VIRTIO_VSOCK_COMMON,
};
REGISTER(device, virtio_vsock_class);

static const struct device_class virtio_vsock_device_class = {
	.name = "virtio-vsock-device", .desc = "sockets between guest and host", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_VSOCK_COMMON,
};
REGISTER(device, virtio_vsock_device_class);

/* ---- taps ---- */

int vsock_tap_add(struct machine *m, const char *id, struct vsock_tap *t, struct err *err)
{
	struct device *dev = device_find(m, id);
	struct vsock *s = (struct vsock *)dev;

	if (!dev || (dev->cls != &virtio_vsock_class && dev->cls != &virtio_vsock_device_class))
		return err_set(err, ENOENT, "there is no virtio-vsock-pci device '%s'", id);
	t->dev = dev;
	device_lock(dev);
	t->next = s->taps;
	s->taps = t;
	device_unlock(dev);
	return 0;
}

void vsock_tap_del(struct vsock_tap *t)
{
	struct vsock_tap **p;

	if (!t->dev)
		return;
	device_lock(t->dev);
	for (p = &((struct vsock *)t->dev)->taps; *p && *p != t; p = &(*p)->next)
		;
	if (*p)
		*p = t->next;
	device_unlock(t->dev);
	t->dev = NULL;
}
