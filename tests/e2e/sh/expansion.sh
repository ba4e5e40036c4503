# SPDX-License-Identifier: GPL-2.0-or-later
f() { return $1; }
for i in 0 1 2; do if f $i; then echo t$i; else echo f$?; fi; done
x='a b'; set -- $x; echo $#; set -- "$x"; echo $#; set -- ""; echo $#; set -- $nothing; echo $#; set -- "$@"; echo $#; set -- a"$@"b; echo $# $1
v='*'; echo "$v" '$v'; cd /etc; echo host*s; echo "host*s"; echo h\*; echo [h]osts
echo ${PWD}; cd - >/dev/null;
(cd /; pwd); echo $?
a=1 b=2 sh -c 'echo $a$b'
echo "${x#a }" "${x%b}"; y=/usr/lib/foo.so.1; echo ${y##*/} ${y%/*} ${y%.*} ${y%%.*} ${y#*.}
p='a*'; echo ${y#"$p"} "${p#'a'}" "${p%\*}"
echo "${z:-"in ner"}" ${z:-'si ngle'} "${z:-'x'}"
echo $(( $(echo 3) + ${#x} ))
e=; echo "${e:-null}" "${e-set}" "${e:+x}" "${e+set}"
s=abcabc; echo ${s%b*} ${s%%b*} ${s#*b} ${s##*b} ${s%z} "${s#"ab"}"
d='$HOME `x` "q"'; echo "$d"
IFS='-:'; v=a-b::c-; for w in $v; do echo "<$w>"; done; set -- x y z; echo "$*"; IFS=; echo "$*"; echo $*; unset IFS
IFS=' ,'; v=' a , b ,, c '; for w in $v; do echo "<$w>"; done; unset IFS
echo "a${#}b" $# "$#"
set -- 'a b' c; for w in $@; do echo "<$w>"; done; for w in "x$@y"; do echo "<$w>"; done; for w in "$*"; do echo "<$w>"; done
set --; for w in "$@"; do echo never; done; for w in "x$@"; do echo "<$w>"; done
echo ${nope-a b} "${nope-a b}" ${nope-"a  b"}
: > 'star*'; : > starry; echo star*; echo "star*"; echo star\*; echo 'sta'r?y; echo nomatch*; echo [s]tarry
case 'a]b' in a\]b) echo esc;; esac; case abc in "a*") echo no;; a*) echo pat;; esac; x='a*'; case abc in "$x") echo no;; $x) echo pat2;; esac
case - in [a-]) echo dash;; esac; case b in [!a]) echo neg;; esac
echo $((1 ? 2 : 3)) $((0 || 0)) $((2 > 1 && 3 > 2)) $((5 & 3 | 8 ^ 1)) $((-7 / 2)) $((-7 % 3)) $((1 << 3 >> 1)) $((3 - -2)) $((!5)) $((~5))
i=5; echo $((i += 2)) $i $((i *= 2)) $((i <<= 1)) $((i %= 5)) $i $((j = i + 1)) $j $((0 && (k = 1))) ${k-unset}
x=3; echo $((x * x)) $(($x+1)) $(( x == 3 ? 10 : 20 ))
echo $((9223372036854775807 + 1)) $((0x7f)) $((017))
echo "\"q\"" "\$x" "\\" "a\
b"
echo ~ ~/x "~" a=~ ; p=~/y:~/z; echo $p
echo `echo "a   b"` "`echo "a   b"`" `echo \\$x` "$(echo "$(echo 'd  e')")"
