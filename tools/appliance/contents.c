// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an appliance's root file system holds besides modules: the binary as
 * /bin/vmbox with a link for each applet, /init, a few files of /etc, two
 * device nodes for the time before devtmpfs, and Busybox when it is asked for.
 */
#include "appliance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "applet.h"
#include "bytes.h"

static const struct { const char *name; u32 mode; } dirs[] = {
	{ "bin", 0755 }, { "dev", 0755 }, { "etc", 0755 }, { "lib", 0755 }, { "mnt", 0755 },
	{ "proc", 0555 }, { "root", 0700 }, { "run", 0755 }, { "sys", 0555 }, { "tmp", 01777 },
	{ "usr", 0755 }, { "var", 0755 },
};

static const struct { const char *name, *target; } links[] = {
	{ "init", "bin/vmbox" }, { "sbin", "bin" }, { "usr/bin", "../bin" },
	{ "usr/sbin", "../bin" }, { "var/run", "../run" }, { "var/tmp", "../tmp" },
};

static const struct { const char *name; u32 mode, major, minor; } nodes[] = {
	{ "dev/console", S_IFCHR | 0600, 5, 1 },
	{ "dev/null", S_IFCHR | 0666, 1, 3 },
};

static const struct { const char *name, *text; } files[] = {
	{ "etc/passwd", "root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n" },
	{ "etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n" },
	{ "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n" },
	{ "etc/os-release", "NAME=vmbox\nID=vmbox\nPRETTY_NAME=\"vmbox appliance\"\n" },
};

int kernel_release(const struct bytes *k, char *out, struct err *err)
{
	size_t at, n;

	/* Documentation/arch/x86/boot.rst: "HdrS" at 0x202, kernel_version at 0x20e. */
	if (k->len < 0x1000 || get_le16(k->data + 0x1fe) != 0xaa55 ||
	    memcmp(k->data + 0x202, "HdrS", 4))
		return err_set(err, EINVAL, "not a Linux kernel for x86 (bzImage)");
	at = get_le16(k->data + 0x20e) + 0x200;
	if (at == 0x200 || at >= k->len)
		return err_set(err, EINVAL, "a kernel that does not say its release");
	n = MIN(k->len - at, (size_t)127);
	memcpy(out, k->data + at, n);
	out[n] = '\0';
	out[strcspn(out, " ")] = '\0';
	/* It becomes the name of a folder. */
	if (!*out || strchr(out, '/') || !strcmp(out, ".."))
		return err_set(err, EINVAL, "a kernel with a strange release");
	return 0;
}

struct link_ctx {
	struct tree *t;
	const char *target;
	struct err *err;
	int rc;
};

static void add_link(struct link_ctx *c, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "bin/%.255s", name);
	if (!c->rc && *name && !strchr(name, '/') && !tree_has(c->t, path))
		c->rc = tree_slink(c->t, path, c->target, c->err);
}

static void add_applet(void *ctx, const struct applet *a, const char *name)
{
	(void)a;
	add_link(ctx, name);
}

/* Links for the names that "program --list" prints. */
static int add_listed(struct link_ctx *c, const char *program)
{
	char name[256], command[4200];
	FILE *f;

	if (strchr(program, '\''))
		return err_set(c->err, EINVAL, "%s: a quote in the name", program);
	snprintf(command, sizeof(command), "'%s' --list 2>/dev/null", program);
	f = popen(command, "re");
	if (!f)
		return err_errno(c->err, errno, "%s", program);
	while (fgets(name, sizeof(name), f)) {
		name[strcspn(name, " \n")] = '\0';
		add_link(c, name);
	}
	if (pclose(f) && !c->rc)
		return err_set(c->err, EIO, "%s: cannot list its applets", program);
	return c->rc;
}

static int add_binary(struct tree *t, const struct appliance *a, struct err *err)
{
	const char *path = a->binary ? a->binary : "/proc/self/exe";
	struct link_ctx c = { t, "vmbox", err, 0 };
	struct bytes b;
	int rc = file_read(path, &b, err);

	if (rc)
		return rc;
	rc = tree_file(t, "bin/vmbox", 0755, b.data, b.len, err);
	free(b.data);
	if (rc)
		return rc;
	if (a->binary)
		return add_listed(&c, a->binary);
	applet_foreach(true, add_applet, &c);
	return c.rc;
}

static int add_busybox(struct tree *t, const char *path, struct err *err)
{
	struct link_ctx c = { t, "busybox", err, 0 };
	struct bytes b;
	int rc = file_read(path, &b, err);

	if (rc)
		return rc;
	rc = tree_file(t, "bin/busybox", 0755, b.data, b.len, err);
	free(b.data);
	return rc ? rc : add_listed(&c, path);
}

/* /etc/modules: one a line, with no "?" (what may be missing is not a must). */
static int add_load_list(struct tree *t, const char *list, struct err *err)
{
	char *text = calloc(1, strlen(list) + 2), *p = text;
	int rc;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	while (*(list += strspn(list, " \t\n,"))) {
		size_t n = strcspn(list, " \t\n,");

		memcpy(p, list, n);
		p += n - (list[n - 1] == '?');
		*p++ = '\n';
		*p = '\0';
		list += n;
	}
	rc = tree_text(t, "etc/modules", text, err);
	free(text);
	return rc;
}

static int add_hostname(struct tree *t, const char *name, struct err *err)
{
	char line[80];

	snprintf(line, sizeof(line), "%.64s\n", name);
	return tree_text(t, "etc/hostname", line, err);
}

int contents_add(struct tree *t, const struct appliance *a, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !rc; i++)
		rc = tree_dir(t, dirs[i].name, dirs[i].mode, err);
	for (size_t i = 0; i < ARRAY_SIZE(links) && !rc; i++)
		rc = tree_slink(t, links[i].name, links[i].target, err);
	for (size_t i = 0; i < ARRAY_SIZE(nodes) && !rc; i++)
		rc = tree_node(t, nodes[i].name, nodes[i].mode, nodes[i].major, nodes[i].minor, err);
	for (size_t i = 0; i < ARRAY_SIZE(files) && !rc; i++)
		rc = tree_text(t, files[i].name, files[i].text, err);
	if (!rc)
		rc = add_hostname(t, a->hostname, err);
	if (!rc)
		rc = add_load_list(t, a->load_list, err);
	if (!rc)
		rc = add_binary(t, a, err);
	if (!rc && a->busybox)
		rc = add_busybox(t, a->busybox, err);
	return rc;
}
