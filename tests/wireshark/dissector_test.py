#!/usr/bin/env python3
"""dissector_test.py PART HOMA: one part of the dissector's test; exit 77 when it cannot run here.

sources   the dissector's names of types and codes are those of the C++ sources
corpus    each packet of tests/interop/corpus, field by field against `homa dump --json`
analysis  what the dissector concludes from a capture made by hand
own_udp   traffic of our own over UDP with losses, field by field, and its messages put together
own_raw   the same over IP protocol 146 (root)
kernel    the same for captures of kernel traffic, where they are at hand (HOMA_CAPTURES)
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import unittest

import frames
from analysis import Analysis
from dissector import DISSECTOR, SOURCE, DissectorTest, dissected, dumped, run, tshark, type_names

SKIPPED = 77


class Sources(DissectorTest):
    def lua_table(self, name):
        text = re.search(rf"^local {name} = \{{(.*?)\}}", DISSECTOR.read_text(),
                         re.DOTALL | re.MULTILINE).group(1)
        return dict(re.findall(r'\[(\w+)\] = "([^"]+)"', text))

    def test_every_type_of_packet_has_its_name(self):
        ours = {name: name for name in type_names().values()}
        self.assertEqual(self.lua_table("TYPES"), ours)

    def test_every_error_code_has_its_word(self):
        header = (SOURCE / "include" / "homa" / "error.h").read_text()
        words = dict(re.findall(r'case ErrorCode::(k\w+): return "([^"]+)"',
                                (SOURCE / "src" / "base" / "error.cc").read_text()))
        body = re.search(r"enum class ErrorCode.*?\{(.*?)\};", header, re.DOTALL).group(1)
        ours = {code: words[name] for name, code in re.findall(r"(k\w+) = (\d+),", body)}
        self.assertGreater(len(ours), 10)
        self.assertEqual(self.lua_table("ERROR_CODES"), ours)

    def test_the_document_names_fields_that_exist_where_it_says_to_install(self):
        plugins = self.folder / ".local" / "lib" / "wireshark" / "plugins"
        plugins.mkdir(parents=True)
        shutil.copy(DISSECTOR, plugins)
        listing = run("env", f"HOME={self.folder}", "tshark", "-G", "fields")
        known = {line.split("\t")[2] for line in listing.splitlines()}
        text = (SOURCE / "docs" / "wireshark.md").read_text()
        named = set(re.findall(r"\bhoma\.[a-z_.]*[a-z]", text))
        named -= {"homa.lua", "homa.port", "homa.udp_ports", "homa.tcp_shaped", "homa.reassemble"}
        self.assertGreater(len(named), 20)
        self.assertEqual(named - known, set())

    def test_the_documents_filters_are_filters(self):
        text = (SOURCE / "docs" / "wireshark.md").read_text().split("## Filters")[1]
        filters = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
        self.assertGreater(len(filters), 15)
        capture = self.folder / "empty.pcap"
        frames.write(capture, [])
        tshark(capture, "-Y", " or ".join(f"({one})" for one in filters))


class Corpus(DissectorTest):
    def test_each_packet_reads_as_homa_dump_reads_it(self):
        samples = list(frames.corpus(SOURCE / "tests" / "interop" / "corpus"))
        self.assertGreaterEqual(len(samples), 30)
        capture = self.folder / "corpus.pcap"
        frames.write(capture, [(1000 * i, packet) for i, (_, packet) in enumerate(samples)])
        packets = self.compare_capture(capture)
        shown = {type_names().get(packet.number("homa.type") or 0) for packet in packets}
        self.assertEqual(shown - {None}, set(type_names().values()))

    def test_an_icmp_error_shows_the_rpc_that_it_is_about(self):
        packet = dict(frames.corpus(SOURCE / "tests" / "interop" / "corpus"))[
            "icmp_port_unreachable"]
        capture = self.folder / "icmp.pcap"
        frames.write(capture, [(0, packet)])
        quoted, = dissected(capture, nested=True)
        self.assertEqual(quoted.number("homa.rpc.id"), 81985529216486894)
        self.assertIn("icmp", quoted.experts())
        self.assertEqual(dissected(capture), [])


    def test_no_bytes_confuse_it(self):
        draw = random.Random(1)
        samples = [packet for _, packet in frames.corpus(SOURCE / "tests/interop/corpus")]
        packets = []
        for i in range(3000):
            packet = bytearray(draw.choice(samples))
            for _ in range(draw.randrange(4)):
                packet[draw.randrange(20, len(packet))] = draw.randrange(256)
            packets.append((i, bytes(packet[:draw.randrange(20, len(packet) + 1)])))
        capture = self.folder / "broken.pcap"
        frames.write(capture, packets)
        text = tshark(capture, "-2", "-V")
        self.assertIn("Homa Transport Protocol", text)
        self.assertNotIn("Lua Error", text)


class OwnTraffic(DissectorTest):
    def exchange(self, io, address, client_address, *arguments):
        """A ping with losses; returns the capture and the server's UDP port."""
        capture = self.folder / f"{io}.pcap"
        server = subprocess.Popen([self.homa, "serve", "--json", "--io", io, "--address", address,
                                   "--mtu", "1500", *arguments, "4000"],
                                  stdout=subprocess.PIPE, text=True)
        try:
            ready = json.loads(server.stdout.readline())
            for size in ("100", "60000"):
                run(self.homa, "ping", ready["address"], "--io", io, "--address", client_address,
                    "--mtu", "1500", "--count", "4", "--interval", "0", "--size", size, "--timeout",
                    "20", "--loss", "0.05", "--json", "--pcap", str(capture) + size, *arguments)
        finally:
            server.terminate()
            server.wait(timeout=20)
            server.stdout.close()
        match = re.search(r"%(\d+)", ready["address"])
        return [str(capture) + "100", str(capture) + "60000"], int(match.group(1)) if match else 1

    def check(self, captures, port):
        for capture, least in zip(captures, (8, 300)):
            packets = self.compare_capture(capture, (port,))
            self.assertGreaterEqual(len(packets), least)
            # The client sees every request and every response whole; losses come before its file.
            self.assertEqual(self.check_messages(packets), 8)
            self.assertEqual(len([p for p in packets if p.has("homa.time")]), 4)


