/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between keyval.c and qopts.c. */
#ifndef VMBOX_LIB_KEYVAL_H
#define VMBOX_LIB_KEYVAL_H

#include "json.h"

/* Puts val (taken, freed on failure; NULL: -ENOMEM) under the dotted key, making objects on the way. err must be given. */
int keyval_insert(struct json *obj, const char *key, struct json *val, struct err *err);
/* Objects below obj with keys 0, 1, 2 ... become arrays. path: "" at the root. */
int keyval_listify(struct json *obj, const char *path, struct err *err);

#endif
