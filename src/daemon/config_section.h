// A table of a TOML file, read key by key. What is wrong is kept in a sentence with its line: a
// value of another kind or out of range, and, at finish(), a key that nobody asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace homa::daemon {

class ConfigSection {
 public:
  // A toml::table; nullptr: the file has none.
  ConfigSection(const void* table, std::string name, std::string& problem)
      : table_(table), name_(std::move(name)), problem_(&problem) {}

  // Each leaves its last argument alone where the file does not have the key.
  void text(const std::string& key, std::string& value);
  void texts(const std::string& key, std::vector<std::string>& value);
  void flag(const std::string& key, bool& value);
  // A text or a whole number, as text.
  void scalar(const std::string& key, std::string& value);
  template <typename T>
  void whole(const std::string& key, T& value, std::uint64_t least, std::uint64_t most) {
    if (const auto read = read_whole(key, least, most, false)) value = static_cast<T>(*read);
  }
  // "16mib", or a number of bytes.
  template <typename T>
  void bytes(const std::string& key, T& value, std::uint64_t least, std::uint64_t most) {
    if (const auto read = read_whole(key, least, most, true)) value = static_cast<T>(*read);
  }
  void duration(const std::string& key, std::chrono::microseconds& value);
  void duration(const std::string& key, std::optional<std::chrono::microseconds>& value);
  template <typename T>
  void choice(const std::string& key, T& value,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    std::string word, all;
    text(key, word);
    if (word.empty()) return;
    for (const auto& [name, meaning] : choices) {
      if (word == name) {
        value = meaning;
        return;
      }
      all += (all.empty() ? "" : ", ") + std::string(name);
    }
    wrong(key, "is one of " + all + ", not \"" + word + "\"");
  }
  ConfigSection table(const std::string& key);
  std::vector<ConfigSection> tables(const std::string& key);  // [[key]]
  std::vector<std::string> keys() const;

  // The first problem counts. `key` "": the table itself.
  void wrong(const std::string& key, const std::string& what);
  // Every key that was not asked for is a problem.
  void finish();

 private:
  std::optional<std::uint64_t> read_whole(const std::string& key, std::uint64_t least,
                                          std::uint64_t most, bool bytes);

  const void* table_;
  std::string name_;  // "limits"; empty: the file itself
  std::string* problem_;
  std::set<std::string> asked_;
};

// A file's tables.
class TomlFile {
 public:
  virtual ~TomlFile() = default;
  // Valid as long as this file and `problem`.
  virtual ConfigSection top(std::string& problem) const = 0;
};

// nullptr, and a problem, when the text is no TOML.
std::unique_ptr<TomlFile> parse_toml(std::string_view text, std::string& problem);

}  // namespace homa::daemon
