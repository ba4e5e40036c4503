/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * What a packet of a vsock capture looks like (link type DLT_VSOCK, 271; an
 * interface of type ARPHRD_VSOCKMON, 826): struct vsc_header, then
 * le16(transport_len) bytes of the transport's own header, then payload. All
 * numbers are little-endian. The header is the kernel's struct
 * af_vsockmon_hdr (linux/vsockmon.h), the virtio one that of VIRTIO 1.2,
 * section 5.10.6; struct vsc_owner is our kernel module's, in place of a
 * transport header where it watches sockets instead of a transport.
 * For the kernel, for libc and for plugins: plain C types of stdint or linux/types.
 */
#ifndef UAPI_VSOCK_CAPTURE_H
#define UAPI_VSOCK_CAPTURE_H

#ifdef __KERNEL__
#include <linux/types.h>
#define VSC_U8	__u8
#define VSC_U16	__le16
#define VSC_U32	__le32
#define VSC_U64	__le64
#else
#include <stdint.h>
#define VSC_U8	uint8_t
#define VSC_U16	uint16_t
#define VSC_U32	uint32_t
#define VSC_U64	uint64_t
#endif

#define VSC_ARPHRD		826
#define VSC_LINKTYPE		271

enum vsc_op {
	VSC_OP_UNKNOWN,
	VSC_OP_CONNECT,
	VSC_OP_DISCONNECT,
	VSC_OP_CONTROL,
	VSC_OP_PAYLOAD,
};

enum vsc_transport {
	VSC_TRANSPORT_UNKNOWN,
	VSC_TRANSPORT_NO_INFO,
	VSC_TRANSPORT_VIRTIO,
};

struct vsc_header {
	VSC_U64 src_cid, dst_cid;
	VSC_U32 src_port, dst_port;
	VSC_U16 op;			/* enum vsc_op */
	VSC_U16 transport;		/* enum vsc_transport */
	VSC_U16 transport_len;		/* bytes of what follows, before the payload */
	VSC_U8 reserved[2];
} __attribute__((packed));

enum vsc_virtio_type {
	VSC_VIRTIO_STREAM = 1,
	VSC_VIRTIO_SEQPACKET = 2,
};

enum vsc_virtio_op {
	VSC_VIRTIO_INVALID,
	VSC_VIRTIO_REQUEST,
	VSC_VIRTIO_RESPONSE,
	VSC_VIRTIO_RST,
	VSC_VIRTIO_SHUTDOWN,
	VSC_VIRTIO_RW,
	VSC_VIRTIO_CREDIT_UPDATE,
	VSC_VIRTIO_CREDIT_REQUEST,
};

/* Flags of SHUTDOWN: the sender will not receive, send any more; of RW: a message, a record ends. */
#define VSC_VIRTIO_SHUT_RCV	1
#define VSC_VIRTIO_SHUT_SEND	2
#define VSC_VIRTIO_EOM		1
#define VSC_VIRTIO_EOR		2

struct vsc_virtio {
	VSC_U64 src_cid, dst_cid;
	VSC_U32 src_port, dst_port;
	VSC_U32 len;			/* of the payload */
	VSC_U16 type;			/* enum vsc_virtio_type */
	VSC_U16 op;			/* enum vsc_virtio_op */
	VSC_U32 flags;
	VSC_U32 buf_alloc;		/* the sender's receive buffer, bytes */
	VSC_U32 fwd_cnt;		/* what the sender's user has read so far, modulo 2^32 */
} __attribute__((packed));

/* In place of a transport header, with VSC_TRANSPORT_NO_INFO: who owns the socket. */
#define VSC_OWNER_MAGIC		0x4e575356	/* "VSWN" */

enum vsc_owner_transport {
	VSC_OWNER_OTHER,
	VSC_OWNER_VIRTIO,
	VSC_OWNER_LOOPBACK,
	VSC_OWNER_VHOST,
	VSC_OWNER_VMCI,
	VSC_OWNER_HYPERV,
};

struct vsc_owner {
	VSC_U32 magic;
	VSC_U8 version;			/* 1 */
	VSC_U8 transport;		/* enum vsc_owner_transport */
	VSC_U16 socket_type;		/* SOCK_STREAM ... */
	VSC_U32 pid, uid;
	VSC_U32 result;			/* of the call that was seen: bytes, or minus an errno */
	VSC_U32 len;			/* of the payload before it was cut */
	char comm[16];
} __attribute__((packed));

#endif
