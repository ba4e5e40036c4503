/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams: who talks to whom, how much is under way, how much room the other
 * side has. VIRTIO 1.2, sections 5.10.6.3 (buffer space) and 5.10.6.6.
 */
#include "vsockx.h"

/* Both ends, the lesser first, and the socket type. */
struct key {
	guint64 cid[2];
	guint32 port[2];
	guint32 type;
};

static wmem_map_t *current;	/* key -> the last stream of these addresses */
static wmem_array_t *streams;	/* all, by number */

static guint key_hash(gconstpointer p)
{
	return wmem_strong_hash(p, sizeof(struct key));
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	return !memcmp(a, b, sizeof(struct key));
}

static void init(void)
{
	current = wmem_map_new(wmem_file_scope(), key_hash, key_equal);
	streams = wmem_array_new(wmem_file_scope(), sizeof(struct vsx_stream *));
}

static void cleanup(void)
{
	current = NULL;
	streams = NULL;
}

void vsx_stream_register(void)
{
	register_init_routine(init);
	register_cleanup_routine(cleanup);
}

guint32 vsx_stream_count(void)
{
	return streams ? wmem_array_get_count(streams) : 0;
}

const struct vsx_stream *vsx_stream_get(guint32 id)
{
	return id < vsx_stream_count() ? *(struct vsx_stream **)wmem_array_index(streams, id) : NULL;
}

static struct vsx_stream *add(struct key *key, const struct vsx_packet *p)
{
	struct vsx_stream *s = wmem_new0(wmem_file_scope(), struct vsx_stream);
	/* A RESPONSE comes from the server; of the rest, the first that is seen is taken for the client. */
	gboolean turned = p->virtio && p->vop == VSC_VIRTIO_RESPONSE;

	s->id = wmem_array_get_count(streams);
	s->type = p->type;
	copy_address_wmem(wmem_file_scope(), &s->client, turned ? &p->dst : &p->src);
	copy_address_wmem(wmem_file_scope(), &s->server, turned ? &p->src : &p->dst);
	s->client_port = turned ? p->dst_port : p->src_port;
	s->server_port = turned ? p->src_port : p->dst_port;
	wmem_array_append_one(streams, s);
	wmem_map_insert(current, wmem_memdup(wmem_file_scope(), key, sizeof(*key)), s);
	return s;
}

static struct vsx_stream *find(packet_info *pinfo, const struct vsx_packet *p, guint32 *notes)
{
	gboolean swap = p->src_cid > p->dst_cid || (p->src_cid == p->dst_cid && p->src_port > p->dst_port);
	struct vsx_stream *s;
	struct key key;

	memset(&key, 0, sizeof(key));
	key.cid[swap] = p->src_cid;
	key.port[swap] = p->src_port;
	key.cid[!swap] = p->dst_cid;
	key.port[!swap] = p->dst_port;
	key.type = p->type;
	s = wmem_map_lookup(current, &key);
	/* A REQUEST after the end, or after another's answer, is a new stream. */
	if (s && p->virtio && p->vop == VSC_VIRTIO_REQUEST && (s->end_frame || s->response_frame || s->request_frame)) {
		*notes |= VSX_REOPENED;
		s = NULL;
	}
	if (!s) {
		s = add(&key, p);
		if (!p->virtio ? p->op != VSC_OP_CONNECT : p->vop != VSC_VIRTIO_REQUEST)
			*notes |= VSX_NO_REQUEST;
	}
	(void)pinfo;
	return s;
}

static void credit(struct vsx_side *from, const struct vsx_side *to, const struct vsx_packet *p, struct vsx_frame *f)
{
	if (from->credit_known) {
		if (p->buf_alloc < from->buf_alloc)
			f->notes |= VSX_BUF_SHRINKS;
		if ((gint32)(p->fwd_cnt - from->fwd_cnt) < 0)
			f->notes |= VSX_FWD_BACKWARDS;
		if (p->vop == VSC_VIRTIO_CREDIT_UPDATE && p->buf_alloc == from->buf_alloc && p->fwd_cnt == from->fwd_cnt)
			f->notes |= VSX_USELESS_CREDIT;
	}
	/* Read more than was sent: only if the whole stream was captured. */
	if (f->stream->request_frame && (gint32)(p->fwd_cnt - to->tx) > 0)
		f->notes |= VSX_FWD_BACKWARDS;
	from->buf_alloc = p->buf_alloc;
	from->fwd_cnt = p->fwd_cnt;
	from->credit_known = TRUE;
	/* Of a stream whose start is missing nobody knows how much was sent. */
	if (f->stream->request_frame && p->buf_alloc && to->tx - p->fwd_cnt >= p->buf_alloc)
		f->notes |= VSX_ZERO_WINDOW;
}

static void end(struct vsx_stream *s, packet_info *pinfo, const struct vsx_side *peer, struct vsx_frame *f)
{
	if (s->request_frame && !s->response_frame && f->from_server)
		f->notes |= VSX_REFUSED;
	else if (peer->shut == (VSC_VIRTIO_SHUT_RCV | VSC_VIRTIO_SHUT_SEND))
		f->notes |= VSX_CLOSED;
	else
		f->notes |= VSX_ABORTED;
	f->shut_frame = peer->shut_frame;
	s->end_frame = pinfo->num;
}

static void advance(struct vsx_stream *s, packet_info *pinfo, const struct vsx_packet *p, struct vsx_frame *f)
{
	struct vsx_side *from = &s->side[f->from_server], *to = &s->side[!f->from_server];

	f->seq = from->tx;
	switch (p->vop) {
	case VSC_VIRTIO_REQUEST:
		s->request_frame = pinfo->num;
		s->request_time = pinfo->abs_ts;
		break;
	case VSC_VIRTIO_RESPONSE:
		s->response_frame = pinfo->num;
		s->response_time = pinfo->abs_ts;
		break;
	case VSC_VIRTIO_SHUTDOWN:
		from->shut |= p->flags & (VSC_VIRTIO_SHUT_RCV | VSC_VIRTIO_SHUT_SEND);
		from->shut_frame = pinfo->num;
		break;
	case VSC_VIRTIO_RST:
		end(s, pinfo, to, f);
		break;
	case VSC_VIRTIO_RW:
		if (from->shut & VSC_VIRTIO_SHUT_SEND)
			f->notes |= VSX_AFTER_SHUTDOWN;
		from->tx += p->len;
		break;
	}
	if (p->vop != VSC_VIRTIO_RST)
		credit(from, to, p, f);
	f->in_flight = from->tx - to->fwd_cnt;
	f->window_known = to->credit_known && s->request_frame;
	if (f->window_known) {
		if (p->vop == VSC_VIRTIO_RW && f->in_flight > to->buf_alloc)
			f->notes |= VSX_OVERRUN;
		f->window = f->in_flight < to->buf_alloc ? to->buf_alloc - f->in_flight : 0;
	}
}

struct vsx_frame *vsx_track(packet_info *pinfo, const struct vsx_packet *p)
{
	struct vsx_frame *f;
	struct vsx_stream *s;
	guint32 notes = 0;

	s = find(pinfo, p, &notes);
	f = wmem_new0(wmem_file_scope(), struct vsx_frame);
	f->stream = s;
	f->notes = notes;
	f->from_server = !(addresses_equal(&s->client, &p->src) && s->client_port == p->src_port);
	if (p->virtio)
		advance(s, pinfo, p, f);
	return f;
}
