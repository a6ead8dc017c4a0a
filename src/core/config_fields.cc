#include "core/config_fields.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>

#include "base/quantity.h"

namespace homa::core {
namespace {

// FIELD(name, unit, kAnyTime or kAtStart, meaning): one line per field of CoreConfig; a field
// without a line here cannot be set by name, which config_fields_test notices. kAtStart: a part of
// the endpoint keeps what it made of the value when it was built.
#define HOMA_CORE_FIELDS(FIELD)                                                                    \
  FIELD(link_bits_per_second, "bit/s", kAtStart, "rate of the link; 0: packets are not paced")     \
  FIELD(max_link_usage_percent, "percent", kAtStart,                                               \
        "share of the link's rate that pacing reckons with")                                       \
  FIELD(nic_backlog_max, "duration", kAtStart, "most data waiting in the NIC by the link model")   \
  FIELD(device_queue_bytes_max, "bytes", kAtStart,                                                 \
        "most data waiting by the device's reports; 0: 40 us")                                     \
  FIELD(packet_overhead_bytes, "bytes", kAtStart, "on the wire per packet beyond Homa's")          \
  FIELD(payload_bytes_max, "bytes", kAtStart, "payload per DATA packet")                           \
  FIELD(defer_bytes_min, "bytes", kAtStart, "shorter packets are never held back by pacing")       \
  FIELD(pacer_fifo_per_mille, "per mille", kAtStart, "share of sent bytes for the oldest message") \
  FIELD(unscheduled_bytes, "bytes", kAnyTime, "sent of a message without waiting for a grant")     \
  FIELD(max_incoming, "bytes", kAtStart, "most bytes granted and not received, over all messages") \
  FIELD(max_incoming_most, "bytes", kAtStart,                                                      \
        "to which max_incoming grows with the rate of arrivals")                                   \
  FIELD(overcommit, "messages", kAtStart, "most messages granted at once")                         \
  FIELD(window, "bytes", kAnyTime, "granted ahead per message; 0: max_incoming / (active + 1)")    \
  FIELD(grant_fifo_per_mille, "per mille", kAnyTime,                                               \
        "share of granted bytes for the oldest message")                                           \
  FIELD(fifo_grant_increment, "bytes", kAnyTime, "granted to the oldest message at a time")        \
  FIELD(grant_increment_min, "bytes", kAnyTime, "a grant advances by no less, but at the end")     \
  FIELD(grant_tail_bytes, "bytes", kAnyTime,                                                       \
        "the last of a message, granted at an unscheduled level")                                  \
  FIELD(priorities, "levels", kAtStart, "network priorities in use")                               \
  FIELD(cutoffs, "bytes", kAtStart,                                                                \
        "by priority 0..7: longest message with that unscheduled priority")                        \
  FIELD(cutoff_interval, "duration", kAnyTime, "recompute the cutoffs this often; 0: never")       \
  FIELD(cutoff_messages_min, "messages", kAnyTime,                                                 \
        "fewer received in an interval: leave the cutoffs")                                        \
  FIELD(cutoffs_reply_interval, "duration", kAnyTime, "CUTOFFS at most this often to a peer")      \
  FIELD(tick, "duration", kAtStart, "unit of the timers below")                                    \
  FIELD(resend_ticks, "ticks", kAnyTime, "silence before the first RESEND")                        \
  FIELD(resend_interval, "ticks", kAnyTime, "silence between later RESENDs")                       \
  FIELD(timeout_ticks, "ticks", kAnyTime,                                                          \
        "a host that is asked for so long without an answer is dead")                              \
  FIELD(timeout_questions, "questions", kAnyTime, "and was asked so often")                        \
  FIELD(question_interval_max, "duration", kAnyTime,                                               \
        "an RPC that waits is asked about this often")                                             \
  FIELD(request_ack_ticks, "ticks", kAnyTime, "after the last response byte: NEED_ACK")            \
  FIELD(need_ack_backoff_max, "duration", kAnyTime,                                                \
        "intervals between NEED_ACKs double up to this")                                           \
  FIELD(need_ack_give_up, "duration", kAnyTime, "then an unacked response is dropped")             \
  FIELD(message_bytes_max, "bytes", kAtStart, "longest message sent or taken")                     \
  FIELD(rpcs_max, "RPCs", kAtStart, "in progress, ours and served")                                \
  FIELD(served_rpcs_per_port_max, "RPCs", kAnyTime, "unanswered requests per port")                \
  FIELD(receive_region_bytes, "bytes", kAtStart, "memory for incoming messages")                   \
  FIELD(buffer_wait_max, "duration", kAnyTime, "a message that finds no room fails after this")    \
  FIELD(wait_for_memory, "switch", kAnyTime, "or, if 1, not as long as its peer lives")            \
  FIELD(receive_rate_min, "bytes", kAnyTime,                                                       \
        "a second, or a message gives way to others that wait")                                    \
  FIELD(finished_ids_max, "ids", kAtStart, "remembered, so that no request runs twice")            \
  FIELD(peers_max, "peers", kAnyTime, "above this, those without RPCs are forgotten")              \
  FIELD(trust_kernel_peers, "switch", kAnyTime, "kernel peers need not prove their address")       \
  FIELD(incast_bytes_max, "bytes", kAnyTime,                                                       \
        "unscheduled bytes over all awaited responses; 0: no limit")                               \
  FIELD(canary_no_grants, "switch", kAtStart, "planted fault for the test bench: never grant")     \
  FIELD(canary_deaf, "switch", kAtStart,                                                           \
        "planted fault: packets do not show that their host lives")                                \
  FIELD(canary_no_questions, "switch", kAtStart, "planted fault: never ask about an RPC that waits")

// How the text of a whole number is read, by the field's unit.
enum class NumberKind : std::uint8_t { kCount, kBytes, kRate };

constexpr NumberKind number_kind(std::string_view unit) {
  if (unit == "bytes") return NumberKind::kBytes;
  return unit == "bit/s" ? NumberKind::kRate : NumberKind::kCount;
}

template <NumberKind Kind, typename T>
bool parse(std::string_view text, T* value) {
  static_assert(std::is_unsigned_v<T>);
  std::optional<std::uint64_t> number;
  if constexpr (Kind == NumberKind::kBytes) {
    number = base::parse_bytes(text);
  } else if constexpr (Kind == NumberKind::kRate) {
    number = base::parse_rate(text);
  } else {
    number = base::parse_count(text);
  }
  if (!number || *number > std::numeric_limits<T>::max()) return false;
  *value = static_cast<T>(*number);
  return true;
}

template <NumberKind>
bool parse(std::string_view text, bool* value) {
  *value = text == "1";
  return text == "0" || text == "1";
}

template <NumberKind>
bool parse(std::string_view text, Duration* value) {
  const auto duration = base::parse_duration(text, base::BareDuration::kRefused);
  if (duration) *value = *duration;
  return duration.has_value();
}

template <NumberKind Kind>
bool parse(std::string_view text, std::array<std::uint32_t, kPriorities>* value) {
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::size_t comma = text.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == value->size())) return false;
    if (!parse<Kind>(text.substr(0, comma), &(*value)[i])) return false;
    if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
  }
  return true;
}

