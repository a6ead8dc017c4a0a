#include "core/config.h"

namespace homa::core {
namespace {

Result<void, Error> wrong(const char* field, const char* rule) {
  return Unexpected<Error>(
      Error{ErrorCode::kInvalidArgument, std::string(field) + " must be " + rule});
}

}  // namespace

Result<void, Error> CoreConfig::validate() const {
  if (max_link_usage_percent < 1 || max_link_usage_percent > 100) {
    return wrong("max_link_usage_percent", "1..100");
  }
  if (nic_backlog_max < Duration::zero()) return wrong("nic_backlog_max", "0 or more");
  if (payload_bytes_max < 16 || payload_bytes_max > 65'000) {
    return wrong("payload_bytes_max", "16..65000");
  }
  if (packet_overhead_bytes > 1'000) return wrong("packet_overhead_bytes", "0..1000");
  if (pacer_fifo_per_mille > 1'000) return wrong("pacer_fifo_per_mille", "0..1000");
  if (grant_fifo_per_mille > 1'000) return wrong("grant_fifo_per_mille", "0..1000");
  if (fifo_grant_increment == 0) return wrong("fifo_grant_increment", "at least 1");
  if (unscheduled_bytes == 0) return wrong("unscheduled_bytes", "at least 1");
  if (max_incoming == 0) return wrong("max_incoming", "at least 1");
  if (overcommit < 1 || overcommit > 32) return wrong("overcommit", "1..32");
  if (grant_increment_min == 0) return wrong("grant_increment_min", "at least 1");
  if (priorities < 1 || priorities > kPriorities) return wrong("priorities", "1..8");
  if (tick <= Duration::zero()) return wrong("tick", "longer than 0");
  if (resend_ticks == 0 || resend_interval == 0) {
    return wrong("resend_ticks and resend_interval", "at least 1");
  }
  if (timeout_ticks <= resend_ticks) return wrong("timeout_ticks", "more than resend_ticks");
  if (timeout_questions == 0 || timeout_questions > 1'000) {
    return wrong("timeout_questions", "1..1000");
  }
  if (question_interval_max < tick) return wrong("question_interval_max", "at least a tick");
  if (request_ack_ticks == 0) return wrong("request_ack_ticks", "at least 1");
  if (need_ack_backoff_max < tick) return wrong("need_ack_backoff_max", "at least a tick");
  if (need_ack_give_up < tick) return wrong("need_ack_give_up", "at least a tick");
  if (message_bytes_max == 0 || message_bytes_max > (1U << 30)) {
    return wrong("message_bytes_max", "1..1073741824");
  }
  if (rpcs_max == 0 || rpcs_max > (1U << 20)) return wrong("rpcs_max", "1..1048576");
  if (served_rpcs_per_port_max == 0) return wrong("served_rpcs_per_port_max", "at least 1");
  if (finished_ids_max == 0) return wrong("finished_ids_max", "at least 1");
  if (peers_max == 0) return wrong("peers_max", "at least 1");
  if (receive_region_bytes != 0 && receive_region_bytes < message_bytes_max) {
    return wrong("receive_region_bytes", "0 or room for a message of message_bytes_max");
  }
  return {};
}

}  // namespace homa::core
