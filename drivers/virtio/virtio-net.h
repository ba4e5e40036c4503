/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of virtio-net: the data path (virtio-net-pci.c), and what the
 * driver orders by the control queue (virtio-net-ctrl.c).
 */
#ifndef VMBOX_DRIVERS_VIRTIO_NET_H
#define VMBOX_DRIVERS_VIRTIO_NET_H

#include "dev/net.h"
#include "dev/virtio.h"
#include "thread.h"

#define VNET_F_CSUM		BIT(0)
#define VNET_F_GUEST_CSUM	BIT(1)
#define VNET_F_CTRL_GUEST_OFFLOADS BIT(2)
#define VNET_F_MTU		BIT(3)
#define VNET_F_MAC		BIT(5)
#define VNET_F_GUEST_TSO4	BIT(7)
#define VNET_F_GUEST_TSO6	BIT(8)
#define VNET_F_GUEST_ECN	BIT(9)
#define VNET_F_GUEST_UFO	BIT(10)
#define VNET_F_HOST_TSO4	BIT(11)
#define VNET_F_HOST_TSO6	BIT(12)
#define VNET_F_HOST_ECN		BIT(13)
#define VNET_F_HOST_UFO		BIT(14)
#define VNET_F_MRG_RXBUF	BIT(15)
#define VNET_F_STATUS		BIT(16)
#define VNET_F_CTRL_VQ		BIT(17)
#define VNET_F_CTRL_RX		BIT(18)
#define VNET_F_CTRL_VLAN	BIT(19)
#define VNET_F_CTRL_RX_EXTRA	BIT(20)
#define VNET_F_GUEST_ANNOUNCE	BIT(21)
#define VNET_F_MQ		BIT(22)
#define VNET_F_CTRL_MAC_ADDR	BIT(23)
#define VNET_F_GUEST_USO4	BIT(54)
#define VNET_F_GUEST_USO6	BIT(55)
#define VNET_F_HOST_USO		BIT(56)
#define VNET_F_SPEED_DUPLEX	BIT(63)

#define VNET_MACS	64
#define VNET_PAIRS_MAX	NET_QUEUES_MAX

struct vnet_filter {
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	bool uni_overflow, multi_overflow;
	u32 uni_n, multi_n;			/* of macs, unicast first */
	u8  macs[VNET_MACS][6];
	u8  vlans[4096 / 8];
};

struct vnet {
	struct virtio_dev v;
	/* Properties. */
	char *netdev_id;
	u8  mac[6], mac_prop[6];
	u64 net_want;
	u32 host_mtu, duplex_full;
	s32 speed;
	char *duplex;
	bool mq_prop;
	/* Wiring. */
	struct netdev *nd;			/* NULL: none, or deleted */
	unsigned pairs;
	struct net_end end[VNET_PAIRS_MAX];
	/* Sending: a worker, so that no vCPU waits for a backend. */
	struct thread thread;
	struct thread_event wake;
	pthread_cond_t idle;
	bool quit, busy, paused;
	u32 resets;
	struct virtq_elem *stalled[VNET_PAIRS_MAX]; /* taken from the ring, refused by the backend */
	bool rx_wait[VNET_PAIRS_MAX];		/* the backend waits for buffers */
	/* What the driver ordered. */
	u32 cur_pairs;
	bool link_up, announce;
	u64 offloads;				/* VNET_F_GUEST_* in force */
	struct vnet_filter filter;
};

/* virtio-net-ctrl.c; all under the device's lock. */
extern const struct state_field vnet_filter_fields[];
void vnet_filter_reset(struct vnet *n);
/* False: the card does not want a packet that begins so. */
bool vnet_filter_accepts(const struct vnet *n, const u8 *head, size_t len);
/* All orders of the control queue. */
void vnet_control(struct vnet *n, unsigned q);
/* Tells the backend what may be sent to the guest. */
void vnet_tell_offloads(struct vnet *n);

#endif
