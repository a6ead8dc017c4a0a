// A socket whose engine is the test: what engines do, and what no engine does.
#include "client/socket_state.h"

#include <gtest/gtest.h>

#include "client/fake_link.h"

namespace homa::client {
namespace {

using channel::Completion;
using channel::CompletionKind;
using channel::Submission;
using channel::SubmissionKind;
using std::chrono_literals::operator""ms;

class SocketStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    link_->engine = [this] { answer_questions(); };
    ASSERT_TRUE(socket_->open(7));
    EXPECT_EQ(socket_->port(), 7);
  }

  void TearDown() override { socket_.reset(); }

  // Answers kOpen and kStatus, keeps the rest.
  void answer_questions() {
    for (Submission one; engine_.next(&one);) {
      Completion answer;
      answer.tag = one.tag;
      if (one.kind == SubmissionKind::kOpen) {
        answer.kind = CompletionKind::kOpened;
        answer.port = one.port;
      } else if (one.kind == SubmissionKind::kStatus) {
        answer.kind = CompletionKind::kStatus;
        answer.length = status_length_;
      } else {
        kept_.push_back(one);
        continue;
      }
      engine_.complete(answer, true);
    }
    engine_.publish();
  }

  static Completion request(std::uint64_t handle, std::uint64_t memory, std::uint32_t length) {
    Completion completion;
    completion.kind = CompletionKind::kRequest;
    completion.handle = handle;
    completion.memory = memory;
    completion.length = length;
    return completion;
  }

  void complete(const Completion& completion) {
    engine_.complete(completion, true);
    engine_.publish();
  }

  // The socket has ended with an error that blames its engine, for every call.
  void expect_broken() {
    const auto received = socket_->receive(0ms);
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, ErrorCode::kClosed) << received.error().text;
    EXPECT_NE(received.error().text.find("engine"), std::string::npos) << received.error().text;
    EXPECT_FALSE(socket_->is_open());
    const auto sent = socket_->send({Address{}, 1}, Gather(std::as_bytes(std::span("hello"))), {});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, ErrorCode::kClosed);
    EXPECT_FALSE(socket_->receive(10ms));
    EXPECT_FALSE(socket_->status());
    socket_->shutdown();
  }

  std::shared_ptr<FakeLink> link_ = std::make_shared<FakeLink>();
  std::shared_ptr<channel::Region> region_ = channel::Region::create({}).value();
  channel::EngineEnd engine_{region_};
  std::shared_ptr<SocketState> socket_ =
      std::make_shared<SocketState>(link_, region_, quiet_bell());
  std::vector<Submission> kept_;
  std::uint32_t status_length_ = 0;
};

TEST_F(SocketStateTest, ReceivesWhatTheEngineCompletes) {
  complete(request(3, 256, 5));
  auto message = socket_->receive(0ms);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->bytes().data(), link_->receive_memory().bytes.data() + 256);
  EXPECT_EQ(message->size(), 5U);
  EXPECT_TRUE(socket_->reply(3, Gather(std::as_bytes(std::span("hi")))));
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(kept_[0].kind, SubmissionKind::kReply);
  EXPECT_EQ(kept_[0].length, 3U);
  message->release();
  socket_->receive(0ms).has_value();
  ASSERT_EQ(kept_.size(), 2U);
  EXPECT_EQ(kept_[1].kind, SubmissionKind::kRelease);
  EXPECT_EQ(kept_[1].memory, 256U);
}

TEST_F(SocketStateTest, AMessageThatWasBuiltInPlaceIsSubmittedWhereItLies) {
  auto message = socket_->prepare(200);
  ASSERT_TRUE(message) << message.error().text;
  message->bytes()[0] = std::byte{42};
  const std::byte* const place = message->bytes().data();
  message->shrink(100);
  message->shrink(150);
  ASSERT_TRUE(socket_->send({Address{}, 1}, *message, {}));
  EXPECT_TRUE(message->bytes().empty()) << "it is the engine's";
  socket_->receive(0ms).has_value();
  ASSERT_EQ(kept_.size(), 1U);
  EXPECT_EQ(kept_[0].length, 100U);
  EXPECT_EQ(engine_.transmit(kept_[0].memory, 100)->data(), place);
}

