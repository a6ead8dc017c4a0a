#!/usr/bin/env python3
"""manual_test.py HOMA SOURCE: what `homa manual` writes says all that --help says, is clean, and
works in bash and zsh. Where mandoc or zsh is not installed, that part is skipped and says so."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HOMA, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=True, **more).stdout


def help_of(*words):
    return run(HOMA, *words, "--help")


def options_in(text):
    return set(re.findall(r"^ +(?:-\w,)?(--[\w-]+)", text, re.MULTILINE))


def commands_in(text):
    listed = text.split("Subcommands:\n")[1].split("\n\n")[0] if "Subcommands:" in text else ""
    return re.findall(r"^  (\w+) ", listed, re.MULTILINE)


class ManualTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.share = pathlib.Path(folder.name)
        run(HOMA, "manual", folder.name)

    def page(self, name):
        text = (self.share / "man" / "man1" / f"{name}.1").read_text()
        return text.replace("\\-", "-")

    def test_every_command_has_a_page_with_every_option(self):
        commands = commands_in(help_of())
        self.assertGreaterEqual(len(commands), 7)
        pages = {path.stem for path in (self.share / "man" / "man1").iterdir()}
        self.assertEqual(pages, {"homa"} | {f"homa-{name}" for name in commands})
        for name in commands:
            page = self.page(f"homa-{name}")
            wanted = options_in(help_of(name))
            self.assertIn("--help", wanted)
            for below in commands_in(help_of(name)):
                wanted |= options_in(help_of(name, below))
                self.assertIn(f"homa {name} {below}", page)
            for option in wanted:
                self.assertIn(f"\\fB{option}\\fR", page, f"homa-{name}.1 lacks {option}")

    def test_homad_has_a_page_with_every_option(self):
        page = (self.share / "man" / "man8" / "homad.8").read_text().replace("\\-", "-")
        wanted = options_in(run(pathlib.Path(HOMA).with_name("homad"), "--help"))
        self.assertIn("--check-config", wanted)
        for option in wanted - {"--version"}:
            self.assertIn(f"\\fB{option}\\fR", page, f"homad.8 lacks {option}")

    def test_the_overview_names_every_command(self):
        overview = (SOURCE / "packaging" / "man" / "homa.7").read_text().replace("\\-", "-")
        for name in commands_in(help_of()):
            self.assertIn(f"homa-{name} (1)", overview)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_nothing_wrong(self):
        pages = [*(self.share / "man").glob("man*/*"), SOURCE / "packaging" / "man" / "homa.7"]
        for page in pages:
            done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", str(page)],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, "", page)

    def bash(self, *words):
        """What bash offers for the last of `words`."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _homa; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        completion = self.share / "bash-completion" / "completions" / "homa"
        return run("bash", "-c", script, "bash", str(completion), *words).split()

    def test_bash_offers_commands_options_and_leaves_values_to_files(self):
        self.assertEqual(self.bash("homa", "la"), ["lab"])
        self.assertEqual(self.bash("homa", ""), commands_in(help_of()))
        for words in (["ping"], ["lab", "up"]):
            self.assertEqual(set(self.bash("homa", *words, "--")), options_in(help_of(*words)))
        self.assertEqual(self.bash("homa", "ping", "--pcap", "--"), [])
        self.assertEqual(self.bash("homa", "dump", ""), [])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_offers_commands_and_options(self):
        functions = self.share / "zsh" / "site-functions"
        child, terminal = pty.fork()
        if child == 0:
            os.environ["TERM"] = "dumb"
            os.execvp("zsh", ["zsh", "-f", "-i"])
        try:
            os.write(terminal, f"fpath=({functions} $fpath); autoload -U compinit; compinit -D -u;"
                     " print rea''dy\n".encode())
            wait_for(terminal, "ready")
            for typed, offered in (("homa du", "homa dump "), ("homa ping --int", "--interval"),
                                   ("homa lab up --", "--priorities")):
                os.write(terminal, f"{typed}\t\t".encode())
                wait_for(terminal, offered)
                os.write(terminal, b"\x15")  # clears the line
        finally:
            os.close(terminal)  # ends the shell
            os.waitpid(child, 0)

    def test_version_says_which_commit(self):
        self.assertRegex(run(HOMA, "--version"), r"^homa \d+\.\d+\.\d+ \(.+\)\n$")


def wait_for(terminal, text):
    seen, end = "", time.monotonic() + 60
    while text not in seen:
        if time.monotonic() > end:
            raise AssertionError(f"{text!r} did not appear in {seen!r}")
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
