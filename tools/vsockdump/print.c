// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets as lines in the manner of tcpdump, as JSON objects, in hexadecimal. */
#include <ctype.h>
#include <string.h>
#include <time.h>
#include "json.h"
#include "vsockdump.h"

static void put_cid(struct strbuf *out, u64 cid, bool numeric)
{
	static const char *const names[] = { "hypervisor", "local", "host" };

	if (!numeric && cid < ARRAY_SIZE(names))
		strbuf_puts(out, names[cid]);
	else if (!numeric && cid == 0xffffffff)
		strbuf_puts(out, "any");
	else
		strbuf_printf(out, "%llu", cid);
}

static void put_time(struct strbuf *out, u64 ns)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;

	if (localtime_r(&t, &tm))
		strbuf_printf(out, "%02d:%02d:%02d.%06llu ", tm.tm_hour, tm.tm_min, tm.tm_sec, ns % 1000000000 / 1000);
}

static const char *type_name(const struct vsd_packet *p)
{
	static const char *const names[] = { "unknown type", "stream", "seqpacket" };

	return names[vsd_type(p)];
}

static const char *flag_names(const struct vsd_packet *p)
{
	static const char *const shut[] = { "none", "rcv", "send", "rcv|send" }, *const rw[] = { NULL, "eom", "eor", "eom|eor" };

	if (p->virtio_op == VSC_VIRTIO_SHUTDOWN && p->flags < 4)
		return shut[p->flags];
	return p->virtio_op == VSC_VIRTIO_RW && p->flags < 4 ? rw[p->flags] : NULL;
}

static void put_virtio(struct strbuf *out, const struct vsd_packet *p, const struct vsd_style *s)
{
	const char *op = vsd_virtio_op_name(p->virtio_op), *flags = flag_names(p);

	if (op)
		strbuf_printf(out, "%s %s", op, type_name(p));
	else
		strbuf_printf(out, "op %u %s", p->virtio_op, type_name(p));
	if (!vsd_type(p))
		strbuf_printf(out, " %u", p->type);
	if (flags)
		strbuf_printf(out, ", flags %s", flags);
	else if (p->flags)
		strbuf_printf(out, ", flags 0x%x", p->flags);
	if (s->verbose)
		strbuf_printf(out, ", buf_alloc %u, fwd_cnt %u", p->buf_alloc, p->fwd_cnt);
	if (p->virtio_len != p->len)
		strbuf_printf(out, ", header length %u", p->virtio_len);
}

/* comm is a process's own choice: only what can be printed. */
static void put_owner(struct strbuf *out, const struct vsd_packet *p)
{
	const char *c;

	strbuf_printf(out, "%s, pid %u, uid %u, comm ", type_name(p), p->pid, p->uid);
	for (c = p->comm; *c; c++)
		strbuf_putc(out, isprint((unsigned char)*c) ? *c : '?');
	strbuf_printf(out, ", result %d", (s32)p->result);
}

static void put_hex(struct strbuf *out, const u8 *p, u32 len)
{
	u32 at, i;

	for (at = 0; at < len; at += 16) {
		strbuf_printf(out, "\t0x%04x: ", at);
		for (i = 0; i < 16; i++) {
			if (at + i < len)
				strbuf_printf(out, "%s%02x", i % 2 ? "" : " ", p[at + i]);
			else
				strbuf_puts(out, i % 2 ? "  " : "   ");
		}
		strbuf_puts(out, "  ");
		for (i = 0; i < 16 && at + i < len; i++)
			strbuf_putc(out, p[at + i] >= 0x20 && p[at + i] < 0x7f ? (char)p[at + i] : '.');
		strbuf_putc(out, '\n');
	}
}

