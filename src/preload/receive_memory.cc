#include "preload/receive_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace homa::preload {

Result<std::unique_ptr<ReceiveMemory>, Failure> PlacedMemory::create(std::span<std::byte> memory) {
  auto pages = HeldPages::create(memory.size());
  if (!pages) return refuse(pages.error());
  return std::unique_ptr<ReceiveMemory>(
      std::make_unique<PlacedMemory>(memory, std::move(pages).value()));
}

std::optional<PageList> PlacedMemory::place(Message& message) {
  if (messages_.size() <= pages_.numbers()) messages_.resize(pages_.numbers() + 1);
  PageList pages;
  const auto offset = static_cast<std::uint64_t>(message.bytes().data() - memory_.data());
  const auto bytes = static_cast<std::uint32_t>(message.size());
  messages_[pages_.hold(offset, bytes, pages)] = std::move(message);
  return pages;
}

bool PlacedMemory::give_back(std::span<const std::uint32_t> offsets, ReturnedMessages& returned) {
  const auto back = pages_.give_back(offsets);
  if (!back) return false;
  for (const std::uint32_t number : std::span(back->messages).first(back->count)) {
    returned.push_back(std::move(messages_[number]));
  }
  return true;
}

void CopiedMemory::fill(const Message& message, const PageList& pages) const {
  std::span<const std::byte> bytes = message.bytes();
  for (std::uint32_t i = 0; i < pages.count; ++i) {
    const auto part = bytes.first(std::min<std::size_t>(bytes.size(), HOMA_BPAGE_SIZE));
    std::memcpy(memory_.data() + pages.offsets[i], part.data(), part.size());
    bytes = bytes.subspan(part.size());
  }
}

}  // namespace homa::preload
