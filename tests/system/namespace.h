// Network namespaces for tests. They have no name: an open descriptor keeps each alive, so none is
// left behind, whatever becomes of the test. A thread that is inside one opens sockets and runs
// commands there.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace homa::testing {

class Namespace {
 public:
  // The calling thread is in the namespace as long as this lives.
  class Inside {
   public:
    explicit Inside(int fd) : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
      if (setns(fd, CLONE_NEWNET) != 0) std::abort();
    }
    ~Inside() {
      if (setns(home_, CLONE_NEWNET) != 0) std::abort();
      close(home_);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int home_;
  };

  // Null, with the reason, where the system does not let us.
  static std::unique_ptr<Namespace> create(std::string& reason) {
    int fd = -1;
    std::thread([&] {
      if (unshare(CLONE_NEWNET) == 0) {
        fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      } else {
        reason = std::string("network namespaces need root: unshare: ") + std::strerror(errno);
      }
    }).join();
    if (fd < 0) return nullptr;
    std::unique_ptr<Namespace> made(new Namespace(fd));
    if (!made->run("ip link set lo up")) {
      reason = "the command ip (Debian package iproute2) is missing or may not change devices";
      return nullptr;
    }
    return made;
  }
  ~Namespace() { close(fd_); }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  Inside enter() const { return Inside(fd_); }
  // Calls work() with this thread inside.
  template <typename Work>
  auto inside(Work&& work) const {
    const Inside here(fd_);
    return std::forward<Work>(work)();
  }
  // A shell command, run inside; false if it failed.
  bool run(const std::string& command) const {
    return inside([&] { return std::system(("set -e; " + command).c_str()) == 0; });
  }
  // For `ip link ... netns PATH`.
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
  }

 private:
  explicit Namespace(int fd) : fd_(fd) {}
  int fd_;
};

// Two hosts with a cable: device "net0" in each, 10.77.0.1 and .2, fd77::1 and ::2. Each knows the
// other's Ethernet address from the start, so that no test waits for ARP or neighbour discovery.
class TwoHosts {
 public:
  static std::unique_ptr<TwoHosts> create(std::string& reason) {
    auto hosts = std::unique_ptr<TwoHosts>(new TwoHosts);
    hosts->a = Namespace::create(reason);
    hosts->b = hosts->a ? Namespace::create(reason) : nullptr;
    if (!hosts->b) return nullptr;
    const bool up =
        hosts->a->run("ip link add net0 type veth peer name net0 netns " + hosts->b->path()) &&
        hosts->a->run(configure("1", "2")) && hosts->b->run(configure("2", "1")) &&
        hosts->a->run(kUntilUp) && hosts->b->run(kUntilUp);
    if (!up) {
      reason = "this kernel has no veth devices";
      return nullptr;
    }
    return hosts;
  }

  std::unique_ptr<Namespace> a;
  std::unique_ptr<Namespace> b;

 private:
  // A device that was just switched on drops packets silently until the kernel has noticed.
  static constexpr const char* kUntilUp =
      "for i in $(seq 300); do "
      "if ip link show net0 | grep -q 'state UP'; then exit 0; fi; sleep 0.01; done; exit 1";

  TwoHosts() = default;
  static std::string configure(const std::string& me, const std::string& other) {
    const std::string neighbour = " lladdr 02:00:00:00:77:0" + other + " dev net0 nud permanent; ";
    return "ip link set net0 address 02:00:00:00:77:0" + me + " up; " +  //
           "ip addr add 10.77.0." + me + "/24 dev net0; " +              //
           "ip addr add fd77::" + me + "/64 dev net0 nodad; " +          //
           "ip neigh replace 10.77.0." + other + neighbour + "ip neigh replace fd77::" + other +
           neighbour;
  }
};

}  // namespace homa::testing
