// What a preloaded program has: its sockets by descriptor, and its engine.
#pragma once

#include <pthread.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "homa/result.h"
#include "preload/engine.h"
#include "preload/failure.h"
#include "preload/kernel_socket.h"
#include "preload/socket_table.h"

namespace homa::preload {

class Process {
 public:
  // Never destroyed: threads may use it while the program exits.
  static Process& get();

  SocketTable& table() { return table_; }
  // The socket for a call that uses it; null: none of ours. `replace(fd, by)` puts another
  // descriptor in the place of one. In a forked child of a program that uses homad, and for a
  // socket of the program that executed this one, the first such call opens a socket of this
  // process's own.
  SocketTable::Entry find_to_use(int fd, void (*replace)(int fd, int by));
  // Opened at the first call, as the environment says. What is wrong also goes to standard error,
  // because an errno value says little.
  Result<std::shared_ptr<Engine>, Failure> engine();

  // The calling process has this table to itself: it is no child of vfork(), which shares it with
  // its parent, and whose close() is not the parent's.
  bool owns_table() const;

  // --- fork() ---
  void before_fork();
  void after_fork();  // in the parent
  // `make(note)` gives a descriptor that is readable, so that a child that polls is told, and -1 if
  // there is none to be had; `replace` is as above.
  void after_fork_in_child(int (*make)(const SocketNote& note), void (*replace)(int fd, int by),
                           int (*close)(int fd));

  // --- exec() ---
  // Takes over the descriptors of Homa sockets that the program has from the beginning.
  void find_sockets_of_program_before();

  // --- exit() ---
  void end();
  // end() was called, by another thread.
  bool ended_by_other() const;

 private:
  Process();
  Result<std::shared_ptr<Engine>, Failure> open_engine();

  SocketTable table_;
  std::mutex succession_mutex_;  // taken before the others
  bool parent_used_homad_ = false;
  std::vector<KernelSocket*> forking_;  // locked
  std::mutex engine_mutex_;             // taken before the table's
  std::shared_ptr<Engine> engine_;
  std::atomic<int> pid_;
  std::atomic<bool> ended_{false};
  std::atomic<pthread_t> ended_by_{};
};

}  // namespace homa::preload
