/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NBD: addresses, asking a server for its exports, and the server itself,
 * which qemu-nbd and the emulator's monitor share. The client is the block
 * driver "nbd" and needs no interface of its own.
 *
 * A server owns no listening socket: its user accepts connections and hands
 * them over. Each client has up to eight threads, of which one reads requests
 * while the others work, and a budget of memory; nothing is ever allocated by
 * a length from the wire alone.
 */
#ifndef VMBOX_BLOCK_NBD_H
#define VMBOX_BLOCK_NBD_H

#include <errno.h>
#include "block/block.h"
#include "config.h"

#define NBD_DEFAULT_PORT "10809"

enum nbd_family { NBD_UNIX, NBD_INET, NBD_VSOCK, NBD_FD };

/* Where a server is. nbd_addr_free() frees the strings. */
struct nbd_addr {
	enum nbd_family family;
	char *path;		/* unix */
	char *host, *port;	/* inet; vsock: decimal context id and port */
	int fd;			/* NBD_FD: number of an open socket */
};
void nbd_addr_free(struct nbd_addr *a);
/*
 * Takes "server.type", "server.path", ... or "host", "port", "path" out of @o. @out is all zero
 * before. 0 or -errno with text.
 */
int nbd_addr_take(struct nbd_addr *out, struct blk_opts *o, struct err *e);
/* "host:port" or the path, for messages; in @buf. */
const char *nbd_addr_name(const struct nbd_addr *a, char *buf, size_t size);
/* A connected or listening (@backlog) socket, or -errno with text. */
int nbd_addr_connect(const struct nbd_addr *a, u64 timeout_ns, struct err *e);
int nbd_addr_listen(const struct nbd_addr *a, int backlog, struct err *e);

/*
 * Takes an NBD file name ("nbd://host/export", "nbd+unix:///export?socket=path",
 * "nbd:host:port:exportname=x", "nbd:unix:path") apart into options.
 */
int nbd_parse_name(const char *name, struct blk_opts *o, struct err *e);

/* ---- TLS ---- */

/* How one end of connections does TLS. All is the graph's and the caller's and must outlive its user. */
struct nbd_tls_conf {
	struct nbd_tls_creds *creds;	/* NULL: no TLS */
	const struct nbd_authz *authz;	/* server: which clients may; NULL: all that have a key */
	const char *hostname;		/* client: whose certificate the server must show */
};
#if IS_ENABLED(CONFIG_BLOCK_NBD_TLS)
/*
 * The credentials (objects tls-creds-x509, tls-creds-psk) and the access list (authz-simple,
 * authz-list; NULL: none) of these ids. -ENOENT; -EINVAL when they are for the other end.
 */
int nbd_tls_find(struct blk_graph *g, const char *creds, const char *authz, bool server,
		 struct nbd_tls_conf *out, struct err *e);
#else
static inline int nbd_tls_find(struct blk_graph *g, const char *creds, const char *authz, bool server,
			       struct nbd_tls_conf *out, struct err *e)
{
	*out = (struct nbd_tls_conf){ 0 };
	return err_set(e, ENOTSUP, "TLS is not part of this program");
}
#endif

/*
 * Prints what the server at @a offers, as `qemu-nbd --list` does, or as JSON; over TLS if @tls (may
 * be NULL) has credentials. 0 or -errno with text.
 */
int nbd_list_exports(const struct nbd_addr *a, const struct nbd_tls_conf *tls, bool as_json, struct err *e);
/* Connects @fd to the kernel's client: negotiates and fills in what /dev/nbdN must know. */
struct nbd_kernel_info {
	u64 size;
	u32 flags, block_size;
};
int nbd_client_handshake(int fd, const char *export, struct nbd_kernel_info *k, struct err *e);

/* ---- server ---- */

struct nbd_server;

enum nbd_zeroes { NBD_ZEROES_OFF, NBD_ZEROES_ON, NBD_ZEROES_UNMAP };

struct nbd_export {
	const char *name;		/* "" is the default export */
	const char *description;	/* may be NULL */
	struct blk_node *node;		/* a reference is taken */
	bool writable;
	bool allocation_depth;		/* offer the context "qemu:allocation-depth" */
	const char *const *bitmaps;	/* persistent dirty bitmaps to offer; NULL or NULL-terminated */
	enum nbd_zeroes detect_zeroes;	/* written zeros become write-zeroes */
	bool multi_conn;		/* several clients see each other's flushed writes (they do) */
};

struct nbd_server_conf {
	u32 handshake_ms;		/* limit for a client's negotiation; 0: none */
	u64 client_memory;		/* bytes of requests in flight of one client; 0: 64 MiB */
	/* A client came (+1) or went (-1); any thread. @ready: it had got as far as an export. */
	void (*client)(void *opaque, int change, bool ready);
	void *opaque;
	/* With credentials nothing is told to clients before they did TLS. */
	struct nbd_tls_conf tls;
};

struct nbd_server *nbd_server_new(const struct nbd_server_conf *conf, struct err *e);
/* Disconnects everybody, waits for their requests, drops the exports. */
void nbd_server_free(struct nbd_server *s);
int nbd_server_add(struct nbd_server *s, const struct nbd_export *x, struct err *e);
/* Clients of the export are disconnected. -ENOENT; -EBUSY when some are left and @hard is false. */
int nbd_server_remove(struct nbd_server *s, const char *name, bool hard);
/* Serves the connected socket @fd, which it takes over, on threads of its own. */
int nbd_server_client(struct nbd_server *s, int fd, struct err *e);

#endif
