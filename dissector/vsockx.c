/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wireshark plugin for AF_VSOCK captures (DLT_VSOCK, 271): takes over from the
 * built-in dissector. This file reads the headers and shows what stream.c
 * found out; include/uapi/vsock_capture.h has the layouts.
 */
#include "vsockx.h"

#include <epan/address_types.h>
#include <epan/expert.h>
#include <epan/follow.h>
#include <epan/prefs.h>
#include <epan/proto_data.h>
#include <epan/tap.h>
#include <epan/to_str.h>
#include <wiretap/wtap.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern const char plugin_version[];
EXPORT extern const int plugin_want_major, plugin_want_minor;
EXPORT void plugin_register(void);
EXPORT const char plugin_version[] = "0.1.0";
EXPORT const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
EXPORT const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

#if VSX_WIRESHARK(4, 1)
EXPORT guint32 plugin_describe(void);

/* The kind of plugin: a dissector. */
guint32 plugin_describe(void)
{
	return 1;
}
#endif

const char *vsx_cid_names = "", *vsx_port_protocols = "";
int vsx_address_type;
vsx_bool vsx_desegment = TRUE;

static int proto = -1, end_type;
static gint ett = -1, ett_header = -1, ett_transport = -1, ett_flags = -1, ett_stream = -1;
static dissector_handle_t handle;

static const value_string ops[] = {
	{ VSC_OP_UNKNOWN, "Unknown" }, { VSC_OP_CONNECT, "Connect" }, { VSC_OP_DISCONNECT, "Disconnect" },
	{ VSC_OP_CONTROL, "Control" }, { VSC_OP_PAYLOAD, "Payload" }, { 0, NULL },
};
static const value_string transports[] = {
	{ VSC_TRANSPORT_UNKNOWN, "Unknown" }, { VSC_TRANSPORT_NO_INFO, "No information" }, { VSC_TRANSPORT_VIRTIO, "virtio" }, { 0, NULL },
};
static const value_string types[] = { { VSC_VIRTIO_STREAM, "Stream" }, { VSC_VIRTIO_SEQPACKET, "Seqpacket" }, { 0, NULL } };
static const value_string virtio_ops[] = {
	{ VSC_VIRTIO_INVALID, "Invalid" }, { VSC_VIRTIO_REQUEST, "Request" }, { VSC_VIRTIO_RESPONSE, "Response" }, { VSC_VIRTIO_RST, "Reset" },
	{ VSC_VIRTIO_SHUTDOWN, "Shutdown" }, { VSC_VIRTIO_RW, "Data" }, { VSC_VIRTIO_CREDIT_UPDATE, "Credit update" },
	{ VSC_VIRTIO_CREDIT_REQUEST, "Credit request" }, { 0, NULL },
};
static const value_string owner_transports[] = {
	{ VSC_OWNER_OTHER, "Other" }, { VSC_OWNER_VIRTIO, "virtio" }, { VSC_OWNER_LOOPBACK, "Loopback" }, { VSC_OWNER_VHOST, "vhost" },
	{ VSC_OWNER_VMCI, "VMCI" }, { VSC_OWNER_HYPERV, "Hyper-V" }, { 0, NULL },
};
static const value_string socket_types[] = { { 1, "SOCK_STREAM" }, { 2, "SOCK_DGRAM" }, { 5, "SOCK_SEQPACKET" }, { 0, NULL } };
static const val64_string well_known_cids[] = {
	{ 0, "hypervisor" }, { 1, "local" }, { 2, "host" }, { 0xffffffff, "any" }, { 0, NULL },
};

