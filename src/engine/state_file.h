// The files that state is published in, and their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/mapping.h"
#include "base/time.h"

namespace homa::engine {

struct StateFile {
  base::Mapping memory;  // zeroed, and all there: writing to it never fails
  std::string path;
};

// kSystem (no such folder, no room), kNoMemory.
Result<StateFile, Error> create_state_file(const std::string& folder, std::uint64_t bytes);

// Of the files in `folder` that dead processes of this user left, the latest `kKeptFiles` stay, for
// at most kKeptFor; the others are removed.
inline constexpr std::size_t kKeptFiles = 8;
inline constexpr Duration kKeptFor{24LL * 3600 * 1'000'000'000};
void remove_old_state_files(const std::string& folder, Time clock);

}  // namespace homa::engine
