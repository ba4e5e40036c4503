/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the parser and the generators of help, manual page and completion. */
#ifndef VMBOX_LIB_OPTION_PRIV_H
#define VMBOX_LIB_OPTION_PRIV_H

#include "option.h"

extern const struct opt opt_none[];	/* an empty table */

/* "-" or "--": what stands before this command's long names. */
const char *opt_dashes(const struct opt_cmd *cmd);

static inline const struct opt *opt_first(const struct opt_cmd *cmd)
{
	return cmd->opts ? cmd->opts : opt_none;
}

#endif
