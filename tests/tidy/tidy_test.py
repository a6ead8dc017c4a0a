#!/usr/bin/env python3
"""scripts/tidy catches each kind of violation that it promises to, and lets clean code pass."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "tidy"
CLEAN_HEADER = "// What it is for.\n#pragma once\n"


def violations(files):
    """What tidy says of a tree of these files: lines without the summary."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, str(TIDY), str(root)], capture_output=True, text=True,
                             check=False)
        lines = run.stdout.strip().split("\n")
        assert lines[-1].startswith("tidy: "), run.stdout + run.stderr
        assert run.returncode == (1 if len(lines) > 1 else 0)
        return lines[:-1]


class Planted(unittest.TestCase):
    def caught(self, rule, name, text):
        found = violations({name: text})
        self.assertTrue(any(f": {rule}: " in line for line in found), found)

    def clean(self, files):
        self.assertEqual(violations(files), [])

    def test_arrows_that_point_the_wrong_way(self):
        for layer, target in [("base", "wire/codec.h"), ("wire", "trace/trace.h"),
                              ("trace", "core/config.h"), ("core", "io/packet_io.h"),
                              ("core", "engine/engine.h"), ("core", "homa/socket.h"),
                              ("io", "wire/header.h"), ("channel", "core/endpoint.h"),
                              ("sim", "io/open.h"), ("engine", "sim/network.h"),
                              ("unheard", "base/time.h")]:
            with self.subTest(layer=layer, target=target):
                self.caught("arrow", f"src/{layer}/x.cc", f'#include "{target}"\n')
        for path, target in [("src/io/x.cc", "tools/lab/lab.h"),
                             ("tools/lab/x.cc", "tools/bench/run.h"),
                             ("tools/text/x.cc", "tools/options/command.h")]:
            with self.subTest(path=path, target=target):
                self.caught("arrow", path, f'#include "{target}"\n')
        self.caught("arrow", "include/homa/x.h", CLEAN_HEADER + '#include "core/endpoint.h"\n')

    def test_arrows_that_point_the_right_way_pass(self):
        self.clean({"src/core/x.cc": '#include "wire/codec.h"\n#include "homa/error.h"\n',
                    "src/client/x.cc": '#include "homa/socket.h"\n#include "engine/engine.h"\n',
                    "src/io/x.cc": '#include <sys/socket.h>\n#include "trace/trace.h"\n',
                    "tools/CMakeLists.txt": "homa_tool(bench/*.cc)\n",
                    "tools/bench/x.cc": '#include "tools/lab/lab.h"\n'
                                        '#include "tools/text/units.h"\n'})

    def test_calls_that_core_must_not_make(self):
        for code in ["auto t = std::chrono::steady_clock::now();", "clock_gettime(0, &t);",
                     "std::random_device d;", "std::uniform_int_distribution<int> d;",
                     "int r = rand();",
                     "std::thread t(f);", "std::mutex m;", "int s = socket(1, 2, 3);",
                     "#include <sys/socket.h>", "std::unordered_map<int, int> m;",
                     "thread_local int n;", "assert(n > 0);", "using namespace std;", "#if 0"]:
            with self.subTest(code=code):
                self.caught("banned", "src/core/x.cc", code + "\n")

    def test_words_in_comments_and_strings_are_no_calls(self):
        self.clean({"src/core/x.cc": '// no std::mutex, no rand() here\n'
                                     'const char* kText = "std::thread and socket(1)";\n'})

    def test_a_reason_allows_a_violation(self):
        self.clean({"src/core/x.cc": "// tidy-allow(banned): only tests read it\nstd::mutex m;\n"})

    def test_functions_that_are_too_long(self):
        body = "  step();\n" * 69
        self.caught("size", "src/io/x.cc", f"void run(int a) {{\n{body}}}\n")
        self.caught("size", "src/io/x.cc", f"namespace n {{\nclass C {{\n void f() const {{\n{body}"
                                           "}\n};\n}\n")
        self.clean({"src/io/x.cc": "void run(int a) {\n" + "  step();\n" * 68 + "}\n"})
        long_class = "class C {\n" + "  void f(int a) { g(a); }\n" * 200 + "};\n"
        self.clean({"src/io/x.cc": long_class})

    def test_files_and_lines_that_are_too_long(self):
        self.caught("size", "src/io/x.cc", "int a;\n" * 601)
        self.caught("size", "src/io/x.h", CLEAN_HEADER + "int a;\n" * 299)
        self.caught("columns", "src/io/x.cc", "// " + "x" * 98 + "\n")
        self.caught("size", "tools/x.py", "def f():\n" + "    print()\n" * 70)

    def test_dead_files(self):
        self.caught("dead", "src/io/unused.h", CLEAN_HEADER)
        self.caught("dead", "tests/scenario/unused.cc", "int a;\n")
        self.caught("dead", "scripts/unused.sh", "#!/bin/sh\n")
        self.clean({"src/io/used.h": CLEAN_HEADER, "src/io/x.cc": '#include "io/used.h"\n',
                    "tests/a/CMakeLists.txt": "add(x.cc)\n", "tests/a/x.cc": "int a;\n"})

    def test_unfinished_work_and_blanks(self):
        word = "TO" + "DO"
        self.caught("unfinished", "src/io/x.cc", f"// {word}: later\n")
        self.caught("conflict", "docs/x.md", "<" * 7 + " HEAD\na\n")
        self.caught("whitespace", "src/io/x.cc", "int a; \n")
        self.caught("whitespace", "src/io/x.cc", "int a;")
        self.caught("header", "src/io/x.h", "int a;\n")

    def test_citations_and_links_that_lead_nowhere(self):
        self.caught("citation", "src/io/x.cc", "// docs/protocol.md#grants\n")
        self.caught("link", "README.md", "[x](docs/none.md)\n")
        self.clean({"src/io/x.cc": "// docs/protocol.md#the-grants\n",
                    "docs/protocol.md": "# Protocol\n## The grants\n"})
        found = violations({"src/io/x.cc": "// docs/protocol.md#loss\n",
                            "docs/protocol.md": "# Protocol\n"})
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
