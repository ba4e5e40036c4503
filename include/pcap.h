/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture files: pcap (draft-ietf-opsawg-pcap) and pcapng
 * (draft-ietf-opsawg-pcapng), both byte orders, read from any stream and
 * written into a strbuf. Safe on hostile files: lengths are checked before
 * they are believed, nothing grows past PCAP_BLOCK_MAX.
 *
 * No locks: a reader or strbuf belongs to one thread at a time.
 */
#ifndef VMBOX_PCAP_H
#define VMBOX_PCAP_H

#include "err.h"

struct strbuf;

#define PCAP_BLOCK_MAX	(4 * 1024 * 1024)	/* bytes of the longest block or packet that is read */
#define PCAP_IFACES_MAX	4096			/* interfaces of a section */

enum pcap_format { PCAP_NG, PCAP_CLASSIC };
enum pcap_direction { PCAP_UNKNOWN, PCAP_IN, PCAP_OUT };

struct pcap_packet {
	u64 time_ns;		/* since 1970 */
	u32 iface;		/* pcapng: index in the section */
	u32 link;		/* LINKTYPE_* */
	u32 len, orig_len;	/* captured; on the wire */
	const u8 *data;		/* until the next call of the reader */
	u8 direction;		/* enum pcap_direction */
};

/* ---- writing: appends whole headers, packets, blocks; failures stick in the strbuf ---- */

struct pcap_stats {
	u64 start_ns, end_ns, received, dropped;
};

/* ifname, app: may be NULL; classic files have no place for them. */
void pcap_put_header(struct strbuf *b, enum pcap_format f, u32 link, u32 snaplen, const char *ifname, const char *app);
/* Classic files have no direction. p->iface must be 0. */
void pcap_put_packet(struct strbuf *b, enum pcap_format f, const struct pcap_packet *p);
/* An interface statistics block; classic: nothing. */
void pcap_put_stats(struct strbuf *b, enum pcap_format f, const struct pcap_stats *s);

/* ---- reading ---- */

struct pcap_iface {
	u32 link, snaplen;
	u8  tsresol;		/* as in the file: 10^-n, with the top bit 2^-n */
	s64 tsoffset;		/* seconds */
	char name[32];
};

struct pcap_reader {
	/* The next bytes: at most n, 0 at the end, -errno. */
	ssize_t (*read)(void *ctx, void *buf, size_t n);
	void *ctx;
	bool started, ng, swapped, nanoseconds;
	u64 pos;			/* bytes taken, for messages */
	struct pcap_iface *ifaces;
	size_t n_ifaces, ifaces_cap;
	u8 *block;
	size_t block_cap;
	u64 received, dropped;		/* sums of the statistics blocks */
	bool has_stats;
};

void pcap_reader_init(struct pcap_reader *r, ssize_t (*read)(void *ctx, void *buf, size_t n), void *ctx);
void pcap_reader_free(struct pcap_reader *r);
/* 1: *p holds a packet; 0: the end; -EINTR as the source says; else -errno with err set. */
int  pcap_read(struct pcap_reader *r, struct pcap_packet *p, struct err *err);

#endif
