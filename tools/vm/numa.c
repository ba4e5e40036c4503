// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * -numa: which memory and processors lie together, and how far apart nodes
 * are. The board tells the guest so (SRAT, SLIT); the emulator itself gains
 * nothing by it. Rules and messages follow QEMU's.
 */
#include <errno.h>
#include <string.h>
#include "dev/hostmem.h"
#include "mem.h"
#include "qopts.h"
#include "str.h"
#include "vm.h"

#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE	20
#define NO_NODE		0xff

struct numa {
	struct vm *vm;
	struct pc_numa *n;
	bool there[PC_NODES];
	unsigned count;
	bool any_cpu, any_mem, any_memdev;
};

static int set_cpus(struct numa *s, unsigned node, const char *text, size_t len, struct err *err)
{
	u64 first, last;
	const char *end;

	if (str_scan_u64(text, 10, &end, &first) < 0)
		goto bad;
	last = first;
	if (*end == '-' && str_scan_u64(end + 1, 10, &end, &last) < 0)
		goto bad;
	if (end != text + len || last < first)
		goto bad;
	if (last >= s->vm->cfg.max_cpus)
		return err_set(err, EINVAL, "-numa: CPU index (%llu) should be smaller than maxcpus (%u)", last, s->vm->cfg.max_cpus);
	for (; first <= last; first++) {
		if (s->n->cpu_node[first] != NO_NODE)
			return err_set(err, EEXIST, "-numa: CPU %llu is in node %u already", first, s->n->cpu_node[first]);
		s->n->cpu_node[first] = (u8)node;
	}
	s->any_cpu = true;
	return 0;
bad:
	return err_set(err, EINVAL, "-numa: cpus=%.*s: expected a number or a range such as 0-3", (int)len, text);
}

/* cpus= may stand there more than once: those items are taken out of the text. Owned by the caller; NULL: no memory. */
static char *without_cpus(const char *text)
{
	struct strbuf out = STRBUF_INIT;

	while (*text) {
		size_t len = strcspn(text, ",");

		if (strncmp(text, "cpus=", 5))
			strbuf_printf(&out, "%s%.*s", out.len ? "," : "", (int)len, text);
		text += len + (text[len] == ',');
	}
	if (strbuf_failed(&out)) {
		strbuf_free(&out);
		return NULL;
	}
	return strbuf_steal(&out);
}

/* The memory backend of that id: its size. */
static int backend_size(struct numa *s, const char *id, u64 *size, struct err *err)
{
	const struct opt_list *list = &s->vm->args->object;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct qopts *q = qopts_parse("-object", list->v[i].val, "qom-type", err);
		const char *type = NULL, *name = NULL;
		struct hostmem_conf c;
		bool found;

		if (!q)
			return -err->code;
		qopts_str(q, "qom-type", &type, err);
		qopts_str(q, "id", &name, err);
		found = !err_is_set(err) && type && name && str_eq(name, id);
		if (found && !str_eq(type, "memory-backend-ram"))
			err_set(err, ENOTSUP, "-numa: memdev=%s: only a memory-backend-ram can be the memory of a node", id);
		else if (found && hostmem_conf_read(type, q, &c, err) == 0) {
			*size = c.size;
			s->vm->cfg.ram_prealloc |= c.prealloc;
		}
		qopts_free(q);
		if (found || err_is_set(err))
			return -err->code;
	}
	return err_set(err, ENOENT, "-numa: memdev=%s: there is no such object", id);
}

static int add_memory(struct numa *s, struct qopts *q, unsigned node, struct err *err)
{
	const char *memdev = NULL;
	u64 size = 0;
	int mem = qopts_size_in(q, "mem", 'm', &size, err);

	qopts_str(q, "memdev", &memdev, err);
	if (qopts_done(q, err) < 0)
		return -err->code;
	if ((mem > 0 || s->any_mem) && (memdev || s->any_memdev))
		return err_set(err, EINVAL, "-numa: mem= and memdev= are not to be mixed: all nodes have one or the other");
	if (memdev && backend_size(s, memdev, &size, err) < 0)
		return -err->code;
	s->any_mem |= mem > 0;
	s->any_memdev |= memdev != NULL;
	s->n->mem[node] = size;
	return 0;
}

