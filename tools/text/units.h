// Quantities as people write them on a command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace homa::tools {

// "200mbit", "1.5 Gbit/s", "25g", "800000": bits per second; decimal prefixes.
std::optional<std::uint64_t> parse_rate(std::string_view text);
// "1500", "64kb", "1 MB", "4kib": bytes; decimal prefixes, but kib, mib, gib are powers of 1024.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "20", "1.5s", "250ms", "50us", "2min": a bare number is seconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

std::string format_rate(std::uint64_t bits_per_second);  // "200 Mbit/s"
std::string format_bytes(double bytes);                  // "1.4 kB"
std::string format_time(double microseconds);            // "84 us", "1.32 ms", "2.1 s"

}  // namespace homa::tools
