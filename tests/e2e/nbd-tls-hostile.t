#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# TLS peers that do what they should not, before and in the handshake: they are
# refused or closed in time, in bounded memory, and others are served meanwhile.
import os, shutil, socket, struct, subprocess, sys, tempfile, threading, time

vmbox = os.environ.get('VMBOX') or os.path.join(os.environ.get('objtree', '.'), 'vmbox')
if 'CONFIG_BLOCK_NBD_TLS=y' not in open(os.path.join(os.environ.get('objtree', '.'), '.config')).read():
    print('1..0 # SKIP CONFIG_BLOCK_NBD_TLS is off')
    sys.exit()
tmp = tempfile.TemporaryDirectory()
os.chdir(tmp.name)
nr = bad = 0


def check(name, good, *notes):
    global nr, bad
    nr += 1
    bad += not good
    print('%sok %d - %s' % ('' if good else 'not ', nr, name), flush=True)
    for n in notes if not good else ():
        print('#', n)


with open('keys.psk', 'w') as f:
    f.write('# users\nqemu:' + '5a' * 32 + '\n')
with open('d.raw', 'wb') as f:
    f.write(os.urandom(1 << 20))
shutil.copy('d.raw', 'copy.raw')
subprocess.run([vmbox, 'qemu-nbd', '--fork', '-t', '-e', '0', '-k', 's', '-f', 'raw', '--pid-file=pid',
                '--handshake-limit=3', '--object', 'tls-creds-psk,id=t,endpoint=server,dir=.', '--tls-creds', 't',
                'd.raw'], check=True, timeout=60)
pid = int(open('pid').read())
OPT, REP = 0x49484156454f5054, 0x3e889045565a9
STARTTLS, GO, LIST, EXPORT_NAME, STRUCTURED = 5, 7, 3, 1, 8
ACK, POLICY, INVALID, TLS_REQD = 1, 0x80000002, 0x80000003, 0x80000005
node = ['--object', 'tls-creds-psk,id=t,endpoint=client,dir=.', '--image-opts']


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(60)
        self.s.connect('s')
        assert self.get(18)[:16] == b'NBDMAGICIHAVEOPT'
        self.s.sendall(struct.pack('>I', 3))

    def get(self, n):
        b = b''
        while len(b) < n:
            p = self.s.recv(n - len(b))
            if not p:
                raise EOFError
            b += p
        return b

    def opt(self, o, data=b'', behind=b''):
        self.s.sendall(struct.pack('>QII', OPT, o, len(data)) + data + behind)

    def rep(self):
        m, o, t, n = struct.unpack('>QIII', self.get(20))
        assert m == REP
        self.get(n)
        return t

    def closed(self):       # whatever comes, it ends
        try:
            while self.s.recv(65536):
                pass
        except ConnectionError:
            pass
        return True


def works():
    r = subprocess.run([vmbox, 'img', 'compare'] + node + ['driver=nbd,path=s,tls-creds=t',
                       'driver=raw,file.driver=file,file.filename=copy.raw'], capture_output=True, timeout=120)
    return r.returncode == 0


check('a good client is served', works())
c = Client()
for o, data in ((LIST, b''), (GO, struct.pack('>IH', 0, 0)), (STRUCTURED, b''), (99, b''), (10, b'x' * 1000)):
    c.opt(o, data)
    check('option %d before TLS' % o, c.rep() == TLS_REQD)
c.opt(STARTTLS, b'x')
check('STARTTLS with data', c.rep() == INVALID)
c.opt(2)
check('abort is allowed', c.rep() == ACK and c.closed())
c = Client()
c.opt(EXPORT_NAME)
check('EXPORT_NAME before TLS closes', c.closed())

# Requests slipped in before the keys are agreed on must not count as said within TLS.
c = Client()
c.opt(STARTTLS, behind=struct.pack('>QII', OPT, GO, 6) + bytes(6))
check('data in the clear behind STARTTLS', c.rep() == ACK and c.closed())

