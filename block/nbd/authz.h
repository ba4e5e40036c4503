/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may connect: the objects authz-simple and authz-list. */
#ifndef BLOCK_NBD_AUTHZ_H
#define BLOCK_NBD_AUTHZ_H

#include "block/block.h"

struct nbd_authz;

/* NULL: there is none of that id. */
const struct nbd_authz *nbd_authz_find(struct blk_graph *g, const char *id);
/* @identity: a certificate's subject, or the user of a shared key. */
bool nbd_authz_allows(const struct nbd_authz *a, const char *identity);

#endif
