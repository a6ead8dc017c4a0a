#include "preload/process.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <map>
#include <new>
#include <string>
#include <system_error>

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

SocketTable::Entry Process::find_to_use(int fd, void (*replace)(int fd, int by)) {
  const SocketTable::Entry socket = table_.find(fd);
  if (!socket || !socket->inherited()) return socket;
  if (!parent_used_homad_ && !socket->is_of_program_before()) return socket;
  const std::lock_guard one_at_a_time(succession_mutex_);
  if (const SocketTable::Entry now = table_.find(fd); now != socket) return now;
  auto own = engine();
  if (!own) {
    socket->note_no_successor(own.error());
    return socket;
  }
  const auto successor = socket->succeed(std::move(own).value());
  if (!successor) return socket;
  const int descriptor = (*successor)->descriptor();
  for (const int same : table_.descriptors_of(*socket)) {
    replace(same, descriptor);
    (*successor)->add_descriptor();
    table_.add(same, *successor);
  }
  return *successor;
}

void Process::before_fork() {
  succession_mutex_.lock();
  engine_mutex_.lock();
  table_.lock();
  for (const auto& [fd, socket] : table_.entries()) forking_.push_back(socket.get());
  std::sort(forking_.begin(), forking_.end());  // duplicates name the same socket
  forking_.erase(std::unique(forking_.begin(), forking_.end()), forking_.end());
  for (KernelSocket* const socket : forking_) socket->lock();
}

void Process::after_fork() {
  for (KernelSocket* const socket : forking_) socket->unlock();
  forking_.clear();
  table_.unlock();
  engine_mutex_.unlock();
  succession_mutex_.unlock();
}

void Process::after_fork_in_child(int (*make)(const SocketNote& note),
                                  void (*replace)(int fd, int by), int (*close)(int fd)) {
  pid_.store(current_pid(), std::memory_order_relaxed);
  // The parent's engine stays as it is: its locks may be held by threads that do not exist here.
  static_cast<void>(new (std::nothrow) std::shared_ptr<Engine>(engine_));
  if (engine_) parent_used_homad_ = engine_->is_homads();
  engine_.reset();
  for (KernelSocket* const socket : forking_) {
    const int descriptor = make(socket->note());
    socket->note_fork();
    if (descriptor < 0) continue;
    for (const auto& [fd, entry] : table_.entries()) {
      if (entry.get() == socket) replace(fd, descriptor);
    }
    close(descriptor);
  }
  after_fork();
}

// Descriptors of one socket are one file.
void Process::find_sockets_of_program_before() {
  std::map<ino_t, SocketTable::Entry> found;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    struct stat file {};
    const auto note = read_note(fd);
    if (!note || ::fstat(fd, &file) != 0) continue;
    SocketTable::Entry& socket = found[file.st_ino];
    if (!socket) socket = std::make_shared<KernelSocket>(*note);
    socket->add_descriptor();
    table_.add(fd, socket);
  }
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
