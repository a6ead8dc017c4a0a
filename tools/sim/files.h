// The files that `homa sim` reads and writes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

// kSystem: it cannot be read; the text says why.
Result<std::string, Error> read_text(const std::string& path);
// Comments are allowed. kInvalidArgument: it is not JSON.
Result<nlohmann::ordered_json, Error> read_json(const std::string& path);
// Whole or not at all: a sweep takes a file that is there for a run that is done. "-" is standard
// output.
Result<void, Error> write_json(const std::string& path, const nlohmann::ordered_json& json);

}  // namespace homa::tools
