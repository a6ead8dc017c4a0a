#include "tools/dump/packet_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "homa/error.h"
#include "wire/codec.h"

namespace homa::tools {
namespace {

using Json = nlohmann::ordered_json;
using Bytes = std::span<const std::byte>;

std::string hex(unsigned value) { return fmt::format("{:#x}", value); }

// Whence and whereto; ports only where the Homa header was read.
void put_ends(Json& out, const io::IpPacket& ip, const wire::CommonHeader* common) {
  out["source"] = ip.source.to_string();
  if (common != nullptr) out["source_port"] = raw(common->source_port);
  out["destination"] = ip.destination.to_string();
  if (common != nullptr) out["destination_port"] = raw(common->destination_port);
}

void put_carrier(Json& out, const io::HomaPart& part) {
  out["carrier"] = io::to_string(part.carrier);
  if (part.carrier != io::Carrier::kUdp) return;
  out["source_udp_port"] = part.source_udp_port;
  out["destination_udp_port"] = part.destination_udp_port;
}

void put_ip(Json& out, const io::IpPacket& ip) {
  out["traffic_class"] = hex(ip.traffic_class);
  out["hop_limit"] = ip.hop_limit;
  if (ip.fragment) out["fragment_offset"] = ip.fragment_offset;
  if (ip.cut) out["cut"] = true;
}

// What NICs see of the header, and receivers do not check; the same in nearly every packet.
void put_common(Json& out, const wire::CommonHeader& common) {
  out["sequence"] = common.sequence;
  out["identity"] = fmt::format("{:#x}", raw(common.identity));
  out["data_offset"] = hex(common.data_offset);
  out["flags"] = hex(common.flags);
  out["window"] = common.window;
  out["checksum"] = hex(common.checksum);
  out["urgent"] = hex(common.urgent);
}

Json name_fields(const wire::Ack& ack) {
  Json out;
  out["id"] = raw(ack.client_id);
  out["server_port"] = raw(ack.server_port);
  return out;
}

// The fields that a packet type has beyond the common header.
struct PutFields {
  Json& out;

  void operator()(const wire::DataHeader& data) const {
    out["offset"] = data.offset();
    out["length"] = data.payload.size();
    out["message_length"] = data.message_length;
    out["incoming"] = data.incoming;
    out["retransmit"] = data.retransmit;
    if (raw(data.ack.client_id) != 0) out["ack"] = name_fields(data.ack);
    out["cutoff_version"] = data.cutoff_version;
    out["response_unscheduled_limit"] = data.response_unscheduled_limit;
    // Absent: the offset is the sequence.
    if (data.segment_offset != wire::kExplicitOffsetAbsent) {
      out["segment_offset"] = data.segment_offset;
    }
  }
  void operator()(const wire::GrantHeader& grant) const {
    out["offset"] = grant.offset;
    out["grant_priority"] = grant.priority;
  }
  void operator()(const wire::ResendHeader& resend) const {
    out["offset"] = resend.offset;
    if (resend.length == wire::kEverythingSent) {
      out["length"] = "all";
    } else {
      out["length"] = resend.length;
    }
    out["resend_priority"] = resend.priority;
  }
  void operator()(const wire::CutoffsHeader& cutoffs) const {
    out["cutoffs"] = cutoffs.cutoffs;
    out["version"] = cutoffs.version;
  }
  void operator()(const wire::AckHeader& acks) const { put_names("acks", acks.count, acks.acks); }
  void operator()(const wire::QueryHeader& query) const {
    put_names("rpcs", query.count, query.rpcs);
  }
  void operator()(const wire::StatusHeader& status) const {
    put_names("rpcs", status.count, status.rpcs);
    out["known"] = Json::array({(status.known & 1U) != 0});  // the header's RPC
    for (std::size_t i = 1; i <= status.count; ++i) {
      out["known"].push_back((status.known >> i & 1U) != 0);
    }
  }
  void operator()(const wire::ChallengeHeader& challenge) const { out["nonce"] = challenge.nonce; }
  void operator()(const wire::AnswerHeader& answer) const { out["nonce"] = answer.nonce; }
  void operator()(const wire::ErrorHeader& error) const {
    out["code"] = error.code;
    out["meaning"] = to_string(static_cast<ErrorCode>(error.code));
    out["executed"] = to_string(static_cast<Executed>(error.executed));
    if (error.limit != 0) out["longest_message"] = error.limit;
  }
  void operator()(const wire::UnknownHeader&) const {}
  void operator()(const wire::BusyHeader&) const {}
  void operator()(const wire::FreezeHeader&) const {}
  void operator()(const wire::NeedAckHeader&) const {}

