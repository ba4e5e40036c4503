// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filter expressions: primitives joined by and, or, not and parentheses, to a
 * list in reverse Polish order, judged with one word of stack. A number after
 * and/or repeats the words before it: "port 1 or 2".
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "mem.h"
#include "vsockdump.h"

#define NODES_MAX	256
#define DEPTH_MAX	30	/* of parentheses; each holds two operands at most on the stack, a u64 */

enum node_kind {
	N_AND, N_OR, N_NOT,
	N_CID, N_PORT, N_OP, N_VIRTIO_OP, N_TYPE, N_TRANSPORT, N_GREATER, N_LESS, N_DIRECTION, N_PID, N_UID, N_FLAG,
};
enum { SIDE_SRC = 1, SIDE_DST = 2 };

struct node {
	u8  kind, side;
	u64 low, high;
};

struct vsd_filter {
	unsigned n;
	struct node nodes[NODES_MAX];
};

struct parser {
	const char *at;
	char word[40];		/* the next word; "" at the end */
	unsigned depth;
	struct vsd_filter *f;
	struct node last;	/* the primitive before, for "or 2" */
	bool has_last;
	struct err *err;
};

/* ---- words ---- */

static void next(struct parser *p)
{
	size_t n = 0;

	while (isspace((unsigned char)*p->at))
		p->at++;
	if (*p->at && strchr("()!", *p->at)) {
		n = 1;
	} else if (str_starts(p->at, "&&", NULL) || str_starts(p->at, "||", NULL)) {
		n = 2;
	} else {
		while (p->at[n] && !isspace((unsigned char)p->at[n]) && !strchr("()!&|", p->at[n]))
			n++;
		if (!n && *p->at)
			n = 1;
	}
	if (n >= sizeof(p->word)) {
		err_set(p->err, EINVAL, "filter: the word '%.40s...' is too long", p->at);
		n = 0;
	}
	memcpy(p->word, p->at, n);
	p->word[n] = '\0';
	p->at += n;
}

static bool is(struct parser *p, const char *a, const char *b)
{
	if (!str_eq(p->word, a) && !(b && str_eq(p->word, b)))
		return false;
	next(p);
	return true;
}

static void emit(struct parser *p, const struct node *n)
{
	if (p->f->n == NODES_MAX)
		err_set(p->err, E2BIG, "filter: more than %u parts", NODES_MAX);
	else
		p->f->nodes[p->f->n++] = *n;
}

static void emit_kind(struct parser *p, enum node_kind kind)
{
	emit(p, &(struct node){ .kind = (u8)kind });
}

/* ---- values ---- */

static bool cid_name(const char *s, u64 *v)
{
	static const char *const names[] = { "hypervisor", "local", "host", NULL };
	int i = str_to_index(s, names);

	if (i < 0 && str_eq(s, "any")) {
		*v = 0xffffffff;
		return true;
	}
	*v = (u64)i;
	return i >= 0;
}

/* A number or a range 10-20; CIDs have names too. */
static bool value(struct parser *p, struct node *n)
{
	const char *end;
	bool good;

	if (n->kind == N_CID && cid_name(p->word, &n->low)) {
		n->high = n->low;
		next(p);
		return true;
	}
	good = str_scan_u64(p->word, 0, &end, &n->low) == 0;
	n->high = n->low;
	if (good && *end == '-')
		good = str_to_u64(end + 1, 0, &n->high) == 0 && n->low <= n->high;
	else
		good = good && !*end;
	if (good)
		next(p);
	return good;
}

static void want_value(struct parser *p, struct node *n, const char *what)
{
	if (!value(p, n))
		err_set(p->err, EINVAL, "filter: '%s' where the %s should stand", *p->word ? p->word : "the end", what);
}

