#include "tools/manual/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "homa_version.h"
#include "tools/homad/options.h"
#include "tools/manual/completion.h"
#include "tools/manual/man_page.h"

namespace homa::tools {
namespace {

namespace fs = std::filesystem;

bool write(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (!file) fmt::print(stderr, "homa manual: cannot write {}\n", path.string());
  return static_cast<bool>(file);
}

std::string homad_page(const CommandText& all) {
  CLI::App app{HomadOptions::kDescription, "homad"};
  HomadOptions options;
  options.add_to(app);
  return man_page(describe(app), all, Edition{HOMA_VERSION, HOMA_DATE, "8"});
}

// Laid out as below /usr/share.
int write_manual(const CLI::App& app, const fs::path& folder) {
  const CommandText root = describe(app);
  const Edition edition{HOMA_VERSION, HOMA_DATE, "1"};
  const auto write_page = [&](const CommandText& command) {
    return write(folder / "man" / "man1" / (page_name(command) + ".1"),
                 man_page(command, root, edition));
  };
  bool good = write_page(root);
  for (const CommandText& command : root.commands) good = write_page(command) && good;
  good = write(folder / "man" / "man8" / "homad.8", homad_page(root)) && good;
  good = write(folder / "bash-completion" / "completions" / "homa", bash_completion(root)) && good;
  good = write(folder / "zsh" / "site-functions" / "_homa", zsh_completion(root)) && good;
  return good ? kSuccess : kFailure;
}

}  // namespace

void add_manual_command(CLI::App& app, Run& run) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("manual", "Write man pages and shell completions");
  command->group("");
  command->add_option("folder", *folder, "where to, as below /usr/share")->required();
  command->callback(
      [folder, &app, &run] { run = [folder, &app] { return write_manual(app, *folder); }; });
}

}  // namespace homa::tools
