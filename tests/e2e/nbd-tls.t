#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# NBD over TLS with certificates and shared keys: our server with the clients of
# QEMU and libnbd, our client with the servers of QEMU and nbdkit, and who is refused.
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-nbd nbdkit nbdcopy nbdinfo certtool psktool python3
requires_config CONFIG_TOOL_QEMU_NBD CONFIG_TOOL_IMG CONFIG_BLOCK_NBD_TLS
at_exit '[ ! -e pid ] || kill $(cat pid)'
gone() { ! kill -0 "$1" 2>/dev/null; }

# new_key DIR NAME, signed KIND DIR CA LINE...: DIR/NAME-key.pem and a certificate of it by the CA in CA.
new_key() { certtool --generate-privkey ${3:---key-type ecdsa --curve secp256r1} --outfile $1/$2-key.pem 2>/dev/null; }
authority() {
	mkdir -p $1
	new_key $1 ca
	printf 'cn=%s\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days=30\n' "CA $1" >t
	certtool --generate-self-signed --load-privkey $1/ca-key.pem --template t --outfile $1/ca-cert.pem 2>/dev/null
}
signed() {
	kind=$1 dir=$2 ca=$3
	shift 3
	printf '%s\n' "$@" "tls_www_$kind" signing_key encryption_key >t
	certtool --generate-certificate --load-ca-certificate $ca/ca-cert.pem --load-ca-privkey $ca/ca-key.pem \
		--load-privkey $dir/$kind-key.pem --template t --outfile $dir/$kind-cert.pem 2>/dev/null
}
authority x
new_key x server "--key-type rsa --bits 2048"
new_key x client
signed server x x cn=disks.example dns_name=localhost ip_address=127.0.0.1 expiration_days=30
signed client x x 'country=South Pacific' "locality=R'lyeh" 'organization=Acme, Inc' cn=me expiration_days=30
for d in anonymous stranger revoked expired; do
	mkdir $d
	cp x/ca-cert.pem $d
done
authority other
new_key stranger client
signed client stranger other cn=me expiration_days=30
new_key expired server
signed server expired x cn=localhost dns_name=localhost 'activation_date=2001-01-01 00:00:00' 'expiration_date=2001-02-01 00:00:00'
cp x/server-*.pem revoked
printf 'crl_next_update=30\ncrl_number=1\n' >t
certtool --generate-crl --load-ca-privkey x/ca-key.pem --load-ca-certificate x/ca-cert.pem \
	--load-certificate x/client-cert.pem --template t --outfile revoked/ca-crl.pem >/dev/null 2>&1
mkdir psk wrong
psktool -u qemu -p psk/keys.psk >/dev/null
psktool -u alice -p psk/keys.psk >/dev/null
sed 's/:.*/:00112233445566778899aabbccddeeff/' psk/keys.psk >wrong/keys.psk
ok "certificates and keys are there" test -s x/client-cert.pem -a -s expired/server-cert.pem -a -s stranger/client-cert.pem \
	-a -s revoked/ca-crl.pem -a -s psk/keys.psk

head -c 6M /dev/urandom >d.raw
cp d.raw before
x509() { echo "tls-creds-x509,id=t,endpoint=$1,dir=$PWD/$2${3:+,$3}"; }
psk() { echo "tls-creds-psk,id=t,endpoint=$1,dir=$PWD/$2${3:+,$3}"; }
serve() {	# serve PROGRAM CREDS [OPTION...]
	who=$1 creds=$2
	shift 2
	$who --fork -t -e 0 -k "$PWD/s" --pid-file="$PWD/pid" -x ex --object "$creds" --tls-creds t "$@" -f raw d.raw
}
unserve() { p=$(cat pid) && kill $p && wait_for 20 gone $p; rm -f pid; }
disk="driver=nbd,path=$PWD/s,export=ex,tls-creds=t"
same() {	# same PROGRAM CREDS [NODE OPTIONS]
	rm -f got
	timeout 60 $1 convert --object "$2" --image-opts "$disk$3" -O raw got && cmp got d.raw
}
named=,tls-hostname=localhost
ours="$VMBOX img"

