// The services that every server has: health and reflection (docs/rpc.md#health-and-reflection).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "homa/rpc/server.h"
#include "services.homa.h"

namespace homa::rpc {

// Which services the server has, and which of them serve. Any thread.
class Directory {
 public:
  void add(const Method& method);
  // False: there is no such service.
  bool set_serving(std::string_view service, bool serving);
  // nullopt: there is no such service. Of "": whether all serve.
  std::optional<bool> serving(std::string_view service) const;
  std::vector<std::string> methods() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> methods_;
  std::map<std::string, bool, std::less<>> serving_;  // by service
};

class HealthService : public v1::Health::Service {
 public:
  explicit HealthService(const Directory& directory) : directory_(directory) {}
  Status Check(ServerContext& context, const v1::HealthRequest& request,
               v1::HealthResponse* response) override;

 private:
  const Directory& directory_;
};

// Describes what the server's program was generated from: only files of services that it has.
class ReflectionService : public v1::Reflection::Service {
 public:
  explicit ReflectionService(const Directory& directory) : directory_(directory) {}
  Status List(ServerContext& context, const v1::ListRequest& request,
              v1::ListResponse* response) override;
  Status Describe(ServerContext& context, const v1::DescribeRequest& request,
                  v1::DescribeResponse* response) override;

 private:
  const Directory& directory_;
};

}  // namespace homa::rpc
