#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# qemu-nbd of ours against clients of others: qemu-img, qemu-io, nbdinfo, nbdcopy, nbdsh.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io qemu-nbd nbdinfo nbdcopy python3 sfdisk
requires_config CONFIG_TOOL_QEMU_NBD CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2
U="nbd+unix:///ex?socket=$PWD/s"
serve() { "$VMBOX" qemu-nbd --fork -t -k "$PWD/s" --pid-file=pid -x ex "$@"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
unserve() { kill "$(cat pid)" && wait_for 10 test ! -e ${1:-pid}; }
at_exit '[ ! -e pid ] || kill $(cat pid)'

python3 - <<'EOT'
import random
r = random.Random(4)
with open('src.raw', 'wb') as f:
    for i in range(60):
        f.seek(r.randrange(1, 9) * 65536, 1)
        f.write(r.randbytes(r.randrange(1, 20) * 4096))
    f.truncate(48 << 20)
EOT
qemu-img convert -f raw -O qcow2 src.raw src.qcow2
truncate -s 48M copy.raw

ok "starts in the background" serve -e 8 -f qcow2 -A -D "a disk" src.qcow2
for who in "qemu-img" "$VMBOX img"; do
	ok "$who reads it" timeout 60 $who compare -f raw -F raw src.raw "$U"
done
is "$("$VMBOX" qemu-nbd -L -k "$PWD/s" | grep -v transaction)" "$(qemu-nbd -L -k "$PWD/s")" "--list says what qemu-nbd's says"
like "$("$VMBOX" qemu-nbd -L -k "$PWD/s")" "transaction size: 64-bit" "we agree on extended headers"
ok "--list --output=json" sh -c "'$VMBOX' qemu-nbd -L --output=json -k '$PWD/s' | python3 -c 'import json,sys; assert json.load(sys.stdin)[0][\"size\"] == 50331648'"
is "$("$VMBOX" img map --output=json -f raw "$U" | sed 's/"compressed": false, //')" \
	"$(qemu-img map --output=json -f raw "$U")" "our client and qemu-img see the same map"
ok "nbdcopy reads it, several connections" timeout 60 nbdcopy "$U" copy.raw
ok "the same" cmp src.raw copy.raw
like "$(nbdinfo "$U")" "can_multi_conn: true" "nbdinfo"
like "$(nbdinfo --map=qemu:allocation-depth "$U")" " 1  local" "allocation depth"
ok "qemu-io writes, zeros, trims" timeout 60 qemu-io -f raw -c 'write -P 7 1M 200k' -c 'write -z -u 3M 64k' -c 'write -z 4M 1k' \
	-c 'write -f -P 9 5M 1k' -c 'discard 7M 1M' -c flush -c 'read -P 7 1M 200k' -c 'read -P 0 3M 64k' -c 'read -P 9 5M 1k' "$U"
head -c 48M /dev/urandom >new.raw
ok "nbdcopy writes it" timeout 60 nbdcopy new.raw "$U"
unserve
ok "the image is clean" qemu-img check -q src.qcow2
ok "and holds it" qemu-img compare -q -f qcow2 -F raw src.qcow2 new.raw
ok "no socket and no pid file are left" sh -c '[ ! -e s ] && [ ! -e pid ]'

serve -r -f raw src.raw
nbdinfo --map "$U" >map.ours
unserve
qemu-nbd --fork -t -r -k "$PWD/s" --pid-file=pid -x ex -f raw src.raw
is "$(cat map.ours)" "$(nbdinfo --map "$U")" "the map that qemu-nbd gives"
unserve s
rm -f pid

# Options that change what is exported.
qemu-img snapshot -c old src.qcow2
qemu-io -f qcow2 -c 'write -P 1 0 1M' src.qcow2 >/dev/null
for s in old 1 snapshot.name=old snapshot.id=1; do
	serve -f qcow2 -l $s src.qcow2
	ok "-l $s" qemu-img compare -q -f raw -F raw "$U" new.raw
	unserve
done
cp src.qcow2 before
serve -f qcow2 -s src.qcow2
ok "-s takes writes" qemu-io -f raw -c 'write -P 5 0 64k' -c 'read -P 5 0 64k' -c 'read -P 1 64k 64k' "$U"
unserve
ok "and forgets them" cmp src.qcow2 before
serve -f raw -o 1M new.raw
is "$(nbdinfo --size "$U")" $((47 << 20)) "-o leaves bytes out"
unserve
truncate -s 40M p.raw
printf 'label: dos\nstart=2048,size=4096,type=83\nstart=8192,type=5\n start=10240,size=6000,type=83\n start=20480,size=3000,type=83\n' | sfdisk -q p.raw
for p in 1:2097152 5:3072000 6:1536000; do
	serve -f raw -r -P ${p%:*} p.raw
	is "$(nbdinfo --size "$U")" ${p#*:} "-P ${p%:*}"
	unserve
done
printf 'label: gpt\nstart=2048,size=4096\nsize=1000\n' | sfdisk -q p.raw
serve -f raw -r -P 2 p.raw
is "$(nbdinfo --size "$U")" 512000 "-P with a GPT"
not_ok "-r" qemu-io -f raw -c 'write 0 512' "$U"
unserve
not_ok "a partition that is not there" serve -f raw -P 3 p.raw
not_ok "an image that is not there" serve -f raw none.raw
like "$(serve -f raw none.raw 2>&1)" "No such file" "says so"
not_ok "discard modes are checked" serve --discard=maybe -f raw new.raw
not_ok "detect-zeroes=unmap needs discard=unmap" serve --detect-zeroes=unmap -f raw new.raw
truncate -s 1M z.raw
head -c 1M /dev/urandom >z.raw
serve --detect-zeroes=unmap --discard=unmap -f raw z.raw
qemu-io -f raw -c 'write -P 0 0 1M' "$U" >/dev/null
unserve
is "$(stat -c %b z.raw)" 0 "written zeros take no space"
qemu-img create -q -f qcow2 bm.qcow2 8M
qemu-img bitmap --add -g 64k bm.qcow2 b0
qemu-io -f qcow2 -c 'write 1M 128k' -c 'write 4M 64k' bm.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b bm.qcow2 -F qcow2 top.qcow2
serve -f qcow2 -B b0 top.qcow2
like "$(nbdinfo --map=qemu:dirty-bitmap:b0 "$U" | tr -s ' ' | sed 's/^ //')" '^1048576 131072 1 dirty' "a bitmap of the backing file"
O="driver=nbd,server.type=unix,server.path=$PWD/s,export=ex,x-dirty-bitmap=qemu:dirty-bitmap:b0"
is "$("$VMBOX" img map --output=json --image-opts "$O" | sed 's/, "compressed": false//')" "$(qemu-img map --output=json --image-opts "$O")" "our client sees it as qemu-img does"
unserve
not_ok "a bitmap that is not there" serve -f qcow2 -B b1 top.qcow2

# Clients: how many, when it ends, sockets from outside, TCP.
"$VMBOX" qemu-nbd -k "$PWD/s" -x ex -r -f raw new.raw & p=$!
wait_for 10 test -S s
ok "a client that only asks does not end it" "$VMBOX" qemu-nbd -L -k "$PWD/s"
ok "one client" timeout 60 qemu-io -r -f raw -c 'read 0 1k' "$U"
ok "and it ends by itself" wait_for 10 gone $p
# Whoever sees the last client's connection end finds no server: not one that resets the next connection.
"$VMBOX" qemu-nbd -e 2 -k "$PWD/s" -x ex -r -f raw new.raw & p=$!
wait_for 10 test -S s
ok "gone before its last client knows" timeout 120 /usr/bin/python3 - <<'EOT'
import socket, struct, sys
def greet():
    s = socket.socket(socket.AF_UNIX); s.connect('s'); s.settimeout(60)
    assert len(s.recv(18, socket.MSG_WAITALL)) == 18
    return s
a = greet()
a.sendall(struct.pack('>I', 3) + b'IHAVEOPT' + struct.pack('>II', 1, 2) + b'ex')
assert len(a.recv(10, socket.MSG_WAITALL)) == 10
a.sendall(struct.pack('>IHHQQI', 0x25609513, 0, 2, 1, 0, 0))
assert a.recv(1) == b''
try:
    greet()
except (FileNotFoundError, ConnectionRefusedError):
    sys.exit(0)
sys.exit('somebody answered')
EOT
ok "it ended" wait_for 10 gone $p
"$VMBOX" qemu-nbd -k "$PWD/s" -x ex -r -f raw new.raw & p=$!
wait_for 10 test -S s
ok "our client" timeout 60 "$VMBOX" qemu-io -r -f raw -c 'read 0 1k' "$U"
is "$(timeout 60 "$VMBOX" qemu-io -r -f raw -c 'read 0 1k' "$U" 2>&1 | grep -c 'No such file')" 1 "waits for the server's end of the connection"
ok "ended, too" wait_for 10 gone $p
# An image may be created on an export as it is.
serve -f raw new.raw
ok "convert onto an export" timeout 60 "$VMBOX" img convert -q -c -f qcow2 -O qcow2 src.qcow2 "$U"
ok "it is there" timeout 60 qemu-img compare -q -f qcow2 -F qcow2 src.qcow2 "$U"
unserve
head -c 48M /dev/urandom >new.raw
port=$((20000 + $$ % 20000))
"$VMBOX" qemu-nbd --fork -t -e 0 -b 127.0.0.1 -p $port --pid-file=pid -r -f raw new.raw
ok "TCP" timeout 60 qemu-img compare -q -f raw -F raw new.raw nbd://127.0.0.1:$port
ok "TCP, our client" timeout 60 "$VMBOX" img compare -q -f raw -F raw new.raw nbd:127.0.0.1:$port
unserve
cat >activate.py <<'EOT'
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('act'); s.listen(5)
os.dup2(s.fileno(), 3, True) if s.fileno() != 3 else os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
os.execv(sys.argv[1], ['vmbox', 'qemu-nbd', '-r', '-f', 'raw', 'new.raw'])
EOT
python3 activate.py "$VMBOX" & p=$!
wait_for 10 test -S act
is "$(nbdinfo --size "nbd+unix:///?socket=$PWD/act")" 50331648 "a socket from outside"
ok "and it ends" wait_for 10 gone $p

# Two clients at once see each other's writes; a third must wait.
serve -e 2 -f qcow2 src.qcow2
ok "two connections" /usr/bin/python3 - "$U" <<'EOT'
import nbd, sys, threading
a, b, c = nbd.NBD(), nbd.NBD(), nbd.NBD()
a.connect_uri(sys.argv[1]); b.connect_uri(sys.argv[1])
assert a.can_multi_conn()
for i in range(50):
    a.pwrite(bytes([i]) * 70000, i * 70000); a.flush()
    assert b.pread(70000, i * 70000) == bytes([i]) * 70000
done = []
t = threading.Thread(target=lambda: (c.connect_uri(sys.argv[1]), done.append(1)))
t.start(); t.join(0.3)
assert not done
b.shutdown(); t.join(20)
assert done
bufs = []
for i in range(300):                    # many in flight
    buf = nbd.Buffer(65536); bufs.append((i, buf))
    a.aio_pread(buf, (i * 7919 % 700) * 65536)
while a.aio_in_flight(): a.poll(-1)
for i, buf in bufs:
    assert buf.to_bytearray() == c.pread(65536, (i * 7919 % 700) * 65536)
EOT
unserve

# Another process has the image: it is waited for, though not for ever.
cat >held.py <<'EOT'
import os, subprocess, sys, time
q = subprocess.Popen(["qemu-io", "-f", "raw", "src.raw"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
q.stdin.write("read 0 512\n")
q.stdin.flush()
while "ops" not in q.stdout.readline():
    pass
server = [sys.argv[1], "qemu-nbd", "-k", os.path.abspath("held"), "-f", "raw", "src.raw"]
late = subprocess.run(server, capture_output=True, text=True)
assert late.returncode == 1 and 'Failed to get shared "write" lock' in late.stderr, late
p = subprocess.Popen(server)
time.sleep(0.2)
q.stdin.close()
while not os.path.exists("held") and p.poll() is None:
    time.sleep(0.05)
assert p.poll() is None, "it did not wait"
p.terminate()
assert p.wait() == 0
EOT
ok "the image's lock is waited for, if not for ever" timeout 120 python3 held.py "$VMBOX"
done_testing
