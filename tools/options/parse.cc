#include "tools/options/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

namespace homa::tools {
namespace {

// How many letters must be changed, added or removed to make one word of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  constexpr std::size_t kTypos = 2;
  std::string best;
  std::size_t least = kTypos + 1;
  for (const std::string& name : names) {
    const std::size_t apart = distance(word, name);
    if (apart < least && apart < name.size()) {
      least = apart;
      best = name;
    }
  }
  return best;
}

std::string missing_subcommand(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  const std::vector<std::string> rest = app.remaining();
  const auto word = std::find_if(rest.begin(), rest.end(),
                                 [](const std::string& each) { return !each.starts_with("-"); });
  std::string text = "say which subcommand";
  if (word != rest.end()) {
    text = fmt::format("there is no subcommand '{}'", *word);
    const std::string guess = nearest(*word, names);
    if (!guess.empty()) text += fmt::format("; did you mean {}?", guess);
  }
  return fmt::format("{}{} There are: {}", text, text.ends_with('?') ? "" : ".",
                     fmt::join(names, ", "));
}

}  // namespace

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* chosen = &app;
  std::string path = app.get_name();
  while (!chosen->get_subcommands().empty()) {
    chosen = chosen->get_subcommands().front();
    path += " " + chosen->get_name();
  }
  const bool no_subcommand =
      chosen->get_require_subcommand_min() > 0 && error.get_name() == "RequiredError";
  return fmt::format("{}: {}\n`{} --help` shows what can be given.\n", path,
                     no_subcommand ? missing_subcommand(*chosen) : error.what(), path);
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    fmt::print(stderr, "{}", usage_error(app, error));
    return kUsage;
  }
}

}  // namespace homa::tools
