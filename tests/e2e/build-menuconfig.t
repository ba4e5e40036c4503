#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# menuconfig as a person uses it, in a terminal: find an applet, switch it off,
# save, build, and it is gone.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/e2e/build.sh"
requires tmux
o=$objtree/check/menuconfig
socket=$PWD/tmux
tm() { tmux -S "$socket" "$@"; }
screen() { tm capture-pane -p -t m; }
shows() { screen | grep -Eq -- "$1"; }
keys() { tm send-keys -t m "$@"; }
at_exit 'tm kill-server 2>/dev/null'

mkdir -p "$o"
vmake "$o" defconfig
# The first applet that a person may switch off: nothing else selects it.
for victim in $(expected_applets "$o/.config"); do
	symbol=$(grep -rhB1 "^	bool \"$victim[:,( ]" "$srctree/tools" --include=Kconfig | sed -n 's/^\(menu\)\{0,1\}config //p')
	[ -z "$symbol" ] || grep -rqw "select $symbol" "$srctree/tools" --include=Kconfig || break
done
note "switching off $victim (CONFIG_$symbol)"
like "$(grep "^CONFIG_$symbol=" "$o/.config")" '=y$' "$victim is on at first"

tm -f /dev/null new-session -d -s m -x 100 -y 50 "TERM=screen make -C '$srctree' O='$o' menuconfig; sleep 1000"
ok "the menu appears" wait_for 20 shows 'vmbox configuration'
# "/" searches; the answer offers to jump to the place in the menu.
keys /
ok "the search opens" wait_for 10 shows 'Enter'
keys "$symbol" Enter
ok "the search finds the symbol" wait_for 10 shows "Symbol: $symbol"
keys 1
ok "and jumps to its menu" wait_for 20 shows "$victim.*: "
# The highlighted line is the one whose tag the cursor stands on.
on_line() {
	row=$(tm display-message -p -t m '#{cursor_y}')
	screen | sed -n "$((row + 1))p" | grep -q " $victim[:,( ]"
}
walk() { on_line || { keys Down; sleep 0.3; on_line; }; }
wait_for 3 on_line
ok "the line is reached" wait_for 30 walk
keys n
ok "the feature is off" wait_for 10 shows "\\[ \\] $victim[:,( ]"
# As often as there are menus open.
leave() { keys Escape Escape; sleep 0.7; shows 'save your new'; }
ok "leaving asks whether to save" wait_for 30 leave
keys Enter
ok "saved" wait_for 10 grep -q "^# CONFIG_$symbol is not set" "$o/.config"
builds "$o" "without $victim"
"$o/vmbox" "$victim" --help >said 2>&1
is "$?" 2 "$victim is unknown now"
tm kill-server
done_testing
