// Our own packets, written by hand: corpus/*.hex holds an IP packet each, and what `homa dump` says
// of it. HOMA_CORPUS_PRINT=1 prints what it says now.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "homa/address.h"
#include "support/hex.h"
#include "support/reencode.h"
#include "tools/dump/packet_text.h"

namespace homa {
namespace {

namespace fs = std::filesystem;

struct Sample {
  std::string name;
  std::string expected;
  std::vector<std::byte> bytes;
};

Sample read_sample(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  Sample sample{path.stem().string(), "", test::from_hex(text.str())};
  constexpr std::string_view kMark = "# expect: ";
  for (std::string line; std::getline(text, line);) {
    if (line.rfind(kMark, 0) == 0) sample.expected = line.substr(kMark.size());
  }
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> all;
  for (const auto& entry : fs::directory_iterator(HOMA_CORPUS_DIR)) {
    if (entry.path().extension() == ".hex") all.push_back(read_sample(entry.path()));
  }
  return all;
}

constexpr std::array kUdpPorts{kDefaultUdpPort};

TEST(Corpus, EachPacketReadsAsItsFileSays) {
  const auto all = samples();
  EXPECT_GE(all.size(), 30U);
  const tools::DumpOptions options{kUdpPorts, false};
  for (const auto& sample : all) {
    const auto packets = tools::describe_frame(io::LinkLayer::kRawIp, sample.bytes, options);
    ASSERT_EQ(packets.size(), 1U) << sample.name;
    const std::string line = tools::to_line(packets.front());
    if (std::getenv("HOMA_CORPUS_PRINT")) std::cout << sample.name << ' ' << line << '\n';
    EXPECT_EQ(line, sample.expected) << sample.name;
  }
}

TEST(Corpus, EachWellFormedPacketEncodesToItsBytes) {
  int well_formed = 0;
  for (const auto& sample : samples()) {
    const auto ip = io::decode_ip(sample.bytes);
    ASSERT_TRUE(ip) << sample.name;
    const auto part = io::find_homa(*ip, kUdpPorts);
    if (!part) continue;
    const auto header = wire::parse(part->bytes);
    EXPECT_EQ(header.has_value(), sample.name.rfind("malformed_", 0) != 0) << sample.name;
    if (!header) continue;
    ++well_formed;
    EXPECT_EQ(test::to_hex(test::reencode(*header)), test::to_hex(part->bytes)) << sample.name;
  }
  EXPECT_GE(well_formed, 20);
}

}  // namespace
}  // namespace homa
