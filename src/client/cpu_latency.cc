#include "client/cpu_latency.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace homa::client {
namespace {

Unexpected<Error> failed(int error, const char* device) {
  const bool forbidden = error == EACCES || error == EPERM;
  std::string text = std::string("cannot limit the processors' wake-up latency: ") + device + ": " +
                     std::strerror(error);
  if (forbidden) text += "; it needs root, or write permission on that device";
  if (error == ENOENT) text += "; this system has no such device: leave cpu_latency unset";
  return Unexpected(Error{forbidden ? ErrorCode::kNotPermitted : ErrorCode::kSystem, text});
}

}  // namespace

Result<base::Descriptor, Error> limit_cpu_latency(std::chrono::microseconds at_most,
                                                  const char* device) {
  if (at_most.count() < 0 || at_most.count() > std::numeric_limits<std::int32_t>::max()) {
    return Unexpected(Error{ErrorCode::kInvalidArgument,
                            "a wake-up latency is 0 to 2147483647 microseconds, not " +
                                std::to_string(at_most.count())});
  }
  base::Descriptor file(::open(device, O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return failed(errno, device);
  const auto microseconds = static_cast<std::int32_t>(at_most.count());
  if (::write(file.get(), &microseconds, sizeof microseconds) != sizeof microseconds) {
    return failed(errno, device);
  }
  return file;
}

}  // namespace homa::client
