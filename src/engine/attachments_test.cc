#include "engine/attachments.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "engine/attachments_fixture.h"

namespace homa::engine {
namespace {

using channel::ApplicationEnd;
using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;

class AttachmentsTest : public AttachmentsFixture {};

TEST_F(AttachmentsTest, OnlyChannelsThatRangAreLookedAt) {
  std::vector<std::unique_ptr<ApplicationEnd>> applications;
  for (int i = 0; i < 4'200; ++i) applications.push_back(attach());  // more than one doorbell has
  EXPECT_EQ(attachments_.size(), 4'200U);
  EXPECT_EQ(step(), 0U);
  EXPECT_EQ(attachments_.active(), 0U);
  for (const std::size_t channel : {0U, 700U, 4'199U}) {
    submit(*applications[channel], SubmissionKind::kOpen);
  }
  EXPECT_EQ(step(), 3U);
  EXPECT_EQ(attachments_.active(), 3U);
  for (const std::size_t channel : {0U, 700U, 4'199U}) {
    Completion completion;
    ASSERT_TRUE(applications[channel]->next(&completion));
    EXPECT_EQ(completion.kind, CompletionKind::kOpened);
  }
}

TEST_F(AttachmentsTest, AQuietChannelIsLookedAtForAWhileOnly) {
  const auto application = attach();
  submit(*application, SubmissionKind::kOpen);
  EXPECT_EQ(step(), 1U);
  int steps = 0;
  for (; attachments_.active() > 0 && steps < 2'000; ++steps) EXPECT_EQ(step(), 0U);
  EXPECT_GT(steps, 100);
  EXPECT_LT(steps, 2'000);
  submit(*application, SubmissionKind::kClose);
  EXPECT_GT(step(), 0U) << "its application rang again";
}

TEST_F(AttachmentsTest, OfManyQuietChannelsOnlySomeAreLookedAt) {
  std::vector<std::unique_ptr<ApplicationEnd>> applications;
  for (int i = 0; i < 200; ++i) {
    applications.push_back(attach());
    submit(*applications.back(), SubmissionKind::kOpen);
  }
  std::size_t done = 0;
  for (int i = 0; i < 4; ++i) done += step();  // 64 bells a step
  EXPECT_EQ(done, 200U);
  step();
  EXPECT_LE(attachments_.active(), 16U);
}

TEST_F(AttachmentsTest, BusyChannelsTakeTurns) {
  constexpr int kEach = 1'000;
  std::vector<std::unique_ptr<ApplicationEnd>> applications;
  Submission submission;
  submission.kind = SubmissionKind::kRelease;  // of nothing: refused, and counted
  for (int i = 0; i < 20; ++i) {
    applications.push_back(attach());
    for (int j = 0; j < kEach; ++j) ASSERT_TRUE(applications.back()->submit(submission));
    applications.back()->publish();
  }
  for (int i = 0; i < 3; ++i) EXPECT_LE(step(), 2'048U) << "a step is bounded";
  for (const auto& application : applications) {
    EXPECT_TRUE(application->submit(submission)) << "every channel has had a turn";
  }
  for (int i = 0; i < 12; ++i) step();
  EXPECT_EQ(refused(), 20U * kEach);
}

TEST_F(AttachmentsTest, WhoSubmitsToASleepingEngineWakesIt) {
  const auto application = attach();
  submit(*application, SubmissionKind::kOpen);
  step();
  EXPECT_TRUE(attachments_.announce_sleep(false));
  EXPECT_EQ(attachments_.active(), 0U);
  EXPECT_FALSE(woken());
  submit(*application, SubmissionKind::kClose);
  EXPECT_TRUE(woken());
  attachments_.announce_awake(true);
  EXPECT_GT(step(), 0U);
  submit(*application, SubmissionKind::kClose);
  EXPECT_FALSE(woken()) << "it is awake";
}

TEST_F(AttachmentsTest, AnEngineDoesNotSleepWhileSomethingIsToBeDone) {
  const auto application = attach();
  submit(*application, SubmissionKind::kOpen);
  EXPECT_FALSE(attachments_.announce_sleep(false)) << "a bell that was not heard yet";
  attachments_.announce_awake(true);
  step();
  submit(*application, SubmissionKind::kClose);
  EXPECT_FALSE(attachments_.announce_sleep(false)) << "a watched channel need not ring";
  attachments_.announce_awake(true);
  step();
  EXPECT_TRUE(attachments_.announce_sleep(false));
  attachments_.wake();
  EXPECT_TRUE(woken());
}

TEST_F(AttachmentsTest, ThePlaceOfAChannelThatLeftIsUsedAgain) {
  auto first = attach();
  submit(*first, SubmissionKind::kOpen, kPort);
  step();
  EXPECT_NE(attachments_.of_port(Port{kPort}), nullptr);
  first.reset();
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(attachments_.size(), 0U);
  EXPECT_EQ(attachments_.active(), 0U);
  EXPECT_EQ(attachments_.of_port(Port{kPort}), nullptr);
  const auto second = attach();
  submit(*second, SubmissionKind::kOpen, kPort);
  EXPECT_EQ(step(), 1U);
  EXPECT_NE(attachments_.of_port(Port{kPort}), nullptr);
}

TEST_F(AttachmentsTest, WhatAChannelLeavesBehindIsTakenBackStepByStep) {
  auto application = attach();
  submit(*application, SubmissionKind::kOpen, kPort);
  step();
  Submission submission;
  submission.kind = SubmissionKind::kRelease;
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(application->submit(submission));
  application->publish();
  application.reset();
  std::uint64_t before = 0;
  while (attachments_.size() > 0) {
    step();
    EXPECT_LE(refused() - before, 512U);
    EXPECT_TRUE(refused() > before || before == 1'000);
    before = refused();
  }
  EXPECT_EQ(before, 1'000U);
}

TEST_F(AttachmentsTest, APortIsOpenedOnceAndAnswersTellWhatWentWrong) {
  const auto application = attach();
  const auto answer = [&] {
    step();
    Completion completion;
    EXPECT_TRUE(application->next(&completion));
    return static_cast<ErrorCode>(completion.code);
  };
  submit(*application, SubmissionKind::kOpen, kFirstClientPort);
  EXPECT_EQ(answer(), ErrorCode::kInvalidArgument);
  submit(*application, SubmissionKind::kOpen, kPort);
  EXPECT_EQ(answer(), ErrorCode::kOk);
  submit(*application, SubmissionKind::kOpen, kPort + 1);
  EXPECT_EQ(answer(), ErrorCode::kInvalidArgument) << "it has a port";
  const auto other = attach();
  submit(*other, SubmissionKind::kOpen, kPort);
  step();
  Completion completion;
  ASSERT_TRUE(other->next(&completion));
  EXPECT_EQ(static_cast<ErrorCode>(completion.code), ErrorCode::kInUse);
}

TEST_F(AttachmentsTest, AClientsChannelCanOpenOneServersPortBeside) {
  const auto application = attach();
  const auto answer = [&](std::uint16_t port) {
    submit(*application, SubmissionKind::kOpen, port);
    step();
    Completion completion;
    EXPECT_TRUE(application->next(&completion));
    return static_cast<ErrorCode>(completion.code);
  };
  const auto other = attach();
  submit(*other, SubmissionKind::kOpen, kPort);
  step();
  EXPECT_EQ(answer(0), ErrorCode::kOk);
  EXPECT_EQ(answer(0), ErrorCode::kInvalidArgument) << "it is a client's already";
  EXPECT_EQ(answer(kPort), ErrorCode::kInUse);
  EXPECT_EQ(answer(kPort + 1), ErrorCode::kOk) << "a refusal leaves the channel as it was";
  EXPECT_EQ(answer(kPort + 2), ErrorCode::kInvalidArgument) << "it serves a port";
}

// A socket with receive memory of its own is a program of its own, as long as the channel lives.
TEST_F(AttachmentsTest, ASocketApartHasItsOwnAccount) {
  std::vector<std::byte> memory(4 << 20);
  const std::size_t programs = attachments_.programs();
  channel::ChannelConfig small;
  small.transmit_bytes = 1 << 16;
  auto apart = attachments_.attach_apart(channel::Region::create(small).value());
  ASSERT_TRUE(apart);
  EXPECT_EQ(attachments_.programs(), programs + 1);
  EXPECT_NE(apart->program->account, core::kDefaultAccount);
  ASSERT_TRUE(attachments_.give_memory(kNow, *apart->program, memory));
  const std::array<std::byte, 1> one{std::byte{1}};
  attachments_.copy_in(apart->program->account, core::BufferOffset{7}, one);
  EXPECT_EQ(memory[7], std::byte{1});
  apart->program->receive.take_back();
  attachments_.copy_in(apart->program->account, core::BufferOffset{8}, one);
  EXPECT_EQ(memory[8], std::byte{0});
}

TEST_F(AttachmentsTest, ASocketApartIsForgottenWithItsChannel) {
  std::vector<std::byte> memory(4 << 20);
  const std::size_t programs = attachments_.programs();
  channel::ChannelConfig small;
  small.transmit_bytes = 1 << 16;
  const auto region = channel::Region::create(small).value();
  auto apart = attachments_.attach_apart(region);
  ASSERT_TRUE(apart);
  auto application = std::make_unique<ApplicationEnd>(region, apart->bell);
  submit(*application, SubmissionKind::kOpen);
  EXPECT_EQ(step(), 1U);
  application.reset();
  for (int i = 0; i < 10 && attachments_.programs() > programs; ++i) step();
  EXPECT_EQ(attachments_.programs(), programs);
  EXPECT_EQ(attachments_.size(), 0U);
  EXPECT_EQ(attachments_.give_memory(kNow, *apart->program, memory).error().code,
            ErrorCode::kClosed);
}

}  // namespace
}  // namespace homa::engine