class OwnUdp(OwnTraffic):
    def test_every_packet_and_message(self):
        captures, port = self.exchange("udp", "127.0.0.1", "127.0.0.1", "--udp-port", "0")
        self.check(captures, port)
        # Without the port, by what the header looks like.
        by_look = dissected(captures[1])
        self.assertEqual(len(by_look), len(dumped(self.homa, captures[1], (port,))))


class OwnRaw(OwnTraffic):
    def test_every_packet_and_message(self):
        net = f"127.146.{os.getpid() % 250}"  # an engine of its own, whoever else tests here
        captures, port = self.exchange("raw", net + ".1", net + ".2")
        self.check(captures, port)


class Kernel(DissectorTest):
    def test_every_packet_and_message(self):
        total = whole = 0
        for capture in kernel_captures():
            packets = self.compare_capture(capture)
            total += len(packets)
            whole += self.check_messages(packets)
        print(f"{total} packets, {whole} whole messages")
        self.assertGreater(whole, 200)

    def test_a_lost_packet_shows_as_gap_and_retransmission(self):
        for name in ("14_loss_middle_of_20KB_request", "13_loss_first_response_pkt"):
            capture = [path for path in kernel_captures() if path.stem == name]
            if capture:
                packets = dissected(capture[0])
                self.assertTrue(any(p.has("homa.analysis.retransmission") for p in packets), name)
                self.assertTrue(any("asked_again" in p.experts() for p in packets), name)


def kernel_captures():
    if "HOMA_CAPTURES" in os.environ:
        return sorted(pathlib.Path(os.environ["HOMA_CAPTURES"]).glob("*.pcap"))
    for folder in SOURCE.parents:
        if (folder / "shared" / "captures").is_dir():
            return sorted((folder / "shared" / "captures").glob("*.pcap"))
    return []


def why_not(part):
    """Why a part cannot run here."""
    if shutil.which("tshark") is None:
        return "tshark is not installed"
    if part == "own_raw" and os.geteuid() != 0:
        return "raw sockets need root"
    if part == "kernel" and not kernel_captures():
        return "no captures of kernel traffic: set HOMA_CAPTURES to the folder that has them"
    return None


def main():
    parts = {"sources": Sources, "corpus": Corpus, "analysis": Analysis, "own_udp": OwnUdp,
             "own_raw": OwnRaw, "kernel": Kernel}
    if len(sys.argv) != 3 or sys.argv[1] not in parts:
        sys.exit(__doc__)
    part, DissectorTest.homa = sys.argv[1:]
    reason = why_not(part)
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(parts[part])
    sys.exit(0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1)


if __name__ == "__main__":
    main()
