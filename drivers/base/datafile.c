// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where firmware lies (see dev/datafile.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "compiler.h"
#include "dev/datafile.h"

/* Debian's packages first, then what others use. */
static const char *const dirs[] = {
	"/usr/share/seabios/", "/usr/share/qemu/", "/usr/lib/ipxe/qemu/", "/usr/local/share/qemu/",
};

int data_file_open(const char *name)
{
	char path[512];
	size_t i;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	for (i = 0; fd < 0 && errno == ENOENT && i < ARRAY_SIZE(dirs) && !strchr(name, '/'); i++) {
		snprintf(path, sizeof(path), "%s%s", dirs[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}
