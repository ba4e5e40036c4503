#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong in the middle of convert and dd: signals, full disks, read
# and write errors, a source that changes. A clear error, no damage, and
# never success with wrong data.
import ctypes, os, random, resource, signal, struct, subprocess, sys, tempfile, time

vmbox = os.environ.get('VMBOX') or os.path.join(os.environ.get('objtree', '.'), 'vmbox')
vmbox = os.path.abspath(vmbox)
config = open(os.path.join(os.environ.get('objtree', '.'), '.config')).read()
if 'CONFIG_BLOCK_QCOW2=y' not in config or 'CONFIG_TOOL_IMG=y' not in config:
    print('1..0 # SKIP CONFIG_BLOCK_QCOW2 is off')
    sys.exit(0)
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


def img(*args, limit=None):
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run([vmbox, 'img', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          preexec_fn=small if limit else None)


r = random.Random(5)
with open('src', 'wb') as f:
    for i in range(24):
        f.write(r.randbytes(1 << 19) if i % 4 else bytes(1 << 19))
size = os.path.getsize('src')
img('convert', '-O', 'qcow2', 'src', 'src.q')

# ---- signals: a slow copy is stopped once it has begun ----
for sig in (signal.SIGINT, signal.SIGTERM):
    p = subprocess.Popen([vmbox, 'img', 'convert', '-r', '1M', '-O', 'qcow2', 'src', 'cut.q'], stderr=subprocess.PIPE)
    while p.poll() is None and (not os.path.exists('cut.q') or os.path.getsize('cut.q') < 1 << 20):
        time.sleep(.02)
    p.send_signal(sig)
    err = p.communicate(timeout=120)[1]
    check('%s stops convert' % sig.name, p.returncode not in (0, None) and b'incomplete' in err, p.returncode, err)
    c = img('check', 'cut.q')
    check('and its target is in order', c.returncode == 0, c)
    os.unlink('cut.q')

# ---- what dd leaves to the system: a disk that fails when it is flushed ----
def flush_fails():
    nr = {'x86_64': 75, 'aarch64': 83}[os.uname().machine]
    code = struct.pack('<HBBIHBBIHBBIHBBI', 0x20, 0, 0, 0, 0x15, 0, 1, nr, 6, 0, 0, 0x50005, 6, 0, 0, 0x7fff0000)
    held = ctypes.create_string_buffer(code)
    prog = struct.pack('@HP', 4, ctypes.addressof(held))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, prog):
        raise OSError('seccomp')


for how, want in (('img', 0), ('img conv=fdatasync', 1), ('qemu-img', 1)):
    who, *more = how.split()
    p = subprocess.run([vmbox, who, 'dd', '-f', 'raw', '-O', 'raw', 'bs=64k', 'if=src', 'of=out', *more], stderr=subprocess.PIPE,
                       timeout=120, preexec_fn=flush_fails)
    check('%s dd %s' % (how, 'tells of a flush that fails' if want else 'does not flush'), p.returncode == want and
          (not want or b'Input/output error' in p.stderr), p)
    check('%s dd copied all' % how, open('src', 'rb').read() == open('out', 'rb').read())
    os.unlink('out')

# ---- the source changes ----
def changed(name, change, *opts):
    subprocess.run(['cp', 'src', 'live'], check=True)
    p = subprocess.Popen([vmbox, 'img', 'convert', *opts, '-r', '2M', '-O', 'qcow2', 'live', 'out.q'], stderr=subprocess.PIPE)
    while p.poll() is None and (not os.path.exists('out.q') or os.path.getsize('out.q') < 1 << 20):
        time.sleep(.02)
    change()
    err = p.communicate(timeout=120)[1]
    want = 0 if '-U' in opts else 1
    check(name, p.returncode == want and b"'live' changed" in err, p.returncode, err)
    os.unlink('out.q')


def overwrite():
    with open('live', 'r+b') as f:
        f.seek(100)
        f.write(b'new')


changed('a source that shrinks', lambda: os.truncate('live', 1 << 20))
changed('one that is written to', overwrite)
changed('-U allows that', overwrite, '-U')

# ---- no space ----
for fmt, more in (('qcow2', []), ('qcow2', ['-c']), ('raw', []), ('vmdk', []), ('vhdx', []), ('vdi', []), ('parallels', [])):
    if fmt not in ('raw', 'qcow2') and 'CONFIG_BLOCK_%s=y' % fmt.upper() not in config:
        continue
    c = img('convert', '-O', fmt, *more, 'src', 'full', limit=3 << 20)
    check('no space for %s %s' % (fmt, ' '.join(more)), c.returncode == 1 and b'too large' in c.stderr, c)
    if fmt == 'qcow2':
        check('no damage', img('check', 'full').returncode in (0, 3))
c = img('dd', 'if=src', 'of=full2', 'bs=64k', limit=3 << 20)
check('no space for dd', c.returncode == 1 and b'too large' in c.stderr, c)

# ---- errors at one place after the other ----
if 'CONFIG_BLOCK_BLKDEBUG=y' in config:
    dbg = 'driver=qcow2,file.driver=blkdebug,file.image.driver=file,file.image.filename=%s,file.inject-error.0.event=%s,' \
          'file.inject-error.0.errno=%d,file.inject-error.0.sector=%d,file.inject-error.0.once=on'
    hit = 0
    for sector in range(0, size // 512 + 2048, 1531):
        if os.path.exists('ok'):
            os.unlink('ok')
        c = img('convert', '--image-opts', '-O', 'raw', dbg % ('src.q', 'read_aio', 5, sector), 'ok')
        hit += c.returncode == 1
        good = c.returncode == 1 and b'Input/output error' in c.stderr or \
            c.returncode == 0 and open('ok', 'rb').read() == open('src', 'rb').read()
        if not good:
            check('read error at sector %d' % sector, False, c)
    check('read errors end convert, or there were none', hit > 3, hit)
    hit = 0
    for sector in range(0, size // 512 + 2048, 1531):
        subprocess.run([vmbox, 'img', 'create', '-q', '-f', 'qcow2', 'ok.q', str(size)], check=True)
        c = img('convert', '-n', '--target-image-opts', 'src', dbg % ('ok.q', 'write_aio', 28, sector))
        hit += c.returncode == 1
        k = img('check', 'ok.q')
        good = k.returncode in (0, 3) and (c.returncode == 1 and b'No space left' in c.stderr or
                                           c.returncode == 0 and img('compare', 'src', 'ok.q').returncode == 0)
        if not good:
            check('write error at sector %d' % sector, False, c, k)
    check('write errors end convert and leave no damage', hit > 3, hit)
print('1..%d' % nr)
sys.exit(bad > 0)
