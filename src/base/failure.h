// Failures in words: what a function returns that could not do its work.
#pragma once

#include <cstring>
#include <string>
#include <utility>

#include "homa/error.h"
#include "homa/result.h"

namespace homa {

inline Unexpected<Error> failure(ErrorCode code, std::string text) {
  return Unexpected<Error>(Error{code, std::move(text)});
}

// "WHAT: Permission denied". `error` is an errno value.
inline Unexpected<Error> system_failure(const std::string& what, int error) {
  return failure(ErrorCode::kSystem, what + ": " + std::strerror(error));
}

}  // namespace homa
