/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of the client's negotiation that listing exports uses too. */
#ifndef BLOCK_NBD_HANDSHAKE_H
#define BLOCK_NBD_HANDSHAKE_H

#include "block/nbd/conn.h"

struct nbd_opt_reply {
	u32 type, len;
	u8 *data;	/* free(); a NUL follows */
};

int nbd_greet(struct nbd_conn *c, u32 *flags, struct err *e);
/* STARTTLS, if @tls has credentials; behind nbd_greet(). 0 or -errno with text. */
int nbd_start_tls(struct nbd_conn *c, const struct nbd_tls_conf *tls, u32 flags, struct err *e);
int nbd_agree_headers(struct nbd_conn *c, struct nbd_info *info, struct err *e);
int nbd_opt_send(struct nbd_conn *c, u32 opt, const void *data, u32 len, struct err *e);
int nbd_opt_reply(struct nbd_conn *c, u32 opt, struct nbd_opt_reply *r, struct err *e);
int nbd_opt_error(const struct nbd_opt_reply *r, const char *what, struct err *e);
int nbd_opt_go(struct nbd_conn *c, u32 opt, const char *export, struct nbd_info *info, struct err *e);
int nbd_meta_context(struct nbd_conn *c, u32 opt, const char *export, const char *context,
		     struct nbd_info *info, struct err *e);

#endif
