#include "engine/parameter_requests.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/local_socket.h"
#include "trace/parameter_request.h"

namespace homa::engine {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using trace::ParameterRequest;

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{}));
}

class ParameterRequestsTest : public ::testing::Test {
 protected:
  ParameterRequestsTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    requests_ = ParameterRequests::open(folder_ + "/homa-1-abc").value();
  }
  ~ParameterRequestsTest() override { fs::remove_all(folder_); }

  std::string path() const { return folder_ + "/homa.parameters-1-abc"; }
  static ParameterRequest set(std::string_view name, std::string_view value) {
    ParameterRequest request;
    request.kind = ParameterRequest::Kind::kSet;
    trace::set_text(request.name, name);
    trace::set_text(request.value, value);
    return request;
  }
  // Sends bytes with a descriptor each time; -1: without.
  void send(const void* bytes, std::size_t length, int descriptor) const {
    const base::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    auto address = base::local_address(path()).value();
    iovec data{const_cast<void*>(bytes), length};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof(address);
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
      base::attach_descriptors(message, ancillary, std::span(&descriptor, 1));
    }
    EXPECT_EQ(::sendmsg(socket.get(), &message, MSG_DONTWAIT), static_cast<ssize_t>(length));
  }
  void answer() {
    requests_.answer(endpoint_, [this](const ParameterChange& change) {
      changes_.push_back(std::string(change.name) + "=" + change.now + " was " + change.before);
      EXPECT_EQ(change.pid, ::getpid());
      EXPECT_EQ(change.user, ::getuid());
    });
  }
  // What the engine answers.
  std::string ask(const ParameterRequest& request) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    send(&request, sizeof(request), ends[1]);
    ::close(ends[1]);
    answer();
    std::string text(trace::kParameterAnswerMax, '\0');
    const ssize_t length = ::recv(ends[0], text.data(), text.size(), MSG_DONTWAIT);
    ::close(ends[0]);
    text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return text;
  }

  std::string folder_ = ::testing::TempDir() + "homa-requests-XXXXXX";
  trace::Recorder recorder_;
  core::Endpoint endpoint_{core::CoreConfig{}, 1, recorder_};
  ParameterRequests requests_;
  std::vector<std::string> changes_;
};

TEST_F(ParameterRequestsTest, OnlyTheUserMayAskAndTheSocketGoesWithTheEngine) {
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  requests_ = ParameterRequests();
  EXPECT_EQ(::stat(path().c_str(), &status), -1);
}

TEST_F(ParameterRequestsTest, ShowsEveryParameterWithItsValueAndMeaning) {
  const std::string text = ask({});
  EXPECT_THAT(text, StartsWith("ok\n"));
  EXPECT_THAT(text, HasSubstr("\nunscheduled_bytes\t40000\tbytes\tany time\tsent of a message"));
  EXPECT_THAT(text, HasSubstr("\nrpcs_max\t16384\tRPCs\tat start\t"));
}

TEST_F(ParameterRequestsTest, ChangesAParameterAndSaysWhatItWas) {
  EXPECT_THAT(ask(set("unscheduled_bytes", "20k")), StartsWith("ok\nunscheduled_bytes\t40000\t"));
  EXPECT_EQ(endpoint_.config().unscheduled_bytes, 20'000U);
  EXPECT_THAT(changes_, ::testing::ElementsAre("unscheduled_bytes=20000 was 40000"));
}

TEST_F(ParameterRequestsTest, RefusesByNameAndChangesNothing) {
  EXPECT_THAT(ask(set("unscheduled_bytes", "0")), HasSubstr("unscheduled_bytes must be 1.."));
  EXPECT_THAT(ask(set("rpcs_max", "5")), HasSubstr("rpcs_max counts from the start"));
  EXPECT_THAT(ask(set("nonsense", "5")), HasSubstr("no parameter named nonsense"));
  EXPECT_TRUE(changes_.empty());
}

TEST_F(ParameterRequestsTest, WhatIsNoRequestIsDroppedWithItsDescriptors) {
  const std::size_t before = open_descriptors();
  const base::Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ParameterRequest request = set("window", "1");
  request.version = 99;
  send(&request, sizeof(request), null.get());
  request = set("window", "1");
  send(&request, sizeof(request) - 1, null.get());
  send(&request, sizeof(request), -1);          // nowhere to answer to
  send(&request, sizeof(request), null.get());  // it cannot take an answer
  answer();
  EXPECT_EQ(open_descriptors(), before + 1);
  // The last one was a request.
  EXPECT_EQ(changes_.size(), 1U);
}

TEST_F(ParameterRequestsTest, ATextWithoutAnEndStaysWithinItsField) {
  ParameterRequest request = set("window", "1");
  request.name.fill('x');
  request.value.fill('y');
  EXPECT_THAT(ask(request), HasSubstr("no parameter named " + std::string(64, 'x')));
}

}  // namespace
}  // namespace homa::engine
