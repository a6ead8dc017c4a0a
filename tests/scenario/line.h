// One line of a scenario: its time, who acts, what, and its fields.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace homa::test {

class Line {
 public:
  // nullopt: blank or a comment. Throws std::invalid_argument on what is no line.
  static std::optional<Line> parse(std::string_view text);

  Time time{};
  std::string who;
  std::string what;
  std::string rpc;   // empty: none
  std::string text;  // as it was written

  bool has(const std::string& field) const { return fields_.count(field) > 0; }
  std::string word(const std::string& field) const { return fields_.at(field); }
  // "all" is 0xffffffff.
  std::uint64_t number(const std::string& field) const { return to_number(word(field)); }
  std::uint64_t number_or(const std::string& field, std::uint64_t other) const {
    return has(field) ? number(field) : other;
  }
  // bytes=A-B
  std::pair<std::uint32_t, std::uint32_t> range() const;
  // A,B,C
  std::vector<std::string> list(const std::string& field) const;
  static std::uint64_t to_number(const std::string& text);

 private:
  std::map<std::string, std::string> fields_;
};

std::vector<Line> parse_table(std::string_view table);

}  // namespace homa::test
