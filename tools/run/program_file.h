// Whether a library can be put in front of a program: the dynamic loader does that, and only for
// programs that need it.
#pragma once

#include <string>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

// `path`: of the file. For a script its interpreter counts. kNotPermitted: the loader ignores
// LD_PRELOAD for it (set-uid, file capabilities). kInvalidArgument: it has no loader (static), or
// is for another machine. kSystem: it cannot be read.
Result<void, Error> can_preload(const std::string& path);

}  // namespace homa::tools
