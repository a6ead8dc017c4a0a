// The receive memory of a socket (SO_HOMA_RCVBUF): where messages lie in it, and which of its
// bpages the program has. Memory of the program's own, so what lies there may be anything.
//
// The owner holds a lock, but for fill().
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "homa/kernel.h"
#include "homa/message.h"
#include "homa/result.h"
#include "preload/buffer_pages.h"
#include "preload/failure.h"
#include "preload/held_pages.h"

namespace homa::preload {

// Messages whose bpages were given back. They may take locks when they are destroyed.
using ReturnedMessages = boost::container::static_vector<Message, HOMA_MAX_BPAGES>;

class ReceiveMemory {
 public:
  virtual ~ReceiveMemory() = default;

  // Whether a message so long would fit if everything was given back.
  virtual bool can_hold(std::size_t bytes) const = 0;
  // Where a message (1 to HOMA_MAX_MESSAGE_LENGTH bytes) lies, which may be moved from; its bytes
  // are there after fill(). nullopt: there is no room, and nothing happens.
  virtual std::optional<PageList> place(Message& message) = 0;
  // Without the lock.
  virtual void fill(const Message& message, const PageList& pages) const = 0;
  // Takes parts back, at most HOMA_MAX_BPAGES, in any order. False: one of them is not the
  // program's; then none is taken.
  virtual bool give_back(std::span<const std::uint32_t> offsets, ReturnedMessages& returned) = 0;
  virtual std::uint64_t free_bytes() const = 0;
};

// The engine puts messages there itself (Socket::give_memory()).
class PlacedMemory : public ReceiveMemory {
 public:
  static Result<std::unique_ptr<ReceiveMemory>, Failure> create(std::span<std::byte> memory);
  PlacedMemory(std::span<std::byte> memory, HeldPages pages)
      : memory_(memory), pages_(std::move(pages)) {}

  bool can_hold(std::size_t bytes) const override { return bytes <= memory_.size(); }
  std::optional<PageList> place(Message& message) override;
  void fill(const Message&, const PageList&) const override {}
  bool give_back(std::span<const std::uint32_t> offsets, ReturnedMessages& returned) override;
  std::uint64_t free_bytes() const override { return memory_.size() - pages_.held_bytes(); }

 private:
  const std::span<std::byte> memory_;
  HeldPages pages_;
  std::vector<Message> messages_;  // by their numbers in pages_
};

// Messages are copied there out of another memory: that which the program shares with homad.
class CopiedMemory : public ReceiveMemory {
 public:
  explicit CopiedMemory(std::span<std::byte> memory) : memory_(memory), pages_(memory.size()) {}

  bool can_hold(std::size_t bytes) const override {
    return pages_.can_hold(static_cast<std::uint32_t>(bytes));
  }
  std::optional<PageList> place(Message& message) override {
    return pages_.allocate(static_cast<std::uint32_t>(message.size()));
  }
  void fill(const Message& message, const PageList& pages) const override;
  bool give_back(std::span<const std::uint32_t> offsets, ReturnedMessages&) override {
    return pages_.give_back(offsets);
  }
  std::uint64_t free_bytes() const override { return pages_.free_bytes(); }

 private:
  const std::span<std::byte> memory_;
  BufferPages pages_;
};

}  // namespace homa::preload
