// Checks of the machine that need its files only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/doctor/finding.h"

namespace homa::tools {

// /proc and /sys, or a copy of them in another folder.
class SystemFiles {
 public:
  explicit SystemFiles(std::string root = {}) : root_(std::move(root)) {}

  // Without the line's end; nothing: there is no such file.
  std::optional<std::string> read(const std::string& path) const;
  // Names in a folder, sorted; of those that begin with `prefix`.
  std::vector<std::string> list(const std::string& folder, std::string_view prefix) const;

 private:
  std::string root_;
};

Finding check_clock_source(const SystemFiles& files);
Finding check_governor(const SystemFiles& files);
Finding check_idle_states(const SystemFiles& files);
// `root`: whether the process may have more than the limit.
Finding check_socket_buffers(const SystemFiles& files, bool root);
Finding check_cgroup(const SystemFiles& files);
Finding check_huge_pages(const SystemFiles& files);

Findings check_machine(const SystemFiles& files, bool root);

}  // namespace homa::tools