static void op_value(struct parser *p, struct node *n)
{
	struct str_nearest near = STR_NEAREST_INIT(p->word);
	u16 i;

	for (i = 0; vsd_op_name(i); i++) {
		str_nearest_offer(&near, vsd_op_name(i));
		if (str_eq(vsd_op_name(i), p->word))
			goto found;
	}
	n->kind = N_VIRTIO_OP;
	for (i = 0; vsd_virtio_op_name(i); i++) {
		str_nearest_offer(&near, vsd_virtio_op_name(i));
		if (str_eq(vsd_virtio_op_name(i), p->word))
			goto found;
	}
	if (str_nearest(&near))
		err_set(p->err, EINVAL, "filter: unknown op '%s', did you mean '%s'?", p->word, str_nearest(&near));
	else
		err_set(p->err, EINVAL, "filter: unknown op '%s'", p->word);
	return;
found:
	n->low = n->high = i;
	next(p);
}

static void choice(struct parser *p, struct node *n, const char *const *names, unsigned first, const char *what)
{
	int i = str_to_index(p->word, names);

	if (i < 0) {
		err_set(p->err, EINVAL, "filter: unknown %s '%s'", what, p->word);
		return;
	}
	n->low = n->high = (u64)i + first;
	next(p);
}

/* ---- grammar ---- */

static void sided(struct parser *p, struct node *n)
{
	n->side = SIDE_SRC | SIDE_DST;
	if (is(p, "src", NULL))
		n->side = SIDE_SRC;
	else if (is(p, "dst", NULL))
		n->side = SIDE_DST;
	if (is(p, "port", "portrange")) {
		n->kind = N_PORT;
		want_value(p, n, "port");
	} else {
		if (!is(p, "cid", "host") && n->side == (SIDE_SRC | SIDE_DST))
			err_set(p->err, EINVAL, "filter: '%s' is no primitive: [src|dst] cid N, [src|dst] port N[-M], op NAME, type NAME, "
				"transport NAME, greater N, less N, pid N, uid N, in, out, eom, eor", *p->word ? p->word : "the end");
		n->kind = N_CID;
		want_value(p, n, "CID");
	}
}

static void keyword(struct parser *p, struct node *n)
{
	static const char *const types[] = { "stream", "seqpacket", NULL };
	static const char *const transports[] = { "unknown", "no-info", "virtio", NULL };

	if (is(p, "op", NULL)) {
		n->kind = N_OP;
		op_value(p, n);
	} else if (is(p, "type", NULL)) {
		n->kind = N_TYPE;
		choice(p, n, types, 1, "type");
	} else if (is(p, "transport", NULL)) {
		n->kind = N_TRANSPORT;
		choice(p, n, transports, 0, "transport");
	} else if (is(p, "greater", NULL)) {
		n->kind = N_GREATER;
		want_value(p, n, "length");
	} else if (is(p, "less", NULL)) {
		n->kind = N_LESS;
		want_value(p, n, "length");
	} else if (is(p, "pid", NULL)) {
		n->kind = N_PID;
		want_value(p, n, "process");
	} else if (is(p, "uid", NULL)) {
		n->kind = N_UID;
		want_value(p, n, "user");
	} else if (str_eq(p->word, "in") || str_eq(p->word, "inbound") || str_eq(p->word, "out") || str_eq(p->word, "outbound")) {
		*n = (struct node){ .kind = N_DIRECTION, .low = p->word[0] == 'i' ? PCAP_IN : PCAP_OUT };
		next(p);
	} else if (str_eq(p->word, "eom") || str_eq(p->word, "eor")) {
		*n = (struct node){ .kind = N_FLAG, .low = p->word[2] == 'm' ? VSC_VIRTIO_EOM : VSC_VIRTIO_EOR };
		next(p);
	} else {
		sided(p, n);
	}
}

static void parse_or(struct parser *p);

static void parse_primitive(struct parser *p)
{
	struct node n = p->last;

	if (p->has_last && (n.kind == N_CID || n.kind == N_PORT) && value(p, &n)) {
		emit(p, &n);	/* "port 1 or 2" */
		return;
	}
	n = (struct node){ .kind = N_CID };
	keyword(p, &n);
	p->last = n;
	p->has_last = true;
	emit(p, &n);
}