for name, data in (('nothing', b''), ('no TLS at all', b'GET / HTTP/1.0\r\n\r\n' * 100), ('noise', os.urandom(100000)),
                   ('half a record', b'\x16\x03\x01\x40\x00' + bytes(100)),
                   ('records of nothing', b'\x16\x03\x03\x00\x00' * 10000),
                   ('a huge record', b'\x16\x03\x03\xff\xff' + bytes(65535)),
                   ('endless alerts', b'\x15\x03\x03\x00\x02\x01\x5a' * 100000),
                   ('a hello of a huge length', b'\x16\x03\x01\x00\x40\x01\xff\xff\xff' + bytes(60)),
                   ('data before the handshake', b'\x17\x03\x03\x00\x40' + os.urandom(64))):
    c = Client()
    c.opt(STARTTLS)
    t = c.rep()
    start = time.monotonic()
    try:
        c.s.sendall(data)
    except ConnectionError:
        pass
    check(name + ' in place of a handshake', t == ACK and c.closed())

# One byte now and then: the limit is for the whole handshake.
c = Client()
c.opt(STARTTLS)
c.rep()
ended = threading.Event()


def drip():
    try:
        for b in b'\x16\x03\x01\x20\x00' + bytes(600):
            c.s.sendall(bytes([b]))
            if ended.wait(0.2):
                return
    except ConnectionError:
        pass


t = threading.Thread(target=drip)
t.start()
many = [Client() for _ in range(30)]
for m in many:
    m.opt(STARTTLS)
check('others are served while handshakes hang', works())
check('a handshake byte by byte ends in time', c.closed())
ended.set()
t.join()
check('so do all that hang', all([m.closed() for m in many]))
rss = [int(x.split()[1]) for x in open('/proc/%d/status' % pid) if x.startswith('VmHWM')][0]
check('memory stays small', rss < (400 << 10 if 'CONFIG_ASAN=y' in open(os.path.join(os.environ.get('objtree', '.'), '.config')).read()
                                   else 100 << 10), '%d KiB' % rss)
check('the server goes on', works())
os.kill(pid, 15)


# Servers.
def server(answer):
    l = socket.socket(socket.AF_UNIX)
    if os.path.exists('bad'):
        os.unlink('bad')
    l.bind('bad')
    l.listen(5)

    def run():
        k, _ = l.accept()
        k.settimeout(60)
        try:
            k.sendall(b'NBDMAGICIHAVEOPT\0\3')
            got = b''
            while len(got) < 20:
                p = k.recv(20 - len(got))
                if not p:
                    return
                got += p
            k.sendall(answer(struct.unpack('>I', got[12:16])[0]))
            while k.recv(65536):
                pass
        except (ConnectionError, socket.timeout):
            pass
        finally:
            k.close()
    th = threading.Thread(target=run, daemon=True)
    th.start()
    return l, th


def reply(o, t, data=b''):
    return struct.pack('>QIII', REP, o, t, len(data)) + data


for name, answer in (('says no', lambda o: reply(o, POLICY, b'no TLS here')),
                     ('answers with what was not asked', lambda o: reply(o, 3, bytes(12))),
                     ('says yes with data', lambda o: reply(o, ACK, b'x')),
                     ('goes on in the clear', lambda o: reply(o, ACK) + reply(7, 3, bytes(12)) + reply(7, ACK)),
                     ('sends noise', lambda o: reply(o, ACK) + os.urandom(50000)),
                     ('sends a huge record', lambda o: reply(o, ACK) + b'\x16\x03\x03\xff\xff' + bytes(70000)),
                     ('falls silent', lambda o: reply(o, ACK))):
    l, th = server(answer)
    r = subprocess.run([vmbox, 'img', 'info'] + node + ['driver=nbd,path=bad,tls-creds=t,open-timeout=3'],
                       capture_output=True, timeout=120, text=True)
    l.close()
    th.join(60)
    check('a server that ' + name, r.returncode == 1 and 'Could not open' in r.stderr, r.returncode, r.stderr)
print('1..%d' % nr)
sys.exit(bad != 0)
