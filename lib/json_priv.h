/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the JSON room. */
#ifndef VMBOX_LIB_JSON_PRIV_H
#define VMBOX_LIB_JSON_PRIV_H

#include "json.h"

/* Adds a member that obj does not have. key (mem_alloc'ed, NUL-terminated) and val are taken, and freed on failure. */
int json_add_owned(struct json *obj, char *key, size_t key_len, struct json *val);

#endif
