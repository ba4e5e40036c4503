#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Debian's unmodified cloud kernel boots to its init with 1 and 2
# processors, sees what it should, and powers off by ACPI.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM
requires busybox cpio

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
make_initrd ird.gz '
echo "init: cpus=$(grep -c ^processor /proc/cpuinfo) mem=$(grep MemTotal /proc/meminfo)"
echo "init: clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
echo "init: pci=$(ls /sys/bus/pci/devices | wc -l) acpi=$(ls /sys/firmware/acpi/tables | wc -l)"
echo "init: sum=$(dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum | cut -c1-16)"
cd /sys/devices/system/node
echo "init: nodes=$(cat online)" $(for n in node*; do echo "$n cpus=$(cat $n/cpulist) distance=$(cat $n/distance)"; done)
sleep 1
grep -E "ttyS0|acpi" /proc/interrupts
poweroff -f'

nodes="-numa node,mem=128,cpus=0 -numa node,mem=128,cpus=1 -numa dist,src=0,dst=1,val=17"
for cpus in 1 2; do
	[ "$cpus" = 1 ] && numa= || numa=$nodes
	# shellcheck disable=SC2086
	ok "boots with $cpus processor(s) and powers off with status 0" \
		boot "smp$cpus" -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1" -m 256 -smp "$cpus" $numa
	log=$(cat "smp$cpus.log")
	like "$log" "init: cpus=$cpus " "the kernel sees $cpus processor(s)"
	[ "$cpus" = 1 ] || like "$log" "init: nodes=0-1 node0 cpus=0 distance=10 17 node1 cpus=1 distance=17 10" "in two nodes"
	like "$log" "init: pci=[3-9] acpi=" "and the PCI devices"
	like "$log" "init: sum=30e14955ebf13522" "computes SHA-256 right"
	like "$log" "reboot: Power down" "and powers off by ACPI"
	like "$log" "ACPI: Interpreter enabled" "ACPI tables are good"
	like "$log" "DMI: QEMU Standard PC" "SMBIOS tables too"
	! grep -E "ACPI (BIOS )?(Error|Warning)|Kernel panic|rcu.*stall|Oops|BUG:" "smp$cpus.log" >bad.txt
	is "$(cat bad.txt)" "" "no complaint in the log"
done

ok "isa-serial by -device takes a chardev" \
	boot dev -nodefaults -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1" -m 256 \
	-chardev file,id=c,path=con.log -device isa-serial,chardev=c -smbios type=1,manufacturer=Maker,product=Thing
like "$(cat con.log)" "reboot: Power down" "and carries the console"
like "$(cat con.log)" "DMI: Maker Thing, BIOS" "-smbios tells the kernel who made it"

head -c 100000 "$kernel" >cut
"$VMBOX" vm -kernel cut -m 256 -nographic </dev/null >cut.log 2>cut.err
is "$?" 1 "a truncated kernel: status 1"
is "$(wc -l <cut.err)" 1 "and one line"
like "$(cat cut.err)" "cut short" "that says so"
done_testing
