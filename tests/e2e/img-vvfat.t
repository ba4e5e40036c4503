#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A folder as a FAT disk: what it shows is judged by fsck.fat, mtools and QEMU's own vvfat; what
# changes, vanishes, leads elsewhere or has a strange name does no harm.
. "$(dirname "$0")/../lib.sh"
requires qemu-img fsck.fat mdir mcopy python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_VVFAT CONFIG_BLOCK_QCOW2
img() { "$VMBOX" img "$@"; }
export MTOOLS_SKIP_CHECK=1 TZ=UTC

# The file system of a disk whose partition begins at sector 63.
volume() { dd if="$1" of=v.img bs=512 skip=63 conv=sparse status=none; }
# The tree of a volume as mtools see it.
unpack() { rm -rf "$2" && mkdir "$2" && LC_ALL=C.UTF-8 mcopy -s -n -m -i "$1" ::/ "$2" >/dev/null; }
same_tree() { unpack "$1" got && diff -r "$2" got; }

python3 - <<'PY'
import os, random
r = random.Random(5)
os.makedirs('src/EFI/BOOT/deeper/and deeper still')
def put(name, data):
    with open('src/' + name, 'wb') as f:
        f.write(data)
    os.utime('src/' + name, (1600000000, 1600000000))
put('README.TXT', b'exact\r\n')
put('lower.txt', b'folded\n')
put('A quite long name, with spaces (and more).text', b'long\n')
put('A quite long name, with spaces (and less).text', b'longer\n')
put('thirteenunits', b'13\n')
put('\u00fcn\u00efc\u00f6de \u65e5\u672c.txt', b'unicode\n')
put('.hidden', b'')
put('EFI/BOOT/BOOTX64.EFI', r.randbytes(300001))
put('EFI/BOOT/deeper/and deeper still/x', b'x' * 8192)
put('EFI/big.bin', r.randbytes(5 << 20))
os.mkdir('src/many')
for i in range(1500):
    put('many/file number %04d.data' % i, b'%d\n' % i)
PY
img convert -O raw fat:src ours.raw
volume ours.raw
ok "fsck.fat finds nothing wrong" fsck.fat -n v.img
like "$(fsck.fat -n -v v.img)" '16 bit entries' "FAT16"
ok "mtools read the same tree" same_tree v.img src
is "$(stat -c %Y "got/README.TXT")" 1600000000 "times"
like "$(img info fat:src)" 'virtual size: 504 MiB' "the size is QEMU's"
is "$(sfdisk -l -o Start,Id ours.raw 2>/dev/null | tail -1 | tr -s ' ')" " 63 6" "one partition"
ok "qemu-img's own vvfat" qemu-img convert -O raw fat:src theirs.raw
volume theirs.raw
ok "has the same tree" same_tree v.img src
ok "into qcow2" img convert -O qcow2 fat:src x.qcow2
ok "and back" img compare x.qcow2 ours.raw
ok "sandboxed" img convert --sandbox=require -O raw "fat:16:$PWD/src" caged.raw
ok "the same" cmp ours.raw caged.raw

# Types and options
mkdir small && cp src/README.TXT src/lower.txt small && mkdir small/sub && cp src/thirteenunits small/sub
for type in 12 16 32; do
	img convert -O raw fat:$type:small t.raw
	volume t.raw
	ok "FAT$type: clean" fsck.fat -n v.img
	ok "FAT$type: the tree" same_tree v.img small
	like "$(fsck.fat -n -v v.img)" "$type bit entries" "FAT$type: of that type"
done
for f in floppy: 12:floppy: 16:floppy:; do
	img convert -O raw fat:${f}small t.raw
	ok "$f clean" fsck.fat -n t.raw
	ok "$f the tree" same_tree t.raw small
done
is "$(stat -c %s t.raw)" 2949120 "a floppy of 2.88 MB"
img convert -O raw --image-opts driver=vvfat,dir=small,fat-type=32,label=my-disk t.raw
volume t.raw
like "$(mlabel -s -i v.img ::)" 'MY-DISK' "its label"
ok "json" img info 'json:{"driver":"vvfat","dir":"small","floppy":true}'
ok "a dir with colons" sh -c 'mkdir a:b && echo 1 >a:b/1 && "$VMBOX" img info fat:./a:b'
like "$(img info fat:rw:small 2>&1)" 'not supported' "no writing to the host"
like "$("$VMBOX" qemu-io -c 'write 0 512' fat:small 2>&1)" 'failed|read-only' "nor to the disk"
like "$(img info fat:13:small 2>&1)" 'Could not read|No such' "no such type, then it is a folder's name"
like "$(img info 'json:{"driver":"vvfat","dir":"small","fat-type":13}' 2>&1)" 'Valid FAT types' "no such type"
like "$(img info 'json:{"driver":"vvfat","dir":"small","label":"much too long"}' 2>&1)" 'longer than 11' "too long a label"
like "$(img info fat:floppy:src 2>&1)" 'does not fit in FAT12' "too much for a floppy"
not_ok "no such folder" img info fat:nowhere
not_ok "a file is no folder" img info fat:src/lower.txt

