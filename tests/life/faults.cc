#include "life/faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <new>

namespace homa::test {
namespace {

std::atomic<FaultKind> kind{FaultKind::kNone};
std::atomic<bool> of_caller{true};
std::atomic<bool> persistent{false};
std::atomic<const char*> only{nullptr};
std::atomic<std::uint64_t> left{0};  // that succeed before the first failure
std::atomic<std::uint64_t> fired{0};
std::atomic<const char*> first_name{nullptr};
std::atomic<pthread_t> planner{};
std::atomic<std::size_t> mappings{0};
std::atomic<std::size_t> allocations{0};

// Whether the call that is about to be made is to fail.
bool fails(FaultKind what, const char* name) {
  if (kind.load(std::memory_order_relaxed) != what) return false;
  const char* const wanted = only.load(std::memory_order_relaxed);
  if (wanted != nullptr && std::string_view(wanted) != name) return false;
  const bool caller = pthread_equal(pthread_self(), planner.load()) != 0;
  if (caller != of_caller.load(std::memory_order_relaxed)) return false;
  std::uint64_t before = left.load();
  while (before > 0 && !left.compare_exchange_weak(before, before - 1)) {
  }
  if (before > 0) return false;
  if (fired.fetch_add(1) == 0) {
    first_name.store(name);
  } else if (!persistent.load(std::memory_order_relaxed)) {
    return false;
  }
  return true;
}

bool call_fails(const char* name, int error) {
  if (!fails(FaultKind::kCall, name)) return false;
  errno = error;
  return true;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::size_t entries_of(const char* folder) {
  DIR* const directory = ::opendir(folder);
  if (directory == nullptr) return 0;
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] == '.' ? 0 : 1;
  ::closedir(directory);
  return count;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (fails(FaultKind::kAllocation, "operator new")) return nullptr;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(bytes)
                           : std::aligned_alloc(alignment, (bytes + alignment - 1) & -alignment);
  if (memory != nullptr) allocations.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const memory = allocate(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  allocations.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void plan_faults(const FaultPlan& plan) {
  fired = 0;
  first_name = nullptr;
  left = plan.first;
  persistent = plan.persistent;
  of_caller = plan.thread == FaultThread::kCaller;
  only = plan.call;
  planner = pthread_self();
  kind = plan.kind;
}

void end_faults() { kind = FaultKind::kNone; }
std::uint64_t faults_fired() { return fired.load(); }
std::string first_fault() {
  const char* const name = first_name.load();
  return name == nullptr ? "none" : name;
}

std::string Holdings::to_string() const {
  return std::to_string(descriptors) + " descriptors, " + std::to_string(mappings) + " mappings, " +
         std::to_string(threads) + " threads, " + std::to_string(allocations) + " allocations";
}

Holdings holdings() {
  Holdings result;
  result.allocations = allocations.load();
  result.mappings = mappings.load();
  result.descriptors = entries_of("/proc/self/fd");
  result.threads = entries_of("/proc/self/task");
  return result;
}

}  // namespace homa::test

using homa::test::allocate;
using homa::test::allocate_or_throw;
using homa::test::call_fails;
using homa::test::give_back;
using homa::test::next;

constexpr std::size_t kUsual = alignof(std::max_align_t);

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }

// Each of these fails as planned, with an errno that a limit would give, or calls libc's.
extern "C" {

void* mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  if (call_fails("mmap", ENOMEM)) return MAP_FAILED;
  static auto* const real = next<void*(void*, size_t, int, int, int, off_t)>("mmap");
  void* const memory = real(at, bytes, protection, flags, fd, offset);
  if (memory != MAP_FAILED) homa::test::mappings.fetch_add(1);
  return memory;
}

// What libbpf calls.
void* mmap64(void* at, size_t bytes, int protection, int flags, int fd, off64_t offset) noexcept {
  return mmap(at, bytes, protection, flags, fd, offset);
}

int munmap(void* at, size_t bytes) noexcept {
  static auto* const real = next<int(void*, size_t)>("munmap");
  const int result = real(at, bytes);
  if (result == 0) homa::test::mappings.fetch_sub(1);
  return result;
}

int socket(int family, int type, int protocol) noexcept {
  if (call_fails("socket", EMFILE)) return -1;
  static auto* const real = next<int(int, int, int)>("socket");
  return real(family, type, protocol);
}

int socketpair(int family, int type, int protocol, int* ends) noexcept {
  if (call_fails("socketpair", EMFILE)) return -1;
  static auto* const real = next<int(int, int, int, int*)>("socketpair");
  return real(family, type, protocol, ends);
}

int bind(int fd, const sockaddr* name, socklen_t length) noexcept {
  if (call_fails("bind", ENOBUFS)) return -1;
  static auto* const real = next<int(int, const sockaddr*, socklen_t)>("bind");
  return real(fd, name, length);
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t length) noexcept {
  if (call_fails("setsockopt", ENOBUFS)) return -1;
  static auto* const real = next<int(int, int, int, const void*, socklen_t)>("setsockopt");
  return real(fd, level, option, value, length);
}

int getsockname(int fd, sockaddr* name, socklen_t* length) noexcept {
  if (call_fails("getsockname", ENOBUFS)) return -1;
  static auto* const real = next<int(int, sockaddr*, socklen_t*)>("getsockname");
  return real(fd, name, length);
}

int open(const char* path, int flags, ...) {
  if (call_fails("open", EMFILE)) return -1;
  std::va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  static auto* const real = next<int(const char*, int, ...)>("open");
  return real(path, flags, mode);
}

int eventfd(unsigned count, int flags) noexcept {
  if (call_fails("eventfd", EMFILE)) return -1;
  static auto* const real = next<int(unsigned, int)>("eventfd");
  return real(count, flags);
}

int epoll_create1(int flags) noexcept {
  if (call_fails("epoll_create1", EMFILE)) return -1;
  static auto* const real = next<int(int)>("epoll_create1");
  return real(flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  if (call_fails("epoll_ctl", ENOSPC)) return -1;
  static auto* const real = next<int(int, int, int, epoll_event*)>("epoll_ctl");
  return real(epoll, operation, fd, event);
}

int signalfd(int fd, const sigset_t* signals, int flags) noexcept {
  if (call_fails("signalfd", EMFILE)) return -1;
  static auto* const real = next<int(int, const sigset_t*, int)>("signalfd");
  return real(fd, signals, flags);
}

int dup(int fd) noexcept {
  if (call_fails("dup", EMFILE)) return -1;
  static auto* const real = next<int(int)>("dup");
  return real(fd);
}

// F_DUPFD and seals; nobody else of libc's callers in here uses more than one argument.
int fcntl(int fd, int command, ...) {
  if (call_fails("fcntl", EMFILE)) return -1;
  std::va_list list;
  va_start(list, command);
  void* const argument = va_arg(list, void*);
  va_end(list);
  static auto* const real = next<int(int, int, ...)>("fcntl");
  return real(fd, command, argument);
}

int ftruncate(int fd, off_t bytes) noexcept {
  if (call_fails("ftruncate", ENOSPC)) return -1;
  static auto* const real = next<int(int, off_t)>("ftruncate");
  return real(fd, bytes);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  if (call_fails("fallocate", ENOSPC)) return -1;
  static auto* const real = next<int(int, int, off_t, off_t)>("fallocate");
  return real(fd, mode, offset, bytes);
}

int connect(int fd, const sockaddr* name, socklen_t length) {
  if (call_fails("connect", EAGAIN)) return -1;
  static auto* const real = next<int(int, const sockaddr*, socklen_t)>("connect");
  return real(fd, name, length);
}

int listen(int fd, int backlog) noexcept {
  if (call_fails("listen", ENOBUFS)) return -1;
  static auto* const real = next<int(int, int)>("listen");
  return real(fd, backlog);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (call_fails("sendmsg", ENOBUFS)) return -1;
  static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
  return real(fd, message, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (call_fails("recvmsg", ENOMEM)) return -1;
  static auto* const real = next<ssize_t(int, msghdr*, int)>("recvmsg");
  return real(fd, message, flags);
}

int memfd_create(const char* name, unsigned flags) noexcept {
  if (call_fails("memfd_create", EMFILE)) return -1;
  static auto* const real = next<int(const char*, unsigned)>("memfd_create");
  return real(name, flags);
}

ssize_t getrandom(void* to, size_t bytes, unsigned flags) {
  if (call_fails("getrandom", ENOSYS)) return -1;
  static auto* const real = next<ssize_t(void*, size_t, unsigned)>("getrandom");
  return real(to, bytes, flags);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  if (call_fails("pthread_create", EAGAIN)) return EAGAIN;
  static auto* const real =
      next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return real(thread, attributes, run, argument);
}

int ppoll(pollfd* descriptors, nfds_t count, const timespec* limit, const sigset_t* mask) {
  if (call_fails("ppoll", ENOMEM)) return -1;
  static auto* const real = next<int(pollfd*, nfds_t, const timespec*, const sigset_t*)>("ppoll");
  return real(descriptors, count, limit, mask);
}

ssize_t sendto(int fd, const void* from, size_t bytes, int flags, const sockaddr* to,
               socklen_t length) {
  if (call_fails("sendto", ENOBUFS)) return -1;
  static auto* const real =
      next<ssize_t(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  return real(fd, from, bytes, flags, to, length);
}

// The packet path and futexes (io/system_call.h, channel/wake.cc). Six arguments suffice for all.
long syscall(long number, ...) noexcept {
  std::va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const bool sends = number == SYS_sendto || number == SYS_sendmsg || number == SYS_sendmmsg;
  const bool receives = number == SYS_recvfrom || number == SYS_recvmsg || number == SYS_recvmmsg;
  if (sends && call_fails("send", ENOBUFS)) return -1;
  if (receives && call_fails("receive", ENOMEM)) return -1;
  static auto* const real = next<long(long, long, long, long, long, long, long)>("syscall");
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

}  // extern "C"
