#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# slow: Linux on two processors writes to its disk while that is backed up, put under overlays, mirrored (and moved to the
# mirror) and committed (and moved to the base), three times over; what it reads in the end is what the last image holds.
import hashlib
import os
import subprocess
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import console as c
sys.path.insert(0, c.srctree + "/scripts")
from qtestos.qmp import Qmp

c.requires_config("VIRTIO_BLK")
c.requires_config("BLOCK_QCOW2")
SIZE, ROUNDS = 64 << 20, 3
# It writes until somebody answers, at least a block between two orders, and then reads it all past the cache.
SCRIPT = '''
while [ ! -b /dev/vda ]; do sleep 0.2; done
i=0
(read line </dev/console; echo >/stop) &
while [ ! -e /stop ]; do
	dd if=/dev/urandom of=/dev/vda bs=64k count=4 seek=$((i * 37 % 1000)) conv=notrunc 2>/dev/null; sync
	i=$((i + 1))
	echo "step $i."
done
echo 3 >/proc/sys/vm/drop_caches
echo "sum $(md5sum </dev/vda)"
poweroff -f'''
vmlinuz, _ = c.kernel()
subprocess.run(["sh", "-c", f'. "{c.srctree}/tests/guest/boot.sh"; add_modules "{vmlinuz}" virtio virtio_ring virtio_pci '
                'virtio_pci_legacy_dev virtio_pci_modern_dev virtio_blk; make_initrd ird.gz "$load_modules $SCRIPT"'],
               check=True, env=dict(os.environ, srctree=c.srctree, SCRIPT=SCRIPT))
with open("disk", "wb") as f:
    f.truncate(SIZE)
vm = c.Console(c.vmbox, "vm", "-kernel", vmlinuz, "-initrd", "ird.gz", "-append", "console=ttyS0 quiet panic=-1", "-m", "256",
               "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot", "-drive", "file=disk,format=raw,if=virtio,id=d0",
               "-qmp", "unix:qmp,server=on,wait=off")
c.check(vm.expect("step 20."), "the guest writes", vm.tail())
q = Qmp.connect("qmp", timeout=200)


def state(name):
    while q.wait_event("JOB_STATUS_CHANGE")["data"]["status"] != name:
        pass


def ended(what):
    state("null")
    got = q.wait_event("BLOCK_JOB_COMPLETED")["data"]
    c.check("error" not in got, what, got)


for i in range(ROUNDS):
    q("drive-backup", device="d0", target=f"backup{i}", sync="full", format="qcow2", job_id="j")
    ended(f"round {i}: backup")
    q("blockdev-snapshot-sync", device="d0", snapshot_file=f"over{i}")
    vm.expect("step ")
    for order, args in (("drive-mirror", {"target": f"mirror{i}", "sync": "full", "format": "raw"}), ("block-commit", {})):
        q(order, device="d0", job_id="j", **args)
        state("ready")
        vm.expect("step ")
        q("block-job-complete", device="j")
        ended(f"round {i}: {order}")
        if order == "drive-mirror":
            q("blockdev-snapshot-sync", device="d0", snapshot_file=f"more{i}")
            vm.expect("step ")
    images = subprocess.run(["qemu-img", "check", "-q", f"backup{i}"], check=False).returncode
    c.check(images == 0, f"round {i}: the backup's image is sound")
vm.type("stop")
c.check(vm.expect("sum ", 200) and vm.expect("\n", 60), "the guest has read it all", vm.tail())
said = vm.log[vm.log.rindex("sum ") + 4:].split()[0]
c.check(vm.end() == 0, "powers off", vm.tail())
with open(f"mirror{ROUNDS - 1}", "rb") as f:
    c.check(hashlib.md5(f.read()).hexdigest() == said, "the last image holds what the guest read", said)
c.check("I/O error" not in vm.log, "and it saw no error", vm.tail())
c.done()
