// SPDX-License-Identifier: GPL-2.0-or-later
/* vsockdump: captures AF_VSOCK packets, shows and stores them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "applet.h"
#include "vsockdump.h"

#define FLUSH_BYTES	65536

enum { OUT_TEXT, OUT_JSON };
static const char *const outputs[] = { "text", "json", NULL };
static const char *const formats[] = { "pcapng", "pcap", NULL };

struct args {
	const char *device, *read, *write;
	u64 count, snaplen, buffer;
	bool numeric, hex, link, list, no_time, quiet;
	unsigned verbose;
	int output, format;
	struct opt_list filter;
};
#define A struct args

struct dump {
	const struct args *a;
	struct vsd_source src;
	struct vsd_filter *filter;
	struct vsd_style style;
	struct strbuf out;		/* text, or blocks of the file */
	int fd;				/* of -w; 1 for text */
	bool writes;
	enum pcap_format format;
	u64 packets, matched, malformed, start_ns;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static int flush(struct dump *d, struct err *err)
{
	size_t at = 0;

	if (strbuf_failed(&d->out) < 0)
		return err_set(err, ENOMEM, "out of memory");
	while (at < d->out.len) {
		ssize_t n = write(d->fd, d->out.s + at, d->out.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "%s", d->writes ? d->a->write : "standard output");
		at += (size_t)n;
	}
	strbuf_reset(&d->out);
	return 0;
}

static int join_filter(struct dump *d, struct err *err)
{
	struct strbuf text = STRBUF_INIT;
	size_t i;

	for (i = 0; i < d->a->filter.n; i++) {
		strbuf_puts(&text, i ? " " : "");
		strbuf_puts(&text, d->a->filter.v[i].val);
	}
	if (strbuf_failed(&text) < 0)
		err_set(err, ENOMEM, "out of memory");
	else
		d->filter = vsd_filter_parse(text.s, err);
	strbuf_free(&text);
	return err_is_set(err) ? -err->code : 0;
}

