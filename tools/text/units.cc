#include "tools/text/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

namespace homa::tools {
namespace {

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
