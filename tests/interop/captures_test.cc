// Every Homa packet of the captures of kernel traffic decodes, and encodes to the same bytes. The
// captures are not part of the repository: HOMA_CAPTURES names their folder; without it, a folder
// shared/captures beside the repository (or beside one that holds this worktree) is taken.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/frame_decode.h"
#include "support/hex.h"
#include "support/reencode.h"
#include "tools/dump/capture_file.h"

namespace homa {
namespace {

namespace fs = std::filesystem;

fs::path captures_folder() {
  if (const char* set = std::getenv("HOMA_CAPTURES")) return set;
  const fs::path source(HOMA_SOURCE_DIR);
  for (fs::path up = source.parent_path(); up != up.parent_path(); up = up.parent_path()) {
    if (fs::is_directory(up / "shared" / "captures")) return up / "shared" / "captures";
  }
  return source.parent_path() / "shared" / "captures";
}

std::vector<fs::path> captures(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".pcap") files.push_back(entry.path());
  }
  return files;
}

// A checksum is the sender's own affair (docs/protocol.md#packets).
std::vector<std::byte> without_checksum(std::vector<std::byte> packet) {
  if (packet.size() >= 18) packet[16] = packet[17] = std::byte{0};
  return packet;
}

// Packets by type; malformed ones fail the test.
using Counts = std::map<wire::PacketType, int>;

void check_packet(const fs::path& file, int number, std::span<const std::byte> packet,
                  Counts& counts) {
  const auto header = wire::parse(packet);
  ASSERT_TRUE(header) << file << " packet " << number << ": " << to_string(header.error()) << "\n"
                      << test::to_hex(packet);
  ASSERT_EQ(test::to_hex(without_checksum(test::reencode(*header))),
            test::to_hex(without_checksum({packet.begin(), packet.end()})))
      << file << " packet " << number;
  ++counts[wire::parse_common(packet)->type];
}

void check_file(const fs::path& path, Counts& counts) {
  auto file = tools::CaptureFile::open(path);
  ASSERT_TRUE(file) << file.error().text;
  Counts here;
  for (int number = 1;; ++number) {
    const auto next = file->next();
    ASSERT_TRUE(next) << next.error().text;
    if (!*next) break;
    const auto ip_bytes = io::decode_link(file->link(), (*next)->bytes);
    if (!ip_bytes) continue;  // ARP
    const auto ip = io::decode_ip(*ip_bytes);
    ASSERT_TRUE(ip) << path << " packet " << number << ": " << to_string(ip.error());
    if (const auto part = io::find_homa(*ip, std::array{kDefaultUdpPort})) {
      check_packet(path, number, part->bytes, here);
    }
  }
  EXPECT_GT(here[wire::PacketType::kData], 0) << path;
  for (const auto& [type, count] : here) counts[type] += count;
}

TEST(Captures, EveryPacketDecodesAndEncodesToTheSameBytes) {
  const fs::path folder = captures_folder();
  const auto files = captures(folder);
  if (files.empty()) {
    GTEST_SKIP() << "no captures of kernel traffic in " << folder
                 << "; set HOMA_CAPTURES to the folder that has them";
  }
  Counts counts;
  for (const auto& file : files) check_file(file, counts);
  using enum wire::PacketType;
  for (const auto type : {kData, kGrant, kResend, kUnknown, kBusy, kCutoffs, kNeedAck, kAck}) {
    EXPECT_GT(counts[type], 0) << to_string(type) << " is in none of " << files.size() << " files";
    RecordProperty(std::string(to_string(type)), counts[type]);
  }
}

}  // namespace
}  // namespace homa
