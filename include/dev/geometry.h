/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cylinders, heads and sectors of a disk: what the user says, or what the
 * partition table lets one guess. Names and meanings of the properties are
 * QEMU's. The board tells firmware of them: CMOS, fw_cfg "bios-geometry".
 */
#ifndef VMBOX_DEV_GEOMETRY_H
#define VMBOX_DEV_GEOMETRY_H

#include "dev/blkdev.h"

/* Translations, as CMOS byte 0x39 counts them but for AUTO. */
enum chs_trans { CHS_TRANS_AUTO, CHS_TRANS_NONE, CHS_TRANS_LBA, CHS_TRANS_LARGE, CHS_TRANS_RECHS };

struct disk_geometry {
	u32 cyls, heads, secs;		/* of the disk; all 0: guess */
	u32 lcyls, lheads, lsecs;	/* that the firmware shall show; all 0: its own choice */
	u8  trans;			/* enum chs_trans */
};

extern const char *const disk_chs_trans_names[];

#define PROPS_GEOMETRY(s, m) \
	PROP(s, m.cyls, "cyls", U32, 0, "cylinders; 0: by the size or the partition table"), \
	PROP(s, m.heads, "heads", U32, 0, "heads"), \
	PROP(s, m.secs, "secs", U32, 0, "sectors of a track"), \
	PROP(s, m.lcyls, "lcyls", U32, 0, "cylinders that the firmware shows; 0: its choice"), \
	PROP(s, m.lheads, "lheads", U32, 0, "heads that the firmware shows"), \
	PROP(s, m.lsecs, "lsecs", U32, 0, "sectors of a track that the firmware shows")
#define PROP_CHS_TRANS(s, m) \
	PROP_ENUM(s, m.trans, "bios-chs-trans", disk_chs_trans_names, CHS_TRANS_AUTO, "translation that the firmware is told of")

/*
 * Main thread, in realize, the medium being there: fills in what the user
 * left open, or checks that what he says fits the limits (65535 cylinders).
 */
int disk_geometry_init(struct disk_geometry *g, const struct blkdev *b, u32 heads_max, u32 secs_max, struct err *err);

#endif
