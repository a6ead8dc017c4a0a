#include "tools/ping/outcomes.h"

#include <fmt/format.h>

namespace homa::tools {
namespace {

constexpr double kMicrosecond = 1e3;

}  // namespace

void PingOutcomes::answered(std::chrono::nanoseconds round_trip) {
  times_.add(static_cast<std::uint64_t>(round_trip.count()));
}

void PingOutcomes::failed(const std::string& cause) {
  ++failures_;
  ++errors_[cause];
}

nlohmann::ordered_json PingOutcomes::to_json(const std::string& server, std::uint32_t bytes) const {
  nlohmann::ordered_json object = {
      {"server", server}, {"bytes", bytes}, {"sent", sent()}, {"answered", times_.count()}};
  if (times_.count() > 0) {
    object["min_us"] = static_cast<double>(times_.min()) / kMicrosecond;
    object["mean_us"] = times_.mean() / kMicrosecond;
    object["p50_us"] = static_cast<double>(times_.percentile(0.5)) / kMicrosecond;
    object["p99_us"] = static_cast<double>(times_.percentile(0.99)) / kMicrosecond;
    object["max_us"] = static_cast<double>(times_.max()) / kMicrosecond;
  }
  object["errors"] = nlohmann::ordered_json::object();
  for (const auto& [cause, times] : errors_) object["errors"][cause] = times;
  return object;
}

std::string PingOutcomes::to_text(const std::string& server, std::uint32_t bytes) const {
  std::string text = fmt::format("--- {}: {} requests of {} bytes, {} answered\n", server, sent(),
                                 bytes, times_.count());
  for (const auto& [cause, times] : errors_) text += fmt::format("{} times: {}\n", times, cause);
  if (times_.count() == 0) return text;
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / kMicrosecond; };
  return text + fmt::format("min {:.1f} us, mean {:.1f}, P50 {:.1f}, P99 {:.1f}, max {:.1f}\n",
                            us(times_.min()), times_.mean() / kMicrosecond,
                            us(times_.percentile(0.5)), us(times_.percentile(0.99)),
                            us(times_.max()));
}

}  // namespace homa::tools
