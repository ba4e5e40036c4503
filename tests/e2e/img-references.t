#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Which files that an image names are opened: img follows names inside the
# image's own directory, qemu-img all.
. "$(dirname "$0")/../lib.sh"
requires qemu-img
requires_config CONFIG_TOOL_IMG CONFIG_BLOCK_QCOW2
mkdir -p d/sub e
for f in d/base.raw d/sub/b.raw e/x.raw; do head -c 65536 /dev/urandom >$f; done
ln -s ../e/x.raw d/link.raw
ln -s ../e d/away
ln -s . d/dot
ln "$VMBOX" qemu-img 2>/dev/null || ln -s "$VMBOX" qemu-img
names() { qemu-img create -q -f qcow2 -u -F "${2:-raw}" -b "$1" d/t.qcow2 64k; }

for n in base.raw sub/b.raw "$PWD/d/base.raw" "$PWD/d/sub/b.raw"; do
	names "$n"
	ok "follows $n" "$VMBOX" img map d/t.qcow2
done
names "$PWD/d/base.raw"
ok "the same from inside the directory" sh -c "cd d && '$VMBOX' img map t.qcow2"
for n in ../e/x.raw link.raw dot/base.raw away/x.raw sub/../../e/x.raw /etc/passwd /dev/null sub nbd:unix:/x \
	"json:{\"driver\":\"file\",\"filename\":\"$PWD/d/base.raw\"}" file:base.raw /dev/fdset/0; do
	names "$n"
	not_ok "refuses $n" "$VMBOX" img map d/t.qcow2
	like "$("$VMBOX" img map d/t.qcow2 2>&1)" "outside of the image's own directory" "and says why"
done
names base.raw null-co
like "$("$VMBOX" img map d/t.qcow2 2>&1)" "not opened as 'null-co'" "refuses a protocol for a format"
names ../e/x.raw
ok "--follow=all" "$VMBOX" img map --follow=all d/t.qcow2
ok "called as qemu-img" ./qemu-img map d/t.qcow2
not_ok "qemu-img --follow=dir" ./qemu-img map --follow=dir d/t.qcow2
names base.raw
not_ok "--follow=none" "$VMBOX" img map --follow=none d/t.qcow2
ok "info opens no backing file" "$VMBOX" img info --follow=none d/t.qcow2
qemu-img create -q -f qcow2 -o data_file=e/data.raw d/t.qcow2 64k 2>/dev/null
ok "reads e/data.raw when told to" "$VMBOX" img map --follow=all --image-opts \
	driver=qcow2,file.filename=d/t.qcow2,data-file.driver=file,data-file.filename=e/data.raw
cd d && qemu-img create -q -f qcow2 -o data_file=../e/data2.raw u.qcow2 64k && cd ..
not_ok "refuses a data file elsewhere" "$VMBOX" img map d/u.qcow2
ok "follows it as qemu-img" ./qemu-img map d/u.qcow2
outside="outside of the image's own directory"
for t in qemu-io qemu-nbd; do
	grep -q "^CONFIG_TOOL_$(echo $t | tr a-z- A-Z_)=y" "$objtree/.config" || continue
	# qemu-nbd gets a device that is none, and ends once the image is open.
	case $t in qemu-io) set -- -r -c 'read 0 64k' ;; *) set -- -v -r -f qcow2 -c /dev/null ;; esac
	names ../e/x.raw
	like "$("$VMBOX" $t --follow=dir "$@" d/t.qcow2 2>&1)" "$outside" "$t --follow=dir"
	is "$("$VMBOX" $t "$@" d/t.qcow2 2>&1 | grep -c "$outside")" 0 "$t follows all by default"
	like "$("$VMBOX" $t --follow=some "$@" d/t.qcow2 2>&1)" "not 'some'" "$t --follow=some"
	names base.raw
	is "$("$VMBOX" $t --follow=dir "$@" d/t.qcow2 2>&1 | grep -c "$outside")" 0 "$t --follow=dir follows base.raw"
done
done_testing
