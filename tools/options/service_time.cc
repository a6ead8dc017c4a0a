#include "tools/options/service_time.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <thread>
#include <vector>

#include "base/quantity.h"

namespace homa::tools {
namespace {

constexpr Duration kLongest = std::chrono::hours(1);

std::optional<Duration> time_of(std::string_view text) {
  const auto time = base::parse_duration(text, base::BareDuration::kRefused);
  return time && *time <= kLongest ? time : std::nullopt;
}

std::optional<double> share_of(std::string_view text) {
  const auto share = base::parse_number(text);
  return share && *share >= 0 && *share <= 1 ? share : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
  }
  return parts;
}

}  // namespace

Result<ServiceTime, Error> ServiceTime::parse(std::string_view text) {
  const Error error{
      ErrorCode::kInvalidArgument,
      fmt::format("\"{}\" is not a service time: none, fixed:TIME, exponential:MEAN or "
                  "bimodal:USUAL,RARE,SHARE, as in bimodal:100us,10ms,0.01",
                  text)};
  ServiceTime result;
  if (text == "none") return result;
  const auto colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon);
  const auto parts = split(text.substr(std::min(colon + 1, text.size())));
  const auto usual = time_of(parts[0]);
  if (!usual) return Unexpected(error);
  result.usual_ = *usual;
  if (kind == "fixed" && parts.size() == 1) {
    result.kind_ = Kind::kFixed;
  } else if (kind == "exponential" && parts.size() == 1) {
    result.kind_ = Kind::kExponential;
  } else if (kind == "bimodal" && parts.size() == 3) {
    const auto rare = time_of(parts[1]);
    const auto share = share_of(parts[2]);
    if (!rare || !share) return Unexpected(error);
    result.kind_ = Kind::kBimodal;
    result.rare_ = *rare;
    result.rare_share_ = *share;
  } else {
    return Unexpected(error);
  }
  return result;
}

CLI::Option* ServiceTime::add_to(CLI::App& command, ServiceTime& value) {
  return command
      .add_option_function<std::string>(
          "--service-time",
          [&value](const std::string& text) {
            const auto parsed = parse(text);
            if (!parsed) throw CLI::ValidationError("--service-time", parsed.error().text);
            value = *parsed;
          },
          "how long handlers sleep before they answer: fixed:TIME, exponential:MEAN or "
          "bimodal:USUAL,RARE,SHARE")
      ->type_name("DISTRIBUTION")
      ->default_str("none");
}

Duration ServiceTime::mean() const {
  if (kind_ != Kind::kBimodal) return usual_;
  const double mean = static_cast<double>(usual_.count()) * (1 - rare_share_) +
                      static_cast<double>(rare_.count()) * rare_share_;
  return Duration(std::llround(mean));
}

Duration ServiceTime::sample(double uniform) const {
  switch (kind_) {
    case Kind::kNone:
    case Kind::kFixed: break;
    case Kind::kExponential:
      return Duration(std::llround(-std::log1p(-uniform) * static_cast<double>(usual_.count())));
    case Kind::kBimodal: return uniform < rare_share_ ? rare_ : usual_;
  }
  return usual_;
}

void ServiceTimer::work() {
  if (time_.is_none()) return;
  std::this_thread::sleep_for(time_.sample(static_cast<double>(random_() >> 11) * 0x1p-53));
}

std::string ServiceTime::text() const {
  switch (kind_) {
    case Kind::kNone: break;
    case Kind::kFixed: return "fixed:" + base::exact_duration(usual_);
    case Kind::kExponential: return "exponential:" + base::exact_duration(usual_);
    case Kind::kBimodal:
      return fmt::format("bimodal:{},{},{}", base::exact_duration(usual_),
                         base::exact_duration(rare_), rare_share_);
  }
  return "none";
}

}  // namespace homa::tools
