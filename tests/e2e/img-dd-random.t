#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
# img dd and GNU dd with the same random operands: same files, same record
# counts, same status. DD_SEED and DD_ROUNDS change the run.
# timeout: 900
import os, random, re, subprocess, sys, tempfile

vmbox = os.environ.get('VMBOX') or os.path.join(os.environ.get('objtree', '.'), 'vmbox')
seed = int(os.environ.get('DD_SEED', '1'))
rounds = int(os.environ.get('DD_ROUNDS', '120'))
r = random.Random(seed)
tmp = tempfile.TemporaryDirectory()
os.chdir(tmp.name)
open('big', 'wb').write(r.randbytes(300007))
with open('holes', 'wb') as f:
    f.write(b'Some Text ' * 700)
    f.seek(90000)
    f.write(r.randbytes(5000))
    f.truncate(200000)
open('empty', 'wb').close()
open('tiny', 'wb').write(b'abcXYZ')
env = dict(os.environ, LC_ALL='C')


def num():
    v = r.choice((0, 1, 2, 3, 5, 7, 10, 63, 300))
    return r.choice(('%d', '%d', '%d', '%dB', '%dx1', '%dc')) % v


TINY = ('bs=1', 'bs=2', 'bs=7w', 'bs=3x17', 'ibs=1', 'ibs=7', 'obs=1', 'obs=9')


def operands():
    o = []
    if r.random() < .6:
        o.append('bs=' + r.choice(('1', '2', '511', '512', '513', '1k', '4096', '64K', '1M', '3x17', '7w', '2b', '1kB')))
    if r.random() < .35:
        o.append('ibs=' + r.choice(('1', '7', '512', '1000', '4096', '100000')))
    if r.random() < .35:
        o.append('obs=' + r.choice(('1', '9', '512', '1000', '4096', '70000')))
    for k, p in (('count', .5), ('skip', .4), ('seek', .4), ('iseek', .05), ('oseek', .05)):
        if r.random() < p:
            o.append(k + '=' + num())
    if r.random() < .6:
        w = [x for x in ('notrunc', 'sparse', 'sync', 'swab', 'noerror', 'fsync', 'fdatasync', 'ucase', 'lcase', 'excl', 'nocreat')
             if r.random() < (.05 if x in ('excl', 'nocreat') else .15)]
        if w:
            o.append('conv=' + ','.join(w))
    for k, words in (('iflag', ('fullblock', 'skip_bytes', 'count_bytes', 'nocache', 'noatime')),
                     ('oflag', ('seek_bytes', 'append', 'dsync', 'sync', 'nocache'))):
        w = [x for x in words if r.random() < .12]
        # Hundreds of thousands of synchronous writes take minutes where the disk is busy.
        if any(x in TINY for x in o):
            w = [x for x in w if x not in ('dsync', 'sync')]
        if w:
            o.append(k + '=' + ','.join(w))
    r.shuffle(o)
    return o


def one(cmd, src, out, old, ops):
    """Runs and returns what may be compared."""
    if os.path.exists('out'):
        os.unlink('out')
    if old is not None:
        open('out', 'wb').write(old)
    args = cmd + ops
    kw = {}
    if src[1] == 'if':
        args.append('if=' + src[0])
    elif src[1] == 'redirect':
        kw['stdin'] = open(src[0], 'rb')
    else:
        c = subprocess.Popen(['cat', src[0]], stdout=subprocess.PIPE)
        kw['stdin'] = c.stdout
    if out == 'of':
        args.append('of=out')
    elif out == 'redirect':
        kw['stdout'] = open('out', 'r+b' if old is not None else 'wb')
    p = subprocess.run(args, stderr=subprocess.PIPE, stdout=kw.pop('stdout', subprocess.PIPE), env=env, timeout=240, **kw)
    if src[1] == 'pipe':
        c.stdout.close()
        c.wait()
    data = open('out', 'rb').read() if os.path.exists('out') else None
    err = p.stderr.decode(errors='replace')
    lines = re.findall(r'^(\d+\+\d+ records (?:in|out))$', err, re.M)
    total = re.search(r'^(\d+ bytes?(?: \(.*\))? copied), .* s, .*$', err, re.M)
    return p.returncode, data, p.stdout, lines, total and total.group(1), err


bad = 0
for i in range(rounds):
    ops = operands()
    src = (r.choice(('big', 'big', 'holes', 'empty', 'tiny')), r.choice(('if', 'if', 'if', 'redirect', 'pipe')))
    out = r.choice(('of', 'of', 'of', 'redirect', 'pipe'))
    old = r.choice((None, b'', b'o' * 1000, b'o' * 250000)) if out != 'pipe' else None
    if out == 'pipe':
        # Where GNU dd cannot seek it fails; ours writes zeros. fsync and nocache of a pipe fail by chance.
        ops = [x for x in ops if not x.startswith(('seek', 'oseek'))
               and 'fsync' not in x and 'fdatasync' not in x and not ('oflag' in x and 'nocache' in x)]
    if any('append' in x for x in ops):     # GNU dd loses the holes
        ops = [x.replace('sparse', 'sync') for x in ops]
    if src[1] == 'pipe':
        ops = [x for x in ops if not ('iflag' in x and 'nocache' in x)]
    if src[1] == 'pipe' and not any('fullblock' in x for x in ops):
        ops.append('iflag=fullblock')
    want = one(['dd'], src, out, old, ops)
    got = one([vmbox, 'img', 'dd', '-f', 'raw'], src, out, old, ops)
    good = want[:5] == got[:5]
    bad += not good
    print('%sok %d - %s, %s, %s' % ('' if good else 'not ', i + 1, ' '.join(ops), src, out))
    if not good:
        print('# old %s' % (old and len(old)))
        for a, b, n in zip(want, got, ('status', 'file', 'output', 'records', 'total', 'text')):
            if a != b:
                show = lambda v: '%d bytes %r' % (len(v), v[:20]) if isinstance(v, bytes) else repr(v)
                print('# %s: want %s, got %s' % (n, show(a), show(b)))
print('1..%d' % rounds)
sys.exit(bad > 0)
