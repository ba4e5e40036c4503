#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# convert shares blocks of plain data where the file system can (btrfs on a loop
# device, where this kernel lets us); with -C the kernel copies them elsewhere;
# and the rest is done as ever.
import os, random, shutil, subprocess, sys, tempfile

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


def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)


def img(*args):
    return run(vmbox, 'img', *args)


def same(a, b):
    with open(a, 'rb') as f, open(b, 'rb') as g:
        while True:
            x, y = f.read(1 << 20), g.read(1 << 20)
            if x != y:
                return False
            if not x:
                return True


def convert(name, *args, src='src', ok=True):
    p = img('convert', *args, src, 'dst')
    check(name, p.returncode == 0 and same('src', 'dst') or not ok and p.returncode, p.stdout)
    return p


r = random.Random(7)


def make_source(path):
    """Data, holes, zeros that are stored, odd pieces, and an end in the middle of a block."""
    with open(path, 'wb') as f:
        for i in range(40):
            f.seek(r.randrange(0, 20 << 20) & (~4095 if i % 3 else ~511))
            f.write(r.randbytes(r.choice((512, 4096, 70000, 1 << 20))))
        f.seek(9 << 20)
        f.write(bytes(1 << 20))
        f.seek(21 << 20)
        f.write(r.randbytes(300000))
        f.truncate(23 << 20)


def all_ways(where):
    convert(where + ': raw to raw')
    convert(where + ': one thread, progress', '-m', '1', '-p')
    convert(where + ': -C', '-C')
    convert(where + ': onto a file that is there', '-n')
    convert(where + ': -C onto it, from qcow2', '-n', '-C', '-f', 'qcow2', src='src.qcow2')
    convert(where + ': from qcow2', src='src.qcow2')
    convert(where + ': -C --verify, at a rate', '-C', '--verify', '-r', '1G')
    convert(where + ': -C --checksum', '-C', '--checksum', 'sha256')
    convert(where + ': -C --salvage', '-C', '--salvage')
    convert(where + ': -S 0', '-S', '0')
    convert(where + ': -S 4k', '-S', '4k')
    convert(where + ': preallocated', '-C', '-o', 'preallocation=falloc')
    with open('part', 'wb') as f:
        f.write(open('src', 'rb').read()[:(1 << 20) + 512])
    p = img('convert', '-C', 'part', 'src', 'dst')
    with open('both', 'wb') as f:
        f.write(open('part', 'rb').read() + open('src', 'rb').read())
    check(where + ': two sources, the second at an odd place', p.returncode == 0 and same('both', 'dst'), p.stdout)
    p = img('convert', 'part', 'src', 'dst')
    check(where + ': the same without -C', p.returncode == 0 and same('both', 'dst'), p.stdout)


make_source('src')
img('convert', '-O', 'qcow2', 'src', 'src.qcow2')
all_ways('here')
check('-C and -c exclude each other', img('convert', '-C', '-c', '-O', 'qcow2', 'src', 'x').returncode == 1)
with open('small', 'wb') as f:
    f.truncate(1 << 20)
p = img('convert', '-C', '-n', 'src', 'small')
check('a target that is too small', p.returncode == 1 and b'smaller' in p.stdout, p.stdout)
fault = 'json:{"driver":"raw","file":{"driver":"blkdebug","image":{"driver":"file","filename":"src"},"inject-error":[{"event":"none","errno":5,"iotype":"read"}]}}'
p = img('convert', '--follow=all', '-C', fault, 'dst')
check('a filter below the source is not passed by', p.returncode == 1 and (b'reading' in p.stdout or
      'CONFIG_BLOCK_BLKDEBUG=y' not in config), p.stdout)


def used():
    run('sync')
    s = os.statvfs('.')
    return (s.f_blocks - s.f_bfree) * s.f_frsize


def on_btrfs():
    if not shutil.which('mkfs.btrfs') or os.getuid():
        return False
    with open('disk', 'wb') as f:
        f.truncate(256 << 20)
    os.mkdir('mnt')
    if run('mkfs.btrfs', '-q', 'disk').returncode or run('mount', '-o', 'loop', 'disk', 'mnt').returncode:
        return False
    try:
        os.chdir('mnt')
        make_source('src')
        img('convert', '-O', 'qcow2', 'src', 'src.qcow2')
        with open('big', 'wb') as f:
            for i in range(32):
                f.write(r.randbytes(1 << 20))
        before = used()
        p = img('convert', 'big', 'twin')
        grown = used() - before
        check('btrfs: blocks are shared', p.returncode == 0 and grown < 8 << 20 and same('big', 'twin'), p.stdout, grown)
        before = used()
        p = img('convert', '-C', 'big', 'clone')
        grown = used() - before
        check('btrfs: with -C too', p.returncode == 0 and grown < 8 << 20 and same('big', 'clone'), p.stdout, grown)
        shutil.copy('clone', 'keep')
        with open('clone', 'r+b') as f:
            f.write(bytes(4096))
        check('btrfs: a change of the copy is not one of the source', same('big', 'keep') and not same('big', 'clone'))
        before = used()
        p = img('convert', '-S', '4k', 'big', 'copy')
        check('btrfs: with -S they are not', p.returncode == 0 and used() - before > 24 << 20, p.stdout)
        all_ways('btrfs')
    finally:
        os.chdir('..')
        run('umount', 'mnt')
    return True


if not on_btrfs():
    print('# no btrfs here: sharing itself was not seen')
print('1..%d' % nr)
sys.exit(1 if bad else 0)
