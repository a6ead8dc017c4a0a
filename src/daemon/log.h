// homad's log: one line an event, for people or as JSON. A thread of its own writes, because nobody
// knows how long that takes; what it cannot keep up with is dropped and counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "homa/log.h"

namespace homa::daemon {

enum class LogFormat : std::uint8_t { kText, kJson };

// "2026-11-27T15:04:05.123Z info attached: pid=12 user=1000", or the same as a JSON object.
std::string log_line(LogFormat format, std::int64_t milliseconds_since_1970, const LogLine& line);

class Log {
 public:
  // Lines go to `descriptor`, which stays the caller's.
  Log(int descriptor, LogFormat format, LogLevel least);
  ~Log();  // writes what is left, as long as somebody reads
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // One thread. Never waits for a write.
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    write({level, {}, event, std::span(fields.begin(), fields.size())});
  }
  void write(const LogLine& line);
  void set_least(LogLevel least) { least_ = least; }

 private:
  static constexpr std::size_t kWaitingMax = 4096;  // lines

  void run();
  // False: nobody reads, and the log is to end.
  bool write_out(std::string_view text) const;

  const int descriptor_;
  const LogFormat format_;
  LogLevel least_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::uint64_t dropped_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace homa::daemon
