#!/usr/bin/env python3
"""programs_test.py HOMA HOMAD [HOMAD_OPTION...]: what homad shows of the programs that it serves,
in `homa stat` and in `homa exporter`."""
import json
import os
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

from started_programs import StartedPrograms

HOMA, HOMAD, *HOMAD_OPTIONS = sys.argv[1:]


class ProgramsTest(StartedPrograms):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "HOMA_STATE": str(self.folder),
                            "HOMA_DAEMON": str(self.folder / "homad.sock")}
        homad = self.start(HOMAD, "--socket", self.environment["HOMA_DAEMON"], "--address",
                           "127.0.0.1", "--udp-port", "0", *HOMAD_OPTIONS)
        self.assertIn("ready", homad.stderr.readline())
        self.server = self.start(HOMA, "serve", "--engine", "daemon", "--json")
        self.server.stdout.readline()

    def programs(self):
        done = subprocess.run([HOMA, "stat", "homad", "--json"], env=self.environment, check=True,
                              capture_output=True, text=True)
        return {one["pid"]: one for one in json.loads(done.stdout)[0]["programs"]}

    def wait_for(self, what):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if what():
                return
            time.sleep(0.05)
        self.fail(f"not within 30 s; programs: {self.programs()}")

    def test_a_program_is_shown_as_long_as_it_lives(self):
        self.wait_for(lambda: self.programs().get(self.server.pid, {}).get("sockets") == 1)
        shown = self.programs()[self.server.pid]
        self.assertEqual(shown["user"], os.getuid())
        self.assertGreater(shown["memory_guaranteed"], 0)
        self.assertGreater(shown["receive_bytes"], 0)
        text = subprocess.run([HOMA, "stat", "homad"], env=self.environment, check=True,
                              capture_output=True, text=True).stdout
        self.assertRegex(text, rf"(?m)^ +{self.server.pid} +{os.getuid()} +1 ")
        self.server.terminate()
        self.wait_for(lambda: self.server.pid not in self.programs())

    def test_the_exporter_has_it_as_a_client_of_homad(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        exporter = self.start(HOMA, "exporter", "--listen", listen)
        exporter.stdout.readline()

        def sockets():
            with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
                return [line for line in answer.read().decode().splitlines()
                        if line.startswith("homa_client_sockets{")
                        and f'client_pid="{self.server.pid}"' in line]
        self.wait_for(lambda: sockets() and sockets()[0].endswith(" 1"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