# More than QEMU's disk has room for
mkdir large && truncate -s 520M large/sparse.bin && echo end >large/z
img convert -O raw fat:large t.raw
volume t.raw
like "$(fsck.fat -n -v v.img)" '32 bit entries' "520 MiB make it FAT32"
ok "clean" fsck.fat -n v.img
is "$(mtype -i v.img ::/z)" end "the file behind the large one"
like "$(img info fat:16:large)" 'virtual size: [0-9.]+ [MG]iB' "FAT16 grows as well"
img convert -O raw fat:16:large t.raw
volume t.raw
ok "clean as FAT16" fsck.fat -n v.img
truncate -s 4G large/sparse.bin
like "$(img info fat:large 2>&1)" 'too large' "no file of 4 GiB"
rm -rf large t.raw

# What a folder can hold that FAT cannot
mkdir -p odd/sub outside && echo secret >outside/secret && cd odd || exit 1
mkfifo fifo; ln -s ../outside/secret out; ln -s /etc/passwd abs; ln -s ../outside outdir; ln -s . loop
ln -s sub/inner inside; echo inner >sub/inner; ln -s nowhere dangling
echo 1 >'a?b*c"d'; echo 2 >'trailing. . '; echo 3 >Case; echo 4 >CASE; echo 5 >case; echo 6 >...
printf 7 >"$(printf 'bad\377utf8\001')"; echo 8 >'COM~1'; python3 -c 'open("x" * 255, "w").write("9")'
cd .. || exit 1
img convert -O raw fat:odd odd.raw
volume odd.raw
ok "odd names: clean" fsck.fat -n v.img
ok "they can be read" unpack v.img got
is "$(ls got | grep -cE '^(out|abs|outdir|loop|fifo|dangling)$')" 0 "no fifo, no link that leads elsewhere"
is "$(cat got/inside)" inner "a link to a file inside is that file"
is "$(cat got/CASE got/Case~2 got/case~3 2>/dev/null | tr -d '\n')" 435 "names that differ in case"
is "$(cat 'got/a_b_c_d')" 1 "characters that FAT has not"
is "$(ls got | wc -l)" 11 "and nothing else"
is "$(cat got/xxxxx*)" 9 "the longest name"

# Changes behind our back; a disk opened once sees the old tree or an error
mkdir moving && for f in same shorter longer gone replaced linked; do head -c 20000 /dev/zero | tr '\0' $f >moving/$f; done
python3 - "$VMBOX" <<'PY' >moving.out 2>&1
import os, subprocess, sys
p = subprocess.Popen([sys.argv[1], 'qemu-io', '-r', '-f', 'raw', 'fat:moving'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                     stderr=subprocess.STDOUT, text=True, bufsize=0)
def until(word):
    text = ''
    while not text.endswith(word):
        c = p.stdout.read(1)
        if not c:
            break
        text += c
    return text
def ask(cmd):
    p.stdin.write(cmd + '\n')
    p.stdin.flush()
    return until('qemu-io> ')
until('qemu-io> ')
# Files in the order of their names, 3 clusters of 8 KiB each: gone linked longer replaced same shorter
data = (63 + 1 + 2 * 252 + 32) * 512
at = {f: data + i * 24576 for i, f in enumerate(sorted(os.listdir('moving')))}
for f in at:
    print(f, ask('read -P %d %d 1k' % (ord(f[0]), at[f])).replace('qemu-io> ', ''))
os.unlink('moving/gone')
os.truncate('moving/shorter', 100)
open('moving/longer', 'a').write('more')
open('moving/new', 'w').write('s' * 20000)
os.rename('moving/new', 'moving/replaced')
os.unlink('moving/linked')
os.symlink('../outside/secret', 'moving/linked')
for f in at:
    print('then', f, ask('read -P %d %d 1k' % (ord(f[0]), at[f])).replace('qemu-io> ', ''))
print('fds', len(os.listdir('/proc/%d/fd' % p.pid)))
p.stdin.close()
p.wait()
PY
out=$(cat moving.out)
for f in gone linked longer replaced same shorter; do
	like "$out" "^$f read 1024/1024" "$f: read"
done
like "$out" '^then same read 1024/1024' "the others went, it can still be read"
for f in gone linked longer replaced shorter; do
	like "$out" "^then $f .*(cannot be read|read failed: Input/output error)" "then $f is an I/O error"
done
like "$out" 'it has changed since' "and the log says why"
like "$out" '^fds [3-9]$' "no file stays open"
is "$(printf '%s\n' "$out" | grep -c 'Pattern verification failed')" 0 "never what is not its"

# Trees without end are refused in little memory, not eaten
python3 - <<'PY'
import os
os.mkdir('deep'); os.chdir('deep')
for i in range(3000):
    os.mkdir('d'); os.chdir('d')
PY
ok "a very deep tree" img info fat:deep
python3 -c 'import os, shutil; shutil.rmtree("deep", ignore_errors=True)' 2>/dev/null || rm -rf deep
mkdir crowd && (cd crowd && seq -f '%0200.0f' 1 9000 | xargs touch)
like "$(img info fat:crowd 2>&1)" 'too many files|does not fit' "more names than a folder of FAT has room for"
rm -rf crowd deep
done_testing
