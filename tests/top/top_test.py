#!/usr/bin/env python3
"""top_test.py HOMA: `homa top` in a pseudo-terminal: what stands where on its screen, at 80 columns
and after the window got another size; how it ends."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

HOMA = sys.argv[1]
SEQUENCE = re.compile(rb"\x1b\[([?>]?)([0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78DMHc]")


class Screen:
    """A VT100 with what ncurses uses of it here. Text that runs beyond the right edge is noted."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = self.last = 0
        self.overrun = False

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def feed(self, data):
        at = 0
        while at < len(data):
            found = SEQUENCE.match(data, at)
            if found:
                if found[3]:
                    self.control(found[3], [int(n) if n else 0 for n in found[2].split(b";")])
                at = found.end()
                continue
            self.byte(data[at])
            at += 1

    def byte(self, byte):
        if byte == 13:
            self.column = 0
        elif byte == 10:
            self.row = min(self.row + 1, self.rows - 1)
        elif byte == 8:
            self.column = max(self.column - 1, 0)
        elif byte == 9:
            self.column = min(self.column // 8 * 8 + 8, self.columns - 1)
        elif byte >= 32:
            if self.column >= self.columns:
                self.overrun = True
                return
            self.cells[self.row][self.column] = chr(byte)
            self.last = byte
            self.column += 1

    def control(self, letter, numbers):
        count = max(numbers[0], 1)
        if letter == b"H":
            self.row = min(max(numbers[0], 1), self.rows) - 1
            self.column = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif letter in b"AB":
            self.row = min(max(self.row + (count if letter == b"B" else -count), 0), self.rows - 1)
        elif letter in b"CD":
            self.column = max(self.column + (count if letter == b"C" else -count), 0)
        elif letter == b"d":
            self.row = min(count, self.rows) - 1
        elif letter == b"G":
            self.column = count - 1
        elif letter == b"X":  # blank, from the cursor on
            self.cells[self.row][self.column:self.column + count] = " " * len(
                self.cells[self.row][self.column:self.column + count])
        elif letter == b"P":  # delete
            line = self.cells[self.row]
            line[self.column:] = (line[self.column + count:] + [" "] * count)[
                :self.columns - self.column]
        elif letter == b"@":  # insert blanks
            line = self.cells[self.row]
            line[self.column:] = ([" "] * count + line[self.column:])[:self.columns - self.column]
        elif letter == b"b":  # the last character again
            for _ in range(count):
                self.byte(self.last)
        elif letter == b"J":
            self.erase(self.row, self.column if numbers[0] == 0 else 0, self.rows)
        elif letter == b"K" and numbers[0] == 0:
            self.erase(self.row, self.column, self.row + 1)
        elif letter == b"K":  # from the line's begin to the cursor
            for column in range(self.column + 1):
                self.cells[self.row][column] = " "

    def erase(self, row, column, end):
        for each in range(row, end):
            begin = column if each == row else 0
            self.cells[each][begin:] = [" "] * (self.columns - begin)


class TopTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.environment = {**os.environ, "HOMA_STATE": folder.name, "HOMA_DAEMON": "off"}
        cls.server = subprocess.Popen(
            [HOMA, "serve", "--address", "127.0.0.1", "--udp-port", "0", "--json"],
            env=cls.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        address = json.loads(cls.server.stdout.readline())["address"]
        cls.client = subprocess.Popen(
            [HOMA, "ping", address, "--interval", "0.005", "--quiet"], env=cls.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            for process in (cls.client, cls.server):
                process.terminate()
                process.wait()
            cls.server.stdout.close()
        cls.addClassCleanup(end)

    def open(self, rows, columns, terminal):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        environment = {**self.environment, "TERM": terminal}
        for name in ("LINES", "COLUMNS"):
            environment.pop(name, None)
        self.top = subprocess.Popen([HOMA, "top", "--interval", "0.2"], env=environment,
                                    stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

        def end(top=self.top, master=self.master):
            if top.poll() is None:
                top.kill()
            top.wait()
            os.close(master)
        self.addCleanup(end)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = Screen(rows, columns)

    def wait_for(self, what, look):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            readable, _, _ = select.select([self.master], [], [], 0.1)
            if readable:
                try:
                    self.screen.feed(os.read(self.master, 65536))
                except OSError:  # the other end was closed
                    pass
            if look(self.screen.lines()):
                return self.screen.lines()
        self.fail(f"{what}: not within 30 s:\n" + "\n".join(self.screen.lines()))

    def row_of_client(self, lines):
        for line in lines:
            if re.match(rf" *{self.client.pid} homa ", line) and " client " not in line:
                return line.split()
        return None

    def test_it_fits_in_80_columns_and_shows_the_engines(self):
        for terminal in ("vt100", "xterm-256color", "screen"):
            with self.subTest(terminal):
                self.open(24, 80, terminal)
                lines = self.wait_for(
                    "a client that calls", lambda lines: self.row_of_client(lines)
                    and float(re.sub("[kMG]", "", self.row_of_client(lines)[2])) > 0
                    and any(line.startswith("<= 256 B") for line in lines))
                self.assertRegex(lines[0], r"^homa top: 2 engines, \S+ RPC/s, .*q quits$")
                self.assertRegex(lines[1], r"^ +PID PROGRAM +CALL/s .* MEM$")
                self.assertFalse(self.screen.overrun)
                os.write(self.master, b"q")
                self.wait_for("its end", lambda _: self.top.poll() is not None)
                self.assertEqual(self.top.returncode, 0)

    def stays_inside(self):
        """What is written from now on; what came before may be for the window's former size."""
        self.screen.overrun = False
        end = time.monotonic() + 0.7  # several looks
        self.wait_for("several looks", lambda _: time.monotonic() > end)
        self.assertFalse(self.screen.overrun)

    def test_it_follows_the_size_of_its_window(self):
        self.open(24, 80, "vt100")
        self.wait_for("the client", self.row_of_client)
        self.resize(3, 40)
        os.killpg(self.top.pid, signal.SIGWINCH)
        self.wait_for("a small screen", lambda lines: lines[0].startswith("homa top")
                      and "PROGRAM" in lines[1])
        self.stays_inside()
        self.resize(50, 200)
        os.killpg(self.top.pid, signal.SIGWINCH)
        self.wait_for("a large screen", lambda lines: self.row_of_client(lines)
                      and any("LATEST" in line or "RPC time" in line for line in lines))
        self.stays_inside()

    def test_the_terminal_is_as_before_when_it_ends(self):
        self.open(24, 80, "vt100")
        before = termios.tcgetattr(self.master)
        self.wait_for("the client", self.row_of_client)
        self.assertNotEqual(termios.tcgetattr(self.master), before)
        self.top.terminate()
        self.wait_for("its end", lambda _: self.top.poll() is not None)
        self.assertEqual(termios.tcgetattr(self.master), before)

    def test_it_ends_when_its_terminal_is_closed(self):
        self.open(24, 80, "vt100")
        self.wait_for("the client", self.row_of_client)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self.master)
        os.close(nothing)
        self.wait_for("its end", lambda _: self.top.poll() is not None)
        self.assertEqual(self.top.returncode, 0)

    def test_without_a_terminal_it_says_what_to_use(self):
        done = subprocess.run([HOMA, "top"], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("homa stat --watch", done.stderr)

    def test_a_terminal_that_nobody_knows_is_an_error(self):
        self.open(24, 80, "no-such-terminal")
        self.wait_for("its end", lambda _: self.top.poll() is not None)
        self.assertEqual(self.top.returncode, 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
