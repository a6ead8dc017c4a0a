#include "base/mapping.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"

namespace homa::base {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

Unexpected<Error> failed(const std::string& what, const char* cure) {
  const ErrorCode code = errno == ENOMEM ? ErrorCode::kNoMemory : ErrorCode::kSystem;
  return failure(code, what + ": " + std::strerror(errno) + "; " + cure);
}

}  // namespace

Result<void, Error> Mapping::map(std::uint64_t bytes, int flags, int protection) {
  void* memory = ::mmap(nullptr, bytes, protection, flags, descriptor_, 0);
  if (memory == MAP_FAILED) {
    return failed("cannot map " + std::to_string(bytes) + " bytes", "configure less memory");
  }
  bytes_ = {static_cast<std::byte*>(memory), bytes};
  shared_ = (flags & MAP_SHARED) != 0;
  return {};
}

Result<Mapping, Error> Mapping::create(std::uint64_t bytes) {
  Mapping mapping;
  const auto mapped = mapping.map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, kReadWrite);
  if (!mapped) return Unexpected(mapped.error());
  return mapping;
}

Result<Mapping, Error> Mapping::create_shared(std::uint64_t bytes) {
  return make_shared_memory(bytes, false);
}

Result<Mapping, Error> Mapping::create_populated(std::uint64_t bytes) {
  return make_shared_memory(bytes, true);
}

Result<Mapping, Error> Mapping::make_shared_memory(std::uint64_t bytes, bool populate) {
  Mapping mapping;
  mapping.descriptor_ = ::memfd_create("homa", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (mapping.descriptor_ < 0) {
    return failed("cannot create shared memory", "raise the limit of open files (ulimit -n)");
  }
  const auto size = static_cast<off_t>(bytes);
  if (::ftruncate(mapping.descriptor_, size) != 0 ||
      (populate && ::fallocate(mapping.descriptor_, 0, 0, size) != 0) ||
      ::fcntl(mapping.descriptor_, F_ADD_SEALS, kSizeSeals) != 0) {
    return failed("cannot make shared memory of " + std::to_string(bytes) + " bytes",
                  "configure less memory");
  }
  const auto mapped = mapping.map(bytes, MAP_SHARED | MAP_NORESERVE, kReadWrite);
  if (!mapped) return Unexpected(mapped.error());
  return mapping;
}

Result<Mapping, Error> Mapping::of_file(int descriptor, std::uint64_t bytes) {
  Mapping mapping;
  mapping.descriptor_ = descriptor;
  const auto mapped = mapping.map(bytes, MAP_SHARED | MAP_POPULATE, kReadWrite);
  mapping.descriptor_ = -1;
  if (!mapped) return Unexpected(mapped.error());
  return mapping;
}

Result<Mapping, Error> Mapping::open(int descriptor, std::uint64_t bytes_max) {
  return open_as(descriptor, bytes_max, kReadWrite);
}

Result<Mapping, Error> Mapping::open_to_read(int descriptor, std::uint64_t bytes_max) {
  return open_as(descriptor, bytes_max, PROT_READ);
}

Result<Mapping, Error> Mapping::open_as(int descriptor, std::uint64_t bytes_max, int protection) {
  Mapping mapping;
  mapping.descriptor_ = descriptor;
  const int seals = ::fcntl(descriptor, F_GET_SEALS);
  struct stat status {};
  struct statfs system {};
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals || ::fstat(descriptor, &status) != 0 ||
      ::fstatfs(descriptor, &system) != 0 || system.f_type != TMPFS_MAGIC) {
    return failure(ErrorCode::kInvalidArgument,
                   "shared memory has to be a memfd that can neither shrink nor grow");
  }
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (bytes == 0 || bytes > bytes_max) {
    return failure(ErrorCode::kInvalidArgument, "shared memory has " + std::to_string(bytes) +
                                                    " bytes, not 1 to " +
                                                    std::to_string(bytes_max));
  }
  const auto mapped = mapping.map(bytes, MAP_SHARED | MAP_NORESERVE, protection);
  if (!mapped) return Unexpected(mapped.error());
  return mapping;
}

void Mapping::discard(std::uint64_t offset, std::uint64_t bytes) const {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  HOMA_CHECK(offset <= bytes_.size() && bytes <= bytes_.size() - offset);
  const std::uint64_t begin = (offset + page - 1) / page * page;
  const std::uint64_t end = (offset + bytes) / page * page;
  if (begin >= end) return;
  // Dropping the pages of a memfd from this process's map alone would not free them.
  const int advice = shared_ ? MADV_REMOVE : MADV_DONTNEED;
  static_cast<void>(::madvise(bytes_.data() + begin, end - begin, advice));
}

bool Mapping::populated() const {
  struct stat status {};
  constexpr std::uint64_t kBlock = 512;
  return ::fstat(descriptor_, &status) == 0 &&
         static_cast<std::uint64_t>(status.st_blocks) * kBlock >= bytes_.size();
}

Result<void, Error> Mapping::forbid_others_to_write() {
  if (::fcntl(descriptor_, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0) return {};
  return system_failure("cannot seal shared memory (Linux 5.1 or later is needed)", errno);
}

void Mapping::close_descriptor() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Mapping::Mapping(Mapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      shared_(other.shared_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(shared_, other.shared_);
  return *this;
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
  close_descriptor();
}

}  // namespace homa::base
