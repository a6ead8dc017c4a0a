// Coroutines for programs that have none: Task, which is awaited, and spawn(), which starts one
// that nobody awaits.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "homa/executor.h"

namespace homa {

template <typename T = void>
class Task;

namespace detail {

class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      const auto next = ended.promise().continuation;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
  void rethrow() const {
    if (exception) std::rethrow_exception(exception);
  }

  std::coroutine_handle<> continuation;
  std::exception_ptr exception;
};

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  template <typename Value>
  void return_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
  }
  T result() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() noexcept {}
  void result() const { rethrow(); }
};

}  // namespace detail

// A coroutine that begins when it is awaited, in the thread that awaits it, and goes on where what
// it awaits completes. Awaited once. Destroying a Task destroys its coroutine, which must not run
// at that moment; calls that it awaits are aborted.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;

  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> coroutine;
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        coroutine.promise().continuation = awaiting;
        return coroutine;
      }
      T await_resume() { return coroutine.promise().result(); }
    };
    return Awaiter{coroutine_};
  }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

// A coroutine that owns itself: it is gone when it ends.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

inline Detached run_detached(Task<void> task) { co_await std::move(task); }

}  // namespace detail

// Runs `task` from now on, in this thread until it first waits. Nobody learns of its end. An
// exception that leaves it ends the program.
inline void spawn(Task<void> task) { detail::run_detached(std::move(task)); }

// co_await resume_in(executor): goes on in the executor's thread.
inline auto resume_in(Executor& executor) {
  struct Awaiter {
    Executor& executor;
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      executor.post([awaiting] { awaiting.resume(); });
    }
    void await_resume() noexcept {}
  };
  return Awaiter{executor};
}

}  // namespace homa
