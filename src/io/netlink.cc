#include "io/netlink.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/failure.h"

namespace homa::io {
namespace {

struct Table {
  std::span<const nlattr*> by_type;
};

int keep_attribute(const nlattr* attribute, void* data) {
  const auto& table = *static_cast<const Table*>(data);
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < table.by_type.size()) table.by_type[type] = attribute;
  return MNL_CB_OK;
}

int visit_message(const nlmsghdr* message, void* data) {
  (*static_cast<const NetlinkSocket::Visit*>(data))(*message);
  return MNL_CB_OK;
}

void* as_data(const NetlinkSocket::Visit& visit) {
  return const_cast<NetlinkSocket::Visit*>(&visit);
}

}  // namespace

NetlinkAttributes::NetlinkAttributes(const nlmsghdr& message, std::size_t body_bytes) {
  Table table{by_type_};
  mnl_attr_parse(&message, static_cast<unsigned>(body_bytes), keep_attribute, &table);
}

NetlinkAttributes::NetlinkAttributes(std::span<const std::byte> nested) {
  Table table{by_type_};
  if (nested.empty()) return;
  mnl_attr_parse_payload(nested.data(), nested.size(), keep_attribute, &table);
}

std::span<const std::byte> NetlinkAttributes::bytes(std::uint16_t type) const {
  if (type >= by_type_.size() || by_type_[type] == nullptr) return {};
  const auto* data = static_cast<const std::byte*>(mnl_attr_get_payload(by_type_[type]));
  return {data, mnl_attr_get_payload_len(by_type_[type])};
}

std::string_view NetlinkAttributes::text(std::uint16_t type) const {
  const std::span<const std::byte> found = bytes(type);
  if (found.empty()) return {};
  const auto* characters = reinterpret_cast<const char*>(found.data());
  return {characters, strnlen(characters, found.size())};
}

Result<NetlinkSocket, Error> NetlinkSocket::open(std::uint32_t groups) {
  NetlinkSocket made(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!made.socket_ || mnl_socket_bind(made.socket_.get(), groups, MNL_SOCKET_AUTOPID) != 0) {
    return system_failure("opening a netlink socket", errno);
  }
  made.buffer_ = std::make_unique<std::array<std::byte, kBufferBytes>>();
  return made;
}

bool NetlinkSocket::ask(NetlinkRequest& request, const Visit& visit) {
  nlmsghdr& header = request.header();
  header.nlmsg_seq = ++sequence_;
  const bool many = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  if (mnl_socket_sendto(socket_.get(), &header, header.nlmsg_len) < 0) return false;
  while (true) {
    const ssize_t got = mnl_socket_recvfrom(socket_.get(), buffer_->data(), buffer_->size());
    if (got < 0) return false;
    const int status =
        mnl_cb_run(buffer_->data(), static_cast<std::size_t>(got), header.nlmsg_seq,
                   mnl_socket_get_portid(socket_.get()), visit_message, as_data(visit));
    if (status == MNL_CB_ERROR && errno == ESRCH) continue;  // of an earlier question
    if (status <= MNL_CB_STOP || !many) return status >= MNL_CB_STOP;
  }
}

bool NetlinkSocket::changes(const Visit& visit) {
  bool all = true;
  while (true) {
    const ssize_t got = mnl_socket_recvfrom(socket_.get(), buffer_->data(), buffer_->size());
    if (got < 0 && errno == ENOBUFS) {
      all = false;
      continue;
    }
    if (got <= 0) return all;
    mnl_cb_run(buffer_->data(), static_cast<std::size_t>(got), 0, 0, visit_message, as_data(visit));
  }
}

}  // namespace homa::io
