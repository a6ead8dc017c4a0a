// Stands in for the AF_XDP back end where Homa is built without it (cmake/xdp.cmake).
#include "base/failure.h"
#include "io/back_ends.h"

namespace homa::io {

Result<std::unique_ptr<PacketIo>, Error> open_xdp(const IoConfig&) {
  return failure(ErrorCode::kInvalidArgument,
                 "xdp: this Homa was built without AF_XDP (it needs libxdp, libbpf and clang at "
                 "build time); use --io udp");
}

}  // namespace homa::io
