"""What the tests of the dissector share: Homa's packets as tshark shows them, and `homa dump`."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
DISSECTOR = SOURCE / "packaging" / "wireshark" / "homa.lua"

# Field of `homa dump --json` -> field of the dissector, per packet type where names differ.
COMMON = {
    "source_port": "homa.srcport", "destination_port": "homa.dstport", "priority": "homa.priority",
    "id": "homa.sender_id", "sequence": "homa.sequence", "identity": "homa.identity",
    "data_offset": "homa.tcp_data_offset", "flags": "homa.flags", "window": "homa.window",
    "checksum": "homa.checksum", "urgent": "homa.urgent", "carrier": "homa.carrier",
}
BY_TYPE = {
    "DATA": {"offset": "homa.data.offset", "length": "homa.data.length",
             "message_length": "homa.data.message_length", "incoming": "homa.data.incoming",
             "retransmit": "homa.data.retransmit", "cutoff_version": "homa.data.cutoff_version",
             "response_unscheduled_limit": "homa.data.response_unscheduled_limit",
             "segment_offset": "homa.data.segment_offset"},
    "GRANT": {"offset": "homa.grant.offset", "grant_priority": "homa.grant.priority"},
    "RESEND": {"offset": "homa.resend.offset", "length": "homa.resend.length",
               "resend_priority": "homa.resend.priority"},
    "CUTOFFS": {"version": "homa.cutoffs.version"},
    "ACK": {"count": "homa.ack.count"},
    "ERROR": {"code": "homa.error.code"},
    "QUERY": {"count": "homa.query.count"},
    "STATUS": {"count": "homa.status.count"},
    "CHALLENGE": {"nonce": "homa.nonce"}, "ANSWER": {"nonce": "homa.nonce"},
}
# Fields that are compared by hand, or that belong to the frame and not to Homa's part.
OTHERWISE = {"time", "timestamp_ns", "source", "destination", "type", "ack", "acks", "cutoffs",
             "rpcs", "known", "meaning", "executed", "reason", "claimed_type", "bytes",
             "traffic_class", "hop_limit", "cut", "fragment_offset", "source_udp_port",
             "destination_udp_port"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed: {done.stderr}")
    return done.stdout


def tshark(capture, *arguments):
    return run("tshark", "-n", "-X", f"lua_script:{DISSECTOR}", "-r", str(capture), *arguments)


def dumped(homa, capture, udp_ports):
    """What `homa dump` says of each packet, frame by frame; of Homa's packets only."""
    lines = run(homa, "dump", "--json", "--udp-port", ",".join(map(str, udp_ports)), str(capture))
    return [packet for packet in map(json.loads, lines.splitlines())
            if packet["type"] not in ("ICMP", "FRAGMENT", "OTHER") and "carrier" in packet]


class Packet:
    """One Homa packet as the dissector shows it: field name -> values in order."""

    def __init__(self, frame, element, outer):
        self.frame = frame
        self.fields = {}
        for one in list(outer) + list(element.iter("field")):
            self.fields.setdefault(one.get("name"), []).append(one)

    def has(self, name):
        return name in self.fields

    def texts(self, name):
        return [one.get("show") for one in self.fields.get(name, [])]

    def text(self, name):
        values = self.texts(name)
        return values[0] if values else None

    def number(self, name):
        value = self.text(name)
        return None if value is None else int(value, 0)

    def experts(self):
        return [name[len("homa."):] for name, values in self.fields.items()
                if any(one.get("value") == "" for one in values)] + self.texts("_ws.expert.message")

    def bytes(self, name):
        return bytes.fromhex(self.text(name).replace(":", ""))


def dissected(capture, *arguments, nested=False):
    """The Homa packets of a capture; `nested`: those that ICMP errors quote instead."""
    xml = tshark(capture, "-T", "pdml", *arguments)
    packets = []
    for element in ElementTree.fromstring(xml).iter("packet"):
        top = element.findall("proto[@name='homa']")
        outer = [one for proto in element if proto.get("name") in ("ip", "ipv6", "udp")
                 for one in proto.iter("field")]
        number = int(element.find(".//field[@name='frame.number']").get("show"))
        chosen = top
        if nested:
            chosen = [one for one in element.iter("proto") if one.get("name") == "homa"
                      and one not in top]
        packets += [Packet(number, proto, outer) for proto in chosen]
    return packets


def type_names():
    """Code -> name of each packet type in the C++ source."""
    source = (SOURCE / "src" / "wire" / "header.h").read_text()
    body = re.search(r"enum class PacketType.*?\{(.*?)\};", source, re.DOTALL).group(1)
    return {int(code, 16): re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
            for name, code in re.findall(r"k(\w+) = (0x[0-9a-f]+)", body)}


