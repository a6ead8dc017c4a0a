// How generated code calls what a .proto file declares.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

namespace homa::rpc::compiler {

// "shop/order.proto" -> "shop/order".
std::string without_extension(std::string_view file);
// The C++ class of a message, from the global namespace: "::shop::Order", "::shop::Order_Item".
std::string class_of(const google::protobuf::Descriptor& message);
// The namespace of a file: "shop::eu"; empty: none.
std::string namespace_of(const google::protobuf::FileDescriptor& file);

}  // namespace homa::rpc::compiler
