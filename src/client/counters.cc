#include "client/counters.h"

namespace homa::client {

std::vector<Counter> read_counters(const trace::Counters& counters,
                                   const std::optional<io::IoStatistics>& io) {
  std::vector<Counter> result;
  for (const trace::CounterValue& value : trace::read(counters)) {
    result.push_back({std::string(value.name), std::string(value.meaning), value.value});
  }
  if (!io) return result;
#define HOMA_IO_COUNTER(name, meaning) result.push_back({"io_" #name, meaning, io->name});
  HOMA_IO_COUNTERS(HOMA_IO_COUNTER)
#undef HOMA_IO_COUNTER
  return result;
}

}  // namespace homa::client
