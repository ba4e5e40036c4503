#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on a web server: by ranges, on kept connections; what servers can do wrong is an error.
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_HTTP
img() { "$VMBOX" img "$@"; }

cat >server.py <<'PY'
import http.server, os, re, socketserver, sys

class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def say(self, status, body=b'', **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace('_', '-'), v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open('log', 'a') as f:
            print(self.client_address[1], self.path, self.headers['Range'], file=f)
        kind, name = self.path.strip('/').split('/', 1)
        if kind == 'moved':
            return self.say(302, Location='/ok/' + name)
        if kind == 'loop':
            return self.say(302, Location=self.path)
        if kind == 'cookie' and self.headers['Cookie'] != 'a=b':
            return self.say(403)
        if kind == 'garbage':
            self.wfile.write(b'x' * 100000)
            self.close_connection = True
            return
        try:
            data = open(name, 'rb').read()
        except OSError:
            return self.say(404)
        m = re.fullmatch(r'bytes=(\d+)-(\d+)', self.headers['Range'] or '')
        if kind == 'whole' or not m:
            return self.say(200, data)
        a, b = int(m[1]), int(m[2])
        if a >= len(data):
            return self.say(416, Content_Range='bytes */%d' % len(data))
        b = min(b, len(data) - 1)
        total = len(data) + (kind == 'grown' and a > 0)
        if kind == 'shift' and a:
            a, b = a - 1, b - 1
        self.send_response(206)
        self.send_header('Content-Range', 'bytes %d-%d/%d' % (a, b, total))
        self.send_header('Content-Length', str(b - a + 1))
        if kind == 'close':
            self.send_header('Connection', 'close')
        self.end_headers()
        body = data[a:b + 1]
        if kind == 'cut' and a:
            body = body[:len(body) // 2]
        self.wfile.write(body)
        if kind == 'drop' or (kind == 'cut' and a):     # without having said so
            self.close_connection = True

    def log_message(self, *a):
        pass

class S(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

s = S(('127.0.0.1', 0), H)
with open('port.new', 'w') as f:
    f.write(str(s.server_port))
os.rename('port.new', 'port')
s.serve_forever()
PY
python3 server.py 2>server.err &
at_exit "kill $! 2>/dev/null"
wait_for 30 test -s port
url=http://127.0.0.1:$(cat port)

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
is "$(cut -d' ' -f1 log | sort -u | wc -l)" 1 "takes one connection"
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
not_ok "nobody listens" img info http://127.0.0.1:1/x
like "$("$VMBOX" qemu-io -c 'write 0 512' $url/ok/src.raw 2>&1)" 'does not support writes' "no writing"
done_testing
