// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Network card (virtio 1.2 section 5.1). A worker sends what the driver put
 * into the transmit queues; the backend's thread fills the receive buffers.
 * Offloads are offered as far as the backend has them.
 */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "dev/sglist.h"
#include "log.h"
#include "mem.h"
#include "str.h"
#include "virtio-net.h"

#define QUEUE_SIZE	256
#define HDR_SHORT	10	/* legacy without merged buffers */
#define HDR_LONG	12
#define MERGE_MAX	128	/* buffers of one received packet */
#define INTERRUPT_EVERY	16	/* packets sent */
#define S_LINK_UP	1
#define S_ANNOUNCE	2
#define CONFIG_LEN	17

static unsigned hdr_len(const struct vnet *n)
{
	return virtio_has(&n->v, VNET_F_MRG_RXBUF) || virtio_has(&n->v, VIRTIO_F_VERSION_1) ? HDR_LONG : HDR_SHORT;
}

/* Without MQ the driver knows three queues only. */
static unsigned ctrl_queue(const struct vnet *n)
{
	return virtio_has(&n->v, VNET_F_MQ) ? 2 * n->pairs : 2;
}

/* ---- sending ---- */

/* The header as the driver may use it: what it did not negotiate is not there. */
static bool read_hdr(const struct vnet *n, const struct virtq_elem *e, struct net_hdr *h)
{
	u8 raw[HDR_SHORT];
	u32 can = n->nd ? n->nd->ends[0].can : 0;

	*h = (struct net_hdr){ 0 };
	virtq_read(e, 0, raw, sizeof(raw));
	if (!virtio_has(&n->v, VNET_F_CSUM))
		return true;
	h->flags = raw[0] & NET_HDR_NEEDS_CSUM;
	h->gso_type = raw[1];
	h->hdr_len = get_le16(raw + 2);
	h->gso_size = get_le16(raw + 4);
	h->csum_start = get_le16(raw + 6);
	h->csum_offset = get_le16(raw + 8);
	switch (h->gso_type & ~NET_GSO_ECN) {
	case NET_GSO_NONE:	return true;
	case NET_GSO_TCPV4:	return (can & NET_CAN_TSO4) && h->gso_size;
	case NET_GSO_TCPV6:	return (can & NET_CAN_TSO6) && h->gso_size;
	case NET_GSO_UDP:	return (can & NET_CAN_UFO) && h->gso_size;
	case NET_GSO_UDP_L4:	return (can & NET_CAN_USO) && h->gso_size;
	default:		return false;
	}
}

/* Hands e to the backend, without the lock. False: it is full. */
static bool send_elem(struct vnet *n, unsigned pair, const struct virtq_elem *e, const struct net_hdr *h, unsigned skip)
{
	struct iovec few[64], *iov = e->out_n > ARRAY_SIZE(few) ? mem_array(e->out_n, sizeof(*iov)) : few;
	struct net_packet p = { .hdr = *h, .iov = iov, .len = e->out_len - skip };
	bool taken = true;

	if (iov) {
		p.n = iov_slice(e->out, e->out_n, skip, p.len, iov);
		taken = net_send(&n->end[pair], &p);
	}
	if (iov != few)
		mem_free(iov);
	return taken;
}

/* One packet of the pair's queue; called and left under the lock. False: nothing to do now. */
static bool send_one(struct vnet *n, unsigned pair)
{
	struct virtq_elem *e = n->stalled[pair];
	unsigned skip = hdr_len(n), q = 2 * pair + 1;
	u32 resets = n->resets;
	struct net_hdr h;
	bool taken = true;

	if (!e)
		e = virtq_pop(&n->v, q);
	if (!e)
		return false;
	n->stalled[pair] = NULL;
	if (e->out_len < skip) {
		virtio_error(&n->v, "packet without a header");
		virtq_drop(e);
		return false;
	}
	if (read_hdr(n, e, &h) && e->out_len - skip <= NET_PACKET_MAX) {
		n->busy = true;
		device_unlock(&n->v.dev);
		taken = send_elem(n, pair, e, &h, skip);
		device_lock(&n->v.dev);
		n->busy = false;
		pthread_cond_broadcast(&n->idle);
	}
	if (resets != n->resets) {
		virtq_drop(e);
		return false;
	}
	if (!taken) {
		n->stalled[pair] = e;
		return false;
	}
	virtq_push(&n->v, q, e, 0);
	return true;
}

