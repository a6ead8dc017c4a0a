#include "preload/process.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>

#include "preload/settings.h"

namespace homa::preload {
namespace {

// What the kernel says: the C library may remember another number after vfork().
int current_pid() { return static_cast<int>(::syscall(SYS_getpid)); }

}  // namespace

Process::Process() : pid_(current_pid()) {}

Process& Process::get() {
  static Process* const process = new Process;
  return *process;
}

bool Process::owns_table() const { return pid_.load(std::memory_order_relaxed) == current_pid(); }

Result<std::shared_ptr<Engine>, Failure> Process::engine() {
  const std::lock_guard lock(engine_mutex_);
  if (engine_) return engine_;
  auto opened = open_engine();
  if (!opened) {
    std::fprintf(stderr, "homa: cannot open a Homa socket: %s\n", opened.error().text.c_str());
    return opened;
  }
  engine_ = *opened;
  return opened;
}

Result<std::shared_ptr<Engine>, Failure> Process::open_engine() {
  const auto config = read_settings(environ);
  if (!config) return refuse(config.error());
  return Engine::open(*config);
}

void Process::before_fork() {
  engine_mutex_.lock();
  table_.lock();
}

void Process::after_fork_in_parent() {
  table_.unlock();
  engine_mutex_.unlock();
}

void Process::after_fork_in_child(void (*replace)(int fd)) {
  pid_.store(current_pid(), std::memory_order_relaxed);
  // The parent's engine stays as it is: its locks may be held by threads that do not exist here.
  static_cast<void>(new (std::nothrow) std::shared_ptr<Engine>(engine_));
  engine_.reset();
  for (const auto& [fd, socket] : table_.entries()) {
    socket->note_fork();
    replace(fd);
  }
  table_.unlock();
  engine_mutex_.unlock();
}

void Process::end() {
  ended_by_.store(::pthread_self(), std::memory_order_relaxed);
  ended_.store(true, std::memory_order_seq_cst);
  std::shared_ptr<Engine> engine;
  {
    // exit() in a signal handler may have interrupted whoever has the lock.
    const std::unique_lock lock(engine_mutex_, std::try_to_lock);
    if (lock.owns_lock()) engine = std::move(engine_);
  }
  if (engine) engine->close();
}

bool Process::ended_by_other() const {
  return ended_.load(std::memory_order_seq_cst) &&
         ::pthread_equal(ended_by_.load(std::memory_order_relaxed), ::pthread_self()) == 0;
}

}  // namespace homa::preload
