#include "observe/state_bytes.h"

#include "base/failure.h"

namespace homa::observe {

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

StateBytes::StateBytes(std::span<const std::byte> bytes) : bytes_(bytes) {
  if (bytes.size() < sizeof(header_)) return;
  std::memcpy(static_cast<void*>(&header_), bytes.data(), sizeof(header_));
}

Result<void, Error> StateBytes::validate() const {
  if (header_.magic.load() != trace::kStateMagic) {
    return failure(ErrorCode::kInvalidArgument, "no engine's state, or one that is just beginning");
  }
  if (header_.version != trace::kStateVersion) {
    return failure(ErrorCode::kInvalidArgument, "an engine's state of version " +
                                                    std::to_string(header_.version) + ", not " +
                                                    std::to_string(trace::kStateVersion) +
                                                    "; use the homa command of its " + "version");
  }
  if (header_.sections_count > header_.sections.size()) {
    return failure(ErrorCode::kInvalidArgument, "a damaged state of an engine");
  }
  return {};
}

std::optional<std::uint64_t> StateBytes::cell(std::uint64_t offset, std::uint64_t i) const {
  constexpr std::uint64_t kCellsMax = trace::kStateBytesMax / sizeof(trace::Cell);
  if (i > kCellsMax || offset > trace::kStateBytesMax) return std::nullopt;
  std::uint64_t value = 0;
  if (!copy(offset + i * sizeof(trace::Cell), value)) return std::nullopt;
  return value;
}

}  // namespace homa::observe
