#include "engine/attachment.h"

#include <gtest/gtest.h>

#include <optional>

#include "engine/attachments_fixture.h"

namespace homa::engine {
namespace {

using channel::Completion;
using channel::CompletionKind;
using channel::PeerRecord;
using channel::Submission;
using channel::SubmissionKind;

// One channel with the server port kPort. Nothing that it submits may be believed.
class AttachmentTest : public AttachmentsFixture {
 protected:
  static constexpr std::uint64_t kHandle = 2;

  void SetUp() override {
    application_ = attach();
    submit(*application_, SubmissionKind::kOpen, kPort);
    step();
    const auto opened = next();
    ASSERT_TRUE(opened && opened->code == 0);
  }
  void give(const Submission& submission) {
    ASSERT_TRUE(application_->submit(submission));
    application_->publish();
    step();
    while (const auto event = endpoint_.poll_event()) {
      if (event->kind == core::Event::Kind::kTransmitDone) {
        attachments_.transmit_done(event->transmit_token);
      } else if (event->kind == core::Event::Kind::kFailed) {
        attachments_.of_port(event->local_port)->on_failed(*event);
      }
    }
    attachments_.publish();
  }
  std::optional<Completion> next() {
    Completion completion;
    if (!application_->next(&completion)) return std::nullopt;
    return completion;
  }
  static Submission send(std::uint64_t handle = kHandle) {
    Submission submission;
    submission.kind = SubmissionKind::kSend;
    submission.handle = handle;
    submission.length = 100;
    submission.peer = PeerRecord::of({Address::v4(10, 0, 0, 1), 4'000});
    return submission;
  }

  std::unique_ptr<channel::ApplicationEnd> application_;
};

TEST_F(AttachmentTest, ARequestThatMakesNoSenseIsCountedAndStartsNothing) {
  std::uint64_t expected = 0;
  const auto refuses = [&](const Submission& submission, const char* what) {
    give(submission);
    EXPECT_EQ(refused(), ++expected) << what;
    EXPECT_FALSE(next()) << what;
  };
  Submission wrong = send(0);
  refuses(wrong, "no handle");
  wrong = send();
  wrong.memory = 1 << 30;
  refuses(wrong, "memory beyond the region");
  wrong = send();
  wrong.memory = ~std::uint64_t{0} - 50;
  refuses(wrong, "memory that wraps around");
  wrong = send();
  wrong.length = 1 << 30;
  refuses(wrong, "more than there is");
  wrong.kind = static_cast<SubmissionKind>(99);
  refuses(wrong, "no such kind");
  EXPECT_EQ(endpoint_.rpcs_in_progress(), 0U);
}

TEST_F(AttachmentTest, AHandleIsTakenUntilItsRpcEnds) {
  give(send());
  EXPECT_EQ(endpoint_.rpcs_in_progress(), 1U);
  give(send());
  EXPECT_EQ(refused(), 1U);
  EXPECT_EQ(endpoint_.rpcs_in_progress(), 1U);
  Submission abort;
  abort.kind = SubmissionKind::kAbort;
  abort.handle = kHandle;
  abort.code = static_cast<std::uint8_t>(ErrorCode::kCancelled);
  abort.report = 1;
  give(abort);
  EXPECT_EQ(endpoint_.rpcs_in_progress(), 0U);
  const auto failed = next();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->kind, CompletionKind::kFailure);
  EXPECT_EQ(failed->handle, kHandle);
  EXPECT_EQ(failed->code, static_cast<std::uint8_t>(ErrorCode::kCancelled));
  const auto done = next();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->kind, CompletionKind::kTransmitDone);
  EXPECT_FALSE(next());
  give(abort);
  EXPECT_FALSE(next()) << "it has ended, which is no mistake";
  EXPECT_EQ(refused(), 1U);
  give(send());
  EXPECT_EQ(endpoint_.rpcs_in_progress(), 1U);
}

TEST_F(AttachmentTest, WithoutAPortARequestFailsAndItsMemoryComesBack) {
  application_ = attach();
  Submission submission = send();
  submission.memory = 512;
  give(submission);
  const auto failed = next();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->kind, CompletionKind::kFailure);
  EXPECT_EQ(failed->code, static_cast<std::uint8_t>(ErrorCode::kClosed));
  const auto done = next();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->kind, CompletionKind::kTransmitDone);
  EXPECT_EQ(done->memory, 512U);
}

TEST_F(AttachmentTest, OnlyWhatWasDeliveredCanBeReleased) {
  Submission release;
  release.kind = SubmissionKind::kRelease;
  std::uint64_t expected = 0;
  for (const std::uint64_t memory : {std::uint64_t{0}, std::uint64_t{256}, std::uint64_t{257},
                                     std::uint64_t{8} << 20, ~std::uint64_t{0}}) {
    release.memory = memory;
    give(release);
    EXPECT_EQ(refused(), ++expected) << memory;
  }
}

// The request may have ended a moment ago, so nobody is told.
TEST_F(AttachmentTest, AReplyToNoRequestOnlyGivesItsMemoryBack) {
  Submission reply = send(12'345);
  reply.kind = SubmissionKind::kReply;
  reply.memory = 1'024;
  give(reply);
  const auto done = next();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->kind, CompletionKind::kTransmitDone);
  EXPECT_EQ(done->memory, 1'024U);
  EXPECT_FALSE(next());
  EXPECT_EQ(refused(), 0U);
}

TEST_F(AttachmentTest, ClosingAnswersAPortThatIsStillAskedFor) {
  application_ = attach();
  Submission open;
  open.kind = SubmissionKind::kOpen;
  open.port = kPort + 1;
  open.tag = 7;
  ASSERT_TRUE(application_->submit(open));
  submit(*application_, SubmissionKind::kClose);
  step();
  const auto answer = next();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kind, CompletionKind::kOpened);
  EXPECT_EQ(answer->tag, 7U);
  EXPECT_EQ(answer->code, static_cast<std::uint8_t>(ErrorCode::kClosed));
}

}  // namespace
}  // namespace homa::engine
