#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Clients that do what they should not: the server answers or closes, keeps its
# memory bounded and goes on serving the others. Servers that do: our client
# fails with a message.
import os, re, socket, struct, subprocess, sys, tempfile, threading, time

vmbox = os.environ.get('VMBOX') or os.path.join(os.environ.get('objtree', '.'), 'vmbox')
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


SIZE = 16 << 20
with open('d.raw', 'wb') as f:
    f.write(os.urandom(1 << 20))
    f.truncate(SIZE)
subprocess.run([vmbox, 'qemu-nbd', '--fork', '-t', '-e', '0', '-k', 's', '-f', 'raw', '--pid-file=pid',
                '--handshake-limit=2', 'd.raw'], check=True, timeout=60)
pid = int(open('pid').read())
OPT, REP = 0x49484156454f5054, 0x3e889045565a9


class Client:
    def __init__(self, flags=3):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect('s')
        assert self.get(18)[:16] == b'NBDMAGICIHAVEOPT'
        if flags is not None:
            self.s.sendall(struct.pack('>I', flags))

    def get(self, n):
        b = b''
        while len(b) < n:
            p = self.s.recv(n - len(b))
            if not p:
                raise EOFError
            b += p
        return b

    def opt(self, o, data=b'', length=None):
        self.s.sendall(struct.pack('>QII', OPT, o, len(data) if length is None else length) + data)

    def rep(self):
        m, o, t, n = struct.unpack('>QIII', self.get(20))
        assert m == REP
        return t, self.get(n)

    def final(self):        # the reply that ends an option
        while True:
            t, d = self.rep()
            if t == 1 or t >> 31:
                return t & 0xff if t >> 31 else 0

    def go(self, structured=True, extended=False):
        if extended:
            self.opt(11)
            assert self.final() == 0
        elif structured:
            self.opt(8)
            assert self.final() == 0
        self.ext = extended
        self.opt(7, struct.pack('>IH', 0, 0))
        assert self.final() == 0
        return self

    def req(self, cmd, off=0, length=0, flags=0, cookie=1, data=b'', magic=None):
        if self.ext:
            h = struct.pack('>IHHQQQ', magic or 0x21e41c71, flags, cmd, cookie, off, length)
        else:
            h = struct.pack('>IHHQQI', magic or 0x25609513, flags, cmd, cookie, off, length)
        self.owed = length if cmd == 0 else 0
        self.s.sendall(h + data)

    def error(self):        # of a reply in any form; data is dropped
        err = 0
        while True:
            m = struct.unpack('>I', self.get(4))[0]
            if m == 0x67446698:
                err = struct.unpack('>IQ', self.get(12))[0]
                self.get(0 if err else self.owed)
                return err
            if m == 0x668e33ef:
                fl, ty, ck, n = struct.unpack('>HHQI', self.get(16))
            else:
                fl, ty, ck, off, n = struct.unpack('>HHQQQ', self.get(28))
            d = self.get(n)
            if ty >> 15:
                err = struct.unpack('>I', d[:4])[0]
            if fl & 1:
                return err

    def closed(self):
        try:
            while True:
                if not self.s.recv(65536):
                    return True
        except socket.timeout:
            return False
        except OSError:
            return True


def rss(what='VmRSS'):
    return int(re.search(what + r':\s+(\d+)', open('/proc/%d/status' % pid).read()).group(1)) // 1024


def closes(name, fn):
    try:
        c = fn()
        check(name, c.closed())
    except EOFError:
        check(name, True)


def connect(flags=3):
    return Client(flags)


# ---- negotiation ----
closes('unknown client flags', lambda: connect(0xff))
def f():
    c = connect(); c.s.sendall(b'GET / HTTP/1.0\r\n\r\n'); return c
closes('another protocol', f)
def f():
    c = connect(); c.opt(7, length=0xffffffff); return c
closes('an option of 4 GiB', f)
c = connect(); c.opt(7, b'x' * 100000)
check('an option of 100 kB is refused', c.final() == 9)
c.opt(99); check('an unknown option', c.final() == 1)
c.opt(3, b'xx'); check('a list with data', c.final() == 3)
for data in (b'', b'\0\0', b'\xff\xff\xff\xff\0\0', b'\0\0\0\5ab', b'\0\0\0\0\0\7\0\1', b'\0\0\0\2a\0\0\0', struct.pack('>I', 5000) + b'x' * 5002):
    c.opt(7, data); check('bad data of go: %r' % data[:8], c.final() == 3)
