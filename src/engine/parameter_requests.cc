#include "engine/parameter_requests.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "base/failure.h"
#include "base/local_socket.h"
#include "core/config_fields.h"
#include "trace/parameter_request.h"

namespace homa::engine {
namespace {

using trace::ParameterRequest;

constexpr mode_t kMode = 0600;

struct Received {
  ParameterRequest request;
  base::Descriptor answer_to;
  ucred sender{};
};

void take_ancillary(const msghdr& message, Received& received) {
  base::take_descriptors(message,
                         [&](base::Descriptor one) { received.answer_to = std::move(one); });
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    if (part->cmsg_len < CMSG_LEN(sizeof(ucred))) continue;
    std::memcpy(&received.sender, CMSG_DATA(part), sizeof(ucred));
  }
}

enum class Taken { kNothing, kRequest, kOther };

Taken take(int socket, Received& received) {
  iovec bytes{&received.request, sizeof(received.request)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))> ancillary;
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t length = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return Taken::kNothing;
  take_ancillary(message, received);
  const ParameterRequest& request = received.request;
  const bool whole = length == sizeof(request) && (message.msg_flags & MSG_TRUNC) == 0 &&
                     request.magic == trace::kParameterMagic &&
                     request.version == trace::kParameterVersion;
  return whole && received.answer_to.valid() ? Taken::kRequest : Taken::kOther;
}

std::string line_of(const core::ConfigField& field, const core::CoreConfig& config) {
  const char* const when = field.settable == core::Settable::kAnyTime ? "any time" : "at start";
  std::string line(field.name);
  for (const std::string& part : {field.get(config), std::string(field.unit), std::string(when),
                                  std::string(field.meaning)}) {
    line += "\t" + part;
  }
  return line + "\n";
}

std::string answer_to(const Received& received, core::Endpoint& endpoint,
                      const std::function<void(const ParameterChange&)>& changed) {
  const ParameterRequest& request = received.request;
  std::string answer = "ok\n";
  if (request.kind == ParameterRequest::Kind::kGetAll) {
    for (const core::ConfigField& field : core::config_fields()) {
      answer += line_of(field, endpoint.config());
    }
    return answer;
  }
  const std::string_view name = trace::text_of(request.name);
  const core::ConfigField* const field = core::find_field(name);
  if (field != nullptr) answer += line_of(*field, endpoint.config());
  ParameterChange change{name, field == nullptr ? "" : field->get(endpoint.config()), "",
                         received.sender.pid, received.sender.uid};
  if (auto set = endpoint.set_parameter(name, trace::text_of(request.value)); !set) {
    return std::to_string(static_cast<int>(set.error().code)) + " " + set.error().text + "\n";
  }
  change.now = field->get(endpoint.config());
  changed(change);
  return answer;
}

}  // namespace

Result<ParameterRequests, Error> ParameterRequests::open(const std::string& state_file) {
  std::string path = trace::parameter_socket(state_file);
  const auto address = base::local_address(path);
  if (!address) {
    return failure(ErrorCode::kSystem, "the path " + path + " is too long for a socket");
  }
  base::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_failure("cannot create a socket", errno);
  const int on = 1;
  // A socket's file has the mode that the descriptor had when it was bound.
  if (::fchmod(socket.get(), kMode) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return system_failure("cannot set up a socket", errno);
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return system_failure("cannot create the socket " + path, errno);
  }
  return ParameterRequests(std::move(socket), std::move(path));
}

ParameterRequests::~ParameterRequests() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

ParameterRequests::ParameterRequests(ParameterRequests&& other) noexcept
    : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})) {}

ParameterRequests& ParameterRequests::operator=(ParameterRequests&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(path_, other.path_);
  return *this;
}

void ParameterRequests::answer(core::Endpoint& endpoint,
                               const std::function<void(const ParameterChange&)>& changed) const {
  if (!socket_.valid()) return;
  for (int i = 0; i < kAtOnce; ++i) {
    Received received;
    const Taken taken = take(socket_.get(), received);
    if (taken == Taken::kNothing) return;
    if (taken == Taken::kOther) continue;
    try {
      const std::string text = answer_to(received, endpoint, changed);
      // What it cannot take now, the sender does not get: it is not waited for.
      (void)::send(received.answer_to.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } catch (const std::bad_alloc&) {
      continue;  // it gets no answer; the engine goes on
    }
  }
}

}  // namespace homa::engine
