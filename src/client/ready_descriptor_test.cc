#include "client/ready_descriptor.h"

#include <gtest/gtest.h>

#include <poll.h>

#include "channel/engine_end.h"
#include "client/fake_link.h"

namespace homa::client {
namespace {

class ReadyDescriptorTest : public ::testing::Test {
 protected:
  bool readable() {
    pollfd one{application_.open_descriptor().value(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }
  void message() {
    channel::Completion completion;
    completion.kind = channel::CompletionKind::kRequest;
    engine_.complete(completion, true);
    engine_.publish();
  }

  std::shared_ptr<channel::Region> region_ = channel::Region::create({}).value();
  channel::EngineEnd engine_{region_};
  channel::ApplicationEnd application_{region_, quiet_bell()};
  ReadyDescriptor descriptor_{application_};
};

TEST_F(ReadyDescriptorTest, NobodyWritesADescriptorThatNobodyAskedFor) {
  EXPECT_FALSE(descriptor_.update(true));
  message();
  EXPECT_FALSE(readable());
}

TEST_F(ReadyDescriptorTest, TheEngineMakesItReadableAndTheSocketUnreadable) {
  ASSERT_TRUE(descriptor_.use());
  EXPECT_FALSE(readable());
  message();
  EXPECT_TRUE(readable());
  EXPECT_FALSE(descriptor_.update(true));
  EXPECT_TRUE(readable());
  EXPECT_TRUE(descriptor_.update(false)) << "the engine is asked anew";
  EXPECT_FALSE(readable());
  EXPECT_FALSE(descriptor_.update(false)) << "it was asked already";
  message();
  EXPECT_TRUE(readable());
}

TEST_F(ReadyDescriptorTest, WhatTheSocketFoundByItselfMakesItReadable) {
  ASSERT_TRUE(descriptor_.use());
  descriptor_.update(true);
  EXPECT_TRUE(readable());
  message();  // disarmed: the engine does not write again
  descriptor_.update(false);
  EXPECT_FALSE(readable());
}

// The engine had disarmed the descriptor, but wrote it only after the socket had cleared it.
TEST_F(ReadyDescriptorTest, ALateWriteIsUndoneWhenThereIsNothing) {
  ASSERT_TRUE(descriptor_.use());
  ASSERT_TRUE(application_.disarm_descriptor());  // as the engine does before it writes
  descriptor_.update(true);
  descriptor_.update(false);
  EXPECT_FALSE(readable());
  application_.signal_descriptor();
  EXPECT_TRUE(readable());
  descriptor_.nothing_was_there();
  EXPECT_FALSE(readable());
}

class RoomTest : public ReadyDescriptorTest {
 protected:
  bool writable() {
    pollfd one{application_.open_descriptor().value(), POLLOUT, 0};
    return ::poll(&one, 1, 0) == 1;
  }
  void transmit_memory_comes_back() {
    engine_.give_back(0);
    engine_.publish();
  }
};

TEST_F(RoomTest, TheSocketMakesItUnwritableAndTheEngineWritable) {
  EXPECT_FALSE(descriptor_.update_room(false)) << "nobody asked for the descriptor";
  ASSERT_TRUE(descriptor_.use());
  EXPECT_FALSE(descriptor_.update_room(true));
  EXPECT_TRUE(writable());
  EXPECT_TRUE(descriptor_.update_room(false)) << "the engine is asked";
  EXPECT_FALSE(writable());
  EXPECT_FALSE(descriptor_.update_room(false)) << "it was asked already";
  message();
  EXPECT_FALSE(writable());
  transmit_memory_comes_back();
  EXPECT_TRUE(writable());
  EXPECT_TRUE(descriptor_.update_room(false)) << "that was too little";
  EXPECT_FALSE(writable());
  descriptor_.update_room(true);
  EXPECT_TRUE(writable());
  transmit_memory_comes_back();
  EXPECT_TRUE(descriptor_.update_room(false));
  EXPECT_FALSE(writable());
}

// The engine took the request, but fulfils it only when the socket is unwritable once more.
TEST_F(RoomTest, ALateSignOfRoomIsUndoneWhenThereIsNone) {
  ASSERT_TRUE(descriptor_.use());
  descriptor_.update_room(false);
  ASSERT_TRUE(application_.want_no_room());  // as the engine does before it tells
  descriptor_.update_room(false);
  application_.unblock_descriptor();
  EXPECT_TRUE(writable());
  descriptor_.no_room_was_there();
  EXPECT_FALSE(writable());
  transmit_memory_comes_back();
  descriptor_.no_room_was_there();
  EXPECT_TRUE(writable()) << "room that came since is not hidden";
}

TEST_F(ReadyDescriptorTest, AWriteForANewMessageIsNotUndone) {
  ASSERT_TRUE(descriptor_.use());
  message();
  descriptor_.nothing_was_there();
  EXPECT_TRUE(readable());
}

}  // namespace
}  // namespace homa::client
