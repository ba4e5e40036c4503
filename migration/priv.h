/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of migration/ share: records, memory, state. */
#ifndef MIGRATION_PRIV_H
#define MIGRATION_PRIV_H

#include <errno.h>
#include "dev/machine.h"
#include "migration/migration.h"

enum mig_kind {
	MIG_CONFIG = 1,		/* JSON text; the first record */
	MIG_PAGES,		/* name: the memory; le64 number of the first page, then whole pages */
	MIG_ZEROES,		/* name: the memory; le64 first page, le64 count: they are zero now */
	MIG_STATE,		/* name: device or other unit; its table's bytes */
	MIG_END,		/* le64: records before it */
};

#define MIG_PAGE	4096
#define MIG_RUN		64	/* pages of one record */
#define MIG_NAME_MAX	200
#define MIG_PAYLOAD_MAX	(256 * MiB)

struct mig_record {
	enum mig_kind kind;
	u8 version;
	char name[MIG_NAME_MAX + 1];
	struct state_buf payload;
};

/* stream.c */
int  mig_write_header(struct mig_stream *s, struct err *err);
int  mig_write_record(struct mig_stream *s, enum mig_kind kind, u8 version, const char *name,
		      const void *p, size_t n, struct err *err);
int  mig_flush(struct mig_stream *s, struct err *err);
int  mig_read_header(struct mig_stream *s, struct err *err);
/* Into r, whose payload buffer is used again; free it with state_buf_free(). */
int  mig_read_record(struct mig_stream *s, struct mig_record *r, struct err *err);

/* ram.c */
int  mig_save_ram(struct mig_stream *s, const struct machine_ram *ram, struct err *err);
/* Everything to zero, as cheaply as the host lets us. */
void mig_clear_ram(const struct machine_ram *ram);
int  mig_load_pages(struct machine *m, struct mig_record *r, struct err *err);

/* state.c */
struct mig_unit {		/* a device or a machine_state */
	char name[MIG_NAME_MAX + 1];
	const struct state_table *table;
	void *object;
	struct device *dev;	/* its lock is taken */
	bool loaded;
};
struct mig_units {
	struct mig_unit *v;
	size_t n, cap;
};
/* All units in the order in which they are saved: clock and devices, parents first, vCPUs last. */
int  mig_units_list(struct machine *m, struct mig_units *u, struct err *err);
void mig_units_free(struct mig_units *u);
int  mig_save_unit(struct mig_stream *s, struct mig_unit *u, struct err *err);
int  mig_load_unit(struct mig_units *u, struct mig_record *r, struct err *err);

#endif
