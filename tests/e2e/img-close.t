#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What an image keeps back until it is closed (tables, marks, logs, bitmaps) and cannot be stored then: an error
# of every tool, never silence.
. "$(dirname "$0")/../lib.sh"
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_BLKDEBUG
img() { "$VMBOX" img "$@"; }
qio() { "$VMBOX" qemu-io "$@"; }

# Every write fails after the first read (a flush goes before); every flush fails.
opts() { # FORMAT FILE RULES...
	o="driver=$1,file.driver=blkdebug,file.image.driver=file,file.image.filename=$2"
	shift 2
	printf %s "$o"
	for r; do printf ',file.%s' "$r"; done
}
late() {
	opts "$1" "$2" set-state.0.event=read_aio set-state.0.state=1 set-state.0.new_state=2 \
		inject-error.0.event=none inject-error.0.iotype=write inject-error.0.state=2 inject-error.0.errno="${3:-28}"
}
flush() { opts "$1" "$2" inject-error.0.event=none inject-error.0.iotype=flush inject-error.0.errno=5; }

told() { # NAME TEXT command...: exit status 1, and text
	name=$1 text=$2
	shift 2
	"$@" >out.log 2>err.log
	rc=$?
	if [ $rc = 1 ] && grep -q "$text" err.log; then pass "$name"; else
		fail "$name"
		note "status $rc: $*"
		note "$(cat out.log err.log)"
	fi
}
fresh() { # FORMAT [OPTIONS]
	rm -f t.*
	img create -q -f "$1" ${2:+-o "$2"} "t.$1" 8M
}

# ---- each format ----
for f in raw qcow2 qcow qed vdi vhdx vmdk vpc parallels; do
	case $f in
	raw) ;;
	*) grep -q "^CONFIG_BLOCK_$(echo "$f" | tr a-z A-Z)=y" "$objtree/.config" || continue ;;
	esac
	fresh $f
	told "$f: a flush that fails at the end" "Input/output error" \
		qio -c 'write 0 64k' --image-opts "$(flush $f t.$f)"
	case $f in
	qed | vhdx | parallels)
		fresh $f
		told "$f: what is written at the end has no room" "closing the image: No space left" \
			qio -c 'write 0 64k' -c flush -c 'read 0 512' --image-opts "$(late $f t.$f)"
		ok "the data is there, the image can be repaired" sh -c '
			"$0" img check -q -r all -f "$1" "t.$1" && "$0" qemu-io -r -f "$1" -c "read -P 0xcd 0 64k" "t.$1"' "$VMBOX" $f
		;;
	*)
		fresh $f
		ok "$f writes nothing more at its end" qio -c 'write 0 64k' -c flush -c 'read 0 512' --image-opts "$(late $f t.$f)"
		;;
	esac
done

# ---- qcow2 ----
fresh qcow2 lazy_refcounts=on
told "lazy refcounts" "Failed to flush the refcount block cache: No space left" \
	qio -c 'write 0 64k' -c flush -c 'read 0 512' --image-opts "$(late qcow2 t.qcow2)"
ok "the image says that it is dirty" sh -c '[ "$(od -An -tu1 -j79 -N1 t.qcow2 | tr -d " ")" = 1 ]'
ok "and is repaired" qio -c 'read -P 0xcd 0 64k' t.qcow2
bitmaps() { fresh qcow2 && img bitmap --add t.qcow2 b0 && img bitmap --add t.qcow2 b1; }
lost='Lost persistent bitmaps during inactivation of node .*: Failed to write bitmap'
for e in "5 Input/output error" "28 No space left on device"; do
	bitmaps
	told "bitmaps: ${e#* }" "$lost 'b0' to file: ${e#* }" \
		qio -c 'write 0 64k' -c flush -c 'read 0 512' --image-opts "$(late qcow2 t.qcow2 "${e%% *}")"
	like "$(img info t.qcow2)" "in-use" "nobody trusts them then"
	ok "no damage" img check -q -r leaks t.qcow2
	bitmaps
	told "reopened read-only" "$lost" \
		qio -c 'write 0 64k' -c flush -c 'read 0 512' -c 'reopen -r' --image-opts "$(late qcow2 t.qcow2 "${e%% *}")"
done

