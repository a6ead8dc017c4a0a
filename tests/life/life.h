// Hosts with the parameters that users have, handlers that take their time, and processes that can
// be stopped.
#pragma once

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "endtoend/hosts.h"
#include "support/long_tests.h"

namespace homa::life {

using Clock = std::chrono::steady_clock;

// Loopback, any UDP port, and the protocol's own timeout in the long form. In the short form, which
// runs beside other programs, a process may go without a processor for longer: then it is silent.
inline HostConfig config() {
  HostConfig config = testing::loopback_config();
  if (test::long_tests()) {
    config.parameters.erase("timeout_ticks");
  } else {
    config.parameters["timeout_ticks"] = "400";
  }
  return config;
}

// What became of RPCs: how many were answered, and the others by error.
struct Tally {
  std::size_t answered = 0;
  std::map<std::string, std::size_t> failed;

  void add(const Result<Message, Error>& message) {
    if (!message) {
      ++failed[message.error().text];
    } else if (message->kind() == Message::Kind::kFailure) {
      ++failed[std::string(to_string(message->error()))];
    } else {
      ++answered;
    }
  }
  std::string text() const {
    std::string text = std::to_string(answered) + " answered";
    for (const auto& [error, count] : failed) text += ", " + std::to_string(count) + " " + error;
    return text;
  }
};

// Sends `count` requests at once; false if one was not taken.
inline bool send_many(Socket& client, const SocketAddress& server, std::size_t count,
                      std::string_view request) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto sent = client.send(server, testing::bytes_of(request));
    if (!sent) {
      ADD_FAILURE() << "request " << i << ": " << sent.error().text;
      return false;
    }
  }
  return true;
}

// The next `count` responses or failures. `timeout` is for each.
inline Tally receive_many(Socket& client, std::size_t count, std::chrono::nanoseconds timeout) {
  Tally tally;
  for (std::size_t i = 0; i < count; ++i) {
    const auto message = client.receive(timeout);
    tally.add(message);
    if (!message) break;
  }
  return tally;
}

// Answers each request a fixed time after it came, however many there are.
class DelayedServer {
 public:
  DelayedServer(Host& host, std::uint16_t port, Clock::duration delay,
                std::size_t response_length = 100)
      : socket_(host.serve(port).value()),
        address_{host.address(), port},
        delay_(delay),
        response_(response_length) {
    receiver_ = std::thread([this] { receive(); });
    replier_ = std::thread([this] { reply(); });
  }
  ~DelayedServer() {
    socket_.shutdown();
    receiver_.join();
    replier_.join();
  }
  DelayedServer(const DelayedServer&) = delete;
  DelayedServer& operator=(const DelayedServer&) = delete;

  const SocketAddress& address() const { return address_; }
  std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  struct Due {
    Clock::time_point time;
    RpcHandle rpc;
  };

  void receive() {
    for (;;) {
      const auto request = socket_.receive();
      const std::lock_guard lock(mutex_);
      changed_.notify_one();
      if (!request) {
        ended_ = true;
        return;
      }
      ++requests_;
      due_.push_back({Clock::now() + delay_, request->rpc()});
    }
  }
  void reply() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ended_ || !due_.empty(); });
      if (ended_) return;
      const Due next = due_.front();
      if (changed_.wait_until(lock, next.time, [this] { return ended_; })) return;
      due_.pop_front();
      lock.unlock();
      static_cast<void>(socket_.reply(next.rpc, response_).has_value());
      lock.lock();
    }
  }

  Socket socket_;
  SocketAddress address_;
  Clock::duration delay_;
  std::vector<std::byte> response_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Due> due_;
  std::size_t requests_ = 0;
  bool ended_ = false;
  std::thread receiver_, replier_;
};

// A child process that runs work(): make it before this process has threads. Its bytes on the pipe
// are its signs; it dies with its parent.
class Process {
 public:
  using Work = std::function<void(Process& self)>;

  explicit Process(const Work& work) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_), 0);
    child_ = ::fork();
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::swap(pair_[0], pair_[1]);
    work(*this);
    ::_exit(0);
  }
  ~Process() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    for (const int fd : pair_) ::close(fd);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const { EXPECT_EQ(::kill(child_, number), 0); }
  // A number to the other side, and the next one from there.
  void tell(std::uint64_t value) const {
    if (::send(pair_[0], &value, sizeof value, MSG_NOSIGNAL) != sizeof value) ::_exit(1);
  }
  std::uint64_t hear() const {
    std::uint64_t value = 0;
    if (::recv(pair_[0], &value, sizeof value, MSG_WAITALL) != sizeof value) {
      ADD_FAILURE() << "the other process ended";
    }
    return value;
  }

 private:
  int pair_[2] = {-1, -1};
  pid_t child_ = -1;
};

}  // namespace homa::life
