#include "engine/outgoing.h"

#include <gtest/gtest.h>

#include "engine/attachments_fixture.h"
#include "engine/fake_network.h"

namespace homa::engine {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

class OutgoingTest : public AttachmentsFixture {
 protected:
  // A request of `length` bytes from a new client's port; the endpoint has its packets to send.
  void send(std::uint32_t length) {
    application_ = attach();
    submit(*application_, SubmissionKind::kOpen);
    Submission submission;
    submission.kind = SubmissionKind::kSend;
    submission.handle = channel::make_handle(0, 1);
    submission.length = length;
    submission.memory = application_->allocate(length).value();
    submission.peer = channel::PeerRecord::of({Address::v4(10, 0, 0, 2), kPort});
    step();
    ASSERT_TRUE(application_->submit(submission));
    application_->publish();
    step();
  }
  std::size_t give() { return outgoing_.send(kNow, endpoint_, io_, attachments_, same_host_); }
  bool memory_came_back() {
    attachments_.publish();
    Completion completion;
    while (application_->next(&completion)) {
      if (completion.kind == CompletionKind::kTransmitDone) return true;
    }
    return false;
  }

  FakeNetwork network_;
  FakeIo io_{network_, Address::v4(10, 0, 0, 1)};
  SameHost same_host_{kDefaultUdpPort};
  Outgoing outgoing_;
  std::unique_ptr<ApplicationEnd> application_;
};

TEST_F(OutgoingTest, HasNothingToSendAtFirst) {
  EXPECT_EQ(give(), 0U);
  EXPECT_FALSE(outgoing_.waiting());
  EXPECT_EQ(outgoing_.retry(), kNever);
}

TEST_F(OutgoingTest, KeepsWhatTheDeviceDoesNotTake) {
  send(5'000);
  io_.room = 1;
  EXPECT_EQ(give(), 1U);
  EXPECT_TRUE(outgoing_.waiting());
  EXPECT_GT(outgoing_.retry(), kNow);
  EXPECT_LT(outgoing_.retry(), kNow + Duration(1'000'000));
  io_.room = 100;
  EXPECT_EQ(give(), 3U);
  EXPECT_FALSE(outgoing_.waiting());
  EXPECT_EQ(outgoing_.retry(), kNever);
}

TEST_F(OutgoingTest, ABlockGoesBackWhenNoFrameThatWaitsPointsIntoIt) {
  send(5'000);
  io_.room = 2;
  give();
  const core::TransmitToken token = make_token(0, 0);
  outgoing_.done(token, attachments_);
  EXPECT_FALSE(memory_came_back());
  io_.room = 100;
  give();
  EXPECT_TRUE(memory_came_back());
}

TEST_F(OutgoingTest, WhatIsForTheEngineItselfNeedsNoDevice) {
  same_host_.learn(Address::v4(10, 0, 0, 2), true);
  io_.room = 0;
  send(5'000);
  EXPECT_GT(give(), 0U);
  EXPECT_FALSE(outgoing_.waiting());
  EXPECT_EQ(recorder_.counters.packets_received.load(), recorder_.counters.packets_sent.load());
}

TEST_F(OutgoingTest, ABlockThatIsDoneGoesBackAtOnce) {
  send(1'000);
  EXPECT_EQ(give(), 1U);
  outgoing_.done(make_token(0, 0), attachments_);
  EXPECT_TRUE(memory_came_back());
}

}  // namespace
}  // namespace homa::engine
