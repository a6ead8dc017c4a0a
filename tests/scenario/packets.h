// Packets of a scenario: from a line to bytes, and from bytes to what differs from a line.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "homa/error.h"
#include "scenario/line.h"
#include "wire/codec.h"

namespace homa::test {

// What a line does not say because its RPC's name implies it.
struct PacketFields {
  wire::CommonHeader header;
  std::uint16_t cutoff_version = 0;
  std::uint64_t nonce = 0;
  std::map<std::string, wire::Ack> acks;  // by the RPC's name
};

// Any packet but DATA.
std::vector<std::byte> encode_packet(const Line& line, const PacketFields& fields);
// DATA with bytes [begin, end) of the line's message.
std::vector<std::byte> encode_data(const Line& line, const PacketFields& fields,
                                   std::uint32_t begin, std::uint32_t end);
// What in the packet is not as the line says; "" when all is. check_rpc: ports and id too.
std::string compare_packet(const Line& line, const PacketFields& fields, bool check_rpc,
                           std::span<const std::byte> packet);
std::string describe_packet(std::span<const std::byte> packet);

// "no", "perhaps" or "yes".
Executed executed_of(const std::string& word);

}  // namespace homa::test