static void send_all(struct vnet *n, unsigned pair)
{
	unsigned sent = 0;

	while (!n->quit && !n->paused && send_one(n, pair))
		if (++sent % INTERRUPT_EVERY == 0)
			virtq_interrupt(&n->v, 2 * pair + 1);
	if (sent % INTERRUPT_EVERY)
		virtq_interrupt(&n->v, 2 * pair + 1);
}

static void *worker(void *arg)
{
	struct vnet *n = arg;
	unsigned i;

	for (;;) {
		thread_event_wait(&n->wake);
		thread_event_reset(&n->wake);
		device_lock(&n->v.dev);
		for (i = 0; i < n->cur_pairs && !n->quit; i++)
			send_all(n, i);
		device_unlock(&n->v.dev);
		if (n->quit)
			return NULL;
	}
}

static void end_resume(struct net_end *e)
{
	thread_event_set(&((struct vnet *)e->opaque)->wake);
}

/* ---- receiving ---- */

/* Buffers for len bytes, at most MERGE_MAX; 0: not enough there, -1: the packet never fits. Nothing is taken then. */
static int take_buffers(struct vnet *n, unsigned q, u64 len, struct virtq_elem **e)
{
	bool merge = virtio_has(&n->v, VNET_F_MRG_RXBUF);
	unsigned count = 0;
	u64 have = 0;
	int ret = 0;

	while (have < len) {
		if (count == (merge ? MERGE_MAX : 1)) {
			ret = -1;
			break;
		}
		e[count] = virtq_pop(&n->v, q);
		if (!e[count])
			break;
		have += e[count]->in_len;
		if (!e[count++]->in_len || e[0]->in_len < hdr_len(n)) {
			ret = -1;
			break;
		}
	}
	if (have >= len && ret == 0)
		return (int)count;
	while (count)
		virtq_unpop(&n->v, q, e[--count]);
	return ret;
}

/* The packet with its header, over the buffers. */
static void fill_buffers(const struct vnet *n, const struct net_packet *p, const struct net_hdr *h, struct virtq_elem **e,
			 unsigned count)
{
	unsigned hl = hdr_len(n), i, k = 0;
	u64 off = hl;
	u8 raw[HDR_LONG];

	raw[0] = h->flags;
	raw[1] = h->gso_type;
	put_le16(raw + 2, h->hdr_len);
	put_le16(raw + 4, h->gso_size);
	put_le16(raw + 6, h->csum_start);
	put_le16(raw + 8, h->csum_offset);
	put_le16(raw + 10, (u16)count);
	virtq_write(e[0], 0, raw, hl);
	for (i = 0; i < p->n; i++) {
		size_t at = 0, len = p->iov[i].iov_len;

		while (at < len && k < count) {
			size_t n_now = virtq_write(e[k], off, (u8 *)p->iov[i].iov_base + at, len - at);

			at += n_now;
			off += n_now;
			if (at < len) {		/* this buffer is full */
				k++;
				off = 0;
			}
		}
	}
}

static int deliver(struct vnet *n, unsigned pair, const struct net_packet *p, const struct net_hdr *h);

/* A packet whose checksum somebody left open, for a guest that does not finish it. */
static int deliver_finished(struct vnet *n, unsigned pair, const struct net_packet *p)
{
	struct net_hdr none = { 0 };
	struct net_packet q = { .n = 1, .len = p->len };
	struct iovec iov = { mem_alloc(p->len), p->len };
	int ret = 1;

	if (!iov.iov_base)
		return 1;
	net_linear(p, iov.iov_base, p->len);
	q.iov = &iov;
	if (net_finish_csum(&p->hdr, iov.iov_base, p->len))
		ret = deliver(n, pair, &q, &none);
	mem_free(iov.iov_base);
	return ret;
}

