// Frames as people and programs read them: a list of named fields, from which `homa dump` makes a
// line of text or a JSON object. Any bytes are taken; what is no packet says why.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/frame_decode.h"

namespace homa::tools {

struct DumpOptions {
  std::span<const std::uint16_t> udp_ports;  // UDP ports that carry Homa
  bool all = false;                          // also what is neither Homa nor ICMP
};

// The fields of each packet in a frame: one, or several that offload joined, or none to show. In
// reading order: "source" and "destination" (each with "..._port"), "type" and "priority" first,
// then everything the header has. "type" is a packet type, or one of "MALFORMED" (with "reason"),
// "FRAGMENT", "ICMP" and, with `all`, "OTHER".
std::vector<nlohmann::ordered_json> describe_frame(io::LinkLayer link,
                                                   std::span<const std::byte> frame,
                                                   const DumpOptions& options);

// The fields as one line: "SOURCE > DESTINATION TYPE name=value ...".
std::string to_line(const nlohmann::ordered_json& fields);

}  // namespace homa::tools
