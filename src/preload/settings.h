// How a preloaded program's host is opened: environment variables, which `homa run` sets from its
// options. One list declares each of them once.
#pragma once

#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/host.h"
#include "homa/result.h"

namespace homa::preload {

struct SettingName {
  const char* name;  // "HOMA_RUN_IO"
  const char* meaning;
};
std::vector<SettingName> setting_names();

// From an environment ("NAME=value", ended by a null pointer). Variables that do not begin with
// HOMA_RUN_ are left alone. kInvalidArgument names one that is unknown or has no such value.
Result<HostConfig, Error> read_settings(const char* const* environment);

// The variables ("NAME=value") for a configuration; those at their defaults are left out.
std::vector<std::string> write_settings(const HostConfig& config);

}  // namespace homa::preload
