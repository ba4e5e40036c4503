// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet mount: mounts one file system, or lists what is mounted. Without -t
 * it tries the block file systems that the kernel knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#include "str.h"
#include "util.h"

struct mount_args {
	const char *type, *device, *dir;
	bool read_only, bind;
	struct opt_list options;
	/* from -o: */
	unsigned long flags;
	bool loop;
	struct strbuf data;
};

static const struct { const char *name; unsigned long set, clear; } flags[] = {
	{ "ro", MS_RDONLY, 0 }, { "rw", 0, MS_RDONLY }, { "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID }, { "nodev", MS_NODEV, 0 }, { "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 }, { "exec", 0, MS_NOEXEC }, { "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS }, { "remount", MS_REMOUNT, 0 },
	{ "noatime", MS_NOATIME, 0 }, { "relatime", MS_RELATIME, 0 }, { "bind", MS_BIND, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 }, { "move", MS_MOVE, 0 },
	{ "private", MS_PRIVATE, 0 }, { "shared", MS_SHARED, 0 }, { "defaults", 0, 0 },
};

static void take_option(struct mount_args *args, const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strlen(flags[i].name) == n && !memcmp(flags[i].name, name, n)) {
			args->flags = (args->flags & ~flags[i].clear) | flags[i].set;
			return;
		}
	if (n == 4 && !memcmp(name, "loop", 4)) {
		args->loop = true;
		return;
	}
	if (args->data.len)
		strbuf_putc(&args->data, ',');
	strbuf_add(&args->data, name, n);
}

static void take_options(struct mount_args *args)
{
	args->flags = (args->read_only ? MS_RDONLY : 0) | (args->bind ? MS_BIND : 0);
	for (size_t i = 0; i < args->options.n; i++)
		for (const char *p = args->options.v[i].val; *p; p += *p == ',') {
			size_t n = strcspn(p, ",");

			take_option(args, p, n);
			p += n;
		}
}

/* Puts a file behind a loop device that goes away with the last user: its descriptor, -1 (said). */
static int loop_setup(const char *path, bool read_only, char dev[32])
{
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR |
				      (read_only ? LO_FLAGS_READ_ONLY : 0) };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), file, fd, n;

	if (control < 0)
		return -util_fail("/dev/loop-control");
	n = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(dev, 32, "/dev/loop%d", n);
	file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file < 0)
		return -util_fail(path);
	config.fd = file;
	fd = n < 0 ? -1 : open(dev, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config)) {
		util_fail(dev);
		close(file);
		return -1;
	}
	close(file);
	return fd;	/* open until it is mounted */
}

/* One type on trial. True: done with trying; *e is the error so far worth telling. */
static bool try_type(const struct mount_args *args, const char *device, const char *type, int *e)
{
	if (!mount(device, args->dir, type, args->flags, args->data.s))
		*e = 0;
	else if (errno != EINVAL && errno != ENODEV)
		*e = errno;
	return !*e || *e == ENOENT || *e == EACCES || *e == EPERM || *e == EBUSY;
}

/* The types that the kernel has, then those that it may have as modules. */
static int try_types(const struct mount_args *args, const char *device)
{
	static const char *const modules[] = {
		"vfat", "iso9660", "squashfs", "ext4", "xfs", "btrfs", "exfat", "erofs", "f2fs", "udf",
	};
	FILE *f = fopen("/proc/filesystems", "re");
	bool over = false;
	int e = EINVAL;
	char line[128];

	while (f && !over && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		/* "nodev": not for block devices */
		over = line[0] == '\t' && try_type(args, device, line + 1, &e);
	}
	if (f)
		fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(modules) && !over; i++)
		over = try_type(args, device, modules[i], &e);
	errno = e;
	return e ? -1 : 0;
}

static int do_mount(struct mount_args *args)
{
	const char *device = args->device;
	unsigned long plain = MS_BIND | MS_MOVE | MS_REMOUNT | MS_PRIVATE | MS_SHARED;
	char dev[32];
	int loop = -1, rc;

	if (args->loop) {
		loop = loop_setup(device, args->flags & MS_RDONLY, dev);
		if (loop < 0)
			return 1;
		device = dev;
	}
	if (args->type || (args->flags & plain))
		rc = mount(device, args->dir, args->type, args->flags, args->data.s);
	else
		rc = try_types(args, device);
	if (rc)
		rc = util_fail(args->dir);
	/* A bind mount takes its flags only when it is mounted again. */
	else if ((args->flags & MS_BIND) && (args->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)))
		rc = mount(NULL, args->dir, NULL, args->flags | MS_REMOUNT, NULL) ? util_fail(args->dir) : 0;
	if (loop >= 0)
		close(loop);
	return rc;
}

static int list(void)
{
	FILE *f = fopen("/proc/mounts", "re");
	char device[512], dir[512], type[64], options[1024];

	if (!f)
		return util_fail("/proc/mounts");
	while (fscanf(f, "%511s %511s %63s %1023s %*d %*d", device, dir, type, options) == 4)
		printf("%s on %s type %s (%s)\n", device, dir, type, options);
	fclose(f);
	return 0;
}

static int mount_run(void *p, const struct opt_call *call)
{
	struct mount_args *args = p;
	struct err err = ERR_INIT;
	int rc;

	(void)call;
	if (!args->device)
		return list();
	strbuf_init(&args->data);
	take_options(args);
	if (!args->dir && (args->flags & MS_REMOUNT)) {
		args->dir = args->device;
		args->device = "none";
	}
	if (!args->dir) {
		err_set(&err, EINVAL, "where to? DEVICE DIR");
		err_report(&err);
		return 2;
	}
	rc = do_mount(args);
	strbuf_free(&args->data);
	return rc;
}

#define A struct mount_args
static const struct opt mount_opts[] = {
	OPT_STR('t', "types", "TYPE", A, type, "type of the file system; default: tries all that the kernel knows"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "ro, rw, nosuid, nodev, noexec, sync, noatime, remount, bind, rbind, move, loop, and those of the file system"),
	OPT_FLAG('r', "read-only", A, read_only, "as -o ro"),
	OPT_FLAG('B', "bind", A, bind, "as -o bind"),
	OPERAND_OPT("DEVICE", A, device, "what to mount; without it, what is mounted is listed"),
	OPERAND_OPT("DIR", A, dir, "where"),
	OPT_END
};
#undef A

static const struct opt_cmd mount_cmd = {
	.name = "mount", .summary = "mount a file system", .opts = mount_opts,
	.args_size = sizeof(struct mount_args), .run = mount_run,
};
static const struct applet mount_applet = { .cmd = &mount_cmd };
APPLET(mount_applet);
