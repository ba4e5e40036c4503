#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make install into a staging folder, and setup with nothing to do.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"

ok "make install" vmake "$objtree" install DESTDIR="$PWD/stage" PREFIX=/opt/vm
like "$(file -b stage/opt/vm/bin/vmbox)" 'ELF 64-bit' "the binary"
for applet in $("$VMBOX" --list); do
	link=$(find stage/opt/vm/bin stage/opt/vm/sbin -name "$applet" 2>/dev/null)
	is "$(readlink -f "$link")" "$PWD/stage/opt/vm/bin/vmbox" "$applet leads to it, inside the staging folder"
	is "$(find stage/opt/vm/share/man -name "$applet.[18]" | wc -l)" 1 "$applet has a manual page"
	ok "$applet has completion" test -e "stage/opt/vm/share/bash-completion/completions/$applet"
done
like "$(stage/opt/vm/bin/qtestos graph --dot)" '^digraph qtestos' "qtestos is there, as one file"
ok "completion is good bash" bash -n stage/opt/vm/share/bash-completion/completions/vmbox
is "$(find stage -type l ! -exec test -e {} \; -print)" "" "no link dangles"

# What `make check` needs is installed here, or this test would not run: apt must not be asked.
mkdir bin
printf '#!/bin/sh\necho called >"%s/apt-called"\nexit 1\n' "$PWD" | tee bin/apt-get >bin/sudo
chmod +x bin/apt-get bin/sudo
ok "setup with nothing missing" env PATH="$PWD/bin:$PATH" "$srctree/scripts/setup" build run check
not_ok "does not call apt" test -e apt-called
mkdir -p tree/scripts
cp "$srctree/scripts/setup" tree/scripts/
echo "check no-such-package-at-all why" >tree/scripts/packages
not_ok "with something missing it does, and says when that fails" env PATH="$PWD/bin:$PATH" tree/scripts/setup
ok "... apt was called" test -e apt-called
ok "a section that needs nothing" tree/scripts/setup build

mkdir n && cp "$objtree/.config" n/
vmake "$objtree" help >help.txt
for target in defconfig menuconfig nconfig oldconfig olddefconfig savedefconfig allnoconfig allyesconfig randconfig \
	all run check bench style sysroot appliance kmod dissector size setup install clean mrproper; do
	like "$(cat help.txt)" "(^| )$target( |$)" "make help tells of $target"
	ok "make $target exists" make -n -C "$srctree" O="$PWD/n" CI= $target
done
done_testing
