#!/usr/bin/env python3
"""doctor_test.py HOMA: `homa doctor` finds what is planted: two network namespaces, and between
them a wire in this program that may rewrite priorities or swallow long packets. Skipped without
root."""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HOMA = sys.argv[1]
OURS, THEIRS = (f"homa-doctor-{os.getpid()}-{side}" for side in "ab")
PEER = "10.98.7.2"


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done


def inside(namespace, *command):
    return run("ip", "netns", "exec", namespace, *command)


def checksum(header):
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


class Wire(threading.Thread):
    """Copies frames between two devices, as `change` returns them; None: swallowed."""

    def __init__(self, names):
        super().__init__(daemon=True)
        self.change = lambda frame: frame
        self.ends = []
        for name in names:
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
            end.bind((name, 0))
            self.ends.append(end)
        self.stop_read, self.stop_write = os.pipe()

    def run(self):
        while True:
            ready, _, _ = select.select(self.ends + [self.stop_read], [], [])
            if self.stop_read in ready:
                return
            for end in ready:
                frame, address = end.recvfrom(65536)
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                frame = self.change(frame)
                if frame is not None:
                    self.ends[1 - self.ends.index(end)].send(frame)

    def end(self):
        os.write(self.stop_write, b"x")
        self.join()
        for end in self.ends:
            end.close()


def without_priority(frame):
    if frame[12:14] != b"\x08\x00" or frame[23] != 17:  # UDP only: ICMP errors quote what arrived
        return frame
    header = bytearray(frame[14:34])
    header[1], header[10:12] = 0, b"\0\0"
    header[10:12] = checksum(header)
    return frame[:14] + bytes(header) + frame[34:]


class DoctorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        os.environ.update(HOMA_STATE=folder.name, HOMA_DAEMON="off")
        wires = []
        for namespace, address in ((OURS, "10.98.7.1"), (THEIRS, PEER)):
            wire = f"hd{os.getpid()}{namespace[-1]}"
            wires.append(wire)
            run("ip", "netns", "add", namespace)
            cls.addClassCleanup(run, "ip", "netns", "del", namespace)
            inside(namespace, "ip", "link", "set", "lo", "up")
            run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns",
                namespace)
            inside(namespace, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
            inside(namespace, "ip", "link", "set", "eth0", "up")
            run("ip", "link", "set", wire, "up")
            for command in (["ip", "netns", "exec", namespace, "ethtool", "-K", "eth0"],
                            ["ethtool", "-K", wire]):
                run(*command, "tx", "off", "gso", "off", "tso", "off", check=False)
        cls.wire = Wire(wires)
        cls.wire.start()
        cls.addClassCleanup(cls.wire.end)

    def tearDown(self):
        self.wire.change = lambda frame: frame

    def doctor(self, *arguments):
        done = run("ip", "netns", "exec", OURS, HOMA, "doctor", "--json", *arguments, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        findings = {one["check"]: one for one in json.loads(done.stdout)}
        ill = any(one["verdict"] == "problem" for one in findings.values())
        self.assertEqual(done.returncode, 1 if ill else 0)
        for one in findings.values():
            if one["verdict"] in ("note", "problem"):
                self.assertTrue(one["why"] and one["cure"], one)
        return findings

    def test_a_path_without_a_fault(self):
        found = self.doctor(PEER)
        self.assertEqual(found["path mtu"]["verdict"], "good", found["path mtu"])
        self.assertEqual(found["priorities"]["verdict"], "good", found["priorities"])

    def test_priorities_that_are_rewritten(self):
        self.wire.change = without_priority
        found = self.doctor(PEER)["priorities"]
        self.assertEqual(found["verdict"], "problem")
        self.assertIn(" as 0", found["what"])

    def test_long_packets_that_vanish(self):
        self.wire.change = lambda frame: frame if len(frame) <= 1414 else None
        found = self.doctor(PEER)["path mtu"]
        self.assertEqual(found["verdict"], "problem")
        self.assertIn("1400 bytes arrive", found["what"])

    def test_a_peer_that_answers_nothing(self):
        self.wire.change = lambda frame: None if frame[12:14] == b"\x08\x00" else frame
        found = self.doctor(PEER)
        self.assertEqual(found["path mtu"]["verdict"], "unchecked")
        self.assertEqual(found["priorities"]["verdict"], "unchecked")

    def test_a_device_with_a_small_mtu_and_without_offloads(self):
        inside(OURS, "ip", "link", "set", "eth0", "mtu", "1400")
        self.addCleanup(inside, OURS, "ip", "link", "set", "eth0", "mtu", "1500")
        found = self.doctor("--interface", "eth0")
        self.assertEqual(found["mtu"]["verdict"], "note")
        self.assertIn("1400", found["mtu"]["what"])
        self.assertEqual(found["offloads"]["verdict"], "note")
        self.assertIn("gso", found["offloads"]["what"])

    def test_a_link_rate_that_is_not_known_and_one_that_is(self):
        self.assertEqual(self.doctor("--interface", "eth0")["link rate"]["verdict"], "note")
        inside(OURS, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "200mbit", "burst",
               "10kb", "latency", "50ms")
        self.addCleanup(inside, OURS, "tc", "qdisc", "del", "dev", "eth0", "root")
        found = self.doctor("--interface", "eth0")["link rate"]
        self.assertEqual(found["verdict"], "good")
        self.assertIn("200 Mbit/s", found["what"])

    def test_another_program_at_homas_udp_port(self):
        code = ("import socket,sys,time; s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM);"
                "s.bind(('::',54321)); print('bound',flush=True); time.sleep(100)")
        other = subprocess.Popen(["ip", "netns", "exec", OURS, sys.executable, "-c", code],
                                 stdout=subprocess.PIPE, text=True)

        def end():
            other.terminate()
            other.communicate()
        self.addCleanup(end)
        self.assertEqual(other.stdout.readline(), "bound\n")
        found = self.doctor()["engines"]
        self.assertEqual(found["verdict"], "problem")
        self.assertIn("54321", found["what"])

    def test_engines_that_compete(self):
        for _ in range(2):
            server = subprocess.Popen(
                [HOMA, "serve", "--address", "127.0.0.1", "--udp-port", "0", "--json"],
                stdout=subprocess.PIPE, text=True)

            def end(server=server):
                server.terminate()
                server.communicate()
            self.addCleanup(end)
            server.stdout.readline()
        found = self.doctor()["engines"]
        self.assertEqual(found["verdict"], "note")
        self.assertIn("homad", found["cure"])

    def test_a_peer_without_a_route_and_one_without_a_server(self):
        done = run("ip", "netns", "exec", OURS, HOMA, "doctor", "192.0.2.1", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no route", done.stderr)
        found = self.doctor(PEER, "--call")["round trip"]
        self.assertEqual(found["verdict"], "problem")

    def test_a_server_is_called_and_loaded(self):
        server = subprocess.Popen(["ip", "netns", "exec", THEIRS, HOMA, "serve", "--json"],
                                  stdout=subprocess.PIPE, text=True)

        def end():
            server.terminate()
            server.communicate()
        self.addCleanup(end)
        server.stdout.readline()
        found = self.doctor(PEER, "--load")
        self.assertIn("P50", found["round trip"]["what"])
        self.assertIn("bit/s", found["measured rate"]["what"])
        self.assertIn("beside long requests", found["queues under load"]["what"])


if __name__ == "__main__":
    if os.getuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