static int add_node(struct numa *s, struct qopts *q, const char *text, struct err *err)
{
	u64 node = s->count;

	qopts_u64(q, "nodeid", 0, PC_NODES - 1, &node, err);
	if (err_is_set(err))
		return -err->code;
	if (node >= PC_NODES)
		return err_set(err, EINVAL, "-numa: there can be %u nodes only", PC_NODES);
	if (s->there[node])
		return err_set(err, EEXIST, "-numa: duplicate NUMA nodeid: %llu", node);
	s->there[node] = true;
	s->count++;
	if (add_memory(s, q, (unsigned)node, err) < 0)
		return -err->code;
	while (*text) {
		size_t len = strcspn(text, ",");

		if (!strncmp(text, "cpus=", 5) && set_cpus(s, (unsigned)node, text + 5, len - 5, err) < 0)
			return -err->code;
		text += len + (text[len] == ',');
	}
	return 0;
}

static int add_distance(struct numa *s, struct qopts *q, struct err *err)
{
	u64 src = PC_NODES, dst = PC_NODES, val = 0;

	qopts_u64(q, "src", 0, PC_NODES - 1, &src, err);
	qopts_u64(q, "dst", 0, PC_NODES - 1, &dst, err);
	qopts_u64(q, "val", LOCAL_DISTANCE, 255, &val, err);
	if (qopts_done(q, err) < 0)
		return -err->code;
	if (src >= PC_NODES || dst >= PC_NODES || !val)
		return err_set(err, EINVAL, "-numa dist: src=, dst= and val= are required");
	if (!s->there[src] || !s->there[dst])
		return err_set(err, EINVAL, "-numa dist: there is no node %llu (nodes come first)", s->there[src] ? dst : src);
	if (src == dst && val != LOCAL_DISTANCE)
		return err_set(err, EINVAL, "-numa: local distance of node %llu should be %u", src, LOCAL_DISTANCE);
	s->n->distance[src][dst] = (u8)val;
	s->n->has_distance = true;
	return 0;
}

/* Processors by their place; what is not said matches any. */
static int add_cpu(struct numa *s, struct qopts *q, struct err *err)
{
	const struct x86_topology *t = &s->vm->cfg.topology;
	u64 node = PC_NODES, want[4] = { ~0ULL, ~0ULL, ~0ULL, ~0ULL };
	unsigned i, found = 0;

	qopts_u64(q, "node-id", 0, PC_NODES - 1, &node, err);
	qopts_u64(q, "socket-id", 0, X86_CPUS_MAX, &want[0], err);
	qopts_u64(q, "die-id", 0, X86_CPUS_MAX, &want[1], err);
	qopts_u64(q, "core-id", 0, X86_CPUS_MAX, &want[2], err);
	qopts_u64(q, "thread-id", 0, X86_CPUS_MAX, &want[3], err);
	if (qopts_done(q, err) < 0)
		return -err->code;
	if (node >= PC_NODES || !s->there[node])
		return err_set(err, EINVAL, "-numa cpu: node-id= must name a node that there is (nodes come first)");
	for (i = 0; i < s->vm->cfg.max_cpus; i++) {
		const unsigned place[4] = { i / t->threads / t->cores / t->dies, i / t->threads / t->cores % t->dies,
					    i / t->threads % t->cores, i % t->threads };
		unsigned k = 0;

		while (k < 4 && (want[k] == ~0ULL || want[k] == place[k]))
			k++;
		if (k < 4)
			continue;
		if (s->n->cpu_node[i] != NO_NODE)
			return err_set(err, EEXIST, "-numa cpu: CPU %u is in node %u already", i, s->n->cpu_node[i]);
		s->n->cpu_node[i] = (u8)node;
		found++;
	}
	s->any_cpu = true;
	return found ? 0 : err_set(err, EINVAL, "-numa cpu: no match found");
}

