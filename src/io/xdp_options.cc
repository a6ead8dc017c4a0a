#include "io/xdp_options.h"

#include <bit>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/failure.h"
#include "base/quantity.h"
#include "io/xdp_filter.h"

namespace homa::io {
namespace {

template <typename T>
bool choose(std::string_view text, std::initializer_list<std::pair<std::string_view, T>> choices,
            T& value) {
  for (const auto& [name, meaning] : choices) {
    if (text == name) {
      value = meaning;
      return true;
    }
  }
  return false;
}

bool number(std::string_view text, std::uint32_t low, std::uint32_t high, std::uint32_t& value) {
  const auto parsed = base::parse_count(text);
  if (!parsed || *parsed < low || *parsed > high) return false;
  value = static_cast<std::uint32_t>(*parsed);
  return true;
}

bool set(XdpOptions& options, std::string_view key, std::string_view value) {
  using Copy = XdpRingsConfig::Copy;
  if (key == "format") {
    return choose<Carrier>(value, {{"udp", Carrier::kUdp}, {"146", Carrier::kIp}}, options.carrier);
  }
  if (key == "mode") {
    return choose<XdpMode>(
        value,
        {{"auto", XdpMode::kAuto}, {"native", XdpMode::kNative}, {"generic", XdpMode::kGeneric}},
        options.mode);
  }
  if (key == "copy") {
    return choose<Copy>(
        value, {{"auto", Copy::kAuto}, {"copy", Copy::kCopy}, {"zerocopy", Copy::kZeroCopy}},
        options.copy);
  }
  if (key == "wakeup") {
    return choose<bool>(value, {{"on", true}, {"off", false}}, options.need_wakeup);
  }
  if (key == "queues") return number(value, 1, HOMA_XDP_QUEUES_MAX, options.queues);
  if (key == "busy-poll") return number(value, 0, 10'000, options.busy_poll_usecs);
  if (key == "ring") {
    return number(value, 64, 32'768, options.ring) && std::has_single_bit(options.ring);
  }
  return false;
}

}  // namespace

Result<XdpOptions, Error> parse_xdp_options(std::string_view backend) {
  XdpOptions options;
  const auto colon = backend.find(':');
  std::string_view rest = colon == std::string_view::npos ? "" : backend.substr(colon + 1);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    const auto equals = item.find('=');
    if (equals == std::string_view::npos ||
        !set(options, item.substr(0, equals), item.substr(equals + 1))) {
      return failure(ErrorCode::kInvalidArgument,
                     "xdp: option \"" + std::string(item) +
                         "\" is not one of format=udp|146, mode=auto|native|generic, "
                         "copy=auto|copy|zerocopy, queues=1..64, ring=64..32768 (a power of two), "
                         "wakeup=on|off, busy-poll=0..10000");
    }
  }
  return options;
}

}  // namespace homa::io
