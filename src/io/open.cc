#include "io/open.h"

#include "io/back_ends.h"
#include "io/descriptor.h"

namespace homa::io {
namespace {

// The fastest that works here and reaches `udp` hosts, so never `raw`: hosts that choose for
// themselves must not end up with different wire formats. AF_XDP outside the driver is no faster.
Result<std::unique_ptr<PacketIo>, Error> open_best(const IoConfig& config) {
  IoConfig choice = config;
  choice.backend = "xdp:mode=native";
  choice.chosen_because = "auto: the fastest there is";
  auto xdp = open_xdp(choice);
  if (xdp) return xdp;
  choice.backend = "udp";
  choice.chosen_because = "auto: works everywhere, as xdp does not here (" + xdp.error().text + ")";
  return open_udp(choice);
}

}  // namespace

Result<std::unique_ptr<PacketIo>, Error> open(const IoConfig& config) {
  if (config.backend == "udp") return open_udp(config);
  if (config.backend == "auto") return open_best(config);
  if (config.backend.starts_with("xdp")) return open_xdp(config);
  if (config.backend == "raw") return open_raw(config);
  return failure(ErrorCode::kInvalidArgument,
                 "back end \"" + config.backend + "\" is not known; there are: auto, udp, raw, xdp");
}

}  // namespace homa::io
