#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Debian's unmodified cloud kernel on -machine microvm with 1 and 2
# processors: disks, network, random numbers and a console, all without PCI.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM CONFIG_MACHINE_MICROVM CONFIG_VIRTIO_BLK CONFIG_VIRTIO_NET CONFIG_VIRTIO_RNG CONFIG_VIRTIO_SERIAL CONFIG_NET_USER
requires busybox cpio

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
add_modules "$kernel" virtio virtio_ring virtio_mmio virtio_blk rng-core virtio-rng failover net_failover virtio_net virtio_console
make_initrd ird.gz "$load_modules"'
for n in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/vdb ] || sleep 1; done
dd if=/dev/vda of=/dev/vdb bs=64k 2>/dev/null; sync
echo "init: copied $(sha256sum </dev/vdb | cut -c1-16) serial $(cat /sys/block/vda/serial)"
echo "init: random $(dd if=/dev/hwrng bs=16 count=1 2>/dev/null | wc -c)"
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
ping -c 1 -W 20 10.0.2.2 >/dev/null && echo "init: network"
echo "from the guest" >/dev/hvc0
echo "init: cpus=$(grep -c ^processor /proc/cpuinfo) pci=$(ls /sys/bus/pci/devices | wc -l) on=$(ls /sys/bus/virtio/devices | wc -l)"
echo "init: lines $(grep -c -E "IO-APIC +(16|17|18|19|20)-.*virtio" /proc/interrupts)"
poweroff -f'
head -c 4194304 /dev/urandom >from.img
sum=$(sha256sum <from.img | cut -c1-16)

for cpus in 1 2; do
	rm -f to.img && truncate -s 4M to.img
	ok "boots with $cpus processor(s) and powers off" boot "smp$cpus" -M microvm -kernel "$kernel" -initrd ird.gz \
		-append "console=ttyS0 panic=-1 no_timer_check" -m 256 -smp "$cpus" \
		-drive file=from.img,if=none,format=raw,id=f,readonly=on -drive file=to.img,if=none,format=raw,id=t \
		-device virtio-blk-device,drive=f,serial=from -device virtio-blk-device,drive=t,packed=on -nic user \
		-device virtio-rng-device -device virtio-serial-device -chardev file,id=c,path=channel -device virtconsole,chardev=c
	log=$(cat "smp$cpus.log")
	like "$log" "init: copied $sum serial from" "one disk was copied to the other"
	is "$(sha256sum <to.img | cut -c1-16)" "$sum" "and the image has it"
	like "$log" "init: random 16" "random numbers"
	like "$log" "init: network" "the network's gateway answers"
	like "$(cat channel)" "from the guest" "a console"
	like "$log" "init: cpus=$cpus pci=0 on=5" "5 devices, no PCI, $cpus processor(s)"
	like "$log" "init: lines 5" "each has its interrupt"
	like "$log" "reboot: Power down" "powers off by ACPI"
	! grep -E "ACPI (BIOS )?(Error|Warning)|Kernel panic|rcu.*stall|Oops|BUG:" "smp$cpus.log" >bad.txt
	is "$(cat bad.txt)" "" "no complaint in the log"
done
done_testing
