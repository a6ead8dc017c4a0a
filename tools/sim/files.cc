#include "tools/sim/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/failure.h"

namespace homa::tools {
Result<std::string, Error> read_text(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) return system_failure("cannot read " + path, errno);
  std::ostringstream text;
  text << file.rdbuf();
  if (errno != 0) return system_failure("cannot read " + path, errno);
  return text.str();
}

Result<nlohmann::ordered_json, Error> read_json(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return Unexpected(text.error());
  auto json = nlohmann::ordered_json::parse(*text, nullptr, false, true);
  if (json.is_discarded()) {
    return failure(ErrorCode::kInvalidArgument, path + " is not JSON");
  }
  return json;
}

Result<void, Error> write_json(const std::string& path, const nlohmann::ordered_json& json) {
  if (path == "-") {
    fmt::print("{}\n", json.dump(1));
    return {};
  }
  errno = 0;
  const std::string partial = path + ".part";
  std::ofstream file(partial);
  file << json.dump(1) << "\n";
  file.close();
  if (!file) return system_failure("cannot write " + path, errno);
  std::error_code error;
  std::filesystem::rename(partial, path, error);
  if (error) {
    return failure(ErrorCode::kSystem, "cannot write " + path + ": " + error.message());
  }
  return {};
}

}  // namespace homa::tools
