#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The small system applets against the machine's own programs.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_SYSUTILS

# same "name" ARGUMENTS...: our applet and the real one say and return the same.
same() {
	same_name=$1
	shift
	"$@" >want 2>/dev/null && want_rc=0 || want_rc=$?
	"$VMBOX" "$@" >got 2>err && rc=0 || rc=$?
	is "$rc:$(cat got)" "$want_rc:$(cat want)" "$same_name"
}
mkdir -p d/sub && printf 'one\ntwo words\nthree\n' >d/a && printf 'x' >d/b && : >d/.hidden
ln -s a d/link && mkfifo d/pipe && chmod 4755 d/b && touch -d @1700000000 d/a

same "cat" cat d/a d/b
same "cat of what is not there" cat nosuch
same "head" head -n 2 d/a
same "head -2" head -2 d/a
same "head -1 of several" head -1 d/a d/b
same "head -c" head -c 5 d/a
same "head of several" head -n 1 d/a d/b
same "nproc" nproc
same "nproc --all" nproc --all
same "nproc --ignore" nproc --ignore=1000
same "cp without a target" cp d/a
same "cp of several to a file" cp d/a d/b d/a
same "mv of several to a file" mv d/a d/b d/a
same "wc -l" wc -l d/a
same "wc -c" wc -c d/a
same "grep" grep o d/a
same "grep -v -n" grep -vn two d/a
same "grep -c -i" grep -ci ONE d/a
same "grep without a hit" grep nothing d/a
same "grep -E" grep -E '^(one|three)$' d/a
same "grep -F" grep -F 'two w' d/a
same "grep -x" grep -x 'one|two' d/a
same "grep -l of several" grep -l x d/a d/b
same "ls" ls d
same "ls -a" ls -a d
same "ls -A" ls -A d
same "ls -r" ls -r d
same "ls -F" ls -F d
same "ls -R" ls -R d
same "ls of files and folders" ls d/a d/sub d/b
same "ls -d" ls -d d
same "ls -t" ls -t d
same "ls -S" ls -S d
same "ls -i" ls -i d
same "uname -s -r -m" uname -srm
same "hostname" hostname
columns() { awk '{ print $1, $2, $3, $4, $5, $NF }'; }
is "$("$VMBOX" ls -l d | columns)" "$(ls -l d | grep -v ^total | columns)" "ls -l"
is "$("$VMBOX" ls -l d/a | awk '{ print $6, $7 }')" "$(date -d @1700000000 '+%Y-%m-%d %H:%M')" "times of ls -l"

"$VMBOX" cp -a d e
is "$(cd e && find . -printf '%p %M %s %l %T@\n' | sort)" "$(cd d && find . -printf '%p %M %s %l %T@\n' | sort)" "cp -a"
ok "and the contents" cmp d/a e/a
"$VMBOX" cp d/a e/sub
ok "cp into a folder" cmp d/a e/sub/a
not_ok "cp of a file onto itself" "$VMBOX" cp d/a d/a
is "$(wc -l <d/a)" 3 "leaves it alone"
not_ok "cp of a folder without -r" "$VMBOX" cp d f
"$VMBOX" mv e/a e/sub/moved
ok "mv" cmp d/a e/sub/moved
"$VMBOX" ln -s target e/s && "$VMBOX" ln -sf other e/s
is "$(readlink e/s)" other "ln -s -f"
"$VMBOX" ln d/a e/hard
is "$(stat -c %h d/a)" 2 "ln"
"$VMBOX" mkdir -p m/n/o && "$VMBOX" mkdir -p m/n/o
ok "mkdir -p" test -d m/n/o
not_ok "mkdir of what is there" "$VMBOX" mkdir m
"$VMBOX" mkdir -m 1777 m/t
is "$(stat -c %a m/t)" 1777 "mkdir -m"
for mode in 640 u+x go-rwx a=r u+s,g-s +w =; do
	cp d/a r1 && cp d/a r2 && chmod 644 r1 r2
	(umask 0 && chmod $mode r1 && "$VMBOX" chmod $mode r2)
	is "$(stat -c %a r2)" "$(stat -c %a r1)" "chmod $mode"
done
"$VMBOX" touch new && "$VMBOX" touch -c notnew
is "$(ls new notnew 2>/dev/null)" new "touch"
not_ok "rm of a folder" "$VMBOX" rm e
ok "rm -f of nothing" "$VMBOX" rm -f nosuch
not_ok "rm of .." "$VMBOX" rm -r e/..
ok "rm -r" "$VMBOX" rm -r e m
is "$(ls -d e m 2>/dev/null)" "" "all is gone"
ok "and the target of a link is not" test -e d/a
mkdir empty && ok "rm -d" "$VMBOX" rm -d empty
ok "sleep" "$VMBOX" sleep 0.05
not_ok "sleep for how long?" "$VMBOX" sleep soon
like "$("$VMBOX" ps)" "^ *$$ .*sysutils.t" "ps"
like "$("$VMBOX" df .)" ' [0-9]+% \.$' "df"
like "$("$VMBOX" free)" '^ *Mem: +[1-9]' "free"
like "$("$VMBOX" ip link)" '^1: lo: <UP' "ip link"
like "$("$VMBOX" ip)" '^lo: inet 127.0.0.1/8$' "ip"
not_ok "ip of nonsense" "$VMBOX" ip fly away
not_ok "mount of nothing" "$VMBOX" mount /nonexistent /nowhere
# In a mount namespace of our own.
if [ "$(id -u)" = 0 ]; then own="unshare -m"; else own="unshare -rm"; fi
if $own true 2>/dev/null; then
	is "$($own sh -c '"$VMBOX" mkdir mp; "$VMBOX" mount -t tmpfs -o size=1M none mp && echo in >mp/f && cat mp/f && "$VMBOX" umount mp && ls mp')" \
		in "mount and umount"
	is "$($own sh -c '"$VMBOX" mkdir bp; "$VMBOX" mount -o bind,ro d bp && ls bp/a && ! touch bp/a 2>/dev/null && echo kept')" \
		"$(printf 'bp/a\nkept')" "a read-only bind mount"
else
	skip "mount and umount" "no mount namespaces here"
	skip "a read-only bind mount" "no mount namespaces here"
fi
for applet in poweroff reboot halt; do
	like "$("$VMBOX" $applet --help)" 'without asking PID 1' "$applet --help"
done
is "$("$VMBOX" init 2>&1; echo $?)" "$(printf 'init: this is the first process of an appliance, not a command (PID 1)\n1')" \
	"init as a command"
done_testing
