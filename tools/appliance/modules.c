// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel modules for an appliance: picks those of a list and what they depend
 * on (the "depends" strings of their .modinfo sections; no depmod needed), and
 * writes modules.dep, modules.alias and modules.devname for those alone, in
 * depmod's text forms.
 */
#include "appliance.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "bytes.h"
#include "str.h"

#define MODULES_MAX 20000	/* files in a modules folder */
#define FOLDER_DEPTH_MAX 20

struct module {
	char *path;		/* below the modules folder: "kernel/net/9p/9pnet.ko" */
	struct bytes file;	/* read when it is picked */
	struct bytes info;	/* its .modinfo, in file */
	bool picked, planned;
};

struct modules {
	char dir[4096];
	struct module *v;
	size_t n;
	size_t *order;		/* picked ones, dependencies first */
	size_t n_order;
	char *builtin;		/* modules.builtin */
};

static void modules_free(struct modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].path);
		free(m->v[i].file.data);
	}
	free(m->v);
	free(m->order);
	free(m->builtin);
}

/* ---- the folder ---- */

static bool is_module(const char *name)
{
	return str_ends(name, ".ko") || str_ends(name, ".ko.xz") || str_ends(name, ".ko.zst") ||
	       str_ends(name, ".ko.gz");
}

static int add_module(struct modules *m, const char *path, struct err *err)
{
	struct module *v;

	if (m->n == MODULES_MAX)
		return err_set(err, E2BIG, "%s: too many modules", m->dir);
	v = realloc(m->v, (m->n + 1) * sizeof(*v));
	if (!v)
		return err_set(err, ENOMEM, "out of memory");
	m->v = v;
	v[m->n] = (struct module){ .path = strdup(path) };
	if (!v[m->n].path)
		return err_set(err, ENOMEM, "out of memory");
	m->n++;
	return 0;
}

static int scan(struct modules *m, const char *below, int depth, struct err *err)
{
	char path[8192], name[4096];
	struct dirent *ent;
	struct stat st;
	int rc = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", m->dir, below);
	d = opendir(path);
	if (!d)
		return err_errno(err, errno, "%s", path);
	while (!rc && (ent = readdir(d))) {
		if (ent->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", below, ent->d_name);
		snprintf(path, sizeof(path), "%s/%s", m->dir, name);
		if (lstat(path, &st))
			rc = err_errno(err, errno, "%s", path);
		else if (S_ISDIR(st.st_mode) && depth < FOLDER_DEPTH_MAX)
			rc = scan(m, name, depth + 1, err);
		else if (S_ISREG(st.st_mode) && is_module(ent->d_name))
			rc = add_module(m, name, err);
	}
	closedir(d);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->path, ((const struct module *)b)->path);
}

/* DIR is a release's folder, or has it as RELEASE or lib/modules/RELEASE. */
static int find_dir(struct modules *m, const struct appliance *a, struct err *err)
{
	char path[sizeof(m->dir) + 16];
	struct stat st;

	for (int i = 0; i < 3; i++) {
		if (i == 2)
			snprintf(m->dir, sizeof(m->dir), "%s", a->modules);
		else
			snprintf(m->dir, sizeof(m->dir), i ? "%s/%s" : "%s/lib/modules/%s",
				 a->modules, a->release);
		snprintf(path, sizeof(path), "%s/kernel", m->dir);
		/* The folder itself counts only by its name: /etc has a kernel/ too. */
		if (!stat(path, &st) && S_ISDIR(st.st_mode) && str_ends(m->dir, a->release))
			return 0;
	}
	return err_set(err, ENOENT, "%s: no modules for kernel %s", a->modules, a->release);
}

/* ---- one module ---- */

/* Finds the section .modinfo of a 64-bit ELF file; all sizes are checked. */
static int find_modinfo(struct module *m, struct err *err)
{
	const u8 *p = m->file.data;
	size_t len = m->file.len, n, names;
	Elf64_Ehdr eh;
	Elf64_Shdr sh;

	if (len < sizeof(eh) || memcmp(p, ELFMAG "\2\1", 6))
		goto bad;
	memcpy(&eh, p, sizeof(eh));
	n = eh.e_shnum;
	if (eh.e_shentsize != sizeof(sh) || eh.e_shoff > len || n > (len - eh.e_shoff) / sizeof(sh) ||
	    eh.e_shstrndx >= n)
		goto bad;
	memcpy(&sh, p + eh.e_shoff + eh.e_shstrndx * sizeof(sh), sizeof(sh));
	if (sh.sh_offset > len || sh.sh_size > len - sh.sh_offset)
		goto bad;
	names = sh.sh_offset;
	for (size_t i = 0; i < n; i++) {
		memcpy(&sh, p + eh.e_shoff + i * sizeof(sh), sizeof(sh));
		if (sh.sh_name > len - names || len - names - sh.sh_name < 9 ||
		    memcmp(p + names + sh.sh_name, ".modinfo", 9))
			continue;
		if (sh.sh_offset > len || sh.sh_size > len - sh.sh_offset || !sh.sh_size ||
		    p[sh.sh_offset + sh.sh_size - 1])
			goto bad;
		m->info = (struct bytes){ m->file.data + sh.sh_offset, sh.sh_size };
		return 0;
	}
bad:
	return err_set(err, EINVAL, "%s: not a kernel module", m->path);
}

