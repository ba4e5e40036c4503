#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow
# timeout: 900
# The product: static, at home in an empty chroot, the same bits from any folder.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"
requires file
requires_config CONFIG_LIBC_MUSL

like "$(file -b "$VMBOX")" 'statically linked' "file says static"
is "$(LC_ALL=C readelf -lW "$VMBOX" | grep -c INTERP)" 0 "no interpreter"
is "$(LC_ALL=C readelf -SW "$VMBOX" | grep -c '\.debug_')" 0 "stripped"
is "$(LC_ALL=C readelf -lW "$VMBOX" | awk '/GNU_STACK/ { print $7 }')" "RW" "the stack is not executable"

mkdir empty
cp "$VMBOX" empty/vmbox
# Without root, a user namespace gives the right to chroot.
if [ "$(id -u)" = 0 ]; then jail="chroot empty"; else jail="unshare -r chroot empty"; fi
is "$($jail /vmbox --list)" "$("$VMBOX" --list)" "runs in an empty chroot"
ok "and its --help" $jail /vmbox --help

# The same configuration built in another place, without ccache.
export CCACHE=
mkdir -p a/longer/name
cp "$objtree/.config" a/longer/name/.config
ok "builds in another folder" vmake "$PWD/a/longer/name" -j2 all
mv a/longer/name one
ok "bit-identical from two folders" cmp one/vmbox "$VMBOX"
ok "unstripped too" cmp one/vmbox.unstripped "$VMBOX.unstripped"
is "$(strings -a one/vmbox.unstripped | grep -F -e "$srctree" -e "$PWD" | head -n 3)" "" "no path of this machine inside"

vmake "$objtree" size >size.txt
like "$(cat size.txt)" '^lib +[1-9]' "make size counts lib"
# The linker's own account: what is loaded and takes room in the file.
loaded=$(LC_ALL=C size -A one/vmbox | awk '/^\./ && !/bss|comment|note/ { n += $2 } /^reg_/ { n += $2 } END { print n }')
ok "make size adds up to what is loaded within 5 %" awk -v file="$loaded" \
	'/^total/ { d = $NF - file; if (d < 0) d = -d; exit d > file / 20 }' size.txt
done_testing