void vsd_print_line(struct strbuf *out, const struct pcap_packet *r, const struct vsd_packet *p, const struct vsd_style *s)
{
	static const char *const directions[] = { "", "In  ", "Out " };
	const char *op = vsd_op_name(p->op), *c;

	if (!s->no_time)
		put_time(out, r->time_ns);
	strbuf_puts(out, directions[r->direction]);
	for (c = vsd_transport_name(p); *c; c++)
		strbuf_putc(out, (char)toupper((unsigned char)*c));
	strbuf_putc(out, ' ');
	put_cid(out, p->src_cid, s->numeric);
	strbuf_printf(out, ".%u > ", p->src_port);
	put_cid(out, p->dst_cid, s->numeric);
	strbuf_printf(out, ".%u: ", p->dst_port);
	if (!op && (!p->has_virtio || s->link))
		strbuf_printf(out, "op %u", p->op);
	else if (!p->has_virtio || s->link)
		strbuf_puts(out, op);
	if (s->link)
		strbuf_printf(out, " (record %u of %u bytes, transport %u)", r->len, r->orig_len, p->transport);
	if (p->has_owner || (p->has_virtio && s->link))
		strbuf_putc(out, ' ');
	if (p->has_virtio)
		put_virtio(out, p, s);
	else if (p->has_owner)
		put_owner(out, p);
	if (p->short_header)
		strbuf_puts(out, " [|vsock]");
	strbuf_printf(out, ", length %u\n", p->len);
	if (s->hex)
		put_hex(out, p->payload, p->captured);
}

static void json_hex(struct json_writer *w, const struct vsd_packet *p)
{
	static const char digits[] = "0123456789abcdef";
	struct strbuf hex = STRBUF_INIT;
	u32 i;

	for (i = 0; i < p->captured; i++) {
		strbuf_putc(&hex, digits[p->payload[i] >> 4]);
		strbuf_putc(&hex, digits[p->payload[i] & 15]);
	}
	json_w_str(w, "payload", hex.s);
	strbuf_free(&hex);
}

static void json_virtio(struct json_writer *w, const struct vsd_packet *p)
{
	json_w_object(w, "virtio");
	json_w_u64(w, "op", p->virtio_op);
	json_w_str(w, "op_name", vsd_virtio_op_name(p->virtio_op));
	json_w_u64(w, "type", p->type);
	json_w_u64(w, "len", p->virtio_len);
	json_w_u64(w, "flags", p->flags);
	json_w_u64(w, "buf_alloc", p->buf_alloc);
	json_w_u64(w, "fwd_cnt", p->fwd_cnt);
	json_w_end(w);
}

static void json_owner(struct json_writer *w, const struct vsd_packet *p)
{
	json_w_object(w, "owner");
	json_w_u64(w, "pid", p->pid);
	json_w_u64(w, "uid", p->uid);
	json_w_str(w, "comm", p->comm);
	json_w_s64(w, "result", (s32)p->result);
	json_w_end(w);
}

void vsd_print_json(struct strbuf *out, const struct pcap_packet *r, const struct vsd_packet *p, const struct vsd_style *s)
{
	static const char *const directions[] = { NULL, "in", "out" };
	struct json_writer w;

	json_writer_init(&w, out, JSON_COMPACT);
	json_w_object(&w, NULL);
	json_w_u64(&w, "time_ns", r->time_ns);
	json_w_str(&w, "direction", directions[r->direction]);
	json_w_u64(&w, "src_cid", p->src_cid);
	json_w_u64(&w, "src_port", p->src_port);
	json_w_u64(&w, "dst_cid", p->dst_cid);
	json_w_u64(&w, "dst_port", p->dst_port);
	json_w_u64(&w, "op", p->op);
	json_w_str(&w, "op_name", vsd_op_name(p->op));
	json_w_str(&w, "transport", vsd_transport_name(p));
	json_w_str(&w, "type", vsd_type(p) ? type_name(p) : NULL);
	if (p->has_virtio)
		json_virtio(&w, p);
	if (p->has_owner)
		json_owner(&w, p);
	json_w_bool(&w, "truncated", p->short_header);
	json_w_u64(&w, "length", p->len);
	if (s->hex)
		json_hex(&w, p);
	json_w_end(&w);
	json_writer_end(&w);
	strbuf_putc(out, '\n');
}
