"""Capture files for the tests: packets made by hand, and those of tests/interop/corpus."""
import ipaddress
import pathlib
import struct

RAW_IP, NANOSECONDS = 101, 0xa1b23c4d
HOMA, TCP, UDP = 146, 6, 17


def write(path, frames, snapped=None):
    """frames: (time in ns, bytes). `snapped`: bytes to keep of each frame."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", NANOSECONDS, 2, 4, 0, 0, 262144, RAW_IP))
        for time, frame in frames:
            kept = frame[:snapped]
            file.write(struct.pack("<IIII", time // 10**9, time % 10**9, len(kept), len(frame)))
            file.write(kept)


def corpus(folder):
    """(name, bytes) of each IP packet in folder/*.hex."""
    for path in sorted(pathlib.Path(folder).glob("*.hex")):
        text = "".join(line.split("#")[0] for line in path.read_text().splitlines())
        yield path.stem, bytes.fromhex("".join(text.split()))


def ipv4(source, destination, protocol, payload, priority=7):
    return struct.pack(">BBHHHBBH4s4s", 0x45, priority << 5, 20 + len(payload), 0, 0x4000, 64,
                       protocol, 0, ipaddress.ip_address(source).packed,
                       ipaddress.ip_address(destination).packed) + payload


def ipv6(source, destination, protocol, payload, priority=7):
    return struct.pack(">IHBB16s16s", 6 << 28 | priority << 25, len(payload), protocol, 64,
                       ipaddress.ip_address(source).packed,
                       ipaddress.ip_address(destination).packed) + payload


def udp(source_port, destination_port, payload):
    return struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def header(kind, sender_id, source_port, destination_port, sequence=0, identity=0x0a0b0c):
    offset = 0xe0 if kind == 0x10 else 0x50
    return struct.pack(">HHIIBBHHHQ", source_port, destination_port, sequence,
                       identity << 8 | kind, offset, 6, 0, 0, 0xb97d, sender_id)


def data(common, length, incoming, offset, payload, retransmit=0, ack=(0, 0)):
    return common + struct.pack(">IIQHHBBHI", length, incoming, *ack, 1, retransmit, 0, 0,
                                offset) + payload
