/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cellgen collect: the files of a machine that create and validate want, as a
 * tar archive (ustar). Each file is read once, and its SHA-256 stands in
 * MANIFEST at the end of the archive.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cellgen.h"
#include "checksum.h"
#include "mem.h"
#include "sink.h"
#include "tree.h"

#define BLOCK 512

struct collect_args {
	const char *root, *out;
	bool list;
};
#define A struct collect_args

/* A * stands for every name of a folder. */
static const char *const patterns[] = {
	"proc/iomem", "proc/ioports", "proc/cpuinfo", "proc/cmdline",
	"sys/bus/pci/devices/*/config", "sys/bus/pci/devices/*/resource",
	"sys/devices/system/cpu/online", "sys/devices/system/cpu/cpu*/uevent",
	"sys/firmware/acpi/tables/APIC", "sys/firmware/acpi/tables/MCFG", "sys/firmware/acpi/tables/FACP",
	"sys/firmware/acpi/tables/DMAR", "sys/firmware/acpi/tables/IVRS", "sys/firmware/acpi/tables/IORT",
	"sys/firmware/acpi/tables/SPCR", "sys/firmware/acpi/tables/GTDT", "sys/firmware/fdt",
	"sys/class/dmi/id/product_name", "sys/class/dmi/id/sys_vendor",
	"sys/class/tty/*/io_type", "sys/class/tty/*/port", "sys/class/tty/*/iomem_base", "sys/class/tty/*/iomem_reg_shift",
	"sys/devices/jailhouse/enabled", NULL
};

struct collector {
	struct mtree *tree;
	struct sink *out;
	struct strbuf manifest;
	unsigned files;
	bool list;
	struct err *err;
};

static void octal(u8 *p, size_t n, u64 v)
{
	for (p[--n] = '\0'; n--; v >>= 3)
		p[n] = '0' + (v & 7);
}

static int put_file(struct collector *c, const char *name, const u8 *data, size_t len)
{
	u8 head[BLOCK] = { 0 };
	unsigned sum = 0;
	int ret;

	if (strlen(name) > 99)
		return err_set(c->err, ENAMETOOLONG, "%s: name is too long", name);
	memcpy(head, name, strlen(name));
	octal(head + 100, 8, 0644);
	octal(head + 108, 8, 0);
	octal(head + 116, 8, 0);
	octal(head + 124, 12, len);
	octal(head + 136, 12, 0);
	head[156] = '0';
	memcpy(head + 257, "ustar\00000", 8);
	memset(head + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += head[i];
	octal(head + 148, 7, sum);
	ret = sink_write(c->out, head, BLOCK, c->err);
	if (!ret)
		ret = sink_write(c->out, data, len, c->err);
	return ret ? ret : sink_align(c->out, BLOCK, c->err);
}

static int take(struct collector *c, const char *path)
{
	u8 sum[SHA256_SIZE], *data;
	size_t len;
	int ret = mtree_read(c->tree, path, &data, &len);

	if (ret)
		return ret == -ENOMEM ? err_set(c->err, ENOMEM, "out of memory") : 0;
	c->files++;
	if (c->list) {
		printf("%s\n", path);
	} else {
		sha256(data, len, sum);
		for (int i = 0; i < SHA256_SIZE; i++)
			strbuf_printf(&c->manifest, "%02x", sum[i]);
		strbuf_printf(&c->manifest, "  %s\n", path);
		ret = put_file(c, path, data, len);
	}
	mem_free(data);
	return ret;
}

/* Replaces the first * of the pattern by every name that fits, and goes on with what follows. */
static int expand(struct collector *c, const char *pattern)
{
	const char *star = strchr(pattern, '*'), *slash, *rest;
	char *dir, **names;
	size_t n;
	int ret = 0;

	if (!star)
		return take(c, pattern);
	for (slash = star; slash > pattern && *slash != '/'; slash--)
		;
	rest = star + 1;
	dir = str_ndup(pattern, slash - pattern);
	if (!dir)
		return err_set(c->err, ENOMEM, "out of memory");
	names = mtree_names(c->tree, dir, &n);
	for (size_t i = 0; i < n && !ret; i++) {
		size_t pre = star - slash - 1;
		char *path;

		if (strncmp(names[i], slash + 1, pre))
			continue;
		path = str_printf("%s/%s%s", dir, names[i], rest);
		ret = path ? expand(c, path) : err_set(c->err, ENOMEM, "out of memory");
		mem_free(path);
	}
	mtree_names_free(names, n);
	mem_free(dir);
	return ret;
}

static int collect_all(struct collector *c)
{
	char line[16];
	int ret = 0;

	if (str_eq(mtree_line(c->tree, "sys/devices/jailhouse/enabled", line, sizeof(line)), "1"))
		return err_set(c->err, EBUSY, "Jailhouse is enabled: what Linux sees is not the whole machine; disable it first");
	for (int i = 0; patterns[i] && !ret; i++)
		ret = expand(c, patterns[i]);
	if (!ret && !c->files)
		ret = err_set(c->err, ENOENT, "no file of a machine is there");
	if (!ret && !c->list)
		ret = strbuf_failed(&c->manifest) ? err_set(c->err, ENOMEM, "out of memory") :
			put_file(c, "MANIFEST", (const u8 *)c->manifest.s, c->manifest.len);
	return ret || c->list ? ret : sink_zero(c->out, 2 * BLOCK, c->err);
}

static int collect(void *args, const struct opt_call *call)
{
	struct err err = ERR_INIT;
	struct collector c = { .manifest = STRBUF_INIT, .err = &err };
	struct sink_fd sink;
	A *a = args;
	int ret, fd = STDOUT_FILENO;

	(void)call;
	c.list = a->list;
	c.out = &sink.sink;
	if (!a->list && !a->out) {
		err_set(&err, EINVAL, "where to? FILE is missing");
		return cg_fail(&err);
	}
	c.tree = mtree_open(a->root, &err);
	if (!c.tree)
		return cg_fail(&err);
	if (!a->list && !str_eq(a->out, "-"))
		fd = open(a->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		ret = err_errno(&err, errno, "%s", a->out);
	} else {
		sink_fd_init(&sink, fd, a->list ? "-" : a->out);
		ret = collect_all(&c);
		if (!ret && !a->list)
			ret = sink_fd_finish(&sink, &err);
		if (fd != STDOUT_FILENO && close(fd) && !ret)
			ret = err_errno(&err, errno, "%s", a->out);
	}
	if (!ret && !a->list && str_eq(a->root, "/") && geteuid())
		fprintf(stderr, "cellgen: without root the kernel hides addresses and ACPI tables; collect as root\n");
	strbuf_free(&c.manifest);
	mtree_close(c.tree);
	return ret ? cg_fail(&err) : CG_OK;
}

static void defaults(void *args)
{
	((A *)args)->root = "/";
}

static const struct opt opts[] = {
	OPT_STR('r', "root", "ROOT", A, root, "collect from this folder or archive (default: /)", .complete = OPT_COMP_FILE),
	OPT_FLAG('l', "list", A, list, "print the names of the files, and write nothing"),
	OPERAND_OPT("FILE", A, out, "the tar archive to write; '-': standard output"),
	OPT_END
};

const struct opt_cmd cellgen_cmd_collect = {
	.name = "collect", .summary = "put what describes this machine into a tar archive",
	.description = "Archives the files of /proc and /sys that create and validate read, with their SHA-256 in MANIFEST. Needs root: "
	"others see no addresses. Archives and folders made by Jailhouse's own collector are read by --root as well.",
	.opts = opts, .args_size = sizeof(A), .defaults = defaults, .run = collect,
};
