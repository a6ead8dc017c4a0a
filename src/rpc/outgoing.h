// Requests on their way out, built where they are sent from.
#pragma once

#include <google/protobuf/message_lite.h>

#include <chrono>

#include "homa/rpc/context.h"
#include "rpc/header.h"

namespace homa::rpc {

// What is left until the deadline; nullopt: there is none.
Timeout time_left(const ClientContext& context);
// The same as a header carries it: 0 is none.
std::chrono::microseconds timeout_of(const ClientContext& context);

// Transmit memory with the header, the metadata and `body` (nullptr: none) in it.
Result<PreparedMessage, Error> prepare_request(Socket& socket, const RequestHeader& header,
                                               const Metadata& metadata,
                                               const google::protobuf::MessageLite* body);

// What a response says of its call.
Status status_of(const ResponseHeader& header);

}  // namespace homa::rpc