c.opt(7, struct.pack('>I', 2) + b'no\0\0'); check('an unknown export', c.final() == 6)
c.opt(10, b'\0\0\0\0\0\0\0\0'); check('contexts without structured replies', c.final() == 3)
c.opt(8); check('structured replies', c.final() == 0)
c.opt(8); check('twice', c.final() == 3)
for data in (b'', b'\0\0\0\0', b'\0\0\0\0\0\0\0\1', b'\0\0\0\0\0\0\0\1\0\0\0\xff', b'\0\0\0\0\xff\xff\xff\xff', b'\0\0\0\0\0\0\0\0x'):
    c.opt(10, data); check('bad data of contexts: %r' % data[:12], c.final() == 3)
c.opt(10, struct.pack('>II', 0, 3000) + struct.pack('>I', 4) + b'none' + (struct.pack('>I', 4) + b'none') * 2999)
check('three thousand queries', c.final() == 0)
c.opt(5); check('TLS', c.final() == 2)
closes('an export name that is not there', lambda: (c.opt(1, b'none'), c)[1])
slow = [connect(None) for i in range(20)]
drip = connect()
t0 = time.monotonic()
def dribble():
    try:
        while True:
            drip.s.send(b'I'); time.sleep(.2)
    except OSError:
        pass
threading.Thread(target=dribble, daemon=True).start()
check('silent and dripping clients are closed', all(x.closed() for x in slow + [drip]))

# ---- transmission ----
for form in ((False, False), (True, False), (True, True)):
    n = 'simple' if not form[0] else 'extended' if form[1] else 'structured'
    c = connect().go(*form)
    pay = 32 if form[1] else 0
    for name, want, kw in (
            ('read beyond the end', 22, dict(cmd=0, off=SIZE - 512, length=1024)),
            ('read at 2^64 - 512', 22, dict(cmd=0, off=2**64 - 512, length=1024)),
            ('read of 4 GiB', 22, dict(cmd=0, length=0xffffffff)),
            ('unknown command', 22, dict(cmd=77)),
            ('unknown flags', 22, dict(cmd=0, length=512, flags=0x8000)),
            ('write beyond the end', 28, dict(cmd=1, off=SIZE, length=512, data=b'x' * 512, flags=pay)),
            ('trim beyond the end', 22, dict(cmd=4, off=SIZE, length=512)),
            ('zeroes beyond the end', 28, dict(cmd=6, off=SIZE - 1, length=2)),
            ('cache of 4 GiB', 22, dict(cmd=5, length=0xfffffe00)),
            ('status without context', 22, dict(cmd=7, length=512)),
            ('status of nothing', 22, dict(cmd=7)),
            ('an empty read', 0, dict(cmd=0)),
            ('a good read', 0, dict(cmd=0, length=100000)),
            ('a good write', 0, dict(cmd=1, off=5 << 20, length=512, data=b'x' * 512, flags=pay))):
        c.req(**kw)
        try:
            got = c.error()
        except EOFError:
            got = 'closed'
        check('%s, %s' % (name, n), got == want, got)
        if got == 'closed':
            c = connect().go(*form)
    closes('bad magic, ' + n, lambda: (c.req(0, magic=0x11111111), c)[1])
    c = connect().go(*form)
    closes('a write of 4 GiB, ' + n, lambda: (c.req(1, length=0xffffffff, flags=pay), c)[1])
    c = connect().go(*form)
    c.req(1, length=1 << 20, flags=pay, data=b'x' * 1000)
    c.s.close()
c = connect().go(True, True)
c.req(1, length=512); check('an extended write without payload', c.error() == 22)
c.req(0, length=512, flags=32, data=b'x' * 512); check('a read with payload', c.error() == 22)

