// The servers behind a channel's name.
#pragma once

#include <string_view>
#include <vector>

#include "homa/address.h"
#include "homa/result.h"

namespace homa::rpc {

// Of a target as Channel::open() takes it. Looks names up, so it may block. kInvalidArgument.
Result<std::vector<SocketAddress>, Error> resolve_target(std::string_view target);

}  // namespace homa::rpc
