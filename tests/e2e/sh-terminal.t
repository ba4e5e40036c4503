#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
# Applet sh as a person uses it: keys on a pseudo-terminal, answers on the screen.
import os, pty, select, subprocess, sys, tempfile, time

vmbox = os.environ.get("VMBOX") or os.path.join(os.environ.get("objtree", "."), "vmbox")
if "sh" not in subprocess.run([vmbox, "--list"], capture_output=True, text=True).stdout.split():
    print("1..0 # SKIP CONFIG_TOOL_SH is off")
    sys.exit(0)

work = tempfile.mkdtemp()
os.symlink(vmbox, os.path.join(work, "sh"))
os.mkdir(os.path.join(work, "alphabet"))
open(os.path.join(work, "alphabet", "omega file"), "w").close()
count = 0
failed = False


def check(good, name, note=""):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print("# " + repr(note))


class Shell:
    """A shell on a terminal. screen: what it wrote since the last look."""

    def __init__(self, term="xterm", columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = {"TERM": term, "PS1": "$ ", "PATH": "/usr/bin:/bin", "HOME": work}
            os.chdir(work)
            os.umask(0o22)
            os.execve(os.path.join(work, "sh"), ["sh"], env)
        import fcntl, struct, termios
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.until("$ ")

    def until(self, text, seconds=20):
        """Reads until the text is there; True when it came."""
        self.screen = getattr(self, "rest", "")
        self.rest = ""
        end = time.time() + seconds
        while text not in self.screen:
            if time.time() > end or not select.select([self.fd], [], [], 1)[0]:
                if time.time() > end:
                    return False
                continue
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                return False
            self.screen += data.decode(errors="replace").replace("\r", "")
        at = self.screen.index(text) + len(text)
        self.screen, self.rest = self.screen[:at], self.screen[at:]
        return True

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def run(self, keys, want, name):
        self.type(keys)
        check(self.until(want), name, self.screen)

    def settle(self):
        """Runs a marker, so that all before it has been answered."""
        self.type("\x05\x15echo mar''ker\n")
        return self.until("\nmarker\n$ ")

    def end(self):
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


s = Shell()
s.run("echo one''two\n", "\nonetwo\n$ ", "a command")
s.run("ehco x''y\x01\x1b[C\x1b[3~\x1b[Ch\n", "\nxy\n$ ", "^A, right, delete")
s.run("echo ab\x02X\x02\x06Y\x05z\n", "\naXYbz\n$ ", "^B, ^F, ^E")
s.run("echo gone\x15echo th''is\n", "\nthis\n$ ", "^U")
s.run("echo wo''rd last\x17there\n", "\nword there\n$ ", "^W")
s.run("echo k''ept cut\x02\x02\x02\x0b\x01\x05\n", "\nkept\n$ ", "^K")
s.run("cho y\x01e\x05''ank\x17\x19\n", "\nyank\n$ ", "^W and ^Y")
s.run("echo h''ist\n", "\nhist\n$ ", "something for the history")
s.run("\x1b[A\n", "\nhist\n$ ", "up")
s.run("\x1b[A\x1b[A\x1b[B\n", "\nhist\n$ ", "up, up, down")
s.run("echo \xfc\xf6\x7f''u\n", "\n\xfcu\n$ ", "rubout takes a whole UTF-8 character")
s.run("forgotten\x03", "^C\n$ ", "^C at the prompt")
s.run("echo $?\n", "\n130\n$ ", "sets the status")
s.run("sleep 60\n", "sleep 60\n", "a long command")
time.sleep(0.3)
s.run("\x03", "\n$ ", "^C ends it")
s.run("while true; do :; done\n", "\n", "an endless loop in the shell itself")
time.sleep(0.3)
s.run("\x03", "$ ", "^C ends it")
s.run("echo $?\n", "130\n$ ", "with the status of SIGINT")
s.run("sleep 61\n", "sleep 61\n", "another")
time.sleep(0.3)
s.run("\x1a", "Stopped  sleep 61\n$ ", "^Z stops it")
s.run("jobs\n", "Stopped    sleep 61\n$ ", "jobs lists it")
s.run("bg\n", "sleep 61 &\n$ ", "bg")
s.run("kill %1; wait; echo w''aited\n", "\nwaited\n", "kill and wait")
s.settle()
s.run('echo "two\n', "> ", "an open quote asks for more")
s.run('lines"\n', "two\nlines\n$ ", "and gets it")
s.run("for i in 1 2\n", "> ", "a loop over lines")
s.run("do echo n$i; done\n", "n1\nn2\n$ ", "runs at its end")
s.run("if )\n", "syntax error: unexpected )\n$ ", "a syntax error is survived")
s.run("ls alph\t\n", "omega file\n$ ", "completion of a folder")
s.run("true; umas\t\n", "\n0022\n$ ", "completion of a builtin in the middle of a list")
s.run("ech\tc''ompleted\n", "\ncompleted\n$ ", "completion of a builtin")
long_text = "0123456789" * 12
s.run("echo " + long_text + "\n", "\n" + long_text + "\n$ ", "a line longer than the terminal")
s.run("cat\n", "cat\n", "a program reads the terminal")
time.sleep(0.5)
s.run("from us\n", "from us\nfrom us\n", "with echo and line by line")
s.run("\x04", "$ ", "^D ends its input")
s.type("echo type''d; sleep 1\necho ahe''ad\n")
check(s.until("\nahead\n$ "), "what is typed ahead is kept", s.screen)
s.type("exit 3\n")
s.until("never", 2)
check(s.end() == 3, "exit status")

s = Shell()
s.type("\x04")
s.until("never", 2)
check(s.end() == 0, "^D on an empty line ends the shell")

s = Shell(term="dumb")
s.run("echo du''mb\n", "\ndumb\n$ ", "a dumb terminal")
check("\x1b" not in s.screen, "gets no escape sequences", s.screen)
s.run("half\x03", "$ ", "^C there")
s.run("echo $?\n", "130\n$ ", "has its status")
s.type("\x04")
s.until("never", 2)
check(s.end() == 0, "^D there")

subprocess.run(["rm", "-rf", work])
print(f"1..{count}")
sys.exit(failed)
