// A socket of the kernel's interface, over a homa::Socket: what each system call on it does.
//
// Threads: every member may be called by any thread at any time. In a forked child every call fails
// with ESHUTDOWN and takes no lock.
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
#include "preload/buffer_pages.h"
#include "preload/engine.h"
#include "preload/failure.h"

namespace homa::preload {

class KernelSocket {
 public:
  using Done = Result<long, Failure>;  // what the system call returns

  // `family`: AF_INET or AF_INET6.
  static Result<std::shared_ptr<KernelSocket>, Failure> open(std::shared_ptr<Engine> engine,
                                                             int family);
  KernelSocket(std::shared_ptr<Engine> engine, Socket socket, int family);
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

  int family() const { return family_; }
  bool nonblocking() const { return nonblocking_.load(std::memory_order_relaxed); }
  void set_nonblocking(bool on) { nonblocking_.store(on, std::memory_order_relaxed); }

  // Descriptors that refer to the socket; the last one that goes ends it.
  void add_descriptor() { descriptors_.fetch_add(1, std::memory_order_relaxed); }
  void drop_descriptor();

  // What HOMAIOCINFO tells.
  void remember(const std::string& error);
  // The calling process is a child of the one that opened the socket.
  void note_fork() { inherited_.store(true, std::memory_order_relaxed); }

 private:
  using Lock = std::lock_guard<std::mutex>;

  bool inherited() const { return inherited_.load(std::memory_order_relaxed); }
  static Unexpected<Failure> refuse_child();

  // --- Sending ---
  Done send_request(const msghdr& message, homa_sendmsg_args& args,
                    std::span<const std::byte> bytes, bool wait);
  Done send_response(const homa_sendmsg_args& args, std::span<const std::byte> bytes, bool wait);
  template <typename Call>
  auto with_room(bool wait, Call call) -> decltype(call());

  // --- Receiving ---
  Result<void, Failure> take_pages_back(homa_recvmsg_args& args);
  Result<void, Failure> check_private(std::uint64_t id);
  Result<Message, Failure> next_message(std::uint64_t id, bool wait);
  std::optional<Message> take_kept(std::uint64_t id);
  bool is_for_program(const Message& message);
  Done deliver(Message message, homa_recvmsg_args& args);
  int error_of(const Message& message);

  // --- ioctl ---
  Done abort(const homa_abort_args& args);
  Done info(homa_info& info);
  homa_rpc_info record_of(const RpcStatus& rpc) const;

  Done set_memory(const void* value, socklen_t length);
  Done set_server(const void* value, socklen_t length);

  const std::shared_ptr<Engine> engine_;
  Socket socket_;
  const int family_;
  std::atomic<bool> nonblocking_{false};
  std::atomic<bool> inherited_{false};
  std::atomic<bool> polled_{false};
  std::atomic<bool> takes_requests_{false};
  std::atomic<int> descriptors_{0};

  std::mutex mutex_;  // guards what follows; held for no call of socket_ but abort()
  homa_rcvbuf_args memory_{};
  std::optional<BufferPages> pages_;           // set when memory_ is
  std::list<Message> kept_;                    // that did not fit into the memory when they came
  std::unordered_set<std::uint64_t> private_;  // RPCs of ours
  std::unordered_set<std::uint64_t> served_;   // requests received, not answered
  std::unordered_map<std::uint64_t, int> aborted_;  // RPCs of ours: the errno that they get
  std::string last_error_;
};

}  // namespace homa::preload