class DissectorTest(unittest.TestCase):
    homa = ""  # path of the command

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def compare_acks(self, packet, expected):
        acks = [expected["ack"]] if "ack" in expected else expected.get("acks", [])
        got = list(zip((int(v, 0) for v in packet.texts("homa.ack.client_id")),
                       (int(v) for v in packet.texts("homa.ack.server_port"))))
        self.assertEqual(got, [(ack["id"], ack["server_port"]) for ack in acks])

    def compare_query(self, packet, expected):
        """The RPCs that QUERY and STATUS list, and which of them STATUS says are known."""
        got = list(zip((int(v, 0) for v in packet.texts("homa.query.client_id")),
                       (int(v) for v in packet.texts("homa.query.server_port"))))
        rpcs = expected.get("rpcs", [])
        self.assertEqual(got, [(rpc["id"], rpc["server_port"]) for rpc in rpcs])
        if "known" in expected:
            known = packet.number("homa.status.known")
            self.assertEqual([known >> i & 1 == 1 for i in range(len(rpcs) + 1)],
                             expected["known"])

    def compare(self, packet, expected, types):
        kind = expected["type"]
        if kind == "MALFORMED":
            self.assertTrue(packet.experts(), f"no word about {expected['reason']}")
            if "claimed_type" in expected:
                self.assertEqual(packet.number("homa.type"), int(expected["claimed_type"], 16))
        else:
            self.assertEqual(types[packet.number("homa.type")], kind)
        names = COMMON | BY_TYPE.get(kind, {})
        for name, value in expected.items():
            if name in OTHERWISE:
                continue
            self.assertIn(name, names, f"{kind} has a field that this test does not know")
            shown = packet.text(names[name])
            self.assertIsNotNone(shown, f"{kind} without {names[name]}")
            if name == "carrier":
                self.assertEqual(shown, value)
            elif value == "all":
                self.assertEqual(int(shown, 0), 0xffffffff)
            else:
                self.assertEqual(int(shown, 0), int(str(value), 0), f"{kind} {names[name]}")
        if "executed" in expected:
            words = ["not executed", "perhaps executed", "executed"]
            shown = packet.number("homa.error.executed")
            self.assertEqual(words[shown if shown < len(words) else 1], expected["executed"])
        if kind == "DATA" and "segment_offset" not in expected:
            self.assertEqual(packet.number("homa.data.segment_offset"), 0xffffffff)
        if kind != "MALFORMED":
            self.compare_acks(packet, expected)
            self.compare_query(packet, expected)
            self.assertEqual([int(v) for v in packet.texts("homa.cutoffs.cutoff")],
                             expected.get("cutoffs", []))
        self.compare_network(packet, expected)

    def compare_network(self, packet, expected):
        v6 = ":" in expected["source"]
        prefix = "ipv6" if v6 else "ip"
        self.assertEqual(packet.text(prefix + ".src"), expected["source"])
        self.assertEqual(packet.text(prefix + ".dst"), expected["destination"])
        self.assertEqual(packet.number("ipv6.tclass" if v6 else "ip.dsfield"),
                         int(expected["traffic_class"], 16))
        self.assertEqual(packet.number("ipv6.hlim" if v6 else "ip.ttl"), expected["hop_limit"])
        if "source_udp_port" in expected:
            self.assertEqual(packet.number("udp.srcport"), expected["source_udp_port"])
            self.assertEqual(packet.number("udp.dstport"), expected["destination_udp_port"])

    def compare_capture(self, capture, udp_ports=(54321,)):
        """Every packet, field by field. Returns the packets."""
        expected = dumped(self.homa, capture, udp_ports)
        ports = ",".join(map(str, udp_ports))
        packets = dissected(capture, "-o", f"homa.udp_ports:{ports}")
        self.assertEqual(len(packets), len(expected), capture)
        types = type_names()
        for packet, fields in zip(packets, expected):
            with self.subTest(capture=str(capture), frame=packet.frame):
                self.compare(packet, fields, types)
        return packets

    def check_messages(self, packets):
        """Every message that was put together is what its packets hold. Returns how many."""
        payloads, whole = {}, 0
        for packet in packets:
            if not packet.has("homa.data.payload") or not packet.has("homa.rpc.message"):
                continue
            key = packet.text("homa.rpc.index"), packet.text("homa.rpc.message")
            length = packet.number("homa.data.message_length")
            message = payloads.setdefault(key, bytearray(length))
            at = packet.number("homa.data.offset")
            payload = packet.bytes("homa.data.payload")
            message[at:at + len(payload)] = payload
            if packet.has("homa.message"):
                whole += 1
                self.assertEqual(packet.bytes("homa.message"), bytes(message))
                self.assertEqual(packet.number("homa.message.length"), length)
        return whole
