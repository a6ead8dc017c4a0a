#include "daemon/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "client/signals_blocked.h"

namespace homa::daemon {
namespace {

// A write of so many bytes to a pipe or socket that is writable does not block.
constexpr std::size_t kWriteMax = 4'096;
constexpr int kPatienceMs = 200;
constexpr std::array<std::string_view, 4> kLevels = {"error", "warning", "info", "debug"};

std::string time_text(std::int64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), milliseconds % 1000);
}

std::int64_t now_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A value with blanks in it is quoted; nothing in it can begin another line.
std::string quoted(std::string_view value) {
  if (!value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string::npos) {
    return std::string(value);
  }
  return nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string log_line(LogFormat format, std::int64_t milliseconds_since_1970, const LogLine& said) {
  const std::string_view level_name = kLevels[static_cast<std::size_t>(said.level)];
  if (format == LogFormat::kJson) {
    nlohmann::ordered_json line{
        {"time", time_text(milliseconds_since_1970)}, {"level", level_name}, {"event", said.text}};
    for (const LogField& field : said.fields) line[std::string(field.name)] = field.value;
    return line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  }
  std::string line =
      fmt::format("{} {} {}", time_text(milliseconds_since_1970), level_name, said.text);
  const char* before = ": ";
  for (const LogField& field : said.fields) {
    line += fmt::format("{}{}={}", before, field.name, quoted(field.value));
    before = " ";
  }
  return line + "\n";
}

Log::Log(int descriptor, LogFormat format, LogLevel least)
    : descriptor_(descriptor), format_(format), least_(least) {
  const client::SignalsBlocked inherited;
  thread_ = std::thread([this] { run(); });
}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Log::write(const LogLine& said) {
  if (said.level > least_) return;
  std::string line = log_line(format_, now_milliseconds(), said);
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kWaitingMax) {
      ++dropped_;
      return;
    }
    waiting_.push_back(std::move(line));
  }
  changed_.notify_one();
}

void Log::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::string line = std::move(waiting_.front());
    waiting_.pop_front();
    if (const std::uint64_t dropped = std::exchange(dropped_, 0); dropped > 0) {
      const std::string count = std::to_string(dropped);
      const LogField field{"count", count};
      line += log_line(format_, now_milliseconds(),
                       {LogLevel::kWarning, {}, "log lines were dropped", std::span(&field, 1)});
    }
    lock.unlock();
    if (!write_out(line)) return;
    lock.lock();
  }
}

bool Log::write_out(std::string_view text) const {
  while (!text.empty()) {
    pollfd writable{descriptor_, POLLOUT, 0};
    const int ready = ::poll(&writable, 1, kPatienceMs);
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0 && stopping_) return false;
    if (ready <= 0) continue;
    const ssize_t written = ::write(descriptor_, text.data(), std::min(text.size(), kWriteMax));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return true;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace homa::daemon
