// What a shell offers when Tab is pressed: subcommands, options, and files as their values.
#pragma once

#include <string>

#include "tools/manual/describe.h"

namespace homa::tools {

std::string bash_completion(const CommandText& root);
std::string zsh_completion(const CommandText& root);

}  // namespace homa::tools
