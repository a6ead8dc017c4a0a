// What the receiver class of the module's project does, with the same members, written anew: it
// receives one message after the other, gives the bpages of the last one back with the next call,
// and reads objects that may lie in two bpages. Programs of that project receive by such an object.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "homa/kernel.h"

namespace homa::testing {

class Receiver {
 public:
  // `fd` stays open, and `memory` (of SO_HOMA_RCVBUF) mapped, as long as the receiver lives.
  Receiver(int fd, void* memory) : fd_(fd), memory_(static_cast<std::byte*>(memory)) {}
  ~Receiver() { release(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // The length of the next message; -1 with errno.
  ssize_t receive(int flags, std::uint64_t id) {
    args_.id = id;
    msghdr message{};
    message.msg_name = &source_;
    message.msg_namelen = sizeof(source_);
    message.msg_control = &args_;
    message.msg_controllen = sizeof(args_);
    length_ = ::recvmsg(fd_, &message, flags);
    if (length_ < 0) args_.id = 0;
    return length_;
  }
  // The message's bpages go back at once. A message that is there meanwhile becomes the present
  // one, and goes back as well.
  void release() {
    while (args_.num_bpages > 0 && receive(MSG_DONTWAIT, 0) >= 0) continue;
  }

  std::uint64_t id() const { return args_.id; }  // 0: there is no message
  bool is_request() const { return (args_.id & 1) != 0; }
  std::uint64_t completion_cookie() const { return args_.completion_cookie; }
  ssize_t length() const { return length_; }
  const sockaddr* src_addr() const { return reinterpret_cast<const sockaddr*>(&source_); }

  // Bytes that follow each other in memory from `offset` on.
  std::size_t contiguous(std::size_t offset) const {
    if (length_ < 0 || offset >= size()) return 0;
    return std::min(size() - offset, HOMA_BPAGE_SIZE - offset % HOMA_BPAGE_SIZE);
  }
  // An object of the message, or a copy in `storage`; nullptr: the message has no such one.
  template <typename T>
  T* get(std::size_t offset, T* storage = nullptr) const {
    if (length_ < 0 || offset + sizeof(T) > size()) return nullptr;
    if (contiguous(offset) >= sizeof(T)) return reinterpret_cast<T*>(at(offset));
    if (storage != nullptr) copy_out(storage, offset, sizeof(T));
    return storage;
  }
  void copy_out(void* to, std::size_t offset, std::size_t count) const {
    for (auto* out = static_cast<std::byte*>(to); count > 0;) {
      const std::size_t part = std::min(count, contiguous(offset));
      if (part == 0) return;
      std::memcpy(out, at(offset), part);
      out += part;
      offset += part;
      count -= part;
    }
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(length_); }
  std::byte* at(std::size_t offset) const {
    return memory_ + args_.bpage_offsets[offset / HOMA_BPAGE_SIZE] + offset % HOMA_BPAGE_SIZE;
  }

  int fd_;
  std::byte* memory_;
  homa_recvmsg_args args_{};
  sockaddr_storage source_{};
  ssize_t length_ = -1;
};

}  // namespace homa::testing
