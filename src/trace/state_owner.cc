#include "trace/state_owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace homa::trace {

std::string state_folder() {
  const char* const asked = ::secure_getenv("HOMA_STATE");
  const std::string folder = asked != nullptr ? asked : "";
  if (folder == "off") return {};
  return folder.empty() ? "/dev/shm" : folder;
}

std::uint32_t pid_in_name(std::string_view name) {
  if (!name.starts_with(kStatePrefix)) return 0;
  name.remove_prefix(kStatePrefix.size());
  std::uint32_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const bool whole = error == std::errc() && end != name.data() + name.size() && *end == '-';
  return whole ? pid : 0;
}

std::uint64_t process_started(std::uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return 0;
  // The second field is the program's name in parentheses, and may hold anything.
  const std::size_t name_ends = line.rfind(')');
  if (name_ends == std::string::npos) return 0;
  std::istringstream rest(line.substr(name_ends + 1));
  constexpr int kBetween = 19;  // fields 3 to 21
  std::string skipped;
  for (int i = 0; i < kBetween; ++i) rest >> skipped;
  std::uint64_t started = 0;
  rest >> started;
  return started;
}

std::uint64_t pid_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

StateOwner state_owner() {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  return {pid, 0, process_started(pid), pid_namespace()};
}

Owner look_for(const StateOwner& owner) {
  if (owner.pid_namespace != pid_namespace()) return Owner::kUnknown;
  if (owner.pid == 0 || owner.pid > 0x7fffffff) return Owner::kGone;
  if (owner.process_started == 0) {
    const bool gone = ::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH;
    return gone ? Owner::kGone : Owner::kLives;
  }
  return process_started(owner.pid) == owner.process_started ? Owner::kLives : Owner::kGone;
}

}  // namespace homa::trace