static int deliver(struct vnet *n, unsigned pair, const struct net_packet *p, const struct net_hdr *h)
{
	struct virtq_elem *e[MERGE_MAX];
	u32 written[MERGE_MAX];
	u64 left = hdr_len(n) + p->len;
	int count = take_buffers(n, 2 * pair, left, e), i;

	if (count < 0)
		return 1;
	if (!count) {
		n->rx_wait[pair] = true;
		return 0;
	}
	fill_buffers(n, p, h, e, (unsigned)count);
	for (i = 0; i < count; i++) {
		written[i] = (u32)MIN(left, e[i]->in_len);
		left -= written[i];
	}
	virtq_push_n(&n->v, 2 * pair, e, written, (unsigned)count);
	virtq_interrupt(&n->v, 2 * pair);
	return 1;
}

/* What of the header the driver understands; false: the packet cannot be given. */
static bool fit_hdr(const struct vnet *n, const struct net_packet *p, struct net_hdr *h)
{
	u64 o = n->offloads;

	*h = p->hdr;
	if (!(o & VNET_F_GUEST_CSUM))
		*h = (struct net_hdr){ .gso_type = h->gso_type };
	switch (h->gso_type & ~NET_GSO_ECN) {
	case NET_GSO_NONE:	return true;
	case NET_GSO_TCPV4:	return o & VNET_F_GUEST_TSO4;
	case NET_GSO_TCPV6:	return o & VNET_F_GUEST_TSO6;
	case NET_GSO_UDP:	return o & VNET_F_GUEST_UFO;
	case NET_GSO_UDP_L4:	return o & (VNET_F_GUEST_USO4 | VNET_F_GUEST_USO6);
	default:		return false;
	}
}

static int receive_locked(struct vnet *n, unsigned pair, const struct net_packet *p)
{
	struct net_hdr h;
	u8 head[18];
	size_t got;

	if (n->paused)
		return 0;
	if (!(n->v.status & VIRTIO_STATUS_DRIVER_OK) || (n->v.status & VIRTIO_STATUS_NEEDS_RESET) || pair >= n->cur_pairs ||
	    !n->v.vq[2 * pair].ready)
		return 1;
	got = net_linear(p, head, sizeof(head));
	if (!vnet_filter_accepts(n, head, got) || !fit_hdr(n, p, &h))
		return 1;
	if ((p->hdr.flags & NET_HDR_NEEDS_CSUM) && !(n->offloads & VNET_F_GUEST_CSUM))
		return deliver_finished(n, pair, p);
	return deliver(n, pair, p, &h);
}

static int end_receive(struct net_end *e, const struct net_packet *p)
{
	struct vnet *n = e->opaque;
	int ret;

	device_lock(&n->v.dev);
	ret = receive_locked(n, (unsigned)(e - n->end), p);
	device_unlock(&n->v.dev);
	return ret;
}

static void end_link_changed(struct net_end *e)
{
	struct vnet *n = e->opaque;
	bool up = net_link_is_up(&n->end[0]);

	device_lock(&n->v.dev);
	if (!n->end[0].peer)
		n->nd = NULL;
	if (up != n->link_up) {
		n->link_up = up;
		virtio_config_changed(&n->v);
	}
	device_unlock(&n->v.dev);
}

static const struct net_end_ops end_ops = { .receive = end_receive, .resume = end_resume, .link_changed = end_link_changed };

/* ---- the driver's calls ---- */

static void vnet_notify(struct virtio_dev *v, unsigned q)
{
	struct vnet *n = (struct vnet *)v;

	if (q == ctrl_queue(n)) {
		vnet_control(n, q);
	} else if (q & 1) {
		thread_event_set(&n->wake);
	} else if (q / 2 < n->pairs && n->rx_wait[q / 2]) {
		n->rx_wait[q / 2] = false;
		net_resume(&n->end[q / 2]);
	}
}

static void vnet_ready(struct virtio_dev *v)
{
	struct vnet *n = (struct vnet *)v;

	n->offloads = v->features & (VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN |
				     VNET_F_GUEST_UFO | VNET_F_GUEST_USO4 | VNET_F_GUEST_USO6);
	vnet_tell_offloads(n);
}

static void vnet_reset(struct virtio_dev *v)
{
	struct vnet *n = (struct vnet *)v;
	unsigned i;

	n->resets++;
	while (n->busy)
		pthread_cond_wait(&n->idle, &v->dev.lock);
	for (i = 0; i < n->pairs; i++) {
		if (n->stalled[i])
			virtq_drop(n->stalled[i]);
		n->stalled[i] = NULL;
		if (n->rx_wait[i])
			net_resume(&n->end[i]);
		n->rx_wait[i] = false;
	}
	n->cur_pairs = 1;
	n->announce = false;
	n->offloads = 0;
	vnet_tell_offloads(n);
	vnet_filter_reset(n);
	memcpy(n->mac, n->mac_prop, 6);
}

