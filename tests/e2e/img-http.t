#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on a web server: by ranges, on kept connections; what servers can do wrong is an error.
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_HTTP
img() { "$VMBOX" img "$@"; }

python3 "$srctree/tests/e2e/webserver.py" plain 2>server.err &
at_exit "kill $! 2>/dev/null"
wait_for 60 test -s urls
. ./urls
url=$plain

python3 - <<'PY'
import random
r = random.Random(8)
with open('src.raw', 'wb') as f:
    for i in range(24):
        f.write(r.randbytes(100000) if i % 3 else bytes(100000))
    f.truncate(5 << 19)
PY
qemu-img convert -O qcow2 -c src.raw z.qcow2
qemu-img convert -O qcow2 src.raw x.qcow2
: >empty

for kind in ok close drop moved; do
	for f in x.qcow2 z.qcow2 src.raw; do
		rm -f out.raw
		ok "$kind: convert $f" img convert -O raw $url/$kind/$f out.raw
		ok "$kind: $f is what it was" cmp out.raw src.raw
	done
done
rm -f log
ok "a look at the image" img info $url/ok/x.qcow2
is "$(cut -d' ' -f2 log | sort -u | wc -l)" 1 "takes one connection"
is "$(($(wc -l <log) < 6))" 1 "and a few requests"
ok "options" "$VMBOX" qemu-io -r -c 'read 0 64k' --image-opts "driver=qcow2,file.driver=http,file.url=$url/ok/x.qcow2,file.readahead=4k,file.timeout=20"
ok "a cookie" "$VMBOX" qemu-io -r -c 'read 0 512' --image-opts "driver=raw,file.driver=http,file.url=$url/cookie/src.raw,file.cookie=a=b"
ok "a secret cookie" "$VMBOX" qemu-io -r --object secret,id=c,data=a=b -c 'read 0 512' --image-opts "driver=raw,file.driver=http,file.url=$url/cookie/src.raw,file.cookie-secret=c"
like "$(img info $url/cookie/src.raw 2>&1)" 'returned error: 403' "none"
like "$(img info $url/ok/none 2>&1)" 'returned error: 404' "no such file"
like "$(img info $url/whole/src.raw 2>&1)" "does not support 'range'" "a server without ranges"
like "$(img info $url/loop/src.raw 2>&1)" 'returned error: 302' "a server that sends us round and round"
not_ok "a server that talks nonsense" img info $url/garbage/src.raw
like "$(img info $url/ok/empty 2>&1)" 'virtual size: 0 B' "an empty file"
for kind in grown shift cut; do
	rm -f out.raw
	not_ok "$kind: no convert" img convert -f raw -O raw $url/$kind/src.raw out.raw
done
like "$(img info http://no.invalid/x 2>&1)" "Could not resolve host 'no.invalid'" "a name that is nobody's"
not_ok "nobody listens" img info http://127.0.0.1:1/x
like "$("$VMBOX" qemu-io -c 'write 0 512' $url/ok/src.raw 2>&1)" 'does not support writes' "no writing"
done_testing
