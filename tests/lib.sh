# SPDX-License-Identifier: GPL-2.0-or-later
# For end-to-end tests: . "$(dirname "$0")/../lib.sh". Gives $srctree (the
# sources), $objtree (the build), $VMBOX (the binary), an empty current folder
# that goes away, and TAP:
#
#	requires qemu-img		skips the file when the command is missing
#	requires_config CONFIG_X	... when the configuration lacks it
#	ok "name" command...		passes when the command succeeds
#	not_ok "name" command...	passes when it fails with status 1..125
#	is "got" "want" "name"		compares two strings
#	like "text" "pattern" "name"	text holds a line that matches the ERE
#	skip "name" "reason"
#	at_exit command...		runs at the end, last one first
#	wait_for SECONDS command...	repeats it until it succeeds
#	while_says PATTERN command...	repeats it while it fails and says that (a peer's own fault)
#	done_testing			the last line
: "${srctree:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${objtree:=$srctree}"
: "${VMBOX:=$objtree/vmbox}"
export srctree objtree VMBOX LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

tap_nr=0
tap_failed=0
tap_exit=:
tap_dir=$(mktemp -d)
trap 'eval "$tap_exit"; cd /; rm -rf "$tap_dir"' EXIT
trap 'exit 143' TERM INT HUP
mkdir "$tap_dir/w" && cd "$tap_dir/w" || exit 1

pass() { tap_nr=$((tap_nr + 1)); echo "ok $tap_nr - $1"; }
fail() { tap_nr=$((tap_nr + 1)); tap_failed=$((tap_failed + 1)); echo "not ok $tap_nr - $1"; }
skip() { tap_nr=$((tap_nr + 1)); echo "ok $tap_nr - $1 # SKIP $2"; }
note() { printf '%s\n' "$*" | sed 's/^/# /'; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
at_exit() { tap_exit="$*; $tap_exit"; }

requires() {
	for tap_cmd; do
		command -v "$tap_cmd" >/dev/null 2>&1 || skip_all "$tap_cmd is missing"
	done
}

requires_config() {
	for tap_sym; do
		grep -q "^$tap_sym=y" "$objtree/.config" || skip_all "$tap_sym is off"
	done
}

ok() {
	tap_name=$1
	shift
	if "$@" >"$tap_dir/.out" 2>&1; then pass "$tap_name"; else
		tap_rc=$?
		fail "$tap_name"
		note "status $tap_rc from: $*"
		tail -n 40 "$tap_dir/.out" | sed 's/^/# /'
	fi
}

not_ok() {
	tap_name=$1
	shift
	"$@" >"$tap_dir/.out" 2>&1
	tap_rc=$?
	if [ $tap_rc -ge 1 ] && [ $tap_rc -le 125 ]; then pass "$tap_name"; else
		fail "$tap_name"
		note "status $tap_rc from: $*"
		tail -n 40 "$tap_dir/.out" | sed 's/^/# /'
	fi
}

is() {
	if [ "$1" = "$2" ]; then pass "$3"; else
		fail "$3"
		note "got:  $1"
		note "want: $2"
	fi
}

like() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then pass "$3"; else
		fail "$3"
		note "text: $1"
		note "should match: $2"
	fi
}

wait_for() {
	tap_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$tap_end" ] || return 1
		sleep 0.05
	done
}

while_says() {
	tap_says=$1
	shift
	tap_try=0
	until "$@" 2>"$tap_dir/.err"; do
		tap_rc=$?
		cat "$tap_dir/.err" >&2
		tap_try=$((tap_try + 1))
		grep -q -- "$tap_says" "$tap_dir/.err" && [ $tap_try -lt 20 ] || return $tap_rc
	done
	cat "$tap_dir/.err" >&2
}

done_testing() {
	echo "1..$tap_nr"
	[ "$tap_failed" = 0 ]
	exit
}
