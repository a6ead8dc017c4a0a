// What the messages of a tool contain: bytes at their beginning that the peer understands, for
// servers and clients that are not ours, and a filler behind them.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

class MessageContent {
 public:
  // Adds --prefix.
  void add_to(CLI::App& command);

  // The first bytes of a message of `bytes`: the prefix as far as it fits, then letters.
  std::vector<std::byte> message(std::size_t bytes) const;

  // "00ff", "00 ff", "0x00ff": an even number of hexadecimal digits, blanks between bytes.
  static Result<std::vector<std::byte>, Error> parse_hex(std::string_view text);

 private:
  std::vector<std::byte> prefix_;
};

}  // namespace homa::tools
