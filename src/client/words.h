// Errors of RPCs in words for people.
#pragma once

#include <string>

#include "homa/address.h"
#include "homa/error.h"

namespace homa::client {

// What happened to an RPC with `peer`, and the cure where there is one.
std::string failure_in_words(ErrorCode code, const SocketAddress& peer);

}  // namespace homa::client