/* The next value of key ("alias=") in the module's strings; *at is where to go on. */
static const char *info_next(const struct module *m, const char *key, size_t *at)
{
	while (*at < m->info.len) {
		const char *s = (const char *)m->info.data + *at, *value;

		*at += strlen(s) + 1;
		if (str_starts(s, key, &value))
			return value;
	}
	return NULL;
}

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

/* True when path's file is the module [name, name + n). */
static bool is_named(const char *path, const char *name, size_t n)
{
	const char *base = strrchr(path, '/');
	size_t i = 0;

	base = base ? base + 1 : path;
	while (i < n && fold(base[i]) == fold(name[i]))
		i++;
	return i == n && base[i] == '.';
}

static struct module *find_module(struct modules *m, const char *name, size_t n)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_named(m->v[i].path, name, n))
			return &m->v[i];
	return NULL;
}

static bool is_builtin(const struct modules *m, const char *name, size_t n)
{
	for (const char *p = m->builtin; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		if (is_named(line, name, n))
			return true;
	}
	return false;
}

/* ---- picking ---- */

static int pick(struct modules *m, const char *name, size_t n, struct err *err);

static int pick_depends(struct modules *m, const struct module *mod, struct err *err)
{
	size_t at = 0;
	const char *list = info_next(mod, "depends=", &at);
	int rc = 0;

	while (list && *list && !rc) {
		size_t n = strcspn(list, ",");

		if (n)
			rc = pick(m, list, n, err);
		list += n + (list[n] == ',');
	}
	return rc;
}

static int pick(struct modules *m, const char *name, size_t n, struct err *err)
{
	struct module *mod = find_module(m, name, n);
	char path[8192];
	int rc;

	if (!mod)
		return is_builtin(m, name, n) ? 0 :
		       err_set(err, ENOENT, "%.*s: the kernel has no such module", (int)n, name);
	if (mod->picked)
		return 0;
	mod->picked = true;
	snprintf(path, sizeof(path), "%s/%s", m->dir, mod->path);
	rc = file_read(path, &mod->file, err);
	if (!rc)
		rc = find_modinfo(mod, err);
	if (!rc)
		rc = pick_depends(m, mod, err);
	if (!rc)
		m->order[m->n_order++] = mod - m->v;
	return rc;
}

/* Words of list; "name?" may be missing from the kernel. */
static int pick_list(struct modules *m, const char *list, struct err *err)
{
	while (*(list += strspn(list, " \t\n,"))) {
		size_t n = strcspn(list, " \t\n,");
		bool maybe = list[n - 1] == '?';
		struct err mine = ERR_INIT;
		int rc = pick(m, list, n - maybe, &mine);

		if (rc && !(maybe && rc == -ENOENT))
			return err_set(err, -rc, "%s", mine.msg);
		list += n;
	}
	return 0;
}

/* ---- the index ---- */

/* Path as it is in the image: unpacked. */
static int image_path(const char *path)
{
	return strstr(path, ".ko") + 3 - path;
}

/* Marks what mod needs, near and far. Modules do not depend on each other in circles. */
static void plan_depends(struct modules *m, const struct module *mod)
{
	size_t at = 0;
	const char *list = info_next(mod, "depends=", &at);

	while (list && *list) {
		size_t n = strcspn(list, ",");
		struct module *dep = find_module(m, list, n);

		if (dep && dep->picked && !dep->planned) {
			dep->planned = true;
			plan_depends(m, dep);
		}
		list += n + (list[n] == ',');
	}
}

static void put_dep_line(struct modules *m, const struct module *mod, struct strbuf *out)
{
	for (size_t i = 0; i < m->n; i++)
		m->v[i].planned = false;
	plan_depends(m, mod);
	strbuf_printf(out, "%.*s:", image_path(mod->path), mod->path);
	/* Loaders go from the end of the line: what all others need comes last. */
	for (size_t i = m->n_order; i-- > 0;) {
		const struct module *dep = &m->v[m->order[i]];

		if (dep->planned)
			strbuf_printf(out, " %.*s", image_path(dep->path), dep->path);
	}
	strbuf_putc(out, '\n');
}

