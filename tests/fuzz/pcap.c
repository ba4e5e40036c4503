// SPDX-License-Identifier: GPL-2.0-or-later
/* Capture files: any bytes end in packets or an error; what was read is written and reads back the same. */
#include <stdlib.h>
#include <string.h>
#include "pcap.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct bytes {
	const u8 *at;
	size_t left;
};

static ssize_t take(void *ctx, void *buf, size_t n)
{
	struct bytes *b = ctx;

	if (n > b->left)
		n = b->left;
	memcpy(buf, b->at, n);
	b->at += n;
	b->left -= n;
	return (ssize_t)n;
}

static void read_back(const struct pcap_packet *p)
{
	struct strbuf out = STRBUF_INIT;
	struct pcap_packet again, one = *p;
	struct pcap_reader r;
	struct bytes b;

	one.iface = 0;
	pcap_put_header(&out, PCAP_NG, p->link, 0, "if0", "fuzz");
	pcap_put_packet(&out, PCAP_NG, &one);
	b = (struct bytes){ (const u8 *)out.s, out.len };
	pcap_reader_init(&r, take, &b);
	if (pcap_read(&r, &again, NULL) != 1 || again.len != p->len || again.orig_len != p->orig_len || again.time_ns != p->time_ns ||
	    again.direction != p->direction || memcmp(again.data, p->data, p->len) || pcap_read(&r, &again, NULL) != 0)
		abort();
	pcap_reader_free(&r);
	strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bytes b = { data, size };
	struct pcap_packet p;
	struct pcap_reader r;
	unsigned n = 0;

	pcap_reader_init(&r, take, &b);
	while (pcap_read(&r, &p, NULL) == 1) {
		volatile u8 last = p.len ? p.data[p.len - 1] : 0;

		(void)last;
		if (n++ < 8 && p.orig_len >= p.len && p.link < 65536)
			read_back(&p);
	}
	pcap_reader_free(&r);
	return 0;
}
