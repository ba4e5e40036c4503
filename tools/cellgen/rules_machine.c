/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules on what a machine has (--root). */
#include "validate.h"

const struct jh_rule jh_rules_machine[] = {
	{ .code = NULL }
};
