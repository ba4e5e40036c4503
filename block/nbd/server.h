/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the NBD server share. */
#ifndef BLOCK_NBD_SERVER_H
#define BLOCK_NBD_SERVER_H

#include "block/int.h"
#include "block/nbd/conn.h"
#include "block/nbd/proto.h"
#include "thread.h"

#define NBD_THREADS		8	/* of one client */
#define NBD_MAX_BITMAPS		62
#define NBD_PIECE		(256U << 10)	/* read and sent at a time */

/* Ids of meta contexts; bitmaps follow. */
enum { NBD_CTX_ALLOCATION, NBD_CTX_DEPTH, NBD_CTX_BITMAP };

struct nbd_bits {
	char *name;
	u8 *bits;
	u64 nbits, gran;
};

struct nbd_exp {
	char *name, *description;
	struct blk_node *node;
	u32 flags;			/* NBD_FLAG_* */
	bool writable, depth, removing;
	enum nbd_zeroes detect_zeroes;
	struct nbd_bits *bitmaps;
	int n_bitmaps;
	int clients;			/* under the server's lock */
	struct nbd_exp *next;
};

struct nbd_client {
	struct nbd_server *server;
	struct nbd_conn conn;
	struct nbd_exp *exp;		/* set when negotiation is over; counts in exp->clients */
	bool structured, extended, no_zeroes, block_sizes;
	u64 contexts;			/* bit: id */
	char *context_export;		/* contexts are for this export */
	/* transmission */
	pthread_mutex_t recv, send, lock;
	pthread_cond_t room;
	u64 memory;			/* of requests in flight; under lock */
	int threads, waiting;		/* under lock; threads that want to read a request */
	bool closing;			/* under recv */
	struct nbd_client *next;	/* under the server's lock */
};

struct nbd_server {
	struct nbd_server_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t gone;
	struct nbd_exp *exports;
	struct nbd_client *clients;
	bool stopping;
};

/* A request as it came, checked. */
struct nbd_req {
	u64 cookie, off, len;
	u32 cmd, flags;
	int err;			/* what is wrong with it; payload was read all the same */
	u8 *data;			/* of a write */
	u64 memory;			/* taken from the client's budget */
};

/* A thread's own buffers, kept from request to request. */
struct nbd_work {
	u8 *buf;
	size_t size;
};

/* server_opt.c: 0 the transmission phase begins, -errno the client is to be closed. */
int nbd_serve_options(struct nbd_client *c);
/* server.c: the export, counted as used, or NULL. */
struct nbd_exp *nbd_export_get(struct nbd_server *s, const char *name);
void nbd_export_put(struct nbd_server *s, struct nbd_exp *x);
/* The client's export from now on; its use is given back when the client goes. False: it is being removed. */
bool nbd_export_adopt(struct nbd_client *c, struct nbd_exp *x);

/* server_io.c: one request. 0, or -errno: the connection is over. */
int nbd_serve_recv(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w);
int nbd_serve_request(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w);

/* server_reply.c */
int nbd_reply_error(struct nbd_client *c, const struct nbd_req *r, int err);	/* 0: success without data */
int nbd_reply_simple(struct nbd_client *c, const struct nbd_req *r, const void *data, size_t len);
int nbd_reply_data(struct nbd_client *c, const struct nbd_req *r, u64 off, const void *data, size_t len,
		   bool last);
int nbd_reply_hole(struct nbd_client *c, const struct nbd_req *r, u64 off, u64 len, bool last);
int nbd_reply_status(struct nbd_client *c, const struct nbd_req *r, bool last, u32 id, const void *data,
		     size_t len, u32 count);

/* server_status.c */
int nbd_serve_status(struct nbd_client *c, const struct nbd_req *r);

#endif
