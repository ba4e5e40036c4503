/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NBD protocol on the wire (doc/proto.md of the NBD project): magic
 * numbers, options, commands, flags. Everything is big-endian.
 */
#ifndef BLOCK_NBD_PROTO_H
#define BLOCK_NBD_PROTO_H

#include "types.h"

#define NBD_MAGIC		0x4e42444d41474943ULL	/* "NBDMAGIC" */
#define NBD_OPTS_MAGIC		0x49484156454f5054ULL	/* "IHAVEOPT" */
#define NBD_OLD_MAGIC		0x00420281861253ULL
#define NBD_REP_MAGIC		0x0003e889045565a9ULL
#define NBD_REQUEST_MAGIC	0x25609513U
#define NBD_EXT_REQUEST_MAGIC	0x21e41c71U
#define NBD_SIMPLE_MAGIC	0x67446698U
#define NBD_CHUNK_MAGIC		0x668e33efU
#define NBD_EXT_REPLY_MAGIC	0x6e8a278cU

/* Handshake flags of the server, and the same bits of the client. */
#define NBD_FIXED_NEWSTYLE	BIT(0)
#define NBD_NO_ZEROES		BIT(1)

enum nbd_opt {
	NBD_OPT_EXPORT_NAME = 1, NBD_OPT_ABORT, NBD_OPT_LIST, NBD_OPT_PEEK_EXPORT, NBD_OPT_STARTTLS,
	NBD_OPT_INFO, NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY, NBD_OPT_LIST_META_CONTEXT,
	NBD_OPT_SET_META_CONTEXT, NBD_OPT_EXTENDED_HEADERS,
};

#define NBD_REP_ACK		1U
#define NBD_REP_SERVER		2U
#define NBD_REP_INFO		3U
#define NBD_REP_META_CONTEXT	4U
#define NBD_REP_ERROR		BIT(31)
#define NBD_REP_ERR_UNSUP	(NBD_REP_ERROR | 1)
#define NBD_REP_ERR_POLICY	(NBD_REP_ERROR | 2)
#define NBD_REP_ERR_INVALID	(NBD_REP_ERROR | 3)
#define NBD_REP_ERR_PLATFORM	(NBD_REP_ERROR | 4)
#define NBD_REP_ERR_TLS_REQD	(NBD_REP_ERROR | 5)
#define NBD_REP_ERR_UNKNOWN	(NBD_REP_ERROR | 6)
#define NBD_REP_ERR_SHUTDOWN	(NBD_REP_ERROR | 7)
#define NBD_REP_ERR_BLOCK_SIZE	(NBD_REP_ERROR | 8)
#define NBD_REP_ERR_TOO_BIG	(NBD_REP_ERROR | 9)
#define NBD_REP_ERR_EXT_HEADER	(NBD_REP_ERROR | 10)

#define NBD_INFO_EXPORT		0
#define NBD_INFO_NAME		1
#define NBD_INFO_DESCRIPTION	2
#define NBD_INFO_BLOCK_SIZE	3

/* Transmission flags of an export. */
#define NBD_FLAG_HAS_FLAGS	BIT(0)
#define NBD_FLAG_READ_ONLY	BIT(1)
#define NBD_FLAG_FLUSH		BIT(2)
#define NBD_FLAG_FUA		BIT(3)
#define NBD_FLAG_ROTATIONAL	BIT(4)
#define NBD_FLAG_TRIM		BIT(5)
#define NBD_FLAG_WRITE_ZEROES	BIT(6)
#define NBD_FLAG_DF		BIT(7)
#define NBD_FLAG_MULTI_CONN	BIT(8)
#define NBD_FLAG_RESIZE		BIT(9)
#define NBD_FLAG_CACHE		BIT(10)
#define NBD_FLAG_FAST_ZERO	BIT(11)
#define NBD_FLAG_BLOCK_STATUS_PAYLOAD BIT(12)

enum nbd_cmd {
	NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_DISC, NBD_CMD_FLUSH, NBD_CMD_TRIM, NBD_CMD_CACHE,
	NBD_CMD_WRITE_ZEROES, NBD_CMD_BLOCK_STATUS,
};

#define NBD_CMD_FLAG_FUA	BIT(0)
#define NBD_CMD_FLAG_NO_HOLE	BIT(1)
#define NBD_CMD_FLAG_DF		BIT(2)
#define NBD_CMD_FLAG_REQ_ONE	BIT(3)
#define NBD_CMD_FLAG_FAST_ZERO	BIT(4)
#define NBD_CMD_FLAG_PAYLOAD	BIT(5)

#define NBD_CHUNK_DONE		BIT(0)
#define NBD_CHUNK_NONE		0
#define NBD_CHUNK_DATA		1
#define NBD_CHUNK_HOLE		2
#define NBD_CHUNK_STATUS	5
#define NBD_CHUNK_STATUS_EXT	6
#define NBD_CHUNK_ERROR		0x8001
#define NBD_CHUNK_ERROR_OFFSET	0x8002
#define NBD_CHUNK_IS_ERROR	0x8000

/* Flags of the context "base:allocation". */
#define NBD_STATE_HOLE		BIT(0)
#define NBD_STATE_ZERO		BIT(1)

/* Sizes of fixed headers. */
#define NBD_REQUEST_SIZE	28
#define NBD_EXT_REQUEST_SIZE	32
#define NBD_SIMPLE_SIZE		16
#define NBD_CHUNK_SIZE		20
#define NBD_EXT_REPLY_SIZE	32

#define NBD_MAX_STRING		4096U		/* of export and context names */
#define NBD_MAX_DATA		(32U << 20)	/* of one request where nothing else was agreed */

static inline u32 nbd_errno_to_wire(int ret)
{
	switch (-ret) {
	case 0: return 0;
	case 1: case 30: return 1;		/* EPERM, EROFS */
	case 12: return 12;			/* ENOMEM */
	case 22: case 9: return 22;		/* EINVAL; EBADF: not writable */
	case 28: case 27: case 122: return 28;	/* ENOSPC, EFBIG, EDQUOT */
	case 75: return 75;			/* EOVERFLOW */
	case 95: return 95;			/* ENOTSUP */
	case 108: return 108;			/* ESHUTDOWN */
	default: return 5;
	}
}

/* 0 or -errno of this host; what the protocol does not know is -EINVAL. */
static inline int nbd_errno_from_wire(u32 v)
{
	switch (v) {
	case 0: return 0;
	case 1: case 5: case 12: case 22: case 28: case 75: case 95: case 108: return -(int)v;
	default: return -22;
	}
}

#endif
