// Messages of methods that are known only by a server's descriptions of them.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "homa/result.h"

namespace homa::tools {

// What a server described. Descriptions come from the network: a wrong one is an error.
class Descriptions {
 public:
  // FileDescriptorProtos, each behind those that it imports. The error says what is wrong.
  Result<void, std::string> add(std::string_view file);
  // Of "package.Service/Method"; nullptr: it is not described.
  const google::protobuf::MethodDescriptor* method(std::string_view name) const;
  // A message of that type, from JSON. The error is protobuf's.
  Result<std::unique_ptr<google::protobuf::Message>, std::string> from_json(
      const google::protobuf::Descriptor& type, const std::string& json);
  std::unique_ptr<google::protobuf::Message> empty(const google::protobuf::Descriptor& type);
  static std::string to_json(const google::protobuf::Message& message);

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
};

}  // namespace homa::tools
