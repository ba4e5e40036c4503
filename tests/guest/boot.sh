# SPDX-License-Identifier: GPL-2.0-or-later
# For boot tests, after lib.sh: kernel_of PACKAGE, make_initrd FILE SCRIPT, boot NAME ARGS...

# Debian's kernel, by apt, in the cache: prints the path of vmlinuz.
kernel_of() {
	folder=$("$srctree/scripts/fetch-kernel" "$1") || return 1
	echo "$folder"/boot/vmlinuz-*
}

# An initramfs with Debian's static busybox, whose /init mounts proc, sys and dev and runs SCRIPT.
make_initrd() {
	mkdir -p ird/bin && cp /usr/bin/busybox ird/bin/ || return 1
	{
		echo '#!/bin/busybox sh'
		echo '/bin/busybox --install -s /bin; mkdir -p /proc /sys /dev'
		echo 'mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev'
		echo "$2"
	} >ird/init
	chmod +x ird/init
	(cd ird && find . | cpio -o -H newc 2>/dev/null) | gzip -1 >"$1"
}

# Runs the emulator for at most 300 s; the console is in NAME.log, the status in NAME.rc.
boot() {
	boot_name=$1
	shift
	timeout 300 "$VMBOX" vm -no-reboot "$@" </dev/null >"$boot_name.log" 2>"$boot_name.err"
	echo $? >"$boot_name.rc"
	[ "$(cat "$boot_name.rc")" = 0 ] || { tail -n 30 "$boot_name.log" "$boot_name.err" | sed 's/^/# /'; return 1; }
}

# add_modules VMLINUZ NAME...: modules of that kernel for make_initrd's next archive, in ird/m.
add_modules() {
	modules_of=${1%/boot/*}/lib/modules
	shift
	mkdir -p ird/m
	for m; do
		find "$modules_of" -name "$m.ko" -exec cp {} ird/m/ ';'
	done
}

# For SCRIPT of make_initrd: loads them in whatever order they need.
load_modules='for round in 1 2 3 4 5 6 7 8; do for m in /m/*.ko; do insmod $m 2>/dev/null && rm $m; done; done'
