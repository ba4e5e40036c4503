/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration as C sees it. IS_ENABLED(CONFIG_X) is 1 when the symbol
 * is y and 0 when it is not, in #if and in expressions alike. Use it only in
 * headers that give a stub; otherwise let the Makefile leave the file out.
 */
#ifndef VMBOX_CONFIG_H
#define VMBOX_CONFIG_H

#include "generated/autoconf.h"

#define CONFIG__ARG_1 0,
#define CONFIG__SECOND(ignored, val, ...) val
#define CONFIG__IS(x) CONFIG__IS2(CONFIG__ARG_##x)
#define CONFIG__IS2(arg_or_junk) CONFIG__SECOND(arg_or_junk 1, 0, 0)
#define CONFIG__EXPAND(x) CONFIG__IS(x)
#define IS_ENABLED(sym) CONFIG__EXPAND(sym)

#endif
