#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Debian's kernel by translated code with 1, 2 and 4 processors: hundreds
# of short-lived processes that must all compute the same sums.
. "$(dirname "$0")/../lib.sh"
. "$srctree/tests/guest/boot.sh"
requires_config CONFIG_VM
requires_config CONFIG_JIT
requires busybox cpio

kernel=$(kernel_of linux-image-cloud-amd64) || { fail "fetch the kernel"; done_testing; exit; }
make_initrd ird.gz '
work() {
	i=0
	while [ $i -lt 20 ]; do
		r=$(echo "12.50 3.25" | awk "{print \$1-\$2}")
		[ "$r" = 9.25 ] || echo "init: bad difference [$r]"
		i=$((i+1))
	done
	for i in 1 2; do
		r=$(seq 1 2000 | sort -r | md5sum)
		[ "$r" = "2e9c29a3e64ec8303dcda875708e6884  -" ] || echo "init: bad sum [$r]"
		r=$(dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum | cut -c1-16)
		[ "$r" = 30e14955ebf13522 ] || echo "init: bad sha [$r]"
	done
}
work & work & work
wait
echo "init: worked on $(grep -c ^processor /proc/cpuinfo)"
poweroff -f'

# The last one with a cache of code that is full all the time.
for run in "1 multi" "2 multi" "2 single" "4 multi" "4 multi,tb-size=2"; do
	cpus=${run% *}
	ok "boots with $cpus processor(s), thread=${run#* }, and powers off with status 0" boot "smp$cpus" \
		-accel "jit,thread=${run#* }" -kernel "$kernel" -initrd ird.gz -append "console=ttyS0 panic=-1" -m 256 -smp "$cpus"
	like "$(cat "smp$cpus.log")" "init: worked on $cpus" "the kernel sees $cpus processor(s)"
	! grep -E "init: bad|segfault|out of memory|Kernel panic|rcu.*stall|Oops|BUG:" "smp$cpus.log" >bad.txt
	is "$(cat bad.txt)" "" "all computed the same"
done

# In lock-step with the interpreter: many minutes. Code runs 50 times slower than the timer: too slow for the check of it.
if [ -n "$VMBOX_LONG" ]; then
	make_initrd short.gz 'echo "init: up"; poweroff -f'
	timeout 3000 "$VMBOX" vm -no-reboot -machine unpack-kernel=on -accel jit,verify=on -kernel "$kernel" -initrd short.gz \
		-append "console=ttyS0 panic=-1 no_timer_check" -m 256 </dev/null >verify.log 2>verify.err
	like "$(cat verify.log)" "init: up" "boots in lock-step"
	like "$(cat verify.err)" "blocks compared, 0 differences" "each block did what the interpreter does"
fi
done_testing
