/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of tools/vmbox/. Functions return 0 or -errno with err set. */
#ifndef VMBOX_TOOLS_VMBOX_H
#define VMBOX_TOOLS_VMBOX_H

#include "applet.h"
#include "err.h"

struct strbuf;

/* "usr/bin" or "usr/sbin". */
const char *install_dir(const struct applet *a);
/* Links for every name of every applet in dir; symbolic or hard. Older links are replaced, other files are not. */
int install_links(const char *dir, bool symbolic, struct err *err);

/* The manual section of an applet. */
int docs_section(const struct applet *a);
/* The page of a name: its own, or ".so man1/APPLET.1" for an alias. self: the table of vmbox itself. */
int docs_man(const struct opt_cmd *self, const char *name, struct strbuf *out, struct err *err);
/* Writes DIR/manN/NAME.N for every name. */
int docs_install(const struct opt_cmd *self, const char *dir, struct err *err);
/* The script for bash. */
void docs_completion(const struct opt_cmd *self, struct strbuf *out);

#endif
