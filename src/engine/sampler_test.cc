#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"

namespace homa::engine {
namespace {

constexpr Port kClient{40'000};

class SamplerTest : public ::testing::Test {
 protected:
  SamplerTest() { EXPECT_TRUE(endpoint_.open_port(kClient).has_value()); }

  void start(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      core::Request request;
      request.server = Address::v4(10, 0, 0, 2);
      request.server_port = Port{4000};
      request.client_port = kClient;
      request.length = 100;
      ASSERT_TRUE(endpoint_.start(now_, request).has_value());
      now_ += Duration(1);
    }
  }
  // Until a pass is over; returns how many steps it took.
  std::size_t pass() {
    for (std::size_t steps = 1;; ++steps) {
      now_ = std::max(now_, sampler_.due());
      if (sampler_.step(now_, paused_, endpoint_, *published_)) return steps;
    }
  }

  std::unique_ptr<Published> published_ = Published::in_private_memory().value();
  trace::Recorder recorder_{published_->counters()};
  core::Endpoint endpoint_{core::CoreConfig{}, 1, recorder_};
  Time now_{std::chrono::seconds(1)};
  Duration paused_{0};
  Sampler sampler_;
};

TEST_F(SamplerTest, WithoutWorkNothingIsDue) { EXPECT_EQ(sampler_.due(), kNever); }

TEST_F(SamplerTest, AfterWorkOneSampleIsDueAndThenNoMore) {
  sampler_.note_work(now_);
  EXPECT_EQ(sampler_.due(), now_ + Sampler::kInterval);
  EXPECT_EQ(pass(), 1U);
  EXPECT_EQ(sampler_.due(), kNever);
}

TEST_F(SamplerTest, WhileThereIsWorkTheNextIsAnIntervalLater) {
  sampler_.note_work(now_);
  start(1'000);
  now_ = sampler_.due();
  const Time began = now_;
  EXPECT_FALSE(sampler_.step(now_, paused_, endpoint_, *published_));
  sampler_.note_work(now_);
  pass();
  EXPECT_EQ(sampler_.due(), began + Sampler::kInterval);
}

TEST_F(SamplerTest, ManyRpcsAreLookedAtInSlices) {
  start(3 * Sampler::kSlice);
  sampler_.note_work(now_);
  EXPECT_EQ(pass(), 3U);
}

}  // namespace
}  // namespace homa::engine
