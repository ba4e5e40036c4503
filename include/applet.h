/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An applet: one verb of the binary. It lives in tools/NAME/, is compiled
 * in when its Kconfig symbol is on, and registers itself:
 *
 *	static const char *const aliases[] = { "qemu-img", NULL };
 *	static const struct applet img = {
 *		.cmd = &img_cmd, .aliases = aliases, .flags = APPLET_PREFIX,
 *	};
 *	APPLET(img);
 *
 * It is called as `vmbox img ...`, through a link named img (or an alias),
 * and with APPLET_PREFIX through a link named img-SUB or ALIAS-SUB for each
 * of its sub-commands.
 */
#ifndef VMBOX_APPLET_H
#define VMBOX_APPLET_H

#include "option.h"
#include "registry.h"

enum {
	APPLET_PREFIX	= 1 << 0,	/* img-dd is `img dd` */
	APPLET_SBIN	= 1 << 1,	/* installed in sbin: needs root or is for root */
	APPLET_HIDDEN	= 1 << 2,	/* in no list, not installed; runs when named */
};

struct applet {
	const struct opt_cmd *cmd;	/* name, summary, options, run: all of it */
	const char *const *aliases;	/* NULL-terminated; NULL: none */
	unsigned flags;
	int man_section;		/* 0: 1, or 8 with APPLET_SBIN */
	/*
	 * NULL: opt_main(cmd, ...). Otherwise called in its place with argv[0]
	 * the name as invoked (PID 1's init, which must never exit, uses it).
	 */
	int (*main)(int argc, char **argv);
};

#define APPLET(obj) REGISTER(applet, obj)

/* The applet with this name or alias, or NULL. */
const struct applet *applet_find(const char *name);
/*
 * Runs argv as an applet inside this process, as a shell's builtin: argv[0]
 * names it (with any directory in front). Returns its exit code; 127 when there is no
 * such applet (nothing printed).
 */
int applet_run(int argc, char **argv);
/*
 * Calls fn for every applet that is not hidden, sorted by name; with
 * aliases also for each of its other names (aliases and prefix links).
 */
void applet_foreach(bool aliases, void (*fn)(void *ctx, const struct applet *a, const char *name),
		    void *ctx);

#endif
