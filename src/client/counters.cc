#include "client/counters.h"

namespace homa::client {

std::vector<Counter> read_counters(const trace::Counters& counters,
                                   const std::optional<io::IoStatistics>& io) {
  std::vector<Counter> result;
  for (const trace::CounterValue& value : trace::read(counters)) {
    result.push_back({std::string(value.name), std::string(value.meaning), value.value});
  }
  if (!io) return result;
  result.push_back({"io_receive_calls", "times packets were asked for", io->receive_calls});
  result.push_back({"io_send_calls", "times packets were handed over", io->send_calls});
  result.push_back({"io_frames_received", "packets the back end received", io->frames_received});
  result.push_back({"io_frames_sent", "packets the back end sent", io->frames_sent});
  result.push_back({"io_send_refused", "packets the device or kernel refused", io->send_refused});
  result.push_back({"io_receive_dropped", "packets that were not for Homa", io->receive_dropped});
  return result;
}

}  // namespace homa::client
