/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ttrpc, containerd's RPC (its PROTOCOL.md): a header of ten bytes, then a
 * protobuf message. It has no magic: found by the shape of its header.
 */
#include "vsockx.h"

#include <epan/dissectors/packet-tcp.h>

#define HEADER		10
#define LENGTH_MAX	(4u << 20)	/* the protocol's own limit */

static int proto = -1, hf_length = -1, hf_stream = -1, hf_type = -1, hf_flags = -1, hf_remote_closed = -1, hf_no_data = -1;
static gint ett = -1;
static dissector_handle_t ttrpc, protobuf;
static const value_string types[] = { { 1, "Request" }, { 2, "Response" }, { 3, "Data" }, { 0, NULL } };

static guint length(packet_info *pinfo, tvbuff_t *tvb, int offset, void *data)
{
	(void)pinfo;
	(void)data;
	return HEADER + MIN(tvb_get_ntohl(tvb, offset), LENGTH_MAX);
}

static int message(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
	proto_item *it = proto_tree_add_item(tree, proto, tvb, 0, -1, ENC_NA);
	proto_tree *t = proto_item_add_subtree(it, ett);
	guint32 stream, type;

	(void)data;
	proto_tree_add_item(t, hf_length, tvb, 0, 4, ENC_BIG_ENDIAN);
	proto_tree_add_item_ret_uint(t, hf_stream, tvb, 4, 4, ENC_BIG_ENDIAN, &stream);
	proto_tree_add_item_ret_uint(t, hf_type, tvb, 8, 1, ENC_BIG_ENDIAN, &type);
	proto_tree_add_item(t, hf_flags, tvb, 9, 1, ENC_BIG_ENDIAN);
	proto_tree_add_item(t, hf_remote_closed, tvb, 9, 1, ENC_BIG_ENDIAN);
	proto_tree_add_item(t, hf_no_data, tvb, 9, 1, ENC_BIG_ENDIAN);
	col_set_str(pinfo->cinfo, COL_PROTOCOL, "ttrpc");
	col_add_fstr(pinfo->cinfo, COL_INFO, "%s stream %u", val_to_str(type, types, "type %u"), stream);
	if (protobuf && tvb_reported_length(tvb) > HEADER)
		call_dissector(protobuf, tvb_new_subset_remaining(tvb, HEADER), pinfo, t);
	return (int)tvb_captured_length(tvb);
}

static int dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
	tcp_dissect_pdus(tvb, pinfo, tree, TRUE, HEADER, length, message, data);
	return (int)tvb_captured_length(tvb);
}

static vsx_bool guess(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
	guint32 len, stream, have = tvb_captured_length(tvb);

	if (have < HEADER)
		return FALSE;
	len = tvb_get_ntohl(tvb, 0);
	stream = tvb_get_ntohl(tvb, 4);
	/* A client begins with a request of an odd stream; what it holds begins with field 1, a string. */
	if (len < 4 || len > LENGTH_MAX || !(stream & 1) || stream > 0xffff || vsx_get_u8(tvb, 8) != 1 ||
	    vsx_get_u8(tvb, 9) > 3 || (have > HEADER && vsx_get_u8(tvb, HEADER) != 0x0a))
		return FALSE;
	vsx_found(data, pinfo, ttrpc);
	return dissect(tvb, pinfo, tree, NULL) > 0;
}

void vsx_ttrpc_register(void)
{
	static hf_register_info hf[] = {
		{ &hf_length, { "Length", "ttrpc.length", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
		{ &hf_stream, { "Stream", "ttrpc.stream", FT_UINT32, BASE_DEC, NULL, 0, "Odd: begun by the client", HFILL } },
		{ &hf_type, { "Type", "ttrpc.type", FT_UINT8, BASE_DEC, VALS(types), 0, NULL, HFILL } },
		{ &hf_flags, { "Flags", "ttrpc.flags", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
		{ &hf_remote_closed, { "Remote closed", "ttrpc.flags.remote_closed", FT_BOOLEAN, 8, NULL, 1, NULL, HFILL } },
		{ &hf_no_data, { "No data", "ttrpc.flags.no_data", FT_BOOLEAN, 8, NULL, 4, NULL, HFILL } },
	};
	static gint *etts[] = { &ett };

	proto = proto_register_protocol("ttrpc", "ttrpc", "ttrpc");
	proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
	proto_register_subtree_array(etts, G_N_ELEMENTS(etts));
	ttrpc = register_dissector("ttrpc", dissect, proto);
}

void vsx_ttrpc_handoff(void)
{
	protobuf = find_dissector("protobuf");
	dissector_add_for_decode_as("vsock.port", ttrpc);
	heur_dissector_add("vsockx", guess, "ttrpc over vsock", "ttrpc_vsockx", proto, HEURISTIC_ENABLE);
}
