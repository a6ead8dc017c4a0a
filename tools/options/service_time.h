// How long a server's handlers take, as a distribution: real ones take time, and not always the
// same.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <random>
#include <string>

#include "base/time.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::tools {

class ServiceTime {
 public:
  // "none"; "fixed:1ms"; "exponential:1ms" (the mean); "bimodal:100us,10ms,0.01": the second time
  // for that share of the requests, the first for the rest. Times are 0 to 1 hour.
  static Result<ServiceTime, Error> parse(std::string_view text);
  // Adds --service-time, which overwrites `value`; that lives as long as `command`.
  static CLI::Option* add_to(CLI::App& command, ServiceTime& value);

  bool is_none() const { return kind_ == Kind::kNone; }
  Duration mean() const;
  // `uniform` in [0, 1): the same gives the same time.
  Duration sample(double uniform) const;
  std::string text() const;  // parse() reads it

 private:
  enum class Kind : std::uint8_t { kNone, kFixed, kExponential, kBimodal };
  Kind kind_ = Kind::kNone;
  Duration usual_{0};  // fixed: all; exponential: the mean; bimodal: of most
  Duration rare_{0};
  double rare_share_ = 0;
};

// One thread that does the work of handlers, one after the other: it sleeps.
class ServiceTimer {
 public:
  // The same seed gives the same times.
  ServiceTimer(const ServiceTime& time, std::uint64_t seed) : time_(time), random_(seed) {}
  // Returns when a handler that starts now would.
  void work();

 private:
  ServiceTime time_;
  std::mt19937_64 random_;
};

}  // namespace homa::tools
