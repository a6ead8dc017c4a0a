// Which descriptors of this process are Homa sockets. Looking a descriptor up that is none costs
// one read.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace homa::preload {

class KernelSocket;

inline constexpr int kSocketMarks = 1 << 20;  // the kernel's limit, unless it was raised
// 1: a Homa socket. Pages of it that nobody touched take no memory.
[[gnu::visibility("hidden")]] extern unsigned char socket_marks[kSocketMarks];

class SocketTable {
 public:
  using Entry = std::shared_ptr<KernelSocket>;
  static constexpr int kDescriptors = kSocketMarks;

  SocketTable() = default;
  ~SocketTable() { remove_range(0, ~0U); }
  SocketTable(const SocketTable&) = delete;
  SocketTable& operator=(const SocketTable&) = delete;

  // The descriptor may be one of ours: find() knows. Every read() of the program asks this, so it
  // needs no table: a process has one.
  static bool may_have(int fd) {
    return static_cast<unsigned>(fd) < kDescriptors &&
           std::atomic_ref(socket_marks[fd]).load(std::memory_order_acquire) != 0;
  }
  // There is none at all.
  bool empty() const { return size_.load(std::memory_order_acquire) == 0; }

  Entry find(int fd);  // null: none of ours
  std::vector<int> descriptors_of(const KernelSocket& socket);
  // A socket of which `is` (which takes no lock) is true; null: there is none.
  template <typename Is>
  Entry find_if(Is is) {
    const std::lock_guard lock(mutex_);
    for (const auto& [fd, socket] : entries_) {
      if (is(*socket)) return socket;
    }
    return nullptr;
  }
  // False: the number is too high. Throws std::bad_alloc.
  bool add(int fd, Entry socket);
  Entry remove(int fd);  // what it was
  std::vector<Entry> remove_range(unsigned first, unsigned last);

  // Around fork(): the child's table is whole, whatever other threads were doing.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  // With the lock.
  const std::map<int, Entry>& entries() const { return entries_; }

 private:
  std::mutex mutex_;  // no socket is destroyed under it
  std::map<int, Entry> entries_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace homa::preload
