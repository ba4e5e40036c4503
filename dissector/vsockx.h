/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of the plugin: what one packet says, the state of the
 * stream that it belongs to, and what that state was when the packet came.
 */
#ifndef VSOCKX_H
#define VSOCKX_H

#include <epan/packet.h>
#include <ws_version.h>
#include "uapi/vsock_capture.h"

#define VSX_WIRESHARK(major, minor) \
	(WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

/* What Wireshark shares with us as a truth: bool from 4.3 on. */
#if VSX_WIRESHARK(4, 3)
#include <stdbool.h>
#define vsx_bool	bool
#define vsx_get_u8	tvb_get_uint8
#else
#define vsx_bool	gboolean
#define vsx_get_u8	tvb_get_guint8
#endif

/* What a packet says; passed to the taps as well. */
struct vsx_packet {
	guint64 src_cid, dst_cid;
	guint32 src_port, dst_port;
	guint16 op, transport;
	gboolean virtio;		/* there is a virtio header: the fields below hold */
	guint16 type, vop;
	guint32 len, flags, buf_alloc, fwd_cnt;
	guint32 payload;		/* bytes that were captured */
	guint32 stream;
	gboolean from_server;
	address src, dst;		/* CIDs */
	address src_end, dst_end;	/* CIDs with their ports */
};

enum {
	VSX_OVERRUN		= 1 << 0,	/* more in flight than the peer has room for */
	VSX_ZERO_WINDOW		= 1 << 1,	/* the sender of this has no room left */
	VSX_USELESS_CREDIT	= 1 << 2,	/* a credit update that changes nothing */
	VSX_AFTER_SHUTDOWN	= 1 << 3,	/* data after the sender's own SHUTDOWN */
	VSX_NO_REQUEST		= 1 << 4,	/* the capture has not seen the start */
	VSX_FWD_BACKWARDS	= 1 << 5,	/* fwd_cnt went back, or ahead of what was sent */
	VSX_BUF_SHRINKS		= 1 << 6,
	VSX_REFUSED		= 1 << 7,	/* RST in answer to a REQUEST */
	VSX_CLOSED		= 1 << 8,	/* RST in answer to a SHUTDOWN: the usual end */
	VSX_ABORTED		= 1 << 9,	/* RST in the midst */
	VSX_REOPENED		= 1 << 10,	/* the same addresses, a new stream */
};

/* Bytes of one direction that wait for the rest of a higher protocol's message. */
struct vsx_run {
	wmem_array_t *bytes;
};

/* One direction of a stream. */
struct vsx_side {
	guint32 tx, fwd_cnt, buf_alloc;	/* sent; announced by this side */
	gboolean credit_known;		/* this side has announced */
	guint32 shut;			/* VSC_VIRTIO_SHUT_* */
	guint32 shut_frame;
	struct vsx_run *run;
	guint32 need;			/* bytes of run until the message is whole; 0: not known */
	guint32 messages;
};

struct vsx_stream {
	guint32 id;
	guint16 type;
	address client, server;
	guint32 client_port, server_port;
	guint32 request_frame, response_frame, end_frame;
	nstime_t request_time, response_time;
	struct vsx_side side[2];	/* of the client, of the server */
	dissector_handle_t handle;	/* of the payload, found by a heuristic */
	guint32 handle_frame;		/* and from where on */
};

/* What is kept for a frame. */
struct vsx_frame {
	struct vsx_stream *stream;
	gboolean from_server;
	guint32 notes;			/* VSX_* */
	guint32 seq;			/* of its first byte, from 0 */
	guint32 in_flight, window;	/* after it: of the sender, as far as known */
	gboolean window_known;
	guint32 shut_frame;		/* the SHUTDOWN that an RST answers */
	/* Reassembly: what stood before this frame's bytes, and whether it ends a message. */
	struct vsx_run *run;
	guint32 before;
	gboolean deliver;
	guint32 message;
};

/* The state of p's stream; on the first pass it is advanced by p. Never NULL. */
struct vsx_frame *vsx_track(packet_info *pinfo, const struct vsx_packet *p);
/* Registers what has to be reset between files. */
void vsx_stream_register(void);
guint32 vsx_stream_count(void);
/* The stream of number id; NULL: none such. */
const struct vsx_stream *vsx_stream_get(guint32 id);

/*
 * Hands payload (offset to the tvb's end) to the dissector of the stream:
 * whole messages of SEQPACKET, of STREAM what the dissector asks for.
 */
void vsx_payload(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, proto_tree *own,
		 const struct vsx_packet *p, struct vsx_frame *f);
/* A heuristic, which gets the stream as its data, knows now what the stream carries. */
void vsx_found(struct vsx_stream *s, packet_info *pinfo, dissector_handle_t h);
void vsx_payload_register(int proto);
void vsx_payload_handoff(void);

/* Conversation and endpoint tables, follow, statistics. */
void vsx_stats_register(int proto);
void vsx_stats_handoff(void);
extern int vsx_tap, vsx_follow_tap;

/* Names of CIDs ("2=host,7=db") and dissectors of ports ("1024=http"), as the user set them. */
extern const char *vsx_cid_names, *vsx_port_protocols;
extern int vsx_address_type;
extern vsx_bool vsx_desegment;
/* The value of key in a list "key=value,..."; NULL: none. From scope's pool. */
char *vsx_lookup(wmem_allocator_t *scope, const char *list, guint64 key);

/* ttrpc, containerd's RPC over a byte stream. */
void vsx_ttrpc_register(void);
void vsx_ttrpc_handoff(void);

#endif
