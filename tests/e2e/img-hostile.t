#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# One image for each class of fault that has hit image tools: sizes that
# overflow, tables that name themselves, zero divisors, bombs. Every reading
# sub-command ends with a status of its own, soon, in little memory. And what
# img inspect says, budgets, sandbox.
import json, os, resource, struct, subprocess, sys, tempfile, time

vmbox = os.environ.get('VMBOX') or os.path.join(os.environ.get('objtree', '.'), 'vmbox')
tmp = tempfile.TemporaryDirectory()
os.chdir(tmp.name)
nr = bad = 0
LIMIT = 48 << 20


def check(name, good, *notes):
    global nr, bad
    nr += 1
    bad += not good
    print('%sok %d - %s' % ('' if good else 'not ', nr, name), flush=True)
    for n in notes if not good else ():
        print('#', n)


asan = 'CONFIG_ASAN=y' in open(os.path.join(os.environ.get('objtree', '.'), '.config')).read()


def img(*args):
    return subprocess.run([vmbox, 'img', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          preexec_fn=lambda: asan or resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)))


def peak_kib(*args):
    """Peak memory of vmbox itself: read while it waits to print into a full pipe (ru_maxrss counts us, before exec)."""
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b' ' * 4096)
    except BlockingIOError:
        os.set_blocking(w, True)
    p = subprocess.Popen([vmbox, 'img', *args], stdout=w, stderr=w)
    os.close(w)
    kib = 0
    for _ in range(3000):
        try:
            call = open('/proc/%d/syscall' % p.pid).read().split()
            if call[0] in ('1', '20') and int(call[1], 16) in (1, 2):
                kib = int(open('/proc/%d/status' % p.pid).read().split('VmHWM:')[1].split()[0])
                break
        except (OSError, IndexError, ValueError):
            break
        time.sleep(.01)
    while os.read(r, 65536):
        pass
    os.close(r)
    p.wait()
    return kib


def hostile(name, fmt, size, *parts):
    with open('x', 'wb') as f:
        f.truncate(size)
        for off, data in parts:
            f.seek(off)
            f.write(data)
    codes = []
    for cmd in (['info', '-f', fmt], ['check', '-f', fmt], ['map', '-f', fmt, '--max-length=1G'], ['inspect'],
                ['measure', '-f', fmt, '-O', 'qcow2'] if fmt == 'qcow2' else ['info']):
        r = img(*cmd, 'x')
        codes.append(r.returncode)
    check(name, all(0 <= c < 126 for c in codes), codes)


def qcow2(version=3, backing=0, blen=0, bits=16, size=1 << 30, crypt=0, l1=2, l1_off=0x30000, rt=0x10000, rtc=1,
          snaps=0, snap_off=0, incompat=0, order=4, hlen=104):
    return b'QFI\xfb' + struct.pack('>IQIIQIIQQIIQQQQII', version, backing, blen, bits, size, crypt, l1, l1_off,
                                    rt, rtc, snaps, snap_off, incompat, 0, 0, order, hlen)


BE = lambda *v: struct.pack('>%dQ' % len(v), *v)
C = 1 << 63
RT = (0x10000, BE(0x20000))
for name, kw in (('cluster bits 0', dict(bits=0)), ('cluster bits 63', dict(bits=63)), ('L1 of 2^32 entries', dict(l1=0xffffffff)),
                 ('L1 offset overflows', dict(l1_off=2**64 - 0x10000)), ('L1 too small', dict(size=1 << 50)),
                 ('size 2^63', dict(size=1 << 63)), ('size 2^64 - 1', dict(size=2**64 - 1)),
                 ('refcount table of 2^32 clusters', dict(rtc=0xffffffff)), ('refcount table offset', dict(rt=2**63)),
                 ('refcount order 63', dict(order=63)), ('header length 2^32', dict(hlen=0xffffffff)), ('header length 0', dict(hlen=0)),
                 ('backing name beyond the end', dict(backing=2**63, blen=1000)), ('backing name of 4 GiB', dict(backing=512, blen=0xffffffff)),
                 ('2^32 snapshots', dict(snaps=0xffffffff, snap_off=0x40000)), ('unknown features', dict(incompat=2**64 - 1)),
                 ('unknown cipher', dict(crypt=9)), ('version 9', dict(version=9))):
    hostile('qcow2: ' + name, 'qcow2', 0x80000, (0, qcow2(**kw)), RT)
