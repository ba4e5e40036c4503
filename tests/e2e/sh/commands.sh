# SPDX-License-Identifier: GPL-2.0-or-later
trap 'echo usr1' USR1; kill -USR1 $$; echo after
trap - USR1
(exit 7) | true; echo $?; true | (exit 7); echo $?
sleep 1 & p=$!; kill $p; wait $p; echo $?
while read a b; do echo "$b $a"; done <<E
1 2
3 4 5
E
i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done | while read x; do echo r$x; done
{ echo a; echo b >&2; } 2>&1 | sort
f() { cat; }; f <<E
from f
E
f() { if [ "$1" -gt 0 ]; then echo $1; f $(($1-1)); fi; }; f 3
cat <<A; cat <<B
a
A
b
B
echo "$(cat <<X
in sub
X
)"
x=$(printf 'a\n\n\n'); echo "[$x]"
x=`echo \`echo nested\``; echo $x
case x in (x) echo par;; esac
case abc in a?c) echo q;; esac; case abc in [!b]*) echo nb;; esac
if [ "$(echo a)" = a ] && ! [ b = a ]; then echo ok; fi
echo a > o4; echo b >> o4; cat < o4; : > o4; wc -c < o4
echo x 3>&1 >&3
unset foo; foo() { echo func; }; foo; unset -f foo; foo 2>/dev/null; echo $?
readonly R=1; (R=2) 2>/dev/null; echo $?
set -u; (echo $undefined_x) 2>/dev/null; echo $?; set +u
set -f; echo *; set +f
exec 5</etc/passwd; read l <&5; echo $l; exec 5<&-
IFS=, read a b <<E
x,y,z
E
echo $a $b
echo "a  b" | { read x; echo "$x"; }
printf '%s\n' 'a\b' | { read x; printf '%s\n' "$x"; }; printf '%s\n' 'a\b' | { read -r x; printf '%s\n' "$x"; }
printf '%b' 'x\ty\n'; printf '%%|%5.2f|%e\n' 3.14159 1; printf '%s' ; printf '%d\n' 0x1f; printf "%d\n" "'A"
test 1 -eq 1 -a 2 -eq 2; echo $?; test "" ; echo $?; test -n; echo $?; test a = b -o c = c; echo $?; test \( a = a \) ; echo $?
[ -z "" ] && [ -n x ]; echo $?
while false; do :; done; echo $?
for i in; do echo none; done; echo $?
echo ${10} $#; set -- 1 2 3 4 5 6 7 8 9 ten; echo ${10} $10
shift 3; echo $1 $#
umask 022; umask
echo $-|grep -c i
false; x=$(true); echo $?; false; x=$(false); echo $?
$(true); echo $?
command echo cmd; command -v nosuch; echo $?
! true | false; echo $?
a=$(cat <<'E'
)
E
); echo "$a"
echo done; return 5
