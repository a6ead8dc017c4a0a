#include "engine/error_log.h"

#include <atomic>
#include <limits>

namespace homa::engine {
namespace {

using trace::ErrorEntry;

bool same(const ErrorEntry& a, const ErrorEntry& b) {
  return a.code == b.code && a.executed == b.executed && a.peer.ip == b.peer.ip &&
         a.peer.udp_port == b.peer.udp_port && a.peer.port == b.peer.port &&
         a.peer.scope == b.peer.scope;
}

std::int64_t happened(const ErrorEntry& entry) {
  return entry.count == 0 ? std::numeric_limits<std::int64_t>::min() : entry.last;
}

// A reader that sees the same even version before and after has read what was written as a whole.
template <typename Write>
void write_whole(ErrorEntry& entry, Write write) {
  const std::uint64_t version = entry.version.load(std::memory_order_relaxed);
  entry.version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  write();
  entry.version.store(version + 2, std::memory_order_release);
}

}  // namespace

void ErrorLog::note(std::int64_t now, ErrorCode code, std::string_view text) {
  ErrorEntry error;
  error.code = static_cast<std::uint32_t>(code);
  trace::set_text(error.text, text);
  note(now, error);
}

bool ErrorLog::note(std::int64_t now, ErrorCode code, Executed executed,
                    const SocketAddress& peer) {
  ErrorEntry error;
  error.code = static_cast<std::uint32_t>(code);
  error.executed = static_cast<std::uint32_t>(executed);
  error.peer = {peer.host.ip, peer.host.udp_port, peer.port, peer.host.scope};
  trace::set_text(error.text, to_string(code));
  return note(now, error);
}

bool ErrorLog::note(std::int64_t now, const ErrorEntry& error) {
  ErrorEntry* oldest = &entries_.front();
  for (ErrorEntry& entry : entries_) {
    if (entry.count > 0 && same(entry, error)) {
      write_whole(entry, [&] {
        ++entry.count;
        entry.last = now;
      });
      return false;
    }
    if (happened(entry) < happened(*oldest)) oldest = &entry;
  }
  write_whole(*oldest, [&] {
    oldest->count = 1;
    oldest->first = oldest->last = now;
    oldest->peer = error.peer;
    oldest->code = error.code;
    oldest->executed = error.executed;
    oldest->text = error.text;
  });
  return true;
}

}  // namespace homa::engine
