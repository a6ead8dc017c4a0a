// The public interface throws nothing. What the code below it throws becomes an error here.
#pragma once

#include <new>
#include <stdexcept>
#include <system_error>

#include "base/failure.h"

namespace homa::client {

// Short enough to need no allocation.
inline Unexpected<Error> out_of_memory() { return failure(ErrorCode::kNoMemory, "out of memory"); }

// Runs `work`, which returns a Result. A failed allocation gives kNoMemory, and so does a size that
// no container can have. Nothing is half done: whatever throws below does so before it changes
// anything, or undoes it.
template <typename Work>
auto without_throwing(Work work) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::length_error&) {
    return out_of_memory();
  }
}

// Runs `undo` at the end of its scope, also when something throws; unless dismiss() was called.
template <typename Undo>
class Rollback {
 public:
  explicit Rollback(Undo undo) : undo_(undo) {}
  ~Rollback() {
    if (active_) undo_();
  }
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  void dismiss() { active_ = false; }
  // Now instead of at the end of the scope.
  void run() {
    if (active_) undo_();
    active_ = false;
  }

 private:
  Undo undo_;
  bool active_ = true;
};

}  // namespace homa::client
