#include "io/open.h"

#include "io/back_ends.h"
#include "io/descriptor.h"

namespace homa::io {

Result<std::unique_ptr<PacketIo>, Error> open(const IoConfig& config) {
  if (config.backend == "udp" || config.backend == "auto") return open_udp(config);
  if (config.backend == "raw") return open_raw(config);
  return failure(ErrorCode::kInvalidArgument,
                 "back end \"" + config.backend + "\" is not known; there are: auto, udp, raw");
}

}  // namespace homa::io
