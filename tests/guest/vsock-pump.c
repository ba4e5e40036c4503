// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel module for tests: offers packets to the monitors as a virtio
 * transport does, as fast as it can, from one thread a processor, when it
 * is loaded.
 *	insmod vsock-pump.ko packets=N bytes=PAYLOAD
 */
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/virtio_vsock.h>

static unsigned int packets = 100000, bytes = 64;
module_param(packets, uint, 0);
module_param(bytes, uint, 0);

static atomic_t running;
static DECLARE_COMPLETION(ended);
static int failed;

static struct sk_buff *one(void)
{
	struct sk_buff *skb = alloc_skb(VIRTIO_VSOCK_SKB_HEADROOM + bytes, GFP_KERNEL);
	struct virtio_vsock_hdr *h;

	if (!skb)
		return NULL;
	skb_reserve(skb, VIRTIO_VSOCK_SKB_HEADROOM);
	memset(skb_put(skb, bytes), 'p', bytes);
	memset(skb->cb, 0, sizeof(skb->cb));
	h = virtio_vsock_hdr(skb);
	*h = (struct virtio_vsock_hdr){
		.src_cid = cpu_to_le64(1), .dst_cid = cpu_to_le64(1),
		.src_port = cpu_to_le32(5000), .dst_port = cpu_to_le32(5001), .len = cpu_to_le32(bytes),
		.type = cpu_to_le16(VIRTIO_VSOCK_TYPE_STREAM), .op = cpu_to_le16(VIRTIO_VSOCK_OP_RW),
	};
	return skb;
}

static int pump(void *unused)
{
	struct sk_buff *skb = one();

	if (!skb)
		failed = -ENOMEM;
	for (unsigned int i = 0; skb && i < packets; i++) {
		VIRTIO_VSOCK_SKB_CB(skb)->tap_delivered = false;
		virtio_transport_deliver_tap_pkt(skb);
		if (i % 64 == 63)
			cond_resched();
	}
	kfree_skb(skb);
	/* Nothing of the module runs behind the last one's end. */
	kthread_complete_and_exit(atomic_dec_and_test(&running) ? &ended : NULL, 0);
}

static int __init pump_init(void)
{
	unsigned int n = 0;
	ktime_t start;
	int cpu;

	atomic_set(&running, 1);
	start = ktime_get();
	for_each_online_cpu(cpu) {
		struct task_struct *t = kthread_create_on_cpu(pump, NULL, cpu, "pump/%u");

		if (IS_ERR(t)) {
			failed = PTR_ERR(t);
			break;
		}
		atomic_inc(&running);
		n++;
		wake_up_process(t);
	}
	if (!atomic_dec_and_test(&running))
		wait_for_completion(&ended);
	pr_info("pump: %u packets in %lld us, status %d\n", n * packets, ktime_us_delta(ktime_get(), start), failed);
	return failed;
}

static void __exit pump_exit(void)
{
}

module_init(pump_init);
module_exit(pump_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Packets for the monitors of vsock");
