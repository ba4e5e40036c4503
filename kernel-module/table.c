// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debugfs vsmon/sockets: every connected vsock socket with its state and, of
 * those on a virtio transport, its credit.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/virtio_vsock.h>
#include <net/af_vsock.h>
#include "vsmon.h"

static bool on_virtio(const struct vsock_sock *vsk)
{
	const struct vsock_transport *t = READ_ONCE(vsk->transport);
	const char *name = t && t->module ? t->module->name : "";

	return !strcmp(name, "vsock_loopback") || !strcmp(name, "vmw_vsock_virtio_transport") ||
	       !strcmp(name, "vhost_vsock");
}

static void show(struct seq_file *s, struct vsock_sock *vsk)
{
	const struct vsock_transport *t = READ_ONCE(vsk->transport);
	const struct virtio_vsock_sock *v = on_virtio(vsk) ? READ_ONCE(vsk->trans) : NULL;

	seq_printf(s, "%u:%u %u:%u type=%u state=%u shutdown=%u peer_shutdown=%u transport=%s",
		   vsk->local_addr.svm_cid, vsk->local_addr.svm_port,
		   vsk->remote_addr.svm_cid, vsk->remote_addr.svm_port,
		   vsk->sk.sk_type, vsk->sk.sk_state, vsk->sk.sk_shutdown, vsk->peer_shutdown,
		   t && t->module ? t->module->name : "none");
	if (v)
		seq_printf(s, " tx=%u peer_fwd=%u peer_buf=%u fwd=%u buf=%u rx_bytes=%u",
			   v->tx_cnt, v->peer_fwd_cnt, v->peer_buf_alloc,
			   v->fwd_cnt, v->buf_alloc, v->rx_bytes);
	seq_putc(s, '\n');
}

static int sockets_show(struct seq_file *s, void *unused)
{
	struct vsock_sock *vsk;

	spin_lock_bh(&vsock_table_lock);
	for (size_t i = 0; i < ARRAY_SIZE(vsock_connected_table); i++)
		list_for_each_entry(vsk, &vsock_connected_table[i], connected_table)
			show(s, vsk);
	spin_unlock_bh(&vsock_table_lock);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(sockets);

static struct dentry *folder;

int vsmon_table_init(void)
{
	folder = debugfs_create_dir("vsmon", NULL);
	debugfs_create_file("sockets", 0400, folder, NULL, &sockets_fops);
	return 0;
}

void vsmon_table_exit(void)
{
	debugfs_remove(folder);
}
