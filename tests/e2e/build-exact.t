#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# A rebuild does what a change asks for, and no more.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"
export CCACHE=
o=$PWD/o
copy=$PWD/src
# A copy of the sources, for the test edits them; the smallest configuration, for speed.
mkdir "$copy" && (cd "$srctree" && tar -cf - --exclude='./build*' --exclude=./check --exclude=./generated --exclude=include/config \
	--exclude='*.o' --exclude='*.d' --exclude='*.o.flags' \
	Kconfig Makefile include lib block arch drivers migration tools kernel-module dissector scripts configs tests) |
	tar -xf - -C "$copy"
build() { make -C "$copy" O="$o" EXTRA_CFLAGS="$flags" "$@" </dev/null 2>&1; }
flags=
built() { build -j2 | sed -n 's/^  CC  *//p' | sort; }
set_config() { sed -i "s/^# CONFIG_$1 is not set\$/CONFIG_$1=y/" "$o/.config"; }
unset_config() { sed -i "s/^CONFIG_$1=y\$/# CONFIG_$1 is not set/" "$o/.config"; }

make -s -C "$copy" O="$o" allnoconfig
set_config OPTIMIZE_SPEED
make -s -C "$copy" O="$o" olddefconfig
first=$(built)
like "$first" '^tools/vmbox/main.o$' "the first build compiles"
like "$(build)" 'Nothing to be done' "the second does nothing"

echo >>"$copy/tools/vmbox/install.c"
is "$(built)" "tools/vmbox/install.o" "a changed source: its object"

touch "$copy/lib/option_priv.h"
users=$(cd "$copy" && grep -l 'include "option_priv.h"' lib/*.c | sed 's/c$/o/' | sort)
is "$(built)" "$users" "a changed header: those that include it"

before=$(cat "$o/tools/vmbox/install.o" | sha256sum)
flip() { if grep -q "^CONFIG_$1=y" "$o/.config"; then unset_config "$1"; else set_config "$1"; fi; }
flip FAULT_INJECTION
make -s -C "$copy" O="$o" olddefconfig
built >flipped
# Whoever names the symbol, by itself or through a header, and the object that it switches.
(cd "$copy" && grep -rl CONFIG_FAULT_INJECTION include lib block arch drivers migration tools --include='*.[ch]') >namers
ok "an option: the objects that name it" test -s flipped
not_ok "... not everything" test "$(wc -l <flipped)" -ge "$(echo "$first" | wc -l)"
for obj in $(cat flipped); do
	[ "$obj" = lib/fault.o ] || sed 's/ \\$//; s/^[^ ]*: //' "$o/${obj%.o}.d" | tr ' ' '\n' | sed "s|^$copy/||" |
		grep -qxFf namers || echo "$obj"
done >needless
is "$(cat needless)" "" "... only those"
is "$(build | grep -c 'Nothing to be done')" 1 "then nothing is left"
flip FAULT_INJECTION
is "$(built | grep -vxFf flipped -e lib/fault.o)" "" "the option back: the same objects"

echo '	# a comment' >>"$copy/lib/Kconfig"
sed -i '$d' "$copy/lib/Kconfig"
is "$(built)" "" "a touched Kconfig: no object"

echo 'CFLAGS_install.o += -DONE_OBJECT_ONLY' >>"$copy/tools/vmbox/Makefile"
is "$(built)" "tools/vmbox/install.o" "a flag of one object: that object"
sed -i '/ONE_OBJECT_ONLY/d' "$copy/tools/vmbox/Makefile"
is "$(built)" "tools/vmbox/install.o" "the flag gone: that object again"
is "$(cat "$o/tools/vmbox/install.o" | sha256sum)" "$before" "and it is what it was"

flags=-DEVERYWHERE
is "$(built | wc -l)" "$(echo "$first" | wc -l)" "a flag of all: all objects"
is "$(build | grep -c 'Nothing to be done')" 1 "then nothing is left"

rm "$o/lib/err.o"
is "$(built)" "lib/err.o" "a removed object: that object"
printf '#error broken\n' >>"$copy/lib/err.c"
not_ok "an error stops the build" build -s
sed -i '$d' "$copy/lib/err.c"
is "$(built)" "lib/err.o" "mended: that object"

# In the source folder itself, as most people build.
here() { make -C "$copy" "$@" </dev/null 2>&1; }
here -s allnoconfig
here -s -j2
like "$(here)" 'Nothing to be done' "in the source folder: the second build does nothing"
touch "$copy/lib/err.c"
is "$(here -j2 | sed -n 's/^  CC  *//p')" "lib/err.o" "in the source folder: a changed source, its object"
done_testing