# ---- memory: readers that do not read, writers of large blocks ----
lazy = []
for i in range(4):
    c = connect().go(i % 2 == 0)
    c.s.settimeout(.3)
    try:
        for k in range(200):
            c.req(0, length=16 << 20, cookie=k, flags=4 if i % 4 == 0 else 0)
    except (socket.timeout, BlockingIOError):
        pass
    lazy.append(c)
time.sleep(.5)
used = rss()
check('four clients that do not read replies: below 300 MiB', used < 300, used)
c = connect().go()
c.req(0, length=4096); check('others are served', c.error() == 0)
for x in lazy:
    x.s.close()
w = []
for i in range(4):
    x = connect().go(); w.append(x)
    for k in range(3):
        x.req(1, off=1 << 20, length=15 << 20, cookie=k, data=b'y' * (15 << 20))
check('large writes', all(x.error() == 0 for x in w for k in range(3)))
peak = rss('VmHWM')
check('never more than 400 MiB', peak < 400, peak)
check('still there', os.path.exists('/proc/%d' % pid))
r = subprocess.run([vmbox, 'img', 'info', 'nbd:unix:s'], stdout=subprocess.PIPE, timeout=60)
check('and serves', r.returncode == 0)
os.kill(pid, 15)
for i in range(200):
    if not os.path.exists('pid'):
        break
    time.sleep(.05)
check('ends', not os.path.exists('pid'))

