// Quantities as people write them: on command lines, in parameters and in configuration files.
//
// A number, an optional decimal fraction or exponent, and a unit: "40k", "1.5 Gbit/s", "64kib",
// "250us". Upper and lower case are the same. Whole numbers are read exactly, fractions are rounded
// to the nearest whole result. Nothing means "this text is not such a quantity": no number, an
// unknown unit, a negative number, or a result that the type cannot hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace homa::base {

// "-3", "0.25", "1e-6": any finite number, without a unit.
std::optional<double> parse_number(std::string_view text);
// "1000", "40k", "1M", "2.5G": decimal prefixes.
std::optional<std::uint64_t> parse_count(std::string_view text);
// "1500", "64kb", "1 MB": decimal prefixes, but kib, mib, gib are powers of 1024.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "200mbit", "1.5 Gbit/s", "25g", "800000": bits per second; decimal prefixes.
std::optional<std::uint64_t> parse_rate(std::string_view text);

// What a duration without a unit means. 0 needs no unit anywhere.
enum class BareDuration : std::uint8_t { kSeconds, kMicroseconds, kRefused };
// "1.5s", "250ms", "50us", "500ns", "2min", "1h".
std::optional<Duration> parse_duration(std::string_view text,
                                       BareDuration bare = BareDuration::kSeconds);

// The largest unit from ns to s that divides it: "1500us", "2s". parse_duration() reads it back.
std::string exact_duration(Duration duration);

}  // namespace homa::base
