#include "core/config.h"

#include <span>

#include "base/quantity.h"

namespace homa::core {
namespace {

Unexpected<Error> wrong(const char* field, const std::string& rule) {
  return Unexpected<Error>(
      Error{ErrorCode::kInvalidArgument, std::string(field) + " must be " + rule});
}

struct NumberRange {
  const char* field;
  std::uint64_t value, least, most;
};

struct DurationRange {
  const char* field;
  Duration value, least, most;
};

// Wide enough for every use, and so narrow that no sum or product of two parameters overflows.
constexpr std::uint64_t kBytesMax = 1 << 30;  // of a message, and of what is granted
constexpr std::uint64_t kMemoryMax = std::uint64_t{1} << 40;
constexpr std::uint64_t kRateMax = 100'000'000'000'000;
constexpr std::uint64_t kTicksMax = 1'000'000;
constexpr std::uint64_t kAny = 0xffffffff;
constexpr Duration kLongest = std::chrono::hours(24);

Result<void, Error> check(std::span<const NumberRange> ranges) {
  for (const NumberRange& range : ranges) {
    if (range.value >= range.least && range.value <= range.most) continue;
    return wrong(range.field, std::to_string(range.least) + ".." + std::to_string(range.most));
  }
  return {};
}

Result<void, Error> check(std::span<const DurationRange> ranges) {
  for (const DurationRange& range : ranges) {
    if (range.value >= range.least && range.value <= range.most) continue;
    return wrong(range.field,
                 base::exact_duration(range.least) + ".." + base::exact_duration(range.most));
  }
  return {};
}

Result<void, Error> check_numbers(const CoreConfig& c) {
  const NumberRange ranges[] = {
      {"link_bits_per_second", c.link_bits_per_second, 0, kRateMax},
      {"max_link_usage_percent", c.max_link_usage_percent, 1, 100},
      {"device_queue_bytes_max", c.device_queue_bytes_max, 0, kMemoryMax},
      {"packet_overhead_bytes", c.packet_overhead_bytes, 0, 1'000},
      {"payload_bytes_max", c.payload_bytes_max, 16, 65'000},
      {"defer_bytes_min", c.defer_bytes_min, 0, kBytesMax},
      {"pacer_fifo_per_mille", c.pacer_fifo_per_mille, 0, 1'000},
      {"unscheduled_bytes", c.unscheduled_bytes, 1, kBytesMax},
      {"max_incoming", c.max_incoming, 1, kBytesMax},
      {"max_incoming_most", c.max_incoming_most, 0, kBytesMax},
      {"overcommit", c.overcommit, 1, 32},
      {"window", c.window, 0, kBytesMax},
      {"grant_fifo_per_mille", c.grant_fifo_per_mille, 0, 1'000},
      {"fifo_grant_increment", c.fifo_grant_increment, 1, kBytesMax},
      {"grant_increment_min", c.grant_increment_min, 1, kBytesMax},
      {"grant_tail_bytes", c.grant_tail_bytes, 0, kBytesMax},
      {"priorities", c.priorities, 1, kPriorities},
      {"cutoff_messages_min", c.cutoff_messages_min, 0, kAny},
      {"resend_ticks", c.resend_ticks, 1, kTicksMax},
      {"resend_interval", c.resend_interval, 1, kTicksMax},
      {"timeout_ticks", c.timeout_ticks, 1, kTicksMax},
      {"timeout_questions", c.timeout_questions, 1, 1'000},
      {"request_ack_ticks", c.request_ack_ticks, 1, kTicksMax},
      {"message_bytes_max", c.message_bytes_max, 1, kBytesMax},
      {"rpcs_max", c.rpcs_max, 1, 1 << 20},
      {"served_rpcs_per_port_max", c.served_rpcs_per_port_max, 1, kAny},
      {"receive_region_bytes", c.receive_region_bytes, 0, kMemoryMax},
      {"receive_rate_min", c.receive_rate_min, 0, kBytesMax},
      {"finished_ids_max", c.finished_ids_max, 1, 1 << 24},
      {"peers_max", c.peers_max, 1, 1 << 20},
      {"incast_bytes_max", c.incast_bytes_max, 0, kBytesMax},
  };
  return check(ranges);
}

Result<void, Error> check_durations(const CoreConfig& c) {
  const DurationRange ranges[] = {
      {"tick", c.tick, std::chrono::microseconds(10), std::chrono::seconds(1)},
      {"nic_backlog_max", c.nic_backlog_max, {}, kLongest},
      {"cutoff_interval", c.cutoff_interval, {}, kLongest},
      {"cutoffs_reply_interval", c.cutoffs_reply_interval, {}, kLongest},
      {"question_interval_max", c.question_interval_max, c.tick, kLongest},
      {"need_ack_backoff_max", c.need_ack_backoff_max, c.tick, kLongest},
      {"need_ack_give_up", c.need_ack_give_up, c.tick, kLongest},
      {"buffer_wait_max", c.buffer_wait_max, {}, kLongest},
  };
  return check(ranges);
}

}  // namespace

Result<void, Error> CoreConfig::validate() const {
  if (auto good = check_numbers(*this); !good) return good;
  if (auto good = check_durations(*this); !good) return good;
  if (timeout_ticks <= resend_ticks) return wrong("timeout_ticks", "more than resend_ticks");
  if (receive_region_bytes != 0 && receive_region_bytes < message_bytes_max) {
    return wrong("receive_region_bytes", "0 or room for a message of message_bytes_max");
  }
  return {};
}

}  // namespace homa::core
