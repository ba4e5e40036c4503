#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# -display curses: SeaBIOS and its video BIOS write on the terminal, keys
# reach the boot menu, Alt-2 is the monitor.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_VM CONFIG_VM_CURSES CONFIG_I8042
requires tmux
[ -e /usr/share/seabios/vgabios-stdvga.bin ] || skip_all "seabios is missing"

t() { tmux -L "vmbox$$" -f /dev/null "$@"; }
screen() { t capture-pane -p; }
shows() { screen | grep -Eq -- "$1"; }
at_exit 't kill-server 2>/dev/null'
t new-session -d -x 100 -y 30 "$VMBOX vm -m 64 -display curses -boot menu=on; echo status \$?; sleep 100"
ok "the firmware's message" wait_for 60 shows "^SeaBIOS \(version"
ok "asks for a key" wait_for 60 shows "Press ESC for boot menu"
t send-keys Escape
ok "the key comes: the menu" wait_for 20 shows "Select boot device"
t send-keys M-2
ok "Alt-2 is the monitor" wait_for 10 shows "^\(qemu\)"
t send-keys "info status" Enter
ok "which answers" wait_for 10 shows "^VM status: running"
t send-keys "screendump shot.png -f png" Enter
wait_for 10 test -s shot.png
like "$(file shot.png)" "PNG image data, 720 x 400, 8-bit/color RGB" "screenshot of the text screen"
t send-keys M-1
ok "Alt-1 is the guest" wait_for 10 shows "Select boot device"
t send-keys M-2
t send-keys "quit" Enter
ok "the terminal is given back" wait_for 10 shows "^status 0"

"$VMBOX" vm -display curses </dev/null >out 2>err
is "$?" 1 "without a terminal: status 1"
is "$(wc -l <err)" 1 "and one line"
done_testing
