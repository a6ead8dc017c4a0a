// A file descriptor that closes itself, and the words for why a system call failed.
#pragma once

#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::io {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

inline Unexpected<Error> failure(ErrorCode code, std::string text) {
  return Unexpected<Error>(Error{code, std::move(text)});
}

// "WHAT: Permission denied", by errno.
inline Unexpected<Error> system_failure(const std::string& what, int error) {
  return failure(ErrorCode::kSystem, what + ": " + std::strerror(error));
}

}  // namespace homa::io
