#include "scenario/packets.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <variant>

#include "homa/error.h"

namespace homa::test {
namespace {

std::uint32_t number32(const Line& line, const std::string& field, std::uint64_t other) {
  return static_cast<std::uint32_t>(line.number_or(field, other));
}

std::uint8_t error_code(const std::string& word) {
  for (int code = 0; code < 64; ++code) {
    std::string name(to_string(static_cast<ErrorCode>(code)));
    std::replace(name.begin(), name.end(), ' ', '-');
    if (name == word) return static_cast<std::uint8_t>(code);
  }
  throw std::invalid_argument("no error is called " + word);
}

template <typename Header>
std::vector<std::byte> bytes_of(const Header& header) {
  wire::HeaderBuffer buffer;
  const std::size_t length = wire::encode(header, buffer);
  return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length)};
}

wire::DataHeader data_header(const Line& line, const PacketFields& fields) {
  wire::DataHeader data;
  data.common = fields.header;
  data.common.data_offset = 0xe0;
  data.message_length = number32(line, "length", 0);
  data.incoming = number32(line, "incoming", std::min(data.message_length, 40'000U));
  if (line.has("ack")) data.ack = fields.acks.at(line.word("ack"));
  data.cutoff_version =
      static_cast<std::uint16_t>(line.number_or("cutoffs", fields.cutoff_version));
  data.retransmit = line.has("again") ? 1 : 0;
  data.response_unscheduled_limit = number32(line, "limit", 0);
  return data;
}

wire::CutoffsHeader cutoffs_header(const Line& line, const PacketFields& fields) {
  wire::CutoffsHeader header{fields.header, {}, 0};
  header.version = static_cast<std::uint16_t>(line.number_or("version", 1));
  if (line.has("values")) {
    const auto values = line.list("values");
    for (std::size_t i = 0; i < header.cutoffs.size() && i < values.size(); ++i) {
      header.cutoffs[i] = static_cast<std::uint32_t>(std::stoul(values[i], nullptr, 0));
    }
  }
  return header;
}

// The first RPC is in the packet's own header (packets.h), the others are listed.
template <typename Count>
void put_rpcs(const Line& line, const PacketFields& fields, Count& count,
              std::array<wire::RpcName, wire::kNamesPerPacket>& rpcs) {
  if (!line.has("rpcs")) return;
  for (const std::string& word : line.list("rpcs")) rpcs[count++] = fields.acks.at(word);
}

wire::QueryHeader query_header(const Line& line, const PacketFields& fields) {
  wire::QueryHeader header{fields.header, 0, {}};
  put_rpcs(line, fields, header.count, header.rpcs);
  return header;
}

wire::StatusHeader status_header(const Line& line, const PacketFields& fields) {
  wire::StatusHeader header{fields.header, 0, 0, {}};
  put_rpcs(line, fields, header.count, header.rpcs);
  const std::string known = line.word("known");  // one digit for each RPC, the header's first
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i] == '1') header.known = static_cast<std::uint8_t>(header.known | 1U << i);
  }
  return header;
}

wire::AckHeader ack_header(const Line& line, const PacketFields& fields) {
  wire::AckHeader header{fields.header, 0, {}};
  if (line.has("acks")) {
    for (const std::string& word : line.list("acks")) {
      header.acks[header.count++] = fields.acks.at(word);
    }
  }
  return header;
}