TEST_F(SocketStateTest, AMessageThatIsNotTakenStaysWithTheCaller) {
  auto message = socket_->prepare(100);
  ASSERT_TRUE(message) << message.error().text;
  EXPECT_EQ(socket_->send({Address{}, 0}, *message, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(socket_->reply(3, *message).error().code, ErrorCode::kNoSuchRpc);
  EXPECT_EQ(message->size(), 100U);
  const auto other = std::make_shared<SocketState>(link_, region_, quiet_bell());
  EXPECT_EQ(other->send({Address{}, 1}, *message, {}).error().code, ErrorCode::kInvalidArgument);
  socket_->shutdown();
  EXPECT_EQ(socket_->send({Address{}, 1}, *message, {}).error().code, ErrorCode::kClosed);
  EXPECT_EQ(message->size(), 100U) << "its memory lives as long as it";
}

TEST_F(SocketStateTest, AMessageThatIsNotSentGivesItsMemoryBack) {
  const std::size_t most = link_->limits().message_bytes_max / 2;
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(socket_->prepare(most)) << i;
  }
  EXPECT_EQ(socket_->prepare(0).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(socket_->prepare(std::size_t{1} << 32).error().code, ErrorCode::kTooLong);
}

TEST_F(SocketStateTest, EndsWhenAMessageIsSaidToLieOutsideOfReceiveMemory) {
  complete(request(3, 1 << 16, 1));
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenAMessageIsSaidToLeadOutOfReceiveMemory) {
  complete(request(3, 256, 0xffffffff));
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenAResponseIsSaidToLieOutsideOfReceiveMemory) {
  Completion response = request(2, ~std::uint64_t{0}, 1);
  response.kind = CompletionKind::kResponse;
  complete(response);
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenARequestHasTheNameOfAnRpcOfOurs) {
  complete(request(2, 0, 1));
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenMemoryComesBackThatWasNotGiven) {
  Completion done;
  done.kind = CompletionKind::kTransmitDone;
  done.memory = 4096;
  complete(done);
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenACompletionIsOfNoKind) {
  Completion unknown;
  unknown.kind = static_cast<CompletionKind>(99);
  complete(unknown);
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenTheRingsIndicesAreImpossible) {
  region_->header().completion_tail.store(1 << 30);
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenTheSubmissionRingsIndexIsImpossible) {
  link_->engine = [] {};
  region_->header().submission_head.store(1 << 30);
  const std::vector<std::byte> bytes(10);
  ErrorCode code = ErrorCode::kOk;
  for (int i = 0; i < 5000 && code == ErrorCode::kOk; ++i) {
    const auto aborted = socket_->abort_all(ErrorCode::kOk);
    const auto sent = socket_->send({Address{}, 1}, Gather(std::span<const std::byte>(bytes)), {});
    if (!aborted) code = aborted.error().code;
    if (!sent && sent.error().code == ErrorCode::kClosed) code = sent.error().code;
  }
  EXPECT_EQ(code, ErrorCode::kClosed);
  expect_broken();
}

TEST_F(SocketStateTest, EndsWhenAStatusIsLongerThanItsRoom) {
  status_length_ = 0xfffffff0;
  const auto status = socket_->status();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("engine"), std::string::npos) << status.error().text;
  expect_broken();
}

TEST_F(SocketStateTest, TakesAnswersThatNobodyAskedForCalmly) {
  for (const CompletionKind kind :
       {CompletionKind::kFailure, CompletionKind::kServedEnded, CompletionKind::kOpened,
        CompletionKind::kStatus, CompletionKind::kResponse}) {
    Completion stray = request(0xffff'ffff'ffff'fffe, 0, 1);
    stray.kind = kind;
    stray.code = 200;
    stray.tag = 12345;
    complete(stray);
  }
  EXPECT_EQ(socket_->receive(0ms).error().code, ErrorCode::kWouldBlock);
  EXPECT_TRUE(socket_->is_open());
}

}  // namespace
}  // namespace homa::client
