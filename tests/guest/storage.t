#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Debian's stock kernel mounts an ext4 image in every kind of disk that we
# have, writes a file there, reads it back, trims; the host checks the file
# system and compares the file. CDs and a folder of the host are read.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_AHCI CONFIG_VIRTIO_BLK
requires busybox cpio mkfs.ext4 debugfs

kernel=$(kernel_of linux-image-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" crc16 crc32c_generic crc32c-intel crc64 crc64-rocksoft crc-t10dif crct10dif_common crct10dif_generic \
	crc64_rocksoft_generic mbcache jbd2 ext4 t10-pi scsi_common scsi_mod sd_mod cdrom sr_mod libata libahci ahci nvme-core nvme \
	nls_cp437 nls_ascii fat vfat \
	virtio virtio_ring virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk virtio_scsi
head -c 3000001 /dev/urandom >ird/data
sum=$(sha256sum <ird/data | cut -c1-16)
make_initrd ird.gz "$load_modules"'
for a in $(cat /proc/cmdline); do case $a in disks=*) disks=${a#disks=};; esac; done
for n in 1 2 3 4 5 6 7 8 9 10; do [ $(ls -d /sys/class/block/*/device | wc -l) -ge $disks ] && break; sleep 1; done
mkdir -p /mnt
for dev in $(ls /sys/class/block); do
	[ -e /sys/class/block/$dev/device ] || continue
	case $dev in
	sr*)	echo "init: cd $dev $(dd if=/dev/$dev bs=64k 2>/dev/null | sha256sum | cut -c1-16)"
		continue;;
	fd*|nvme*c*) continue;;
	esac
	if [ -e /dev/${dev}1 ]; then
		mount -t vfat -o ro,utf8 /dev/${dev}1 /mnt && echo "init: folder $(cd /mnt && find . -type f | sort | while read -r f; do sha256sum "$f"; done | sha256sum | cut -c1-16)"
		umount /mnt
		continue
	fi
	mount -t ext4 -o discard /dev/$dev /mnt || continue
	name=$(cat /mnt/name)
	cp /data /mnt/data; dd if=/data of=/mnt/sync bs=4096 count=100 conv=fsync 2>/dev/null; rm /mnt/sync
	sync; umount /mnt; echo 3 >/proc/sys/vm/drop_caches
	mount -t ext4 -o ro /dev/$dev /mnt
	echo "init: $name $dev $(sha256sum </mnt/data | cut -c1-16) queue $(cat /sys/class/block/$dev/queue/logical_block_size) $(cat /sys/class/block/$dev/device/queue_depth 2>/dev/null)"
	umount /mnt
done
dmesg | grep -v "Unknown symbol" | grep -E "exception|hard resetting|failed command|timeout|I/O error|aborting" | sed "s/^/init: complaint /"
poweroff -f'
head -c 5001216 /dev/urandom >cd.iso
cd_sum=$(sha256sum <cd.iso | cut -c1-16)

# disk NAME: an image with an ext4 that knows its name.
disk() {
	mkdir -p root && echo "$1" >root/name && truncate -s 24M "$1.img" && mkfs.ext4 -q -F -b 4096 -E nodiscard -d root "$1.img"
}

# has NAME [BLOCK-SIZE]: the guest's word and the image.
has() {
	like "$log" "init: $1 [a-z0-9]+ $sum queue ${2:-512}" "$1: the guest read back what it wrote"
	rm -f out; debugfs -R "dump /data out" "$1.img" >/dev/null 2>&1
	is "$(sha256sum out | cut -c1-16)" "$sum" "$1: and the image has it"
	ok "$1: the file system is sound" e2fsck -fn "$1.img"
}

disk ahci; disk plain; disk blk
set -- -drive file=ahci.img,format=raw,index=0,discard=unmap -drive file=plain.img,format=raw,if=none,id=p \
	-device ide-hd,drive=p,bus=ide.1,serial=plain -cdrom cd.iso -drive file=blk.img,format=raw,if=virtio,discard=unmap
disks=4
if grep -q "^CONFIG_NVME=y" "$objtree/.config"; then
	disk nvme1; disk nvme2
	set -- "$@" -drive file=nvme1.img,format=raw,if=none,id=n1,discard=unmap -drive file=nvme2.img,format=raw,if=none,id=n2 \
		-device nvme,id=nv,serial=one -device nvme-ns,drive=n1,bus=nv,nsid=1 -device nvme-ns,drive=n2,bus=nv,nsid=5,logical_block_size=4096
	disks=$((disks + 2))
fi
if grep -q "^CONFIG_VIRTIO_SCSI=y" "$objtree/.config"; then
	disk scsi
	set -- "$@" -device virtio-scsi-pci,id=vs -drive file=scsi.img,format=raw,if=none,id=s,discard=unmap \
		-device scsi-hd,drive=s,bus=vs.0,lun=3 -drive file=cd.iso,if=none,id=sc,media=cdrom -device scsi-cd,drive=sc,bus=vs.0
	disks=$((disks + 2))
fi
if grep -q "^CONFIG_BLOCK_VVFAT=y" "$objtree/.config"; then
	mkdir -p "folder/with one/inside" && head -c 700001 /dev/urandom >"folder/with one/inside/Some Data.bin"
	echo hello >"folder/héllo.txt"
	set -- "$@" -drive file=fat:folder,if=virtio
	disks=$((disks + 1))
fi
ok "boots and powers off" boot all -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1 quiet disks=$disks" -m 512 -smp 2 "$@"
log=$(cat all.log)
has ahci
has plain
has blk
[ $disks -lt 6 ] || { has nvme1; has nvme2 4096; }
like "$log" "init: cd sr0 $cd_sum" "the CD is read"
[ $disks -lt 8 ] || { has scsi; like "$log" "init: cd sr1 $cd_sum" "the SCSI CD is read"; }
[ ! -d folder ] || like "$log" "init: folder $(cd folder && find . -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -c1-16)" "a folder of the host is read as FAT"
is "$(grep "init: complaint" all.log)" "" "the drivers complain of nothing"
done_testing
