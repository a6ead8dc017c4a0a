#include "io/open.h"

#include "base/failure.h"
#include "io/back_ends.h"
#include "io/faults.h"
#include "io/pcap_writer.h"

namespace homa::io {
namespace {

using Opened = Result<std::unique_ptr<PacketIo>, Error>;

// The fastest that works here and reaches `udp` hosts, so never `raw`: hosts that choose for
// themselves must not end up with different wire formats. AF_XDP outside the driver is no faster,
// and where it copies (veth) long messages cost three times the processor time of `udp`.
Opened open_best(const IoConfig& config) {
  IoConfig choice = config;
  choice.backend = "xdp:mode=native,copy=zerocopy";
  choice.chosen_because = "auto: the fastest there is";
  auto xdp = open_xdp(choice);
  if (xdp) return xdp;
  choice.backend = "udp";
  choice.chosen_because = "auto: works everywhere, as xdp does not here (" + xdp.error().text + ")";
  return open_udp(choice);
}

Opened open_back_end(const IoConfig& config) {
  if (config.backend == "udp") return open_udp(config);
  if (config.backend == "auto") return open_best(config);
  if (config.backend.starts_with("xdp")) return open_xdp(config);
  if (config.backend == "raw") return open_raw(config);
  return failure(ErrorCode::kInvalidArgument, "back end \"" + config.backend +
                                                  "\" is not known; there are: auto, udp, raw, "
                                                  "xdp");
}

}  // namespace

Opened open(const IoConfig& config) {
  const auto valid = validate(config.faults);
  if (!valid) return Unexpected<Error>(valid.error());
  auto io = open_back_end(config);
  // The capture is inside the faults: it shows what really goes out.
  if (io && !config.pcap.empty()) io = PcapWriterIo::create(std::move(*io), config.pcap);
  if (io && config.faults.any()) {
    return std::unique_ptr<PacketIo>(std::make_unique<FaultyIo>(std::move(*io), config.faults));
  }
  return io;
}

}  // namespace homa::io
