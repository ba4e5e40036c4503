// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wires between network cards and backends, and the list of backends (see
 * dev/net.h). An end counts the calls that it has under way into its peer;
 * whoever cuts the wire takes the pointers away and waits for the counts.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "dev/machine.h"
#include "dev/net.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "thread.h"

/* ---- wires ---- */

static struct net_end *enter(struct net_end *from)
{
	struct net_end *peer;

	atomic_add(&from->users, 1);
	peer = __atomic_load_n(&from->peer, __ATOMIC_SEQ_CST);
	if (!peer)
		atomic_add(&from->users, -1);
	return peer;
}

static void leave(struct net_end *from)
{
	atomic_add(&from->users, -1);
}

void net_connect(struct net_end *a, struct net_end *b)
{
	atomic_set_release(&a->peer, b);
	atomic_set_release(&b->peer, a);
	if (a->ops->peer_can)
		a->ops->peer_can(a, b->can);
	if (b->ops->peer_can)
		b->ops->peer_can(b, a->can);
}

void net_disconnect(struct net_end *a)
{
	struct net_end *b = a->peer;

	if (!b)
		return;
	__atomic_store_n(&a->peer, NULL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&b->peer, NULL, __ATOMIC_SEQ_CST);
	while (atomic_get_acquire(&a->users) || atomic_get_acquire(&b->users))
		sched_yield();
	if (a->ops->link_changed)
		a->ops->link_changed(a);
	if (b->ops->link_changed)
		b->ops->link_changed(b);
}

static void show_filters(struct net_end *from, struct net_end *to, const struct net_packet *p)
{
	struct netdev *nd = from->netdev ? from->netdev : to->netdev;
	struct net_filter *f;

	if (!nd || !atomic_get(&nd->filters))
		return;
	pthread_mutex_lock(&nd->filter_lock);
	for (f = nd->filters; f; f = f->next)
		f->packet(f, !from->netdev, p);
	pthread_mutex_unlock(&nd->filter_lock);
}

int net_send(struct net_end *from, const struct net_packet *p)
{
	struct net_end *to = enter(from);
	int ret = 1;

	if (!to)
		return 1;
	if (!atomic_get(&from->link_down) && !atomic_get(&to->link_down) && p->len >= NET_FRAME_MIN && p->len <= NET_PACKET_MAX) {
		ret = to->ops->receive(to, p);
		if (ret)
			show_filters(from, to, p);
	}
	leave(from);
	return ret;
}

int net_send_buf(struct net_end *from, const void *buf, size_t len)
{
	struct iovec iov = { (void *)buf, len };
	struct net_packet p = { .iov = &iov, .n = 1, .len = len };

	return net_send(from, &p);
}

void net_resume(struct net_end *e)
{
	struct net_end *peer = enter(e);

	if (!peer)
		return;
	if (peer->ops->resume)
		peer->ops->resume(peer);
	leave(e);
}

bool net_link_is_up(const struct net_end *e)
{
	const struct net_end *peer = atomic_get_acquire(&e->peer);

	return peer && !atomic_get(&e->link_down) && !atomic_get(&peer->link_down);
}

void net_set_can(struct net_end *e, u32 can)
{
	struct net_end *peer = enter(e);

	e->can = can;
	if (!peer)
		return;
	if (peer->ops->peer_can)
		peer->ops->peer_can(peer, can);
	leave(e);
}

/* ---- packets ---- */

size_t net_linear(const struct net_packet *p, void *buf, size_t cap)
{
	size_t done = 0;
	unsigned i;

	for (i = 0; i < p->n && done < cap; i++) {
		size_t n = MIN(p->iov[i].iov_len, cap - done);

		memcpy((u8 *)buf + done, p->iov[i].iov_base, n);
		done += n;
	}
	return done;
}

bool net_finish_csum(const struct net_hdr *h, u8 *frame, size_t len)
{
	size_t at = h->csum_start, field = at + h->csum_offset;
	u64 sum = 0;

	if (at >= len || field + 2 > len)
		return false;
	for (; at + 1 < len; at += 2)
		sum += get_be16(frame + at);
	if (at < len)
		sum += (u64)frame[at] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	put_be16(frame + field, sum ? (u16)sum : 0xffff);
	return true;
}

