#include "client/inbox.h"

#include <algorithm>

namespace homa::client {

Inbox::Slot* Inbox::find(RpcHandle rpc) {
  if (rpc == 0 || channel::is_request_handle(rpc)) return nullptr;
  const std::uint32_t slot = channel::slot_of(rpc);
  if (slot >= slots_.size() || slots_[slot].handle != rpc) return nullptr;
  return &slots_[slot];
}

std::optional<RpcHandle> Inbox::start(std::uint64_t cookie, bool is_private) {
  if (full()) return std::nullopt;
  if (free_slots_.empty()) {
    if (slots_.size() == free_slots_.capacity()) {
      free_slots_.reserve(std::max<std::size_t>(16, 2 * slots_.size()));  // enough for free_slot()
    }
    slots_.emplace_back();
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t at = free_slots_.back();
  free_slots_.pop_back();
  const RpcHandle handle = channel::make_handle(at, next_generation_++);
  slots_[at] = Slot{handle, cookie, nullptr, nullptr, is_private};
  return handle;
}

bool Inbox::is_waiting(RpcHandle rpc) const {
  const Slot* slot = find(rpc);
  return slot != nullptr && slot->answer == nullptr;
}

void Inbox::free_slot(Slot& slot) {
  free_slots_.push_back(static_cast<std::uint32_t>(&slot - slots_.data()));
  slot = Slot{};
}

std::optional<channel::Completion> Inbox::forget(RpcHandle rpc) {
  Slot* slot = find(rpc);
  if (slot == nullptr) return std::nullopt;
  if (slot->answer != nullptr) return take(slot->answer)->completion;
  free_slot(*slot);
  return std::nullopt;
}

std::vector<RpcHandle> Inbox::in_progress() const {
  std::vector<RpcHandle> handles;
  for (const Slot& slot : slots_) {
    if (slot.handle != 0) handles.push_back(slot.handle);
  }
  return handles;
}

Inbox::Node* Inbox::make_node(const channel::Completion& completion, std::uint64_t cookie) {
  if (free_nodes_.empty()) free_nodes_.push_back(nodes_.emplace_back());
  Node* node = &free_nodes_.front();
  free_nodes_.pop_front();
  node->incoming = Incoming{completion, cookie};
  return node;
}

void Inbox::add_request(const channel::Completion& completion) {
  const std::uint32_t slot = channel::slot_of(completion.handle);
  if (slot >= served_.size()) served_.resize(std::max<std::size_t>(64, std::size_t{slot} * 2));
  Node* const node = make_node(completion, 0);
  ready_.push_back(*node);
  Served& served = served_[slot];
  if (served.handle != completion.handle)
    served = Served{completion.handle, nullptr, {}, false, false};
  served.unread = node;
  served.accepted = false;
  served.whole = completion.kind == channel::CompletionKind::kRequest;
}

void Inbox::add_failed_request(const channel::Completion& ended) {
  Node* const node = make_node(ended, 0);
  node->incoming.completion.kind = channel::CompletionKind::kFailure;
  ready_.push_back(*node);
}

std::optional<channel::Completion> Inbox::served_ended(RpcHandle rpc) {
  if (!serves(rpc)) return std::nullopt;
  std::optional<channel::Completion> unread;
  if (Node* const node = served_[channel::slot_of(rpc)].unread) {
    unread = node->incoming.completion;
    ready_.erase(ready_.iterator_to(*node));
    free_nodes_.push_front(*node);
  }
  static_cast<void>(finish_served(rpc));
  return unread;
}

bool Inbox::add_answer(const channel::Completion& completion) {
  Slot* slot = find(completion.handle);
  if (slot == nullptr || slot->answer != nullptr) return false;
  slot->answer = make_node(completion, slot->cookie);
  if (!slot->is_private) ready_.push_back(*slot->answer);
  return true;
}

// Takes the node out of wherever it is, its RPC's slot included.
const Incoming* Inbox::take(Node* node) {
  if (node->hook.is_linked()) ready_.erase(ready_.iterator_to(*node));
  if (taken_ != nullptr) free_nodes_.push_front(*taken_);
  taken_ = node;
  const RpcHandle rpc = node->incoming.completion.handle;
  if (serves(rpc)) served_[channel::slot_of(rpc)].unread = nullptr;
  if (Slot* slot = find(node->incoming.completion.handle)) free_slot(*slot);
  return &node->incoming;
}

const Incoming* Inbox::take_any() {
  if (ready_.empty()) return nullptr;
  return take(&ready_.front());
}

const Incoming* Inbox::take_answer(RpcHandle rpc) {
  Slot* slot = find(rpc);
  if (slot == nullptr || slot->answer == nullptr) return nullptr;
  return take(slot->answer);
}

}  // namespace homa::client
