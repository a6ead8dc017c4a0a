#!/usr/bin/env python3
"""site_test.py FOLDER: scripts/build_docs makes a whole site, and fails where a link is broken.

Exit 77, skipped, where Doxygen, Sphinx or its Markdown parser is not installed.
"""
import pathlib
import shutil
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
SITE = pathlib.Path(sys.argv[1])


def build(root, site):
    return subprocess.run([sys.executable, root / "scripts" / "build_docs", site],
                          capture_output=True, text=True, check=False)


class SiteTest(unittest.TestCase):
    def test_the_site_has_every_document_and_every_header(self):
        done = build(SOURCE, SITE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for document in [*SOURCE.glob("docs/*.md"), *SOURCE.glob("docs/decisions/*.md")]:
            page = SITE / document.relative_to(SOURCE).with_suffix(".html")
            self.assertTrue(page.exists(), page)
        api = "".join(page.read_text() for page in (SITE / "api").glob("*.html"))
        for text in ("The next message of this socket", "homa_invoke", "kNoSuchSocket",
                     "comes back with the response or the failure"):
            self.assertIn(text, api)

    def copy(self):
        """The tree that a site is made of."""
        root = SITE.parent / "tree"
        shutil.rmtree(root, ignore_errors=True)
        for part in ("docs", "include", "scripts"):
            shutil.copytree(SOURCE / part, root / part)
        for name in ("README.md", "CMakeLists.txt"):
            shutil.copy(SOURCE / name, root)
        for name in ("LICENSE", "examples", "packaging", "tests", "src", "tools", "bench", "demo",
                     "check", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
            if (SOURCE / name).exists():
                (root / name).symlink_to(SOURCE / name)
        return root

    def refused(self, path, text):
        root = self.copy()
        with open(root / path, "a", encoding="utf-8") as file:
            file.write(text)
        done = build(root, SITE.parent / "broken")
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    def test_a_broken_link_is_refused(self):
        self.assertIn("docs/nowhere.md", self.refused("README.md", "\n[x](docs/nowhere.md)\n"))
        self.assertIn("no-such-heading",
                      self.refused("docs/testing.md", "\n[x](protocol.md#no-such-heading)\n"))

    def test_a_wrong_comment_in_a_header_is_refused(self):
        text = "\nnamespace homa {\n/// \\param nothing is none\nvoid f(int x);\n}\n"
        self.assertIn("nothing", self.refused("include/homa/error.h", text))


if __name__ == "__main__":
    # Debian's own interpreter is the one that has Debian's Sphinx.
    if shutil.which("doxygen") is None or subprocess.run(
            ["/usr/bin/python3", "-c", "import sphinx, myst_parser"], check=False,
            capture_output=True).returncode != 0:
        print("skipped: doxygen, python3-sphinx or python3-myst-parser is not installed")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