head = (0, qcow2())
hostile('qcow2: L1 is its own L2', 'qcow2', 0x80000, head, RT, (0x30000, BE(0x30000 | C, 0x30000 | C)))
hostile('qcow2: L2 entries name L1, L2, header, refcounts', 'qcow2', 0x80000, head, RT, (0x30000, BE(0x40000 | C)),
        (0x40000, BE(0x30000 | C, 0x40000 | C, 0 | C, 0x10000 | C, 0x20000 | C, 2**56 - 512, 3)))
hostile('qcow2: refcount table names itself', 'qcow2', 0x80000, head, (0x10000, BE(0x10000, 0x10000, 0, 0x20001)))
hostile('qcow2: all clusters are one bomb', 'qcow2', 0x80000, head, RT, (0x30000, BE(0x40000 | C)),
        (0x40000, BE(*[1 << 62 | 0x50000] * 8192)), (0x50000, b'\xff' * 512))
hostile('qcow2: compressed data beyond the end', 'qcow2', 0x80000, head, RT, (0x30000, BE(0x40000 | C)),
        (0x40000, BE(*[2**63 - 1] * 8192)))
hostile('qcow2: extensions without end', 'qcow2', 0x80000, head, RT, (104, struct.pack('>II', 0x12345678, 0xfffffff8) * 1000))
hostile('qcow2: bitmaps beyond reason', 'qcow2', 0x80000, (0, qcow2()[:80] + BE(1) + qcow2()[88:]), RT,
        (104, struct.pack('>IIIIQQ', 0x23852875, 24, 0xffffffff, 0, 2**63, 2**63)))


def vdi(kind=1, header=400, off_blocks=512, off_data=1024, size=1 << 30, block=1 << 20, extra=0, blocks=1024, alloc=0):
    b = bytearray(512)
    b[:40] = b'<<< Oracle VM VirtualBox Disk Image >>>\n'
    struct.pack_into('<IIIII', b, 64, 0xbeda107f, 0x10001, header, kind, 0)
    struct.pack_into('<IIIIIIIQIIII', b, 340, off_blocks, off_data, 0, 0, 0, 512, 0, size, block, extra, blocks, alloc)
    return bytes(b)


for name, kw in (('block size 0', dict(block=0)), ('2^32 blocks', dict(blocks=0xffffffff, size=0xffffffff << 20)),
                 ('size 2^64 - 1', dict(size=2**64 - 1)), ('offsets at the end', dict(off_blocks=0xfffffe00, off_data=0xfffffe00)),
                 ('more allocated than there are', dict(alloc=0xffffffff))):
    hostile('vdi: ' + name, 'vdi', 1 << 20, (0, vdi(**kw)))
hostile('vdi: blocks twice and beyond', 'vdi', 1 << 20, (0, vdi()), (512, struct.pack('<128I', *([0] * 64 + [0xfffffffd] * 64))))


def vpc(entries=512, block=2 << 20, table=1536, size=1 << 30, kind=3):
    f = bytearray(512)
    struct.pack_into('>8sIIQI4sI4sQQHBBI', f, 0, b'conectix', 2, 0x10000, 512, 0, b'qem2', 0x50003, b'Wi2k', size, size, 1024, 16, 63, kind)
    struct.pack_into('>I', f, 64, ~sum(f) & 0xffffffff)
    d = bytearray(1024)
    struct.pack_into('>8sQQIII', d, 0, b'cxsparse', 2**64 - 1, table, 0x10000, entries, block)
    struct.pack_into('>I', d, 36, ~sum(d) & 0xffffffff)
    return bytes(f) + bytes(d)


for name, kw in (('2^32 entries', dict(entries=0xffffffff)), ('block size 0', dict(block=0)), ('block size 3', dict(block=3)),
                 ('block size 2^31', dict(block=1 << 31)), ('table beyond the end', dict(table=2**63)), ('size 2^64 - 512', dict(size=2**64 - 512))):
    hostile('vpc: ' + name, 'vpc', 1 << 20, (0, vpc(**kw)))
hostile('vpc: blocks that are the table', 'vpc', 1 << 20, (0, vpc()), (1536, struct.pack('>512I', *[3] * 512)))


def parallels(magic=b'WithouFreSpacExt', tracks=63, entries=1024, sectors=1 << 20, data=0):
    return struct.pack('<16sIIIIIQII', magic, 2, 16, 1024, tracks, entries, sectors, 0, data)


