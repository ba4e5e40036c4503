#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The habits that a program can see, and that each breach is found.
. "$(dirname "$0")/../lib.sh"
requires python3
check=$srctree/scripts/check-style
ok "the tree keeps the hard limits" "$check" "$srctree"

good='// SPDX-License-Identifier: GPL-2.0-or-later
int f(void);
int f(void)
{
	return 1;
}'
mkdir -p t/lib
try() { printf '%s\n' "$1" >t/lib/a.c; }
refused() { try "$2"; not_ok "refused: $1" "$check" t; }
try "$good"
ok "a good file" "$check" t
refused "no licence" "int f;"
refused "unfinished work" "$good
/* TO""DO */"
refused "spaces for a tab" "$good
        int x;"
refused "blanks at the end" "$good "
refused "a bare #ifdef" "$good
#ifdef CONFIG_X"
refused "a path of one machine" "$good
/* /ho""me/joe/x */"
refused "a long function" "$(echo "$good"; echo 'int g(void)'; echo '{'; seq -f '	x = %g;' 201; echo '}')"
refused "a long file" "$(echo "$good"; seq -f 'int a%g;' 800)"
refused "many rather long functions" "$(echo "$good"; for i in 1 2 3; do echo "int g$i(void)"; echo '{'; seq -f '	x = %g;' 70; echo '}'; done)"
try "$good"
truncate -s 1M t/lib/left-behind
not_ok "refused: a big file" "$check" t
rm t/lib/left-behind
try "$(echo "$good"; echo 'static const int t[] = {'; seq -f '	%g,' 900; echo '};')"
ok "a long table" "$check" t
done_testing
