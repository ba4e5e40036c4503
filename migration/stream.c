// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The byte format. All numbers little endian.
 *	stream	"vmbxsave", u32 MIG_VERSION, u32 0, then records
 *	record	u8 kind, u8 version, u16 length of the name, u32 length of the
 *		payload, u32 CRC-32C over these 8 bytes, name and payload; name; payload
 * The reader takes a payload in pieces, so that a length alone costs nothing.
 */
#include <string.h>
#include "bytes.h"
#include "checksum.h"
#include "mem.h"
#include "priv.h"
#include "thread.h"

#define MAGIC	"vmbxsave"
#define HEADER	16
#define HEAD	12
#define PIECE	(64 * KiB)

int mig_stream_init(struct mig_stream *s, const struct mig_io *io)
{
	*s = (struct mig_stream){ .io = *io, .buf = mem_alloc(MIG_BUFFER) };
	return s->buf ? 0 : -ENOMEM;
}

void mig_stream_free(struct mig_stream *s)
{
	mem_free(s->buf);
	s->buf = NULL;
}

/* ---- writing ---- */

int mig_flush(struct mig_stream *s, struct err *err)
{
	int ret = s->len ? s->io.write(s->io.ctx, s->buf, s->len, err) : 0;

	s->len = 0;
	return ret;
}

static int put(struct mig_stream *s, const void *p, size_t n, struct err *err)
{
	int ret;

	atomic_set(&s->bytes, s->bytes + n);
	if (n > MIG_BUFFER - s->len && (ret = mig_flush(s, err)) < 0)
		return ret;
	if (n > MIG_BUFFER)
		return s->io.write(s->io.ctx, p, n, err);
	if (n)
		memcpy(s->buf + s->len, p, n);
	s->len += n;
	return 0;
}

int mig_write_header(struct mig_stream *s, struct err *err)
{
	u8 h[HEADER] = MAGIC;

	put_le32(h + 8, MIG_VERSION);
	put_le32(h + 12, 0);
	return put(s, h, sizeof(h), err);
}

static u32 record_crc(const u8 *head, const char *name, size_t name_len, const void *p, size_t n)
{
	u32 crc = crc32c_update(0, head, 8);

	crc = crc32c_update(crc, name, name_len);
	return crc32c_update(crc, p, n);
}

int mig_write_record(struct mig_stream *s, enum mig_kind kind, u8 version, const char *name,
		     const void *p, size_t n, struct err *err)
{
	size_t name_len = strlen(name);
	u8 head[HEAD] = { (u8)kind, version };
	int ret;

	if (atomic_get(&s->cancel))
		return err_set(err, ECANCELED, "cancelled");
	if (n > MIG_PAYLOAD_MAX || name_len > MIG_NAME_MAX)
		return err_set(err, E2BIG, "the state of '%s' is too long", name);
	put_le16(head + 2, (u16)name_len);
	put_le32(head + 4, (u32)n);
	put_le32(head + 8, record_crc(head, name, name_len, p, n));
	s->records++;
	ret = put(s, head, sizeof(head), err);
	if (ret == 0)
		ret = put(s, name, name_len, err);
	return ret < 0 ? ret : put(s, p, n, err);
}

/* ---- reading ---- */

static int get(struct mig_stream *s, void *p, size_t n, struct err *err)
{
	u8 *out = p;

	while (n) {
		size_t part = MIN(n, s->len - s->pos);
		ssize_t got;

		if (part) {
			memcpy(out, s->buf + s->pos, part);
			s->pos += part;
			s->bytes += part;
			out += part;
			n -= part;
			continue;
		}
		got = s->io.read(s->io.ctx, s->buf, MIG_BUFFER, err);
		if (got < 0)
			return (int)got;
		if (!got)
			return err_set(err, EINVAL, "the saved state ends too early, after %llu bytes", s->bytes);
		s->pos = 0;
		s->len = (size_t)got;
	}
	return 0;
}

int mig_read_header(struct mig_stream *s, struct err *err)
{
	u8 h[HEADER];
	int ret = get(s, h, sizeof(h), err);

	if (ret < 0)
		return ret;
	if (memcmp(h, MAGIC, 8))
		return err_set(err, EINVAL, "this is no saved state of a machine");
	if (get_le32(h + 8) != MIG_VERSION || get_le32(h + 12))
		return err_set(err, EINVAL, "the saved state has format %u; this program reads %u", get_le32(h + 8), MIG_VERSION);
	return 0;
}

static int get_payload(struct mig_stream *s, struct state_buf *b, u32 n, struct err *err)
{
	b->len = b->pos = 0;
	b->failed = false;
	while (b->len < n) {
		size_t part = MIN(n - b->len, (size_t)PIECE);
		int ret;

		if (mem_grow(&b->data, &b->cap, b->len + part, 1) < 0)
			return err_set(err, ENOMEM, "out of memory");
		ret = get(s, b->data + b->len, part, err);
		if (ret < 0)
			return ret;
		b->len += part;
	}
	return 0;
}

int mig_read_record(struct mig_stream *s, struct mig_record *r, struct err *err)
{
	u8 head[HEAD];
	u16 name_len;
	int ret = get(s, head, sizeof(head), err);

	if (ret < 0)
		return ret;
	name_len = get_le16(head + 2);
	if (head[0] < MIG_CONFIG || head[0] > MIG_END || name_len > MIG_NAME_MAX || get_le32(head + 4) > MIG_PAYLOAD_MAX)
		return err_set(err, EINVAL, "the saved state is damaged at byte %llu: no record", s->bytes - HEAD);
	ret = get(s, r->name, name_len, err);
	if (ret == 0)
		ret = get_payload(s, &r->payload, get_le32(head + 4), err);
	if (ret < 0)
		return ret;
	if (record_crc(head, r->name, name_len, r->payload.data, r->payload.len) != get_le32(head + 8) ||
	    memchr(r->name, 0, name_len))
		return err_set(err, EINVAL, "the saved state is damaged before byte %llu: wrong checksum", s->bytes);
	r->name[name_len] = '\0';
	r->kind = head[0];
	r->version = head[1];
	s->records++;
	return 0;
}
