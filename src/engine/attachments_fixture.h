// Channels of applications and what an engine does with them, for tests without packets.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/descriptor.h"
#include "channel/application_end.h"
#include "channel/wake.h"
#include "engine/attachments.h"
#include "engine/defaults.h"

namespace homa::engine {

class AttachmentsFixture : public ::testing::Test {
 protected:
  static constexpr Time kNow{std::chrono::seconds(1)};
  static constexpr std::uint16_t kPort = 4'000;

  static core::CoreConfig config() {
    io::IoCapabilities capabilities;
    capabilities.packet_bytes_max = 1'480;
    core::CoreConfig config = defaults_for(capabilities);
    config.receive_region_bytes = 8 << 20;
    return config;
  }

  std::unique_ptr<channel::ApplicationEnd> attach() {
    channel::ChannelConfig small;
    small.transmit_bytes = 1 << 16;
    const auto region = channel::Region::create(small).value();
    return std::make_unique<channel::ApplicationEnd>(region, attachments_.attach(region).value());
  }
  static void submit(channel::ApplicationEnd& application, channel::SubmissionKind kind,
                     std::uint16_t port = 0) {
    channel::Submission submission;
    submission.kind = kind;
    submission.port = port;
    ASSERT_TRUE(application.submit(submission));
    application.publish();
  }
  // What the engine does in a step, without packets.
  std::size_t step() {
    const auto taken = attachments_.take_submissions(kNow);
    if (taken.ending) attachments_.end(kNow);
    if (taken.opening) attachments_.open();
    attachments_.publish();
    return taken.count;
  }
  bool woken() {
    pollfd polled{wake_.get(), POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1 && channel::clear_descriptor(wake_.get());
  }
  std::uint64_t refused() const { return published_->counters().submissions_refused.load(); }

  std::unique_ptr<Published> published_ = Published::in_private_memory().value();
  trace::Recorder recorder_{published_->counters()};
  core::Endpoint endpoint_{config(), 1, recorder_};
  base::Descriptor wake_ = base::Descriptor(channel::create_descriptor().value());
  std::shared_ptr<channel::EngineState> state_ = std::make_shared<channel::EngineState>();
  Attachments attachments_{
      endpoint_, ReceiveRegion::create(8 << 20).value(), *published_, wake_.get(), state_, 0};
};

}  // namespace homa::engine
