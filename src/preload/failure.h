// Why a call of the kernel's interface failed: an errno value, and a sentence for HOMAIOCINFO.
#pragma once

#include <string>
#include <utility>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::preload {

struct Failure {
  int number = 0;  // an errno value
  std::string text{};
};

inline Unexpected<Failure> refuse(int number, std::string text) {
  return Unexpected(Failure{number, std::move(text)});
}

// The errno value by which the kernel's interface tells of an error.
int errno_of(ErrorCode code);

inline Unexpected<Failure> refuse(const Error& error) {
  return refuse(errno_of(error.code), error.text);
}

}  // namespace homa::preload
