// SPDX-License-Identifier: GPL-2.0-or-later
/* Capture files, written. See pcap.h. */
#include <string.h>
#include "bytes.h"
#include "pcap.h"
#include "str.h"

#define OPT_END		0
#define OPT_IF_NAME	2
#define OPT_IF_TSRESOL	9
#define OPT_USERAPPL	4
#define OPT_EPB_FLAGS	2
#define OPT_ISB_START	2
#define OPT_ISB_END	3
#define OPT_ISB_RECV	4
#define OPT_ISB_DROP	5

static void put16(struct strbuf *b, u16 v)
{
	u8 raw[2];

	put_le16(raw, v);
	strbuf_add(b, raw, 2);
}

static void put32(struct strbuf *b, u32 v)
{
	u8 raw[4];

	put_le32(raw, v);
	strbuf_add(b, raw, 4);
}

static u32 padded(u32 n)
{
	return (n + 3) & ~3U;
}

static void put_padded(struct strbuf *b, const void *p, u32 n)
{
	strbuf_add(b, p, n);
	strbuf_fill(b, '\0', padded(n) - n);
}

static void put_option(struct strbuf *b, u16 code, const void *p, u32 n)
{
	put16(b, code);
	put16(b, (u16)n);
	put_padded(b, p, n);
}

/* High half first, whatever the byte order. */
static void put_time(struct strbuf *b, u64 ns)
{
	put32(b, (u32)(ns >> 32));
	put32(b, (u32)ns);
}

static u32 text_option(const char *s)
{
	return s ? 4 + padded((u32)strlen(s)) : 0;
}

static void put_ng_header(struct strbuf *b, u32 link, u32 snaplen, const char *ifname, const char *app)
{
	static const u8 nanoseconds = 9, no_length[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	u32 shb = 28 + (app ? text_option(app) + 4 : 0), idb = 20 + text_option(ifname) + 8 + 4;

	put32(b, 0x0a0d0d0a);
	put32(b, shb);
	put32(b, 0x1a2b3c4d);
	put16(b, 1);
	put16(b, 0);
	strbuf_add(b, no_length, 8);
	if (app) {
		put_option(b, OPT_USERAPPL, app, (u32)strlen(app));
		put32(b, OPT_END);
	}
	put32(b, shb);
	put32(b, 1);
	put32(b, idb);
	put16(b, (u16)link);
	put16(b, 0);
	put32(b, snaplen);
	if (ifname)
		put_option(b, OPT_IF_NAME, ifname, (u32)strlen(ifname));
	put_option(b, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(b, OPT_END);
	put32(b, idb);
}

void pcap_put_header(struct strbuf *b, enum pcap_format f, u32 link, u32 snaplen, const char *ifname, const char *app)
{
	if (f == PCAP_NG) {
		put_ng_header(b, link, snaplen, ifname, app);
		return;
	}
	put32(b, 0xa1b23c4d);	/* nanoseconds */
	put16(b, 2);
	put16(b, 4);
	put32(b, 0);
	put32(b, 0);
	put32(b, snaplen ? snaplen : 262144);
	put32(b, link);
}

void pcap_put_packet(struct strbuf *b, enum pcap_format f, const struct pcap_packet *p)
{
	u32 len = 32 + padded(p->len) + (p->direction ? 12 : 0);

	if (f == PCAP_CLASSIC) {
		put32(b, (u32)(p->time_ns / 1000000000));
		put32(b, (u32)(p->time_ns % 1000000000));
		put32(b, p->len);
		put32(b, p->orig_len);
		strbuf_add(b, p->data, p->len);
		return;
	}
	put32(b, 6);
	put32(b, len);
	put32(b, p->iface);
	put_time(b, p->time_ns);
	put32(b, p->len);
	put32(b, p->orig_len);
	put_padded(b, p->data, p->len);
	if (p->direction) {
		u8 flags[4];

		put_le32(flags, p->direction);
		put_option(b, OPT_EPB_FLAGS, flags, 4);
		put32(b, OPT_END);
	}
	put32(b, len);
}

static void put_time_option(struct strbuf *b, u16 code, u64 ns)
{
	put16(b, code);
	put16(b, 8);
	put_time(b, ns);
}

static void put_count_option(struct strbuf *b, u16 code, u64 n)
{
	u8 raw[8];

	put_le64(raw, n);
	put_option(b, code, raw, 8);
}

void pcap_put_stats(struct strbuf *b, enum pcap_format f, const struct pcap_stats *s)
{
	u32 len = 24 + 4 * 12 + 4;

	if (f == PCAP_CLASSIC)
		return;
	put32(b, 5);
	put32(b, len);
	put32(b, 0);
	put_time(b, s->end_ns);
	put_time_option(b, OPT_ISB_START, s->start_ns);
	put_time_option(b, OPT_ISB_END, s->end_ns);
	put_count_option(b, OPT_ISB_RECV, s->received);
	put_count_option(b, OPT_ISB_DROP, s->dropped);
	put32(b, OPT_END);
	put32(b, len);
}