 private:
  void put_names(const char* key, std::size_t count,
                 const std::array<wire::RpcName, wire::kNamesPerPacket>& names) const {
    out["count"] = count;
    out[key] = Json::array();
    for (std::size_t i = 0; i < count; ++i) out[key].push_back(name_fields(names[i]));
  }
};

Json describe_homa(const io::IpPacket& ip, const io::HomaPart& part) {
  Json out;
  const auto common = wire::parse_common(part.bytes);
  put_ends(out, ip, common ? &*common : nullptr);
  const auto header = wire::parse(part.bytes);
  out["type"] = header ? wire::to_string(common->type) : "MALFORMED";
  out["priority"] = ip.priority();
  if (common) out["id"] = raw(common->sender_id);
  if (header) {
    std::visit(PutFields{out}, *header);
  } else {
    out["reason"] = wire::to_string(header.error());
    if (common) out["claimed_type"] = hex(raw(common->type));
    out["bytes"] = part.bytes.size();
  }
  if (header) {  // only a whole header says from where a DATA packet's sequence counts
    std::visit([&](const auto& whole) { put_common(out, whole.common); }, *header);
  } else if (common) {
    put_common(out, *common);
  }
  put_carrier(out, part);
  put_ip(out, ip);
  return out;
}

std::vector<Json> describe_parts(const io::IpPacket& ip, io::HomaPart part) {
  const std::size_t each = io::packet_bytes(part);
  std::vector<Json> all;
  Bytes rest = part.bytes;
  do {
    part.bytes = rest.first(std::min(each, rest.size()));
    rest = rest.subspan(part.bytes.size());
    all.push_back(describe_homa(ip, part));
  } while (!rest.empty());
  return all;
}

std::string_view icmp_meaning(bool v6, unsigned type, unsigned code) {
  if (!v6 && type == 3) {
    constexpr std::string_view kCodes[] = {"network unreachable", "host unreachable",
                                           "protocol unreachable", "port unreachable",
                                           "fragmentation needed"};
    return code < std::size(kCodes) ? kCodes[code] : "destination unreachable";
  }
  if (v6 && type == 1) {
    constexpr std::string_view kCodes[] = {"no route", "administratively prohibited",
                                           "beyond scope", "address unreachable",
                                           "port unreachable"};
    return code < std::size(kCodes) ? kCodes[code] : "destination unreachable";
  }
  if (v6) {
    switch (type) {
      case 2: return "packet too big";
      case 3: return "time exceeded";
      case 4: return code == 1 ? "unrecognized next header" : "parameter problem";
      case 128: return "echo request";
      case 129: return "echo reply";
      case 133: return "router solicitation";
      case 134: return "router advertisement";
      case 135: return "neighbor solicitation";
      case 136: return "neighbor advertisement";
      default: return "other";
    }
  }
  switch (type) {
    case 0: return "echo reply";
    case 8: return "echo request";
    case 11: return "time exceeded";
    case 12: return "parameter problem";
    default: return "other";
  }
}

bool quotes_a_packet(bool v6, unsigned type) {
  return v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
}

// ICMP briefly; an error about a Homa packet says about which.
Json describe_icmp(const io::IpPacket& ip, const DumpOptions& options) {
  const bool v6 = ip.protocol == io::kIcmp6Protocol;
  Json out;
  put_ends(out, ip, nullptr);
  out["type"] = "ICMP";
  out["priority"] = ip.priority();
  if (ip.payload.size() < 8) {
    out["reason"] = "the frame ends inside a header";
    return out;
  }
  const auto type = std::to_integer<unsigned>(ip.payload[0]);
  const auto code = std::to_integer<unsigned>(ip.payload[1]);
  out["icmp_type"] = type;
  out["icmp_code"] = code;
  out["meaning"] = icmp_meaning(v6, type, code);
  if (!quotes_a_packet(v6, type)) return out;
  const auto quoted = io::decode_ip(ip.payload.subspan(8));
  if (!quoted) return out;
  const auto part = io::find_homa(*quoted, options.udp_ports);
  const auto common = part ? wire::parse_common(part->bytes) : Unexpected(wire::ParseError{});
  if (!common) return out;
  Json about;
  put_ends(about, *quoted, &*common);
  about["type"] = wire::to_string(common->type);
  about["id"] = raw(common->sender_id);
  out["about"] = about;
  return out;
}

Json describe_other(const io::IpPacket& ip, std::string_view type) {
  Json out;
  put_ends(out, ip, nullptr);
  out["type"] = type;
  out["priority"] = ip.priority();
  out["protocol"] = ip.protocol;
  out["bytes"] = ip.payload.size();
  put_ip(out, ip);
  return out;
}

Json describe_no_ip(io::FrameError error, std::size_t bytes) {
  Json out;
  out["type"] = error == io::FrameError::kNotIp ? "OTHER" : "MALFORMED";
  out["reason"] = io::to_string(error);
  out["bytes"] = bytes;
  return out;
}

// "10.0.0.1:4000", "[fd99::1]:4000", or without a port as the address is.
std::string end_text(const Json& fields, const std::string& name) {
  const auto& host = fields[name].get_ref<const std::string&>();
  const auto port = fields.find(name + "_port");
  if (port == fields.end()) return host;
  const auto number = port->get<std::uint16_t>();
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, number) : fmt::format("{}:{}", host, number);
}

void append_value(std::string& line, const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    line += text.find(' ') == std::string::npos ? text : '"' + text + '"';
  } else if (value.is_array()) {
    line += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) line += ',';
      append_value(line, value[i]);
    }
    line += ']';
  } else if (value.is_object()) {
    line += '{' + to_line(value) + '}';
  } else {
    line += value.dump();
  }
}

}  // namespace

