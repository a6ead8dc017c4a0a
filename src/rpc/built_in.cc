#include "rpc/built_in.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>

namespace homa::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

Status no_such_service(const std::string& service) {
  return {StatusCode::kNotFound, "this server has no service \"" + service + "\""};
}

// Each file behind those that it imports.
void add_file(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
              v1::DescribeResponse* response) {
  if (!added.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) add_file(*file.dependency(i), added, response);
  google::protobuf::FileDescriptorProto description;
  file.CopyTo(&description);
  response->add_files(description.SerializeAsString());
}

}  // namespace

void Directory::add(const Method& method) {
  const std::lock_guard lock(mutex_);
  methods_.emplace_back(method.name);
  serving_.try_emplace(std::string(method.name.substr(0, method.name.find('/'))), true);
}

bool Directory::set_serving(std::string_view service, bool serving) {
  const std::lock_guard lock(mutex_);
  const auto found = serving_.find(service);
  if (found == serving_.end()) return false;
  found->second = serving;
  return true;
}

std::optional<bool> Directory::serving(std::string_view service) const {
  const std::lock_guard lock(mutex_);
  if (service.empty()) {
    return std::ranges::all_of(serving_, [](const auto& entry) { return entry.second; });
  }
  const auto found = serving_.find(service);
  if (found == serving_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Directory::methods() const {
  const std::lock_guard lock(mutex_);
  return methods_;
}

Status HealthService::Check(ServerContext& /*context*/, const v1::HealthRequest& request,
                            v1::HealthResponse* response) {
  const auto serving = directory_.serving(request.service());
  if (!serving) return no_such_service(request.service());
  response->set_serving(*serving);
  return {};
}

Status ReflectionService::List(ServerContext& /*context*/, const v1::ListRequest& /*request*/,
                               v1::ListResponse* response) {
  for (std::string& method : directory_.methods()) response->add_methods(std::move(method));
  return {};
}

Status ReflectionService::Describe(ServerContext& /*context*/, const v1::DescribeRequest& request,
                                   v1::DescribeResponse* response) {
  const FileDescriptor* file = nullptr;
  if (directory_.serving(request.service()) && !request.service().empty()) {
    const auto* service = DescriptorPool::generated_pool()->FindServiceByName(request.service());
    if (service != nullptr) file = service->file();
  }
  if (file == nullptr) return no_such_service(request.service());
  std::set<const FileDescriptor*> added;
  add_file(*file, added, response);
  return {};
}

}  // namespace homa::rpc
