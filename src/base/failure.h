// Failures in words: what a function returns that could not do its work.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "homa/error.h"
#include "homa/result.h"

namespace homa {

inline Unexpected<Error> failure(ErrorCode code, std::string text) {
  return Unexpected<Error>(Error{code, std::move(text)});
}

// What to do about an errno value, if it is a limit that can be raised; otherwise empty.
inline const char* cure_of(int error) {
  switch (error) {
    case EMFILE: return "; raise the limit of open files (ulimit -n)";
    case ENFILE: return "; raise the system's limit of open files (sysctl fs.file-max)";
    case ENOMEM:
    case ENOBUFS: return "; free memory, or raise the limit of this process or its control group";
    default: return "";
  }
}

// "WHAT: Permission denied", and what to do about it. `error` is an errno value.
inline Unexpected<Error> system_failure(const std::string& what, int error) {
  const ErrorCode code = error == ENOMEM ? ErrorCode::kNoMemory : ErrorCode::kSystem;
  return failure(code, what + ": " + std::strerror(error) + cure_of(error));
}

}  // namespace homa
