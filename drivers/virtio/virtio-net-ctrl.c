// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control queue of the network card (virtio 1.2 section 5.1.6.5): receive
 * modes, address and VLAN filters, number of queue pairs, offloads.
 */
#include <string.h>
#include "bytes.h"
#include "virtio-net.h"

#define CLASS_RX		0
#define CLASS_MAC		1
#define CLASS_VLAN		2
#define CLASS_ANNOUNCE		3
#define CLASS_MQ		4
#define CLASS_OFFLOADS		5
#define GUEST_OFFLOADS (VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN | VNET_F_GUEST_UFO | \
			VNET_F_GUEST_USO4 | VNET_F_GUEST_USO6)

struct order {
	const struct virtq_elem *e;
	u8  cls, cmd;
	u64 len;			/* of the data behind the two bytes */
};

static size_t get(const struct order *o, u64 off, void *buf, size_t len)
{
	return virtq_read(o->e, 2 + off, buf, len);
}

void vnet_filter_reset(struct vnet *n)
{
	n->filter = (struct vnet_filter){ .promisc = true };
	memset(n->filter.vlans, 0xff, sizeof(n->filter.vlans));
}

/* ---- receive filter ---- */

static bool in_table(const struct vnet *n, const u8 *mac, u32 first, u32 end)
{
	u32 i;

	for (i = first; i < end; i++)
		if (!memcmp(n->filter.macs[i], mac, 6))
			return true;
	return false;
}

bool vnet_filter_accepts(const struct vnet *n, const u8 *head, size_t len)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct vnet_filter *f = &n->filter;
	u16 vid;

	if (f->promisc)
		return true;
	if (len >= 16 && head[12] == 0x81 && head[13] == 0) {
		vid = get_be16(head + 14) & 0xfff;
		if (!(f->vlans[vid / 8] >> (vid % 8) & 1))
			return false;
	}
	if (!(head[0] & 1))
		return !f->nouni && (f->alluni || f->uni_overflow || !memcmp(head, n->mac, 6) || in_table(n, head, 0, f->uni_n));
	if (!memcmp(head, broadcast, 6))
		return !f->nobcast;
	return !f->nomulti && (f->allmulti || f->multi_overflow || in_table(n, head, f->uni_n, f->uni_n + f->multi_n));
}

/* ---- orders; true: done ---- */

static bool set_mode(struct vnet *n, const struct order *o)
{
	bool *const modes[] = { &n->filter.promisc, &n->filter.allmulti, &n->filter.alluni, &n->filter.nomulti,
				&n->filter.nouni, &n->filter.nobcast };
	u8 on;

	if (o->cmd >= ARRAY_SIZE(modes) || get(o, 0, &on, 1) != 1)
		return false;
	*modes[o->cmd] = on != 0;
	return true;
}

/* One table: le32 number, then addresses. What does not fit makes the filter let all through. */
static bool read_macs(struct vnet *n, const struct order *o, u64 *off, u32 first, u32 *count, bool *overflow)
{
	u8 raw[4];
	u32 entries;

	if (get(o, *off, raw, 4) != 4)
		return false;
	entries = get_le32(raw);
	*off += 4;
	if (entries > (o->len - *off) / 6)
		return false;
	*overflow = entries > VNET_MACS - first;
	*count = *overflow ? 0 : entries;
	get(o, *off, n->filter.macs[first], *count * 6);
	*off += entries * 6ULL;
	return true;
}

static bool set_macs(struct vnet *n, const struct order *o)
{
	struct vnet_filter *f = &n->filter;
	u64 off = 0;
	u8 mac[6];

	if (o->cmd == 1) {
		if (o->len != 6 || get(o, 0, mac, 6) != 6)
			return false;
		memcpy(n->mac, mac, 6);
		return true;
	}
	f->uni_n = f->multi_n = 0;
	return o->cmd == 0 && read_macs(n, o, &off, 0, &f->uni_n, &f->uni_overflow) &&
	       read_macs(n, o, &off, f->uni_n, &f->multi_n, &f->multi_overflow);
}

