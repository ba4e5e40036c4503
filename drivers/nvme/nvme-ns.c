// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Namespaces: -device nvme-ns,drive=D,bus=CONTROLLER,nsid=N.
 */
#include <errno.h>
#include "nvme.h"

int nvme_ns_open(struct nvme_ns *ns, struct nvme *n, struct err *err)
{
	u32 i;

	if (ns->logical < 512 || ns->logical > 32768 || (ns->logical & (ns->logical - 1)))
		return err_set(err, EINVAL, "logical_block_size must be a power of two from 512 to 32768");
	for (i = 1; !ns->nsid && i <= NVME_NS_MAX; i++)
		if (!n->ns[i])
			ns->nsid = i;
	if (!ns->nsid || ns->nsid > NVME_NS_MAX)
		return err_set(err, EINVAL, "invalid namespace id: 1 to %u are possible", NVME_NS_MAX);
	if (n->ns[ns->nsid])
		return err_set(err, EBUSY, "namespace id '%u' already allocated", ns->nsid);
	if (blkdev_open(&ns->blk, &n->pci.dev, ns->drive_id, false, err) < 0)
		return -err->code;
	if (!ns->blk.node) {
		blkdev_close(&ns->blk);
		return err_set(err, EINVAL, "drive '%s' is empty: a disk needs a medium", ns->drive_id);
	}
	ns->ctrl = n;
	ns->shift = (unsigned)__builtin_ctz(ns->logical);
	if (!ns->eui64)
		ns->eui64 = 0x5254000000000000ULL | ns->nsid;
	device_lock(&n->pci.dev);
	n->ns[ns->nsid] = ns;
	device_unlock(&n->pci.dev);
	return 0;
}

void nvme_ns_close(struct nvme_ns *ns)
{
	struct nvme *n = ns->ctrl;

	if (!n)
		return;
	device_lock(&n->pci.dev);
	n->ns[ns->nsid] = NULL;
	device_unlock(&n->pci.dev);
	blkdev_close(&ns->blk);
	ns->ctrl = NULL;
}

static int ns_realize(struct device *dev, struct err *err)
{
	return nvme_ns_open((struct nvme_ns *)dev, (struct nvme *)dev->bus->parent, err);
}

static void ns_unrealize(struct device *dev)
{
	nvme_ns_close((struct nvme_ns *)dev);
}

static const struct prop ns_props[] = {
	PROP(struct nvme_ns, drive_id, "drive", DRIVE, 0, "drive or block node"),
	PROP(struct nvme_ns, nsid, "nsid", U32, 0, "number; 0: the next"),
	PROP(struct nvme_ns, logical, "logical_block_size", U32, 512, "logical block size in bytes"),
	PROP(struct nvme_ns, eui64, "eui64", U64, 0, "EUI-64"),
	PROP(struct nvme_ns, uuid, "uuid", UUID, 0, "UUID"),
	PROP_END
};

static const struct device_class ns_class = {
	.name = "nvme-ns", .desc = "NVMe namespace", .bus = "nvme-bus", .category = "Storage", .size = sizeof(struct nvme_ns),
	.locking = LOCK_NONE, .props = ns_props, .realize = ns_realize, .unrealize = ns_unrealize,
};
REGISTER(device, ns_class);
