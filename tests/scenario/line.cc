#include "scenario/line.h"

#include <cmath>
#include <sstream>
#include <stdexcept>

namespace homa::test {

std::optional<Line> Line::parse(std::string_view text) {
  std::istringstream words{std::string(text.substr(0, text.find('#')))};
  std::string time;
  if (!(words >> time) || time == "ms") return std::nullopt;
  Line line;
  line.text = std::string(text.substr(text.find_first_not_of(' ')));
  std::size_t used = 0;
  const double milliseconds = std::stod(time, &used);
  if (used != time.size()) throw std::invalid_argument("no time: " + line.text);
  line.time = Time(Duration(std::llround(milliseconds * 1e6)));
  if (!(words >> line.who)) throw std::invalid_argument("no actor: " + line.text);
  std::string word;
  while (words >> word) {
    const auto equals = word.find('=');
    if (equals != std::string::npos) {
      line.fields_[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (line.what.empty() && line.who != "check" && line.who != "end") {
      line.what = word;
    } else if (word == "again" || word == "data" || word == "report" || word == "implicit") {
      line.fields_[word] = "1";
    } else if (line.rpc.empty()) {
      line.rpc = word;
    } else {
      throw std::invalid_argument("what is " + word + " in: " + line.text);
    }
  }
  return line;
}

std::uint64_t Line::to_number(const std::string& text) {
  if (text == "all") return 0xffffffff;
  std::size_t used = 0;
  const std::uint64_t value = std::stoull(text, &used);
  if (used != text.size()) throw std::invalid_argument("no number: " + text);
  return value;
}

std::pair<std::uint32_t, std::uint32_t> Line::range() const {
  const std::string bytes = word("bytes");
  const auto dash = bytes.find('-');
  if (dash == std::string::npos) throw std::invalid_argument("no range: " + text);
  return {static_cast<std::uint32_t>(to_number(bytes.substr(0, dash))),
          static_cast<std::uint32_t>(to_number(bytes.substr(dash + 1)))};
}

std::vector<std::string> Line::list(const std::string& field) const {
  std::vector<std::string> items;
  std::istringstream all(word(field));
  for (std::string item; std::getline(all, item, ',');) items.push_back(item);
  return items;
}

std::vector<Line> parse_table(std::string_view table) {
  std::vector<Line> lines;
  std::istringstream all{std::string(table)};
  for (std::string text; std::getline(all, text);) {
    if (const auto line = Line::parse(text)) lines.push_back(*line);
  }
  return lines;
}

}  // namespace homa::test
