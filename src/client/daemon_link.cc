#include "client/daemon_link.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <sstream>
#include <utility>

#include "base/failure.h"
#include "channel/wake.h"
#include "client/guard.h"
#include "client/signals_blocked.h"
#include "client/sleeping.h"
#include "engine/engine.h"

namespace homa::client {
namespace {

using channel::ControlHead;
using channel::ControlKind;
using channel::ControlMessage;

constexpr std::chrono::seconds kAnswerAtMost{10};
constexpr int kRetryMs = 20;  // between two attempts to find homad again
constexpr int kSoonMs = 2;
constexpr int kConnectAgain = 2;
constexpr std::uint64_t kReceiveBytesMax = std::uint64_t{1} << 40;

Unexpected<Error> lost_just_now() {
  return failure(ErrorCode::kEngineLost, "homad has ended; try again when it is back");
}

// An object at the beginning of memory that is mapped as long as somebody refers to it.
template <typename T>
Result<std::shared_ptr<T>, Error> object_in(Result<base::Mapping, Error> mapping) {
  if (!mapping) return Unexpected(mapping.error());
  if (mapping->bytes().size() < sizeof(T)) {
    return failure(ErrorCode::kInvalidArgument, "homad's shared memory is too small");
  }
  const auto owner = std::make_shared<base::Mapping>(std::move(mapping).value());
  return std::shared_ptr<T>(owner, reinterpret_cast<T*>(owner->bytes().data()));
}

}  // namespace

std::string daemon_socket(const std::string& configured) {
  std::string path = configured;
  if (path.empty()) {
    const char* const from_environment = ::secure_getenv("HOMA_DAEMON");
    path = from_environment != nullptr ? from_environment : "";
  }
  if (path == "off") return {};
  return path.empty() ? channel::kDefaultDaemonSocket : path;
}

DaemonLink::DaemonLink(Config config, base::Descriptor socket, ProcessMark mark)
    : mark_(std::move(mark)), config_(std::move(config)), socket_(std::move(socket)) {}

Result<std::shared_ptr<DaemonLink>, Error> DaemonLink::connect(const Config& config) {
  auto socket = channel::connect_control(config.path);
  if (!socket) return Unexpected(socket.error());
  if (!socket->valid()) return std::shared_ptr<DaemonLink>();
  auto mark = ProcessMark::create();
  if (!mark) return Unexpected(mark.error());
  std::shared_ptr<DaemonLink> link(
      new DaemonLink(config, std::move(socket).value(), std::move(mark).value()));
  const auto call = channel::create_descriptor();
  if (!call) return Unexpected(call.error());
  link->call_ = base::Descriptor(*call);
  auto done = link->introduce();
  for (int more = kConnectAgain; more > 0 && !done && done.error().code == ErrorCode::kClosed;
       --more) {  // another homad took its place just now
    socket = channel::connect_control(config.path);
    if (!socket) return Unexpected(socket.error());
    if (!socket->valid()) return std::shared_ptr<DaemonLink>();
    link->socket_ = std::move(socket).value();
    done = link->introduce();
  }
  if (!done) return Unexpected(done.error());
  if (auto started = link->start_thread(); !started) return Unexpected(started.error());
  return link;
}

Result<void, Error> DaemonLink::introduce() {
  ControlHead hello;
  hello.kind = ControlKind::kHello;
  hello.receive_bytes = config_.receive_bytes;
  hello.transmit_bytes = config_.transmit_bytes;
  hello.wait_for_memory = config_.wait_for_memory ? 1 : 0;
  auto welcome = ask(hello);
  if (!welcome) return Unexpected(welcome.error());
  const ControlHead& granted = welcome->head;
  if (granted.kind != ControlKind::kWelcome || welcome->descriptors.size() != 2) {
    return failure(ErrorCode::kSystem, "homad answered something else than was asked");
  }
  auto state = object_in<const channel::EngineState>(
      base::Mapping::open_to_read(::dup(welcome->descriptors[0].get()), 1 << 20));
  if (!state) return Unexpected(state.error());
  if (limits_.rpcs_max == 0) {
    limits_ = {granted.rpcs_max, granted.message_bytes_max,
               std::min(config_.transmit_bytes, granted.transmit_bytes), config_.poll};
  }
  {
    const std::lock_guard lock(mutex_);
    address_ = granted.engine.address().host;
    description_ = "homad, " + welcome->text;
    state_ = std::move(state).value();
    if (!wake_.valid()) {
      wake_ = std::move(welcome->descriptors[1]);
    } else if (::dup3(welcome->descriptors[1].get(), wake_.get(), O_CLOEXEC) < 0) {
      // Sockets that are not attached again yet may ring at any time: the number must stay ours.
      return system_failure("cannot replace a descriptor", errno);
    }
  }
  return share_memory(granted.receive_bytes);
}

Result<void, Error> DaemonLink::share_memory(std::uint64_t receive_bytes) {
  // Populated: these pages are ours, whoever writes to them first (docs/operating.md#homad).
  const std::uint64_t bytes = std::min({receive_bytes, config_.receive_bytes, kReceiveBytesMax});
  Result<base::Mapping, Error> receive(std::exchange(spare_, base::Mapping()));
  if (receive->bytes().size() != bytes) receive = base::Mapping::create_populated(bytes);
  if (!receive) return Unexpected(receive.error());
  auto bells = base::Mapping::create_populated(sizeof(channel::Doorbell));
  if (!bells) return Unexpected(bells.error());
  const base::Descriptor bells_descriptor(::dup(bells->descriptor()));
  auto doorbell = object_in<channel::Doorbell>(std::move(bells));
  if (!doorbell) return Unexpected(doorbell.error());
  new (doorbell->get()) channel::Doorbell;
  ControlHead memory;
  memory.kind = ControlKind::kMemory;
  const std::array<int, 2> descriptors{bells_descriptor.get(), receive->descriptor()};
  const auto done = ask(memory, descriptors);
  if (!done) return Unexpected(done.error());
  receive->close_descriptor();
  const std::lock_guard lock(mutex_);
  receive_ = std::make_shared<base::Mapping>(std::move(receive).value());
  doorbell_ = std::move(doorbell).value();
  return {};
}

// While no homad is there: what takes longest then is done when one is. Without memory, it is tried
// again then.
void DaemonLink::prepare_memory() {
  if (auto memory = base::Mapping::create_populated(receive_memory().bytes.size())) {
    spare_ = std::move(memory).value();
  }
}

// Sends a question and waits for its answer. A refusal is an error.
Result<ControlMessage, Error> DaemonLink::ask(const ControlHead& question,
                                              std::span<const int> descriptors) {
  const std::lock_guard lock(ask_mutex_);
  const auto gone = [&] {
    return failure(ErrorCode::kClosed, "homad at " + config_.path + " has stopped");
  };
  if (auto sent = channel::send_control(socket_.get(), question, {}, descriptors); !sent) {
    // It may have said why before it closed the connection.
    if (sent.error().code != ErrorCode::kClosed) return Unexpected(sent.error());
  }
  const auto until = std::chrono::steady_clock::now() + kAnswerAtMost;
  for (;;) {
    auto received = channel::receive_control(socket_.get());
    if (!received && received.error().code == ErrorCode::kClosed) return gone();
    if (!received) return Unexpected(received.error());
    if (*received) {
      ControlMessage answer = std::move(**received);
      if (answer.head.kind != ControlKind::kRefused) return answer;
      return failure(static_cast<ErrorCode>(answer.head.code), "homad: " + answer.text);
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      // A late answer must not be taken for that of the next question.
      ::shutdown(socket_.get(), SHUT_RDWR);
      return failure(ErrorCode::kSystem, "homad at " + config_.path + " does not answer");
    }
    pollfd waiting{socket_.get(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(left.count()) + 1);
  }
}

channel::Bell DaemonLink::bell(std::uint32_t number) const {
  return {state_, doorbell_, number % channel::Doorbell::kChannels, wake_.get()};
}

Result<EngineLink::Attached, Error> DaemonLink::attach(const channel::ChannelConfig& config,
                                                       std::uint16_t port) {
  auto region = channel::Region::create_shared(config);
  if (!region) return Unexpected(region.error());
  std::uint64_t losses = 0;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(channels_, [](const Channel& channel) { return channel.region.expired(); });
    channels_.reserve(channels_.size() + 1);
    losses = losses_;
    if (lost_) return lost_just_now();
  }
  ControlHead open;
  open.kind = ControlKind::kOpen;
  open.engine.port = port;
  const std::array<int, 1> descriptors{(*region)->memory().descriptor()};
  const auto done = ask(open, descriptors);
  const std::lock_guard lock(mutex_);
  if (losses != losses_ || (!done && done.error().code == ErrorCode::kClosed)) {
    return lost_just_now();
  }
  if (!done) return Unexpected(done.error());
  channels_.push_back({*region, done->head.channel});
  return Attached{std::move(region).value(), bell(done->head.channel)};
}

void DaemonLink::add_user(const std::shared_ptr<EngineUser>& user) {
  housekeeping_.add(*user);
  const std::lock_guard lock(mutex_);
  if (users_.size() == users_.capacity()) {  // before it grows, so seldom
    std::erase_if(users_, [](const auto& other) { return other.expired(); });
  }
  users_.push_back(user);
  // The engine may have been lost, and another one found, since the user's channel was attached.
  if (losses_ > 0) look_after();
}

bool DaemonLink::await_successor() {
  const auto until = std::chrono::steady_clock::now() + kSuccessorAtMost;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (!(lost_ ? replaced_ : leaves())) return !lost_;
    }
    if (stopping_ || std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(kSoonMs));
  }
}