static int open_output(struct dump *d, struct err *err)
{
	const struct args *a = d->a;

	d->fd = 1;
	d->writes = a->write;
	if (!d->writes)
		return 0;
	d->format = a->format >= 0 ? (enum pcap_format)a->format : str_ends(a->write, ".pcap") ? PCAP_CLASSIC : PCAP_NG;
	if (!str_eq(a->write, "-"))
		d->fd = open(a->write, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return err_errno(err, errno, "%s", a->write);
	pcap_put_header(&d->out, d->format, VSC_LINKTYPE, (u32)a->snaplen, d->src.live ? a->device : NULL, "vsockdump (vmbox)");
	return flush(d, err);
}

/* 0, or -errno of the output. */
static int show(struct dump *d, const struct pcap_packet *r, struct err *err)
{
	struct vsd_packet p;

	d->packets++;
	if (r->link != VSC_LINKTYPE || !vsd_decode(r, &p)) {
		d->malformed++;
		return 0;
	}
	if (!vsd_filter_match(d->filter, &p))
		return 0;
	d->matched++;
	if (d->writes) {
		struct pcap_packet one = *r;

		one.iface = 0;
		pcap_put_packet(&d->out, d->format, &one);
	} else if (d->a->output == OUT_JSON) {
		vsd_print_json(&d->out, r, &p, &d->style);
	} else {
		vsd_print_line(&d->out, r, &p, &d->style);
	}
	return d->a->device || d->out.len >= FLUSH_BYTES ? flush(d, err) : 0;
}

static int capture(struct dump *d, struct err *err)
{
	struct pcap_packet r;
	int ret = 0;

	while ((!d->a->count || d->matched < d->a->count) && (ret = vsd_next(&d->src, &r, err)) > 0) {
		ret = show(d, &r, err);
		if (ret < 0)
			break;
	}
	return ret == -EINTR ? 0 : ret;
}

static void finish(struct dump *d, struct err *err)
{
	struct pcap_stats st = { .start_ns = d->start_ns, .end_ns = now_ns() };
	bool known = vsd_stats(&d->src, &st.received, &st.dropped);

	if (d->writes && known)
		pcap_put_stats(&d->out, d->format, &st);
	flush(d, err);
	if (d->a->quiet || !(d->a->device || d->writes || d->malformed))
		return;
	fprintf(stderr, "%llu packets shown, %llu read", d->matched, d->packets);
	if (known)
		fprintf(stderr, ", %llu received and %llu dropped by the %s", st.received, st.dropped,
			d->src.live ? "kernel" : "capture");
	if (d->malformed)
		fprintf(stderr, ", %llu that are no vsock records", d->malformed);
	fputc('\n', stderr);
}

static int run(void *args, const struct opt_call *call)
{
	struct args *a = args;
	struct dump d = { .a = a, .style = { a->numeric, a->link, a->hex, a->no_time, a->verbose }, .start_ns = now_ns(), .src.fd = -1 };
	struct err err = ERR_INIT;

	(void)call;
	if (a->list)
		return vsd_list_devices();
	if (!a->device == !a->read) {
		fprintf(stderr, "vsockdump: say either -i DEVICE or -r FILE\n");
		return 2;
	}
	strbuf_init(&d.out);
	vsd_catch_signals();
	if (join_filter(&d, &err) == 0 &&
	    (a->read ? vsd_open_file(&d.src, a->read, &err) :
	     vsd_open_live(&d.src, a->device, (u32)a->snaplen, (u32)a->buffer, &err)) == 0 && open_output(&d, &err) == 0) {
		d.src.snaplen = (u32)a->snaplen;
		capture(&d, &err);
		finish(&d, err_is_set(&err) ? NULL : &err);
	}
	if (err_is_set(&err))
		err_report(&err);
	if (d.writes && d.fd > 2 && close(d.fd) < 0 && !err_is_set(&err))
		err_set(&err, errno, "close");
	vsd_close(&d.src);
	vsd_filter_free(d.filter);
	strbuf_free(&d.out);
	return err_is_set(&err) ? 1 : 0;
}

static void defaults(void *args)
{
	struct args *a = args;

	a->snaplen = 262144;
	a->buffer = 8192;
	a->format = -1;
}

static const struct opt opts[] = {
	OPT_STR('i', "interface", "DEVICE", A, device, "capture from a vsock monitor device, or (with a slash) from the socket of the "
		"emulator's filter-vsock-dump"),
	OPT_STR('r', "read", "FILE", A, read, "read a pcap or pcapng file; -: standard input"),
	OPT_STR('w', "write", "FILE", A, write, "write the packets to a file instead of showing them; -: standard output"),
	OPT_CHOICE(0, "format", "FORMAT", A, format, formats, "of -w: pcapng, or pcap (the default for names that end so)"),
	OPT_UINT('c', "count", "N", A, count, "stop after N packets"),
	OPT_UINT('s', "snapshot-length", "BYTES", A, snaplen, "keep at most BYTES of each record", .u = { 32, 262144 }),
	OPT_UINT('B', "buffer-size", "KIB", A, buffer, "the kernel's buffer for packets that wait", .u = { 64, 1048576 }),
	OPT_FLAG('n', NULL, A, numeric, "numbers instead of the names of CIDs"),
	OPT_COUNT('v', "verbose", A, verbose, "credit fields too"),
	OPT_FLAG('x', "payload", A, hex, "show the payload in hexadecimal"),
	OPT_FLAG('e', "link", A, link, "show the monitor's header too"),
	OPT_FLAG('t', NULL, A, no_time, "no time"),
	OPT_FLAG('q', "quiet", A, quiet, "no statistics at the end"),
	OPT_CHOICE(0, "output", "FORM", A, output, outputs, "text, or json: an object a line"),
	OPT_FLAG('D', "list-interfaces", A, list, "list the devices to capture from"),
	OPERAND_REST("FILTER", A, filter, "which packets; see FILTERS"),
	OPT_END
};

static const struct opt_section sections[] = {
	{ "FILTERS",
	  "Primitives are joined by and, or, not and parentheses; a number after and/or repeats the words before it "
	  "(\"port 1024 or 1025\").\n\n"
	  "[src|dst] cid N\t-- a CID, or hypervisor, local, host, any\n"
	  "[src|dst] port N[-M]\t-- a port or a range\n"
	  "op NAME\t-- connect, disconnect, control, payload; of virtio: request, response, rst, shutdown, rw, credit-update, credit-request\n"
	  "type NAME\t-- stream or seqpacket\n"
	  "transport NAME\t-- virtio, no-info, unknown\n"
	  "greater N, less N\t-- payloads of at least, of at most N bytes\n"
	  "in, out\t-- direction, where the capture has it\n"
	  "pid N, uid N\t-- owner of the socket, in records of vmbox_vsockmon's sockets mode\n"
	  "eom, eor\t-- the end of a message, of a record" },
	{ "EXAMPLES",
	  "\tip link add vsmon0 type vsockmon && ip link set vsmon0 up\n\tvsockdump -i vsmon0 port 1024 and not op control\n\n"
	  "From the emulator, without any help of the guest:\n\n"
	  "\tvm -device virtio-vsock-pci,guest-cid=3,uds=/run/vs,id=v -object filter-vsock-dump,id=f,dev=v,path=/run/cap\n"
	  "\tvsockdump -i /run/cap -w x.pcapng" },
	{ "EXIT STATUS", "0\t-- success\n1\t-- a file or device failed\n2\t-- the command line is wrong" },
	{ NULL, NULL }
};

static const struct opt_cmd cmd = {
	.name = "vsockdump", .summary = "capture and show AF_VSOCK packets",
	.description = "Shows packets of AF_VSOCK sockets, live or from a file: link type 271 as Linux's vsockmon, vmbox_vsockmon, the "
		"emulator, tcpdump and Wireshark have it. A pcapng file keeps directions and the count of lost packets.",
	.opts = opts, .sections = sections, .args_size = sizeof(A), .defaults = defaults, .run = run,
};
static const struct applet vsockdump = { .cmd = &cmd };
APPLET(vsockdump);
