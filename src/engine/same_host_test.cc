#include "engine/same_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/defaults.h"
#include "engine/engine.h"
#include "engine/fake_network.h"

namespace homa::engine {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

constexpr std::uint16_t kOurs = 54321;

Address at(std::uint8_t last, std::uint16_t udp_port = kOurs) {
  return Address::v4(10, 0, 0, last, udp_port);
}

TEST(SameHost, KnowsAddressesThatItLearned) {
  SameHost same_host(kOurs);
  EXPECT_FALSE(same_host.any());
  EXPECT_TRUE(same_host.learn(at(1), true));
  EXPECT_TRUE(same_host.any());
  EXPECT_TRUE(same_host.has(at(1)));
  EXPECT_FALSE(same_host.has(at(2)));
}

TEST(SameHost, AnotherEngineOfTheHostHasAnotherUdpPort) {
  SameHost same_host(kOurs);
  EXPECT_FALSE(same_host.learn(at(1, 7000), true));
  EXPECT_FALSE(same_host.has(at(1, 7000)));
}

TEST(SameHost, OtherHostsAreElsewhere) {
  SameHost same_host(kOurs);
  EXPECT_FALSE(same_host.learn(at(1), false));
  EXPECT_FALSE(same_host.any());
}

TEST(SameHost, AnAddressThatMovedAwayIsForgotten) {
  SameHost same_host(kOurs);
  same_host.learn(at(1), true);
  EXPECT_FALSE(same_host.learn(at(1), false));
  EXPECT_FALSE(same_host.has(at(1)));
  same_host.learn(at(1), true);
  same_host.learn(at(1), true);
  same_host.forget();
  EXPECT_FALSE(same_host.any());
}

TEST(SameHost, ItsNumberOfAddressesIsBounded) {
  SameHost same_host(kOurs);
  for (std::uint8_t i = 0; i < SameHost::kAddressesMax; ++i) {
    EXPECT_TRUE(same_host.learn(at(i), true));
  }
  EXPECT_FALSE(same_host.learn(at(200), true));
  EXPECT_FALSE(same_host.has(at(200))) << "its packets go through the kernel";
  EXPECT_TRUE(same_host.learn(at(0), true));
}

// An engine whose device takes nothing, with a server and clients on it.
class OneEngine : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kServerPort = 4000;

  OneEngine() {
    auto owned = std::make_unique<FakeIo>(network_, local_);
    io_ = owned.get();
    io_->knows_itself = true;
    io_->room = 0;
    core::CoreConfig config = defaults_for(owned->capabilities());
    config.receive_region_bytes = 16 << 20;
    config.link_bits_per_second = 100'000'000;  // which would take 80 ms for 1 MB
    engine_ = Engine::create(config, std::move(owned), 1, wake_.get(), Duration::zero(),
                             std::make_shared<channel::EngineState>())
                  .value();
    server_ = open(kServerPort);
  }