// Collects "field is X, not Y".
class Differences {
 public:
  void number(const std::string& field, std::uint64_t is, std::uint64_t expected) {
    if (is == expected) return;
    text_ += field + " is " + std::to_string(is) + ", not " + std::to_string(expected) + "; ";
  }
  void field(const Line& line, const std::string& field, std::uint64_t is) {
    if (line.has(field)) number(field, is, line.number(field));
  }
  void add(const std::string& text) { text_ += text + "; "; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void compare_fields(const Line& line, const PacketFields& fields, const wire::DataHeader& is,
                    Differences& differ) {
  differ.field(line, "length", is.message_length);
  differ.field(line, "incoming", is.incoming);
  differ.field(line, "cutoffs", is.cutoff_version);
  differ.field(line, "limit", is.response_unscheduled_limit);
  differ.number("again", is.retransmit, line.has("again") ? 1 : 0);
  const wire::Ack ack = line.has("ack") ? fields.acks.at(line.word("ack")) : wire::Ack{};
  differ.number("ack", raw(is.ack.client_id), raw(ack.client_id));
}
void compare_fields(const Line& line, const PacketFields&, const wire::GrantHeader& is,
                    Differences& differ) {
  differ.field(line, "offset", is.offset);
  differ.field(line, "priority", is.priority);
}
void compare_fields(const Line& line, const PacketFields&, const wire::ResendHeader& is,
                    Differences& differ) {
  differ.field(line, "offset", is.offset);
  differ.field(line, "length", is.length);
  differ.field(line, "priority", is.priority);
}
void compare_fields(const Line& line, const PacketFields&, const wire::CutoffsHeader& is,
                    Differences& differ) {
  differ.field(line, "version", is.version);
  if (!line.has("values")) return;
  const auto expected = cutoffs_header(line, {});
  for (std::size_t i = 0; i < is.cutoffs.size(); ++i) {
    differ.number("cutoff " + std::to_string(i), is.cutoffs[i], expected.cutoffs[i]);
  }
}
// The order of acks is free.
void compare_fields(const Line& line, const PacketFields& fields, const wire::AckHeader& is,
                    Differences& differ) {
  if (!line.has("acks")) return;
  const auto expected = ack_header(line, fields);
  differ.number("count", is.count, expected.count);
  const auto ids = [](const wire::AckHeader& header) {
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < header.count; ++i) all.push_back(raw(header.acks[i].client_id));
    std::sort(all.begin(), all.end());
    return all;
  };
  if (ids(is) != ids(expected)) differ.add("other RPCs are acked");
}
void compare_names(const std::array<wire::RpcName, wire::kNamesPerPacket>& is,
                   const std::array<wire::RpcName, wire::kNamesPerPacket>& expected,
                   Differences& differ) {
  for (std::size_t i = 0; i < is.size(); ++i) {
    differ.number("RPC " + std::to_string(i), raw(is[i].client_id), raw(expected[i].client_id));
    differ.number("its port", raw(is[i].server_port), raw(expected[i].server_port));
  }
}
void compare_fields(const Line& line, const PacketFields& fields, const wire::QueryHeader& is,
                    Differences& differ) {
  const auto expected = query_header(line, fields);
  differ.number("count", is.count, expected.count);
  compare_names(is.rpcs, expected.rpcs, differ);
}
void compare_fields(const Line& line, const PacketFields& fields, const wire::StatusHeader& is,
                    Differences& differ) {
  const auto expected = status_header(line, fields);
  differ.number("count", is.count, expected.count);
  differ.number("known", is.known, expected.known);
  compare_names(is.rpcs, expected.rpcs, differ);
}
void compare_fields(const Line& line, const PacketFields&, const wire::ChallengeHeader& is,
                    Differences& differ) {
  differ.field(line, "nonce", is.nonce);
}
void compare_fields(const Line& line, const PacketFields&, const wire::AnswerHeader& is,
                    Differences& differ) {
  differ.field(line, "nonce", is.nonce);
}
void compare_fields(const Line& line, const PacketFields&, const wire::ErrorHeader& is,
                    Differences& differ) {
  if (line.has("error")) differ.number("error", is.code, error_code(line.word("error")));
  if (line.has("limit")) differ.field(line, "limit", is.limit);
  if (line.has("executed")) {
    differ.number("executed", is.executed,
                  static_cast<std::uint8_t>(executed_of(line.word("executed"))));
  }
}
template <typename Bare>
void compare_fields(const Line&, const PacketFields&, const Bare&, Differences&) {}

std::string fields_text(const wire::DataHeader& h) {
  const auto end = h.offset() + h.payload.size();
  return " length=" + std::to_string(h.message_length) + " incoming=" + std::to_string(h.incoming) +
         " bytes=" + std::to_string(h.offset()) + "-" + std::to_string(end) +
         (h.retransmit != 0 ? " again" : "") + " cutoffs=" + std::to_string(h.cutoff_version) +
         (raw(h.ack.client_id) != 0 ? " ack=" + std::to_string(raw(h.ack.client_id)) : "");
}
std::string fields_text(const wire::GrantHeader& h) {
  return " offset=" + std::to_string(h.offset) + " priority=" + std::to_string(h.priority);
}
std::string fields_text(const wire::ResendHeader& h) {
  return " offset=" + std::to_string(h.offset) + " length=" + std::to_string(h.length) +
         " priority=" + std::to_string(h.priority);
}
std::string fields_text(const wire::CutoffsHeader& h) {
  return " version=" + std::to_string(h.version);
}
std::string names_text(std::size_t count,
                       const std::array<wire::RpcName, wire::kNamesPerPacket>& names) {
  std::string text = " rpcs";
  for (std::size_t i = 0; i < count; ++i) text += " " + std::to_string(raw(names[i].client_id));
  return text;
}
std::string fields_text(const wire::AckHeader& h) { return names_text(h.count, h.acks); }
std::string fields_text(const wire::QueryHeader& h) { return names_text(h.count, h.rpcs); }
std::string fields_text(const wire::StatusHeader& h) {
  return names_text(h.count, h.rpcs) + " known=" + std::to_string(h.known);
}
std::string fields_text(const wire::ChallengeHeader& h) {
  return " nonce=" + std::to_string(h.nonce);
}
std::string fields_text(const wire::AnswerHeader& h) { return " nonce=" + std::to_string(h.nonce); }
std::string fields_text(const wire::ErrorHeader& h) {
  return " error=" + std::string(to_string(static_cast<ErrorCode>(h.code))) +
         " executed=" + std::to_string(h.executed) + " limit=" + std::to_string(h.limit);
}
template <typename Bare>
std::string fields_text(const Bare&) {
  return "";
}

}  // namespace

