// Hosts on loopback for tests, each with any free UDP port, and an echo server.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "homa/host.h"

namespace homa::testing {

// Who runs the engine: threads that wait in calls and the library's thread by turns, as is the
// default, or the library's thread only.
enum class RunBy { kCallers, kLibrary };

inline HostConfig loopback_config(RunBy run_by = RunBy::kCallers) {
  HostConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.run_in_callers = run_by == RunBy::kCallers;
  // A thread that a busy machine or a sanitizer keeps waiting is not a dead peer.
  config.parameters["timeout_ticks"] = "5000";
  return config;
}

inline Host open_host(const HostConfig& config) {
  auto host = Host::open(config);
  EXPECT_TRUE(host) << host.error().text;
  return std::move(host).value();
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string text_of(const Message& message) {
  return {reinterpret_cast<const char*>(message.bytes().data()), message.size()};
}

// Bytes that tell their place and their message apart.
inline std::vector<std::byte> pattern(std::size_t length, std::uint64_t seed) {
  std::vector<std::byte> bytes(length);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

inline std::uint64_t counter(const Host& host, std::string_view name) {
  for (const Counter& counter : host.counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// What happened on a host, for messages of tests that fail.
inline std::string nonzero_counters(const Host& host) {
  std::string text = "\n" + host.description() + ":";
  for (const Counter& counter : host.counters()) {
    if (counter.value != 0) text += " " + counter.name + "=" + std::to_string(counter.value);
  }
  return text;
}

// Answers every request with its own bytes until it goes out of scope.
class EchoServer {
 public:
  EchoServer(Host& host, std::uint16_t port, int threads = 1) {
    auto socket = host.serve(port);
    EXPECT_TRUE(socket) << socket.error().text;
    socket_ = std::move(socket).value();
    address_ = {host.address(), port};
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  ~EchoServer() {
    socket_.shutdown();
    for (std::thread& thread : threads_) thread.join();
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  const SocketAddress& address() const { return address_; }
  Socket& socket() { return socket_; }

 private:
  void run() {
    for (;;) {
      const auto request = socket_.receive();
      if (!request) return;
      static_cast<void>(socket_.reply(request->rpc(), request->bytes()).has_value());
    }
  }

  Socket socket_;
  SocketAddress address_;
  std::vector<std::thread> threads_;
};

}  // namespace homa::testing
