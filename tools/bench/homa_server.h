// A Homa server whose handlers take time: threads that receive a request, sleep as long as a
// handler takes, and answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "tools/bench/answers.h"
#include "tools/options/service_time.h"

namespace homa::tools {

class HomaServer {
 public:
  // Starts the threads. `pattern` outlives this.
  HomaServer(Socket socket, const BenchPattern& pattern, std::uint32_t response_bytes,
             const ServiceTime& time, int threads);
  // Shuts the socket down and waits for the threads.
  ~HomaServer();
  HomaServer(const HomaServer&) = delete;
  HomaServer& operator=(const HomaServer&) = delete;

  std::uint64_t corrupt_requests() const { return corrupt_requests_.load(); }

 private:
  void serve(std::uint64_t seed);
  void reply(RpcHandle rpc, const BenchAnswers::Answer& answer);

  Socket socket_;
  const BenchPattern& pattern_;
  BenchAnswers answers_;
  ServiceTime time_;
  std::atomic<std::uint64_t> corrupt_requests_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace homa::tools
