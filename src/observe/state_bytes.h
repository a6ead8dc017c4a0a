// Access to a copy of a state file, every offset checked: whoever may write the file could have
// written anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "homa/error.h"
#include "homa/result.h"
#include "trace/state_layout.h"

namespace homa::observe {

// Text without bytes that a terminal would take for commands.
std::string printable(std::string_view text);

class StateBytes {
 public:
  explicit StateBytes(std::span<const std::byte> bytes);

  // kInvalidArgument: it is no state file, or of another version. All below needs a valid one.
  Result<void, Error> validate() const;
  const trace::StateHeader& header() const { return header_; }
  std::uint32_t sections() const { return header_.sections_count; }
  const trace::Section& section(std::uint32_t i) const { return header_.sections[i]; }

  // Copies the first sizeof(T) bytes of a section's entry. False: it does not lie in the file.
  template <typename T>
  bool read(const trace::Section& section, std::uint32_t i, T& entry) const {
    return section.entry_bytes >= sizeof(T) &&
           copy(section.entries + std::uint64_t{i} * section.entry_bytes, entry);
  }
  // The i-th of the cells that begin at `offset`.
  std::optional<std::uint64_t> cell(std::uint64_t offset, std::uint64_t i) const;

 private:
  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= bytes_.size() && bytes <= bytes_.size() - offset;
  }
  template <typename T>
  bool copy(std::uint64_t offset, T& to) const {
    if (!holds(offset, sizeof(T))) return false;
    std::memcpy(static_cast<void*>(&to), bytes_.data() + offset, sizeof(T));
    return true;
  }

  std::span<const std::byte> bytes_;
  trace::StateHeader header_;
};

}  // namespace homa::observe
