#include "tools/bench/shared.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>

#include "base/failure.h"

namespace homa::tools {

void BenchHostState::fail(const std::string& text) {
  const std::size_t length = std::min(text.size(), error.size() - 1);
  std::memcpy(error.data(), text.data(), length);
  error[length] = 0;
}

Result<BenchShared, Error> BenchShared::create(std::size_t hosts, std::size_t samples_per_host) {
  const std::size_t bytes =
      hosts * (sizeof(BenchHostState) + samples_per_host * sizeof(BenchSample));
  // Populated now, so that filling it later neither faults nor grows a process.
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    return system_failure("memory for " + std::to_string(bytes) + " bytes of samples", errno);
  }
  return BenchShared(memory, bytes, hosts, samples_per_host);
}

BenchShared::BenchShared(void* memory, std::size_t bytes, std::size_t hosts, std::size_t samples)
    : memory_(memory), bytes_(bytes), hosts_(hosts), samples_(samples) {
  for (std::size_t i = 0; i < hosts; ++i) {
    new (static_cast<std::byte*>(memory) + i * sizeof(BenchHostState)) BenchHostState;
  }
}

BenchShared::BenchShared(BenchShared&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      hosts_(other.hosts_),
      samples_(other.samples_) {}

BenchShared::~BenchShared() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

BenchHostState& BenchShared::host(std::size_t index) const {
  return *std::launder(reinterpret_cast<BenchHostState*>(static_cast<std::byte*>(memory_) +
                                                         index * sizeof(BenchHostState)));
}

std::span<BenchSample> BenchShared::samples(std::size_t index) const {
  std::byte* first = static_cast<std::byte*>(memory_) + hosts_ * sizeof(BenchHostState) +
                     index * samples_ * sizeof(BenchSample);
  return {reinterpret_cast<BenchSample*>(first), samples_};
}

}  // namespace homa::tools