static void put_module_name(const struct module *mod, struct strbuf *out)
{
	const char *base = strrchr(mod->path, '/');

	for (base = base ? base + 1 : mod->path; *base && *base != '.'; base++)
		strbuf_putc(out, fold(*base));
}

static void put_aliases(const struct module *mod, struct strbuf *out)
{
	const char *alias;
	size_t at = 0;

	while ((alias = info_next(mod, "alias=", &at))) {
		strbuf_printf(out, "alias %s ", alias);
		put_module_name(mod, out);
		strbuf_putc(out, '\n');
	}
}

/* Device files that exist before their driver: "tun net/tun c10:200". */
static void put_devname(const struct module *mod, struct strbuf *out)
{
	const char *alias, *name = NULL;
	unsigned major = 0, minor = 0, a, b;
	char type = 0;
	size_t at = 0;

	while ((alias = info_next(mod, "alias=", &at))) {
		bool is_char = sscanf(alias, "char-major-%u-%u", &a, &b) == 2;

		str_starts(alias, "devname:", &name);
		if (!is_char && sscanf(alias, "block-major-%u-%u", &a, &b) != 2)
			continue;
		type = is_char ? 'c' : 'b';
		major = a;
		minor = b;
	}
	if (!name || !type)
		return;
	put_module_name(mod, out);
	strbuf_printf(out, " %s %c%u:%u\n", name, type, major, minor);
}

static int add_index(struct modules *m, struct tree *t, const char *base, struct err *err)
{
	struct strbuf dep = STRBUF_INIT, alias = STRBUF_INIT, devname = STRBUF_INIT;
	const struct { const char *name; struct strbuf *text; } files[] = {
		{ "modules.dep", &dep }, { "modules.alias", &alias }, { "modules.devname", &devname },
	};
	char name[600];
	int rc = 0;

	for (size_t i = 0; i < m->n_order; i++) {
		const struct module *mod = &m->v[m->order[i]];

		put_dep_line(m, mod, &dep);
		put_aliases(mod, &alias);
		put_devname(mod, &devname);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files) && !rc; i++) {
		snprintf(name, sizeof(name), "%s/%s", base, files[i].name);
		rc = strbuf_failed(files[i].text) ? err_set(err, ENOMEM, "out of memory") :
		     tree_text(t, name, files[i].text->s, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		strbuf_free(files[i].text);
	snprintf(name, sizeof(name), "%s/modules.builtin", base);
	if (!rc && m->builtin)
		rc = tree_text(t, name, m->builtin, err);
	return rc;
}

static int add_files(struct modules *m, struct tree *t, const char *base, struct err *err)
{
	char name[4096];
	int rc = 0;

	for (size_t i = 0; i < m->n_order && !rc; i++) {
		const struct module *mod = &m->v[m->order[i]];

		snprintf(name, sizeof(name), "%s/%.*s", base, image_path(mod->path), mod->path);
		rc = tree_file(t, name, 0644, mod->file.data, mod->file.len, err);
	}
	return rc;
}

static int modules_open(struct modules *m, const struct appliance *a, struct err *err)
{
	struct bytes builtin;
	char path[sizeof(m->dir) + 32];
	int rc = find_dir(m, a, err);

	if (!rc)
		rc = scan(m, "kernel", 0, err);
	if (rc)
		return rc;
	/* The order of a folder is the file system's: ours is that of names. */
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), by_path);
	m->order = calloc(m->n + 1, sizeof(*m->order));
	if (!m->order)
		return err_set(err, ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "%s/modules.builtin", m->dir);
	if (file_read(path, &builtin, NULL))
		return 0;
	m->builtin = strndup((char *)builtin.data, builtin.len);
	free(builtin.data);
	return m->builtin ? 0 : err_set(err, ENOMEM, "out of memory");
}

int modules_add(struct tree *t, const struct appliance *a, struct err *err)
{
	struct modules m = { .dir = "" };
	char base[160];
	int rc = modules_open(&m, a, err);

	snprintf(base, sizeof(base), "lib/modules/%.127s", a->release);
	if (!rc)
		rc = pick_list(&m, a->load_list, err);
	if (!rc)
		rc = pick_list(&m, a->more_modules, err);
	if (!rc)
		rc = pick_list(&m, a->module_list, err);
	if (!rc)
		rc = add_files(&m, t, base, err);
	if (!rc)
		rc = add_index(&m, t, base, err);
	modules_free(&m);
	return rc;
}