/* ---- filters ---- */

void net_filter_add(struct netdev *nd, struct net_filter *f)
{
	pthread_mutex_lock(&nd->filter_lock);
	f->next = nd->filters;
	atomic_set(&nd->filters, f);
	pthread_mutex_unlock(&nd->filter_lock);
}

void net_filter_del(struct netdev *nd, struct net_filter *f)
{
	struct net_filter **p;

	pthread_mutex_lock(&nd->filter_lock);
	for (p = &nd->filters; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	pthread_mutex_unlock(&nd->filter_lock);
}

/* ---- backends ---- */

struct netdev *netdev_find(struct netdevs *all, const char *id)
{
	struct netdev *nd;

	for (nd = all->first; nd; nd = nd->next)
		if (str_eq(nd->id, id))
			return nd;
	return NULL;
}

static const struct netdev_kind *find_kind(const char *name, struct err *err)
{
	struct str_nearest near = STR_NEAREST_INIT(name);
	const struct netdev_kind *k;

	REGISTRY_FOREACH(netdev_kind, k) {
		if (str_eq(k->name, name))
			return k;
		str_nearest_offer(&near, k->name);
	}
	if (str_nearest(&near))
		err_set(err, EINVAL, "-netdev: there is no backend '%s', did you mean '%s'?", name, str_nearest(&near));
	else
		err_set(err, EINVAL, "-netdev: there is no backend '%s'", name);
	return NULL;
}

static void destroy(struct netdev *nd)
{
	unsigned i;

	for (i = 0; i < nd->queues; i++)
		net_disconnect(&nd->ends[i]);
	if (nd->kind->close)
		nd->kind->close(nd);
	pthread_mutex_destroy(&nd->filter_lock);
	mem_free(nd->id);
	mem_free(nd);
}

static struct netdev *create(struct netdevs *all, const struct netdev_kind *kind, const char *id)
{
	struct netdev *nd = mem_zalloc(sizeof(*nd));
	unsigned i;

	if (!nd)
		return NULL;
	nd->id = str_dup(id);
	if (!nd->id) {
		mem_free(nd);
		return NULL;
	}
	nd->kind = kind;
	nd->all = all;
	nd->queues = 1;
	for (i = 0; i < NET_QUEUES_MAX; i++)
		nd->ends[i].netdev = nd;
	pthread_mutex_init(&nd->filter_lock, NULL);
	return nd;
}

int netdev_add_opts(struct netdevs *all, struct qopts *q, struct err *err)
{
	const char *type = NULL, *id = NULL;
	const struct netdev_kind *kind;
	struct netdev *nd, **p;

	qopts_str(q, "type", &type, err);
	qopts_str(q, "id", &id, err);
	if (err_is_set(err))
		return -err->code;
	if (!type || !id)
		return err_set(err, EINVAL, "-netdev: parameter '%s' is missing", type ? "id" : "type");
	kind = find_kind(type, err);
	if (!kind)
		return -err->code;
	if (netdev_find(all, id))
		return err_set(err, EEXIST, "Duplicate ID '%s' for netdev", id);
	nd = create(all, kind, id);
	if (!nd)
		return err_set(err, ENOMEM, "out of memory");
	snprintf(nd->info, sizeof(nd->info), "%s", kind->name);
	if (kind->open(nd, q, err) < 0 || qopts_done(q, err) < 0) {
		destroy(nd);
		return -err->code;
	}
	for (p = &all->first; *p; p = &(*p)->next)
		;
	*p = nd;
	return 0;
}

/* "hostfwd=x" for the nth time becomes "hostfwd.n.str=x", which is its form in QMP too. */
static bool fold_item(struct strbuf *out, const char *item, size_t len, unsigned count[3])
{
	static const char *const lists[] = { "hostfwd", "guestfwd", "dnssearch" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		size_t n = strlen(lists[i]);

		if (len <= n || memcmp(item, lists[i], n) || item[n] != '=')
			continue;
		strbuf_printf(out, "%s.%u.str", lists[i], count[i]++);
		strbuf_add(out, item + n, len - n);
		return true;
	}
	return false;
}

char *netdev_fold_lists(const char *text)
{
	struct strbuf out = STRBUF_INIT;
	unsigned count[3] = { 0 };
	char *s;

	while (*text) {
		size_t n = 0;

		while (text[n] && (text[n] != ',' || text[n + 1] == ','))
			n += text[n] == ',' ? 2 : 1;
		if (!fold_item(&out, text, n, count))
			strbuf_add(&out, text, n);
		text += n;
		if (*text) {
			strbuf_putc(&out, ',');
			text++;
		}
	}
	s = strbuf_steal(&out);
	strbuf_free(&out);
	return s;
}

int netdev_add(struct netdevs *all, const char *text, struct err *err)
{
	char *folded = text[0] == '{' ? str_dup(text) : netdev_fold_lists(text);
	struct qopts *q;
	int ret;

	if (!folded)
		return err_set(err, ENOMEM, "out of memory");
	q = qopts_parse("-netdev", folded, "type", err);
	mem_free(folded);
	if (!q)
		return -err->code;
	ret = netdev_add_opts(all, q, err);
	qopts_free(q);
	return ret;
}

int netdev_del(struct netdevs *all, const char *id, struct err *err)
{
	struct netdev **p, *nd;

	for (p = &all->first; *p && !str_eq((*p)->id, id); p = &(*p)->next)
		;
	nd = *p;
	if (!nd)
		return err_set(err, ENOENT, "Device '%s' not found", id);
	if (nd->filters)
		return err_set(err, EBUSY, "netdev '%s' is in use by a filter object", id);
	*p = nd->next;
	destroy(nd);
	return 0;
}

void netdevs_free(struct netdevs *all)
{
	while (all->first) {
		struct netdev *nd = all->first;

		all->first = nd->next;
		destroy(nd);
	}
}

struct netdev *netdev_take(struct machine *m, const char *id, struct device *card, struct err *err)
{
	struct netdevs *all = machine_service(m, "netdevs");
	struct netdev *nd = all ? netdev_find(all, id) : NULL;

	if (!nd) {
		err_set(err, ENOENT, "Property 'netdev' can't find value '%s'", id);
		return NULL;
	}
	if (nd->card) {
		err_set(err, EBUSY, "Property 'netdev' can't take value '%s', it's in use", id);
		return NULL;
	}
	nd->card = card;
	return nd;
}

void netdev_give_back(struct netdev *nd)
{
	nd->card = NULL;
}

static struct netdev *find_by_card(struct netdevs *all, const char *id)
{
	struct netdev *nd;

	for (nd = all->first; nd; nd = nd->next)
		if (nd->card && nd->card->id && str_eq(nd->card->id, id))
			return nd;
	return NULL;
}

int netdev_set_link(struct netdevs *all, const char *id, bool up)
{
	struct netdev *nd = netdev_find(all, id);
	unsigned i;

	if (!nd)
		nd = find_by_card(all, id);
	if (!nd)
		return -ENOENT;
	for (i = 0; i < nd->queues; i++) {
		struct net_end *e = &nd->ends[i], *peer = e->peer;

		atomic_set(&e->link_down, !up);
		if (peer && peer->ops->link_changed)
			peer->ops->link_changed(peer);
	}
	return 0;
}

void netdev_default_mac(struct machine *m, u8 mac[6])
{
	static const u8 first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	struct netdevs *all = machine_service(m, "netdevs");

	if (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5])
		return;
	memcpy(mac, first, 6);
	if (all)
		mac[5] = (u8)(mac[5] + all->cards++);
}

void netdev_info(struct netdevs *all, struct strbuf *out)
{
	struct netdev *nd;

	for (nd = all->first; nd; nd = nd->next)
		strbuf_printf(out, "%s%s: index=0,type=%s,%s%s%s\n", nd->card ? " \\ " : "", nd->id, nd->kind->name, nd->info,
			      nd->card ? ",peer=" : "", nd->card ? nd->card->id ? nd->card->id : nd->card->path : "");
}
