#include "tools/manual/completion.h"

#include <functional>
#include <string_view>

namespace homa::tools {
namespace {

constexpr const char* kBashHead = R"(# Completion of `homa` in bash. Made by `homa manual`.
_homa() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command=homa commands= options= valued= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${COMP_WORDS[i]}" in
)";

constexpr const char* kBashTail = R"(  esac
  COMPREPLY=()
  if [[ " $valued " != *" $before "* ]]; then
    [[ $word != -* ]] || commands=$options
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  fi
  [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default 2>/dev/null  # files
}
complete -F _homa homa
)";

void for_each_command(const CommandText& command,
                      const std::function<void(const CommandText&)>& visit) {
  visit(command);
  for (const CommandText& one : command.commands) for_each_command(one, visit);
}

std::string join(const std::string& words, const std::string& word) {
  return words.empty() ? word : words + " " + word;
}

// A word in single quotes, whatever it holds.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Text inside zsh's [...] and behind its ':'.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_option(const OptionText& option) {
  std::string value;
  if (!option.value.empty()) value = ":" + zsh_text(option.value) + ":_files";
  std::string others;  // a second name of what was given is not offered again
  if (!option.many) {
    for (const std::string& name : option.names) others = join(others, name);
    others = "(" + others + ")";
  }
  std::string out;
  for (const std::string& name : option.names) {
    const std::string often = option.many ? "*" : others;
    out += " \\\n    " + single_quoted(often + name + "[" + zsh_text(option.text) + "]" + value);
  }
  return out;
}

std::string zsh_name(const CommandText& command) {
  std::string name = "_" + command.words;
  for (char& c : name) c = c == ' ' || c == '-' ? '_' : c;
  return name;
}

std::string zsh_function(const CommandText& command) {
  std::string out = zsh_name(command) + "() {\n";
  if (!command.commands.empty()) out += "  local context state state_descr line\n";
  if (!command.commands.empty()) out += "  typeset -A opt_args\n";
  out += command.commands.empty() ? "  _arguments -s" : "  _arguments -C";
  for (const OptionText& option : command.options) out += zsh_option(option);
  if (command.commands.empty()) {
    for (const OptionText& one : command.positionals) {
      const std::string place = one.many ? "*" : one.required ? "" : ":";
      out += " \\\n    " + single_quoted(place + ":" + zsh_text(one.text) + ":_files");
    }
    return out + "\n}\n";
  }
  std::string list;
  for (const CommandText& one : command.commands) {
    list = join(list, one.name + "\\:" + single_quoted(zsh_text(one.text)));
  }
  out +=
      " \\\n    " + single_quoted("1:command:((" + list + "))") + " \\\n    '*::argument:->rest'\n";
  out += "  case $state in\n    rest)\n      case $line[1] in\n";
  for (const CommandText& one : command.commands) {
    out += "        " + one.name + ") " + zsh_name(one) + " ;;\n";
  }
  return out + "      esac ;;\n  esac\n}\n";
}

}  // namespace

std::string bash_completion(const CommandText& root) {
  std::string paths, cases;
  for_each_command(root, [&](const CommandText& command) {
    std::string commands, options, valued;
    for (const CommandText& one : command.commands) {
      commands = join(commands, one.name);
      paths += (paths.empty() ? "      " : " | \\\n        ") + ('"' + one.words + '"');
    }
    for (const OptionText& option : command.options) {
      for (const std::string& name : option.names) {
        options = join(options, name);
        if (!option.value.empty()) valued = join(valued, name);
      }
    }
    cases += "    \"" + command.words + "\")\n      commands=" + single_quoted(commands) +
             "\n      options=" + single_quoted(options) +
             "\n      valued=" + single_quoted(valued) + " ;;\n";
  });
  return kBashHead + paths + ")\n        command+=\" ${COMP_WORDS[i]}\" ;;\n    esac\n  done\n" +
         "  case $command in\n" + cases + kBashTail;
}

std::string zsh_completion(const CommandText& root) {
  std::string out = "#compdef homa\n# Made by `homa manual`.\n";
  for_each_command(root, [&](const CommandText& command) { out += zsh_function(command); });
  return out + "_homa \"$@\"\n";
}

}  // namespace homa::tools
