# SPDX-License-Identifier: GPL-2.0-or-later
# flow of control, functions, -e, traps, redirections
f() { for i in 1 2 3; do [ $i = 2 ] && return 5; echo f$i; done; }; f; echo $?
for i in 1 2 3; do for j in a b; do [ $j = b ] && continue 2; [ $i = 3 ] && break 2; echo $i$j; done; done; echo $i$j
while :; do break; done; echo $?; until true; do :; done; echo $?
if false; then :; fi; echo $?; if (exit 3); then :; else echo e$?; fi
(set -e; false; echo no); echo $?; (set -e; false || true; ! true; if false; then :; fi; echo yes); echo $?
(set -e; f2() { false; echo in; }; f2 || echo out; f2; echo never); echo $?
(set -e; true && false; echo after-and); echo $?; (set -e; x=$(false); echo never); echo $?
g() { local a=1 b; b=2; echo $a$b; h; }; h() { echo "h${a}${b}"; a=9; }; a=o b=p; g; echo $a$b
r() { [ $1 = 0 ] || { r $(($1 - 1)); echo r$1; }; }; r 4
{ echo out; echo err >&2; } >of 2>ef; cat of ef; { cat of; echo more; } >>ef; cat ef
exec 4>f4; echo four >&4; exec 4>&-; cat f4; (echo x >&4) 2>/dev/null || echo closed
cat <of >of2; cmp of of2 && echo same; echo both >both 2>&1; cat both
cat <<A <<B
one
A
two
B
cat <<-'T'
	$tabs `here`
	  kept
	T
v=val; cat <<E
$v ${v} $(echo sub) $((1+1)) \$v \\ "quoted" 'single'
join\
ed
E
while read -r l; do echo "<$l>"; done <<E
 lead trail
back\slash
E
if read x </dev/null; then echo no; else echo eof; fi; printf 'no newline' | { read x; echo "$? $x"; }
printf 'a:b:c\n' | { IFS=: read p q; echo "$p $q"; }; printf ' x  y z \n' | { read p q; echo "<$p><$q>"; }
trap 'echo t1' USR1; kill -USR1 $$; trap '' USR1; kill -USR1 $$; trap - USR1; echo untrapped
(trap 'echo sub bye' EXIT; exit 2); echo $?; (trap 'echo int; exit 9' INT; kill -INT $$ 2>/dev/null; sleep 0) >/dev/null 2>&1 &
wait; echo waited
sleep 0.1 & a=$!; (exit 6) & b=$!; wait $b; echo $?; wait $a; echo $?; wait 99999999; echo $?
eval 'x=1; eval "y=\$x"'; echo $y; eval; echo $?; . /dev/null; echo $?
echo 'echo sourced $1; return 4' >src; . ./src; echo $?
x=1 :; echo "x=$x"; x=2 true; echo "x=$x"; x=3 eval 'echo $x'; echo "x=$x"
unset x; readonly ro=1; (ro=2; echo never) 2>/dev/null; echo $?; (unset ro) 2>/dev/null; echo $?
export EX=1; dash -c 'echo $EX' ; EX=2 dash -c 'echo $EX'; unset EX; dash -c 'echo ${EX-gone}'
cd /; pwd; cd /usr/bin; cd ..; pwd; cd - ; cd nosuch 2>/dev/null; echo $?; cd; pwd; cd "$OLDPWD"
test -t 99; echo $?; test 1 -gt 0 -a 0 -gt 1; echo $?; [ ! "" ]; echo $?; [ "(" = "(" ]; echo $?; [ -n "$nothing" ]; echo $?; test ! -d /etc; echo $?
[ 10 -gt 9 ] && [ abc != abd ] && [ -e /etc/passwd ] && [ -s /etc/passwd ] && [ -r / ] && echo all; [ x -eq 1 ] 2>/dev/null; echo $?
printf '%3d|%-4s|%04d|%+d|%x|%o|%X|%%|%c\n' 5 ab 7 3 255 8 255 xyz; printf '%s %s\n' 1 2 3; printf '%5.1f|%.3s\n' 2.25 abcdef; printf '\101\n'; printf '%b|' 'a\tb' 'c\0101'; echo
a=1; while [ $a -lt 3 ]; do a=$((a+1)); case $a in 2) continue;; esac; echo a$a; done
! { echo neg; false; }; echo $?; { true; } && ( false ) || echo chain
x=$(echo out; exit 3); echo $? $x; $(exit 4); echo $?; echo $(exit 5) $?
getopts ab: o -a; echo $o $OPTIND; OPTIND=1; set -- -b val -ax rest; while getopts :ab: o; do echo "$o ${OPTARG-none}"; done; shift $((OPTIND-1)); echo $*
alias 2>/dev/null >/dev/null; type cd >/dev/null && command -v echo; command -v ls >/dev/null && echo have
set -- 1 2 3; shift 2; echo $*; set -- -x y; echo $1; set a b; echo $2; f() { set -- z; echo $1; }; f q; echo $1
echo end; exit 11
