#include "tools/sim/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace homa::tools {
namespace {

Error failed(const std::string& what, const std::string& path) {
  return {ErrorCode::kSystem, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

}  // namespace

Result<std::string, Error> read_text(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) return Unexpected(failed("read", path));
  std::ostringstream text;
  text << file.rdbuf();
  if (errno != 0) return Unexpected(failed("read", path));
  return text.str();
}

Result<nlohmann::ordered_json, Error> read_json(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return Unexpected(text.error());
  auto json = nlohmann::ordered_json::parse(*text, nullptr, false, true);
  if (json.is_discarded()) {
    return Unexpected(Error{ErrorCode::kInvalidArgument, path + " is not JSON"});
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
  if (!file) return Unexpected(failed("write", path));
  std::error_code error;
  std::filesystem::rename(partial, path, error);
  if (error) {
    return Unexpected(Error{ErrorCode::kSystem, "cannot write " + path + ": " + error.message()});
  }
  return {};
}

}  // namespace homa::tools