void DaemonLink::look_after() { channel::signal_descriptor(call_.get()); }

Result<EngineLink::Reattached, Error> DaemonLink::reattach(channel::Region& region,
                                                           std::uint16_t port) {
  ControlHead reopen;
  reopen.kind = ControlKind::kReopen;
  reopen.engine.port = port;
  const std::array<int, 1> descriptors{region.memory().descriptor()};
  const auto done = ask(reopen, descriptors);
  if (!done) return Unexpected(done.error());
  std::optional<Reattached> result;
  {
    const std::lock_guard lock(mutex_);
    for (Channel& channel : channels_) {
      if (channel.region.lock().get() == &region) channel.number = done->head.channel;
    }
    result.emplace(Reattached{bell(done->head.channel), done->head.engine.port});
  }
  if (region.signal() != nullptr) {
    if (auto shared = share_signal(region); !shared) return Unexpected(shared.error());
  }
  return *result;
}

EngineLink::ReceiveMemory DaemonLink::receive_memory() const {
  const std::lock_guard lock(mutex_);
  return {receive_->bytes(), receive_};
}

Address DaemonLink::address() const {
  const std::lock_guard lock(mutex_);
  return address_;
}

std::string DaemonLink::description() const {
  const std::lock_guard lock(mutex_);
  return description_;
}

