// In place of src/channel/kernel.cc: threads sleep in the scheduler, and an eventfd is a flag.
#include "channel/kernel.h"

#include <set>

#include "schedule/scheduler.h"

namespace homa::channel {
namespace {

std::set<int> signalled;  // one schedule runs at a time, and one thread of it
int next_descriptor = 1'000;

}  // namespace

const void* descriptor_place(int fd) { return reinterpret_cast<const void*>(std::intptr_t{fd}); }

void futex_wait(WakeWord& word, std::uint32_t value, SleepDeadline deadline) {
  auto* scheduler = schedule::Scheduler::current();
  if (word.load() != value) return;
  scheduler->block(&word, deadline ? Time(deadline->time_since_epoch()) : kNever);
}

void futex_wake(WakeWord& word) { schedule::Scheduler::current()->wake(&word); }

Result<int, Error> create_descriptor() { return next_descriptor++; }

void signal_descriptor(int fd) {
  auto* scheduler = schedule::Scheduler::current();
  scheduler->point();
  signalled.insert(fd);
  scheduler->wake(descriptor_place(fd));
}

bool clear_descriptor(int fd) { return signalled.erase(fd) > 0; }

bool is_signalled(int fd) { return signalled.count(fd) > 0; }

}  // namespace homa::channel
