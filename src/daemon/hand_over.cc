#include "daemon/hand_over.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "base/failure.h"
#include "channel/control.h"

namespace homa::daemon {
namespace {

using channel::ControlKind;

constexpr std::chrono::seconds kAnswerAtMost{10};

}  // namespace

Result<std::optional<Inheritance>, Error> take_over(const std::string& path) {
  auto connection = channel::connect_control(path);
  if (!connection) return Unexpected(connection.error());
  if (!connection->valid()) return std::optional<Inheritance>();
  const int socket = connection->get();
  channel::ControlHead request;
  request.kind = ControlKind::kReplace;
  if (auto sent = channel::send_control(socket, request); !sent) return Unexpected(sent.error());
  pollfd waiting{socket, POLLIN, 0};
  ::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kAnswerAtMost).count()));
  auto received = channel::receive_control(socket);
  if (!received) return Unexpected(received.error());
  if (!*received) return failure(ErrorCode::kSystem, "homad at " + path + " does not answer");
  channel::ControlMessage& answer = **received;
  if (answer.head.kind == ControlKind::kRefused) {
    return failure(static_cast<ErrorCode>(answer.head.code), "homad: " + answer.text);
  }
  if (answer.head.kind != ControlKind::kHandOver || answer.descriptors.size() < 2) {
    return failure(ErrorCode::kSystem, "homad answered something else than was asked");
  }
  Inheritance left;
  left.listener = {std::move(answer.descriptors[0]), std::move(answer.descriptors[1])};
  if (answer.descriptors.size() > 2) left.packets = std::move(answer.descriptors[2]);
  return std::optional<Inheritance>(std::move(left));
}

bool hand_over(int connection, const Listener& listener, int packets) {
  channel::ControlHead answer;
  answer.kind = ControlKind::kHandOver;
  const std::array<int, 3> all{listener.socket.get(), listener.lock.get(), packets};
  const auto left = std::span(all).first(packets < 0 ? 2 : 3);
  return channel::send_control(connection, answer, {}, left).has_value();
}

}  // namespace homa::daemon
