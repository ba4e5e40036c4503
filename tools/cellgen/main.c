/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The applet cellgen, also called as `jailhouse config`. Its sub-commands
 * stand in files of their own.
 */
#include <stdio.h>
#include "applet.h"
#include "cellgen.h"

int cg_fail(const struct err *err)
{
	err_report(err);
	return CG_USAGE;
}

int cg_load(struct jh_config *c, const char *path, int arch)
{
	struct err err = ERR_INIT;
	unsigned fault;

	return jh_load(c, path, arch, &fault, &err) ? cg_fail(&err) : 0;
}

int cg_load_kind(struct jh_config *c, const char *path, int arch, bool is_system)
{
	struct err err = ERR_INIT;

	if (cg_load(c, path, arch))
		return CG_USAGE;
	if (c->is_system == is_system)
		return 0;
	err_set(&err, 22, "%s: is the configuration of a %s, where a %s's is wanted", path,
		is_system ? "cell" : "system", is_system ? "system" : "cell");
	jh_config_free(c);
	return cg_fail(&err);
}

int cg_print(struct strbuf *b)
{
	struct err err = ERR_INIT;
	int ret = strbuf_failed(b) ? err_set(&err, 12, "out of memory") : 0;

	if (!ret && (fwrite(b->s, 1, b->len, stdout) != b->len || fflush(stdout)))
		ret = err_set(&err, 5, "cannot write the output");
	strbuf_free(b);
	return ret ? cg_fail(&err) : 0;
}

static const struct opt_cmd *const subs[] = {
	&cellgen_cmd_cell, &cellgen_cmd_check, &cellgen_cmd_collect, &cellgen_cmd_convert, &cellgen_cmd_create,
	&cellgen_cmd_diff, &cellgen_cmd_kernel_args, &cellgen_cmd_matrix,
	&cellgen_cmd_show, &cellgen_cmd_validate, NULL
};

static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- done; nothing found\n1\t-- findings that are errors; configurations that differ\n"
	  "2\t-- usage, or something that cannot be read or written\n3\t-- warnings, with --strict" },
	{ "EXAMPLES",
	  "From a machine to a cell. On the machine, as root:\n\n"
	  "\tcellgen collect board.tar\n\n"
	  "Anywhere, with that archive:\n\n"
	  "\tcellgen create -r board.tar board.cell\n"
	  "\tmemmap=0x5200000$0x79e00000 intel_iommu=off\n\n"
	  "The last line is what create prints for the kernel's command line. What the configuration says, and whether it is right:\n\n"
	  "\tcellgen show board.cell\n"
	  "\tcellgen validate -r board.tar board.cell\n\n"
	  "A cell with CPUs 2 and 3, 32 MiB of RAM and a network card:\n\n"
	  "\tcellgen cell board.cell net.cell -c 2-3 -m 32M -p 00:02.0 -r board.tar -n net\n\n"
	  "A second one that runs Linux, with a serial port and a virtual network to the root cell, whose side of it goes into a new system:\n\n"
	  "\tcellgen cell board.cell linux.cell -c +1 -m 64M --linux --uart -n linux -w net.cell \\\n"
	  "\t    --ivshmem 1:2:508k:veth --amend-system board2.cell\n\n"
	  "All together, who has what, and C source for Jailhouse's own build:\n\n"
	  "\tcellgen validate -r board.tar --strict board2.cell net.cell linux.cell\n"
	  "\tcellgen matrix board2.cell net.cell linux.cell\n"
	  "\tcellgen convert board2.cell configs/x86/board2.c\n\n"
	  "On the machine, after a restart with that command line:\n\n"
	  "\tjailhouse enable board2.cell && jailhouse cell create net.cell" },
	{ "SEE ALSO", "Jailhouse: https://github.com/siemens/jailhouse" },
	{ NULL, NULL }
};

static const struct opt_cmd cellgen_cmd = {
	.name = "cellgen", .summary = "make, check, read and explain configurations of the Jailhouse hypervisor",
	.description = "Jailhouse divides a machine into cells by configurations of the system and of each cell. cellgen makes them from what the "
	"machine is, checks them against each other and against the machine, shows and converts them. It reads binary configurations of revisions 10, 12, "
	"13, 14 and 15 for x86, arm and arm64, and its own JSON; it writes both, and C source. Also called as jailhouse config.",
	.subs = subs, .sections = sections,
};
static const struct applet cellgen = { .cmd = &cellgen_cmd };
APPLET(cellgen);

static const struct opt_cmd config_cmd = {
	.name = "config", .summary = "configurations: all that cellgen does", .subs = subs,
};
static const struct opt_cmd *const jailhouse_subs[] = { &config_cmd, NULL };
static const struct opt_cmd jailhouse_cmd = {
	.name = "jailhouse", .summary = "cellgen under the name of Jailhouse's own tool",
	.subs = jailhouse_subs, .sections = sections,
};
static const struct applet jailhouse = { .cmd = &jailhouse_cmd };
APPLET(jailhouse);
