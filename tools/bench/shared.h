// Memory that the host processes of a benchmark share with their parent: counters that the parent
// watches while they run, and the samples that it reads at the end.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

// One measured RPC.
struct BenchSample {
  std::uint64_t round_trip_ns = 0;
  std::uint32_t request_bytes = 0;
  std::uint32_t unfinished = 0;  // 1: gave up waiting; the time is how long it had been under way
};

// What one host process says. Written by it alone.
struct BenchHostState {
  std::atomic<std::uint64_t> rpcs_started{0}, rpcs_finished{0}, rpcs_failed{0};
  std::atomic<std::uint64_t> bytes_started{0}, bytes_finished{0};  // requests and responses
  std::atomic<std::uint64_t> corrupt{0};
  std::atomic<std::uint64_t> samples{0};          // filled in its part of samples()
  std::atomic<std::uint64_t> samples_dropped{0};  // for want of room
  std::atomic<std::uint64_t> cpu_ns{0};           // in the measured time
  std::atomic<std::uint64_t> retransmissions{0};  // packets, from the start
  std::atomic<std::uint64_t> resident_early{0}, resident_late{0};  // bytes, see BenchRun
  std::atomic<bool> done{false};
  std::array<char, 256> error{};        // why the process failed; empty: it did not
  std::array<char, 128> description{};  // of its transport
  std::array<char, 8192> counters{};    // of its transport at the end: "name value\n" each

  void fail(const std::string& text);
};

class BenchShared {
 public:
  static Result<BenchShared, Error> create(std::size_t hosts, std::size_t samples_per_host);
  BenchShared(BenchShared&& other) noexcept;
  BenchShared& operator=(BenchShared&&) = delete;
  ~BenchShared();

  std::size_t hosts() const { return hosts_; }
  BenchHostState& host(std::size_t index) const;
  std::span<BenchSample> samples(std::size_t index) const;

 private:
  BenchShared(void* memory, std::size_t bytes, std::size_t hosts, std::size_t samples);
  void* memory_;
  std::size_t bytes_;
  std::size_t hosts_;
  std::size_t samples_;
};

}  // namespace homa::tools
