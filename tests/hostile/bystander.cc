#include "hostile/bystander.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "support/long_tests.h"

namespace homa::hostile {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t serial_of(std::span<const std::byte> bytes) {
  std::uint64_t serial = 0;
  std::memcpy(&serial, bytes.data(), std::min(bytes.size(), sizeof serial));
  return serial;
}

}  // namespace

Server::Server(Host& host, const Options& options) {
  auto socket = host.serve(kServerPort);
  EXPECT_TRUE(socket) << socket.error().text;
  socket_ = std::move(socket).value();
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([=, this] { run(options); });
}

Server::~Server() {
  socket_.shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void Server::run(const Options& options) {
  const std::vector<std::byte> fixed(options.response_length);
  for (;;) {
    const auto request = socket_.receive();
    if (!request) return;
    if (request->size() >= sizeof(std::uint64_t)) {
      const std::lock_guard lock(mutex_);
      ++executions_[serial_of(request->bytes())];
    }
    if (options.delay > 0ms) std::this_thread::sleep_for(options.delay);
    const auto response = fixed.empty() ? request->bytes() : std::span<const std::byte>(fixed);
    static_cast<void>(socket_.reply(request->rpc(), response).has_value());
  }
}

std::size_t Server::executions(std::uint64_t serial) const {
  const std::lock_guard lock(mutex_);
  const auto found = executions_.find(serial);
  return found == executions_.end() ? 0 : found->second;
}

std::size_t Score::failures() const {
  std::size_t sum = 0;
  for (const auto& [error, count] : failed) sum += count;
  return sum;
}

void Score::add(const Score& other) {
  answered += other.answered;
  for (const auto& [error, count] : other.failed) failed[error] += count;
  time += other.time;
}

std::string Score::text() const {
  std::string text = std::to_string(static_cast<std::size_t>(per_second())) + " calls/s, " +
                     std::to_string(failures()) + " failed";
  for (const auto& [error, count] : failed)
    text += " (" + std::to_string(count) + " " + error + ")";
  return text;
}

Client::Client(Host& host, std::vector<std::size_t> lengths, const Address& server)
    : server_{server, kServerPort}, lengths_(std::move(lengths)) {
  auto socket = host.client();
  EXPECT_TRUE(socket) << socket.error().text;
  socket_ = std::move(socket).value();
}

bool Client::call(Score& score, std::chrono::milliseconds patience) {
  std::vector<std::byte> request(lengths_[serial_ % lengths_.size()], std::byte{0x77});
  ++serial_;
  std::memcpy(request.data(), &serial_, sizeof serial_);
  const auto response = socket_.call(server_, request, patience);
  if (!response) {
    ++score.failed[std::string(to_string(response.error().code))];
    return false;
  }
  if (!std::equal(request.begin(), request.end(), response->bytes().begin(),
                  response->bytes().end())) {
    ++score.failed["wrong answers"];
    return false;
  }
  ++score.answered;
  return true;
}

Score Client::call_for(std::chrono::milliseconds time, std::chrono::milliseconds patience) {
  Score score;
  const auto start = Clock::now();
  do call(score, patience);
  while (Clock::now() - start < time);
  score.time = Clock::now() - start;
  return score;
}

namespace {

// Another engine at the server's IP address, and one at the client's.
constexpr Address kCalmServer = Address::v4(10, 78, 0, 1, 7001);

HostConfig with_udp_port(std::uint16_t port) {
  HostConfig config;
  config.udp_port = port;
  return config;
}

}  // namespace

Calm::Calm(const Stage& stage, const std::vector<std::size_t>& lengths)
    : server_host_(stage.open_server(with_udp_port(kCalmServer.udp_port))),
      client_host_(stage.open_client(with_udp_port(0))),
      server_(server_host_),
      client_(client_host_, lengths, kCalmServer) {}

bool keeps_half([[maybe_unused]] const Scores& before, [[maybe_unused]] const Scores& during) {
#if defined(HOMA_SANITIZED)
  return true;
#else
  return during.mine.per_second() >=
         std::min(before.mine.per_second(), during.calm.per_second()) / 2;
#endif
}

void expect_unharmed(const std::string& attack, const Scores& before, const Scores& during) {
  std::printf("%-40s before: %s; during: %s\n", attack.c_str(), before.mine.text().c_str(),
              during.mine.text().c_str());
  EXPECT_EQ(before.mine.failures(), 0U) << attack << ", before it began: " << before.mine.text();
  EXPECT_EQ(during.mine.failures(), 0U) << attack << ": " << during.mine.text();
  EXPECT_TRUE(keeps_half(before, during))
      << attack << "; a client of another server, before: " << before.calm.text()
      << ", during: " << during.calm.text();
}

std::chrono::milliseconds time_before() { return test::long_tests() ? 3s : 500ms; }
std::chrono::milliseconds time_during() { return test::long_tests() ? 20s : 1500ms; }

}  // namespace homa::hostile
