// Whether the request of an RPC was executed, as far as one of its sides can tell
// (docs/protocol.md#was-it-executed).
#pragma once

#include "core/rpc_table.h"
#include "homa/error.h"

namespace homa::core {

// What a server says when it ends an RPC that it serves. Its application has had the request as
// soon as it was whole.
Executed executed_at_server(const Rpc& rpc);
// What a server says of a request that it refuses on arrival.
Executed executed_if_refused(ErrorCode why);
// What a client knows when its RPC ends without a response.
Executed executed_at_client(const Rpc& rpc, ErrorCode why);

}  // namespace homa::core