static bool set_vlan(struct vnet *n, const struct order *o)
{
	u8 raw[2], bit;
	u16 vid;

	if (o->cmd > 1 || get(o, 0, raw, 2) != 2 || (vid = get_le16(raw)) > 4095)
		return false;
	bit = (u8)(1 << (vid % 8));
	if (o->cmd == 0)
		n->filter.vlans[vid / 8] |= bit;
	else
		n->filter.vlans[vid / 8] &= (u8)~bit;
	return true;
}

static bool set_pairs(struct vnet *n, const struct order *o)
{
	unsigned i;
	u8 raw[2];

	if (o->cmd != 0 || !virtio_has(&n->v, VNET_F_MQ) || get(o, 0, raw, 2) != 2 || !get_le16(raw) || get_le16(raw) > n->pairs)
		return false;
	n->cur_pairs = get_le16(raw);
	for (i = 0; i < n->cur_pairs; i++)
		n->rx_wait[i] = false;
	thread_event_set(&n->wake);
	return true;
}

void vnet_tell_offloads(struct vnet *n)
{
	u64 o = n->offloads;
	u32 can = (o & VNET_F_GUEST_CSUM ? NET_CAN_CSUM : 0) | (o & VNET_F_GUEST_TSO4 ? NET_CAN_TSO4 : 0) |
		  (o & VNET_F_GUEST_TSO6 ? NET_CAN_TSO6 : 0) | (o & VNET_F_GUEST_ECN ? NET_CAN_ECN : 0) |
		  (o & VNET_F_GUEST_UFO ? NET_CAN_UFO : 0) | (o & VNET_F_GUEST_USO4 && o & VNET_F_GUEST_USO6 ? NET_CAN_USO : 0);
	unsigned i;

	for (i = 0; i < n->pairs; i++)
		net_set_can(&n->end[i], can);
}

static bool set_offloads(struct vnet *n, const struct order *o)
{
	u8 raw[8];

	if (o->cmd != 0 || !virtio_has(&n->v, VNET_F_CTRL_GUEST_OFFLOADS) || get(o, 0, raw, 8) != 8 ||
	    (get_le64(raw) & ~(n->v.features & GUEST_OFFLOADS)))
		return false;
	n->offloads = get_le64(raw);
	vnet_tell_offloads(n);
	return true;
}

static bool perform(struct vnet *n, const struct order *o)
{
	switch (o->cls) {
	case CLASS_RX:		return set_mode(n, o);
	case CLASS_MAC:		return set_macs(n, o);
	case CLASS_VLAN:	return set_vlan(n, o);
	case CLASS_ANNOUNCE:	n->announce = false; return o->cmd == 0;
	case CLASS_MQ:		return set_pairs(n, o);
	case CLASS_OFFLOADS:	return set_offloads(n, o);
	default:		return false;
	}
}

void vnet_control(struct vnet *n, unsigned q)
{
	struct virtq_elem *e;

	while ((e = virtq_pop(&n->v, q))) {
		struct order o = { .e = e };
		u8 head[2], ack;

		if (virtq_read(e, 0, head, 2) != 2 || !e->in_len) {
			virtio_error(&n->v, "control order without header or status");
			virtq_drop(e);
			return;
		}
		o.cls = head[0];
		o.cmd = head[1];
		o.len = e->out_len - 2;
		ack = !perform(n, &o);
		virtq_write(e, e->in_len - 1, &ack, 1);
		virtq_push(&n->v, q, e, (u32)e->in_len);
	}
	virtq_interrupt(&n->v, q);
}

const struct state_field vnet_filter_fields[] = {
	STATE(struct vnet_filter, promisc, BOOL), STATE(struct vnet_filter, allmulti, BOOL), STATE(struct vnet_filter, alluni, BOOL),
	STATE(struct vnet_filter, nomulti, BOOL), STATE(struct vnet_filter, nouni, BOOL), STATE(struct vnet_filter, nobcast, BOOL),
	STATE(struct vnet_filter, uni_overflow, BOOL), STATE(struct vnet_filter, multi_overflow, BOOL),
	STATE(struct vnet_filter, uni_n, U32), STATE(struct vnet_filter, multi_n, U32),
	{ "macs", offsetof(struct vnet_filter, macs), STATE_T_U8, 1, VNET_MACS * 6, 1, 0, NULL },
	STATE_ARRAY(struct vnet_filter, vlans, U8),
	STATE_END
};
