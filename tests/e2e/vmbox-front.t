#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The front of the binary: names, links, help, errors, manual pages.
. "$(dirname "$0")/../lib.sh"

is "$("$VMBOX" --list | sort)" "$("$VMBOX" --list)" "--list is sorted"
is "$("$VMBOX" --list | sort -u | wc -l)" "$("$VMBOX" --list-full | sed 's|.*/||' | grep -xFc "$("$VMBOX" --list)")" \
	"--list-full has every applet"
like "$("$VMBOX" --version)" '^vmbox [0-9]' "--version"
like "$("$VMBOX" --help)" '^Usage: vmbox ' "--help"
is "$("$VMBOX" --help)" "$("$VMBOX" help)" "help is --help"
is "$("$VMBOX")" "$("$VMBOX" --help)" "without words: the help"

# Each error: one line on stderr, nothing on stdout, status 2.
usage_error() {
	name=$1 want=$2
	shift 2
	status=0
	"$@" >out 2>err || status=$?
	is "$status,$(wc -l <err),$(wc -c <out)" "2,1,0" "$name: one line, status 2"
	is "$(cat err)" "$want" "$name: its text"
}
usage_error "unknown option" "vmbox: unknown option '--lits', did you mean '--list'?" "$VMBOX" --lits
usage_error "unknown applet" "vmbox: unknown applet 'zzzz'; --list names them" "$VMBOX" zzzz
usage_error "help for an unknown applet" "vmbox: unknown applet 'zzzz'; --list names them" "$VMBOX" help zzzz
usage_error "manual page of nobody" "vmbox: no applet is called 'zzzz'" "$VMBOX" --man zzzz
ln -s "$VMBOX" zzzz
usage_error "a link with no applet's name" "vmbox: unknown applet 'zzzz'; --list names them" ./zzzz
usage_error "install without a folder" "vmbox: --install needs one folder" "$VMBOX" --install
for a in $("$VMBOX" --list); do
	case $a in
	???*) usage_error "$a misspelt" "vmbox: unknown applet '${a}x', did you mean '$a'?" "$VMBOX" "${a}x" ;;
	esac
done

# Every applet answers --help by each of its ways, and has a clean page.
for a in $("$VMBOX" --list); do
	ok "$a --help" "$VMBOX" "$a" --help
	is "$("$VMBOX" "$a" --help)" "$("$VMBOX" help "$a")" "help $a"
	is "$("$VMBOX" "$a" --help 2>&1 >/dev/null)" "" "$a --help writes to stdout only"
	is "$("$VMBOX" "$a" --help | awk 'length > 79')" "" "$a --help fits 79 columns"
done
if command -v mandoc >/dev/null; then
	ok "pages are written" "$VMBOX" --install-man man
	for page in man/man?/*; do
		if alias=$(sed -n '1s/^\.so //p' "$page") && [ -n "$alias" ]; then
			ok "${page##*/} leads to a page" test -s "man/$alias"
			continue
		fi
		is "$(mandoc -Tlint -Wwarning "$page" 2>&1)" "" "${page##*/} is clean for mandoc"
	done
	for a in $("$VMBOX" --list-full); do
		ok "page of ${a##*/}" test -s "$(ls man/man?/"${a##*/}".[18] 2>/dev/null)"
	done
else
	skip "manual pages" "mandoc is missing"
fi

# Links: made, used, made again, and nothing else overwritten.
mkdir soft hard
ok "symbolic links" "$VMBOX" --install -s soft
first=$("$VMBOX" --list | head -1)
if [ -n "$first" ]; then
	is "$(readlink "soft/$first")" "$(readlink -f "$VMBOX")" "a link leads to the binary"
	is "$("soft/$first" --help)" "$("$VMBOX" "$first" --help)" "a link runs its applet"
	is "$(ls soft | sort)" "$("$VMBOX" --list-full | sed 's|.*/||' | sort)" "all names are linked"
	ok "links are renewed" "$VMBOX" --install -s soft
	rm "soft/$first" && echo precious >"soft/$first"
	not_ok "a file is not replaced by a link" "$VMBOX" --install -s soft
	is "$(cat "soft/$first")" precious "the file is still there"
	cp "$VMBOX" hard/vmbox
	ok "hard links" hard/vmbox --install hard
	is "$(stat -c %i "hard/$first")" "$(stat -c %i hard/vmbox)" "a hard link is the binary"
	ok "hard links are renewed" hard/vmbox --install hard
fi
not_ok "a folder that is not there" "$VMBOX" --install -s no/such/folder
done_testing
