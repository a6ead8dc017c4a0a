#include "daemon/control_server.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <new>
#include <utility>

#include "base/failure.h"
#include "base/local_socket.h"
#include "engine/engine.h"

namespace homa::daemon {
namespace {

constexpr int kBacklog = 1'024;
constexpr Duration kTick{100'000'000};
constexpr Duration kAttachAtMost{10'000'000'000};
// Messages of one connection: at once, and per tick.
constexpr std::uint32_t kCreditMax = 512;
constexpr std::uint32_t kCreditPerTick = 100;
constexpr std::size_t kConnectionsMax = 4'096;
constexpr Duration kPressureInterval{1'000'000'000};  // between log lines about it

Result<Credentials, Error> credentials_of(int socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return system_failure("cannot ask who connects", errno);
  }
  Credentials who{peer.pid, peer.uid, {peer.gid}};
  std::array<gid_t, 256> groups{};
  length = sizeof(groups);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
    who.groups.insert(who.groups.end(), groups.begin(), groups.begin() + length / sizeof(gid_t));
  }
  return who;
}

base::Descriptor open_process(pid_t pid) {
  if (pid <= 0) return base::Descriptor();
  return base::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

Result<Listener, Error> listen_at(const std::string& path) {
  const auto address = base::local_address(path);
  if (path.empty() || !address) {
    return failure(ErrorCode::kInvalidArgument, "no path for a socket: \"" + path + "\"");
  }
  std::error_code ignored;  // the next line says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  Listener listener;
  const std::string lock = path + ".lock";
  listener.lock = base::Descriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!listener.lock.valid()) return system_failure("cannot open " + lock, errno);
  if (::flock(listener.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure(ErrorCode::kInUse, "another homad serves " + path);
  }
  listener.socket =
      base::Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket.valid()) return system_failure("cannot create a socket", errno);
  ::unlink(path.c_str());  // of one that was killed
  if (::bind(listener.socket.get(), reinterpret_cast<const sockaddr*>(&*address),
             sizeof(*address)) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(listener.socket.get(), kBacklog) != 0) {
    return system_failure("cannot listen at " + path, errno);
  }
  return listener;
}

ControlServer::ControlServer(int epoll, int listener, const SessionContext& context, Policy policy)
    : epoll_(epoll), listener_(listener), context_(context), policy_(std::move(policy)) {
  listen(true);
}

ControlServer::~ControlServer() {
  while (!sessions_.empty()) remove(sessions_.begin()->first);
}

bool ControlServer::watch(int descriptor, std::uint64_t id, Part part, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id << kPartBits | part;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void ControlServer::handle(const epoll_event& event) {
  const auto part = static_cast<Part>(event.data.u64 & ((1U << kPartBits) - 1));
  if (part == kWake) return;  // the engine is awake, that is all
  if (part == kListener) return accept_one();
  const std::uint64_t id = event.data.u64 >> kPartBits;
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  if (part == kProcess) {
    found->second.session->note_end("its process ended");
    return remove(id);
  }
  on_connection(id, found->second, event.events);
}

void ControlServer::on_connection(std::uint64_t id, Entry& entry, std::uint32_t events) try {
  if ((events & EPOLLIN) == 0) {
    entry.session->note_end("its connection ended");
    return remove(id);
  }
  if (!entry.session->on_readable(policy_)) return remove(id);
  if (--entry.credit > 0) return;
  entry.silenced = true;
  epoll_event none{};
  none.data.u64 = id << kPartBits | kConnection;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, entry.session->socket(), &none);
  schedule_tick(engine::clock_now());
} catch (const std::bad_alloc&) {
  entry.session->note_end("there was no memory for what it asked for");
  remove(id);
}

void ControlServer::accept_one() try {
  base::Descriptor socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) return;
    context_.log.write(LogLevel::kError, "cannot take a program in",
                       {{"why", std::strerror(errno) + std::string(cure_of(errno))}});
    return listen(false);
  }
  auto who = credentials_of(socket.get());
  if (!who) return;
  const int descriptor = socket.get();
  const base::Descriptor to_refuse(::dup(descriptor));
  const Credentials copy = *who;
  const auto admitted = admit(std::move(socket), std::move(who).value());
  if (admitted) return;
  context_.log.write(LogLevel::kWarning, "refused",
                     {{"pid", std::to_string(copy.pid)},
                      {"user", std::to_string(copy.user)},
                      {"why", admitted.error().text}});
  channel::ControlHead head;
  head.kind = channel::ControlKind::kRefused;
  head.code = static_cast<std::uint32_t>(admitted.error().code);
  static_cast<void>(
      channel::send_control(to_refuse.get(), head, admitted.error().text).has_value());
} catch (const std::bad_alloc&) {
  context_.log.write(LogLevel::kError, "cannot take a program in", {{"why", "no memory"}});
}

