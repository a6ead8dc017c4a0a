"""A server that was called CALLS times, and `homa exporter` beside it."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

CALLS = 50


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def wait_for(what, look):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within a minute")


class ExporterFixture(unittest.TestCase):
    homa = None    # the command, set by the program
    source = None  # the source tree

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        state = cls.folder / "state"
        state.mkdir()
        cls.environment = {**os.environ, "HOMA_STATE": str(state), "HOMA_DAEMON": "off"}
        cls.server = cls.start(cls.homa, "serve", "--address", "127.0.0.1", "--udp-port", "0",
                               "--json")
        address = json.loads(cls.server.stdout.readline())["address"]
        subprocess.run([cls.homa, "ping", address, "--count", str(CALLS), "--interval", "0",
                        "--quiet"], env=cls.environment, check=True, capture_output=True)
        cls.listen = f"127.0.0.1:{free_port()}"
        exporter = cls.start(cls.homa, "exporter", "--listen", cls.listen)
        assert exporter.stdout.readline() == f"http://{cls.listen}/metrics\n"
        wait_for("the counters", lambda: cls.stat()["counters"]["responses_sent"] == CALLS
                 and cls.stat()["counters"]["io_frames_received"] >= CALLS)

    @classmethod
    def start(cls, *command):
        process = subprocess.Popen(command, env=cls.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)

        def end():
            process.terminate()
            process.wait()
            process.stdout.close()
        cls.addClassCleanup(end)
        return process

    @classmethod
    def stat(cls):
        done = subprocess.run([cls.homa, "stat", "--json", str(cls.server.pid)],
                              env=cls.environment, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)[0]

    @classmethod
    def metrics(cls):
        return get(f"http://{cls.listen}/metrics")
