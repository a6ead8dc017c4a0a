// Every field of CoreConfig by name, for command lines and HostConfig::parameters.
//
// Values are quantities as base/quantity.h reads them, each with the units of its field: "40k",
// "64kib", "25G", "20us" (a duration needs its unit, but 0). Cutoffs are eight numbers with commas
// between; switches are 0 or 1.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/config.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::core {

enum class Settable { kAnyTime, kAtStart };

struct ConfigField {
  std::string_view name;
  std::string_view unit;  // "bytes", "bit/s", "duration", ...
  Settable settable;
  std::string_view meaning;
  Result<void, Error> (*set)(CoreConfig& config, std::string_view value);
  std::string (*get)(const CoreConfig& config);
};

// In the order of CoreConfig.
std::span<const ConfigField> config_fields();
// nullptr: there is none of that name.
const ConfigField* find_field(std::string_view name);

// kInvalidArgument names the field and what was expected. Ranges are CoreConfig::validate()'s.
Result<void, Error> set_field(CoreConfig& config, std::string_view name, std::string_view value);
// The same for the configuration of an endpoint that works. kInvalidArgument also for a field that
// is set only at the start; then nothing has changed.
Result<void, Error> change_field(CoreConfig& config, std::string_view name, std::string_view value);
Result<void, Error> set_fields(CoreConfig& config,
                               const std::map<std::string, std::string>& values);

}  // namespace homa::core
