// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's name for the device that the host kernel's vhost serves. Here the
 * emulator serves it itself, so the options are known and the error says what
 * to write instead.
 */
#include <errno.h>
#include "dev/virtio.h"

struct vhost_vsock {
	struct virtio_dev v;
	u64 guest_cid;
	char *vhostfd;
	u8 seqpacket;
};

static int vhost_realize(struct device *dev, struct err *err)
{
	return err_set(err, ENOTSUP, "%s is served by the host's kernel (AF_VSOCK sockets of the host), which vmbox does "
		       "not use; say -device virtio%s,guest-cid=%llu,uds=PATH: the host's side are unix sockets",
		       dev->cls->name, dev->cls->name + 5, ((struct vhost_vsock *)dev)->guest_cid);
}

static const struct pci_ops vhost_pci_ops = VIRTIO_PCI_OPS;
static const struct prop vhost_props[] = {
	PROP(struct vhost_vsock, guest_cid, "guest-cid", U64, 3, "the guest's address"),
	PROP(struct vhost_vsock, vhostfd, "vhostfd", STR, 0, "an open /dev/vhost-vsock"),
	PROP(struct vhost_vsock, seqpacket, "seqpacket", ONOFFAUTO, 0, "sockets that keep messages apart"),
	PROP_END
};

static const struct device_class vhost_vsock_class = {
	.name = "vhost-vsock-pci", .desc = "refused with advice: see virtio-vsock-pci", .bus = "PCI", .category = "Network",
	.size = sizeof(struct vhost_vsock), .locking = LOCK_DEVICE, .props = vhost_props, .bus_props = virtio_props,
	.type_ops = &vhost_pci_ops, .realize = vhost_realize,
};
REGISTER(device, vhost_vsock_class);

static const struct device_class vhost_vsock_device_class = {
	.name = "vhost-vsock-device", .desc = "refused with advice: see virtio-vsock-device", .bus = "virtio-bus", .category = "Network",
	.size = sizeof(struct vhost_vsock), .locking = LOCK_DEVICE, .props = vhost_props, .bus_props = virtio_bus_props,
	.realize = vhost_realize,
};
REGISTER(device, vhost_vsock_device_class);