static int add_one(struct numa *s, const char *text, struct err *err)
{
	char *plain = without_cpus(text);
	const char *type = NULL;
	struct qopts *q;
	int ret;

	if (!plain)
		return err_set(err, ENOMEM, "out of memory");
	q = qopts_parse("-numa", plain, "type", err);
	mem_free(plain);
	if (!q)
		return -err->code;
	qopts_str(q, "type", &type, err);
	if (err_is_set(err))
		ret = -err->code;
	else if (type && str_eq(type, "node"))
		ret = add_node(s, q, text, err);
	else if (type && str_eq(type, "dist"))
		ret = add_distance(s, q, err);
	else if (type && str_eq(type, "cpu"))
		ret = add_cpu(s, q, err);
	else
		ret = err_set(err, ENOTSUP, "-numa %s: only node, dist and cpu are supported", text);
	qopts_free(q);
	return ret;
}

static int complete_memory(struct numa *s, struct err *err)
{
	u64 sum = 0;
	unsigned i;

	for (i = 0; i < s->count; i++) {
		if (!s->there[i])
			return err_set(err, EINVAL, "-numa: Node ID missing: %u", i);
		sum += s->n->mem[i];
	}
	if (sum != s->vm->cfg.ram_size)
		return err_set(err, EINVAL, "-numa: total memory for NUMA nodes (0x%llx) should equal RAM size (0x%llx)", sum, s->vm->cfg.ram_size);
	return 0;
}

/* Nobody said where they are: the processors of a socket are together. */
static void complete_cpus(struct numa *s)
{
	const struct x86_topology *t = &s->vm->cfg.topology;
	unsigned i;

	for (i = 0; i < s->vm->cfg.max_cpus; i++)
		if (s->n->cpu_node[i] == NO_NODE)
			s->n->cpu_node[i] = s->any_cpu ? 0 : (u8)(i / t->threads / t->cores / t->dies % s->count);
}

static int complete_distances(struct numa *s, struct err *err)
{
	unsigned a, b;
	bool one_way = false, hole = false;

	for (a = 0; a < s->count; a++) {
		for (b = 0; b < s->count; b++) {
			u8 there = s->n->distance[a][b], back = s->n->distance[b][a];

			if (a == b || !s->n->has_distance) {
				s->n->distance[a][b] = a == b ? LOCAL_DISTANCE : REMOTE_DISTANCE;
				continue;
			}
			hole |= !there;
			one_way |= there && back && there != back;
			if (!there && !back)
				return err_set(err, EINVAL, "-numa: the distance between node %u and %u is missing", a, b);
		}
	}
	if (hole && one_way)
		return err_set(err, EINVAL, "-numa: at least one distance differs by direction: all must be given then");
	for (a = 0; a < s->count; a++)
		for (b = 0; b < s->count; b++)
			if (!s->n->distance[a][b])
				s->n->distance[a][b] = s->n->distance[b][a];
	return 0;
}

int vm_parse_numa(struct vm *vm, struct err *err)
{
	const struct opt_list *list = &vm->args->numa;
	struct numa s = { .vm = vm };
	size_t i;

	if (!list->n)
		return 0;
	s.n = mem_zalloc(sizeof(*s.n));
	if (!s.n)
		return err_set(err, ENOMEM, "out of memory");
	vm->numa = s.n;
	memset(s.n->cpu_node, NO_NODE, sizeof(s.n->cpu_node));
	for (i = 0; i < list->n; i++)
		if (add_one(&s, list->v[i].val, err) < 0)
			return -err->code;
	if (!s.count)
		return err_set(err, EINVAL, "-numa: there is no node");
	s.n->nodes = s.count;
	vm->cfg.numa = s.n;
	if (complete_memory(&s, err) < 0)
		return -err->code;
	complete_cpus(&s);
	return complete_distances(&s, err);
}
