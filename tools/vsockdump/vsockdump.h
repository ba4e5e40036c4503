/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vsockdump from inside: a source gives records (capture file, device, the
 * emulator's socket), decode.c makes a packet of one, filter.c judges it,
 * print.c shows it.
 */
#ifndef TOOLS_VSOCKDUMP_H
#define TOOLS_VSOCKDUMP_H

#include "pcap.h"
#include "str.h"
#include "uapi/vsock_capture.h"

/* One record in host byte order. Only `has_virtio`, `has_owner` parts are filled in. */
struct vsd_packet {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port;
	u16 op, transport;
	u8  direction;			/* enum pcap_direction */
	bool has_virtio, has_owner;
	bool short_header;		/* the record ends within its headers */
	u16 type, virtio_op;		/* virtio */
	u32 virtio_len, flags, buf_alloc, fwd_cnt;
	u32 pid, uid, result;		/* owner */
	u16 socket_type;
	u8  owner_transport;
	char comm[17];
	const u8 *payload;
	u32 len;			/* of the payload on the wire */
	u32 captured;			/* bytes of it at payload */
};

/* False: too short even for addresses. */
bool vsd_decode(const struct pcap_packet *r, struct vsd_packet *p);
/* 1 stream, 2 seqpacket, 0 unknown; whatever the transport. */
unsigned vsd_type(const struct vsd_packet *p);
/* "request", "rw", "connect"; NULL: no name. */
const char *vsd_virtio_op_name(u16 op);
const char *vsd_op_name(u16 op);
const char *vsd_transport_name(const struct vsd_packet *p);

/* ---- filter.c ---- */

struct vsd_filter;
/* NULL text or "": NULL, which lets everything through. NULL with err set on errors. */
struct vsd_filter *vsd_filter_parse(const char *text, struct err *err);
bool vsd_filter_match(const struct vsd_filter *f, const struct vsd_packet *p);
void vsd_filter_free(struct vsd_filter *f);

/* ---- source.c ---- */

struct vsd_source {
	int fd;
	bool live;			/* a packet socket */
	struct pcap_reader reader;	/* of a file or stream */
	u8 *buf;
	u32 snaplen;
	u64 kernel_packets, kernel_drops;
	char name[108];
};

/* Blocks SIGINT, SIGTERM, SIGHUP except while waiting; *stopped() then says so. */
void vsd_catch_signals(void);
bool vsd_stopped(void);
/* name with a slash: the emulator's socket, else a device. */
int  vsd_open_live(struct vsd_source *s, const char *name, u32 snaplen, u32 buffer_kib, struct err *err);
/* "-": standard input. */
int  vsd_open_file(struct vsd_source *s, const char *path, struct err *err);
/* As pcap_read(). */
int  vsd_next(struct vsd_source *s, struct pcap_packet *p, struct err *err);
/* Packets that came, packets that were lost before us; false: nobody knows. */
bool vsd_stats(struct vsd_source *s, u64 *received, u64 *dropped);
void vsd_close(struct vsd_source *s);
/* Prints the devices that can be captured from, a line each. */
int  vsd_list_devices(void);

/* ---- print.c ---- */

struct vsd_style {
	bool numeric, link, hex, no_time;	/* -n -e -x -t */
	unsigned verbose;
};
void vsd_print_line(struct strbuf *out, const struct pcap_packet *r, const struct vsd_packet *p, const struct vsd_style *s);
void vsd_print_json(struct strbuf *out, const struct pcap_packet *r, const struct vsd_packet *p, const struct vsd_style *s);

#endif
