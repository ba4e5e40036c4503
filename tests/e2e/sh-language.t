#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The language of applet sh: each script of tests/e2e/sh/ must print and return
# what dash or Busybox's sh does with it ("# with: busybox" chooses; dash else).
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_TOOL_SH
requires dash busybox
mkdir bin && ln -s "$VMBOX" bin/sh
export HOME=/root

for script in "$srctree"/tests/e2e/sh/*.sh; do
	name=$(basename "$script" .sh)
	reference=dash
	! grep -q '^# with: busybox' "$script" || reference="busybox sh"
	for way in file stdin; do
		mkdir ref ours
		if [ $way = file ]; then
			(cd ref && timeout 30 $reference "$script" a 'b c') >want 2>/dev/null </dev/null; echo "status $?" >>want
			(cd ours && timeout 30 ../bin/sh "$script" a 'b c') >got 2>err </dev/null; echo "status $?" >>got
		else
			(cd ref && timeout 30 $reference -s a 'b c' <"$script") >want 2>/dev/null; echo "status $?" >>want
			(cd ours && timeout 30 ../bin/sh -s a 'b c' <"$script") >got 2>err; echo "status $?" >>got
		fi
		if cmp -s want got; then pass "$name as $way"; else
			fail "$name as $way"
			diff want got | head -n 20 | sed 's/^/# /'
			sed 's/^/# stderr: /' err | head -n 5
		fi
		rm -rf ref ours
	done
done

sh() { PATH="$PWD/bin:$PATH" timeout 30 sh "$@"; }
is "$(sh -c 'echo "$0 $1 $#"' name one two)" "name one 2" "-c with arguments"
is "$(sh -c 'exit 7'; echo $?)" 7 "-c status"
is "$(sh -c 'nosuch' 2>&1; echo $?)" "$(printf 'sh: nosuch: not found\n127')" "not found"
is "$(sh -c '/' 2>/dev/null; echo $?)" 126 "not a program"
is "$(sh -c 'if' 2>&1; echo $?)" "$(printf 'sh: 1: syntax error: unexpected end of file\n2')" "syntax error"
is "$(sh -c 'kill -9 $$'; echo $?)" 137 "killed"
is "$(sh nosuchfile 2>/dev/null; echo $?)" 2 "no such script"
is "$(printf 'echo a\nread x\nrest of input\necho "got $x"\n' | sh)" "$(printf 'a\ngot rest of input')" \
	"commands read on from the script's input"
is "$(sh -c 'trap "echo bye" EXIT; exit 3'; echo $?)" "$(printf 'bye\n3')" "EXIT trap"
printf 'echo from script "$1"\n' >noshebang && chmod +x noshebang
is "$(sh -c './noshebang x')" "from script x" "a script without #!"
is "$(sh -c 'set -x; echo a >/dev/null' 2>&1)" "+ echo a" "set -x"
# Deep nesting and endless recursion end with a message, not a crash.
deep=$(printf '%05000d' 0 | tr 0 '(')
sh -c "$deep" >/dev/null 2>&1
is $? 2 "5000 open parentheses"
sh -c 'f() { f; }; f' >/dev/null 2>&1
is $? 2 "endless recursion"
sh -c "echo \$(($(printf '%05000d' 0 | tr 0 '(')1" >/dev/null 2>&1
is $? 2 "arithmetic nested too deep"
# Not with sanitizers: their library is shared, and they keep freed memory.
if grep -q '^CONFIG_LIBC_MUSL=y' "$objtree/.config"; then
	# Applets run without any file system.
	if [ "$(id -u)" = 0 ]; then jail="chroot jail"; else jail="unshare -r chroot jail"; fi
	mkdir jail && cp "$VMBOX" jail/vmbox
	is "$($jail /vmbox sh -c 'mkdir d; touch d/f; ls d | wc -l; uname -s')" "$(printf '1\nLinux')" "applets in an empty chroot"
	# A loop needs no more memory at its end than at its start.
	grown=$(sh -c 'i=0; while [ $i -lt 20000 ]; do x="$i$i$i"; y=${x#1}; [ $i = 1000 ] && grep VmRSS /proc/$$/status; i=$((i + 1)); done; grep VmRSS /proc/$$/status' |
		awk '{ v[NR] = $2 } END { print v[2] - v[1] }')
	ok "20000 turns of a loop take no memory ($grown kB)" test "$grown" -lt 300
fi
done_testing
