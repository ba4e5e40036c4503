// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Modules and hot plugging: the image's list, what the devices that are there
 * ask for, what is plugged in later (the kernel's uevents), and the power
 * button, which Linux shows as an input device with a power key.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/input.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "str.h"

static void load(struct init *in, const char *name, const char *params, bool must)
{
	struct err err = ERR_INIT;
	int rc = kmod_load(in->kmod, name, params, &err);

	if (rc > 0)
		init_debug(in, "loaded %s", name);
	else if (rc < 0 && (must || rc != -ENOENT))
		init_say("%s", err.msg);
}

/* "NAME PARAMETERS" a line; # begins a remark. */
static void load_list(struct init *in)
{
	char line[256];
	FILE *f = fopen("/etc/modules", "re");

	while (f && fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " \t"), *params;

		name[strcspn(name, "#\n")] = '\0';
		params = name + strcspn(name, " \t");
		if (*params)
			*params++ = '\0';
		if (*name)
			load(in, name, params, true);
	}
	if (f)
		fclose(f);
}

/* Loads for each device that is there. Returns how many devices were seen. */
static size_t load_present(struct init *in)
{
	static const char *const where[] = {
		"/sys/bus/*/devices/*/modalias", "/sys/class/input/input*/modalias",
	};
	char alias[512];
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(where); k++) {
		glob_t g;

		if (glob(where[k], GLOB_NOSORT, NULL, &g))
			continue;
		for (size_t i = 0; i < g.gl_pathc; i++)
			if (init_read(g.gl_pathv[i], alias, sizeof(alias)) > 0)
				load(in, alias, NULL, false);
		n += g.gl_pathc;
		globfree(&g);
	}
	return n;
}

void init_modules(struct init *in)
{
	struct err err = ERR_INIT;
	size_t seen = 0, n;
	char *p = in->modules;

	in->kmod = kmod_open(NULL, &err);
	if (!in->kmod) {
		init_debug(in, "%s", err.msg);
		return;
	}
	load_list(in);
	for (char *name; (name = strsep(&p, ","));)
		if (*name)
			load(in, name, NULL, true);
	/* A bus driver brings new devices (virtio-pci does); four levels are plenty. */
	for (int i = 0; i < 4; i++) {
		n = load_present(in);
		if (n == seen)
			break;
		seen = n;
	}
}

static bool has_power_key(int fd)
{
	u8 bits[KEY_MAX / 8 + 1] = { 0 };

	if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(bits)), bits) < 0)
		return false;
	return bits[KEY_POWER / 8] & 1 << KEY_POWER % 8;
}

static bool key_known(const struct init *in, const char *path)
{
	char now[64], link[32];

	for (size_t i = 0; i < ARRAY_SIZE(in->keys); i++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", in->keys[i]);
		n = in->keys[i] < 0 ? -1 : readlink(link, now, sizeof(now) - 1);
		if (n > 0 && !strncmp(now, path, n) && !path[n])
			return true;
	}
	return false;
}

static void open_key(struct init *in, const char *path)
{
	size_t i = 0;
	int fd;

	while (i < ARRAY_SIZE(in->keys) && in->keys[i] >= 0)
		i++;
	if (i == ARRAY_SIZE(in->keys) || key_known(in, path))
		return;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (has_power_key(fd)) {
		init_debug(in, "%s has a power key", path);
		in->keys[i] = fd;
	} else {
		close(fd);
	}
}

static void open_keys(struct init *in)
{
	glob_t g;

	if (glob("/dev/input/event*", GLOB_NOSORT, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		open_key(in, g.gl_pathv[i]);
	globfree(&g);
}

void init_hotplug_open(struct init *in)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);
	int size = MiB;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		fd = -1;
	}
	/* Loading modules at the start makes a burst of events. */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	in->uevents = fd;
	open_keys(in);
}

/* One event: "add@/devices/...", then KEY=VALUE strings, each with its NUL. */
static void handle_uevent(struct init *in, const char *buf, const char *end, bool *input)
{
	const char *alias = NULL;

	for (const char *p = buf; p < end; p += strlen(p) + 1) {
		str_starts(p, "MODALIAS=", &alias);
		if (!strcmp(p, "SUBSYSTEM=input"))
			*input = true;
	}
	if (alias && in->kmod && str_starts(buf, "add@", NULL))
		load(in, alias, NULL, false);
}

void init_uevent(struct init *in)
{
	bool input = false;
	char buf[8192];
	ssize_t n;

	/* ENOBUFS: events were lost; what is there now tells as much. */
	while ((n = recv(in->uevents, buf, sizeof(buf) - 1, 0)) > 0 || (n < 0 && errno == ENOBUFS)) {
		if (n < 0 && in->kmod)
			load_present(in);
		input |= n < 0;
		if (n > 0) {
			buf[n] = '\0';
			handle_uevent(in, buf, buf + n, &input);
		}
	}
	if (input)
		open_keys(in);
}

void init_key(struct init *in, int index)
{
	struct input_event ev;
	ssize_t n;

	while ((n = read(in->keys[index], &ev, sizeof(ev))) == sizeof(ev))
		if (ev.type == EV_KEY && ev.code == KEY_POWER && ev.value == 1) {
			init_say("power button");
			in->action = INIT_POWEROFF;
		}
	if (n >= 0 || errno != EAGAIN) {
		close(in->keys[index]);		/* the device went away */
		in->keys[index] = -1;
	}
}