for name, kw in (('tracks 0', dict(tracks=0)), ('tracks 2^32 - 1', dict(tracks=0xffffffff)), ('2^32 entries', dict(entries=0xffffffff)),
                 ('2^64 - 1 sectors', dict(sectors=2**64 - 1)), ('data far away', dict(data=0xffffffff))):
    hostile('parallels: ' + name, 'parallels', 1 << 20, (0, parallels(**kw)))
hostile('parallels: blocks that are the table', 'parallels', 1 << 20, (0, parallels()), (64, b'\0\0\0\0' * 512 + b'\1\0\0\0' * 512))
vmdk = lambda cap=1 << 21, grain=128, dsize=1, doff=1, gtes=512, gd=21: b'KDMV' + struct.pack('<IIQQQQIQQQ', 1, 3, cap, grain, doff, dsize, gtes, 0, gd, 128)
for name, kw in (('grain 0', dict(grain=0)), ('grain 2^63', dict(grain=1 << 63)), ('capacity 2^64 - 1', dict(cap=2**64 - 1)),
                 ('no grains in a table', dict(gtes=0)), ('2^32 - 1 in a table', dict(gtes=0xffffffff)),
                 ('a descriptor of 2^63 sectors', dict(dsize=1 << 63)), ('directory beyond the end', dict(gd=2**63))):
    hostile('vmdk: ' + name, 'vmdk', 1 << 20, (0, vmdk(**kw)))

