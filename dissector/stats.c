/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables and statistics: -z conv,vsockx, -z endpoints,vsockx, -z
 * follow,vsockx,MODE,STREAM and -z vsockx,tree.
 */
#include "vsockx.h"

#include <epan/conversation_table.h>
#include <epan/follow.h>
#include <epan/proto_data.h>
#include <epan/stats_tree.h>
#include <epan/tap.h>

int vsx_tap = -1, vsx_follow_tap = -1;

#if VSX_WIRESHARK(4, 1)
#define VSX_STREAM_COUNT	, vsx_stream_count, NULL
#else
#define VSX_STREAM_COUNT
#endif

static const char *conv_filter(conv_item_t *conv, conv_filter_type_e filter)
{
	switch (filter) {
	case CONV_FT_SRC_ADDRESS:
		return "vsockx.src";
	case CONV_FT_DST_ADDRESS:
		return "vsockx.dst";
	case CONV_FT_ANY_ADDRESS:
		return "vsockx.addr";
	case CONV_FT_SRC_PORT:
		return "vsockx.src_port";
	case CONV_FT_DST_PORT:
		return "vsockx.dst_port";
	case CONV_FT_ANY_PORT:
		return "vsockx.port";
	default:
		(void)conv;
		return CONV_FILTER_INVALID;
	}
}

static const char *endpoint_filter(endpoint_item_t *endpoint, conv_filter_type_e filter)
{
	(void)endpoint;
	return conv_filter(NULL, filter);
}

static ct_dissector_info_t conv_info = { conv_filter };
static et_dissector_info_t endpoint_info = { endpoint_filter };

static tap_packet_status conv_packet(void *t, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
	const struct vsx_packet *p = data;
	conv_hash_t *hash = t;

	(void)edt;
	hash->flags = flags;
	add_conversation_table_data_with_conv_id(hash, &p->src_end, &p->dst_end, p->src_port, p->dst_port, p->stream, 1, (int)pinfo->fd->pkt_len,
						 &pinfo->rel_ts, &pinfo->abs_ts, &conv_info, CONVERSATION_NONE);
	return TAP_PACKET_REDRAW;
}

static tap_packet_status endpoint_packet(void *t, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
	const struct vsx_packet *p = data;
	conv_hash_t *hash = t;

	(void)edt;
	hash->flags = flags;
	add_endpoint_table_data(hash, &p->src_end, p->src_port, TRUE, 1, (int)pinfo->fd->pkt_len, &endpoint_info, ENDPOINT_NONE);
	add_endpoint_table_data(hash, &p->dst_end, p->dst_port, FALSE, 1, (int)pinfo->fd->pkt_len, &endpoint_info, ENDPOINT_NONE);
	return TAP_PACKET_REDRAW;
}

static gchar *follow_stream(epan_dissect_t *edt, packet_info *pinfo, guint *stream, guint *sub_stream)
{
	const struct vsx_frame *f = p_get_proto_data(wmem_file_scope(), pinfo, proto_get_id_by_filter_name("vsockx"), 0);

	(void)edt;
	(void)sub_stream;
	if (!f)
		return NULL;
	*stream = f->stream->id;
	return g_strdup_printf("vsockx.stream eq %u", *stream);
}

static gchar *follow_index(guint stream, guint sub_stream)
{
	(void)sub_stream;
	return g_strdup_printf("vsockx.stream eq %u", stream);
}

static gchar *follow_address(address *src, address *dst, int src_port, int dst_port)
{
	guint64 a, b;

	memcpy(&a, src->data, 8);
	memcpy(&b, dst->data, 8);
	return g_strdup_printf("(vsockx.src_cid eq %" G_GUINT64_FORMAT " and vsockx.src_port eq %u and vsockx.dst_cid eq %" G_GUINT64_FORMAT
			       " and vsockx.dst_port eq %u) or (vsockx.src_cid eq %" G_GUINT64_FORMAT " and vsockx.src_port eq %u and "
			       "vsockx.dst_cid eq %" G_GUINT64_FORMAT " and vsockx.dst_port eq %u)",
			       GUINT64_FROM_LE(a), (guint)src_port, GUINT64_FROM_LE(b), (guint)dst_port,
			       GUINT64_FROM_LE(b), (guint)dst_port, GUINT64_FROM_LE(a), (guint)src_port);
}

static gchar *port_text(wmem_allocator_t *scope, guint port)
{
	return wmem_strdup_printf(scope, "%u", port);
}

static int node_op, node_cid, node_port, node_notes;

static void tree_init(stats_tree *st)
{
	node_op = stats_tree_create_node(st, "Packets by operation", 0, STAT_DT_INT, TRUE);
	node_cid = stats_tree_create_node(st, "Packets by CID of the sender", 0, STAT_DT_INT, TRUE);
	node_port = stats_tree_create_node(st, "Packets by port of the server", 0, STAT_DT_INT, TRUE);
	node_notes = stats_tree_create_node(st, "Payload bytes by direction", 0, STAT_DT_INT, TRUE);
}

static tap_packet_status tree_packet(stats_tree *st, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
	static const char *const ops[] = { "Unknown", "Connect", "Disconnect", "Control", "Payload" };
	static const char *const vops[] = {
		"Invalid", "Request", "Response", "Reset", "Shutdown", "Data", "Credit update", "Credit request",
	};
	const struct vsx_packet *p = data;
	const struct vsx_stream *s = vsx_stream_get(p->stream);
	const char *op = p->op < G_N_ELEMENTS(ops) ? ops[p->op] : "Unknown";

	(void)pinfo;
	(void)edt;
	(void)flags;
	if (p->virtio && p->vop < G_N_ELEMENTS(vops))
		op = vops[p->vop];
	tick_stat_node(st, "Packets by operation", 0, TRUE);
	tick_stat_node(st, op, node_op, FALSE);
	tick_stat_node(st, "Packets by CID of the sender", 0, TRUE);
	tick_stat_node(st, wmem_strdup_printf(pinfo->pool, "%" G_GUINT64_FORMAT, p->src_cid), node_cid, FALSE);
	tick_stat_node(st, "Packets by port of the server", 0, TRUE);
	tick_stat_node(st, wmem_strdup_printf(pinfo->pool, "%u", s ? s->server_port : p->dst_port), node_port, FALSE);
	increase_stat_node(st, "Payload bytes by direction", 0, TRUE, (gint)p->payload);
	increase_stat_node(st, p->from_server ? "from servers" : "from clients", node_notes, FALSE, (gint)p->payload);
	return TAP_PACKET_REDRAW;
}

void vsx_stats_register(int proto)
{
	vsx_tap = register_tap("vsockx");
	vsx_follow_tap = register_tap("vsockx_follow");
	register_conversation_table(proto, TRUE, conv_packet, endpoint_packet);
	register_follow_stream(proto, "vsockx_follow", follow_stream, follow_index, follow_address, port_text, follow_tvb_tap_listener
			       VSX_STREAM_COUNT);
}

void vsx_stats_handoff(void)
{
	stats_tree_register_plugin("vsockx", "vsockx", "vsock", 0, tree_packet, tree_init, NULL);
}