ok "serves with certificates" serve "$VMBOX qemu-nbd" "$(x509 server x)"
ok "qemu-img reads it" same qemu-img "$(x509 client x)" $named
ok "so do we" same "$ours" "$(x509 client x)" $named
U="nbds+unix:///ex?socket=$PWD/s&tls-certificates=$PWD/x"
ok "nbdcopy reads it, by several connections" sh -c "rm -f got; truncate -s 6M got; timeout 60 nbdcopy '$U' got && cmp got d.raw"
like "$(nbdinfo "$U")" "newstyle-fixed with TLS, using structured" "nbdinfo knows that it is encrypted"
head -c 6M /dev/urandom >new.raw
ok "nbdcopy writes it" timeout 60 nbdcopy new.raw "$U"
ok "what was written is there" cmp new.raw d.raw
like "$("$VMBOX" qemu-nbd -L -k "$PWD/s" --object "$(x509 client x)" --tls-creds t --tls-hostname localhost)" "export: 'ex'" "--list"
fails() {	# fails NAME PATTERN PROGRAM CREDS OPTIONS
	text=$(timeout 60 $3 info --object "$4" --image-opts "$disk$5" 2>&1)
	rc=$?
	if [ $rc = 1 ]; then like "$text" "$2" "$1"; else is "$rc: $text" "1" "$1"; fi
}
fails "another name than the certificate's" "does not match the hostname elsewhere" "$ours" "$(x509 client x)" ,tls-hostname=elsewhere
fails "another address" "does not match the hostname 127.0.0.2" "$ours" "$(x509 client x)" ,tls-hostname=127.0.0.2
ok "the address in the certificate" same "$ours" "$(x509 client x)" ,tls-hostname=127.0.0.1
fails "no name to compare with" "No hostname" "$ours" "$(x509 client x)"
ok "unless nothing is compared" same "$ours" "$(x509 client x verify-peer=no)"
fails "a server of an unknown authority" "known issuer" "$ours" "$(x509 client other)" $named
fails "a client without certificate" "refused|closed|reset" "$ours" "$(x509 client anonymous)" $named
fails "a client of an unknown authority" "refused|closed|reset" "$ours" "$(x509 client stranger)" $named
fails "a client of an unknown authority, QEMU's" "." qemu-img "$(x509 client stranger)" $named
fails "a shared key where certificates are used" "handshake failed" "$ours" "$(psk client psk)"
text=$($ours info "nbd+unix:///ex?socket=$PWD/s" 2>&1)
like "$text" "Server requires TLS" "a client in the clear"
like "$($ours info "nbds+unix:///ex?socket=$PWD/s" 2>&1)" "needs tls-creds" "nbds: without keys"
ok "none of them harmed it" same "$ours" "$(x509 client x)" $named
unserve
serve "$VMBOX qemu-nbd" "$(x509 server x verify-peer=no)"
ok "clients need no certificate with verify-peer=no" same "$ours" "$(x509 client anonymous)" $named
unserve
serve "$VMBOX qemu-nbd" "$(x509 server revoked)"
fails "a certificate that was revoked" "refused|closed|reset" "$ours" "$(x509 client x)" $named
unserve
serve "$VMBOX qemu-nbd" "$(x509 server expired)"
fails "a certificate that has expired" "expired" "$ours" "$(x509 client x)" $named
unserve

# Both programs must call a certificate the same.
me="C=South Pacific,,L=R'lyeh,,O=Acme\\,, Inc,,CN=me"
for who in qemu-nbd "$VMBOX qemu-nbd"; do
	serve "$who" "$(x509 server x)" --object "authz-simple,id=a,identity=$me" --tls-authz a
	ok "$who lets in who is on its list" same "$ours" "$(x509 client x)" $named
	unserve
	serve "$who" "$(x509 server x)" --object "authz-simple,id=a,identity=CN=me" --tls-authz a
	fails "$who keeps others out" "." "$ours" "$(x509 client x)" $named
	unserve
done
serve "$VMBOX qemu-nbd" "$(psk server psk)" --tls-authz a \
	--object "authz-list,id=a,policy=deny,rules.0.match=al*,rules.0.format=glob,rules.0.policy=allow"
ok "a list with a pattern" same "$ours" "$(psk client psk username=alice)"
fails "and who is not in it" "." "$ours" "$(psk client psk)"
unserve

ok "serves with shared keys" serve "$VMBOX qemu-nbd" "$(psk server psk verify-peer=on)"
ok "qemu-img reads it" same qemu-img "$(psk client psk)"
ok "so do we" same "$ours" "$(psk client psk username=alice)"
ok "so does nbdcopy" sh -c "rm -f got; truncate -s 6M got; timeout 60 nbdcopy 'nbds+unix://alice@/ex?socket=$PWD/s&tls-psk-file=$PWD/psk/keys.psk' got && cmp got d.raw"
fails "another key" "handshake failed" "$ours" "$(psk client wrong)"
fails "another key, QEMU's client" "." qemu-img "$(psk client wrong)"
fails "a user without key" "not found" "$ours" "$(psk client psk username=eve)"
# The next server has its socket where this one had its own, which ends only then.
unserve
serve "$VMBOX qemu-nbd" "$(psk server psk)" -r
old=$(cat pid)
rm -f s pid
ok "another takes its place" serve "$VMBOX qemu-nbd" "$(psk server psk)" -r
kill $old
ok "the first ends" wait_for 20 gone $old
ok "the other's socket stays" test -S s
ok "and it serves" same "$ours" "$(psk client psk username=alice)"
unserve
ok "which takes its own away" test ! -e s

# Servers of others.
serve qemu-nbd "$(x509 server x)"
ok "QEMU's server, certificates" same "$ours" "$(x509 client x)" $named
unserve
serve qemu-nbd "$(psk server psk)"
ok "QEMU's server, shared keys" same "$ours" "$(psk client psk)"
unserve
for how in "psk --tls-psk=psk/keys.psk" "x509 --tls-certificates=x --tls-verify-peer"; do
	ok "nbdkit, ${how%% *}" timeout 60 nbdkit -U - --tls=require ${how#* } file d.raw \
		--run "$ours compare --object $(${how%% *} client ${how%% *} | sed 's/x509$/x/') --image-opts driver=nbd,path=\$unixsocket,tls-creds=t,tls-hostname=localhost driver=raw,file.driver=file,file.filename=d.raw"
done
"$VMBOX" qemu-nbd --fork -t -k "$PWD/s" --pid-file="$PWD/pid" -x ex -f raw d.raw
fails "a server without TLS" "option 5 \\(starttls\\)" "$ours" "$(psk client psk)"
unserve

not_ok "no credentials of that name" "$VMBOX" qemu-nbd -k "$PWD/s" --tls-creds t -f raw d.raw
not_ok "credentials for the other end" serve "$VMBOX qemu-nbd" "$(psk client psk)"
not_ok "a folder without certificates" serve "$VMBOX qemu-nbd" "$(x509 server psk)"
mkdir mixed && cp x/* mixed && cp stranger/client-key.pem mixed/server-key.pem
not_ok "a key of another certificate" serve "$VMBOX qemu-nbd" "$(x509 server mixed)"
is "$(ls pid 2>&1 | grep -c cannot)" 1 "none of these serves"
done_testing
