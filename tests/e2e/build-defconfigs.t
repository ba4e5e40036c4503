#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Kconfig drops unknown symbols without a word: every configs/*_defconfig must
# come back from savedefconfig as it is.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"

for c in "$srctree"/configs/*_defconfig; do
	name=${c##*/}
	ok "$name: configures" vmake "$PWD/o" "$name"
	ok "$name: saves" vmake "$PWD/o" savedefconfig
	ok "$name: comes back the same" diff -u "$c" o/defconfig
done

# The test can fail: a symbol that does not exist does not come back.
{ cat "$srctree/configs/vmbox_defconfig"; echo "CONFIG_NO_SUCH_SYMBOL=y"; } >wrong
ok "a wrong file is read" env srctree="$srctree" KCONFIG_CONFIG="$PWD/.config" \
	sh -c 'cd "$srctree" && kconfig-conf -s --defconfig="$0" Kconfig' "$PWD/wrong"
not_ok "and is found out" grep NO_SUCH .config
for target in oldconfig olddefconfig listnewconfig allnoconfig allyesconfig randconfig; do
	ok "make $target" vmake "$PWD/o" $target
	[ "$target" != oldconfig ] || sed 's/^# CONFIG_WERROR.*/CONFIG_WERROR=y/' o/.config >kept
	[ "$target" != olddefconfig ] || ok "$target keeps what was set" cmp kept o/.config
done

# A configuration and what is made of it, in one call.
ok "two goals" vmake "$PWD/o" img_defconfig include/config/auto.conf
ok "the first is done before the second" grep -q '^CONFIG_TOOL_IMG=y' o/include/config/auto.conf
ok "two goals again" vmake "$PWD/o" tiny_defconfig include/config/auto.conf
not_ok "and with what was there before" grep -q '^CONFIG_TOOL_IMG=y' o/include/config/auto.conf

# Every symbol with a prompt explains itself.
find "$srctree" -name Kconfig -not -path '*/build*/*' -exec awk '
	/^(menu)?config / { if (sym && prompt && !help) print file ": " sym; sym = $2; prompt = help = 0; file = FILENAME }
	/^\t(bool|string|int|hex|prompt) "/ { prompt = 1 }
	/^\thelp$/ { help = 1 }
	END { if (sym && prompt && !help) print file ": " sym }' {} \; >helpless
is "$(cat helpless)" "" "every symbol has a help text"
done_testing
