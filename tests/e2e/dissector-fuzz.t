#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 600
# The Wireshark plugin with AddressSanitizer and UBSan, on packets that randpkt
# made of nothing and on captures in which editcap broke bytes: no report of a
# sanitizer, no "Dissector bug", every packet shown. DISSECTOR_FUZZ=N rounds (2).
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

srctree = os.environ["srctree"]
rounds = int(os.environ.get("DISSECTOR_FUZZ", "2"))
work = tempfile.mkdtemp()
for d in (work, os.path.dirname(work)):
    if os.stat(d).st_uid == os.getuid() and d != "/tmp":
        os.chmod(d, os.stat(d).st_mode | 0o755)
os.chdir(work)
count = failed = 0


def check(good, name, note=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(note).splitlines()[-40:]:
            print("# " + line)
    return good


def as_user():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


# Not -O0: what the optimizer does with undefined behaviour shall show.
flags = "DISSECTOR_CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
make = subprocess.run(["make", "-s", "-C", srctree, "O=" + work, flags, "dissector"], capture_output=True, text=True)
check(make.returncode == 0, "make dissector with sanitizers", make.stdout + make.stderr)
asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
version = re.search(r"[0-9]+\.[0-9]+", subprocess.run(["tshark", "--version"], capture_output=True, text=True).stdout)[0]
plugins = f"{work}/home/.local/lib/wireshark/plugins/{version}/epan"
os.makedirs(plugins)
shutil.copy("dissector/vsockx.so", plugins)
for d, _, _ in os.walk("home"):
    os.chmod(d, 0o777)
env = dict(os.environ, HOME=work + "/home", LD_PRELOAD=os.path.realpath(asan), ASAN_OPTIONS="detect_leaks=0:abort_on_error=1",
           UBSAN_OPTIONS="print_stacktrace=1:abort_on_error=1",
           WIRESHARK_EXTCAP_DIR=work + "/none")  # programs that it starts would hang in the sanitizer


def tshark(*args):
    """(status, what it said); what it said of root and of its own plugins does not count."""
    r = subprocess.run(["tshark", *args], capture_output=True, text=True, errors="replace", preexec_fn=as_user, env=env, timeout=120)
    return r.returncode, r.stdout, r.stderr


status, out, err = tshark("-G", "plugins")
check(status == 0 and "vsockx.so" in out, "tshark loads it", err)
seeds = sorted(glob.glob(f"{srctree}/tests/e2e/dissector/*.pcapng"))
TYPES = ("eth", "tcp", "dns", "sctp", "usb-linux", "bvlc")
bad, packets = [], 0
for n in range(rounds):
    files = []
    subprocess.run(["randpkt", "-b", "400", "-c", "400", "-t", TYPES[n % len(TYPES)], "r.pcap"], check=True, capture_output=True)
    subprocess.run(["editcap", "-F", "pcap", "-T", "vsock", "r.pcap", f"random{n}.pcap"], check=True, capture_output=True)
    files.append((f"random{n}.pcap", 400))
    for i, seed in enumerate(seeds):
        for rate in ("0.01", "0.1"):
            name = f"broken{n}-{i}-{rate}.pcapng"
            subprocess.run(["editcap", "-E", rate, "--seed", str(n + 1), seed, name], check=True, capture_output=True)
            # The first bytes stay as they are: what is behind the headers is reached.
            kept = name.replace("broken", "kept")
            subprocess.run(["editcap", "-E", rate, "-o", "76", "--seed", str(n + 1), seed, kept], check=True, capture_output=True)
            files += [(name, 0), (kept, 0)]
    for name, want in files:
        os.chmod(name, 0o644)
        status, out, err = tshark("-2", "-r", name, "-V", "-z", "conv,vsockx", "-z", "endpoints,vsockx", "-z", "vsockx,tree",
                                  "-z", "follow,vsockx,hex,0")
        shown = len(re.findall("^Frame [0-9]+:", out, re.M))
        packets += shown
        if status or shown < max(want, 1) or "issector bug" in out + err or "Sanitizer" in err or "runtime error" in err:
            bad.append((name, status, shown, err[-3000:]))
            if "KEEP" in os.environ:
                shutil.copy(name, os.environ["KEEP"])
check(not bad, f"{packets} packets, random and broken", "\n".join(map(str, bad[:3])))
shutil.rmtree(work, ignore_errors=True)
os.chdir("/")
print(f"1..{count}")
sys.exit(failed)
