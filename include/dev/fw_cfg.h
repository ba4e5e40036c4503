/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: items by number and files by name that the machine offers to
 * firmware and guest. Data is copied. Main thread, before the guest runs.
 */
#ifndef VMBOX_DEV_FW_CFG_H
#define VMBOX_DEV_FW_CFG_H

#include "dev/device.h"

/* Well-known items. */
#define FW_CFG_SIGNATURE	0x00
#define FW_CFG_ID		0x01
#define FW_CFG_UUID		0x02
#define FW_CFG_RAM_SIZE		0x03
#define FW_CFG_NOGRAPHIC	0x04
#define FW_CFG_NB_CPUS		0x05
#define FW_CFG_KERNEL_ADDR	0x07
#define FW_CFG_KERNEL_SIZE	0x08
#define FW_CFG_INITRD_ADDR	0x0a
#define FW_CFG_INITRD_SIZE	0x0b
#define FW_CFG_NUMA		0x0d
#define FW_CFG_BOOT_MENU	0x0e
#define FW_CFG_MAX_CPUS		0x0f
#define FW_CFG_KERNEL_DATA	0x11
#define FW_CFG_INITRD_DATA	0x12
#define FW_CFG_CMDLINE_ADDR	0x13
#define FW_CFG_CMDLINE_SIZE	0x14
#define FW_CFG_CMDLINE_DATA	0x15
#define FW_CFG_SETUP_ADDR	0x16
#define FW_CFG_SETUP_SIZE	0x17
#define FW_CFG_SETUP_DATA	0x18
#define FW_CFG_FILE_DIR		0x19
#define FW_CFG_IRQ0_OVERRIDE	0x8002

int fw_cfg_add_bytes(struct device *fw, u16 key, const void *data, u32 len);
int fw_cfg_add_u16(struct device *fw, u16 key, u16 v);
int fw_cfg_add_u32(struct device *fw, u16 key, u32 v);
int fw_cfg_add_u64(struct device *fw, u16 key, u64 v);
/* name: at most 55 bytes, "etc/e820". -EEXIST when it is there, -ENOSPC beyond 32 files. */
int fw_cfg_add_file(struct device *fw, const char *name, const void *data, u32 len);

#endif
