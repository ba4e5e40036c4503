// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source "packets": a probe where the virtio transports (guest, vhost,
 * loopback) offer each packet to the kernel's own monitors. It sees the
 * packet before that copies it, and whether or not anything of that exists.
 */
#include <linux/kprobes.h>
#include <linux/virtio_vsock.h>
#include <net/af_vsock.h>
#include "vsmon.h"

#ifndef VIRTIO_VSOCK_SKB_HEADROOM
#error "the packets of this kernel's vsock are no socket buffers: too old a 6.1 or 6.2"
#endif

static u16 op_of(u16 op)
{
	switch (op) {
	case VIRTIO_VSOCK_OP_REQUEST:
	case VIRTIO_VSOCK_OP_RESPONSE:
		return VSC_OP_CONNECT;
	case VIRTIO_VSOCK_OP_RST:
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		return VSC_OP_DISCONNECT;
	case VIRTIO_VSOCK_OP_RW:
		return VSC_OP_PAYLOAD;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		return VSC_OP_CONTROL;
	default:
		return VSC_OP_UNKNOWN;
	}
}

/* True when sk is in net. Gives back sk, which may be NULL. */
static bool is_in(struct sock *sk, const struct net *net)
{
	bool is = sk && net_eq(sock_net(sk), net);

	if (sk)
		sock_put(sk);
	return is;
}

/* Either side's socket may be there by now: connected, listening, or about to connect. */
static bool concerns(const struct vsmon_event *ev, const struct net *net)
{
	struct sockaddr_vm src, dst;

	/* The look-up takes a lock of the kind that must not be given back then. */
	if (irqs_disabled())
		return false;
	vsock_addr_init(&src, ev->src_cid, ev->src_port);
	vsock_addr_init(&dst, ev->dst_cid, ev->dst_port);
	return is_in(vsock_find_connected_socket(&src, &dst), net) ||
	       is_in(vsock_find_connected_socket(&dst, &src), net) ||
	       is_in(vsock_find_bound_socket(&dst), net) ||
	       is_in(vsock_find_bound_socket(&src), net);
}

static int probe(struct kprobe *p, struct pt_regs *regs)
{
	struct sk_buff *skb = (void *)regs_get_kernel_argument(regs, 0);
	const struct virtio_vsock_hdr *h = virtio_vsock_hdr(skb);
	struct vsmon_event ev;

	/* One that is sent again was told already. */
	if (virtio_vsock_skb_tap_delivered(skb))
		return 0;
	ev = (struct vsmon_event){
		.src_cid = le64_to_cpu(h->src_cid), .dst_cid = le64_to_cpu(h->dst_cid),
		.src_port = le32_to_cpu(h->src_port), .dst_port = le32_to_cpu(h->dst_port),
		.op = op_of(le16_to_cpu(h->op)), .type = le16_to_cpu(h->type),
		.transport = VSC_TRANSPORT_VIRTIO, .header = h, .header_len = sizeof(*h),
		.payload = skb, .len = min_t(u32, skb->len, le32_to_cpu(h->len)),
		.concerns = concerns,
	};
	/* Loopback shows what arrives. */
	ev.sent = ev.dst_cid != VMADDR_CID_LOCAL && !vsock_find_cid(ev.dst_cid);
	vsmon_tell(VSMON_PACKETS, &ev);
	return 0;
}

static struct kprobe offered;

int vsmon_packets_arm(void)
{
	offered = (struct kprobe){
		.addr = (kprobe_opcode_t *)virtio_transport_deliver_tap_pkt, .pre_handler = probe,
	};
	return register_kprobe(&offered);
}

void vsmon_packets_disarm(void)
{
	unregister_kprobe(&offered);
}

unsigned long vsmon_packets_missed(void)
{
	return READ_ONCE(offered.nmissed);
}