Result<void, Error> ControlServer::admit(base::Descriptor socket, Credentials who) {
  const Limits& limits = policy_.limits(who);
  const uid_t user = who.user;
  std::uint32_t& count = of_user_[user];
  if (count >= limits.programs || sessions_.size() >= kConnectionsMax) {
    return failure(ErrorCode::kNoMemory,
                   "user " + std::to_string(user) + " has " + std::to_string(count) +
                       " programs attached, homad " + std::to_string(sessions_.size()) +
                       "; no more may be (limit \"programs\" of homad's configuration)");
  }
  base::Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return system_failure("cannot create an eventfd", errno);
  Entry entry;
  entry.process = open_process(who.pid);
  entry.session = std::make_unique<ProgramSession>(context_, std::move(socket), std::move(who),
                                                   limits, std::move(wake));
  entry.credit = kCreditMax;
  const Time now = engine::clock_now();
  entry.attach_until = now + kAttachAtMost;
  const std::uint64_t id = next_id_++;
  // The eventfd is never read: each write to it is an edge, whatever the program does with it.
  const bool watched =
      watch(entry.session->socket(), id, kConnection, EPOLLIN) &&
      watch(entry.session->wake(), id, kWake, EPOLLIN | EPOLLET) &&
      (!entry.process.valid() || watch(entry.process.get(), id, kProcess, EPOLLIN));
  const int error = errno;
  ++count;
  sessions_.emplace(id, std::move(entry));
  if (!watched) {
    remove(id);
    return system_failure("cannot watch a connection", error);
  }
  schedule_tick(now);
  return {};
}

// The program has copies of some descriptors, so epoll would go on watching those.
void ControlServer::remove(std::uint64_t id) {
  const auto found = sessions_.find(id);
  ProgramSession& session = *found->second.session;
  for (const int descriptor : {session.socket(), session.wake(), found->second.process.get()}) {
    if (descriptor >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  }
  const auto user = of_user_.find(session.who().user);
  if (--user->second == 0) of_user_.erase(user);
  sessions_.erase(found);
}

void ControlServer::listen(bool on) {
  listening_ = on;
  if (on) {
    watch(listener_, 0, kListener, EPOLLIN);
  } else {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
    schedule_tick(engine::clock_now());
  }
}

void ControlServer::look_at_engine(Time now) {
  const std::uint64_t incidents = context_.engine.incidents();
  if (incidents != std::exchange(incidents_, incidents)) {
    incidents_left_ = true;
    schedule_tick(now);
  }
  const core::PressureLevel pressure = context_.engine.endpoint().pressure();
  if (pressure == pressure_) return;
  if (now < next_pressure_) return schedule_tick(now);
  next_pressure_ = now + kPressureInterval;
  pressure_ = pressure;
  const bool none = pressure == core::PressureLevel::kNone;
  context_.log.write(none ? LogLevel::kInfo : LogLevel::kWarning, "memory pressure",
                     {{"level", none                                         ? "none"
                                : pressure == core::PressureLevel::kModerate ? "moderate"
                                                                             : "high"}});
}

void ControlServer::pause(bool paused) {
  paused_ = paused;
  if (paused == listening_) listen(!paused);
}

void ControlServer::schedule_tick(Time now) {
  if (tick_ == kNever) tick_ = now + kTick;
}

void ControlServer::on_time(Time now) {
  if (now < tick_) return;
  tick_ = kNever;
  if (!listening_ && !paused_) listen(true);
  bool waits = false;
  const bool report = std::exchange(incidents_left_, false);
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const std::uint64_t id = next->first;
    Entry& entry = next++->second;
    if (!entry.session->attached() && now >= entry.attach_until) {
      entry.session->note_end("it did not attach in time");
      remove(id);
      continue;
    }
    if (report && !entry.session->report(now)) incidents_left_ = true;
    entry.credit = std::min(entry.credit + kCreditPerTick, kCreditMax);
    waits = waits || !entry.session->attached() || entry.credit < kCreditMax;
    if (!std::exchange(entry.silenced, false)) continue;
    epoll_event readable{};
    readable.events = EPOLLIN;
    readable.data.u64 = id << kPartBits | kConnection;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, entry.session->socket(), &readable);
  }
  if (waits || incidents_left_) schedule_tick(now);
}

}  // namespace homa::daemon
