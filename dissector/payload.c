/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is inside: SEQPACKET messages put together by EOM, byte streams cut by
 * what the higher dissector asks for, and the choice of that dissector: by
 * the user's list of ports, by vsock.port, by heuristics.
 */
#include "vsockx.h"

#include <epan/decode_as.h>

/* A higher protocol that asks for more than this is not believed. */
#define RUN_MAX		(16u << 20)

static dissector_table_t port_table;
static heur_dissector_list_t heuristics;
static dissector_handle_t data_handle;
static int hf_segment, hf_before, hf_message, hf_payload;
static int proto_vsockx;

char *vsx_lookup(wmem_allocator_t *scope, const char *list, guint64 key)
{
	const char *at = list;

	while (at && *at) {
		size_t len = strcspn(at, ",");
		char *eq;
		guint64 n = g_ascii_strtoull(at, &eq, 0);

		if (eq != at && *eq == '=' && n == key)
			return wmem_strndup(scope, eq + 1, len - (size_t)(eq + 1 - at));
		at += len;
		at += strspn(at, ", ");
	}
	return NULL;
}

static dissector_handle_t by_port(packet_info *pinfo, const struct vsx_stream *s)
{
	guint32 ports[2] = { s->server_port, s->client_port };
	dissector_handle_t h = NULL;

	for (int i = 0; i < 2 && !h; i++) {
		const char *name = vsx_lookup(pinfo->pool, vsx_port_protocols, ports[i]);

		h = name ? find_dissector(name) : NULL;
		if (!h)
			h = dissector_get_uint_handle(port_table, ports[i]);
	}
	return h;
}

static void call(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, struct vsx_stream *s)
{
	dissector_handle_t h = s->handle && s->handle_frame <= pinfo->num ? s->handle : by_port(pinfo, s);
	heur_dtbl_entry_t *found;

	if (h && call_dissector_only(h, tvb, pinfo, tree, NULL) > 0)
		return;
	if (pinfo->desegment_len)
		return;
	if (!dissector_try_heuristic(heuristics, tvb, pinfo, tree, &found, s) && !pinfo->desegment_len)
		call_dissector(data_handle, tvb, pinfo, tree);
}

void vsx_found(struct vsx_stream *s, packet_info *pinfo, dissector_handle_t h)
{
	if (s->handle)
		return;
	s->handle = h;
	s->handle_frame = pinfo->num;
}

/* The bytes that waited, and this frame's: one buffer. */
static tvbuff_t *whole(tvbuff_t *tvb, int offset, packet_info *pinfo, const struct vsx_frame *f)
{
	guint32 len = (guint32)tvb_captured_length_remaining(tvb, offset);
	tvbuff_t *next;
	guint8 *p;

	if (!f->before)
		return tvb_new_subset_remaining(tvb, offset);
	p = wmem_alloc(pinfo->pool, (size_t)f->before + len);
	memcpy(p, wmem_array_get_raw(f->run->bytes), f->before);
	tvb_memcpy(tvb, p + f->before, offset, len);
	next = tvb_new_child_real_data(tvb, p, f->before + len, (gint)(f->before + len));
	add_new_data_source(pinfo, next, "Reassembled vsock");
	return next;
}

static void wait_with(struct vsx_side *side, tvbuff_t *tvb, int offset)
{
	guint32 len = (guint32)tvb_captured_length_remaining(tvb, offset);

	if (!side->run) {
		side->run = wmem_new0(wmem_file_scope(), struct vsx_run);
		side->run->bytes = wmem_array_new(wmem_file_scope(), 1);
	}
	wmem_array_append(side->run->bytes, tvb_get_ptr(tvb, offset, (gint)len), len);
}

/* First pass: whether this frame's bytes are passed on now. */
static void decide(tvbuff_t *tvb, int offset, const struct vsx_packet *p, struct vsx_frame *f, struct vsx_side *side)
{
	guint32 len = (guint32)tvb_captured_length_remaining(tvb, offset);
	gboolean cut = len < p->len;	/* by the snapshot length */

	f->run = side->run;
	f->before = side->run ? wmem_array_get_count(side->run->bytes) : 0;
	if (cut || f->before + len > RUN_MAX || !vsx_desegment)
		f->deliver = TRUE;
	else if (f->stream->type == VSC_VIRTIO_SEQPACKET)
		f->deliver = !!(p->flags & VSC_VIRTIO_EOM);
	else
		f->deliver = f->before + len >= side->need;
	if (f->stream->type == VSC_VIRTIO_SEQPACKET)
		f->message = side->messages + 1;
	if (f->stream->type == VSC_VIRTIO_SEQPACKET && (p->flags & VSC_VIRTIO_EOM))
		side->messages++;
	if (!f->deliver) {
		wait_with(side, tvb, offset);
		return;
	}
	side->run = NULL;
	side->need = 0;
}

/* What the higher dissector left for later. */
static void leftover(tvbuff_t *tvb, packet_info *pinfo, struct vsx_side *side)
{
	guint32 len = tvb_captured_length(tvb), at = (guint32)pinfo->desegment_offset;

	if (!pinfo->desegment_len || at > len || len - at > RUN_MAX)
		return;
	wait_with(side, tvb, (int)at);
	side->need = pinfo->desegment_len == DESEGMENT_ONE_MORE_SEGMENT ||
		     pinfo->desegment_len == DESEGMENT_UNTIL_FIN ? 0 : len - at + pinfo->desegment_len;
}

