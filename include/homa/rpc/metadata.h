// Pairs of key and value that travel beside a message, in both directions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace homa::rpc {

// In the order in which they were added; a key may be there several times. Keys have 1 to 255
// bytes, values up to 65,535, and all of them with 3 bytes each at most 65,535. Any bytes.
class Metadata {
 public:
  // False, and nothing is added: a size is beyond its bound.
  bool add(std::string_view key, std::string_view value);
  // The first value of the key; nullptr: there is none.
  const std::string* find(std::string_view key) const;
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  void clear();
  std::size_t encoded_bytes() const { return encoded_bytes_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
  std::size_t encoded_bytes_ = 0;
};

}  // namespace homa::rpc
