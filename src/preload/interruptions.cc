#include "preload/interruptions.h"

#include <atomic>

namespace homa::preload {
namespace {

using PlainCall = void (*)(int);
using FullCall = void (*)(int, siginfo_t*, void*);

// One of them is set.
struct Handler {
  std::atomic<PlainCall> plain{nullptr};
  std::atomic<FullCall> full{nullptr};  // SA_SIGINFO

  void set(const struct sigaction& action) {
    const bool is_full = (action.sa_flags & SA_SIGINFO) != 0;
    plain.store(is_full ? nullptr : action.sa_handler, std::memory_order_relaxed);
    full.store(is_full ? action.sa_sigaction : nullptr, std::memory_order_relaxed);
  }
  void get(struct sigaction& action) const {
    if (const FullCall call = full.load(std::memory_order_relaxed)) {
      action.sa_sigaction = call;
    } else {
      action.sa_handler = plain.load(std::memory_order_relaxed);
      action.sa_flags &= ~SA_SIGINFO;
    }
  }
};

constexpr int kSignals = NSIG;
Handler handlers[kSignals];
std::atomic<bool> any_wrapped{false};
// Initial-exec: a signal handler must not allocate thread-local memory.
thread_local std::uint64_t handled __attribute__((tls_model("initial-exec"))) = 0;

void count_and_call(int number, siginfo_t* info, void* context) {
  handled = handled + 1;
  const Handler& handler = handlers[number];
  if (const FullCall full = handler.full.load(std::memory_order_relaxed)) {
    full(number, info, context);
  } else if (const PlainCall plain = handler.plain.load(std::memory_order_relaxed)) {
    plain(number);
  }
}

bool interrupts(const struct sigaction& action) {
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
         (action.sa_flags & SA_RESTART) == 0;
}

}  // namespace

int install_handler(int number, const struct sigaction* action, struct sigaction* before,
                    Sigaction real) {
  if (number <= 0 || number >= kSignals) return real(number, action, before);
  Handler& handler = handlers[number];
  struct sigaction seen {};  // what the program gave before, if it was wrapped
  seen.sa_flags = SA_SIGINFO;
  handler.get(seen);
  struct sigaction wrapped {};
  const bool wraps = action != nullptr && interrupts(*action);
  if (wraps) {
    wrapped = *action;
    handler.set(wrapped);
    wrapped.sa_sigaction = count_and_call;
    wrapped.sa_flags |= SA_SIGINFO;
    any_wrapped.store(true, std::memory_order_relaxed);
  }
  const int result = real(number, wraps ? &wrapped : action, before);
  if (result != 0 && wraps) handler.set(seen);
  if (result == 0 && before != nullptr && before->sa_sigaction == count_and_call) {
    before->sa_flags = (before->sa_flags & ~SA_SIGINFO) | (seen.sa_flags & SA_SIGINFO);
    if ((seen.sa_flags & SA_SIGINFO) != 0) {
      before->sa_sigaction = seen.sa_sigaction;
    } else {
      before->sa_handler = seen.sa_handler;
    }
  }
  return result;
}

std::uint64_t interruptions() { return handled; }

bool interruptions_possible() { return any_wrapped.load(std::memory_order_relaxed); }

}  // namespace homa::preload
