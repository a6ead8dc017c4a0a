#include "io/pcap_writer.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "io/frame_decode.h"
#include "io/testing.h"

namespace homa::io {
namespace {

using namespace testing;  // NOLINT

class PcapWriter : public ::testing::TestWithParam<std::string> {
 protected:
  ~PcapWriter() override { unlink(path_.c_str()); }

  std::unique_ptr<PacketIo> open_end(const std::string& pcap) {
    IoConfig config;
    config.address = GetParam();
    config.udp_port = 0;
    config.pcap = pcap;
    auto io = open(config);
    EXPECT_TRUE(io.has_value()) << io.error().text;
    return io ? std::move(*io) : nullptr;
  }
  // The frames of the file, each after its record header.
  std::vector<Bytes> frames_of_file() {
    std::ifstream file(path_, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(file)), {});
    const auto bytes = std::as_bytes(std::span(all));
    std::vector<Bytes> frames;
    std::size_t at = 24;
    while (at + 16 <= bytes.size()) {
      const auto length = base::load_big_endian<std::uint32_t>(bytes.data() + at + 8);
      at += 16;
      frames.emplace_back(bytes.data() + at, bytes.data() + at + length);
      at += length;
    }
    EXPECT_EQ(at, bytes.size());
    return frames;
  }

  const std::string path_ = ::testing::TempDir() + "homa_pcap_test." + std::to_string(getpid());
};
INSTANTIATE_TEST_SUITE_P(Families, PcapWriter, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param == "::1" ? "V6" : "V4"; });

TEST_P(PcapWriter, BothDirectionsAreInTheFileAsTheyWereOnTheWire) {
  const Bytes ping = make_packet(101, 1);
  const Bytes pong = make_packet(28, 2);
  Address a_address, b_address;
  {
    auto a = open_end(path_);
    auto b = open_end("");
    a_address = a->capabilities().local;
    b_address = b->capabilities().local;
    ASSERT_TRUE(send_one(*a, ping, b_address, 6));
    ASSERT_EQ(receive_n(*b, 1).size(), 1U);
    ASSERT_TRUE(send_one(*b, pong, a_address, 5));
    ASSERT_EQ(receive_n(*a, 1).size(), 1U);
  }
  const auto frames = frames_of_file();
  ASSERT_EQ(frames.size(), 2U);
  const std::array<std::uint16_t, 1> ports{b_address.udp_port};
  for (const bool out : {true, false}) {
    const auto ip = decode_ip(*decode_link(LinkLayer::kEthernet, frames[out ? 0 : 1]));
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->source.ip, (out ? a_address : b_address).ip);
    EXPECT_EQ(ip->destination.ip, (out ? b_address : a_address).ip);
    EXPECT_EQ(ip->priority(), out ? 6 : 5);
    const auto homa = find_homa(*ip, ports);
    ASSERT_TRUE(homa);
    EXPECT_EQ(homa->source_udp_port, (out ? a_address : b_address).udp_port);
    const Bytes& sent = out ? ping : pong;
    EXPECT_TRUE(std::equal(homa->bytes.begin(), homa->bytes.end(), sent.begin(), sent.end()));
  }
}

TEST(PcapWriterFile, ThatCannotBeWrittenIsNamed) {
  IoConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.pcap = "/nonexistent/folder/file.pcap";
  const auto io = open(config);
  ASSERT_FALSE(io);
  EXPECT_THAT(io.error().text, ::testing::HasSubstr(config.pcap));
}

}  // namespace
}  // namespace homa::io
