// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmbox_vsockmon: network devices of kind "vsmon" that show AF_VSOCK traffic
 * to packet sockets: ip link add type vsmon, tcpdump -i vsmon0. Filter and
 * snapshot length act before anything is copied; without a listener nothing
 * is. Settings are in /sys/class/net/DEVICE/vsmon/, counters in ethtool -S.
 */
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rtnetlink.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>
#include "vsmon.h"

#define QUEUE_MAX	8192	/* packets on the way to the listeners */
#define BATCH_MAX	64	/* handed over at once */

struct vsmon_counters {
	u64 n[VSMON_COUNTERS];
};

struct vsmon {
	struct net_device *dev;
	struct list_head node;		/* of monitors, under RTNL for writers */
	struct vsmon_filter filter;
	u32 armed;			/* enum vsmon_source, under RTNL */
	struct vsmon_counters __percpu *counters;
	struct sk_buff_head queue;
	struct work_struct work;
};

static LIST_HEAD(monitors);
static unsigned int users[2];		/* of each source, under RTNL */

/* Those of enum vsmon_counter; the probes' own, which all devices share. */
static const char counter_names[VSMON_COUNTERS + 1][ETH_GSTRING_LEN] = {
	"seen", "delivered", "filtered", "unheard", "other_namespace",
	"lost_no_memory", "lost_queue_full", "truncated", "delivered_bytes",
	"op_unknown", "op_connect", "op_disconnect", "op_control", "op_payload",
	"missed_by_probes",
};

static void add(struct vsmon *m, int what, u64 n)
{
	this_cpu_add(m->counters->n[what], n);
}

static void count(struct vsmon *m, int what)
{
	this_cpu_inc(m->counters->n[what]);
}

static u64 sum(const struct vsmon *m, int what)
{
	u64 v = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		v += READ_ONCE(per_cpu_ptr(m->counters, cpu)->n[what]);
	return v;
}

static bool wanted(const struct vsmon_filter *f, const struct vsmon_event *ev)
{
	u64 cid = READ_ONCE(f->cid);
	u32 port = READ_ONCE(f->port);

	return (cid == U64_MAX || cid == ev->src_cid || cid == ev->dst_cid) &&
	       (port == U32_MAX || port == ev->src_port || port == ev->dst_port) &&
	       READ_ONCE(f->ops) >> min_t(u16, ev->op, 31) & 1 &&
	       READ_ONCE(f->types) >> min_t(u16, ev->type, 31) & 1 &&
	       READ_ONCE(f->directions) >> ev->sent & 1;
}

/* A device outside the first namespace sees its own sockets only. */
static bool its_own(const struct vsmon *m, const struct vsmon_event *ev)
{
	const struct net *net = dev_net(m->dev);

	if (net_eq(net, &init_net))
		return true;
	return ev->net ? net_eq(net, ev->net) : ev->concerns && ev->concerns(ev, net);
}

static struct sk_buff *packet(const struct vsmon_event *ev, u32 keep)
{
	struct vsc_header h = {
		.src_cid = cpu_to_le64(ev->src_cid), .dst_cid = cpu_to_le64(ev->dst_cid),
		.src_port = cpu_to_le32(ev->src_port), .dst_port = cpu_to_le32(ev->dst_port),
		.op = cpu_to_le16(ev->op), .transport = cpu_to_le16(ev->transport),
		.transport_len = cpu_to_le16(ev->header_len),
	};
	struct sk_buff *skb;

