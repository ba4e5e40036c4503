#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Images on https servers: who is believed, passwords, and what a server may not do with redirects.
. "$(dirname "$0")/../lib.sh"
requires python3 certtool cmp
requires_config CONFIG_TOOL_IMG CONFIG_TOOL_QEMU_IO CONFIG_BLOCK_QCOW2 CONFIG_BLOCK_HTTPS
img() { "$VMBOX" img "$@"; }
io() { "$VMBOX" qemu-io -r "$@"; }

certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile ca-key.pem 2>/dev/null
printf 'cn=Test CA\nca\ncert_signing_key\nexpiration_days=30\n' >t
certtool --generate-self-signed --load-privkey ca-key.pem --template t --outfile ca.pem 2>/dev/null
certtool --generate-privkey --key-type rsa --bits 2048 --outfile key.pem 2>/dev/null
signed() {
	out=$1
	shift
	printf '%s\n' "$@" tls_www_server signing_key encryption_key >t
	certtool --generate-certificate --load-ca-certificate ca.pem --load-ca-privkey ca-key.pem --load-privkey key.pem \
		--template t --outfile "$out" 2>/dev/null
}
signed good.pem cn=web dns_name=localhost ip_address=127.0.0.1 expiration_days=30
signed other.pem cn=elsewhere dns_name=elsewhere.example expiration_days=30
signed old.pem cn=web dns_name=localhost ip_address=127.0.0.1 'activation_date=2020-01-01 00:00:00' 'expiration_date=2021-01-01 00:00:00'

python3 "$srctree/tests/e2e/webserver.py" good other old plain second 2>server.err &
at_exit "kill $! 2>/dev/null"
wait_for 60 test -s urls
. ./urls

python3 - <<'PY'
import random
r = random.Random(9)
with open('src.raw', 'wb') as f:
    for i in range(20):
        f.write(r.randbytes(100000) if i % 3 else bytes(100000))
    f.truncate(2 << 20)
PY
img convert -O qcow2 -c src.raw z.qcow2
export SSL_CERT_FILE=$PWD/ca.pem
unset CURL_CA_BUNDLE
for u in $good "https://localhost:${good##*:}"; do
	for f in src.raw z.qcow2; do
		rm -f out.raw
		ok "convert $f from ${u%:*}" img convert -O raw $u/ok/$f out.raw
		ok "it is what it was" cmp out.raw src.raw
	done
done
like "$(img info $other/ok/src.raw 2>&1)" 'does not match the hostname' "a certificate of somebody else's"
like "$(img info $old/ok/src.raw 2>&1)" 'has expired' "one of yesterday"
like "$(SSL_CERT_FILE=$PWD/good.pem img info $good/ok/src.raw 2>&1)" "hasn't got a known issuer" "one by nobody we know"
like "$(SSL_CERT_FILE=$PWD/none.pem img info $good/ok/src.raw 2>&1)" 'none.pem' "a list of authorities that is not there"
like "$(img info https://127.0.0.1:${plain##*:}/ok/src.raw 2>&1)" 'TLS|closed' "a server without TLS"
ok "sslverify=off believes anybody" io -c 'read 0 64k' --image-opts "driver=raw,file.driver=https,file.url=$old/ok/src.raw,file.sslverify=off"
ok "options" io -c 'read 0 64k' --image-opts "driver=qcow2,file.driver=https,file.url=$good/ok/z.qcow2,file.readahead=8k,file.timeout=30"
ok "user and password" io --object secret,id=p,data='open sesame' -c 'read 0 512' --image-opts "driver=raw,file.driver=https,file.url=$good/locked/src.raw,file.username=Aladdin,file.password-secret=p"
ok "a user without one" io -c 'read 0 512' --image-opts "driver=raw,file.driver=https,file.url=$good/short/src.raw,file.username=u"
like "$(img info $good/locked/src.raw 2>&1)" 'returned error: 401' "nobody at all"
rm -f log
ok "another server sends us to https" io -c 'read -P 0 0 512' --image-opts "driver=raw,file.driver=https,file.url=$good/to-second/src.raw,file.cookie=k=v,file.username=u"
is "$(grep -c '^good .* k=v Basic' log)" 1 "the first server gets cookie and user"
is "$(grep '^second' log | cut -d' ' -f1,3,5- | sort -u)" 'second /ok/src.raw None None' "the second one does not"
ok "from http to https" img info $plain/to-good/src.raw
like "$(img info $good/to-plain/src.raw 2>&1)" 'in the clear' "but never back"
not_ok "a body that ends early" img convert -f raw -O raw $good/cut/src.raw out2.raw
like "$(img convert -f raw -O raw $good/cut/src.raw out2.raw 2>&1)" 'Input/output error' "is an I/O error"
done_testing