#define FIELDS \
	X(src_cid, "Source CID", "src_cid", FT_UINT64, BASE_DEC | BASE_VAL64_STRING | BASE_SPECIAL_VALS, VALS64(well_known_cids), 0, NULL) \
	X(dst_cid, "Destination CID", "dst_cid", FT_UINT64, BASE_DEC | BASE_VAL64_STRING | BASE_SPECIAL_VALS, VALS64(well_known_cids), 0, NULL) \
	X(cid, "CID", "cid", FT_UINT64, BASE_DEC, NULL, 0, "Source or destination") \
	X(cid_name, "CID name", "cid.name", FT_STRING, BASE_NONE, NULL, 0, "As set in the preferences") \
	X(src_port, "Source port", "src_port", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(dst_port, "Destination port", "dst_port", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(src, "Source", "src", FT_STRING, BASE_NONE, NULL, 0, "As CID:port") \
	X(dst, "Destination", "dst", FT_STRING, BASE_NONE, NULL, 0, "As CID:port") \
	X(addr, "Address", "addr", FT_STRING, BASE_NONE, NULL, 0, "Source or destination, as CID:port") \
	X(port, "Port", "port", FT_UINT32, BASE_DEC, NULL, 0, "Source or destination") \
	X(op, "Operation", "op", FT_UINT16, BASE_DEC, VALS(ops), 0, NULL) \
	X(transport, "Transport", "transport", FT_UINT16, BASE_DEC, VALS(transports), 0, NULL) \
	X(transport_len, "Transport header length", "transport_len", FT_UINT16, BASE_DEC, NULL, 0, NULL) \
	X(reserved, "Reserved", "reserved", FT_BYTES, BASE_NONE, NULL, 0, NULL) \
	X(unknown, "Transport header", "transport_header", FT_BYTES, BASE_NONE, NULL, 0, NULL) \
	X(v_src_cid, "Source CID", "virtio.src_cid", FT_UINT64, BASE_DEC, NULL, 0, NULL) \
	X(v_dst_cid, "Destination CID", "virtio.dst_cid", FT_UINT64, BASE_DEC, NULL, 0, NULL) \
	X(v_src_port, "Source port", "virtio.src_port", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(v_dst_port, "Destination port", "virtio.dst_port", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(v_len, "Length", "virtio.len", FT_UINT32, BASE_DEC, NULL, 0, "Of the payload") \
	X(v_type, "Type", "virtio.type", FT_UINT16, BASE_DEC, VALS(types), 0, NULL) \
	X(v_op, "Operation", "virtio.op", FT_UINT16, BASE_DEC, VALS(virtio_ops), 0, NULL) \
	X(v_flags, "Flags", "virtio.flags", FT_UINT32, BASE_HEX, NULL, 0, NULL) \
	X(v_shut_rcv, "Will not receive", "virtio.flags.shutdown_rcv", FT_BOOLEAN, 32, NULL, VSC_VIRTIO_SHUT_RCV, NULL) \
	X(v_shut_send, "Will not send", "virtio.flags.shutdown_send", FT_BOOLEAN, 32, NULL, VSC_VIRTIO_SHUT_SEND, NULL) \
	X(v_eom, "End of message", "virtio.flags.eom", FT_BOOLEAN, 32, NULL, VSC_VIRTIO_EOM, NULL) \
	X(v_eor, "End of record", "virtio.flags.eor", FT_BOOLEAN, 32, NULL, VSC_VIRTIO_EOR, NULL) \
	X(v_buf_alloc, "Buffer of the sender", "virtio.buf_alloc", FT_UINT32, BASE_DEC, NULL, 0, "Bytes that it can hold for its user") \
	X(v_fwd_cnt, "Read by the sender", "virtio.fwd_cnt", FT_UINT32, BASE_DEC, NULL, 0, "Bytes that its user has taken, modulo 2^32") \
	X(o_transport, "Socket's transport", "owner.transport", FT_UINT8, BASE_DEC, VALS(owner_transports), 0, NULL) \
	X(o_type, "Socket type", "owner.socket_type", FT_UINT16, BASE_DEC, VALS(socket_types), 0, NULL) \
	X(o_pid, "Process", "owner.pid", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(o_uid, "User", "owner.uid", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(o_result, "Result of the call", "owner.result", FT_INT32, BASE_DEC, NULL, 0, "Bytes, or minus an errno") \
	X(o_len, "Length before it was cut", "owner.len", FT_UINT32, BASE_DEC, NULL, 0, NULL) \
	X(o_comm, "Command", "owner.comm", FT_STRINGZ, BASE_NONE, NULL, 0, NULL) \
	X(stream, "Stream", "stream", FT_UINT32, BASE_DEC, NULL, 0, "From 0, in the order of the capture") \
	X(from_server, "From the server", "from_server", FT_BOOLEAN, BASE_NONE, NULL, 0, NULL) \
	X(seq, "First byte", "seq", FT_UINT32, BASE_DEC, NULL, 0, "Of this packet's payload in its direction, from 0") \
	X(in_flight, "In flight", "in_flight", FT_UINT32, BASE_DEC, NULL, 0, "Bytes sent and not yet known to be read by the peer's user") \
	X(window, "Room left at the peer", "window", FT_UINT32, BASE_DEC, NULL, 0, "Credit of the sender after this packet") \
	X(request_in, "Request in", "request_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL) \
	X(response_in, "Response in", "response_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE), 0, NULL) \
	X(handshake, "Handshake time", "handshake_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, "From Request to Response") \
	X(shutdown_in, "Shutdown in", "shutdown_in", FT_FRAMENUM, BASE_NONE, NULL, 0, "What this Reset answers") \
	X(reason, "Reason", "reset_reason", FT_STRING, BASE_NONE, NULL, 0, "What the capture says of why the stream ends")

#define X(id, ...) static int hf_##id = -1;
FIELDS
#undef X

static expert_field ei_short = EI_INIT, ei_address = EI_INIT, ei_length = EI_INIT, ei_unknown = EI_INIT, ei_reserved = EI_INIT,
	ei_overrun = EI_INIT, ei_zero = EI_INIT, ei_useless = EI_INIT, ei_after = EI_INIT, ei_no_request = EI_INIT, ei_backwards = EI_INIT,
	ei_shrinks = EI_INIT, ei_refused = EI_INIT, ei_closed = EI_INIT, ei_aborted = EI_INIT, ei_reopened = EI_INIT, ei_op = EI_INIT;

static int address_text(const address *a, gchar *buf, int len)
{
	guint64 cid;

	memcpy(&cid, a->data, 8);
	return g_snprintf(buf, (gulong)len, "%" G_GUINT64_FORMAT, GUINT64_FROM_LE(cid)) + 1;
}

static int address_text_len(const address *a)
{
	(void)a;
	return 21;
}

static int address_len(void)
{
	return 8;
}

static const gchar *address_name(const address *a)
{
	static gchar names[4][64];
	static unsigned at;
	guint64 cid;
	char *name;

	memcpy(&cid, a->data, 8);
	name = vsx_lookup(NULL, vsx_cid_names, GUINT64_FROM_LE(cid));
	at = (at + 1) % G_N_ELEMENTS(names);
	if (!name)
		g_snprintf(names[at], sizeof(names[at]), "%" G_GUINT64_FORMAT, GUINT64_FROM_LE(cid));
	else
		g_strlcpy(names[at], name, sizeof(names[at]));
	wmem_free(NULL, name);
	return names[at];
}

/* CID and port, for the tables: they show the ports of no protocol but a few. */
static int end_text(const address *a, gchar *buf, int len)
{
	guint64 cid;
	guint32 port;

	memcpy(&cid, a->data, 8);
	memcpy(&port, (const guint8 *)a->data + 8, 4);
	return g_snprintf(buf, (gulong)len, "%" G_GUINT64_FORMAT ":%u", GUINT64_FROM_LE(cid), port) + 1;
}

static int end_text_len(const address *a)
{
	(void)a;
	return 32;
}

static int end_len(void)
{
	return 12;
}

static void set_end(address *a, int type, wmem_allocator_t *pool, const address *cid, guint32 port)
{
	guint8 *p = wmem_alloc(pool, 12);

	memcpy(p, cid->data, 8);
	memcpy(p + 8, &port, 4);
	set_address(a, type, 12, p);
}

static int address_name_len(void)
{
	return 64;
}

static void both(proto_tree *t, int hf, int hf_any, tvbuff_t *tvb, int at, int size)
{
	proto_item *it;

	proto_tree_add_item(t, hf, tvb, at, size, ENC_LITTLE_ENDIAN);
	it = proto_tree_add_item(t, hf_any, tvb, at, size, ENC_LITTLE_ENDIAN);
	proto_item_set_hidden(it);
}

/* "3:1024", as the tables show it and filters are made from it. */
static void ends(proto_tree *t, tvbuff_t *tvb, packet_info *pinfo, const struct vsx_packet *p)
{
	const char *src = address_to_str(pinfo->pool, &p->src_end), *dst = address_to_str(pinfo->pool, &p->dst_end);

	proto_item_set_hidden(proto_tree_add_string(t, hf_src, tvb, 0, 0, src));
	proto_item_set_hidden(proto_tree_add_string(t, hf_addr, tvb, 0, 0, src));
	proto_item_set_hidden(proto_tree_add_string(t, hf_dst, tvb, 0, 0, dst));
	proto_item_set_hidden(proto_tree_add_string(t, hf_addr, tvb, 0, 0, dst));
}

static void cid_name(proto_tree *t, tvbuff_t *tvb, int at, packet_info *pinfo, guint64 cid)
{
	char *name = vsx_lookup(pinfo->pool, vsx_cid_names, cid);

	if (name)
		proto_item_set_generated(proto_tree_add_string(t, hf_cid_name, tvb, at, 8, name));
}

static void header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *t, struct vsx_packet *p, proto_item **op)
{
	both(t, hf_src_cid, hf_cid, tvb, 0, 8);
	cid_name(t, tvb, 0, pinfo, p->src_cid);
	both(t, hf_dst_cid, hf_cid, tvb, 8, 8);
	cid_name(t, tvb, 8, pinfo, p->dst_cid);
	ends(t, tvb, pinfo, p);
	both(t, hf_src_port, hf_port, tvb, 16, 4);
	both(t, hf_dst_port, hf_port, tvb, 20, 4);
	*op = proto_tree_add_item(t, hf_op, tvb, 24, 2, ENC_LITTLE_ENDIAN);
	if (!p->op || p->op > VSC_OP_PAYLOAD)
		expert_add_info(pinfo, *op, &ei_op);
	proto_tree_add_item(t, hf_transport, tvb, 26, 2, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_transport_len, tvb, 28, 2, ENC_LITTLE_ENDIAN);
	if (tvb_get_ntohs(tvb, 30))
		expert_add_info(pinfo, proto_tree_add_item(t, hf_reserved, tvb, 30, 2, ENC_NA), &ei_reserved);
}

static void virtio_flags(tvbuff_t *tvb, proto_tree *t, int at, const struct vsx_packet *p)
{
	proto_item *it = proto_tree_add_item(t, hf_v_flags, tvb, at, 4, ENC_LITTLE_ENDIAN);
	proto_tree *f = proto_item_add_subtree(it, ett_flags);

	if (p->vop == VSC_VIRTIO_SHUTDOWN) {
		proto_tree_add_item(f, hf_v_shut_rcv, tvb, at, 4, ENC_LITTLE_ENDIAN);
		proto_tree_add_item(f, hf_v_shut_send, tvb, at, 4, ENC_LITTLE_ENDIAN);
	} else if (p->vop == VSC_VIRTIO_RW && p->type == VSC_VIRTIO_SEQPACKET) {
		proto_tree_add_item(f, hf_v_eom, tvb, at, 4, ENC_LITTLE_ENDIAN);
		proto_tree_add_item(f, hf_v_eor, tvb, at, 4, ENC_LITTLE_ENDIAN);
	}
}

static void virtio_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, int at, struct vsx_packet *p)
{
	proto_tree *t = proto_tree_add_subtree(tree, tvb, at, sizeof(struct vsc_virtio), ett_transport, NULL, "virtio header");
	proto_item *it;

	p->virtio = TRUE;
	p->len = tvb_get_letohl(tvb, at + 24);
	p->type = tvb_get_letohs(tvb, at + 28);
	p->vop = tvb_get_letohs(tvb, at + 30);
	p->flags = tvb_get_letohl(tvb, at + 32);
	p->buf_alloc = tvb_get_letohl(tvb, at + 36);
	p->fwd_cnt = tvb_get_letohl(tvb, at + 40);
	it = proto_tree_add_item(t, hf_v_src_cid, tvb, at, 8, ENC_LITTLE_ENDIAN);
	if (tvb_get_letoh64(tvb, at) != p->src_cid || tvb_get_letoh64(tvb, at + 8) != p->dst_cid ||
	    tvb_get_letohl(tvb, at + 16) != p->src_port || tvb_get_letohl(tvb, at + 20) != p->dst_port)
		expert_add_info(pinfo, it, &ei_address);
	proto_tree_add_item(t, hf_v_dst_cid, tvb, at + 8, 8, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_v_src_port, tvb, at + 16, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_v_dst_port, tvb, at + 20, 4, ENC_LITTLE_ENDIAN);
	it = proto_tree_add_item(t, hf_v_len, tvb, at + 24, 4, ENC_LITTLE_ENDIAN);
	if (p->len != (guint32)tvb_reported_length_remaining(tvb, at + (int)sizeof(struct vsc_virtio)))
		expert_add_info(pinfo, it, &ei_length);
	it = proto_tree_add_item(t, hf_v_type, tvb, at + 28, 2, ENC_LITTLE_ENDIAN);
	if (p->type != VSC_VIRTIO_STREAM && p->type != VSC_VIRTIO_SEQPACKET)
		expert_add_info(pinfo, it, &ei_unknown);
	it = proto_tree_add_item(t, hf_v_op, tvb, at + 30, 2, ENC_LITTLE_ENDIAN);
	if (!p->vop || p->vop > VSC_VIRTIO_CREDIT_REQUEST)
		expert_add_info(pinfo, it, &ei_unknown);
	virtio_flags(tvb, t, at + 32, p);
	proto_tree_add_item(t, hf_v_buf_alloc, tvb, at + 36, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_v_fwd_cnt, tvb, at + 40, 4, ENC_LITTLE_ENDIAN);
}

static void owner(tvbuff_t *tvb, proto_tree *tree, int at, struct vsx_packet *p)
{
	proto_tree *t = proto_tree_add_subtree(tree, tvb, at, sizeof(struct vsc_owner), ett_transport, NULL, "Owner of the socket");

	p->len = tvb_get_letohl(tvb, at + 20);
	p->type = tvb_get_letohs(tvb, at + 6) == 5 ? VSC_VIRTIO_SEQPACKET : VSC_VIRTIO_STREAM;
	proto_tree_add_item(t, hf_o_transport, tvb, at + 5, 1, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_type, tvb, at + 6, 2, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_pid, tvb, at + 8, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_uid, tvb, at + 12, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_result, tvb, at + 16, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_len, tvb, at + 20, 4, ENC_LITTLE_ENDIAN);
	proto_tree_add_item(t, hf_o_comm, tvb, at + 24, 16, ENC_ASCII);
}

/* The transport's header. Returns where the payload begins, beyond the end when there is none. */
static int transport_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *t, proto_item *it, struct vsx_packet *p)
{
	int at = sizeof(struct vsc_header), len = tvb_get_letohs(tvb, 28), have = tvb_captured_length_remaining(tvb, at);

	p->len = (guint32)MAX(0, tvb_reported_length_remaining(tvb, at) - len);
	if (p->transport == VSC_TRANSPORT_VIRTIO) {
		if (len < (int)sizeof(struct vsc_virtio) || have < (int)sizeof(struct vsc_virtio))
			expert_add_info(pinfo, it, &ei_short);
		else
			virtio_header(tvb, pinfo, t, at, p);
	} else if (len >= (int)sizeof(struct vsc_owner) && have >= (int)sizeof(struct vsc_owner) &&
		   tvb_get_letohl(tvb, at) == VSC_OWNER_MAGIC && vsx_get_u8(tvb, at + 4) == 1) {
		owner(tvb, t, at, p);
	} else if (len && have > 0) {
		proto_tree_add_item(t, hf_unknown, tvb, at, MIN(len, have), ENC_NA);
	}
	if (len > tvb_reported_length_remaining(tvb, at))
		expert_add_info(pinfo, it, &ei_short);
	return at + len;
}

static void notes(packet_info *pinfo, proto_item *it, guint32 bits)
{
	static const struct { guint32 bit; expert_field *ei; } all[] = {
		{ VSX_OVERRUN, &ei_overrun }, { VSX_ZERO_WINDOW, &ei_zero }, { VSX_USELESS_CREDIT, &ei_useless },
		{ VSX_AFTER_SHUTDOWN, &ei_after }, { VSX_NO_REQUEST, &ei_no_request }, { VSX_FWD_BACKWARDS, &ei_backwards },
		{ VSX_BUF_SHRINKS, &ei_shrinks }, { VSX_REFUSED, &ei_refused }, { VSX_CLOSED, &ei_closed }, { VSX_ABORTED, &ei_aborted },
		{ VSX_REOPENED, &ei_reopened },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (bits & all[i].bit)
			expert_add_info(pinfo, it, all[i].ei);
}

static void generated(proto_item *it)
{
	proto_item_set_generated(it);
}

static void frame_ref(proto_tree *t, int hf, tvbuff_t *tvb, guint32 frame)
{
	if (frame)
		generated(proto_tree_add_uint(t, hf, tvb, 0, 0, frame));
}

static void analysis(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const struct vsx_packet *p, const struct vsx_frame *f)
{
	const struct vsx_stream *s = f->stream;
	proto_item *top;
	proto_tree *t = proto_tree_add_subtree(tree, tvb, 0, 0, ett_stream, &top, "Stream analysis");
	proto_item *it = proto_tree_add_uint(t, hf_stream, tvb, 0, 0, s->id);
	nstime_t d;

	generated(top);
	generated(it);
	generated(proto_tree_add_boolean(t, hf_from_server, tvb, 0, 0, f->from_server));
	if (p->virtio)
		generated(proto_tree_add_uint(t, hf_seq, tvb, 0, 0, f->seq));
	if (p->virtio && s->request_frame)	/* else nobody knows what was sent before */
		generated(proto_tree_add_uint(t, hf_in_flight, tvb, 0, 0, f->in_flight));
	if (f->window_known)
		generated(proto_tree_add_uint(t, hf_window, tvb, 0, 0, f->window));
	if (p->vop == VSC_VIRTIO_REQUEST)
		frame_ref(t, hf_response_in, tvb, s->response_frame);
	if (p->vop == VSC_VIRTIO_RESPONSE && s->request_frame) {
		frame_ref(t, hf_request_in, tvb, s->request_frame);
		nstime_delta(&d, &s->response_time, &s->request_time);
		generated(proto_tree_add_time(t, hf_handshake, tvb, 0, 0, &d));
	}
	if (p->vop == VSC_VIRTIO_RST) {
		frame_ref(t, hf_shutdown_in, tvb, f->shut_frame);
		generated(proto_tree_add_string(t, hf_reason, tvb, 0, 0, f->notes & VSX_REFUSED ? "refused" :
						f->notes & VSX_CLOSED ? "closed" : "aborted"));
	}
	notes(pinfo, it, f->notes);
}

static void columns(packet_info *pinfo, const struct vsx_packet *p, const struct vsx_frame *f)
{
	col_set_str(pinfo->cinfo, COL_PROTOCOL, "vsock");
	if (p->virtio) {
		col_add_fstr(pinfo->cinfo, COL_INFO, "%u \xe2\x86\x92 %u [%s] len=%u buf=%u fwd=%u", p->src_port, p->dst_port,
			     val_to_str(p->vop, virtio_ops, "operation %u"), p->len, p->buf_alloc, p->fwd_cnt);
		if (p->type != VSC_VIRTIO_STREAM)
			col_append_fstr(pinfo->cinfo, COL_INFO, " %s", val_to_str(p->type, types, "type %u"));
		if (f->notes & (VSX_REFUSED | VSX_ABORTED))
			col_append_str(pinfo->cinfo, COL_INFO, f->notes & VSX_REFUSED ? " refused" : " aborted");
	} else {
		col_add_fstr(pinfo->cinfo, COL_INFO, "%u \xe2\x86\x92 %u [%s] len=%u", p->src_port, p->dst_port,
			     val_to_str(p->op, ops, "operation %u"), p->len);
	}
}

static void parse(tvbuff_t *tvb, packet_info *pinfo, struct vsx_packet *p)
{
	p->src_cid = tvb_get_letoh64(tvb, 0);
	p->dst_cid = tvb_get_letoh64(tvb, 8);
	p->src_port = tvb_get_letohl(tvb, 16);
	p->dst_port = tvb_get_letohl(tvb, 20);
	p->op = tvb_get_letohs(tvb, 24);
	p->transport = tvb_get_letohs(tvb, 26);
	p->type = VSC_VIRTIO_STREAM;
	set_address_tvb(&pinfo->dl_src, vsx_address_type, 8, tvb, 0);
	set_address_tvb(&pinfo->dl_dst, vsx_address_type, 8, tvb, 8);
	copy_address_shallow(&pinfo->net_src, &pinfo->dl_src);
	copy_address_shallow(&pinfo->src, &pinfo->dl_src);
	copy_address_shallow(&pinfo->net_dst, &pinfo->dl_dst);
	copy_address_shallow(&pinfo->dst, &pinfo->dl_dst);
	copy_address_shallow(&p->src, &pinfo->src);
	copy_address_shallow(&p->dst, &pinfo->dst);
	set_end(&p->src_end, end_type, pinfo->pool, &p->src, p->src_port);
	set_end(&p->dst_end, end_type, pinfo->pool, &p->dst, p->dst_port);
	pinfo->srcport = p->src_port;
	pinfo->destport = p->dst_port;
}

static int dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
	struct vsx_packet *p = wmem_new0(pinfo->pool, struct vsx_packet);
	proto_item *it, *op = NULL;
	proto_tree *t, *h;
	struct vsx_frame *f;
	int at;

	(void)data;
	col_set_str(pinfo->cinfo, COL_PROTOCOL, "vsock");
	it = proto_tree_add_item(tree, proto, tvb, 0, -1, ENC_NA);
	t = proto_item_add_subtree(it, ett);
	if (tvb_captured_length(tvb) < sizeof(struct vsc_header)) {
		col_set_str(pinfo->cinfo, COL_INFO, "[short]");
		expert_add_info(pinfo, it, &ei_short);
		return (int)tvb_captured_length(tvb);
	}
	parse(tvb, pinfo, p);
	h = proto_tree_add_subtree(t, tvb, 0, sizeof(struct vsc_header), ett_header, NULL, "Capture header");
	header(tvb, pinfo, h, p, &op);
	at = transport_header(tvb, pinfo, t, it, p);
	f = p_get_proto_data(wmem_file_scope(), pinfo, proto, 0);
	if (!f) {
		f = vsx_track(pinfo, p);
		p_add_proto_data(wmem_file_scope(), pinfo, proto, 0, f);
	}
	p->stream = f->stream->id;
	p->from_server = f->from_server;
	p->payload = (guint32)MAX(0, tvb_captured_length_remaining(tvb, at));
	proto_item_append_text(it, ", %" G_GUINT64_FORMAT ":%u \xe2\x86\x92 %" G_GUINT64_FORMAT ":%u", p->src_cid, p->src_port, p->dst_cid,
			       p->dst_port);
	analysis(tvb, pinfo, t, p, f);
	columns(pinfo, p, f);
	if (tvb_captured_length_remaining(tvb, at) > 0) {
		if (have_tap_listener(vsx_follow_tap))
			tap_queue_packet(vsx_follow_tap, pinfo, tvb_new_subset_remaining(tvb, at));
		vsx_payload(tvb, at, pinfo, tree, t, p, f);
	}
	tap_queue_packet(vsx_tap, pinfo, p);
	return (int)tvb_captured_length(tvb);
}

static void register_fields(void)
{
#define X(id, name, filter, type, display, strings, mask, blurb) \
	{ &hf_##id, { name, "vsockx." filter, type, display, strings, mask, blurb, HFILL } },
	static hf_register_info hf[] = { FIELDS };
#undef X
	static gint *etts[] = { &ett, &ett_header, &ett_transport, &ett_flags, &ett_stream };

	proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
	proto_register_subtree_array(etts, G_N_ELEMENTS(etts));
}

static void register_experts(void)
{
#define E(id, name, group, severity, text) { &ei_##id, { "vsockx.expert." name, PI_##group, PI_##severity, text, EXPFILL } }
	static ei_register_info ei[] = {
		E(short, "short", MALFORMED, ERROR, "The packet is shorter than its headers"),
		E(address, "address", PROTOCOL, WARN, "The transport's header has other addresses"),
		E(length, "length", MALFORMED, WARN, "The payload is not as long as the transport's header says"),
		E(unknown, "unknown", PROTOCOL, WARN, "A value that VIRTIO 1.2 does not know"),
		E(op, "op", PROTOCOL, WARN, "Unknown operation"),
		E(reserved, "reserved", PROTOCOL, NOTE, "Reserved bytes are not zero"),
		E(overrun, "overrun", SEQUENCE, ERROR, "More in flight than the peer has room for"),
		E(zero, "zero_window", SEQUENCE, WARN, "The sender of this has no room left: its peer has to wait"),
		E(useless, "useless_credit", SEQUENCE, CHAT, "A credit update that changes nothing"),
		E(after, "after_shutdown", SEQUENCE, ERROR, "Data after the sender said that it sends no more"),
		E(no_request, "no_request", SEQUENCE, NOTE, "The start of this stream was not captured"),
		E(backwards, "fwd_cnt", SEQUENCE, ERROR, "More is said to have been read than was sent, or less than before"),
		E(shrinks, "buf_alloc", SEQUENCE, NOTE, "The sender's buffer shrinks"),
		E(refused, "refused", SEQUENCE, WARN, "The connection was refused"),
		E(closed, "closed", SEQUENCE, CHAT, "The stream ends"),
		E(aborted, "aborted", SEQUENCE, WARN, "The stream ends without a full shutdown: aborted, or closed after a timeout"),
		E(reopened, "reopened", SEQUENCE, NOTE, "A new stream of the same addresses"),
	};
#undef E

	expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}

static void register_all(void)
{
	module_t *m;

	proto = proto_register_protocol("AF_VSOCK", "vsock (vmbox)", "vsockx");
	handle = register_dissector("vsockx", dissect, proto);
	register_fields();
	register_experts();
	vsx_address_type = address_type_dissector_register("AT_VSOCKX", "vsock CID", address_text, address_text_len, NULL, NULL, address_len,
							    address_name, address_name_len);
	end_type = address_type_dissector_register("AT_VSOCKX_END", "vsock CID and port", end_text, end_text_len, NULL, NULL, end_len, NULL,
						   NULL);
	m = prefs_register_protocol(proto, NULL);
	prefs_register_string_preference(m, "cid_names", "Names of CIDs", "As 2=host,7=database", &vsx_cid_names);
	prefs_register_string_preference(m, "port_protocols", "Protocols of ports",
					 "Dissectors by the server's port, as 1024=http,1025=json", &vsx_port_protocols);
	prefs_register_bool_preference(m, "desegment", "Put messages together from several packets", NULL, &vsx_desegment);
	vsx_stream_register();
	vsx_payload_register(proto);
	vsx_stats_register(proto);
	vsx_ttrpc_register();
}

static void handoff(void)
{
	dissector_add_uint("wtap_encap", WTAP_ENCAP_VSOCK, handle);
	vsx_payload_handoff();
	vsx_stats_handoff();
	vsx_ttrpc_handoff();
}

void plugin_register(void)
{
	static proto_plugin plugin = { register_all, handoff };

	proto_register_plugin(&plugin);
}
