// SPDX-License-Identifier: GPL-2.0-or-later
/* A record of link type 271 to a packet; see uapi/vsock_capture.h. */
#include <string.h>
#include "bytes.h"
#include "vsockdump.h"

#define HEAD	((u32)sizeof(struct vsc_header))

static void take_virtio(const u8 *t, struct vsd_packet *p)
{
	p->has_virtio = true;
	p->virtio_len = get_le32(t + 24);
	p->type = get_le16(t + 28);
	p->virtio_op = get_le16(t + 30);
	p->flags = get_le32(t + 32);
	p->buf_alloc = get_le32(t + 36);
	p->fwd_cnt = get_le32(t + 40);
}

static void take_owner(const u8 *t, struct vsd_packet *p)
{
	p->has_owner = true;
	p->owner_transport = t[5];
	p->socket_type = get_le16(t + 6);
	p->pid = get_le32(t + 8);
	p->uid = get_le32(t + 12);
	p->result = get_le32(t + 16);
	memcpy(p->comm, t + 24, 16);
	p->comm[16] = '\0';
}

bool vsd_decode(const struct pcap_packet *r, struct vsd_packet *p)
{
	const u8 *d = r->data;
	u32 t, have;

	*p = (struct vsd_packet){ .direction = r->direction };
	if (r->len < HEAD)
		return false;
	p->src_cid = get_le64(d);
	p->dst_cid = get_le64(d + 8);
	p->src_port = get_le32(d + 16);
	p->dst_port = get_le32(d + 20);
	p->op = get_le16(d + 24);
	p->transport = get_le16(d + 26);
	t = get_le16(d + 28);
	have = MIN(t, r->len - HEAD);
	p->short_header = have < t;
	if (p->transport == VSC_TRANSPORT_VIRTIO && have >= sizeof(struct vsc_virtio))
		take_virtio(d + HEAD, p);
	else if (p->transport == VSC_TRANSPORT_NO_INFO && have >= sizeof(struct vsc_owner) && get_le32(d + HEAD) == VSC_OWNER_MAGIC)
		take_owner(d + HEAD, p);
	p->payload = d + HEAD + have;
	p->captured = r->len - HEAD - have;
	p->len = r->orig_len > HEAD + t ? r->orig_len - HEAD - t : 0;
	if (p->has_owner && get_le32(d + HEAD + 20) > p->len)
		p->len = get_le32(d + HEAD + 20);
	return true;
}

unsigned vsd_type(const struct vsd_packet *p)
{
	if (p->has_virtio)
		return p->type == VSC_VIRTIO_STREAM || p->type == VSC_VIRTIO_SEQPACKET ? p->type : 0;
	if (p->has_owner)	/* SOCK_STREAM 1, SOCK_SEQPACKET 5 */
		return p->socket_type == 1 ? VSC_VIRTIO_STREAM : p->socket_type == 5 ? VSC_VIRTIO_SEQPACKET : 0;
	return 0;
}

const char *vsd_virtio_op_name(u16 op)
{
	static const char *const names[] = {
		"invalid", "request", "response", "rst", "shutdown", "rw", "credit-update", "credit-request",
	};

	return op < ARRAY_SIZE(names) ? names[op] : NULL;
}

const char *vsd_op_name(u16 op)
{
	static const char *const names[] = { "unknown", "connect", "disconnect", "control", "payload" };

	return op < ARRAY_SIZE(names) ? names[op] : NULL;
}

const char *vsd_transport_name(const struct vsd_packet *p)
{
	static const char *const owners[] = { "socket", "virtio", "loopback", "vhost", "vmci", "hyperv" };

	if (p->has_owner)
		return p->owner_transport < ARRAY_SIZE(owners) ? owners[p->owner_transport] : owners[0];
	return p->transport == VSC_TRANSPORT_VIRTIO ? "virtio" : p->transport == VSC_TRANSPORT_NO_INFO ? "no-info" : "unknown";
}
