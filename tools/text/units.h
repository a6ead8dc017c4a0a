// Quantities as people read them. base/quantity.h reads what people write.
#pragma once

#include <cstdint>
#include <string>

namespace homa::tools {

std::string format_rate(std::uint64_t bits_per_second);  // "200 Mbit/s"
std::string format_bytes(double bytes);                  // "1.4 kB"
std::string format_time(double microseconds);            // "84 us", "1.32 ms", "2.1 s"

}  // namespace homa::tools