static void vnet_get_config(struct virtio_dev *v, u8 *cfg)
{
	struct vnet *n = (struct vnet *)v;

	memset(cfg, 0, CONFIG_LEN);
	memcpy(cfg, n->mac, 6);
	put_le16(cfg + 6, (u16)((n->link_up ? S_LINK_UP : 0) | (n->announce ? S_ANNOUNCE : 0)));
	put_le16(cfg + 8, (u16)n->pairs);
	put_le16(cfg + 10, (u16)n->host_mtu);
	put_le32(cfg + 12, (u32)n->speed);
	cfg[16] = n->duplex ? n->duplex_full : 0xff;
}

/* Only the address of a legacy driver without CTRL_MAC_ADDR is writable. */
static void vnet_set_config(struct virtio_dev *v, const u8 *cfg)
{
	struct vnet *n = (struct vnet *)v;

	if (!virtio_has(v, VNET_F_CTRL_MAC_ADDR) && !virtio_has(v, VIRTIO_F_VERSION_1))
		memcpy(n->mac, cfg, 6);
}

static const struct virtio_ops vnet_ops = {
	.id = VIRTIO_ID_NET, .class_code = 0x020000, .features = VNET_F_MAC, .queues = 2 * VNET_PAIRS_MAX + 1,
	.queue_size = QUEUE_SIZE, .config_len = CONFIG_LEN, .get_config = vnet_get_config, .set_config = vnet_set_config,
	.notify = vnet_notify, .ready = vnet_ready, .reset = vnet_reset,
};

/* ---- life ---- */

/* What the user left on and the backend has. */
static u64 offered(const struct vnet *n)
{
	u32 can = n->nd ? n->nd->ends[0].can : 0, makes = n->nd ? n->nd->ends[0].makes : 0;
	u64 f = n->net_want;

	if (!(can & NET_CAN_CSUM) || !(f & VNET_F_CSUM))
		f &= ~(VNET_F_CSUM | VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6 | VNET_F_HOST_ECN | VNET_F_HOST_UFO | VNET_F_HOST_USO);
	f &= ~((can & NET_CAN_TSO4 ? 0 : VNET_F_HOST_TSO4) | (can & NET_CAN_TSO6 ? 0 : VNET_F_HOST_TSO6) |
	       (can & NET_CAN_ECN ? 0 : VNET_F_HOST_ECN) | (can & NET_CAN_UFO ? 0 : VNET_F_HOST_UFO) |
	       (can & NET_CAN_USO ? 0 : VNET_F_HOST_USO));
	if (!(makes & NET_CAN_CSUM) || !(f & VNET_F_GUEST_CSUM))
		f &= ~(VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN | VNET_F_GUEST_UFO |
		       VNET_F_GUEST_USO4 | VNET_F_GUEST_USO6 | VNET_F_CTRL_GUEST_OFFLOADS);
	f &= ~((makes & NET_CAN_TSO4 ? 0 : VNET_F_GUEST_TSO4) | (makes & NET_CAN_TSO6 ? 0 : VNET_F_GUEST_TSO6) |
	       (makes & NET_CAN_ECN ? 0 : VNET_F_GUEST_ECN) | (makes & NET_CAN_UFO ? 0 : VNET_F_GUEST_UFO) |
	       (makes & NET_CAN_USO ? 0 : VNET_F_GUEST_USO4 | VNET_F_GUEST_USO6));
	if (!(f & VNET_F_CTRL_VQ))
		f &= ~(VNET_F_CTRL_RX | VNET_F_CTRL_VLAN | VNET_F_CTRL_RX_EXTRA | VNET_F_CTRL_MAC_ADDR | VNET_F_CTRL_GUEST_OFFLOADS |
		       VNET_F_GUEST_ANNOUNCE);
	if (!(f & VNET_F_STATUS))
		f &= ~VNET_F_GUEST_ANNOUNCE;
	return f | (n->pairs > 1 ? VNET_F_MQ : 0) | (n->host_mtu ? VNET_F_MTU : 0) |
	       (n->speed >= 0 || n->duplex ? VNET_F_SPEED_DUPLEX : 0);
}

