#include "tools/bench/homa_server.h"

#include <chrono>

namespace homa::tools {
namespace {

constexpr std::chrono::milliseconds kMemoryCheck{1};

}  // namespace

HomaServer::HomaServer(Socket socket, const BenchPattern& pattern, std::uint32_t response_bytes,
                       const ServiceTime& time, int threads)
    : socket_(std::move(socket)),
      pattern_(pattern),
      answers_(pattern, response_bytes),
      time_(time) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, i] { serve(static_cast<std::uint64_t>(i)); });
  }
}

HomaServer::~HomaServer() {
  stopping_ = true;
  socket_.shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void HomaServer::serve(std::uint64_t seed) {
  ServiceTimer timer(time_, seed);
  for (;;) {
    auto request = socket_.receive();
    if (!request) return;  // shut down
    if (!request->is_request()) continue;
    const BenchAnswers::Answer answer = answers_.to(request->bytes());
    if (!answer.intact) ++corrupt_requests_;
    const RpcHandle rpc = request->rpc();
    request->release();
    timer.work();
    reply(rpc, answer);
  }
}

void HomaServer::reply(RpcHandle rpc, const BenchAnswers::Answer& answer) {
  const auto body = pattern_.message(answer.tag, answer.bytes);
  while (!stopping_) {
    const auto replied = socket_.reply(rpc, body);
    // Any failure but want of memory means that the client has given up, and counts it itself.
    if (replied || replied.error().code != ErrorCode::kNoMemory) return;
    std::this_thread::sleep_for(kMemoryCheck);
  }
}

}  // namespace homa::tools