  std::unique_ptr<ApplicationEnd> open(std::uint16_t port) {
    const auto region = channel::Region::create({}).value();
    auto end = std::make_unique<ApplicationEnd>(region, engine_->attach(region).value());
    Submission submission;
    submission.kind = SubmissionKind::kOpen;
    submission.port = port;
    EXPECT_TRUE(end->submit(submission));
    end->publish();
    step();
    EXPECT_TRUE(next(*end, CompletionKind::kOpened));
    return end;
  }
  std::size_t step() { return engine_->step(now_ += Duration(1'000)); }
  // Submits a request (handle: even) or a response, filled with `fill`.
  void submit(ApplicationEnd& from, std::uint64_t handle, std::uint32_t length, std::byte fill) {
    Submission submission;
    const bool reply = channel::is_request_handle(handle);
    submission.kind = reply ? SubmissionKind::kReply : SubmissionKind::kSend;
    submission.handle = handle;
    submission.length = length;
    submission.memory = from.allocate(length).value();
    std::ranges::fill(from.memory(submission.memory, length), fill);
    if (!reply) submission.peer = channel::PeerRecord::of({local_, kServerPort});
    ASSERT_TRUE(from.submit(submission));
    from.publish();
  }
  static std::optional<Completion> next(ApplicationEnd& at, CompletionKind kind) {
    Completion completion;
    while (at.next(&completion)) {
      at.done_reading();
      if (completion.kind == CompletionKind::kTransmitDone) {
        EXPECT_TRUE(at.free(completion.memory));
      }
      if (completion.kind == kind) return completion;
    }
    return std::nullopt;
  }
  std::optional<Completion> within(int steps, ApplicationEnd& at, CompletionKind kind) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (auto found = next(at, kind)) return found;
    }
    return std::nullopt;
  }
  bool holds(const Completion& message, std::uint32_t length, std::byte fill) const {
    const auto all = engine_->receive_memory().bytes();
    const auto bytes = all.subspan(message.memory, message.length);
    return message.length == length &&
           std::ranges::all_of(bytes, [fill](std::byte byte) { return byte == fill; });
  }

  const Address local_ = Address::v4(10, 0, 0, 1, kOurs);
  FakeNetwork network_;
  FakeIo* io_ = nullptr;
  base::Descriptor wake_ = base::Descriptor(channel::create_descriptor().value());
  Time now_{std::chrono::seconds(1)};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ApplicationEnd> server_;
};

TEST_F(OneEngine, DeliversToItselfWithoutADeviceAndWithoutAPace) {
  const auto client = open(0);
  constexpr std::uint32_t kLong = 1'000'000;
  submit(*client, channel::make_handle(0, 1), kLong, std::byte{0x11});
  const auto request = within(30, *server_, CompletionKind::kRequest);
  ASSERT_TRUE(request);
  EXPECT_TRUE(holds(*request, kLong, std::byte{0x11}));
  submit(*server_, request->handle, kLong, std::byte{0x22});
  const auto response = within(30, *client, CompletionKind::kResponse);
  ASSERT_TRUE(response);
  EXPECT_TRUE(holds(*response, kLong, std::byte{0x22}));
  EXPECT_EQ(engine_->counters().bytes_same_host.load(), 2U * kLong);
  EXPECT_EQ(engine_->counters().bytes_sent.load(), 2U * kLong) << "each byte once";
  EXPECT_EQ(engine_->counters().challenges_sent.load(), 0U) << "it knows who that is";
}

TEST_F(OneEngine, AShortMessageOvertakesLongOnes) {
  const auto bulk = open(0);
  const auto client = open(0);
  constexpr std::uint32_t kLongOnes = 2;  // for all there is room
  for (std::uint32_t i = 0; i < kLongOnes; ++i) {
    submit(*bulk, channel::make_handle(i, 1), 1'000'000, std::byte{0x11});
  }
  step();
  submit(*client, channel::make_handle(0, 1), 100, std::byte{0x33});
  const auto first = within(4, *server_, CompletionKind::kRequest);
  ASSERT_TRUE(first);
  EXPECT_TRUE(holds(*first, 100, std::byte{0x33}));
  for (std::uint32_t i = 0; i < kLongOnes; ++i) {
    const auto request = within(100, *server_, CompletionKind::kRequest);
    ASSERT_TRUE(request) << i;
    EXPECT_TRUE(holds(*request, 1'000'000, std::byte{0x11}));
  }
}

TEST_F(OneEngine, AStepDoesABoundedAmount) {
  const auto bulk = open(0);
  for (std::uint32_t i = 0; i < 8; ++i) {
    submit(*bulk, channel::make_handle(i, 1), 1'000'000, std::byte{0x11});
  }
  std::uint64_t before = 0;
  for (int i = 0; i < 50; ++i) {
    step();
    const std::uint64_t all = engine_->counters().bytes_same_host.load();
    EXPECT_LE(all - before, 1'000'000U);
    before = all;
  }
}

TEST_F(OneEngine, APortThatNobodyHasIsRefused) {
  for (int i = 0; i < 600; ++i) engine_->step(now_ += Duration(1'000'000));  // its start is over
  const auto client = open(0);
  server_.reset();
  step();
  submit(*client, channel::make_handle(0, 1), 100, std::byte{0x11});
  const auto failure = within(20, *client, CompletionKind::kFailure);
  ASSERT_TRUE(failure);
  EXPECT_EQ(static_cast<ErrorCode>(failure->code), ErrorCode::kNoSuchSocket);
}

}  // namespace
}  // namespace homa::engine
