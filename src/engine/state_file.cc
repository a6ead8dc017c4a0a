#include "engine/state_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/failure.h"
#include "trace/parameter_request.h"
#include "trace/state_owner.h"

namespace homa::engine {
namespace {

constexpr mode_t kMode = 0644;

struct Left {  // by a dead process
  std::string path;
  std::uint64_t sampled = 0;
};

// Nothing if the file's process lives, if that is not known, or if the file is not ours.
std::optional<Left> left_behind(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid()) {
    return std::nullopt;
  }
  trace::StateHeader header;
  if (::pread(file.get(), static_cast<void*>(&header), sizeof(header), 0) != sizeof(header) ||
      header.magic.load() != trace::kStateMagic || look_for(header.owner) != trace::Owner::kGone) {
    return std::nullopt;
  }
  return Left{path, header.sampled.load()};
}

bool has_process(std::uint32_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace

Result<StateFile, Error> create_state_file(const std::string& folder, std::uint64_t bytes) {
  std::string path =
      folder + "/" + std::string(trace::kStatePrefix) + std::to_string(::getpid()) + "-XXXXXX";
  const base::Descriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return system_failure("cannot create a file in " + folder, errno);
  const auto failed = [&](const char* what) {
    const int error = errno;
    ::unlink(path.c_str());
    return system_failure(std::string(what) + " " + path, error);
  };
  // Space that is missing later would end the process by SIGBUS.
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) != 0) return failed("no room for");
  if (::fchmod(file.get(), kMode) != 0) return failed("cannot share");
  auto memory = base::Mapping::of_file(file.get(), bytes);
  if (!memory) {
    ::unlink(path.c_str());
    return Unexpected(memory.error());
  }
  return StateFile{std::move(memory).value(), std::move(path)};
}

void remove_old_state_files(const std::string& folder, Time clock) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (entries == nullptr) return;
  std::vector<Left> left;
  while (const dirent* const entry = ::readdir(entries.get())) {
    const std::uint32_t pid = trace::pid_in_name(entry->d_name);
    if (pid == 0 || has_process(pid)) continue;
    if (auto found = left_behind(folder + "/" + entry->d_name)) left.push_back(std::move(*found));
  }
  std::sort(left.begin(), left.end(),
            [](const Left& a, const Left& b) { return a.sampled > b.sampled; });
  const auto now = static_cast<std::uint64_t>(clock.time_since_epoch().count());
  for (std::size_t i = 0; i < left.size(); ++i) {
    const bool recent = left[i].sampled + static_cast<std::uint64_t>(kKeptFor.count()) > now;
    if (i < kKeptFiles && recent) continue;
    ::unlink(left[i].path.c_str());
    ::unlink(trace::parameter_socket(left[i].path).c_str());
  }
}

}  // namespace homa::engine
