#include "tools/options/quantity_option.h"

#include <fmt/format.h>

namespace homa::tools {
namespace {

std::string_view expected(Quantity quantity) {
  switch (quantity) {
    case Quantity::kBytes: return "a number of bytes, such as 1500, 64kb or 1mib";
    case Quantity::kRate: return "a rate, such as 200mbit or 25G";
    case Quantity::kCount: break;
  }
  return "a whole number, such as 100 or 10k";
}

}  // namespace

std::optional<std::uint64_t> read_whole(std::string_view text, Quantity quantity, WholeRange range,
                                        std::string& problem) {
  auto number = quantity == Quantity::kBytes  ? base::parse_bytes(text)
                : quantity == Quantity::kRate ? base::parse_rate(text)
                                              : base::parse_count(text);
  if (!number) {
    problem = fmt::format("\"{}\" is not {}", text, expected(quantity));
    return std::nullopt;
  }
  const bool bare = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (bare && *number <= range.most / range.bare_unit) *number *= range.bare_unit;
  if (*number < range.least || *number > range.most) {
    problem = fmt::format("{} is not within {} to {}", text, range.least, range.most);
    return std::nullopt;
  }
  return number;
}

std::optional<Duration> read_duration(std::string_view text, base::BareDuration bare,
                                      DurationRange range, std::string& problem) {
  const auto duration = base::parse_duration(text, bare);
  if (!duration) {
    problem = fmt::format("\"{}\" is not a duration, such as 10s, 250ms or 50us", text);
    return std::nullopt;
  }
  if (*duration < range.least || *duration > range.most) {
    problem = fmt::format("{} is not within {} to {}", text, base::exact_duration(range.least),
                          base::exact_duration(range.most));
    return std::nullopt;
  }
  return duration;
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& value,
                          DurationRange range, const std::string& help, base::BareDuration bare) {
  const std::string title = name.substr(0, name.find(','));
  return app
      .add_option_function<std::string>(
          name,
          [&value, range, bare, title](const std::string& text) {
            std::string problem;
            const auto duration = read_duration(text, bare, range, problem);
            if (!duration) throw CLI::ValidationError(title, problem);
            value = *duration;
          },
          help)
      ->default_str(base::exact_duration(value))
      ->type_name("TIME");
}

}  // namespace homa::tools
