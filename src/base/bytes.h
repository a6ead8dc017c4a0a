// Big-endian reads and writes. ByteReader never leaves its span. A read past the end gives 0 and
// makes ok() false from then on, so a parser needs to check only once, at its end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace homa::base {

template <typename T>
constexpr T to_big_endian(T value) {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    static_assert(sizeof(T) == 8);
    return __builtin_bswap64(value);
  }
}
static_assert(std::endian::native == std::endian::little,
              "Homa is built for little-endian machines");

// Unchecked: the caller knows that the bytes are there.
template <typename T>
T load_big_endian(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return to_big_endian(value);
}

template <typename T>
void store_big_endian(std::byte* to, T value) {
  const T big = to_big_endian(value);
  std::memcpy(to, &big, sizeof(T));
}

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  T read() {
    if (bytes_.size() - position_ < sizeof(T)) {
      ok_ = false;
      position_ = bytes_.size();
      return T{};
    }
    const T value = load_big_endian<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }
  void skip(std::size_t count) {
    if (bytes_.size() - position_ < count) {
      ok_ = false;
      count = bytes_.size() - position_;
    }
    position_ += count;
  }
  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace homa::base