# Bombs: a header that promises two terabytes, in a sparse file of two gigabytes.
for fmt, data in (('vdi', vdi(blocks=0x1ffffff8, size=0x1ffffff8 << 20, off_data=1 << 31)),
                  ('vpc', vpc(entries=0x1ffff000 // 512, size=2040 << 30)),
                  ('parallels', parallels(entries=0x1ffffff0, sectors=0x1ffffff0 * 63))):
    with open('b', 'wb') as f:
        f.write(data)
        f.truncate(2 << 30)
    kib = peak_kib('info', '-f', fmt, 'b')
    check('%s bomb: info takes less than 8 MiB' % fmt, asan or 0 < kib < 8 << 10, kib)
# A table of zeros that takes no room is not read: all of it is one extent.
def bytes_read():
    """By us and the children that ended."""
    return int(open('/proc/self/io').read().split('rchar:')[1].split()[0])


before = bytes_read()
r = img('map', '--output=json', '-f', 'parallels', 'b')
took = bytes_read() - before
check('parallels bomb: one extent', r.returncode == 0 and [(e['start'], e['length']) for e in json.loads(r.stdout)] == [(0, 0x1ffffff0 * 63 * 512)], r)
check('parallels bomb: the hole in its table is passed over', 0 < took < 16 << 20, took)
# Nor where zeros name the first block: tens of millions of findings are counted, a thousand are told.
with open('b', 'wb') as f:
    f.write(vdi(blocks=1 << 26, size=1 << 46))
    f.truncate(512 + (4 << 26))
before = bytes_read()
r = img('check', '-f', 'vdi', 'b')
took = bytes_read() - before
said = r.stderr.decode().splitlines()
check('vdi bomb: check tells some', r.returncode == 2 and len(said) == 1001 and said[0] == 'ERROR: block index 1 is used twice' and
      said[999] == 'ERROR: block index 1000 is used twice' and said[1000] == '... and %d more' % ((1 << 26) - 1001), said[:1] + said[-2:])
check('vdi bomb: and counts all', b'\n%d errors were found' % ((1 << 26) - 1) in r.stdout, r.stdout)
check('vdi bomb: without reading the hole', 0 < took < 16 << 20, took)
with open('b', 'wb') as f:
    f.write(vdi(blocks=5, size=5 << 20))
    f.write(struct.pack('<5I', 0, 0xffffffff, 0, 9, 1))
    f.truncate(1024 + (2 << 20))
r = img('check', '-f', 'vdi', 'b')
check('vdi: few faults are all told', r.returncode == 2 and r.stderr == b'ERROR: block index 2 is used twice\n'
      b'ERROR: block index 3 is outside of the file\n' and b'3/5 = 60.00% allocated, 0.00% fragmented' in r.stdout, r)
# An entry behind a hole is found.
with open('b', 'wb') as f:
    f.write(parallels(entries=1 << 22, sectors=(1 << 22) * 63))
    f.seek(64 + 4 * 3000000)
    f.write(struct.pack('<I', 1000))
    f.truncate(64 << 20)
r = img('map', '--output=json', '-f', 'parallels', 'b')
check('parallels: an entry behind a hole', [e['start'] // 32256 for e in json.loads(r.stdout) if e['data']] == [3000000], r)

# VMDK: a directory that takes no room, tables that take none, and the file ends before the directory does.
def few_reads(name, *args):
    """Runs img; checks that it read little."""
    before = bytes_read()
    r = img(*args)
    took = bytes_read() - before
    check(name + ': without reading the holes', 0 < took < 16 << 20, took)
    return r


for name, cap, size, tables in (('directory in a hole', 31 << 35, 1 << 30, {}), ('file ends before the directory', 31 << 35, 65536, {}),
                                ('tables in a hole', 1 << 31, 1 << 30, {i: 4096 + i * 4 for i in range(1 << 15)}),
                                ('one table for all', 1 << 33, 1 << 30, {i: 4096 for i in range(1 << 17)})):
    with open('b', 'wb') as f:
        f.write(vmdk(cap=cap, doff=0))
        f.seek(21 * 512)
        f.write(struct.pack('<%dI' % len(tables), *tables.values()))
        f.truncate(size)
    r = few_reads('vmdk, %s: map' % name, 'map', '--output=json', '-f', 'vmdk', 'b')
    e = json.loads(r.stdout or b'[{"start":1}]')
    check('vmdk, %s: nothing but a hole' % name, r.returncode == 0 and e[0]['start'] == 0 and sum(x.get('length', 0) for x in e) == cap * 512 and
          len(e) < 3 and not any(x['data'] for x in e), r.stderr, e[:3])
    r = few_reads('vmdk, %s: check' % name, 'check', '-f', 'vmdk', 'b')
    check('vmdk, %s: clean' % name, r.returncode == 0, r)
# qcow2: thousands of snapshots name tables of 32 MiB, in a hole or in zeros that take room: neither is read again and again.
for name, stored in (('in a hole', b''), ('of zeros', bytes(32 << 20))):
    with open('b', 'wb') as f:
        f.write(b'QFI\xfb' + struct.pack('>IQIIQIIQQIIQQQQII', 3, 0, 0, 16, 1 << 30, 0, 2, 0x30000, 0x10000, 1, 3000, 0x40000, 0, 0, 0, 4, 104))
        f.seek(0x10000)
        f.write(struct.pack('>Q', 0x20000))
        f.seek(0x40000)
        f.write((struct.pack('>QIHHIIQII', 8 << 20, 4 << 20, 0, 0, 0, 0, 0, 0, 16) + bytes(16)) * 3000)
        f.seek(8 << 20)
        f.write(stored)
        f.truncate(64 << 20)
    before = bytes_read()
    r = img('check', '-f', 'qcow2', 'b')
    took = bytes_read() - before
    check('qcow2, tables of snapshots %s: all references count' % name, r.returncode == 2 and
          b'ERROR cluster 639 refcount=0 reference=3000\n' in r.stderr and b'\n519 errors were found' in r.stdout, r.stdout)
    check('qcow2, tables of snapshots %s: read once' % name, 0 < took < 64 << 20, took)
    r = img('check', '-r', 'all', '-f', 'qcow2', 'b')
    check('qcow2, tables of snapshots %s: repaired' % name, r.returncode == 0 and img('check', '-f', 'qcow2', 'b').returncode == 0, r.stdout)
# A grain whose table stands behind holes is found; faults all count, a thousand are told.
with open('b', 'wb') as f:
    f.write(vmdk(cap=31 << 35, doff=0))
    f.seek(21 * 512 + 4 * 3000000)
    f.write(struct.pack('<I', 1 << 16))
    f.seek(1 << 25)
    f.write(struct.pack('<512I', *([0] * 7 + [1 << 15] + [0] * 504)))
    f.truncate(64 << 20)
r = few_reads('vmdk, a grain behind holes: map', 'map', '--output=json', '-f', 'vmdk', 'b')
check('vmdk: a grain behind holes', [(x['start'], x['length'], x['offset']) for x in json.loads(r.stdout) if x['data']] ==
      [((3000000 * 512 + 7) << 16, 65536, 16 << 20)], r.stdout[:500])
with open('b', 'r+b') as f:
    f.seek(21 * 512)
    f.write(struct.pack('<5I', *[1 << 16] * 5))
    f.seek(1 << 25)
    f.write(struct.pack('<512I', *[1 << 30] * 512))
r = img('check', '-f', 'vmdk', 'b')
said = r.stderr.decode().splitlines()
check('vmdk: faults are counted, some told', r.returncode == 2 and b'\n%d errors were found' % (6 * 512) in r.stdout and len(said) == 1001 and
      said[513] == 'ERROR: cluster offset for sector 65664 points after EOF' and said[1000] == '... and 2072 more', said[:1] + said[-2:], r.stdout)
# qcow2: 60000 snapshots, of which the file has no byte.
with open('b', 'wb') as f:
    f.write(qcow2(snaps=60000, snap_off=0x80000))
    f.seek(0x10000)
    f.write(BE(0x20000))
    f.truncate(0x40000)
r = img('check', '-f', 'qcow2', 'b')
check('qcow2: no snapshots behind the end of the file', r.returncode == 2 and
      b'failed to read the snapshot table: Snapshot table ends behind the end of the file' in r.stderr and r.stderr.count(b'\n') < 20, r)
r = img('snapshot', '-l', '-f', 'qcow2', 'b')
check('qcow2: nor are they listed', r.stdout.count(b'\n') < 20, r.stdout[:300])

# ---- compare ----

# Zeros on both sides are passed over at once: a chunk after the other would take days.
for name, size in (('a', '1P'), ('b', '1P')):
    img('create', '-f', 'qcow2', name, size)
img('create', '-f', 'qcow2', 'c', '1P')
for at in (0, 1 << 40, (1 << 50) - 65536):
    subprocess.run([vmbox, 'qemu-io', '-f', 'qcow2', '-c', 'write -P 7 %d 64k' % at, 'b'], check=True, stdout=subprocess.DEVNULL)
    if at < 1 << 50 >> 1:
        subprocess.run([vmbox, 'qemu-io', '-f', 'qcow2', '-c', 'write -P 7 %d 64k' % at, 'c'], check=True, stdout=subprocess.DEVNULL)
r = img('compare', '-f', 'qcow2', '-F', 'qcow2', 'a', 'a')
check('compare: petabytes of holes are the same', r.returncode == 0, r)
r = img('compare', '-f', 'qcow2', '-F', 'qcow2', 'b', 'c')
check('compare: what differs behind them is found', r.returncode == 1 and b'offset %d!' % ((1 << 50) - 65536) in r.stdout, r)
# Nothing is known of these: all would be read.
p = subprocess.Popen([vmbox, 'qemu-img', 'compare', '-p', '--image-opts', 'driver=null-co,size=4E', 'driver=null-co,size=4E'],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.read(1)
p.terminate()
err = p.communicate(timeout=60)[1]
check('compare: ends when it is asked to', p.returncode == 4 and b'interrupted' in err, p.returncode, err)

# ---- inspect ----
def inspect(name, data, code, **want):
    with open('i', 'wb') as f:
        f.write(data)
        f.truncate(max(len(data), 0x80000))
    r = img('inspect', 'i')
    try:
        j = json.loads(r.stdout)
    except ValueError:
        j = {}
    check('inspect: ' + name, r.returncode == code and all(j.get(k) == v for k, v in want.items()), r)
    return j


good = bytearray(qcow2())
img('create', '-q', '-f', 'qcow2', 'good', '1G')
data = open('good', 'rb').read()
inspect('an empty qcow2', data, 0, verdict='clean', format='qcow2', polyglot=False, **{'virtual-size': 1 << 30})
inspect('noise', os.urandom(4096).replace(b'\x1f', b'x'), 0, format='raw')
inspect('an ISO that is a qcow2', data[:32769] + b'CD001' + data[32774:], 2, polyglot=True, verdict='suspicious')
inspect('a qcow2 with the end of a VHD', data.ljust(0x80000 - 512, b'\0') + vpc()[:512], 2, polyglot=True)
inspect('a wrong qcow2', qcow2(bits=63), 3, verdict='invalid')
img('create', '-q', '-f', 'qcow2', '-u', '-F', 'raw', '-b', '/etc/passwd', 'ref', '1M')
j = inspect('a backing file elsewhere', open('ref', 'rb').read(), 2, verdict='suspicious')
check('inspect names it', j.get('references') == [{'role': 'backing', 'name': '/etc/passwd'}], j)
check('inspect of nothing', img('inspect', 'none').returncode == 1)

# ---- budgets and sandbox ----
check('--max-size', img('map', '--max-size=512M', 'good').returncode == 66)
check('below it', img('map', '--max-size=2G', 'good').returncode == 0)
check('--max-ratio', img('map', '--max-ratio=100', 'good').returncode == 66)
check('--max-ratio of nonsense', img('map', '--max-ratio=x', 'good').returncode == 1)
os.mkfifo('fifo')
r = subprocess.run([vmbox, 'img', 'dd', '-f', 'raw', 'if=fifo', 'of=never', '--max-time=1'], stderr=subprocess.DEVNULL, timeout=30)
check('--max-time', r.returncode == 66, r)
for cmd in (['info'], ['map'], ['check'], ['check', '-r', 'all'], ['inspect'], ['compare', 'good'], ['snapshot', '-c', 's'], ['snapshot']):
    r = img(*cmd, '--sandbox=auto', 'good')
    check('%s in the sandbox' % cmd[0], r.returncode == 0, r)
os.mkdir('d')
require = ['--sandbox=require'] if img('info', '--sandbox=require', 'good').returncode == 0 else []
os.symlink('../good', 'd/link')
with open('raw', 'wb') as f:
    f.write(b'text ' * 300000)
for cmd in (['info', 'd/link'], ['compare', 'd/link', 'good'], ['convert', 'd/link', 'd/out'], ['convert', '-O', 'qcow2', '-c', 'raw', 'd/c'],
            ['convert', '-O', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse', 'raw', 'd/v.vmdk'], ['compare', 'raw', 'd/v.vmdk'],
            ['convert', '-O', 'qcow2', '-B', 'raw', '-F', 'raw', 'd/c', 'over'], ['compare', 'raw', 'over'],
            ['dd', '-O', 'vhdx', 'if=raw', 'of=d/x', 'bs=64k'], ['dd', '-f', 'vhdx', 'if=d/x', 'of=/dev/null', 'bs=64k'],
            ['create', '-f', 'qcow2', 'd/new', '1M'], ['create', '-f', 'qcow2', '-b', 'raw', '-F', 'raw', 'two'],
            ['create', '-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse', 'd/w.vmdk', '3G'],
            ['amend', '-o', 'compat=0.10', 'd/new'], ['amend', '-o', 'backing_file=none,backing_fmt=raw', 'd/new'],
            ['rebase', '-u', '-b', '', 'd/new'],
            ['rebase', '-b', 'good', '-F', 'qcow2', 'two'], ['rebase', '-b', '', 'two'], ['compare', 'raw', 'two'],
            ['bitmap', '--add', 'd/c', 'b'], ['bitmap', '--add', 'two', 'b'],
            ['bitmap', '--merge', 'b', '-b', 'd/c', '-F', 'qcow2', 'two', 'b'],
            ['bench', '-c', '10', '-d', '4', '-f', 'raw', 'raw'], ['bench', '-w', '-c', '10', '-d', '4', '--flush-interval=4', 'two'],
            ['bitmap', '--remove', 'd/c', 'b'], ['resize', 'd/c', '2M'], ['convert', '-n', 'raw', '-O', 'qcow2', 'd/c']):
    r = img(cmd[0], *require, *cmd[1:])
    check('the sandbox lets %s' % ' '.join(cmd), r.returncode == 0, r)


def caged(argv):
    """Is a dd that waits for its input in a cage?"""
    p = subprocess.Popen(argv + ['dd', '-f', 'raw', 'if=fifo', 'of=never'], stderr=subprocess.DEVNULL)
    for _ in range(3000):
        if 'fifo' in open('/proc/%d/wchan' % p.pid).read() or open('/proc/%d/syscall' % p.pid).read().split()[0] in ('2', '257'):
            break
        time.sleep(.01)
    text = open('/proc/%d/status' % p.pid).read()
    os.close(os.open('fifo', os.O_WRONLY))
    p.wait()
    return 'Seccomp:\t2' in text


os.symlink(vmbox, 'qemu-img')
if img('info', '--sandbox=require', 'good').returncode == 0:
    check('dd works in a sandbox', caged([vmbox, 'img']))
    check('not as qemu-img', not caged(['./qemu-img']))
print('1..%d' % nr)
sys.exit(bad > 0)