# A device of fixed size: raw with size= around the file.
small() { # BYTES FILE
	printf 'json:{"driver":"qcow2","file":{"driver":"raw","size":%d,"file":{"driver":"file","filename":"%s"}}}' "$1" "$2"
}
fresh qcow2
img bitmap --add t.qcow2 b0 # six clusters; a table, its bits and a directory would be three more
truncate -s 1M t.qcow2
img create -q -f qcow2 src.qcow2 8M
img bitmap --add src.qcow2 from
qio -c 'write 0 64k' src.qcow2 >/dev/null
told "img bitmap --merge on a full device" "Error while closing the image" \
	img bitmap --follow=all --merge from -b src.qcow2 "$(small 458752 t.qcow2)" b0
ok "no damage" img check -q -r leaks t.qcow2
img bitmap --remove t.qcow2 b0
img bitmap --add t.qcow2 b0
ok "with room it works" img bitmap --follow=all --merge from -b src.qcow2 "$(small 655360 t.qcow2)" b0
rm -f t.qcow2 src.qcow2

# ---- every sub-command that changes an image ----
chain() {
	rm -f base.qcow2 t.qcow2
	img create -q -f qcow2 base.qcow2 8M
	img create -q -f qcow2 -b base.qcow2 -F qcow2 t.qcow2 8M
	img bitmap --add t.qcow2 b0
	img snapshot -c s0 t.qcow2
	qio -c 'write 0 64k' t.qcow2 >/dev/null
}
bad() { # NAME command...
	chain
	told "$@"
}
o=$(flush qcow2 t.qcow2)
bad "bitmap" "Input/output error" img bitmap --image-opts --add "$o" b1
bad "snapshot -c" "Input/output error" img snapshot --image-opts -c s1 "$o"
bad "snapshot -d" "Input/output error" img snapshot --image-opts -d s0 "$o"
bad "snapshot -a" "Input/output error" img snapshot --image-opts -a s0 "$o"
chain
img bitmap --remove t.qcow2 b0
img snapshot -d s0 t.qcow2
told "resize" "Could not write\|Input/output error" img resize --image-opts "$o" 16M
bad "amend" "Input/output error" img amend --image-opts -o lazy_refcounts=on "$o"
bad "commit" "Input/output error" img commit --image-opts "$o"
bad "rebase" "Input/output error" img rebase --image-opts -b '' "$o"
bad "rebase -u" "Input/output error" img rebase --image-opts -u -b '' "$o"
bad "bench -w" "Input/output error" img bench --image-opts -w -c 4 "$o"
bad "check -r" "Input/output error" img check --image-opts -r all "$o"
truncate -s 8M raw
bad "convert -n" "Input/output error" img convert -t writeback -n --target-image-opts raw "$o"
img create -q -f qcow2 -b base.qcow2 -F qcow2 over.qcow2 8M
qio -c 'write 0 64k' over.qcow2 >/dev/null
like "$(img commit --follow=all --image-opts \
	"driver=qcow2,file.filename=over.qcow2,backing.$(flush qcow2 base.qcow2 | sed 's/,/,backing./g')" 2>&1)" \
	"Input/output error" "commit: the base"

# ---- the servers ----
if grep -q '^CONFIG_TOOL_QEMU_NBD=y' "$objtree/.config"; then
	fresh qcow2
	"$VMBOX" qemu-nbd -k "$PWD/s" --image-opts "$(flush qcow2 t.qcow2)" 2>nbd.log &
	pid=$!
	wait_for 20 test -S s
	qio -f raw -c 'write 0 64k' "nbd+unix:///?socket=$PWD/s" >/dev/null 2>&1
	kill -TERM $pid
	wait $pid
	is $? 1 "qemu-nbd ends with an error"
	like "$(cat nbd.log)" "Error while closing .*: Input/output error" "and says so"
fi
if grep -q '^CONFIG_VM=y' "$objtree/.config"; then
	fresh qcow2
	echo '{"execute":"qmp_capabilities"} {"execute":"quit"}' | timeout 60 "$VMBOX" vm -S -display none -qmp stdio -net none \
		-drive "if=none,id=hd,$(flush qcow2 t.qcow2)" >/dev/null 2>vm.log
	like "$(cat vm.log)" "drive 'hd': not all .* closed: Input/output error" "vm's log says which drive"
fi
done_testing
