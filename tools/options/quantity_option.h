// Options whose values are quantities (base/quantity.h), with a range, and an error that says what
// was expected.
#pragma once

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/quantity.h"

namespace homa::tools {

enum class Quantity : std::uint8_t { kCount, kBytes, kRate };

struct WholeRange {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bare_unit = 1;  // what a number without a unit counts
};
struct DurationRange {
  Duration least{0};
  Duration most = Duration::max();
};

// Nothing and a sentence in `problem` when `text` is no such quantity or out of range.
std::optional<std::uint64_t> read_whole(std::string_view text, Quantity quantity, WholeRange range,
                                        std::string& problem);
std::optional<Duration> read_duration(std::string_view text, base::BareDuration bare,
                                      DurationRange range, std::string& problem);

// `value` is written while parsing and lives as long as `app`; its present value is the default
// that --help shows.
template <typename T>
CLI::Option* add_whole(CLI::App& app, const std::string& name, T& value, Quantity quantity,
                       WholeRange range, const std::string& help) {
  static_assert(std::is_unsigned_v<T>);
  range.most = std::min<std::uint64_t>(range.most, std::numeric_limits<T>::max());
  const std::string title = name.substr(0, name.find(','));
  return app
      .add_option_function<std::string>(
          name,
          [&value, quantity, range, title](const std::string& text) {
            std::string problem;
            const auto number = read_whole(text, quantity, range, problem);
            if (!number) throw CLI::ValidationError(title, problem);
            value = static_cast<T>(*number);
          },
          help)
      ->default_str(std::to_string(value))
      ->type_name(quantity == Quantity::kBytes  ? "BYTES"
                  : quantity == Quantity::kRate ? "RATE"
                                                : "NUMBER");
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& value,
                          DurationRange range, const std::string& help,
                          base::BareDuration bare = base::BareDuration::kSeconds);

}  // namespace homa::tools
