// What our own hosts put on the wire, as their pcap option wrote it: the rules for whoever writes
// packets (docs/protocol.md#packets) hold for each, with losses on the way.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "endtoend/hosts.h"
#include "io/frame_decode.h"
#include "support/hex.h"
#include "support/reencode.h"
#include "tools/dump/capture_file.h"

namespace homa {
namespace {

using wire::PacketType;

struct Seen {
  std::map<PacketType, int> types;
  std::map<Address, std::set<Identity>> identities;
};

void check_packet(const io::IpPacket& ip, const io::HomaPart& part, Seen& seen) {
  const auto header = wire::parse(part.bytes);
  ASSERT_TRUE(header) << to_string(header.error()) << "\n" << test::to_hex(part.bytes);
  EXPECT_EQ(test::to_hex(test::reencode(*header)), test::to_hex(part.bytes));  // so no padding
  const auto common = *wire::parse_common(part.bytes);
  const bool by_client = raw(common.source_port) >= 32768;
  EXPECT_NE(by_client, raw(common.destination_port) >= 32768);
  EXPECT_EQ(is_client_id(common.sender_id), by_client);
  EXPECT_EQ(common.flags, 6);
  EXPECT_EQ(common.urgent, 0xb97d);
  EXPECT_EQ(common.window & 0xff00, 0);
  Address sender = ip.source;
  sender.udp_port = part.source_udp_port;
  const Identity identity = std::visit([](const auto& h) { return h.common.identity; }, *header);
  EXPECT_NE(identity, kNoIdentity);
  seen.identities[sender].insert(identity);
  ++seen.types[common.type];
  if (const auto* data = std::get_if<wire::DataHeader>(&*header)) {
    EXPECT_EQ(common.sequence, wire::sequence_of(identity, data->segment_offset));
    EXPECT_EQ(common.data_offset, 0xe0);
    EXPECT_GE(data->incoming, data->offset() + data->payload.size());
    if (by_client) return;
    EXPECT_EQ(raw(data->ack.client_id), 0U);  // only clients owe acks
  } else {
    EXPECT_EQ(common.data_offset, 0x50);
    EXPECT_EQ(common.sequence, wire::sequence_of(identity, 0));
    EXPECT_EQ(ip.priority(), kHighestPriority);
  }
}

void check_file(const std::string& path, std::uint16_t udp_port, Seen& seen) {
  auto file = tools::CaptureFile::open(path);
  ASSERT_TRUE(file) << file.error().text;
  const std::array ports{udp_port};
  for (;;) {
    const auto frame = file->next();
    ASSERT_TRUE(frame) << frame.error().text;
    if (!*frame) break;
    const auto ip_bytes = io::decode_link(file->link(), (*frame)->bytes);
    ASSERT_TRUE(ip_bytes);
    const auto ip = io::decode_ip(*ip_bytes);
    ASSERT_TRUE(ip) << to_string(ip.error());
    const auto part = io::find_homa(*ip, ports);
    ASSERT_TRUE(part);
    ASSERT_NO_FATAL_FAILURE(check_packet(*ip, *part, seen));
  }
}

TEST(OwnTraffic, ObeysTheRulesForPackets) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("homa_own_traffic_" + std::to_string(getpid()) + ".pcap"))
                               .string();
  HostConfig config = testing::loopback_config();
  config.mtu = 1'500;
  Host server_host = testing::open_host(config);
  const std::uint16_t udp_port = server_host.address().udp_port;
  {
    testing::EchoServer server(server_host, 4000);
    config.pcap = path;
    config.loss = 0.05;
    Host client_host = testing::open_host(config);
    auto client = client_host.client();
    ASSERT_TRUE(client);
    for (const std::size_t length : {1UL, 100UL, 1'500UL, 60'000UL, 300'000UL}) {
      for (int again = 0; again < 4; ++again) {
        const auto request = testing::pattern(length, length);
        const auto response = client->call(server.address(), request, std::chrono::seconds(10));
        ASSERT_TRUE(response) << length << ": " << response.error().text;
        ASSERT_TRUE(std::ranges::equal(response->bytes(), request));
      }
    }
  }
  Seen seen;
  check_file(path, udp_port, seen);
  std::filesystem::remove(path);
  EXPECT_GT(seen.types[PacketType::kData], 1'000);
  EXPECT_GT(seen.types[PacketType::kGrant], 0);
  EXPECT_GT(seen.types[PacketType::kResend], 0);
  EXPECT_GT(seen.types[PacketType::kCutoffs], 0);
  EXPECT_EQ(seen.identities.size(), 2U);
  for (const auto& [sender, identities] : seen.identities) {
    EXPECT_EQ(identities.size(), 1U) << sender.to_string();
  }
}

}  // namespace
}  // namespace homa
