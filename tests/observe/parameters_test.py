#!/usr/bin/env python3
"""parameters_test.py HOMA HOMAD [HOMAD_OPTION...]: `homa get` and `homa set` with homad and with
programs that have an engine of their own; who may, what is refused, and what the log says."""
import json
import os
import subprocess
import sys
import time
import unittest

from started_programs import StartedPrograms

HOMA, HOMAD, *HOMAD_OPTIONS = sys.argv[1:]


class ParametersTest(StartedPrograms):
    def setUp(self):
        super().setUp()
        state = self.folder / "state"
        state.mkdir()
        for each in (self.folder, state):
            each.chmod(0o755)
        self.environment = {**os.environ, "HOMA_STATE": str(state), "HOMA_DAEMON": "off"}

    def serve(self):
        server = self.start(HOMA, "serve", "--address", "127.0.0.1", "--udp-port", "0", "--json")
        server.stdout.readline()
        return server

    def homa(self, *arguments, code=0, **more):
        done = subprocess.run([HOMA, *arguments], env=self.environment, capture_output=True,
                              text=True, check=False, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def value(self, name):
        said = json.loads(self.homa("get", name, "--json"))
        return said[0]["parameters"][name]["value"]

    def test_homad_changes_a_parameter_and_logs_who_asked(self):
        homad = self.start(HOMAD, "--socket", str(self.folder / "homad.sock"), "--io", "udp",
                           "--address", "127.0.0.1", "--udp-port", "0", "--log-json",
                           *HOMAD_OPTIONS)
        self.assertEqual(json.loads(homad.stderr.readline())["event"], "ready")
        said = self.homa("set", "unscheduled_bytes=20k", "resend_ticks=9", "--engine", "homad")
        self.assertIn("unscheduled_bytes=20k was ", said)
        for name, now in (("unscheduled_bytes", "20000"), ("resend_ticks", "9")):
            line = json.loads(homad.stderr.readline())
            self.assertEqual((line["event"], line["name"], line["now"], line["user"]),
                             ("parameter changed", name, now, str(os.getuid())))
            self.assertEqual(self.value(name), now)

    def test_refusals_name_the_parameter_and_change_nothing(self):
        self.serve()
        for assignment, words in (("rpcs_max=5", "counts from the start"),
                                  ("window=lots", "not a number of bytes"),
                                  ("nonsense=1", "no parameter named nonsense"),
                                  ("unscheduled_bytes", "not NAME=VALUE")):
            self.assertIn(words, self.homa("set", assignment, code=2))
        self.assertEqual(self.value("rpcs_max"), "16384")
        self.assertIn("no parameter named nonsense", self.homa("get", "nonsense", code=2))
        self.assertIn("* ", self.homa("get", "rpcs_max"))

    def test_one_of_several_engines_has_to_be_named(self):
        servers = [self.serve(), self.serve()]
        said = self.homa("set", "window=5k", code=2)
        for server in servers:
            self.assertIn(f"pid {server.pid}", said)
        self.homa("set", "window=5k", "--engine", str(servers[0].pid))
        values = {one["pid"]: one["parameters"]["window"]["value"]
                  for one in json.loads(self.homa("get", "window", "--all", "--json"))}
        self.assertEqual(values, {servers[0].pid: "5000", servers[1].pid: "0"})
        self.homa("set", "window=6k", "--all")
        self.assertEqual(self.homa("get", "window", "--all").count(" 6000 "), 2)

    def test_without_an_engine_it_says_so(self):
        self.assertIn("no Homa engine", self.homa("get", code=1))

    def test_a_process_that_is_stopped_does_not_answer(self):
        server = self.serve()
        os.kill(server.pid, 19)
        began = time.monotonic()
        self.assertIn("does not answer", self.homa("get", code=1))
        self.assertLess(time.monotonic() - began, 20)
        os.kill(server.pid, 18)

    @unittest.skipUnless(os.getuid() == 0, "another user is needed")
    def test_another_user_may_not(self):
        self.serve()
        said = self.homa("set", "window=5k", code=3, user=65534, group=65534, extra_groups=[])
        self.assertIn("another user", said)
        self.assertEqual(self.value("window"), "0")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
