#include "base/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace homa::base {
namespace {

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t factor;
};

constexpr std::array kCounts = {Unit{"", 1}, Unit{"k", 1'000}, Unit{"m", 1'000'000},
                                Unit{"g", 1'000'000'000}};
constexpr std::array kBytes = {Unit{"", 1},
                               Unit{"b", 1},
                               Unit{"k", 1'000},
                               Unit{"kb", 1'000},
                               Unit{"m", 1'000'000},
                               Unit{"mb", 1'000'000},
                               Unit{"g", 1'000'000'000},
                               Unit{"gb", 1'000'000'000},
                               Unit{"kib", 1 << 10},
                               Unit{"mib", 1 << 20},
                               Unit{"gib", 1 << 30}};
constexpr std::array kRates = {Unit{"", 1},
                               Unit{"bit", 1},
                               Unit{"bit/s", 1},
                               Unit{"k", 1'000},
                               Unit{"kbit", 1'000},
                               Unit{"kbit/s", 1'000},
                               Unit{"m", 1'000'000},
                               Unit{"mbit", 1'000'000},
                               Unit{"mbit/s", 1'000'000},
                               Unit{"g", 1'000'000'000},
                               Unit{"gbit", 1'000'000'000},
                               Unit{"gbit/s", 1'000'000'000}};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::array kDurations = {Unit{"ns", 1},
                                   Unit{"us", 1'000},
                                   Unit{"ms", 1'000'000},
                                   Unit{"s", kSecond},
                                   Unit{"m", 60 * kSecond},
                                   Unit{"min", 60 * kSecond},
                                   Unit{"h", 3600 * kSecond}};

// Doubles above this are not whole numbers any more.
constexpr double kExactMax = 0x1p53;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view text, std::string_view unit) {
  if (text.size() != unit.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != unit[i]) return false;
  }
  return true;
}

std::optional<std::uint64_t> factor_of(std::string_view text, std::span<const Unit> units) {
  // One blank may stand between a number and its unit.
  if (text.size() > 1 && text.front() == ' ') text.remove_prefix(1);
  for (const Unit& unit : units) {
    if (same(text, unit.name)) return unit.factor;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  const char* const end = text.data() + text.size();
  double number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  const auto unit = factor_of({read.ptr, static_cast<std::size_t>(end - read.ptr)}, units);
  if (!unit) return std::nullopt;
  std::uint64_t whole = 0;
  const auto digits = std::from_chars(text.data(), end, whole);
  if (digits.ptr == read.ptr) {
    if (digits.ec != std::errc{}) return std::nullopt;
    if (whole > std::numeric_limits<std::uint64_t>::max() / *unit) return std::nullopt;
    return whole * *unit;
  }
  const double product = number * static_cast<double>(*unit);
  if (product > kExactMax) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(product));
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const char* const end = text.data() + text.size();
  double number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  const bool whole = read.ec == std::errc{} && read.ptr == end;
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> parse_count(std::string_view text) { return parse(text, kCounts); }
std::optional<std::uint64_t> parse_bytes(std::string_view text) { return parse(text, kBytes); }
std::optional<std::uint64_t> parse_rate(std::string_view text) { return parse(text, kRates); }

std::optional<Duration> parse_duration(std::string_view text, BareDuration bare) {
  auto count = parse(text, kDurations);
  if (!count) {
    const std::array no_unit = {Unit{"", bare == BareDuration::kMicroseconds ? 1'000 : kSecond}};
    count = parse(text, no_unit);
    if (bare == BareDuration::kRefused && count && *count != 0) return std::nullopt;
  }
  if (!count || *count > static_cast<std::uint64_t>(Duration::max().count())) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*count));
}

std::string exact_duration(Duration duration) {
  constexpr std::size_t kSeconds = 3;  // in kDurations
  for (std::size_t i = kSeconds; i > 0; --i) {
    const auto factor = static_cast<Duration::rep>(kDurations[i].factor);
    if (duration.count() % factor == 0) {
      return std::to_string(duration.count() / factor).append(kDurations[i].name);
    }
  }
  return std::to_string(duration.count()).append(kDurations[0].name);
}

}  // namespace homa::base
