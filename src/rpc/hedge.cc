// Hedged calls: two servers at work on the same call, of which the first response counts.
#include <algorithm>
#include <chrono>
#include <stop_token>
#include <utility>
#include <vector>

#include "rpc/channel_core.h"
#include "rpc/outgoing.h"

namespace homa::rpc {
namespace {

// Two responses are awaited by turns. Hedged calls are few, so that costs little.
constexpr std::chrono::microseconds kTurn{100};
// How soon a call that is not hedged after all sees a request to stop.
constexpr std::chrono::milliseconds kAlone{10};

struct Asked {
  std::size_t server;
  RpcHandle rpc;
};

Result<Message, Error> deadline_passed() {
  return Unexpected(Error{ErrorCode::kTimeout, "the deadline has passed", Executed::kPerhaps});
}

}  // namespace

Status ChannelCore::attempt_hedged(Attempts& attempts, const Method& method, ClientContext& context,
                                   const google::protobuf::MessageLite& request,
                                   google::protobuf::MessageLite* response) {
  std::vector<Asked> asked;
  const auto ask = [&]() -> Result<void, Error> {
    auto message = prepare(socket_, method, context, request);
    if (!message) return Unexpected(message.error());
    SendOptions options;
    options.is_private = true;
    const auto rpc = socket_.send(balancer_.address(attempts.server), std::move(*message), options);
    if (!rpc) return Unexpected(rpc.error());
    asked.push_back({attempts.server, *rpc});
    return {};
  };
  if (const auto sent = ask(); !sent) return Status::of(sent.error());
  bool may_hedge = true;
  for (std::size_t turn = 0;; ++turn) {
    const std::size_t at = turn % asked.size();
    const Timeout left = time_left(context);
    const std::chrono::nanoseconds patience = may_hedge          ? *options_.hedge_after
                                              : asked.size() > 1 ? kTurn
                                                                 : kAlone;
    auto answer =
        socket_.receive_response(asked[at].rpc, std::min(patience, left.value_or(patience)));
    const bool nothing = !answer && answer.error().code == ErrorCode::kWouldBlock;
    const bool late = nothing && left && *left <= patience;
    if (nothing && !late && !context.stop().stop_requested()) {
      if (!std::exchange(may_hedge, false) || !balancer_.may_retry()) continue;
      const std::size_t first = attempts.server;
      if (next_server(attempts, context) && !ask()) balancer_.abandoned(attempts.server);
      if (asked.size() == 1) attempts.server = first;
      continue;
    }
    if (late) answer = deadline_passed();
    if (nothing && !late) {
      answer = Unexpected(Error{ErrorCode::kCancelled, "a stop was requested", Executed::kPerhaps});
    }
    if (answer && answer->kind() == Message::Kind::kFailure) answer = Unexpected(answer->failure());
    if (nothing || asked.size() == 1 || answer) {
      for (const Asked& one : asked) {
        if (nothing || one.rpc != asked[at].rpc)
          static_cast<void>(socket_.abort(one.rpc).has_value());
        if (one.server != asked[at].server) balancer_.abandoned(one.server);
      }
      attempts.server = asked[at].server;
      return read(answer, context, response);
    }
    // One of the two failed; the other one may still answer.
    balancer_.finished(asked[at].server, false, Clock::now());
    asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace homa::rpc
