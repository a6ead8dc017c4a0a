#include "tools/manual/man_page.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace homa::tools {
namespace {

std::string capital(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string sentence(std::string text) {
  text = capital(std::move(text));
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string bold(const std::string& text) { return "\\fB" + troff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + troff(text) + "\\fR"; }

std::string synopsis(const CommandText& command) {
  std::string line = bold(command.words);
  if (!command.options.empty()) line += " [" + italic("OPTIONS") + "]";
  for (const OptionText& one : command.positionals) {
    const std::string name = italic(one.names.front()) + (one.many ? "..." : "");
    line += one.required ? " " + name : " [" + name + "]";
  }
  if (!command.commands.empty()) {
    const std::string name = italic("COMMAND") + " ...";
    line += command.needs_command ? " " + name : " [" + name + "]";
  }
  return line + "\n";
}

std::string option_entry(const OptionText& option) {
  std::string head;
  const bool positional = option.names.front().front() != '-';
  for (const std::string& name : option.names) {
    head += (head.empty() ? "" : ", ") + (positional ? italic(name) : bold(name));
  }
  if (!positional && !option.value.empty()) head += " " + italic(option.value);
  std::string body = sentence(option.text);
  if (!option.limits.empty()) body += " " + capital(option.limits) + ".";
  if (!option.preset.empty()) body += " Default: " + option.preset + ".";
  if (!option.environment.empty()) body += " Environment: " + option.environment + ".";
  return ".TP\n" + head + "\n" + troff(body) + "\n";
}

// Options under the headings of --help, the first ("Options") under `heading`.
std::string options(const CommandText& command, const std::string& heading) {
  std::string out, group;
  if (!command.positionals.empty()) out += ".SH ARGUMENTS\n";
  for (const OptionText& one : command.positionals) out += option_entry(one);
  for (const OptionText& one : command.options) {
    if (one.group != group) {
      out += group.empty() ? ".SH " + heading + "\n" : ".SS " + troff(one.group) + "\n";
      group = one.group;
    }
    out += option_entry(one);
  }
  return out;
}

// Subcommands of a subcommand (homa lab up) have no page of their own.
std::string subcommands(const CommandText& command) {
  std::string out;
  for (const CommandText& one : command.commands) {
    out += ".SS " + troff(one.words) + "\n" + synopsis(one) + ".PP\n" + troff(sentence(one.text)) +
           "\n";
    for (const OptionText& option : one.positionals) out += option_entry(option);
    for (const OptionText& option : one.options) {
      if (option.names.back() != "--help") out += option_entry(option);
    }
  }
  return out.empty() ? "" : ".SH SUBCOMMANDS\n" + out;
}

std::string command_list(const CommandText& root) {
  std::string out = ".SH COMMANDS\n";
  for (const CommandText& one : root.commands) {
    out += ".TP\n.BR " + troff(page_name(one)) + " (1)\n" + troff(sentence(one.text)) + "\n";
  }
  return out;
}

// Lines that start with a blank are shown as they are, others are filled.
std::string notes(const CommandText& command) {
  std::istringstream lines(command.notes);
  std::string out, line;
  bool literal = false;
  while (std::getline(lines, line)) {
    const bool is_literal = !line.empty() && line.front() == ' ';
    if (is_literal && !literal) out += out.empty() ? ".nf\n" : ".PP\n.nf\n";
    if (!is_literal && literal) out += ".fi\n.PP\n";
    literal = is_literal;
    out += line.empty() ? ".PP\n" : troff(line) + "\n";
  }
  if (literal) out += ".fi\n";
  return out.empty() ? "" : ".SH NOTES\n" + out;
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nSuccess.\n"
    ".TP\n.B 1\nThe command ran, and the answer is bad: lost, unreachable, violated.\n"
    ".TP\n.B 2\nThe command line is wrong.\n"
    ".TP\n.B 3\nThis machine lacks something: a privilege, a program, a device.\n";

std::string see_also(const CommandText& command, const CommandText& all) {
  std::string out = ".SH SEE ALSO\n";
  if (&command != &all) out += ".BR " + troff(page_name(all)) + " (1),\n";
  for (const CommandText& one : all.commands) {
    if (&one != &command) out += ".BR " + troff(page_name(one)) + " (1),\n";
  }
  return out + ".BR homa (7)\n";
}

}  // namespace

std::string troff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '`': out += "\\(ga"; break;
      case '\'': out += "\\(aq"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page_name(const CommandText& command) {
  std::string name = command.words;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string man_page(const CommandText& command, const CommandText& all, const Edition& edition) {
  const std::string name = troff(page_name(command));
  std::string page = ".\\\" Made by `homa manual` from the command line's own description.\n";
  page += ".TH " + upper(name) + " " + edition.section + " \"" + edition.date + "\" \"homa " +
          edition.version + "\" \"Homa\"\n";
  page += ".SH NAME\n" + name + " \\- " + troff(command.text) + "\n";
  page += ".SH SYNOPSIS\n" + synopsis(command);
  page += ".SH DESCRIPTION\n" + troff(sentence(command.text)) + "\n";
  const bool root = &command == &all;
  page += root ? command_list(all) : "";
  page += options(command, "OPTIONS");
  page += root ? "" : subcommands(command);
  page += notes(command);
  page += kExitStatus;
  return page + see_also(command, all);
}

}  // namespace homa::tools