static int check_props(struct vnet *n, struct err *err)
{
	if (n->host_mtu && (n->host_mtu < 68 || n->host_mtu > 65535))
		return err_set(err, EINVAL, "host_mtu must lie between 68 and 65535");
	if (n->duplex && !str_eq(n->duplex, "half") && !str_eq(n->duplex, "full"))
		return err_set(err, EINVAL, "'duplex' must be 'half' or 'full'");
	n->duplex_full = n->duplex && str_eq(n->duplex, "full");
	if (n->speed < -1)
		return err_set(err, EINVAL, "'speed' must be between 0 and 2147483647");
	return 0;
}

static int vnet_realize(struct device *dev, struct err *err)
{
	struct vnet *n = (struct vnet *)dev;
	unsigned i;

	if (check_props(n, err) < 0)
		return -err->code;
	if (n->netdev_id && !(n->nd = netdev_take(dev->machine, n->netdev_id, dev, err)))
		return -err->code;
	n->pairs = n->nd && n->mq_prop ? n->nd->queues : 1;
	netdev_default_mac(dev->machine, n->mac_prop);
	n->paused = !dev->machine->running;
	pthread_cond_init(&n->idle, NULL);
	for (i = 0; i < n->pairs; i++)
		n->end[i] = (struct net_end){ .ops = &end_ops, .opaque = n };
	if (virtio_init(&n->v, &vnet_ops, 2 * n->pairs + 1, offered(n), err) < 0)
		goto give_back;
	if (thread_create(&n->thread, "virtio-net", THREAD_STACK_BIG, worker, n, err) < 0)
		goto exit;
	for (i = 0; n->nd && i < n->pairs; i++)
		net_connect(&n->end[i], &n->nd->ends[i]);
	n->link_up = n->nd ? net_link_is_up(&n->end[0]) : false;
	return 0;

exit:
	virtio_exit(&n->v);
give_back:
	pthread_cond_destroy(&n->idle);
	if (n->nd)
		netdev_give_back(n->nd);
	return -err->code;
}

static void vnet_unrealize(struct device *dev)
{
	struct vnet *n = (struct vnet *)dev;
	struct netdev *nd = n->nd;
	unsigned i;

	for (i = 0; i < n->pairs; i++)
		net_disconnect(&n->end[i]);
	if (nd)
		netdev_give_back(nd);
	device_lock(dev);
	n->quit = true;
	device_unlock(dev);
	thread_event_set(&n->wake);
	thread_join(&n->thread);
	for (i = 0; i < n->pairs; i++)
		if (n->stalled[i])
			virtq_drop(n->stalled[i]);
	virtio_exit(&n->v);
	pthread_cond_destroy(&n->idle);
}

static void vnet_dev_reset(struct device *dev) { virtio_reset(to_virtio(dev)); }

/* Before it stands, what the backend refused goes back into the ring: it is sent later. */
static void vnet_set_running(struct device *dev, bool running)
{
	struct vnet *n = (struct vnet *)dev;
	unsigned i;

	device_lock(dev);
	n->paused = !running;
	while (n->paused && n->busy)
		pthread_cond_wait(&n->idle, &dev->lock);
	for (i = 0; n->paused && i < n->pairs; i++) {
		if (n->stalled[i])
			virtq_unpop(&n->v, 2 * i + 1, n->stalled[i]);
		n->stalled[i] = NULL;
	}
	device_unlock(dev);
	for (i = 0; running && i < n->pairs; i++)
		net_resume(&n->end[i]);
	if (running)
		thread_event_set(&n->wake);
}

static const struct state_field vnet_fields[] = {
	STATE_VIRTIO(struct vnet, v), STATE_ARRAY(struct vnet, mac, U8), STATE(struct vnet, cur_pairs, U32),
	STATE(struct vnet, announce, BOOL), STATE(struct vnet, offloads, U64), STATE_SUB(struct vnet, filter, vnet_filter_fields),
	STATE_END
};

