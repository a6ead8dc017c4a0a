#include "daemon/config_section.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/quantity.h"

namespace homa::daemon {
namespace {

const toml::table* of(const void* table) { return static_cast<const toml::table*>(table); }

class ParsedFile : public TomlFile {
 public:
  explicit ParsedFile(toml::table table) : table_(std::move(table)) {}
  ConfigSection top(std::string& problem) const override { return {&table_, "", problem}; }

 private:
  toml::table table_;
};

}  // namespace

std::unique_ptr<TomlFile> parse_toml(std::string_view text, std::string& problem) {
  try {
    return std::make_unique<ParsedFile>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    problem = fmt::format("line {}: {}", error.source().begin.line, error.description());
    return nullptr;
  }
}

void ConfigSection::wrong(const std::string& key, const std::string& what) {
  if (!problem_->empty()) return;
  std::uint32_t line = 0;
  if (table_ != nullptr) {
    const toml::node* const node = of(table_)->get(key);
    line = (node != nullptr ? node->source() : of(table_)->source()).begin.line;
  }
  const std::string place = name_.empty() || key.empty() ? name_ + key : name_ + "." + key;
  *problem_ = fmt::format("line {}: {}: {}", line, place, what);
}

void ConfigSection::text(const std::string& key, std::string& value) {
  asked_.insert(key);
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node == nullptr) return;
  if (const auto* const found = node->as_string()) {
    value = found->get();
  } else {
    wrong(key, "is a text, in quotes");
  }
}

void ConfigSection::texts(const std::string& key, std::vector<std::string>& value) {
  asked_.insert(key);
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node == nullptr) return;
  const toml::array* const all = node->as_array();
  if (all == nullptr) return wrong(key, "is a list of texts: [\"...\", \"...\"]");
  for (const toml::node& one : *all) {
    if (const auto* const found = one.as_string()) {
      value.push_back(found->get());
    } else {
      wrong(key, "is a list of texts: [\"...\", \"...\"]");
    }
  }
}

void ConfigSection::flag(const std::string& key, bool& value) {
  asked_.insert(key);
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node == nullptr) return;
  if (const auto* const found = node->as_boolean()) {
    value = found->get();
  } else {
    wrong(key, "is true or false");
  }
}

void ConfigSection::scalar(const std::string& key, std::string& value) {
  asked_.insert(key);
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node == nullptr) return;
  if (const auto* const found = node->as_string()) {
    value = found->get();
  } else if (const auto* const number = node->as_integer()) {
    value = std::to_string(number->get());
  } else {
    wrong(key, "is a text or a whole number");
  }
}

std::optional<std::uint64_t> ConfigSection::read_whole(const std::string& key, std::uint64_t least,
                                                       std::uint64_t most, bool bytes) {
  std::string text;
  scalar(key, text);
  if (text.empty()) return std::nullopt;
  const auto number = bytes ? base::parse_bytes(text) : base::parse_count(text);
  if (number && *number >= least && *number <= most) return number;
  wrong(key, fmt::format("is {} to {}{}, not \"{}\"", least, most, bytes ? " bytes" : "", text));
  return std::nullopt;
}

void ConfigSection::duration(const std::string& key, std::chrono::microseconds& value) {
  std::optional<std::chrono::microseconds> read;
  duration(key, read);
  value = read.value_or(value);
}

void ConfigSection::duration(const std::string& key,
                             std::optional<std::chrono::microseconds>& value) {
  std::string text;
  scalar(key, text);
  if (text.empty()) return;
  const auto read = base::parse_duration(text, base::BareDuration::kRefused);
  if (!read) return wrong(key, "is a time, like \"50us\", not \"" + text + "\"");
  value = std::chrono::duration_cast<std::chrono::microseconds>(*read);
}

ConfigSection ConfigSection::table(const std::string& key) {
  asked_.insert(key);
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node != nullptr && !node->is_table()) wrong(key, "is a table: [" + key + "]");
  return {node != nullptr ? node->as_table() : nullptr, key, *problem_};
}

std::vector<ConfigSection> ConfigSection::tables(const std::string& key) {
  asked_.insert(key);
  std::vector<ConfigSection> all;
  const toml::node* const node = table_ != nullptr ? of(table_)->get(key) : nullptr;
  if (node == nullptr) return all;
  const toml::array* const array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    wrong(key, "are tables: [[" + key + "]]");
    return all;
  }
  for (const toml::node& one : *array) all.emplace_back(one.as_table(), key, *problem_);
  return all;
}

std::vector<std::string> ConfigSection::keys() const {
  std::vector<std::string> all;
  if (table_ == nullptr) return all;
  for (const auto& [key, value] : *of(table_)) all.emplace_back(key.str());
  return all;
}

void ConfigSection::finish() {
  std::string known;
  for (const std::string& key : asked_) known += (known.empty() ? "" : ", ") + key;
  for (const std::string& key : keys()) {
    if (asked_.count(key) == 0) wrong(key, "is not known here; there are: " + known);
  }
}

}  // namespace homa::daemon
