#include "rpc/compiler/names.h"

namespace homa::rpc::compiler {

std::string without_extension(std::string_view file) {
  constexpr std::string_view kExtension = ".proto";
  if (file.ends_with(kExtension)) file.remove_suffix(kExtension.size());
  return std::string(file);
}

std::string class_of(const google::protobuf::Descriptor& message) {
  std::string name = message.name();
  for (const auto* outer = message.containing_type(); outer != nullptr;
       outer = outer->containing_type()) {
    name = outer->name() + "_" + name;
  }
  const std::string space = namespace_of(*message.file());
  return space.empty() ? "::" + name : "::" + space + "::" + name;
}

std::string namespace_of(const google::protobuf::FileDescriptor& file) {
  std::string space;
  for (const char letter : file.package()) {
    if (letter == '.') {
      space += "::";
    } else {
      space += letter;
    }
  }
  return space;
}

}  // namespace homa::rpc::compiler
