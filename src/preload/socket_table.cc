#include "preload/socket_table.h"

#include <utility>

namespace homa::preload {

using Lock = std::lock_guard<std::mutex>;

constinit unsigned char socket_marks[kSocketMarks] = {};

namespace {
void mark(int fd, unsigned char value) {
  std::atomic_ref(socket_marks[fd]).store(value, std::memory_order_release);
}
}  // namespace

SocketTable::Entry SocketTable::find(int fd) {
  const Lock lock(mutex_);
  const auto found = entries_.find(fd);
  return found == entries_.end() ? nullptr : found->second;
}

bool SocketTable::add(int fd, Entry socket) {
  if (fd < 0 || fd >= kDescriptors) return false;
  const Lock lock(mutex_);
  entries_[fd].swap(socket);  // the one before goes after the lock
  size_.store(entries_.size(), std::memory_order_release);
  mark(fd, 1);
  return true;
}

std::vector<int> SocketTable::descriptors_of(const KernelSocket& socket) {
  const Lock lock(mutex_);
  std::vector<int> numbers;
  for (const auto& [fd, entry] : entries_) {
    if (entry.get() == &socket) numbers.push_back(fd);
  }
  return numbers;
}

SocketTable::Entry SocketTable::remove(int fd) {
  const Lock lock(mutex_);
  auto node = entries_.extract(fd);
  if (node.empty()) return nullptr;
  mark(fd, 0);
  size_.store(entries_.size(), std::memory_order_release);
  return std::move(node.mapped());
}

std::vector<SocketTable::Entry> SocketTable::remove_range(unsigned first, unsigned last) {
  std::vector<int> numbers;
  {
    const Lock lock(mutex_);
    for (const auto& [fd, socket] : entries_) {
      if (static_cast<unsigned>(fd) >= first && static_cast<unsigned>(fd) <= last) {
        numbers.push_back(fd);
      }
    }
  }
  std::vector<Entry> removed;
  for (const int fd : numbers) {
    if (auto socket = remove(fd)) removed.push_back(std::move(socket));
  }
  return removed;
}

}  // namespace homa::preload