# ---- servers that misbehave ----
def serve_once(script, cmd):
    if os.path.exists('h'):
        os.unlink('h')
    l = socket.socket(socket.AF_UNIX); l.bind('h'); l.listen(8)
    l.settimeout(20)
    def run():
        try:
            while True:
                s = l.accept()[0]
                s.settimeout(20)
                try:
                    script(s)
                finally:
                    s.close()
        except OSError:
            pass
    t = threading.Thread(target=run, daemon=True); t.start()
    r = subprocess.run([vmbox] + cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    l.close()
    return r


def greet(s):
    s.sendall(b'NBDMAGICIHAVEOPT\0\3'); s.recv(4)


def want_opt(s):
    h = b''
    while len(h) < 16:
        p = s.recv(16 - len(h))
        if not p:
            raise OSError
        h += p
    n = struct.unpack('>I', h[12:])[0]
    while n:
        n -= len(s.recv(n))
    return struct.unpack('>I', h[8:12])[0]


def rep(s, o, t, d=b'', n=None):
    s.sendall(struct.pack('>QIII', REP, o, t, len(d) if n is None else n) + d)


def proper(s, structured=True, size=1 << 20, info=b''):
    greet(s)
    while True:
        o = want_opt(s)
        if o == 8 and structured:
            rep(s, o, 1)
        elif o == 7:
            if info:
                rep(s, o, 3, info)
            rep(s, o, 3, struct.pack('>HQH', 0, size, 1)); rep(s, o, 1)
            return
        elif o == 10:
            rep(s, o, 4, struct.pack('>I', 9) + b'base:allocation'); rep(s, o, 1)
        else:
            rep(s, o, 0x80000001)


def request(s):
    h = b''
    while len(h) < 28:
        p = s.recv(28 - len(h))
        if not p:
            raise OSError
        h += p
    return struct.unpack('>IHHQQI', h)


def chunk(ck, fl, ty, d=b'', n=None):
    return struct.pack('>IHHQI', 0x668e33ef, fl, ty, ck, len(d) if n is None else n) + d


INFO = ['img', 'info', 'nbd:unix:h']
def bad_start(data):
    return lambda s: s.sendall(data)
def bad_reply(t, d=b'', n=None, magic=None):
    def f(s):
        greet(s); o = want_opt(s); rep(s, o, t, d, n)
        s.recv(1)
    return f
for name, script in (
        ('nothing', bad_start(b'')), ('another protocol', bad_start(b'HTTP/1.0 404 no\r\n\r\n')),
        ('half a greeting', bad_start(b'NBDMAGICIHAV')), ('a reply of 4 GiB', bad_reply(1, n=0xffffffff)),
        ('an unknown reply', bad_reply(77)), ('TLS required', bad_reply(0x80000005, b'go\x1b[31maway')),
        ('a size of 2^63', lambda s: proper(s, size=1 << 63)),
        ('a block size of 3', lambda s: proper(s, info=struct.pack('>HIII', 3, 3, 4096, 1 << 20))),
        ('a block size of 0', lambda s: proper(s, info=struct.pack('>HIII', 3, 0, 0, 0))),
        ('a largest block below the smallest', lambda s: proper(s, info=struct.pack('>HIII', 3, 4096, 4096, 512))),
        ('a short info', lambda s: proper(s, info=b'\0')),
        ('endless contexts', lambda s: (greet(s), rep(s, want_opt(s), 0x80000001), rep(s, want_opt(s), 1),
                                        (lambda o: [rep(s, o, 4, b'\0\0\0\1base:allocation') for i in range(99)])(want_opt(s))))):
    r = serve_once(script, INFO)
    check('a server with ' + name, r.returncode == 1 and r.stdout.startswith(b'img: ') and b'\x1b' not in r.stdout, r)
READ = ['qemu-io', '-f', 'raw', '-c', 'read 4096 8192', 'nbd:unix:h']
def transmission(answer):
    def f(s):
        proper(s, structured=answer[0])
        while True:
            m, fl, cmd, ck, off, n = request(s)
            if cmd == 7:
                s.sendall(chunk(ck, 1, 5, struct.pack('>III', 9, n, 0)))
            elif cmd == 0:
                a = answer[1](ck, off, n)
                s.sendall(a)
                if len(a) == 26:        # a piece of a reply
                    return
            else:
                return
    return f
for name, structured, a in (
        ('a bad magic', 1, lambda c, o, n: b'x' * 20), ('an unknown cookie', 1, lambda c, o, n: chunk(c + 5, 1, 0)),
        ('data before the request', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o - 1) + b'x' * n)),
        ('data behind the request', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o + n) + b'x')),
        ('data at 2^64 - 1', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', 2**64 - 1) + b'x' * 10)),
        ('too much data', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o) + b'x' * (n + 1))),
        ('too little data', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o) + b'x' * (n - 1))),
        ('no data', 1, lambda c, o, n: chunk(c, 1, 0)), ('a hole too long', 1, lambda c, o, n: chunk(c, 1, 2, struct.pack('>QI', o, 0xffffffff))),
        ('a chunk of 4 GiB', 1, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o), n=0xffffffff)),
        ('a status for a read', 1, lambda c, o, n: chunk(c, 1, 5, struct.pack('>III', 9, n, 0))),
        ('an unknown chunk', 1, lambda c, o, n: chunk(c, 1, 99, b'x')),
        ('a simple reply among chunks', 1, lambda c, o, n: struct.pack('>IIQ', 0x67446698, 0, c) + b'x' * n),
        ('a chunk among simple replies', 0, lambda c, o, n: chunk(c, 1, 1, struct.pack('>Q', o) + b'x' * n)),
        ('an error', 1, lambda c, o, n: chunk(c, 1, 0x8001, struct.pack('>IH', 28, 3) + b'abc')),
        ('error 0', 1, lambda c, o, n: chunk(c, 1, 0x8001, struct.pack('>IH', 0, 0))),
        ('a short error', 1, lambda c, o, n: chunk(c, 1, 0x8001, b'\0')),
        ('a short reply and the end', 0, lambda c, o, n: struct.pack('>IIQ', 0x67446698, 0, c) + b'x' * 10)):
    r = serve_once(transmission((structured, a)), READ)
    check('a server that replies with ' + name, r.returncode == 1 and b'read failed' in r.stdout, r)
r = serve_once(transmission((1, lambda c, o, n: chunk(c, 0, 1, struct.pack('>Q', o) + b'x' * 100) + chunk(c, 0, 2, struct.pack('>QI', o + 100, n - 200)) +
                             chunk(c, 1, 1, struct.pack('>Q', o + n - 100) + b'y' * 100))), READ)
check('pieces are put together', r.returncode == 0, r)
def status(s):
    proper(s)
    while True:
        m, fl, cmd, ck, off, n = request(s)
        s.sendall(chunk(ck, 1, 5, struct.pack('>I', 9) + b'\0' * 8))
r = serve_once(status, ['img', 'map', '-f', 'raw', 'nbd:unix:h'])
check('extents of length 0', r.returncode == 1, r)
print('1..%d' % nr)
sys.exit(bad > 0)
