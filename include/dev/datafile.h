/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware and option ROM files by name: a path as it is, a plain name also
 * in the folders where Debian's packages put such files.
 */
#ifndef VMBOX_DEV_DATAFILE_H
#define VMBOX_DEV_DATAFILE_H

#include <stddef.h>

/* A descriptor, or -1 with errno set. */
int data_file_open(const char *name);

#endif
