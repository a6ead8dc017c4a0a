#include "observe/parameters.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "base/descriptor.h"
#include "base/failure.h"
#include "base/local_socket.h"
#include "observe/state_bytes.h"
#include "trace/parameter_request.h"

namespace homa::observe {
namespace {

using trace::ParameterRequest;

constexpr int kPatience = 3'000;  // milliseconds

std::string name_of(const EngineState& engine) {
  return "the engine of " + engine.program + ", pid " + std::to_string(engine.pid);
}

// What lies before the next `end`, which is taken away as well.
std::string_view next_part(std::string_view& text, char end) {
  const std::size_t length = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return part;
}

Result<void, Error> send(const EngineState& engine, const ParameterRequest& request,
                         int answer_to) {
  const std::string path = trace::parameter_socket(engine.path);
  auto address = base::local_address(path);
  if (!address) {
    return failure(ErrorCode::kSystem, "the path " + path +
                                           " is too long for a socket; publish in "
                                           "a folder with a shorter name (HOMA_STATE)");
  }
  const base::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_failure("cannot create a socket", errno);
  ParameterRequest bytes = request;
  iovec data{&bytes, sizeof(bytes)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_name = &*address;
  message.msg_namelen = sizeof(*address);
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  base::attach_descriptors(message, ancillary, std::span(&answer_to, 1));
  if (::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  switch (errno) {
    case EACCES:
      return failure(ErrorCode::kNotPermitted, name_of(engine) +
                                                   " belongs to another user; be that user "
                                                   "or root");
    case ENOENT:
    case ECONNREFUSED:
      return failure(ErrorCode::kSystem, name_of(engine) +
                                             " takes no questions: it has ended, or "
                                             "could not create " +
                                             path);
    case EAGAIN:
      return failure(ErrorCode::kTimeout, name_of(engine) + " does not answer; is it stopped?");
    default: return system_failure("cannot ask " + name_of(engine), errno);
  }
}

Result<std::vector<Parameter>, Error> ask(const EngineState& engine,
                                          const ParameterRequest& request) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return system_failure("cannot create a socket", errno);
  }
  const base::Descriptor ours(ends[0]);
  {
    const base::Descriptor theirs(ends[1]);
    if (auto sent = send(engine, request, theirs.get()); !sent) return Unexpected(sent.error());
  }
  pollfd readable{ours.get(), POLLIN, 0};
  if (::poll(&readable, 1, kPatience) <= 0) {
    return failure(ErrorCode::kTimeout,
                   name_of(engine) +
                       " does not answer; its process is stopped, or has been waiting "
                       "for a processor for long");
  }
  std::string answer(trace::kParameterAnswerMax, '\0');
  const ssize_t length = ::recv(ours.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (length <= 0) return failure(ErrorCode::kSystem, name_of(engine) + " gave no answer");
  answer.resize(static_cast<std::size_t>(length));
  return parse_parameters(answer);
}

}  // namespace

Result<std::vector<Parameter>, Error> parse_parameters(std::string_view answer) {
  std::string_view head = next_part(answer, '\n');
  if (head != "ok") {
    int code = 0;
    const std::string_view number = next_part(head, ' ');
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), code);
    if (error != std::errc() || end != number.data() + number.size() || code <= 0 || code > 255) {
      return failure(ErrorCode::kSystem, "the engine's answer makes no sense");
    }
    return failure(static_cast<ErrorCode>(code), printable(head));
  }
  std::vector<Parameter> all;
  while (!answer.empty()) {
    std::string_view line = next_part(answer, '\n');
    Parameter parameter;
    parameter.name = printable(next_part(line, '\t'));
    parameter.value = printable(next_part(line, '\t'));
    parameter.unit = printable(next_part(line, '\t'));
    parameter.any_time = next_part(line, '\t') == "any time";
    parameter.meaning = printable(line);
    if (parameter.name.empty()) {
      return failure(ErrorCode::kSystem, "the engine's answer makes no sense");
    }
    all.push_back(std::move(parameter));
  }
  return all;
}

Result<std::vector<Parameter>, Error> parameters_of(const EngineState& engine) {
  return ask(engine, {});
}

Result<Parameter, Error> set_parameter(const EngineState& engine, std::string_view name,
                                       std::string_view value) {
  ParameterRequest request;
  request.kind = ParameterRequest::Kind::kSet;
  if (name.size() >= request.name.size() || value.size() >= request.value.size()) {
    return failure(ErrorCode::kInvalidArgument, "there is no parameter or value so long");
  }
  trace::set_text(request.name, name);
  trace::set_text(request.value, value);
  auto answer = ask(engine, request);
  if (!answer) return Unexpected(answer.error());
  if (answer->size() != 1) return failure(ErrorCode::kSystem, "the engine's answer makes no sense");
  return std::move(answer->front());
}

}  // namespace homa::observe
