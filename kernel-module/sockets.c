// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source "sockets": what processes do with vsock sockets, whatever transport
 * carries it (VMCI and Hyper-V too), with the process that does it. Records
 * say NO_INFO for the transport and carry struct vsc_owner; no payload.
 */
#include <linux/cred.h>
#include <linux/kprobes.h>
#include <linux/sched.h>
#include <net/af_vsock.h>
#include "vsmon.h"

struct call {
	struct sock *sk;
};

static u8 transport_of(const struct vsock_sock *vsk)
{
	const struct vsock_transport *t = READ_ONCE(vsk->transport);
	const char *name = t && t->module ? t->module->name : "";

	if (!strcmp(name, "vsock_loopback"))
		return VSC_OWNER_LOOPBACK;
	if (!strcmp(name, "vmw_vsock_virtio_transport"))
		return VSC_OWNER_VIRTIO;
	if (!strcmp(name, "vhost_vsock"))
		return VSC_OWNER_VHOST;
	if (!strcmp(name, "vmw_vsock_vmci_transport"))
		return VSC_OWNER_VMCI;
	if (!strcmp(name, "hv_sock"))
		return VSC_OWNER_HYPERV;
	return VSC_OWNER_OTHER;
}

/* A socket that never was bound to a CID has that of its transport. */
static u64 local_cid(const struct vsock_sock *vsk)
{
	const struct vsock_transport *t = READ_ONCE(vsk->transport);
	u32 cid = vsk->local_addr.svm_cid;

	return cid == VMADDR_CID_ANY && t ? t->get_local_cid() : cid;
}

static void tell(struct sock *sk, u16 op, bool sent, long result)
{
	struct vsock_sock *vsk = vsock_sk(sk);
	struct vsc_owner o = {
		.magic = cpu_to_le32(VSC_OWNER_MAGIC), .version = 1, .transport = transport_of(vsk),
		.socket_type = cpu_to_le16(sk->sk_type),
		.pid = cpu_to_le32(task_tgid_nr(current)),
		.uid = cpu_to_le32(from_kuid(&init_user_ns, current_uid())),
		.result = cpu_to_le32((u32)result),
		.len = cpu_to_le32(op == VSC_OP_PAYLOAD && result > 0 ? (u32)result : 0),
	};
	struct vsmon_event ev = {
		.op = op, .transport = VSC_TRANSPORT_NO_INFO, .sent = sent,
		.type = sk->sk_type == SOCK_SEQPACKET ? VSC_VIRTIO_SEQPACKET : VSC_VIRTIO_STREAM,
		.header = &o, .header_len = sizeof(o),
		.len = le32_to_cpu(o.len), .net = sock_net(sk),
	};

	memcpy(o.comm, current->comm, min(sizeof(o.comm), sizeof(current->comm)));
	*(sent ? &ev.src_cid : &ev.dst_cid) = local_cid(vsk);
	*(sent ? &ev.src_port : &ev.dst_port) = vsk->local_addr.svm_port;
	*(sent ? &ev.dst_cid : &ev.src_cid) = vsk->remote_addr.svm_cid;
	*(sent ? &ev.dst_port : &ev.src_port) = vsk->remote_addr.svm_port;
	vsmon_tell(VSMON_SOCKETS, &ev);
}

static int enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct socket *sock = (void *)regs_get_kernel_argument(regs, 0);
	struct call *c = (void *)ri->data;

	c->sk = sock ? READ_ONCE(sock->sk) : NULL;
	return !c->sk;
}

#define LEAVE(name, op, sent) \
static int name##_leave(struct kretprobe_instance *ri, struct pt_regs *regs) \
{ \
	struct call *c = (void *)ri->data; \
	\
	tell(c->sk, op, sent, (int)regs_return_value(regs)); \
	return 0; \
}

LEAVE(connect, VSC_OP_CONNECT, true)
LEAVE(shutdown, VSC_OP_DISCONNECT, true)
LEAVE(send, VSC_OP_PAYLOAD, true)
LEAVE(receive, VSC_OP_PAYLOAD, false)

/* The socket is gone when it returns: told at the start. */
static int release_enter(struct kprobe *p, struct pt_regs *regs)
{
	struct socket *sock = (void *)regs_get_kernel_argument(regs, 0);
	struct sock *sk = sock ? READ_ONCE(sock->sk) : NULL;

	if (sk)
		tell(sk, VSC_OP_DISCONNECT, true, 0);
	return 0;
}

#define PROBE(fn, leave) { \
	.kp.symbol_name = fn, .entry_handler = enter, .handler = leave, \
	.data_size = sizeof(struct call), .maxactive = 128, \
}
static struct kretprobe probes[4];
static struct kretprobe *list[4] = { &probes[0], &probes[1], &probes[2], &probes[3] };
static struct kprobe release;

int vsmon_sockets_arm(void)
{
	static const struct kretprobe fresh[] = {
		PROBE("vsock_connect", connect_leave), PROBE("vsock_shutdown", shutdown_leave),
		PROBE("vsock_connectible_sendmsg", send_leave),
		PROBE("vsock_connectible_recvmsg", receive_leave),
	};
	int err;

	/* Registration leaves its marks in them. */
	memcpy(probes, fresh, sizeof(probes));
	release = (struct kprobe){ .symbol_name = "vsock_release", .pre_handler = release_enter };
	err = register_kretprobes(list, ARRAY_SIZE(list));
	if (err)
		return err;
	err = register_kprobe(&release);
	if (err)
		unregister_kretprobes(list, ARRAY_SIZE(list));
	return err;
}

void vsmon_sockets_disarm(void)
{
	unregister_kprobe(&release);
	unregister_kretprobes(list, ARRAY_SIZE(list));
}

unsigned long vsmon_sockets_missed(void)
{
	unsigned long n = READ_ONCE(release.nmissed);

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		n += READ_ONCE(probes[i].nmissed) + READ_ONCE(probes[i].kp.nmissed);
	return n;
}
