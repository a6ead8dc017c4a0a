#include "tools/options/command.h"

#include <fmt/format.h>

#include <cstdio>

#include "tools/process/process.h"

namespace homa::tools {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOk: return kSuccess;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLong: return kUsage;
    case ErrorCode::kNotPermitted: return kUnavailable;
    case ErrorCode::kCancelled:
      return StopGuard::stop_requested() ? StopGuard::exit_status() : kFailure;
    default: return kFailure;
  }
}

int report_error(std::string_view command, const Error& error) {
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", command, error.text);
  return exit_code(error.code);
}

}  // namespace homa::tools
