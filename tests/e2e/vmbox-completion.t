#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The bash completion, asked as bash asks it.
. "$(dirname "$0")/../lib.sh"
requires bash
"$VMBOX" --completion >completion
ok "bash accepts the script" bash -n completion
# shellcheck disable=SC1091
. ./completion

# What would be offered for the words, the last of which is being typed; sorted, on one line.
offers() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_vmbox
	# shellcheck disable=SC2046
	set -- $(printf '%s\n' "${COMPREPLY[@]}" | sort)
	echo "$*"
}

is "$(offers vmbox --li)" "--list --list-full" "options of vmbox"
is "$(offers vmbox --tr)" "--trace-list" "one option"
for a in $("$VMBOX" --list); do
	like " $(offers vmbox '') " " $a " "$a is offered as the first word"
done
for a in $("$VMBOX" --list); do
	like "$(offers vmbox "$a" --he)" '^--help$|^$' "options of $a through vmbox"
	is "$(offers vmbox "$a" --)" "$(offers "$a" --)" "$a is completed alike under both names"
	for o in $("$VMBOX" "$a" --help | sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p'); do
		like " $(offers "$a" --) " " $o " "$a offers $o"
	done
done
mkdir d && touch d/one d/two
is "$(offers vmbox --install-man d)" "d" "folders for an option that takes one"
done_testing
