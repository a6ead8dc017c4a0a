#include "core/event_queue.h"

#include <new>

#include "core/executed.h"

namespace homa::core {

bool EventQueue::grow(std::size_t events) try {
  events_.reserve(events);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

Event& EventQueue::push(Event::Kind kind, const Rpc& rpc) {
  Event& event = events_.push_slot();
  event.kind = kind;
  event.error = ErrorCode::kOk;
  event.executed = Executed::kNo;
  event.account = rpc.port->account->id;
  event.local_port = rpc.local_port;
  event.peer_port = rpc.peer_port;
  event.peer = rpc.peer->address;
  event.rpc = rpc.id;
  event.length = 0;
  event.received = 0;
  event.buffer = BufferOffset{};
  event.cookie = rpc.cookie;
  event.transmit_token = TransmitToken{};
  return event;
}

void EventQueue::message(const Rpc& rpc) {
  Event& event = push(rpc.is_client ? Event::Kind::kResponse : Event::Kind::kRequest, rpc);
  event.length = rpc.in.length();
  event.buffer = rpc.buffer.offset;
}

void EventQueue::head(const Rpc& rpc, std::uint32_t bytes) {
  Event& event = push(Event::Kind::kHead, rpc);
  event.length = rpc.in.length();
  event.received = bytes;
  event.buffer = rpc.buffer.offset;
}

void EventQueue::failed(const Rpc& rpc, ErrorCode code) {
  Event& event = push(Event::Kind::kFailed, rpc);
  event.error = code;
  if (rpc.is_client) event.executed = executed_at_client(rpc, code);
}

void EventQueue::transmit_done(const Rpc& rpc) {
  Event& event = events_.push_slot();
  event.kind = Event::Kind::kTransmitDone;
  event.transmit_token = rpc.out.token();
}

std::optional<Event> EventQueue::next() {
  if (events_.empty()) return std::nullopt;
  return events_.pop();
}

}  // namespace homa::core