Result<std::uint32_t, Error> DaemonLink::number_of(const channel::Region& region) {
  const std::lock_guard lock(mutex_);
  for (const Channel& channel : channels_) {
    if (!lost_ && channel.region.lock().get() == &region) return channel.number;
  }
  return failure(ErrorCode::kClosed, "homad has stopped");
}

Result<void, Error> DaemonLink::permit_port(channel::Region& region, std::uint16_t port) {
  const auto channel = number_of(region);
  if (!channel) return Unexpected(channel.error());
  ControlHead permit;
  permit.kind = ControlKind::kPort;
  permit.channel = *channel;
  permit.engine.port = port;
  const auto done = ask(permit);
  if (!done) return Unexpected(done.error());
  return {};
}

Result<void, Error> DaemonLink::share_signal(channel::Region& region) {
  if (const auto opened = region.open_descriptor(); !opened) return Unexpected(opened.error());
  const auto channel = number_of(region);
  if (!channel) return Unexpected(channel.error());
  ControlHead share;
  share.kind = ControlKind::kSignal;
  share.channel = *channel;
  const std::array<int, 1> descriptors{region.signal()->writer()};
  const auto done = ask(share, descriptors);
  if (!done) return Unexpected(done.error());
  return {};
}

Duration DaemonLink::watch(const Watch& watch, Time now, Time until) {
  return look_until_ready(watch, std::min(until, now + config_.poll));
}

void DaemonLink::sleep(const Watch& watch, Time until) { sleep_until_woken(watch.word(), until); }

std::vector<Counter> DaemonLink::counters() {
  std::vector<Counter> counters;
  ControlHead question;
  question.kind = ControlKind::kCounters;
  if (inherited()) return counters;
  const auto answer = ask(question);
  if (!answer) return counters;
  std::istringstream lines(answer->text);  // "name value meaning"
  Counter counter;
  while (lines >> counter.name >> counter.value && lines.get() == ' ' &&
         std::getline(lines, counter.meaning)) {
    counters.push_back(counter);
  }
  return counters;
}