	skb = alloc_skb(sizeof(h) + ev->header_len + keep, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_put_data(skb, &h, sizeof(h));
	skb_put_data(skb, ev->header, ev->header_len);
	if (keep && skb_copy_bits(ev->payload, 0, skb_put(skb, keep), keep)) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

static void tell(struct vsmon *m, const struct vsmon_event *ev)
{
	u32 keep = ev->payload ? min(ev->len, READ_ONCE(m->filter.snaplen)) : 0;
	struct sk_buff *skb;

	count(m, VSMON_SEEN);
	count(m, VSMON_OPS + min_t(u16, ev->op, VSC_OP_PAYLOAD));
	if (!its_own(m, ev)) {
		count(m, VSMON_FOREIGN);
	} else if (!wanted(&m->filter, ev)) {
		count(m, VSMON_FILTERED);
	} else if (list_empty(&m->dev->ptype_all)) {
		count(m, VSMON_UNHEARD);
	} else if (skb_queue_len_lockless(&m->queue) >= QUEUE_MAX) {
		count(m, VSMON_LOST_QUEUE);
	} else {
		skb = packet(ev, keep);
		if (!skb) {
			count(m, VSMON_LOST_MEMORY);
			return;
		}
		skb->dev = m->dev;
		skb->pkt_type = ev->sent ? PACKET_OUTGOING : PACKET_HOST;
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		__net_timestamp(skb);
		skb_reset_mac_header(skb);
		if (keep < ev->len)
			count(m, VSMON_TRUNCATED);
		skb_queue_tail(&m->queue, skb);
		queue_work(system_highpri_wq, &m->work);
	}
}

void vsmon_tell(enum vsmon_source source, const struct vsmon_event *ev)
{
	struct vsmon *m;

	rcu_read_lock();
	list_for_each_entry_rcu(m, &monitors, node)
		if (READ_ONCE(m->filter.sources) & source)
			tell(m, ev);
	rcu_read_unlock();
}

/* Out of the probe's context, where the network stack may be entered. */
static void hand_over(struct work_struct *work)
{
	struct vsmon *m = container_of(work, struct vsmon, work);
	struct sk_buff *skb;
	LIST_HEAD(batch);
	u64 n, bytes;

	do {
		n = 0;
		bytes = 0;
		while (n < BATCH_MAX && (skb = skb_dequeue(&m->queue))) {
			bytes += skb->len;
			n++;
			list_add_tail(&skb->list, &batch);
		}
		add(m, VSMON_DELIVERED, n);
		add(m, VSMON_BYTES, bytes);
		local_bh_disable();
		netif_receive_skb_list(&batch);
		local_bh_enable();
		INIT_LIST_HEAD(&batch);
		cond_resched();
	} while (n);
}

/* ---- sources that are on as long as somebody wants them ---- */

static int arm(enum vsmon_source s)
{
	unsigned int *n = &users[s == VSMON_SOCKETS];
	int err = 0;

	if (!(*n)++)
		err = s == VSMON_SOCKETS ? vsmon_sockets_arm() : vsmon_packets_arm();
	if (err)
		(*n)--;
	return err;
}

static void disarm(enum vsmon_source s)
{
	if (--users[s == VSMON_SOCKETS])
		return;
	if (s == VSMON_SOCKETS)
		vsmon_sockets_disarm();
	else
		vsmon_packets_disarm();
}

/* Under RTNL. */
static int set_armed(struct vsmon *m, u32 want)
{
	int err;

	for (u32 s = VSMON_PACKETS; s <= VSMON_SOCKETS; s <<= 1) {
		if (want & ~m->armed & s) {
			err = arm(s);
			if (err)
				return err;
			m->armed |= s;
		} else if (~want & m->armed & s) {
			disarm(s);
			m->armed &= ~s;
		}
	}
	return 0;
}

static int vsmon_open(struct net_device *dev)
{
	struct vsmon *m = netdev_priv(dev);
	int err = set_armed(m, m->filter.sources);

	if (err) {
		set_armed(m, 0);
		return err;
	}
	list_add_tail_rcu(&m->node, &monitors);
	return 0;
}

static int vsmon_stop(struct net_device *dev)
{
	struct vsmon *m = netdev_priv(dev);

	list_del_rcu(&m->node);
	set_armed(m, 0);
	synchronize_rcu();
	cancel_work_sync(&m->work);
	hand_over(&m->work);
	return 0;
}

static netdev_tx_t vsmon_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_kfree_skb(skb);	/* nothing can be sent to a monitor */
	return NETDEV_TX_OK;
}

static void vsmon_stats64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct vsmon *m = netdev_priv(dev);

	s->rx_packets = sum(m, VSMON_DELIVERED);
	s->rx_bytes = sum(m, VSMON_BYTES);
	s->rx_dropped = sum(m, VSMON_LOST_MEMORY) + sum(m, VSMON_LOST_QUEUE);
}

static int vsmon_init(struct net_device *dev)
{
	struct vsmon *m = netdev_priv(dev);

	m->counters = alloc_percpu(struct vsmon_counters);
	return m->counters ? 0 : -ENOMEM;
}

static const struct net_device_ops vsmon_netdev_ops = {
	.ndo_init = vsmon_init,
	.ndo_open = vsmon_open,
	.ndo_stop = vsmon_stop,
	.ndo_start_xmit = vsmon_xmit,
	.ndo_get_stats64 = vsmon_stats64,
};

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? ARRAY_SIZE(counter_names) : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, counter_names, sizeof(counter_names));
}

static void get_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	for (int i = 0; i < VSMON_COUNTERS; i++)
		data[i] = sum(netdev_priv(dev), i);
	data[VSMON_COUNTERS] = vsmon_packets_missed() + vsmon_sockets_missed();
}

static const struct ethtool_ops vsmon_ethtool_ops = {
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_stats,
};

/* ---- sysfs ---- */

