// A socket of the kernel's interface, over a homa::Socket: what each system call on it does.
//
// Threads: every member may be called by any thread at any time. In a forked child, and in a
// program that was executed, every call on a socket of before fails, with ESHUTDOWN or what
// succeed() gave.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "homa/kernel.h"
#include "homa/socket.h"
#include "preload/engine.h"
#include "preload/failure.h"
#include "preload/receive_memory.h"
#include "preload/socket_note.h"

namespace homa::preload {

class KernelSocket {
 public:
  using Done = Result<long, Failure>;  // what the system call returns

  // `family`: AF_INET or AF_INET6.
  static Result<std::shared_ptr<KernelSocket>, Failure> open(std::shared_ptr<Engine> engine,
                                                             int family);
  // One of the program that executed this one, of which there is the descriptor.
  explicit KernelSocket(const SocketNote& note);
  KernelSocket(std::shared_ptr<Engine> engine, Engine::Client client, int family);
  ~KernelSocket();

  // To be duplicated for the program. It is kept up to date once expect_poll() was called.
  int descriptor() const { return socket_.quiet_descriptor(); }
  void expect_poll();

  Done bind(const sockaddr* name, socklen_t length);
  Done connect(const sockaddr* name, socklen_t length);
  Done name(sockaddr* name, socklen_t* length);
  Done set_option(int option, const void* value, socklen_t length);
  Done get_option(int option, void* value, socklen_t* length);
  Done send(const msghdr& message, int flags);
  Done receive(msghdr& message, int flags);
  Done control(unsigned long request, void* argument);
  Done shutdown();
  // The socket's receive memory is there, at least in part. Takes no lock.
  bool uses_memory(std::uint64_t begin, std::uint64_t end) const {
    return begin < memory_end_ && end > memory_begin_;
  }
  // The program unmaps its receive memory: the socket ends.
  void lose_memory();

  int family() const { return family_; }
  bool nonblocking() const { return nonblocking_.load(std::memory_order_relaxed); }
  void set_nonblocking(bool on) {
    nonblocking_.store(on, std::memory_order_relaxed);
    keep_note();
  }

  // Descriptors that refer to the socket; the last one that goes ends it.
  void add_descriptor() { descriptors_.fetch_add(1, std::memory_order_relaxed); }
  void drop_descriptor();

  // What HOMAIOCINFO tells.
  void remember(const std::string& error);

  // --- fork(), exec() ---
  // Around it, so that the child finds the socket whole.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  // The calling process is a child of the one that opened the socket.
  void note_fork() { inherited_.store(true, std::memory_order_relaxed); }
  bool inherited() const { return inherited_.load(std::memory_order_relaxed); }
  bool is_of_program_before() const { return before_.has_value(); }
  SocketNote note() const;
  // In a child, or of the program before: a socket of its own at its own engine, with the port, the
  // options and the receive memory of this one. Fails with what later calls on this one then give.
  Result<std::shared_ptr<KernelSocket>, Failure> succeed(std::shared_ptr<Engine> engine);
  void note_no_successor(const Failure& why);

 private:
  using Lock = std::lock_guard<std::mutex>;

  Unexpected<Failure> refuse_child();
  Result<void, Failure> take_over(KernelSocket& before);
  Result<void, Failure> serve(std::uint16_t port);
  void keep_note() const;
  bool waits_for_port();

  // --- Sending ---
  Done send_request(const msghdr& message, homa_sendmsg_args& args, Pieces bytes, bool wait);
  Done send_response(const homa_sendmsg_args& args, Pieces bytes, bool wait);
  template <typename Call>
  auto with_room(bool wait, Call call) -> decltype(call());

  // --- Receiving ---
  Result<void, Failure> take_pages_back(homa_recvmsg_args& args);
  Result<void, Failure> check_private(std::uint64_t id);
  Result<Message, Failure> next_message(std::uint64_t id, bool wait);
  std::optional<Message> take_kept(std::uint64_t id);
  bool is_for_program(const Message& message);
  Done deliver(Message message, homa_recvmsg_args& args);
  Result<PageList, Failure> place(Message& message, homa_recvmsg_args& args);
  int error_of(const Message& message);

  // --- ioctl ---
  Done abort(const homa_abort_args& args);
  Done info(homa_info& info);
  homa_rpc_info record_of(const RpcStatus& rpc) const;  // with mutex_

  Done set_memory(const void* value, socklen_t length);
  Done use_memory(const homa_rcvbuf_args& args);
  Done set_server(const void* value, socklen_t length);

  const std::shared_ptr<Engine> engine_;
  Socket socket_;
  const bool places_messages_;  // the engine does, in the program's receive memory
  const int family_;
  const std::optional<SocketNote> before_;  // of the program that executed this one
  std::atomic<bool> nonblocking_{false};
  std::atomic<bool> inherited_{false};
  std::atomic<bool> polled_{false};
  std::atomic<bool> takes_requests_{false};
  std::atomic<int> descriptors_{0};
  std::atomic<std::uint64_t> memory_begin_{0}, memory_end_{0};  // addresses

  std::mutex memory_mutex_;  // one SO_HOMA_RCVBUF at a time; taken before mutex_
  std::mutex mutex_;         // guards what follows; held for no call of socket_ but abort()
  std::unique_ptr<ReceiveMemory> memory_;      // null: not given yet
  std::list<Message> kept_;                    // that did not fit into the memory when they came
  std::unordered_set<std::uint64_t> private_;  // RPCs of ours
  std::unordered_set<std::uint64_t> served_;   // requests received, not answered
  std::unordered_map<std::uint64_t, int> aborted_;  // RPCs of ours: the errno that they get
  std::string last_error_;
  std::optional<Failure> not_succeeded_;  // why
};

}  // namespace homa::preload
