#include "tools/options/message_content.h"

#include <algorithm>

namespace homa::tools {
namespace {

constexpr std::byte kFiller{'p'};

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<std::vector<std::byte>, Error> MessageContent::parse_hex(std::string_view text) {
  const Error error{
      ErrorCode::kInvalidArgument,
      "\"" + std::string(text) + "\" is not bytes as pairs of hexadecimal digits, such as 0001ff"};
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    const int high = digit(text[i]);
    const int low = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    if (high < 0 || low < 0) return Unexpected(error);
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
    ++i;
  }
  if (bytes.empty()) return Unexpected(error);
  return bytes;
}

void MessageContent::add_to(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--prefix",
          [this](const std::string& text) {
            auto bytes = parse_hex(text);
            if (!bytes) throw CLI::ValidationError("--prefix", bytes.error().text);
            prefix_ = std::move(*bytes);
          },
          "first bytes of each message, in hexadecimal, for a peer that expects a header of its "
          "own")
      ->type_name("HEX");
}

std::vector<std::byte> MessageContent::message(std::size_t bytes) const {
  std::vector<std::byte> text(bytes, kFiller);
  std::copy_n(prefix_.begin(), std::min(bytes, prefix_.size()), text.begin());
  return text;
}

}  // namespace homa::tools
