"""Builds the wheel: python3 setup.py bdist_wheel. See docs/python.md."""

import pathlib
import re
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
VERSION = re.search(
    r"^project\(homa VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text(), re.MULTILINE
).group(1)


class BuildWithHeader(build_py):
    """The C header goes with the package: its declarations are read when it is imported."""

    def run(self):
        super().run()
        header = SOURCE / "include" / "homa" / "homa.h"
        shutil.copy(header, pathlib.Path(self.build_lib) / "homa" / "_homa.h")


setup(
    name="homa",
    version=VERSION,
    description="Homa transport in user space: messages and services",
    packages=["homa"],
    package_data={"homa": ["py.typed"]},
    python_requires=">=3.9",
    install_requires=["cffi"],
    extras_require={"rpc": ["protobuf"]},
    cmdclass={"build_py": BuildWithHeader},
)