void vsx_payload(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, proto_tree *own,
		 const struct vsx_packet *p, struct vsx_frame *f)
{
	struct vsx_side *side = &f->stream->side[f->from_server];
	gboolean first = !PINFO_FD_VISITED(pinfo);
	guint16 can = pinfo->can_desegment;
	proto_item *it;
	tvbuff_t *next;

	if (first)
		decide(tvb, offset, p, f, side);
	if (f->message) {
		it = proto_tree_add_uint(own, hf_message, tvb, offset, 0, f->message);
		proto_item_set_generated(it);
	}
	proto_tree_add_item(own, hf_payload, tvb, offset, -1, ENC_NA);
	if (!f->deliver) {
		it = proto_tree_add_boolean(own, hf_segment, tvb, offset, 0, TRUE);
		proto_item_set_generated(it);
		col_append_str(pinfo->cinfo, COL_INFO, " [part of a message]");
		return;
	}
	if (f->before) {
		it = proto_tree_add_uint(own, hf_before, tvb, offset, 0, f->before);
		proto_item_set_generated(it);
	}
	next = whole(tvb, offset, pinfo, f);
	pinfo->can_desegment = f->stream->type == VSC_VIRTIO_STREAM && vsx_desegment ? 2 : 0;
	pinfo->desegment_offset = 0;
	pinfo->desegment_len = 0;
	call(next, pinfo, tree, f->stream);
	if (first && f->stream->type == VSC_VIRTIO_STREAM && vsx_desegment)
		leftover(next, pinfo, side);
	pinfo->can_desegment = can;
	pinfo->desegment_len = 0;
}

static gboolean is_text(tvbuff_t *tvb, const char *text)
{
	return !tvb_strneql(tvb, 0, text, strlen(text));
}

/* The first bytes say what it is. */
static vsx_bool guess(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
	static const struct { const char *start, *name; } known[] = {
		{ "SSH-", "ssh" }, { "PRI * HTTP/2.0\r\n", "http2" }, { "GET /", "http" }, { "POST /", "http" }, { "PUT /", "http" },
		{ "HEAD /", "http" }, { "DELETE /", "http" }, { "PATCH /", "http" }, { "HTTP/1.", "http" },
		{ "{\"execute\"", "json" }, { "{\"return\"", "json" }, { "{\"error\"", "json" }, { "{\"method\"", "json" },
		{ "{\"parameters\"", "json" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		dissector_handle_t h = is_text(tvb, known[i].start) ? find_dissector(known[i].name) : NULL;

		if (!h)
			continue;
		/* JSON says nothing of what comes next, the others are what they are to their end. */
		if (strcmp(known[i].name, "json"))
			vsx_found(data, pinfo, h);
		/* Each level of calls takes one off: as much as a dissector of a port has. */
		if (pinfo->can_desegment)
			pinfo->can_desegment = 2;
		return call_dissector_only(h, tvb, pinfo, tree, NULL) > 0 || pinfo->desegment_len;
	}
	return FALSE;
}

static void decode_prompt(packet_info *pinfo, gchar *text)
{
	g_snprintf(text, MAX_DECODE_AS_PROMPT_LEN, "vsock port %u", pinfo->destport);
}

static gpointer decode_value(packet_info *pinfo)
{
	return GUINT_TO_POINTER(pinfo->destport);
}

void vsx_payload_register(int proto)
{
	static build_valid_func values[] = { decode_value };
	static decode_as_value_t choices[] = { { decode_prompt, 1, values } };
	static decode_as_t decode_as = { "vsockx", "vsock.port", 1, 0, choices, NULL, NULL, decode_as_default_populate_list,
					 decode_as_default_reset, decode_as_default_change, NULL };
	static hf_register_info hf[] = {
		{ &hf_payload, { "Payload", "vsockx.payload", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
		{ &hf_segment, { "Part of a message", "vsockx.segment", FT_BOOLEAN, BASE_NONE, NULL, 0,
			"The message goes on in a later packet", HFILL } },
		{ &hf_before, { "Bytes from packets before", "vsockx.reassembled.before", FT_UINT32, BASE_DEC, NULL, 0,
			"This packet completes a message that began so many bytes ago", HFILL } },
		{ &hf_message, { "Message", "vsockx.message", FT_UINT32, BASE_DEC, NULL, 0, "Of this direction, from 1", HFILL } },
	};

	hf_payload = hf_segment = hf_before = hf_message = -1;
	proto_vsockx = proto;
	proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
	port_table = register_dissector_table("vsock.port", "vsock port", proto, FT_UINT32, BASE_DEC);
	register_decode_as(&decode_as);
	heuristics = register_heur_dissector_list("vsockx", proto);
}

void vsx_payload_handoff(void)
{
	data_handle = find_dissector("data");
	heur_dissector_add("vsockx", guess, "Known first bytes", "vsockx_guess", proto_vsockx, HEURISTIC_ENABLE);
	dissector_add_for_decode_as("vsock.port", data_handle);
}
