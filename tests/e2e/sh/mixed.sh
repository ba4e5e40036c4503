# SPDX-License-Identifier: GPL-2.0-or-later
# with: busybox
echo hello   world "a  b" 'c  d' e\ f
x=5; y="$x $x"; echo $y "$y" ${x}z ${u:-def} ${u-def2} ${x:+alt} "${u:=asg}" $u
echo ${#y} ${y#* } ${y%% *} ${y##*}
for i in 1 2 3; do echo -n "$i "; done; echo
i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i
case foo in bar) echo no;; f*) echo yes;; esac
case "a*" in a\*) echo lit;; esac
f() { echo "f: $# $1 $2"; return 3; }
f a b; echo $?
g() { local v=1; v=2; echo $v; }; v=out; g; echo $v
echo $(echo sub; echo two) `echo back`
echo "$(printf '%s\n' "a b" c)"
echo a | cat | tr a b
false || echo or; true && echo and
! false; echo $?
(exit 4); echo $?
{ echo grp; } > out; cat out
cat <<E1
x=$x $((x*2)) `echo bq` \$x "q"
E1
cat <<'E2'
$x \n
E2
cat <<-E3
	tabbed
	E3
set -- a "b c" d; echo $# "$2"; for a in "$@"; do echo "<$a>"; done; for a in $*; do echo "[$a]"; done; shift; echo $1
echo "$*"; IFS=:; echo "$*"; p=a:b::c; for w in $p; do echo "<$w>"; done; unset IFS
echo $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((7%3)) $((1<<4)) $((5>3)) $((5==5 && 2)) $((0x10)) $((010)) $((x=9)) $x $((x+=1)) $((x>5?1:2)) $((-3)) $((~0)) $((!0))
printf '%d %5d|%-5d|%05d %x %s %c\n' 1 2 3 4 255 str chr
printf '%s-%s\n' a b c d
printf 'esc\tx\n'
echo "a'b" 'a"b' "a\"b" "a\\b" "a\$b"
if false; then echo 1; elif true; then echo 2; else echo 3; fi
echo * | wc -w >/dev/null
nosuchcmd 2>/dev/null; echo $?
echo err >&2 2>/dev/null
exec 3>o3; echo three >&3; exec 3>&-; cat o3
read a b <<X
one two three
X
echo "$a|$b"
echo 'l1
l2' | while read l; do echo "got $l"; done
test -d /tmp && echo dir; [ -f /etc/passwd -a ! -d /etc/passwd ] && echo file
[ "a" = "a" ] && [ 1 -ne 2 ] && echo cmp; [ ! -e /nope ] && echo nope
eval 'echo ev $x'
trap 'echo bye' EXIT
x=1 y=2; export x; sh -c 'echo $x $y'
z=tmp env | grep ^z=
echo ${x:?err}
unset x; echo "[${x-unset}]"
a=b; b=c; eval echo \$$a
echo "nested $(echo "inner $(echo deep)")"
echo ${u:-${v:-x}} "${u+"q r"}"
echo a;echo b # comment
echo "multi
line"
echo con\
tinued
[ 1 -lt 2 ] ; echo $?
: ${d:=dflt}; echo $d
n=3; while :; do n=$((n-1)); [ $n -le 0 ] && break; for j in 1 2; do [ $j = 2 ] && continue 2; echo $n$j; done; done
echo "~" ~root ~/x | sed "s,$HOME,H,"
command -v cd; type cd >/dev/null && echo typed
getopts_test() { while getopts ab:c o "$@"; do echo "$o $OPTARG"; done; echo $OPTIND; }; getopts_test -a -bfoo -c rest
wait; sleep 0 & wait $!; echo $?
kill -l >/dev/null; echo $?
set -e; false || true; if false; then :; fi; echo still; (false; echo no); echo not
