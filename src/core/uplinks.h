// The links that packets leave by, each with its own pace and the messages that wait for it: a slow
// link holds nothing back that leaves by a fast one (docs/protocol.md#pacing).
#pragma once

#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>

#include "core/config.h"
#include "core/incoming_budget.h"
#include "core/pacer.h"
#include "core/send_queue.h"

namespace homa::core {

struct Uplink {
  static constexpr std::uint32_t kSameHost = 0xffffffff;
  Uplink(const CoreConfig& config, std::uint32_t its_device, std::uint64_t bits_per_second)
      : device(its_device),
        incoming{IncomingBudget::bytes_for(config, bits_per_second)},
        queue(config.defer_bytes_min, config.pacer_fifo_per_mille),
        pacer(config, bits_per_second) {}

  std::uint32_t device;     // as in PathInfo; 0: of paths that name none; kSameHost
  DeviceIncoming incoming;  // of the usual one, the scheduler knows it
  SendQueue queue;
  Pacer pacer;
};

class Uplinks {
 public:
  static constexpr std::size_t kMax = 16;
  using Links = boost::container::static_vector<Uplink, kMax>;

  explicit Uplinks(const CoreConfig& config) : config_(config) {
    links_.emplace_back(config, 0, config.link_bits_per_second);
  }

  // Of paths of which no device or no rate is known, and of devices beyond kMax. It has the
  // configured rate, and also serves the first device of that rate.
  Uplink& usual() { return links_.front(); }
  // The link of a device. It has this rate from now on.
  Uplink& of_device(std::uint32_t device, std::uint64_t bits_per_second);
  // Of peers at this very endpoint: nothing paces it.
  Uplink& same_host();
  std::size_t size() const { return links_.size(); }
  bool several() const { return size() > 1; }
  Uplink& operator[](std::size_t at) { return links_[at]; }

  Links::iterator begin() { return links_.begin(); }
  Links::iterator end() { return links_.end(); }
  Links::const_iterator begin() const { return links_.begin(); }
  Links::const_iterator end() const { return links_.end(); }

 private:
  const CoreConfig& config_;
  Links links_;  // never moved: messages and peers point to them
};

}  // namespace homa::core
