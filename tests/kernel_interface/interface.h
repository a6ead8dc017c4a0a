// A Homa socket as programs of the kernel module use it, for tests. Nothing here or in the tests
// knows what is behind the system calls: the kernel's module, or a preloaded library.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "homa/kernel.h"

namespace homa::testing {

// The loopback address of a family, with a port.
struct Place {
  sockaddr_storage storage{};
  socklen_t length = 0;

  static Place of(int family, std::uint16_t port) {
    Place place;
    if (family == AF_INET) {
      auto* in4 = reinterpret_cast<sockaddr_in*>(&place.storage);
      in4->sin_family = AF_INET;
      in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      in4->sin_port = htons(port);
      place.length = sizeof(*in4);
    } else {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&place.storage);
      in6->sin6_family = AF_INET6;
      in6->sin6_addr = in6addr_loopback;
      in6->sin6_port = htons(port);
      place.length = sizeof(*in6);
    }
    return place;
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  std::uint16_t port() const {
    return ntohs(storage.ss_family == AF_INET
                     ? reinterpret_cast<const sockaddr_in*>(&storage)->sin_port
                     : reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  }
};

// What a call gave: its result, and errno when that was -1.
struct Outcome {
  long result = 0;
  int error = 0;
  static Outcome of(long result) { return {result, result < 0 ? errno : 0}; }
  bool operator==(const Outcome&) const = default;
};
inline void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << outcome.result << " (" << std::strerror(outcome.error) << ")";
}
inline Outcome failed(int error) { return {-1, error}; }

// A descriptor that the program has from another one.
struct Existing {
  int fd;
};

class HomaSocket {
 public:
  static constexpr std::size_t kMemory = 64 * HOMA_BPAGE_SIZE;

  explicit HomaSocket(int family, int flags = 0)
      : family_(family), fd_(::socket(family, SOCK_DGRAM | flags, IPPROTO_HOMA)) {
    EXPECT_GE(fd_, 0) << std::strerror(errno);
  }
  HomaSocket(int family, Existing existing) : family_(family), fd_(existing.fd) {}
  ~HomaSocket() {
    if (fd_ >= 0) ::close(fd_);
    if (memory_ != nullptr) ::munmap(memory_, memory_bytes_);
  }
  HomaSocket(const HomaSocket&) = delete;
  HomaSocket& operator=(const HomaSocket&) = delete;

  int fd() const { return fd_; }
  int family() const { return family_; }
  Outcome close() { return Outcome::of(::close(std::exchange(fd_, -1))); }

  Outcome bind(std::uint16_t port) {
    Place place = Place::of(family_, port);
    return Outcome::of(::bind(fd_, place.get(), place.length));
  }
  std::uint16_t port() {
    Place place;
    place.length = sizeof(place.storage);
    EXPECT_EQ(::getsockname(fd_, place.get(), &place.length), 0);
    return place.port();
  }
  // Gives the socket memory for messages.
  Outcome give_memory(std::size_t bytes = kMemory) {
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory_ = static_cast<char*>(memory);
    memory_bytes_ = bytes;
    const homa_rcvbuf_args args{reinterpret_cast<std::uint64_t>(memory), bytes};
    return Outcome::of(::setsockopt(fd_, IPPROTO_HOMA, SO_HOMA_RCVBUF, &args, sizeof(args)));
  }
  char* memory() const { return memory_; }

  // --- Sending ---
  Outcome send(Place to, std::vector<iovec> extents, homa_sendmsg_args& args, int flags = 0) {
    msghdr message{};
    message.msg_name = to.get();
    message.msg_namelen = to.length;
    message.msg_iov = extents.data();
    message.msg_iovlen = extents.size();
    message.msg_control = &args;
    return Outcome::of(::sendmsg(fd_, &message, flags));
  }
  Outcome send(Place to, const std::string& text, homa_sendmsg_args& args, int flags = 0) {
    return send(to, {{const_cast<char*>(text.data()), text.size()}}, args, flags);
  }
  // A request to a port of this host; gives its id.
  std::uint64_t request(std::uint16_t port, const std::string& text, std::uint64_t cookie = 0,
                        std::uint32_t flags = 0) {
    homa_sendmsg_args args{0, cookie, flags, 0};
    EXPECT_EQ(send(Place::of(family_, port), text, args), (Outcome{0, 0}));
    EXPECT_NE(args.id, 0U);
    EXPECT_EQ(args.id % 2, 0U);
    return args.id;
  }