Executed executed_of(const std::string& word) {
  if (word == "no") return Executed::kNo;
  if (word == "perhaps") return Executed::kPerhaps;
  if (word == "yes") return Executed::kYes;
  throw std::invalid_argument("executed is no, perhaps or yes, not " + word);
}

std::vector<std::byte> encode_packet(const Line& line, const PacketFields& fields) {
  const wire::CommonHeader& common = fields.header;
  if (line.what == "GRANT") {
    return bytes_of(wire::GrantHeader{common, number32(line, "offset", 0),
                                      static_cast<std::uint8_t>(line.number_or("priority", 0))});
  }
  if (line.what == "RESEND") {
    return bytes_of(wire::ResendHeader{common, number32(line, "offset", 0),
                                       number32(line, "length", wire::kEverythingSent),
                                       static_cast<std::uint8_t>(line.number_or("priority", 7))});
  }
  if (line.what == "UNKNOWN") return bytes_of(wire::UnknownHeader{common});
  if (line.what == "BUSY") return bytes_of(wire::BusyHeader{common});
  if (line.what == "FREEZE") return bytes_of(wire::FreezeHeader{common});
  if (line.what == "NEED_ACK") return bytes_of(wire::NeedAckHeader{common});
  if (line.what == "CUTOFFS") return bytes_of(cutoffs_header(line, fields));
  if (line.what == "ACK") return bytes_of(ack_header(line, fields));
  if (line.what == "QUERY") return bytes_of(query_header(line, fields));
  if (line.what == "STATUS") return bytes_of(status_header(line, fields));
  if (line.what == "CHALLENGE") {
    return bytes_of(wire::ChallengeHeader{common, line.number_or("nonce", fields.nonce)});
  }
  if (line.what == "ANSWER") {
    return bytes_of(wire::AnswerHeader{common, line.number_or("nonce", fields.nonce)});
  }
  if (line.what == "ERROR")
    return bytes_of(wire::ErrorHeader{
        common, error_code(line.word("error")),
        line.has("executed") ? static_cast<std::uint8_t>(executed_of(line.word("executed")))
                             : std::uint8_t{1},
        static_cast<std::uint32_t>(line.number_or("limit", 0))});
  throw std::invalid_argument("no packet is called " + line.what);
}

std::vector<std::byte> encode_data(const Line& line, const PacketFields& fields,
                                   std::uint32_t begin, std::uint32_t end) {
  wire::DataHeader data = data_header(line, fields);
  data.common.sequence = begin;
  data.segment_offset = line.has("implicit") ? wire::kExplicitOffsetAbsent : begin;
  std::vector<std::byte> packet = bytes_of(data);
  packet.resize(packet.size() + (end - begin), std::byte{0x5a});
  return packet;
}

std::string compare_packet(const Line& line, const PacketFields& fields, bool check_rpc,
                           std::span<const std::byte> packet) {
  const auto header = wire::parse(packet);
  if (!header) return "malformed: " + std::string(wire::to_string(header.error()));
  Differences differ;
  std::visit(
      [&](const auto& is) {
        const std::string type(wire::to_string(is.common.type));
        if (type != line.what) return differ.add("it is " + type);
        if (check_rpc) {
          differ.number("source port", raw(is.common.source_port), raw(fields.header.source_port));
          differ.number("destination port", raw(is.common.destination_port),
                        raw(fields.header.destination_port));
          differ.number("id", raw(is.common.sender_id), raw(fields.header.sender_id));
          differ.number("identity", raw(is.common.identity), raw(fields.header.identity));
        }
        compare_fields(line, fields, is, differ);
      },
      *header);
  return differ.text();
}

std::string describe_packet(std::span<const std::byte> packet) {
  const auto header = wire::parse(packet);
  if (!header) return "malformed: " + std::string(wire::to_string(header.error()));
  return std::visit(
      [](const auto& is) {
        return std::string(wire::to_string(is.common.type)) + " id " +
               std::to_string(raw(is.common.sender_id)) + fields_text(is);
      },
      *header);
}

}  // namespace homa::test
