"""What the dissector concludes: captures made by hand, and what each packet of them must show."""
import struct

import frames
from dissector import DissectorTest, dissected, tshark

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
ID = 0x1000
DATA, GRANT, RESEND, UNKNOWN, BUSY, ACK, ERROR = 0x10, 0x11, 0x12, 0x13, 0x14, 0x18, 0x20
OTHER_IDENTITY = 0x0d0e0f
MILLISECOND = 10**6


def from_client(kind, rpc=ID, **more):
    return frames.header(kind, rpc, 32769, 4000, **more)


def from_server(kind, rpc=ID, **more):
    return frames.header(kind, rpc ^ 1, 4000, 32769, identity=0x070809, **more)


def message(length):
    return bytes(i * 7 % 251 for i in range(length))


def request(first, last, length=5000, incoming=3000, rpc=ID, retransmit=0, identity=0x0a0b0c):
    common = from_client(DATA, rpc, sequence=first, identity=identity)
    return CLIENT, frames.data(common, length, incoming, first, message(length)[first:last],
                               retransmit)


def response(first, last, length=100, rpc=ID, retransmit=0):
    common = from_server(DATA, rpc, sequence=first)
    return SERVER, frames.data(common, length, length, first, message(length)[first:last],
                               retransmit)


class Analysis(DissectorTest):
    def show(self, packets, *arguments, protocol=frames.HOMA, snapped=None):
        """Dissects (sender, Homa part) packets, one each millisecond."""
        other = {CLIENT: SERVER, SERVER: CLIENT}
        capture = self.folder / "made.pcap"
        frames.write(capture, [(i * MILLISECOND, frames.ipv4(sender, other[sender], protocol, part))
                               for i, (sender, part) in enumerate(packets)], snapped)
        return dissected(capture, *arguments)

    def test_gap_and_retransmission(self):
        first, second, resend, again = self.show([
            request(0, 1000, 3000), request(2000, 3000, 3000),
            (SERVER, from_server(RESEND) + struct.pack(">IIB", 1000, 1000, 7)),
            request(1000, 2000, 3000, retransmit=1)])
        self.assertFalse(first.has("homa.analysis.gap"))
        self.assertEqual(second.number("homa.analysis.gap"), 1000)
        self.assertIn("gap", second.experts())
        self.assertIn("asked_again", resend.experts())
        self.assertEqual(resend.text("homa.rpc.message"), "request")
        self.assertTrue(again.has("homa.analysis.retransmission"))
        self.assertFalse(again.has("homa.analysis.duplicate"))
        self.assertEqual(again.number("homa.analysis.seen"), 3000)
        self.assertEqual(again.bytes("homa.message"), message(3000))
        for name, value in (("retransmissions", 1), ("gaps", 1), ("resends", 1), ("packets", 4)):
            self.assertEqual(again.number("homa.rpc." + name), value, name)

    def test_the_order_of_the_network_is_no_retransmission(self):
        _, _, late, twice = self.show([request(0, 1000, 4000), request(2000, 3000, 4000),
                                       request(1000, 2000, 4000), request(500, 3000, 4000)])
        self.assertTrue(late.has("homa.analysis.out_of_order"))
        self.assertFalse(late.has("homa.analysis.retransmission"))
        self.assertEqual(twice.number("homa.analysis.duplicate"), 2500)

    def test_grants(self):
        _, early, grant, stale, allowed = self.show([
            request(0, 1000), request(3000, 4000),
            (SERVER, from_server(GRANT) + struct.pack(">IB", 5000, 2)),
            (SERVER, from_server(GRANT) + struct.pack(">IB", 4000, 2)), request(4000, 5000)])
        self.assertIn("ungranted", early.experts())
        self.assertEqual(grant.number("homa.analysis.granted"), 2000)
        self.assertEqual(grant.number("homa.analysis.outstanding"), 3000)
        self.assertIn("stale_grant", stale.experts())
        self.assertNotIn("ungranted", allowed.experts())
        self.assertEqual(allowed.number("homa.rpc.grants"), 2)

    def test_request_and_response_are_linked_and_timed(self):
        packets = self.show([
            request(0, 1000, 2000), request(1000, 2000, 2000), (SERVER, from_server(BUSY)),
            response(0, 50), response(50, 100),
            (CLIENT, from_client(ACK) + struct.pack(">H50x", 0))], "-2")
        for packet in packets:
            self.assertEqual(packet.number("homa.rpc.index"), 1)
            self.assertEqual(packet.number("homa.rpc.id"), ID)
            self.assertEqual(packet.number("homa.rpc.acked_in"), 6)
            self.assertEqual(packet.text("homa.rpc.time"), "0.004000000")
            self.assertEqual(packet.text("homa.rpc.request_time"), "0.001000000")
            self.assertEqual(packet.text("homa.rpc.server_time"), "0.002000000")
            self.assertEqual(packet.text("homa.rpc.response_time"), "0.001000000")
        self.assertEqual([p.number("homa.response_in") for p in packets],
                         [5, 5, None, None, None, 5])
        self.assertEqual([p.number("homa.request_in") for p in packets],
                         [None, None, 2, 2, 2, None])
        self.assertEqual([p.number("homa.reassembled_in") for p in packets[:2]], [2, None])
        self.assertEqual([p.text("homa.time") for p in packets],
                         [None] * 4 + ["0.004000000", None])
        self.assertNotIn("no_response", packets[1].experts())

    def test_rpcs_are_told_apart(self):
        packets = self.show([request(0, 10, 10), request(0, 20, 20, rpc=ID + 2),
                             response(0, 30, 30, rpc=ID + 2), response(0, 40, 40)], "-2")
        self.assertEqual([p.number("homa.rpc.index") for p in packets], [1, 2, 2, 1])
        self.assertEqual([len(p.bytes("homa.message")) for p in packets], [10, 20, 30, 40])
        followed = dissected(self.folder / "made.pcap", "-2", "-Y", f"homa.rpc.id == {ID}")
        self.assertEqual([p.frame for p in followed], [1, 4])

    def test_a_request_without_response(self):
        packet, = self.show([request(0, 10, 10)], "-2")
        self.assertIn("no_response", packet.experts())

    def test_errors(self):
        _, error, unknown = self.show([request(0, 10, 10), (SERVER, from_server(ERROR) + b"\6\0"),
                                       (SERVER, from_server(UNKNOWN))])
        self.assertIn("error", error.experts())
        self.assertIn("The sender ended this RPC: overloaded", error.experts())
        self.assertEqual(unknown.number("homa.rpc.error"), 6)
        self.assertIn("unknown_rpc", unknown.experts())

    def test_what_a_receiver_drops(self):
        _, other_length, new, old = self.show([
            request(0, 10), request(10, 20, 6000),
            request(0, 10, 10, identity=OTHER_IDENTITY), request(20, 30)])
        self.assertIn("wrong_length", other_length.experts())
        self.assertIn("restart", new.experts())
        self.assertEqual(new.number("homa.rpc.index"), 2)  # the same id, another RPC
        self.assertIn("stale", old.experts())
        unknown, short = self.show([(CLIENT, from_client(0x2f) + b"abc"), (CLIENT, b"\0" * 27)])
        self.assertIn("Unknown type 0x2f", unknown.experts())
        self.assertEqual(unknown.bytes("homa.unparsed"), b"abc")
        self.assertIn("dropped", short.experts())

    def test_a_cut_capture(self):
        data, grant = self.show([request(0, 1000, 1000),
                                 (SERVER, from_server(GRANT) + struct.pack(">IB", 5000, 2))],
                                snapped=20 + 56 + 10)
        self.assertEqual(data.number("homa.data.length"), 1000)
        self.assertEqual(data.number("homa.analysis.seen"), 1000)
        self.assertFalse(data.has("homa.message"))
        self.assertEqual(grant.number("homa.grant.offset"), 5000)
        data, grant = self.show([request(0, 1000, 1000),
                                 (SERVER, from_server(GRANT) + struct.pack(">IB", 5000, 2))],
                                snapped=20 + 30)
        self.assertIn("cut", data.experts())
        self.assertIn("cut", grant.experts())

    def test_shaped_as_tcp_and_tcp_itself(self):
        syn = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 0x50, 2, 1000, 0, 0)
        packets = self.show([request(0, 10, 10), (CLIENT, syn)], protocol=frames.TCP)
        self.assertEqual([(p.frame, p.text("homa.carrier")) for p in packets], [(1, "tcp")])
        protocols = tshark(self.folder / "made.pcap", "-T", "fields", "-e", "tcp.dstport")
        self.assertEqual(protocols.split(), ["80"])
        self.assertEqual(self.show([request(0, 10, 10)], "-o", "homa.tcp_shaped:FALSE",
                                   protocol=frames.TCP), [])

    def test_udp_by_port_and_by_look_and_joined_by_offload(self):
        joined = request(0, 100, 250)[1] + request(100, 200, 250)[1] + request(200, 250, 250)[1]
        packets = self.show([(CLIENT, frames.udp(9, 7777, joined)),
                             (CLIENT, frames.udp(9, 7778, b"\0" * 60)),
                             (CLIENT, frames.udp(9, 54321, b"\0" * 60))], protocol=frames.UDP)
        self.assertEqual([p.frame for p in packets], [1, 1, 1, 3])
        self.assertEqual([p.number("homa.data.offset") for p in packets[:3]], [0, 100, 200])
        self.assertEqual(packets[2].bytes("homa.message"), message(250))
        self.assertIn("unknown_type", packets[3].experts())

    def test_ipv6(self):
        capture = self.folder / "v6.pcap"
        frames.write(capture, [(0, frames.ipv6("fd00::1", "fd00::2", frames.HOMA,
                                               request(0, 10, 10)[1], priority=5))])
        packet, = dissected(capture)
        self.assertEqual(packet.number("homa.priority"), 5)
        self.assertEqual(packet.bytes("homa.message"), message(10))

    def test_a_message_in_too_many_pieces_ends_the_books_of_that_message_only(self):
        packets = self.show([request(2 * i, 2 * i + 1, 60_000) for i in range(1100)]
                            + [request(0, 10, 10, rpc=ID + 2)])
        self.assertIn("untracked", packets[1050].experts())
        self.assertEqual(packets[-1].bytes("homa.message"), message(10))
