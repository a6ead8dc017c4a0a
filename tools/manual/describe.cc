#include "tools/manual/describe.h"

#include <algorithm>
#include <string_view>

namespace homa::tools {
namespace {

// CLI11 writes "UINT:INT in [1 - 256]": a type, and what its check says of itself. Where a type has
// two checks, both follow.
void set_value(OptionText& out, const std::string& type) {
  const std::size_t colon = type.find(':');
  out.value = type.substr(0, colon);
  if (colon == std::string::npos) return;
  const std::string check = type.substr(colon + 1);
  const std::size_t open = check.find(" in [");
  const std::size_t dash = check.find(" - ", open);
  if (open != std::string::npos && dash != std::string::npos && check.back() == ']') {
    const std::size_t first = open + 5;
    out.limits = check.substr(first, dash - first) + " to " +
                 check.substr(dash + 3, check.size() - dash - 4);
  } else {
    out.value = check;  // it names the form of the value
  }
}

OptionText describe_option(const CLI::Option& option) {
  OptionText out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) set_value(out, option.get_type_name());
  out.preset = option.get_default_str();
  out.environment = option.get_envname();
  out.group = option.get_group();
  out.text = option.get_description();
  out.required = option.get_required();
  out.many = option.get_items_expected_max() > 1;
  return out;
}

// An option that may also be given by its place is listed with the options, and as a positional.
void add_option(CommandText& out, const CLI::Option& option) {
  if (option.get_positional()) {
    OptionText positional = describe_option(option);
    positional.names = {option.get_name(true)};
    out.positionals.push_back(positional);
  }
  if (option.nonpositional()) out.options.push_back(describe_option(option));
}

}  // namespace

CommandText describe(const CLI::App& app, const std::string& before) {
  CommandText out;
  out.name = app.get_name();
  out.words = before + out.name;
  out.text = app.get_description();
  out.notes = app.get_footer();
  out.needs_command = app.get_require_subcommand_min() > 0;
  const auto shown = [](const CLI::Option* option) { return !option->get_group().empty(); };
  for (const CLI::Option* option : app.get_options(shown)) add_option(out, *option);
  const auto visible = [](const CLI::App* one) {
    return !one->get_name().empty() && !one->get_group().empty();
  };
  for (const CLI::App* one : app.get_subcommands(visible)) {
    out.commands.push_back(describe(*one, out.words + " "));
  }
  return out;
}

}  // namespace homa::tools