static int vnet_post_load(void *dev, u8 version, struct err *err)
{
	struct vnet *n = dev;
	unsigned i;

	(void)version;
	if (virtio_post_load(&n->v, err) < 0)
		return -err->code;
	if (!n->cur_pairs || n->cur_pairs > n->pairs || n->filter.uni_n > VNET_MACS || n->filter.multi_n > VNET_MACS - n->filter.uni_n)
		return err_set(err, EINVAL, "queue pairs or filter out of range");
	n->offloads &= n->v.features;
	vnet_tell_offloads(n);
	for (i = 0; i < n->pairs; i++)
		n->rx_wait[i] = false;
	if (virtio_has(&n->v, VNET_F_GUEST_ANNOUNCE) && (n->v.status & VIRTIO_STATUS_DRIVER_OK)) {
		n->announce = true;
		virtio_config_changed(&n->v);
	}
	thread_event_set(&n->wake);
	return 0;
}

static const struct state_table vnet_state = { .version = 1, .fields = vnet_fields, .post_load = vnet_post_load };
static const struct pci_ops vnet_pci_ops = VIRTIO_PCI_OPS;

#define FEATURE(name, bit, help) PROP_BIT(struct vnet, net_want, name, bit, 1, help)
static const struct prop vnet_props[] = {
	PROP(struct vnet, netdev_id, "netdev", NETDEV, 0, "backend (-netdev ...,id=)"),
	PROP(struct vnet, mac_prop, "mac", MAC, 0, "address; default: 52:54:00:12:34:56 and on"),
	PROP(struct vnet, host_mtu, "host_mtu", U32, 0, "MTU that the driver is told; 0: none"),
	PROP(struct vnet, speed, "speed", S32, (u64)-1, "speed that the driver is told, in Mbit/s"),
	PROP(struct vnet, duplex, "duplex", STR, 0, "half or full"),
	FEATURE("csum", 0, "checksums of sent packets are left to the host"),
	FEATURE("guest_csum", 1, "checksums of received packets may be missing"),
	FEATURE("ctrl_guest_offloads", 2, "offloads can be changed later"),
	FEATURE("guest_tso4", 7, "large TCP packets are received"),
	FEATURE("guest_tso6", 8, "the same over IPv6"),
	FEATURE("guest_ecn", 9, "the same with ECN"),
	FEATURE("guest_ufo", 10, "large UDP packets are received"),
	FEATURE("host_tso4", 11, "large TCP packets are sent"),
	FEATURE("host_tso6", 12, "the same over IPv6"),
	FEATURE("host_ecn", 13, "the same with ECN"),
	FEATURE("host_ufo", 14, "large UDP packets are sent"),
	FEATURE("mrg_rxbuf", 15, "received packets may take several buffers"),
	FEATURE("status", 16, "link status"),
	FEATURE("ctrl_vq", 17, "control queue"),
	FEATURE("ctrl_rx", 18, "receive modes"),
	FEATURE("ctrl_vlan", 19, "VLAN filter"),
	FEATURE("ctrl_rx_extra", 20, "more receive modes"),
	FEATURE("guest_announce", 21, "the guest announces itself after it moved"),
	FEATURE("ctrl_mac_addr", 23, "address set by the control queue"),
	FEATURE("guest_uso4", 54, "UDP segments are received joined"),
	FEATURE("guest_uso6", 55, "the same over IPv6"),
	FEATURE("host_uso", 56, "UDP segments are sent joined"),
	PROP(struct vnet, mq_prop, "mq", BOOL, 0, "several queue pairs, as many as the backend has"),
	PROP_END
};

/* What it is on either transport. */
#define VIRTIO_NET_COMMON \
	.category = "Network", .size = sizeof(struct vnet), .locking = LOCK_DEVICE, .props = vnet_props, \
	.realize = vnet_realize, .unrealize = vnet_unrealize, .reset = vnet_dev_reset, \
	.set_running = vnet_set_running, .state = &vnet_state

static const struct device_class virtio_net_class = {
	.name = "virtio-net-pci", .alias = "virtio-net", .desc = "virtio network card", .bus = "PCI",
	.bus_props = virtio_props, .type_ops = &vnet_pci_ops, VIRTIO_NET_COMMON,
};
REGISTER(device, virtio_net_class);

static const struct device_class virtio_net_device_class = {
	.name = "virtio-net-device", .desc = "virtio network card", .bus = "virtio-bus",
	.bus_props = virtio_bus_props, VIRTIO_NET_COMMON,
};
REGISTER(device, virtio_net_device_class);
