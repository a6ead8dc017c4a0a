// Errors of RPCs in words for people.
#pragma once

#include <string>

#include "homa/address.h"
#include "homa/error.h"

namespace homa::client {

// What happened to an RPC with `peer`, the cure where there is one, and whether the request was
// executed.
Error failure_in_words(ErrorCode code, Executed executed, const SocketAddress& peer);

}  // namespace homa::client
