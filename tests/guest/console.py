# SPDX-License-Identifier: GPL-2.0-or-later
# For tests/guest/*.t: boots something with its serial line on our side, types
# at its shell, reads what it says, and prints TAP.
import atexit
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

srctree = os.environ.get("srctree") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
objtree = os.environ.get("objtree", srctree)
vmbox = os.path.abspath(os.environ.get("VMBOX", os.path.join(objtree, "vmbox")))
# A folder of our own, that goes away.
work = tempfile.mkdtemp()
os.chdir(work)
atexit.register(shutil.rmtree, work, ignore_errors=True)
# The time limit of a test ends by SIGTERM: what is registered runs then too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
PROMPT = "# "
count = 0
failed = False


def check(good, name, note=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}", flush=True)
    if not good:
        for line in str(note).splitlines()[-40:]:
            print("# " + line)
    return good


def skip_all(reason):
    print("1..0 # SKIP " + reason)
    sys.exit(0)


def done():
    print(f"1..{count}")
    sys.exit(failed)


def requires_config(symbol):
    with open(os.path.join(objtree, ".config")) as f:
        if f"CONFIG_{symbol}=y\n" not in f.read():
            skip_all(f"CONFIG_{symbol} is off")


def fetch(package):
    """The folder with a Debian kernel and its modules."""
    return subprocess.run([f"{srctree}/scripts/fetch-kernel", package],
                          capture_output=True, text=True, check=True).stdout.strip()


def kernel_file(folder):
    boot = os.path.join(folder, "boot")
    return [os.path.join(boot, n) for n in os.listdir(boot) if n.startswith("vmlinuz-")][0]


def kernel():
    """Debian's cloud kernel: (vmlinuz, folder with its modules)."""
    folder = fetch("linux-image-cloud-amd64")
    return kernel_file(folder), folder


def appliance(kind, output, *options):
    vmlinuz, modules = kernel()
    made = subprocess.run([vmbox, "appliance", "-t", kind, "-k", vmlinuz, "-m", modules,
                           "-o", output, *options], capture_output=True, text=True)
    return check(made.returncode == 0, f"{kind} is built", made.stderr)


class Console:
    """A running machine, that does not outlive the test. log: all that it said."""

    def __init__(self, *command):
        self.log = ""
        self.mark = 0
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        atexit.register(self.kill)

    def expect(self, text, seconds=240):
        """Reads on until text has come behind the last match."""
        end = time.time() + seconds
        while text not in self.log[self.mark:]:
            if time.time() > end:
                return False
            if not select.select([self.proc.stdout], [], [], 0.5)[0]:
                continue
            data = os.read(self.proc.stdout.fileno(), 65536)
            if not data:
                return False
            self.log += data.decode(errors="replace").replace("\r", "")
        self.mark = self.log.index(text, self.mark) + len(text)
        return True

    def type(self, line):
        try:
            self.proc.stdin.write((line + "\n").encode())
            self.proc.stdin.flush()
        except OSError:
            pass

    def run(self, line, want, name=None, seconds=120):
        """Types a line at the prompt; want must come, and the prompt again."""
        self.type(line)
        good = self.expect(want, seconds) and self.expect(PROMPT, seconds)
        return check(good, name or line, self.log[-3000:])

    def tail(self):
        return self.log[-3000:]

    def end(self, seconds=120):
        """Waits for the machine to end by itself: its exit status, None when it had to be killed."""
        end = time.time() + seconds
        while time.time() < end and self.expect("\0", 0.5) is False and self.proc.poll() is None:
            pass
        try:
            return self.proc.wait(max(1, end - time.time()))
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()


def qemu(*options):
    """Debian's QEMU as a second opinion."""
    return ("qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "512", "-nographic",
            "-no-reboot", "-net", "none", *options)


def firmware():
    """OVMF, with variables of our own."""
    with open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as f, open("vars.fd", "wb") as g:
        g.write(f.read())
    return ("-drive", "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
            "-drive", "if=pflash,format=raw,unit=1,file=vars.fd")
