// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What init takes from the kernel's command line.
 * requires: CONFIG_TOOL_INIT
 */
#include "test.h"
#include "tools/init/init.h"

TEST(options_of_the_command_line)
{
	struct init in = { 0 };

	init_options(&in, "BOOT_IMAGE=/vmlinuz ro quiet vmbox.hostname=box  vmbox.shell=/bin/ash console=ttyS0");
	CHECK_STR_EQ(in.hostname, "box");
	CHECK_STR_EQ(in.shell, "/bin/ash");
	CHECK_STR_EQ(in.run, "");
	CHECK_EQ(in.debug, false);
	init_options(&in, "vmbox.debug vmbox.modules=a,b");
	CHECK_EQ(in.debug, true);
	CHECK_STR_EQ(in.modules, "a,b");
}

TEST(options_with_quotes)
{
	struct init in = { 0 };

	init_options(&in, "vmbox.run=\"echo a  b; true\" vmbox.debug=no");
	CHECK_STR_EQ(in.run, "echo a  b; true");
	CHECK_EQ(in.debug, false);
	/* As some boot loaders pass it on. */
	init_options(&in, "\"vmbox.run=echo c\"");
	CHECK_STR_EQ(in.run, "echo c");
	init_options(&in, "vmbox.run=\"never closed");
	CHECK_STR_EQ(in.run, "never closed");
}

TEST(options_too_long_are_cut)
{
	static char line[8192];
	struct init in = { 0 };

	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "vmbox.hostname=", 15);
	init_options(&in, line);
	CHECK_EQ(strlen(in.hostname), 64);
	init_options(&in, "");
	init_options(&in, "   ");
	init_options(&in, "\"");
}
