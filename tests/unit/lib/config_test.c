// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration macros of include/config.h. */
#include "config.h"
#include "test.h"

#define CONFIG_TEST_ON 1

TEST(enabled_symbol_is_one)
{
	CHECK_EQ(IS_ENABLED(CONFIG_TEST_ON), 1);
}

TEST(missing_symbol_is_zero)
{
	CHECK_EQ(IS_ENABLED(CONFIG_TEST_NO_SUCH_SYMBOL), 0);
}

#if IS_ENABLED(CONFIG_TEST_NO_SUCH_SYMBOL) || !IS_ENABLED(CONFIG_TEST_ON)
#error "IS_ENABLED() is wrong in #if"
#endif
