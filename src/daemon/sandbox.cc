#include "daemon/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>

#include "base/failure.h"

namespace homa::daemon {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

// What the engine, attaching, the log, a reload (files, users, a thread) and glibc do.
constexpr std::initializer_list<const char*> kAllowed = {
    // time and waiting
    "clock_gettime", "gettimeofday", "clock_nanosleep", "nanosleep", "epoll_pwait", "epoll_wait",
    "epoll_ctl", "poll", "ppoll", "futex", "sched_yield", "restart_syscall", "getrandom",
    // packets, programs, the service manager
    "recvmsg", "recvmmsg", "recvfrom", "sendmsg", "sendmmsg", "sendto", "accept4", "connect",
    "getsockopt", "setsockopt", "getsockname", "getpeername", "shutdown", "eventfd2", "ioctl",
    "pidfd_open",
    // files and descriptors
    "read", "readv", "pread64", "write", "writev", "close", "dup", "dup3", "fcntl", "lseek",
    "fstat", "fstatfs", "newfstatat", "stat", "statx", "readlink", "getdents64", "access",
    "faccessat2", "unlink", "unlinkat",
    // memory
    "munmap", "mremap", "madvise", "mincore", "brk", "memfd_create", "ftruncate", "fallocate",
    // threads, signals, the end
    "set_robust_list", "rseq", "gettid", "getpid", "getuid", "geteuid", "getgid", "getegid",
    "sched_getaffinity", "prctl", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "exit", "exit_group", "sysinfo", "uname", "membarrier"};

// No mistake leads here.
constexpr std::initializer_list<const char*> kDeadly = {"execve",
                                                        "execveat",
                                                        "ptrace",
                                                        "process_vm_readv",
                                                        "process_vm_writev",
                                                        "init_module",
                                                        "finit_module",
                                                        "kexec_load",
                                                        "mount",
                                                        "umount2",
                                                        "pivot_root",
                                                        "chroot",
                                                        "setns",
                                                        "unshare",
                                                        "perf_event_open",
                                                        "add_key",
                                                        "keyctl",
                                                        "userfaultfd",
                                                        "process_madvise",
                                                        "pidfd_getfd"};

class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}

  template <typename... Conditions>
  void add(std::uint32_t action, const char* name, Conditions... conditions) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) return;  // this libseccomp does not know it: it stays refused
    const int error =
        seccomp_rule_add(context_, action, call, sizeof...(conditions), conditions...);
    if (error != 0 && error_ == 0) error_ = -error;
  }
  int error() const { return error_; }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

void add_rules(Rules& rules, SandboxFor back_end) {
  for (const char* name : kAllowed) rules.add(SCMP_ACT_ALLOW, name);
  for (const char* name : kDeadly) rules.add(SCMP_ACT_KILL_PROCESS, name);
  // Sockets: the service manager's and the name service's; netlink's.
  for (const int family : {AF_UNIX, AF_NETLINK}) {
    rules.add(SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
  }
  for (const char* name : {"open", "openat"}) {
    const unsigned flags = name[4] == '\0' ? 1 : 2;
    const scmp_arg_cmp reads{flags, SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY};
    rules.add(SCMP_ACT_ALLOW, name, reads);
  }
  // Memory that is written is never executed; libraries of the name service may be loaded.
  for (const scmp_datum_t protection : {0U, 0U + PROT_WRITE, 0U + PROT_EXEC}) {
    rules.add(SCMP_ACT_ALLOW, "mmap",
              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, protection));
  }
  rules.add(SCMP_ACT_ALLOW, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  // Threads, but no processes. What clone3() asks for no filter can see; glibc then uses clone().
  rules.add(SCMP_ACT_ALLOW, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  rules.add(SCMP_ACT_ALLOW, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0));  // asks only
  rules.add(SCMP_ACT_ALLOW, "tgkill",
            SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));  // abort()
  if (back_end == SandboxFor::kXdp) rules.add(SCMP_ACT_ALLOW, "bpf");
}

Result<void, Error> drop_capabilities(SandboxFor back_end) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, decltype(&cap_free)> none(
      back_end == SandboxFor::kXdp ? cap_get_proc() : cap_init(), &cap_free);
  if (none == nullptr) return system_failure("capabilities", errno);
  if (back_end == SandboxFor::kXdp) {
    // Those of the back end, as far as there are any.
    const std::unique_ptr<std::remove_pointer_t<cap_t>, decltype(&cap_free)> all(cap_get_proc(),
                                                                                 &cap_free);
    if (all == nullptr || cap_clear(none.get()) != 0) return system_failure("capabilities", errno);
    for (const cap_value_t needed : {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF}) {
      for (const cap_flag_t kind : {CAP_EFFECTIVE, CAP_PERMITTED}) {
        cap_flag_value_t has = CAP_CLEAR;
        cap_get_flag(all.get(), needed, kind, &has);
        if (has == CAP_SET) cap_set_flag(none.get(), kind, 1, &needed, CAP_SET);
      }
    }
  }
  if (cap_set_proc(none.get()) != 0) return system_failure("dropping capabilities", errno);
  return {};
}

}  // namespace

Result<void, Error> enter_sandbox(SandboxFor back_end) {
  if (auto dropped = drop_capabilities(back_end); !dropped) return dropped;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return system_failure("giving up new privileges", errno);
  }
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (filter == nullptr) return failure(ErrorCode::kNoMemory, "no memory for a system call filter");
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree: as cheap for each call
  Rules rules(filter.get());
  add_rules(rules, back_end);
  int error = rules.error();
  if (error == 0) error = -seccomp_load(filter.get());
  if (error != 0) return system_failure("filtering system calls", error);
  return {};
}

}  // namespace homa::daemon
