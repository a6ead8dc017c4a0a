// Which channel has opened which port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/types.h"

namespace homa::engine {

class PortOwners {
 public:
  void set(Port port, std::uint16_t channel) {
    channels_[raw(port)] = static_cast<std::uint16_t>(channel + 1);
    any_ = true;
  }
  bool any() const { return any_; }  // since the beginning
  void clear(Port port) { channels_[raw(port)] = 0; }
  std::optional<std::uint16_t> owner(Port port) const {
    const std::uint16_t channel = channels_[raw(port)];
    if (channel == 0) return std::nullopt;
    return static_cast<std::uint16_t>(channel - 1);
  }

 private:
  static constexpr std::size_t kPorts = 1 << 16;
  std::vector<std::uint16_t> channels_ = std::vector<std::uint16_t>(kPorts);  // + 1; 0: nobody's
  bool any_ = false;
};

}  // namespace homa::engine
