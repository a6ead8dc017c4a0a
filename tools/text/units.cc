#include "tools/text/units.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

namespace homa::tools {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// The number in front and the unit behind it, lower case and without blanks.
std::optional<double> parse(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  std::string unit;
  for (const char* at = end; at != text.data() + text.size(); ++at) {
    if (*at != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*at)));
  }
  for (const Unit& known : units) {
    if (unit == known.name) return number * known.factor;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> whole(std::optional<double> number) {
  if (!number || *number > 1e18) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*number));
}

constexpr std::array kRates = {Unit{"", 1},    Unit{"bit", 1},    Unit{"bit/s", 1},
                               Unit{"k", 1e3}, Unit{"kbit", 1e3}, Unit{"kbit/s", 1e3},
                               Unit{"m", 1e6}, Unit{"mbit", 1e6}, Unit{"mbit/s", 1e6},
                               Unit{"g", 1e9}, Unit{"gbit", 1e9}, Unit{"gbit/s", 1e9}};
constexpr std::array kSizes = {Unit{"", 1},          Unit{"b", 1},        Unit{"k", 1e3},
                               Unit{"kb", 1e3},      Unit{"m", 1e6},      Unit{"mb", 1e6},
                               Unit{"g", 1e9},       Unit{"gb", 1e9},     Unit{"kib", 1024},
                               Unit{"mib", 1 << 20}, Unit{"gib", 1 << 30}};
constexpr std::array kTimes = {Unit{"", 1e9},     Unit{"s", 1e9},   Unit{"ms", 1e6},
                               Unit{"us", 1e3},   Unit{"ns", 1},    Unit{"m", 60e9},
                               Unit{"min", 60e9}, Unit{"h", 3600e9}};

std::string with_prefix(double value, std::span<const std::pair<double, std::string_view>> steps) {
  for (const auto& [size, name] : steps) {
    if (value < size && size > 1) continue;
    const double shown = value / size;
    return fmt::format("{:.{}f} {}", shown,
                       shown >= 100 || shown == std::floor(shown) ? 0
                       : shown >= 10                              ? 1
                                                                  : 2,
                       name);
  }
  return fmt::format("{}", value);
}

}  // namespace

std::optional<std::uint64_t> parse_rate(std::string_view text) {
  return whole(parse(text, kRates));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return whole(parse(text, kSizes));
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto count = whole(parse(text, kTimes));
  if (!count) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(*count));
}

std::string format_rate(std::uint64_t bits_per_second) {
  if (bits_per_second == 0) return "no limit";
  constexpr std::array<std::pair<double, std::string_view>, 4> steps = {
      {{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}, {1, "bit/s"}}};
  return with_prefix(static_cast<double>(bits_per_second), steps);
}

std::string format_bytes(double bytes) {
  constexpr std::array<std::pair<double, std::string_view>, 4> steps = {
      {{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}}};
  return with_prefix(bytes, steps);
}

std::string format_time(double microseconds) {
  constexpr std::array<std::pair<double, std::string_view>, 3> steps = {
      {{1e6, "s"}, {1e3, "ms"}, {1, "us"}}};
  return with_prefix(microseconds, steps);
}

}  // namespace homa::tools
