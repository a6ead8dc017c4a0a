// What an engine shows to tools: counters, gauges, histograms, errors and RPCs in progress, in one
// piece of memory that describes itself (trace/state_layout.h). It is a file that any process may
// read while the engine runs and after its process has died, or, where no file can be made, memory
// that nobody reads.
//
// Writing costs no system call. The engine's thread writes; other threads of the process may read
// counters().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/mapping.h"
#include "engine/error_log.h"
#include "engine/measured.h"
#include "engine/parameter_requests.h"
#include "io/packet_io.h"
#include "trace/gauges.h"
#include "trace/state_layout.h"
#include "trace/trace.h"

namespace homa::engine {

class Published {
 public:
  // RPCs in progress that are shown: those that began first.
  static constexpr std::size_t kRpcs = 256;
  static constexpr std::size_t kErrors = 64;
  // Programs that are shown: those whose messages take most memory.
  static constexpr std::size_t kPrograms = 128;

  // kNoMemory.
  static Result<std::unique_ptr<Published>, Error> in_private_memory();
  // A new file in `folder` for an engine of this description; removed when the engine is closed.
  // Of files that dead processes of this user left, the latest stay for a while, the others are
  // removed. Everybody may read it, as /proc/net/tcp. kNoMemory, kSystem.
  static Result<std::unique_ptr<Published>, Error> in_folder(const std::string& folder,
                                                             const std::string& description);
  ~Published();
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // From now on tools may ask for parameters and change them. kSystem.
  Result<void, Error> take_requests();
  const ParameterRequests& requests() const { return requests_; }

  trace::Counters& counters();
  const trace::Counters& counters() const;
  trace::Gauges& gauges();
  Measured& measured() { return measured_; }
  void set_io(const io::IoStatistics& statistics);
  // At most kRpcs, in any order.
  void set_rpcs(Time clock, std::span<const trace::RpcEntry> rpcs);
  // `fill` writes programs into what it is given, and returns how many.
  template <typename Fill>
  void set_programs(Time clock, Fill fill) {
    const std::span<trace::ProgramEntry> entries = begin_programs();
    end_programs(clock, fill(entries));
  }
  // Gauges and tables are as of `clock`.
  void sampled(Time clock);
  // An RPC of ours with `peer` failed. True: tools have not seen this error with this peer yet.
  bool failed(ErrorCode code, Executed executed, const SocketAddress& peer);
  void stopped_for_want_of_memory();

 private:
  struct IoCounters {
#define HOMA_IO_CELL(name, meaning) trace::Cell name{0};
    HOMA_IO_COUNTERS(HOMA_IO_CELL)
#undef HOMA_IO_CELL
  };
  struct Parts;

  Published(base::Mapping memory, std::string path, const std::string& description);
  std::span<trace::ProgramEntry> begin_programs();
  void end_programs(Time clock, std::size_t count);

  base::Mapping memory_;
  const std::string path_;  // of the file; empty: there is none
  Parts* const parts_;
  Measured measured_;
  ErrorLog errors_;
  ParameterRequests requests_;
};

}  // namespace homa::engine
