// Parameters of a running engine, from another process of the same user or of root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "observe/engine_state.h"

namespace homa::observe {

struct Parameter {
  std::string name, value, unit, meaning;
  bool any_time = false;  // it may be changed while the engine runs
};

// kNotPermitted: the engine is another user's; kTimeout: it does not answer, for it is stopped or
// has much to do; kSystem: it takes no questions.
Result<std::vector<Parameter>, Error> parameters_of(const EngineState& engine);
// Also kInvalidArgument: the engine refuses the change, and says why. Returns the parameter as it
// was before.
Result<Parameter, Error> set_parameter(const EngineState& engine, std::string_view name,
                                       std::string_view value);

// An engine's answer; kSystem: it is none.
Result<std::vector<Parameter>, Error> parse_parameters(std::string_view answer);

}  // namespace homa::observe