std::vector<Json> describe_frame(io::LinkLayer link, Bytes frame, const DumpOptions& options) {
  const auto ip_bytes = io::decode_link(link, frame);
  const auto ip = ip_bytes ? io::decode_ip(*ip_bytes) : Unexpected(ip_bytes.error());
  if (!ip) {
    if (ip.error() == io::FrameError::kNotIp && !options.all) return {};
    return {describe_no_ip(ip.error(), frame.size())};
  }
  if (const auto part = io::find_homa(*ip, options.udp_ports)) return describe_parts(*ip, *part);
  if (ip->fragment_offset != 0 && ip->protocol == io::kHomaProtocol) {
    return {describe_other(*ip, "FRAGMENT")};
  }
  if (ip->fragment_offset == 0 &&
      (ip->protocol == io::kIcmpProtocol || ip->protocol == io::kIcmp6Protocol)) {
    return {describe_icmp(*ip, options)};
  }
  if (!options.all) return {};
  return {describe_other(*ip, "OTHER")};
}

std::string to_line(const Json& fields) {
  std::string line;
  const auto put = [&](std::string_view text) {
    if (!line.empty()) line += ' ';
    line += text;
  };
  for (const auto& [name, value] : fields.items()) {
    if (name == "source") {
      put(end_text(fields, "source"));
    } else if (name == "destination") {
      put("> " + end_text(fields, "destination"));
    } else if (name == "type") {
      put(value.get_ref<const std::string&>());
    } else if (name != "source_port" && name != "destination_port") {
      put(name);
      line += '=';
      append_value(line, value);
    }
  }
  return line;
}

}  // namespace homa::tools