template <NumberKind Kind, typename T>
constexpr std::string_view expected() {
  if constexpr (std::is_same_v<T, bool>) {
    return "0 or 1";
  } else if constexpr (std::is_same_v<T, Duration>) {
    return "a duration like 500ns, 20us, 5ms, 1s or 0";
  } else if constexpr (!std::is_unsigned_v<T>) {
    return "eight whole numbers with commas between";
  } else if constexpr (Kind == NumberKind::kBytes) {
    return "a number of bytes, like 40000, 40k or 64kib";
  } else if constexpr (Kind == NumberKind::kRate) {
    return "a rate, like 25G or 200mbit";
  } else {
    return "a whole number, like 40000, 40k or 1M";
  }
}

template <typename T>
std::string format(const T& value) {
  if constexpr (std::is_same_v<T, Duration>) {
    return base::exact_duration(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else {
    std::string text;
    for (const std::uint32_t number : value) text += (text.empty() ? "" : ",") + format(number);
    return text;
  }
}

template <auto Member, NumberKind Kind>
Result<void, Error> set_member(CoreConfig& config, std::string_view value) {
  using T = std::remove_reference_t<decltype(config.*Member)>;
  T parsed{};
  if (!parse<Kind>(value, &parsed)) {
    return Unexpected(Error{ErrorCode::kInvalidArgument, std::string(expected<Kind, T>())});
  }
  config.*Member = parsed;
  return {};
}

template <auto Member>
std::string get_member(const CoreConfig& config) {
  return format(config.*Member);
}

constexpr ConfigField kFields[] = {
#define HOMA_CORE_FIELD(name, unit, settable, meaning) \
  {#name,                                              \
   unit,                                               \
   Settable::settable,                                 \
   meaning,                                            \
   &set_member<&CoreConfig::name, number_kind(unit)>,  \
   &get_member<&CoreConfig::name>},
    HOMA_CORE_FIELDS(HOMA_CORE_FIELD)
#undef HOMA_CORE_FIELD
};

}  // namespace

std::span<const ConfigField> config_fields() { return kFields; }

const ConfigField* find_field(std::string_view name) {
  const auto* const found = std::ranges::find(kFields, name, &ConfigField::name);
  return found == std::end(kFields) ? nullptr : found;
}

Result<void, Error> set_field(CoreConfig& config, std::string_view name, std::string_view value) {
  const ConfigField* const field = find_field(name);
  if (field == nullptr) {
    return Unexpected(
        Error{ErrorCode::kInvalidArgument, "there is no parameter named " + std::string(name)});
  }
  if (auto set = field->set(config, value); !set) {
    return Unexpected(Error{ErrorCode::kInvalidArgument, "parameter " + std::string(name) + ": \"" +
                                                             std::string(value) + "\" is not " +
                                                             set.error().text});
  }
  return {};
}

Result<void, Error> change_field(CoreConfig& config, std::string_view name,
                                 std::string_view value) {
  CoreConfig changed = config;
  if (auto set = set_field(changed, name, value); !set) return set;
  if (find_field(name)->settable == Settable::kAtStart) {
    return Unexpected(Error{
        ErrorCode::kInvalidArgument,
        "parameter " + std::string(name) +
            " counts from the start of an engine; set it there (HostConfig::parameters, --set, "
            "[parameters] of homad's configuration)"});
  }
  if (auto valid = changed.validate(); !valid) return valid;
  config = changed;
  return {};
}

Result<void, Error> set_fields(CoreConfig& config,
                               const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    if (auto set = set_field(config, name, value); !set) return set;
  }
  return {};
}

}  // namespace homa::core
