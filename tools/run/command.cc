#include "tools/run/command.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/failure.h"
#include "preload/settings.h"
#include "tools/options/host_options.h"
#include "tools/process/process.h"
#include "tools/run/program_file.h"

namespace homa::tools {
namespace {

constexpr const char* kName = "homa run";

struct Settings {
  HostOptions host;
  std::vector<std::string> command;
};

// Beside this program: as it was built, and as it is installed.
Result<std::string, Error> find_library() {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  for (const char* place : {"../libhoma_preload.so", HOMA_PRELOAD_FROM_BIN}) {
    auto library = std::filesystem::canonical(self.parent_path() / place, failed);
    if (!failed) return library.string();
  }
  return failure(ErrorCode::kSystem, "libhoma_preload.so is not where it belongs: " +
                                         (self.parent_path() / HOMA_PRELOAD_FROM_BIN).string());
}

// One that nobody has, for this program and those that it starts.
Result<std::uint16_t, Error> free_udp_port() {
  const base::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  auto* const any = reinterpret_cast<sockaddr*>(&name);
  socklen_t length = sizeof(name);
  if (::bind(socket.get(), any, length) != 0 || ::getsockname(socket.get(), any, &length) != 0) {
    return system_failure("cannot find a free UDP port", errno);
  }
  return ntohs(name.sin_port);
}

Result<void, Error> set_environment(HostConfig config, const std::string& library) {
  if (config.udp_port == 0) {
    const auto port = free_udp_port();
    if (!port) return Unexpected(port.error());
    config.udp_port = *port;
  }
  for (const std::string& line : preload::write_settings(config)) {
    const std::size_t equals = line.find('=');
    ::setenv(line.substr(0, equals).c_str(), line.c_str() + equals + 1, 1);
  }
  const char* const before = std::getenv("LD_PRELOAD");
  const std::string all = before == nullptr || *before == '\0' ? library : before + (":" + library);
  ::setenv("LD_PRELOAD", all.c_str(), 1);
  return {};
}

// Does not return when it works.
Error become(std::vector<std::string> command, const std::string& path) {
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  ::execv(path.c_str(), words.data());
  return system_failure("cannot run " + path, errno).error();
}

int run_program(const Settings& settings) {
  std::vector<std::string> command = settings.command;
  if (command.front() == "--") command.erase(command.begin());
  if (command.empty()) {
    return report_error(kName, {ErrorCode::kInvalidArgument, "say which program to run"});
  }
  const std::string path = find_program(command.front());
  if (path.empty()) {
    return report_error(kName, {ErrorCode::kSystem, command.front() + ": not found"});
  }
  if (auto good = can_preload(path); !good) return report_error(kName, good.error());
  const auto library = find_library();
  if (!library) return report_error(kName, library.error());
  const auto set = set_environment(settings.host.host_config(), *library);
  if (!set) return report_error(kName, set.error());
  return report_error(kName, become(std::move(command), path));
}

}  // namespace

void add_run_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command =
      app.add_subcommand("run", "Run a program that was written for the kernel's Homa");
  command->footer(
      "  homa run ./server 4000\n"
      "  homa run --io raw --address 10.0.0.1 -- ./client --threads 4\n"
      "Its sockets of protocol 146 are Homa sockets of this library: docs/kernel-programs.md.");
  command->add_option("command", settings->command, "program and arguments, best behind --")
      ->required();
  command->positionals_at_end();
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return run_program(*settings); }; });
}

}  // namespace homa::tools