Result<void, Error> DaemonLink::start_thread() {
  const SignalsBlocked inherited;
  try {
    // It keeps the link until stop().
    thread_ = std::make_unique<std::thread>([self = shared_from_this()] { self->run_thread(); });
  } catch (const std::system_error& failed) {
    return failure(ErrorCode::kSystem,
                   "cannot start a thread: " + failed.code().message() +
                       "; raise the limit of threads (ulimit -u, the cgroup's pids.max)");
  }
  return {};
}

void DaemonLink::run_thread() {
  pthread_setname_np(pthread_self(), "homa-link");
  bool connected = true, all_back = true;
  while (!stopping_.load(std::memory_order_seq_cst)) {
    // Nothing is asked of the socket: its end is reported all the same.
    std::array<pollfd, 2> waiting{
        {{call_.get(), POLLIN, 0}, {connected ? socket_.get() : -1, 0, 0}}};
    const int at_most = !connected ? kRetryMs : all_back ? tidy() : kSoonMs;
    if (::poll(waiting.data(), waiting.size(), at_most) == 0 && connected && all_back) continue;
    if (waiting[0].revents != 0) channel::clear_descriptor(call_.get());
    if (waiting[1].revents != 0) {
      lose();
      connected = false;
      prepare_memory();
    }
    if (!connected && !reconnect()) continue;
    connected = true;
    all_back = bring_back();
  }
  lose();
}

// Other threads ask nothing before lost_ is false, or are refused.
bool DaemonLink::reconnect() {
  auto socket = channel::connect_control(config_.path);
  if (!socket || !socket->valid()) return false;
  {
    const std::lock_guard lock(ask_mutex_);
    socket_ = std::move(socket).value();
  }
  try {
    if (!introduce()) return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  lost_ = false;
  return true;
}

// As many as there are; a user that ends meanwhile may do so here.
std::vector<std::weak_ptr<EngineUser>> DaemonLink::users() {
  const std::lock_guard lock(mutex_);
  return users_;
}

// Does the housekeeping that is due. Returns in how many milliseconds there may be more: what homad
// completes for a socket that nobody uses is not announced.
int DaemonLink::tidy() {
  constexpr Duration kAtMost{4'000'000'000};
  const std::uint64_t published = published_.load(std::memory_order_relaxed);
  const Time now = engine::clock_now();
  if (housekeeping_.due(published) <= now || now - tidied_ >= kAtMost) {
    housekeeping_.step(now, published);
    tidied_ = now;
  }
  const Time next = std::min(housekeeping_.due(published), now + kAtMost);
  const Duration left = std::max(next, now) - now;
  return static_cast<int>(std::max<std::int64_t>(left / std::chrono::milliseconds(1), 0)) + 1;
}

// No engine reads our channels any more: RPCs in progress end, and who waits learns of it.
void DaemonLink::lose() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(lost_, true)) replaced_ = leaves();
    ++losses_;
    for (const Channel& channel : channels_) {
      if (const auto region = channel.region.lock()) {
        region->header().engine_gone.store(1, std::memory_order_seq_cst);
      }
    }
  }
  for (const auto& weak : users()) {
    if (const auto user = weak.lock()) user->engine_lost();
  }
}

bool DaemonLink::bring_back() {
  bool all = true;
  for (const auto& weak : users()) {
    if (const auto user = weak.lock()) all = user->engine_back() && all;
  }
  return all;
}

// What homad writes to is memory that the program shared with it when it attached.
Result<EngineLink::Attached, Error> DaemonLink::attach_apart(const channel::ChannelConfig&) {
  return failure(ErrorCode::kInvalidArgument,
                 "homad cannot put messages into memory that it does not share");
}

void DaemonLink::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  const std::unique_ptr<std::thread> thread = std::move(thread_);
  if (!thread) return;
  look_after();
  if (thread->get_id() == std::this_thread::get_id()) {  // it had the last socket in its hands
    thread->detach();
  } else {
    thread->join();
  }
  // What was submitted before is still sent.
  ::shutdown(socket_.get(), SHUT_RDWR);
}

DaemonLink::~DaemonLink() {
  if (inherited()) {
    static_cast<void>(thread_.release());  // the parent's
  } else {
    stop();
  }
}

}  // namespace homa::client
