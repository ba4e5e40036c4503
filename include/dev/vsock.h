/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others may know of the vsock device: taps see every packet between
 * guest and host, as the kernel's vsockmon shows them (uapi/vsock_capture.h).
 *
 * Threads: taps come and go on the main thread. packet() runs on any thread
 * under the device's lock, in the order in which the guest sees and sends.
 */
#ifndef VMBOX_DEV_VSOCK_H
#define VMBOX_DEV_VSOCK_H

#include "compiler.h"
#include "err.h"

#define VSOCK_HOST_CID	2
#define VSOCK_HDR_LEN	44	/* of the virtio header (virtio 1.2 section 5.10.6) */

struct machine;
struct device;

struct vsock_tap {
	/* hdr: VSOCK_HDR_LEN bytes as they cross the ring; data: the payload. */
	void (*packet)(struct vsock_tap *t, bool from_guest, const u8 *hdr, const void *data, size_t len);
	struct device *dev;		/* NULL: none, or it was unplugged */
	struct vsock_tap *next;
};

/* id: of a vsock device of m. -ENOENT. */
int  vsock_tap_add(struct machine *m, const char *id, struct vsock_tap *t, struct err *err);
void vsock_tap_del(struct vsock_tap *t);

#endif
