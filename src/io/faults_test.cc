#include "io/faults.h"

#include <gmock/gmock.h>

#include "io/testing.h"

namespace homa::io {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // NOLINT
using ::testing::HasSubstr;

// Remembers what was sent, and takes at most `room` frames.
class RecordingIo final : public PacketIo {
 public:
  std::size_t receive(std::span<RxFrame>) override { return 0; }
  void release(std::span<const RxFrame>) override {}
  std::size_t send(std::span<const TxFrame> frames) override {
    const std::size_t count = std::min(frames.size(), room);
    for (const TxFrame& frame : frames.first(count)) {
      Bytes bytes(frame.header.begin(), frame.header.end());
      bytes.insert(bytes.end(), frame.payload.begin(), frame.payload.end());
      sent.push_back(bytes);
    }
    room -= count;
    return count;
  }
  std::size_t errors(std::span<IoError>) override { return 0; }
  bool wait(std::chrono::nanoseconds at_most, int) override {
    waited.push_back(at_most);
    return false;
  }
  const IoCapabilities& capabilities() const override { return capabilities_; }
  IoStatistics statistics() const override { return {}; }

  std::vector<Bytes> sent;
  std::vector<std::chrono::nanoseconds> waited;
  std::size_t room = 1'000'000;

 private:
  IoCapabilities capabilities_;
};

struct Faulty {
  explicit Faulty(const SendFaults& config) {
    auto made = std::make_unique<RecordingIo>();
    under = made.get();
    io = std::make_unique<FaultyIo>(std::move(made), config);
  }
  std::size_t send(const std::vector<Bytes>& packets) {
    std::vector<TxFrame> frames;
    for (const Bytes& packet : packets) frames.push_back(frame_of(packet, Address{}));
    return io->send(frames);
  }
  RecordingIo* under = nullptr;
  std::unique_ptr<FaultyIo> io;
};

std::vector<Bytes> numbered(std::size_t count) {
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < count; ++i) packets.push_back(make_packet(40, i));
  return packets;
}

TEST(Faults, LossTakesItsShareAndTheSameForTheSameSeed) {
  SendFaults config;
  config.loss = 0.1;
  config.seed = 7;
  Faulty one(config), two(config);
  const auto packets = numbered(10'000);
  EXPECT_EQ(one.send(packets), 10'000U);
  EXPECT_EQ(two.send(packets), 10'000U);
  EXPECT_NEAR(static_cast<double>(one.under->sent.size()), 9'000, 150);
  EXPECT_EQ(one.under->sent, two.under->sent);
  config.seed = 8;
  Faulty three(config);
  three.send(packets);
  EXPECT_NE(three.under->sent, one.under->sent);
}

TEST(Faults, DuplicatesFollowTheirOriginals) {
  SendFaults config;
  config.duplication = 1;
  Faulty faulty(config);
  const auto packets = numbered(100);
  EXPECT_EQ(faulty.send(packets), 100U);
  ASSERT_EQ(faulty.under->sent.size(), 200U);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(faulty.under->sent[i], packets[i / 2]);
}

TEST(Faults, HeldPacketsGoOutWhenDueAndSleepEndsInTime) {
  SendFaults config;
  config.reordering = 0.5;
  config.reorder_delay = 5ms;
  Faulty faulty(config);
  const auto packets = numbered(100);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(faulty.send(packets), 100U);
  const std::size_t at_once = faulty.under->sent.size();
  EXPECT_NEAR(static_cast<double>(at_once), 50, 25);
  std::array<RxFrame, 1> none;
  while (faulty.under->sent.size() < 100) {
    faulty.io->wait(1s, -1);
    ASSERT_LT(std::chrono::steady_clock::now() - start, 5s);
    faulty.io->receive(none);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
  EXPECT_LE(faulty.under->waited.front(), 5ms);
  EXPECT_THAT(faulty.under->sent, ::testing::UnorderedElementsAreArray(packets));
  EXPECT_NE(faulty.under->sent, packets);
  faulty.io->wait(1s, -1);
  EXPECT_EQ(faulty.under->waited.back(), 1s);
}

TEST(Faults, AFullDeviceLosesNothing) {
  SendFaults config;
  config.duplication = 0.3;
  config.reordering = 0.3;
  config.reorder_delay = 0ms;
  Faulty faulty(config);
  const auto packets = numbered(500);
  std::size_t taken = 0;
  while (taken < 500) {
    faulty.under->room = 13;
    taken += faulty.send({packets.begin() + static_cast<std::ptrdiff_t>(taken), packets.end()});
  }
  faulty.under->room = 10'000;
  faulty.io->wait(0ms, -1);
  for (const Bytes& packet : packets) {
    const auto copies = std::count(faulty.under->sent.begin(), faulty.under->sent.end(), packet);
    EXPECT_GE(copies, 1);
    EXPECT_LE(copies, 2);
  }
}

TEST(Faults, MoreThanCanBeHeldIsSent) {
  SendFaults config;
  config.reordering = 1;
  config.reorder_delay = 1h;
  Faulty faulty(config);
  EXPECT_EQ(faulty.send(numbered(1500)), 1500U);
  EXPECT_EQ(faulty.under->sent.size(), 1500U - 1024);
}

TEST(Faults, FractionsOutOfRangeAreRefusedByName) {
  IoConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.faults.duplication = 1.5;
  const auto io = open(config);
  ASSERT_FALSE(io);
  EXPECT_THAT(io.error().text, HasSubstr("duplication"));
}

}  // namespace
}  // namespace homa::io