static void parse_not(struct parser *p)
{
	unsigned nots = 0;

	while (is(p, "not", "!"))
		nots++;
	if (p->depth >= DEPTH_MAX) {
		err_set(p->err, E2BIG, "filter: more than %u levels", DEPTH_MAX);
	} else if (is(p, "(", NULL)) {
		p->depth++;
		parse_or(p);
		p->depth--;
		if (!err_is_set(p->err) && !is(p, ")", NULL))
			err_set(p->err, EINVAL, "filter: ')' is missing before '%s'", p->word);
	} else {
		parse_primitive(p);
	}
	if (nots & 1)
		emit_kind(p, N_NOT);
}

static void parse_and(struct parser *p)
{
	parse_not(p);
	while (!err_is_set(p->err) && is(p, "and", "&&")) {
		parse_not(p);
		emit_kind(p, N_AND);
	}
}

static void parse_or(struct parser *p)
{
	parse_and(p);
	while (!err_is_set(p->err) && is(p, "or", "||")) {
		parse_and(p);
		emit_kind(p, N_OR);
	}
}

struct vsd_filter *vsd_filter_parse(const char *text, struct err *err)
{
	struct parser p = { .at = text ? text : "", .err = err };

	next(&p);
	if (!*p.word)
		return NULL;
	p.f = mem_zalloc(sizeof(*p.f));
	if (!p.f) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	parse_or(&p);
	if (*p.word)
		err_set(err, EINVAL, "filter: '%s' after the end of the expression", p.word);
	if (!err_is_set(err))
		return p.f;
	mem_free(p.f);
	return NULL;
}

void vsd_filter_free(struct vsd_filter *f)
{
	mem_free(f);
}

/* ---- judging ---- */

static bool in_range(const struct node *n, u64 v)
{
	return v >= n->low && v <= n->high;
}

static bool primitive(const struct node *n, const struct vsd_packet *p)
{
	switch (n->kind) {
	case N_CID:
		return (n->side & SIDE_SRC && in_range(n, p->src_cid)) || (n->side & SIDE_DST && in_range(n, p->dst_cid));
	case N_PORT:
		return (n->side & SIDE_SRC && in_range(n, p->src_port)) || (n->side & SIDE_DST && in_range(n, p->dst_port));
	case N_OP:
		return p->op == n->low;
	case N_VIRTIO_OP:
		return p->has_virtio && p->virtio_op == n->low;
	case N_TYPE:
		return vsd_type(p) == n->low;
	case N_TRANSPORT:
		return p->transport == n->low;
	case N_GREATER:
		return p->len >= n->low;
	case N_LESS:
		return p->len <= n->low;
	case N_DIRECTION:
		return p->direction == n->low;
	case N_PID:
		return p->has_owner && in_range(n, p->pid);
	case N_UID:
		return p->has_owner && in_range(n, p->uid);
	default:	/* N_FLAG */
		return p->has_virtio && p->virtio_op == VSC_VIRTIO_RW && (p->flags & n->low);
	}
}

bool vsd_filter_match(const struct vsd_filter *f, const struct vsd_packet *p)
{
	u64 stack = 1;		/* bit 0 is the top; "and" and "or" leave few: DEPTH_MAX and two a level */
	unsigned i;

	for (i = 0; f && i < f->n; i++) {
		const struct node *n = &f->nodes[i];
		u64 top = stack & 1;

		if (n->kind == N_NOT)
			stack ^= 1;
		else if (n->kind == N_AND)
			stack = (stack >> 1) & (~1ULL | top);
		else if (n->kind == N_OR)
			stack = (stack >> 1) | top;
		else
			stack = stack << 1 | primitive(n, p);
	}
	return stack & 1;
}
