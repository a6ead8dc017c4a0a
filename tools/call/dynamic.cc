#include "tools/call/dynamic.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

namespace homa::tools {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;

// Keeps the first complaint, instead of writing all to standard error.
class Complaints : public DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const Message*, ErrorLocation,
                const std::string& text) override {
    if (first.empty()) first = file + ": " + element + ": " + text;
  }
  std::string first;
};

}  // namespace

Result<void, std::string> Descriptions::add(std::string_view file) {
  FileDescriptorProto description;
  if (!description.ParseFromArray(file.data(), static_cast<int>(file.size()))) {
    return Unexpected(std::string("a description is no FileDescriptorProto"));
  }
  if (pool_.FindFileByName(description.name()) != nullptr) return {};
  Complaints complaints;
  if (pool_.BuildFileCollectingErrors(description, &complaints) == nullptr) {
    return Unexpected("a description is wrong: " + complaints.first);
  }
  return {};
}

const google::protobuf::MethodDescriptor* Descriptions::method(std::string_view name) const {
  std::string dotted(name);
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  return pool_.FindMethodByName(dotted);
}

std::unique_ptr<Message> Descriptions::empty(const google::protobuf::Descriptor& type) {
  return std::unique_ptr<Message>(factory_.GetPrototype(&type)->New());
}

Result<std::unique_ptr<Message>, std::string> Descriptions::from_json(
    const google::protobuf::Descriptor& type, const std::string& json) {
  auto message = empty(type);
  const auto status = google::protobuf::util::JsonStringToMessage(json, message.get());
  if (!status.ok()) return Unexpected(std::string(status.message()));
  return message;
}

std::string Descriptions::to_json(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : std::string(status.message());
}

}  // namespace homa::tools
