/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the board and the monitor want of the real-time clock. Any thread.
 */
#ifndef VMBOX_DEV_RTC_H
#define VMBOX_DEV_RTC_H

#include "dev/device.h"

/* One byte of CMOS RAM (memory sizes and boot order for the BIOS). */
void rtc_set_cmos(struct device *rtc, u8 reg, u8 val);
/* The guest's idea of the time, seconds since 1970. */
s64  rtc_time_seconds(struct device *rtc);

#endif