  // --- Receiving ---
  struct Received {
    Outcome outcome;
    homa_recvmsg_args args{};
    Place from;
    std::size_t controllen = 0;
    std::string text;
  };
  // Gives `back` back first. The message's bytes are copied; its bpages stay with the caller.
  Received receive_keeping(std::uint64_t id = 0, int flags = 0,
                           const std::vector<std::uint32_t>& back = {}) {
    Received received;
    received.args.id = id;
    received.args.num_bpages = static_cast<std::uint32_t>(back.size());
    std::copy(back.begin(), back.end(), received.args.bpage_offsets);
    msghdr message{};
    message.msg_name = received.from.get();
    message.msg_namelen = sizeof(received.from.storage);
    message.msg_control = &received.args;
    message.msg_controllen = sizeof(received.args);
    received.outcome = Outcome::of(::recvmsg(fd_, &message, flags));
    received.from.length = message.msg_namelen;
    received.controllen = message.msg_controllen;
    if (received.outcome.result > 0) received.text = text_of(received);
    return received;
  }
  // As programs do it: gives back what was received before.
  Received receive(std::uint64_t id = 0, int flags = 0) {
    Received received = receive_keeping(id, flags, returned());
    give_back(received);
    return received;
  }
  // By the next receive(). One thread at a time.
  void give_back(const Received& received) {
    if (received.outcome.result <= 0) return;
    returned_.insert(returned_.end(), received.args.bpage_offsets,
                     received.args.bpage_offsets + received.args.num_bpages);
  }
  Outcome respond(const Received& request, const std::string& text) {
    homa_sendmsg_args args{request.args.id, 0, 0, 0};
    return send(request.from, text, args);
  }

  homa_info info() {
    homa_info info{};
    EXPECT_EQ(::ioctl(fd_, HOMAIOCINFO, &info), 0) << std::strerror(errno);
    return info;
  }

 private:
  std::string text_of(const Received& received) const {
    std::string text;
    auto left = static_cast<std::size_t>(received.outcome.result);
    for (std::uint32_t i = 0; i < received.args.num_bpages; ++i) {
      const std::size_t part = std::min<std::size_t>(left, HOMA_BPAGE_SIZE);
      text.append(memory_ + received.args.bpage_offsets[i], part);
      left -= part;
    }
    EXPECT_EQ(left, 0U) << "the bpages hold less than the message";
    return text;
  }

  // At most as many as one call takes.
  std::vector<std::uint32_t> returned() {
    std::vector<std::uint32_t> some;
    while (!returned_.empty() && some.size() < HOMA_MAX_BPAGES) {
      some.push_back(returned_.back());
      returned_.pop_back();
    }
    return some;
  }

  int family_;
  int fd_;
  char* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  std::vector<std::uint32_t> returned_;
};

// Bytes that tell their place and their message apart.
inline std::string pattern(std::size_t length, std::uint64_t seed) {
  std::string text(length, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& byte : text) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return text;
}

// A server and a client with memory, of both families.
class Interface : public ::testing::TestWithParam<int> {
 protected:
  static constexpr std::uint16_t kPort = 4000;

  void SetUp() override {
    ASSERT_EQ(server_.give_memory(), (Outcome{0, 0}));
    ASSERT_EQ(server_.bind(kPort), (Outcome{0, 0}));
    ASSERT_EQ(client_.give_memory(), (Outcome{0, 0}));
  }
  Place server_place() const { return Place::of(GetParam(), kPort); }

  HomaSocket server_{GetParam()};
  HomaSocket client_{GetParam()};
};

inline std::string family_name(const ::testing::TestParamInfo<int>& family) {
  return family.param == AF_INET ? "IPv4" : "IPv6";
}
inline auto both_families() { return ::testing::Values(AF_INET, AF_INET6); }

}  // namespace homa::testing
