// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a Linux system needs before its first shell: kernel file systems,
 * device nodes, host name, loopback; and the options of the kernel's command
 * line that are ours.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "str.h"

static const struct init_mount {
	const char *type, *dir, *data;
	unsigned long flags;
} mounts[] = {
	{ "devtmpfs", "/dev",	  "mode=0755", MS_NOSUID },
	{ "proc",     "/proc",	  NULL,	       MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "sysfs",    "/sys",	  NULL,	       MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "devpts",   "/dev/pts", "gid=5,mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs",    "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "tmpfs",    "/run",	  "mode=0755", MS_NOSUID | MS_NODEV },
	{ "tmpfs",    "/tmp",	  "mode=1777", MS_NOSUID | MS_NODEV },
};

/* For kernels without devtmpfs. */
static const struct init_node {
	const char *path;
	mode_t mode;
	u32 major, minor;
} nodes[] = {
	{ "/dev/console", S_IFCHR | 0600, 5, 1 },
	{ "/dev/tty",	  S_IFCHR | 0666, 5, 0 },
	{ "/dev/ptmx",	  S_IFCHR | 0666, 5, 2 },
	{ "/dev/null",	  S_IFCHR | 0666, 1, 3 },
	{ "/dev/zero",	  S_IFCHR | 0666, 1, 5 },
	{ "/dev/random",  S_IFCHR | 0666, 1, 8 },
	{ "/dev/urandom", S_IFCHR | 0666, 1, 9 },
	{ "/dev/kmsg",	  S_IFCHR | 0644, 1, 11 },
	{ "/dev/ttyS0",	  S_IFCHR | 0620, 4, 64 },
	{ "/dev/ttyS1",	  S_IFCHR | 0620, 4, 65 },
	{ "/dev/tty1",	  S_IFCHR | 0620, 4, 1 },
	{ "/dev/hvc0",	  S_IFCHR | 0620, 229, 0 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd",   "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
	{ "/proc/mounts",    "/etc/mtab" },
};

static void make_node(const struct init_node *n)
{
	mknod(n->path, n->mode, makedev(n->major, n->minor));
	chmod(n->path, n->mode & 0777);
}

static void make_parent(const char *path)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	mkdir(dir, 0755);
}

/*
 * Device files whose opening loads their driver: the kernel makes them only
 * when the driver is there. "MODULE NAME cMAJOR:MINOR" a line, as depmod
 * writes it.
 */
static void make_module_nodes(void)
{
	char module[64], name[64], path[128];
	unsigned major, minor;
	struct utsname u;
	char type;
	FILE *f;

	uname(&u);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.devname", u.release);
	f = fopen(path, "re");
	while (f && fscanf(f, "%63s %63s %c%u:%u", module, name, &type, &major, &minor) == 5) {
		struct init_node n = { path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600,
				       major, minor };

		snprintf(path, sizeof(path), "/dev/%s", name);
		if (strchr(name, '/'))
			make_parent(path);
		make_node(&n);
	}
	if (f)
		fclose(f);
}

void init_mounts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct init_mount *m = &mounts[i];

		mkdir(m->dir, 0755);
		/* EBUSY: somebody before us (the kernel, another init) mounted it. */
		if (!mount(m->type, m->dir, m->type, m->flags, m->data) || errno == EBUSY)
			continue;
		init_say("%s on %s: %s", m->type, m->dir, strerror(errno));
		for (size_t k = 0; k < ARRAY_SIZE(nodes) && !i; k++)
			make_node(&nodes[k]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			init_say("%s: %s", links[i][1], strerror(errno));
	make_module_nodes();
}

/* The next word of a command line, without its quotes; false at the end. */
static bool next_word(const char **p, char *out, size_t size)
{
	bool quoted = false;
	size_t n = 0;

	*p += strspn(*p, " \t\n");
	if (!**p)
		return false;
	for (; **p && (quoted || !strchr(" \t\n", **p)); ++*p) {
		if (**p == '"')
			quoted = !quoted;
		else if (n < size - 1)
			out[n++] = **p;
	}
	out[n] = '\0';
	return true;
}

void init_options(struct init *in, const char *cmdline)
{
	const struct { const char *key; char *to; size_t size; } keys[] = {
		{ "vmbox.run=",	     in->run,	   sizeof(in->run) },
		{ "vmbox.shell=",    in->shell,	   sizeof(in->shell) },
		{ "vmbox.hostname=", in->hostname, sizeof(in->hostname) },
		{ "vmbox.modules=",  in->modules,  sizeof(in->modules) },
	};
	char word[2048];

	while (next_word(&cmdline, word, sizeof(word))) {
		const char *value;

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (str_starts(word, keys[i].key, &value))
				snprintf(keys[i].to, keys[i].size, "%s", value);
		if (!strcmp(word, "vmbox.debug"))
			in->debug = true;
	}
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;		/* a kernel without network */
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		init_say("lo: %s", strerror(errno));
	close(fd);
}

void init_system(const struct init *in)
{
	char name[65];

	snprintf(name, sizeof(name), "%s", in->hostname);
	if (!*name && init_read("/etc/hostname", name, sizeof(name)) <= 0)
		snprintf(name, sizeof(name), "vmbox");
	if (sethostname(name, strlen(name)))
		init_say("hostname: %s", strerror(errno));
	loopback_up();
	mkdir("/run/lock", 01777);
}
