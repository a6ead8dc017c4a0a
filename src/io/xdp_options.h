// What follows the colon in the back end's name: "xdp:format=146,mode=generic".
#pragma once

#include <cstdint>
#include <string_view>

#include "homa/error.h"
#include "homa/result.h"
#include "io/xdp_frame.h"
#include "io/xdp_program.h"
#include "io/xdp_rings.h"

namespace homa::io {

struct XdpOptions {
  Carrier carrier = Carrier::kUdp;  // format=udp|146, towards peers that have not spoken yet
  XdpMode mode = XdpMode::kAuto;    // mode=auto|native|generic
  XdpRingsConfig::Copy copy = XdpRingsConfig::Copy::kAuto;  // copy=auto|copy|zerocopy
  std::uint32_t queues = 0;           // queues=1..64; 0: as many as the device receives on
  std::uint32_t ring = 2048;          // ring=64..32768: frames per queue and direction
  bool need_wakeup = true;            // wakeup=on|off
  std::uint32_t busy_poll_usecs = 0;  // busy-poll=0..10000: preferred busy polling; 0: off
};

// `backend` is "xdp" or "xdp:KEY=VALUE,...". The error names the key.
Result<XdpOptions, Error> parse_xdp_options(std::string_view backend);

}  // namespace homa::io
