// A command's page for man(1), in the man macros of troff.
#pragma once

#include <string>

#include "tools/manual/describe.h"

namespace homa::tools {

struct Edition {
  std::string version;
  std::string date;  // 2026-11-27; empty: the page has none
  std::string section = "1";
};

// `text` as troff shows it unchanged, wherever it stands.
std::string troff(const std::string& text);

// The page of `command`. `all`: the root of the command line, whose other pages it refers to.
std::string man_page(const CommandText& command, const CommandText& all, const Edition& edition);

// "homa-ping", the page's name.
std::string page_name(const CommandText& command);

}  // namespace homa::tools
