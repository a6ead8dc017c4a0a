#!/usr/bin/env python3
"""doxygen_filter.py HEADER: the header with its plain comments marked as Doxygen wants them.

The public headers are written for people who open them. This makes "// text" "/// text", makes text
behind code "///< text", and does the same for C's comments. It keeps Doxygen from taking signs in
the text for commands.
"""
import pathlib
import re
import sys


def escape(text):
    """Signs that mean something to Doxygen stand for themselves; in `code` and "quotes" they do."""
    parts = re.split(r'(`[^`]*`|"[^"\n]*")', text)
    parts[::2] = [re.sub(r"([@\\#<>%&])|(?<![A-Za-z])::", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def filter_c(text):
    def mark(match):
        before, body = match.group(1), match.group(2)
        if body.startswith(" ---"):  # a heading of the file, about no declaration
            return match.group(0)
        sign = "/**<" if before.strip() else "/**"
        return f"{before}{sign}{escape(body)}*/"
    return re.sub(r"^([^\n]*?)/\*(.*?)\*/", mark, text, flags=re.DOTALL | re.MULTILINE)


def filter_line(line):
    match = re.match(r'^((?:[^"/]|"(?:\\.|[^"\\])*"|/(?!/))*)//(?!/) ?(.*)$', line)
    if not match:
        return line
    before, text = match.groups()
    return f"{before}{'///<' if before.strip() else '///'} {escape(text)}"


def main():
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    text = filter_c(text)
    lines = [filter_line(line) for line in text.split("\n")]
    # The first comment is about the file.
    if lines[0].startswith("/**"):
        lines[0] = lines[0].replace("/**", "/** \\file\n *", 1)
    elif lines[0].startswith("///"):
        lines[0] = "/// \\file\n" + lines[0]
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
