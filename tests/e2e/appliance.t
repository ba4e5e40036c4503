#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
# The images of the appliance applet: what is in them, read by programs of
# others; the same bits every time; and one clear line for what cannot be.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_APPLIANCE
requires qemu-img cpio mdir fsck.vfat sgdisk objdump busybox

dir=$("$srctree/scripts/fetch-kernel" linux-image-cloud-amd64)
kernel=$(ls "$dir"/boot/vmlinuz-*)
release=${kernel##*/vmlinuz-}
appliance() { "$VMBOX" appliance --kernel "$kernel" --modules "$dir" "$@"; }

ok "initramfs" appliance -o a.cpio
cpio -it --quiet <a.cpio >names
for name in init bin/vmbox bin/sh bin/poweroff sbin dev/console etc/modules \
	"lib/modules/$release/kernel/drivers/virtio/virtio_pci.ko" "lib/modules/$release/modules.dep"; do
	ok "has $name" grep -qx "$name" names
done
is "$(LC_ALL=C sort -c names 2>&1)" "" "names are sorted"
"$VMBOX" --list >applets
missing=$(while read -r a; do grep -qx "bin/$a" names || echo "$a"; done <applets)
is "$missing" "" "a link for every applet"
mkdir x && (cd x && cpio -id --quiet --no-absolute-filenames <../a.cpio 2>/dev/null)
ok "the binary is this one" cmp x/bin/vmbox "$VMBOX"
is "$(readlink x/init)" bin/vmbox "/init is the binary"
is "$(stat -c %a x/tmp)" 1777 "/tmp is everyone's"
dep=$(cat "x/lib/modules/$release/modules.dep")
# depmod's own opinion of the same files.
if command -v depmod >/dev/null; then
	depmod -b x "$release" -o x 2>/dev/null && sorted() { tr ' ' '\n' | sort; } &&
		is "$(sed -n 's/.*virtio_net.ko: //p' "x/lib/modules/$release/modules.dep" | sorted)" \
			"$(echo "$dep" | sed -n 's/.*virtio_net.ko: //p' | sorted)" "modules.dep as depmod writes it"
fi
like "$dep" "virtio_net.ko:.*virtio_ring.ko" "modules.dep has dependencies"
like "$(cat "x/lib/modules/$release/modules.alias")" '^alias virtio:d00000001v\* virtio_net$' "modules.alias"
like "$(cat "x/lib/modules/$release/modules.devname")" '^tun net/tun c10:200$' "modules.devname"
is "$(./x/bin/vmbox modprobe -n --index "x/lib/modules/$release" virtio:d00000001v00001AF4 | sed 's,.*/,,' | tail -n 1)" \
	virtio_net.ko "modprobe finds a driver by alias"
# Each module's own dependencies come before it.
order=$(./x/bin/vmbox modprobe -n --index "x/lib/modules/$release" vmw_vsock_virtio_transport | sed 's,.*/,,' | tr '\n' ' ')
like "$order" 'virtio\.ko.*virtio_ring\.ko.*transport\.ko|virtio_ring\.ko.*transport\.ko' "modprobe's order"
like "$order" 'vsock\.ko vmw_vsock_virtio_transport_common\.ko vmw_vsock_virtio_transport\.ko $' "what is needed comes first"

ok "with more in it" appliance --compress gzip --busybox /bin/busybox --add /etc/hostname:/etc/more/name \
	--add "$srctree/tests/unit/tools:src" --link opt/here=../bin --load 'tun vsock?' --more-modules nbd \
	--hostname box -o b.cpio.gz
gzip -dc b.cpio.gz >b.cpio
mkdir y && (cd y && cpio -id --quiet --no-absolute-filenames <../b.cpio 2>/dev/null)
ok "Busybox" cmp y/bin/busybox /bin/busybox
is "$(readlink y/bin/vi)" busybox "a link that only Busybox has"
is "$(readlink y/bin/ls)" vmbox "a link that both have is ours"
ok "a file" cmp y/etc/more/name /etc/hostname
ok "a folder" cmp y/src/init_test.c "$srctree/tests/unit/tools/init_test.c"
is "$(readlink y/opt/here)" ../bin "a link"
is "$(cat y/etc/modules)" "$(printf 'tun\nvsock')" "/etc/modules"
is "$(cat y/etc/hostname)" box "/etc/hostname"

ok "uki" appliance -t uki --cmdline "console=ttyS0 x=y" -o a.efi
objdump -h a.efi >sections 2>objdump.err
is "$(cat objdump.err)" "" "objdump reads it"
for s in .osrel .uname .cmdline .initrd .linux; do ok "section $s" grep -q " \\$s " sections; done
objcopy -O binary --only-section=.cmdline a.efi cmdline 2>/dev/null
is "$(cat cmdline)" "console=ttyS0 x=y" "the command line"
objcopy -O binary --only-section=.initrd a.efi initrd 2>/dev/null
ok "the initramfs" cmp -n "$(stat -c %s a.cpio)" initrd a.cpio
objcopy -O binary --only-section=.linux a.efi linux 2>/dev/null
ok "the kernel" cmp -n "$(stat -c %s "$kernel")" linux "$kernel"
# A longer section table than the stub has room for moves its contents.
ok "a stub with sections added" "$VMBOX" appliance -k "$kernel" -m "$dir" -t uki --stub a.efi -o twice.efi
is "$(objdump -h twice.efi 2>&1 | grep -c -E ' \.(text|linux|initrd) ')" 5 "both sets of sections are there"
objcopy -O binary --only-section=.text a.efi t1 2>/dev/null
objcopy -O binary --only-section=.text twice.efi t2 2>/dev/null
ok "and the code is the same" cmp t1 t2

ok "disk" appliance -t disk -o a.img
like "$(sgdisk -v a.img)" 'No problems found' "sgdisk finds no problems"
like "$(sgdisk -p a.img)" ' EF00 ' "an EFI system partition"
dd if=a.img of=esp bs=1M skip=1 status=none
ok "fsck.vfat finds no problems" fsck.vfat -n esp
mcopy -n -i esp ::EFI/BOOT/BOOTX64.EFI boot.efi
appliance -t uki -o c.efi
ok "the program is the uki" cmp boot.efi c.efi
ok "a disk of a given size" appliance -t disk --size 100M -o b.img
is "$(stat -c %s b.img)" 104857600 "has that size"
like "$(sgdisk -v b.img)" 'No problems found' "and no problems"

# As qcow2, in the opinion of Debian's qemu-img.
if grep -q '^CONFIG_BLOCK_QCOW2=y' "$objtree/.config"; then
	ok "qcow2" appliance -t disk -O qcow2 -o a.qcow2
	like "$(qemu-img info a.qcow2)" '^file format: qcow2' "is qcow2"
	ok "qemu-img check" qemu-img check a.qcow2
	ok "with the contents of the raw one" qemu-img compare -f raw -F qcow2 a.img a.qcow2
	appliance -t disk -O qcow2 -o b.qcow2
	ok "the same bits again" cmp a.qcow2 b.qcow2
	is "$(ls a.qcow2.* 2>/dev/null)" "" "nothing is left beside it"
fi

# The same bits: elsewhere, later, with names of modules in another order.
mkdir -p "elsewhere/with a longer name" && cp -r "$dir" "elsewhere/with a longer name/k"
sleep 1
for type in initramfs uki disk; do
	appliance -t $type -o one
	(cd "elsewhere/with a longer name" && umask 077 && TZ=Pacific/Auckland "$VMBOX" appliance -t $type \
		-k k/boot/vmlinuz-* -m k/lib/modules/"$release" -o two)
	is "$(sha256sum <"elsewhere/with a longer name/two")" "$(sha256sum <one)" "$type: the same bits again"
done
SOURCE_DATE_EPOCH=1700000000 appliance -o e.cpio
like "$(TZ=UTC cpio -itv --quiet <e.cpio 2>/dev/null)" 'Nov 14 +2023 bin/vmbox' "SOURCE_DATE_EPOCH"
appliance -o - >stdout.cpio
ok "to a pipe" cmp stdout.cpio a.cpio

fails() {
	"$VMBOX" appliance "$@" >out 2>err && rc=0 || rc=$?
	is "$rc:$(wc -l <err):$(sed 's/^[^:]*: //' err)" "1:1:$want" "$want"
}
want="no-such: No such file or directory" fails -k no-such -m "$dir" -o z
want="/etc/passwd: not a Linux kernel for x86 (bzImage)" fails -k /etc/passwd -m "$dir" -o z
want="/etc: no modules for kernel $release" fails -k "$kernel" -m /etc -o z
want="nonsense: the kernel has no such module" fails -k "$kernel" -m "$dir" --more-modules nonsense -o z
want="/etc/passwd: not an EFI program (PE32+)" fails -t uki -k "$kernel" -m "$dir" --stub /etc/passwd -o z
want="--kernel is needed for that" fails -t uki -o z
want="3145728 bytes: not a size for FAT32" fails -t disk -k "$kernel" -m "$dir" --size 5M -o z
want="no/where/z: No such file or directory" fails -k "$kernel" -m "$dir" -o no/where/z
want="no-file: No such file or directory" fails -k "$kernel" -m "$dir" --add no-file -o z
head -c 30000 "$(find "$dir" -name virtio.ko)" >short.ko
mkdir -p "bad/lib/modules/$release/kernel" && cp short.ko "bad/lib/modules/$release/kernel/virtio.ko"
want="kernel/virtio.ko: not a kernel module" fails -k "$kernel" -m bad --module-list virtio -o z
is "$(ls z z.part 2>/dev/null)" "" "nothing is left of images that failed"
"$VMBOX" appliance -k "$kernel" -m "$dir" -t disk -o - 2>err >/dev/full && rc=0 || rc=$?
is "$rc:$(cat err)" "1:appliance: standard output: No space left on device" "a full disk"
done_testing
