// The socket by which tools ask a running engine for its parameters and change them
// (trace/parameter_request.h).
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "core/endpoint.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::engine {

struct ParameterChange {
  std::string_view name;
  std::string before, now;
  pid_t pid = 0;  // who asked
  uid_t user = 0;
};

class ParameterRequests {
 public:
  // There are none.
  ParameterRequests() = default;
  // Beside the state file. kSystem.
  static Result<ParameterRequests, Error> open(const std::string& state_file);
  ~ParameterRequests();
  ParameterRequests(ParameterRequests&& other) noexcept;
  ParameterRequests& operator=(ParameterRequests&& other) noexcept;

  // Readable when a request waits; -1: none ever will.
  int descriptor() const { return socket_.get(); }
  // Answers what waits, but no more than kAtOnce. Never blocks, whatever was sent. `changed` is
  // called for each change.
  static constexpr int kAtOnce = 4;
  void answer(core::Endpoint& endpoint,
              const std::function<void(const ParameterChange&)>& changed) const;

 private:
  ParameterRequests(base::Descriptor socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  base::Descriptor socket_;
  std::string path_;
};

}  // namespace homa::engine
