// Questions to the kernel's tables of devices, addresses, routes and neighbours, and news of their
// changes (rtnetlink(7)), by libmnl. Never blocks: rtnetlink answers within the call that asks.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::io {

// One request: the header, a body such as rtmsg, and attributes, up to 256 bytes in all.
class NetlinkRequest {
 public:
  template <typename Body>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Body& body) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(mnl_nlmsg_put_extra_header(header_, sizeof body), &body, sizeof body);
  }
  NetlinkRequest(const NetlinkRequest&) = delete;
  NetlinkRequest& operator=(const NetlinkRequest&) = delete;

  // False, and nothing is added, where there is no room.
  bool add(std::uint16_t type, std::span<const std::byte> value) {
    return mnl_attr_put_check(header_, bytes_.size(), type, value.size(), value.data());
  }
  bool add(std::uint16_t type, std::uint32_t value) {
    return mnl_attr_put_u32_check(header_, bytes_.size(), type, value);
  }
  nlmsghdr& header() { return *header_; }

 private:
  alignas(nlmsghdr) std::array<std::byte, 256> bytes_{};
  nlmsghdr* header_ = mnl_nlmsg_put_header(bytes_.data());
};

// A message's attributes, or those nested in one of them, by type. Points into the message.
class NetlinkAttributes {
 public:
  NetlinkAttributes(const nlmsghdr& message, std::size_t body_bytes);
  explicit NetlinkAttributes(std::span<const std::byte> nested);

  // Empty if there is none of this type.
  std::span<const std::byte> bytes(std::uint16_t type) const;
  std::string_view text(std::uint16_t type) const;
  // Zeros if there is none; the beginning of `T` if it is shorter.
  template <typename T>
  T value(std::uint16_t type) const {
    T result{};
    const std::span<const std::byte> found = bytes(type);
    if (!found.empty()) std::memcpy(&result, found.data(), std::min(found.size(), sizeof result));
    return result;
  }

 private:
  static constexpr std::size_t kTypes = 64;
  std::array<const nlattr*, kTypes> by_type_{};
};

// The body of a message; nullptr if the message is too short for one.
template <typename Body>
const Body* netlink_body(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Body)) return nullptr;
  return static_cast<const Body*>(mnl_nlmsg_get_payload(&message));
}

class NetlinkSocket {
 public:
  using Visit = std::function<void(const nlmsghdr& message)>;

  // `groups`: of RTMGRP_*, what changes() tells about; 0: for questions only.
  static Result<NetlinkSocket, Error> open(std::uint32_t groups = 0);

  // Visits each message of the answer. False: the kernel refused, or has no answer.
  bool ask(NetlinkRequest& request, const Visit& visit);
  // Visits what happened since the last call. False: more happened than could be told.
  bool changes(const Visit& visit);
  int descriptor() const { return mnl_socket_get_fd(socket_.get()); }

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  static constexpr std::size_t kBufferBytes = 32'768;  // as much as the kernel puts together

  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::unique_ptr<std::array<std::byte, kBufferBytes>> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace homa::io