#define SETTING(name, type, parse) \
static ssize_t name##_show(struct device *d, struct device_attribute *a, char *buf) \
{ \
	struct vsmon *m = netdev_priv(to_net_dev(d)); \
	\
	if (m->filter.name == (type)~0ULL) \
		return sysfs_emit(buf, "any\n"); \
	return sysfs_emit(buf, "%llu\n", (u64)m->filter.name); \
} \
\
static ssize_t name##_store(struct device *d, struct device_attribute *a, const char *buf, \
			    size_t n) \
{ \
	struct vsmon *m = netdev_priv(to_net_dev(d)); \
	type v = (type)~0ULL; \
	int err = sysfs_streq(buf, "any") ? 0 : parse(buf, 0, &v); \
	\
	if (err) \
		return err; \
	WRITE_ONCE(m->filter.name, v); \
	return n; \
} \
static DEVICE_ATTR_RW(name)

SETTING(cid, u64, kstrtou64);
SETTING(port, u32, kstrtou32);
SETTING(ops, u32, kstrtou32);
SETTING(types, u32, kstrtou32);
SETTING(directions, u32, kstrtou32);
SETTING(snaplen, u32, kstrtou32);

static ssize_t sources_show(struct device *d, struct device_attribute *a, char *buf)
{
	struct vsmon *m = netdev_priv(to_net_dev(d));

	return sysfs_emit(buf, "%u\n", m->filter.sources);
}

static ssize_t sources_store(struct device *d, struct device_attribute *a, const char *buf,
			     size_t n)
{
	struct net_device *dev = to_net_dev(d);
	struct vsmon *m = netdev_priv(dev);
	u32 v;
	int err = kstrtou32(buf, 0, &v);

	if (err)
		return err;
	if (!v || v & ~(u32)(VSMON_PACKETS | VSMON_SOCKETS))
		return -EINVAL;
	if (!rtnl_trylock())
		return restart_syscall();
	err = netif_running(dev) ? set_armed(m, v) : 0;
	if (!err)
		WRITE_ONCE(m->filter.sources, v);
	rtnl_unlock();
	return err ?: n;
}
static DEVICE_ATTR_RW(sources);

static struct attribute *vsmon_attrs[] = {
	&dev_attr_cid.attr, &dev_attr_port.attr, &dev_attr_ops.attr, &dev_attr_types.attr,
	&dev_attr_directions.attr, &dev_attr_snaplen.attr, &dev_attr_sources.attr, NULL,
};

static const struct attribute_group vsmon_group = { .name = "vsmon", .attrs = vsmon_attrs };

/* ---- the kind ---- */

static void vsmon_free(struct net_device *dev)
{
	struct vsmon *m = netdev_priv(dev);

	skb_queue_purge(&m->queue);
	free_percpu(m->counters);
}

static void vsmon_setup(struct net_device *dev)
{
	struct vsmon *m = netdev_priv(dev);

	dev->type = ARPHRD_VSOCKMON;
	dev->netdev_ops = &vsmon_netdev_ops;
	dev->ethtool_ops = &vsmon_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = vsmon_free;
	dev->sysfs_groups[0] = &vsmon_group;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->flags = IFF_NOARP;
	dev->mtu = 65536 + sizeof(struct vsc_header) + sizeof(struct vsc_virtio);
	dev->max_mtu = INT_MAX;
	m->dev = dev;
	m->filter = (struct vsmon_filter){
		.cid = U64_MAX, .port = U32_MAX, .ops = U32_MAX, .types = U32_MAX,
		.directions = U32_MAX, .snaplen = U32_MAX, .sources = VSMON_PACKETS,
	};
	skb_queue_head_init(&m->queue);
	INIT_WORK(&m->work, hand_over);
}

/* The signature of .newlink changed in 6.15. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
static int vsmon_newlink(struct net_device *dev, struct rtnl_newlink_params *params,
			 struct netlink_ext_ack *ack)
#else
static int vsmon_newlink(struct net *net, struct net_device *dev, struct nlattr *tb[],
			 struct nlattr *data[], struct netlink_ext_ack *ack)
#endif
{
	return register_netdevice(dev);
}

static struct rtnl_link_ops vsmon_link_ops = {
	.kind = "vsmon",
	.priv_size = sizeof(struct vsmon),
	.setup = vsmon_setup,
	.newlink = vsmon_newlink,
};

static int __init vsmon_module_init(void)
{
	int err = vsmon_table_init();

	if (err)
		return err;
	err = rtnl_link_register(&vsmon_link_ops);
	if (err)
		vsmon_table_exit();
	return err;
}

static void __exit vsmon_module_exit(void)
{
	rtnl_link_unregister(&vsmon_link_ops);
	vsmon_table_exit();
}

module_init(vsmon_module_init);
module_exit(vsmon_module_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("the vmbox authors");
MODULE_DESCRIPTION("Monitor of AF_VSOCK: packets before they are copied, sockets and their owners");
MODULE_ALIAS_RTNL_LINK("vsmon");
