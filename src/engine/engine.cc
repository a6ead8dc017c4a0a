#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"
#include "channel/wake.h"
#include "io/sleep.h"

namespace homa::engine {
namespace {

core::Unreachable::Kind kind_of(io::IoError::Kind kind) {
  switch (kind) {
    case io::IoError::Kind::kPortUnreachable: return core::Unreachable::Kind::kPort;
    case io::IoError::Kind::kProtocolUnreachable: return core::Unreachable::Kind::kProtocol;
    default: break;
  }
  return core::Unreachable::Kind::kHost;
}

}  // namespace

Time clock_now() {
  return Time(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Result<std::unique_ptr<Engine>, Error> Engine::create(const core::CoreConfig& config,
                                                      std::unique_ptr<io::PacketIo> io,
                                                      std::uint64_t seed, int wake_fd,
                                                      Duration coalesce,
                                                      std::shared_ptr<channel::EngineState> state,
                                                      std::unique_ptr<Published> published) try {
  HOMA_CHECK(config.receive_region_bytes > 0);
  auto receive = ReceiveRegion::create(config.receive_region_bytes);
  if (!receive) return Unexpected(receive.error());
  if (!published) {
    auto unseen = Published::in_private_memory();
    if (!unseen) return Unexpected(unseen.error());
    published = std::move(unseen).value();
  }
  return std::unique_ptr<Engine>(new Engine(config, std::move(io), seed, wake_fd, coalesce,
                                            std::move(receive).value(), std::move(state),
                                            std::move(published)));
} catch (const std::exception&) {  // std::bad_alloc, or a vector that cannot be so long
  return failure(ErrorCode::kNoMemory,
                 "no memory for the protocol's tables; configure smaller finished_ids_max (" +
                     std::to_string(config.finished_ids_max) + "), rpcs_max (" +
                     std::to_string(config.rpcs_max) + ") or peers_max (" +
                     std::to_string(config.peers_max) + ")");
}

Engine::Engine(const core::CoreConfig& config, std::unique_ptr<io::PacketIo> io, std::uint64_t seed,
               int wake_fd, Duration coalesce, ReceiveRegion receive,
               std::shared_ptr<channel::EngineState> state, std::unique_ptr<Published> published)
    : published_(std::move(published)),
      recorder_(published_->counters()),
      endpoint_(config, seed, recorder_),
      io_(std::move(io)),
      wake_fd_(wake_fd),
      rhythm_(coalesce),
      load_(config.link_bits_per_second),
      paces_each_device_(config.link_bits_per_second == io_->capabilities().link_bits_per_second),
      serves_programs_(state != nullptr),
      attachments_(endpoint_, std::move(receive), *published_, wake_fd,
                   state ? std::move(state) : std::make_shared<channel::EngineState>(),
                   io_->capabilities().scope),
      same_host_(io_->capabilities().local.udp_port) {
  endpoint_.set_starting(true);
}

Engine::~Engine() = default;

Result<void, Error> Engine::serves() const {
  if (io_ == nullptr) {
    return failure(ErrorCode::kClosed, "the engine has been closed");
  }
  if (out_of_memory_) {
    return failure(ErrorCode::kNoMemory, "the engine ran out of memory; open another host");
  }
  return {};
}

Result<channel::Bell, Error> Engine::attach(std::shared_ptr<channel::Region> region) {
  if (auto good = serves(); !good) return Unexpected(good.error());
  return attachments_.attach(std::move(region));
}

Result<Attachments::Apart, Error> Engine::attach_apart(std::shared_ptr<channel::Region> region) {
  if (auto good = serves(); !good) return Unexpected(good.error());
  return attachments_.attach_apart(std::move(region));
}

Result<void, Error> Engine::give_memory(Program& program, std::span<std::byte> memory) {
  if (auto good = serves(); !good) return good;
  deadline_ = Time::min();  // messages that waited for it are asked for
  return attachments_.give_memory(forward(clock_now()), program, memory);
}

Result<Program*, Error> Engine::add_program(ReceiveRegion receive,
                                            std::shared_ptr<channel::Doorbell> doorbell,
                                            const ProgramLimits& limits) {
  if (auto good = serves(); !good) return Unexpected(good.error());
  note_change();
  return attachments_.add_program(std::move(receive), std::move(doorbell), limits);
}

Result<std::uint32_t, Error> Engine::attach(Program& program,
                                            std::shared_ptr<channel::Region> region,
                                            std::uint16_t port) {
  if (auto good = serves(); !good) return Unexpected(good.error());
  note_change();
  return attachments_.attach(program, std::move(region), port);
}

Result<Attachments::Opened, Error> Engine::attach_and_open(Program& program,
                                                           std::shared_ptr<channel::Region> region,
                                                           std::uint16_t port) {
  if (auto good = serves(); !good) return Unexpected(good.error());
  note_change();
  auto opened = attachments_.attach_and_open(program, std::move(region), port);
  begin_start(forward(clock_now()));
  return opened;
}

// Whatever begins is refused when there is no memory, and needs none to end. What else there may be
// stops the engine: its sockets end with an error, and the process goes on.
template <typename Work>
std::size_t Engine::guarded(Work work) {
  if (io_ == nullptr || out_of_memory_) return 0;
  try {
    return work();
  } catch (const std::bad_alloc&) {
    stop_for_want_of_memory();
    return 0;
  }
}

void Engine::stop_for_want_of_memory() {
  out_of_memory_ = true;
  published_->stopped_for_want_of_memory();
  log_.out_of_memory();
  load_ = LinkLoad(0);  // it carries nothing any more
  outgoing_.clear();
  attachments_.clear();
}

std::size_t Engine::step(Time now) {
  return guarded([&] {
    if (now >= sampler_.due()) sample(now);
    if (now >= requests_due_) {
      requests_due_ = requests_descriptor() < 0 ? kNever : now + kBetweenRequests;
      answer_requests();
    }
    now = forward(now);
    std::size_t done = 0;
    bool looked = true;           // or there is nothing to look for
    if (start_ends_ != kNever) {  // a port has been opened
      if (starting_ && now >= start_ends_) end_start();
      looked = looks(now);
      done = (looked ? receive(now) : 0) + take_errors(now);
    }
    const auto came = looked ? std::optional(done) : std::nullopt;
    if (time_.timers_fire(now, deadline_, came)) endpoint_.on_time(now);
    return work(now, done);
  });
}

std::size_t Engine::flush(Time now) {
  return guarded([&] { return work(forward(now), 0); });
}

std::size_t Engine::work(Time now, std::size_t done) {
  done += take_submissions(now);
  if (done == 0 && now < deadline_ && !outgoing_.waiting()) {
    attachments_.publish();  // nothing new: an idle look costs little
    return 0;
  }
  sampler_.note_work(published_->measured().clock());
  attachments_.note_work();
  done += dispatch_events(now);
  answer_path_questions(now);
  const std::size_t sent = transmit(now);
  if (sent > 0) done += sent + dispatch_events(now);
  attachments_.publish();
  deadline_ = endpoint_.next_deadline();
  return done;
}

std::size_t Engine::receive(Time now) {
  const std::size_t count = io_->receive(received_);
  if (load_.busy()) rhythm_.looked(now, count == received_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const io::RxFrame& frame = received_[i];
    const core::RxOutcome outcome =
        endpoint_.on_packet(now, {frame.source, frame.bytes, frame.path});
    if (outcome.kind == core::RxOutcome::Kind::kDeliver) {
      attachments_.copy_in(outcome.account, outcome.buffer,
                           frame.bytes.subspan(outcome.payload_offset, outcome.length));
    } else if (outcome.refused) {
      io_->refuse(frame);
    }
  }
  if (count > 0) io_->release(std::span(received_).first(count));
  return count;
}

std::size_t Engine::take_errors(Time now) {
  const std::size_t count = io_->errors(errors_);
  for (std::size_t i = 0; i < count; ++i) {
    const io::IoError& error = errors_[i];
    const auto quoted =
        std::span(error.quoted).first(std::min(error.quoted_length, error.quoted.size()));
    switch (error.kind) {
      case io::IoError::Kind::kRoutesChanged:
        same_host_.forget();
        endpoint_.on_paths_changed();
        break;
      case io::IoError::Kind::kTooBig:
        tell_path(now, error.peer);
        endpoint_.on_too_big(now, error.peer, quoted);
        break;
      default: endpoint_.on_unreachable(now, {error.peer, kind_of(error.kind), quoted}); break;
    }
  }
  return count;
}

void Engine::tell_path(Time now, const Address& peer) {
  const io::Route route = io_->route(peer);
  core::PathInfo path;
  path.peer = peer;
  path.same_host = serves_programs_ && same_host_.learn(peer, route.own_address);
  path.packet_bytes_max = path.same_host ? SameHost::kPacketBytes : route.packet_bytes_max;
  if (paces_each_device_) {
    path.device = route.device;
    path.link_bits_per_second = route.link_bits_per_second;
  }
  endpoint_.on_path(now, path);
}

// New peers' ways are known before the first packet to them leaves.
void Engine::answer_path_questions(Time now) {
  for (std::size_t i = 0; i < kPathsPerStep; ++i) {
    const auto peer = endpoint_.poll_path_question();
    if (!peer) return;
    tell_path(now, *peer);
  }
}

std::size_t Engine::take_submissions(Time now) {
  const Attachments::Taken taken = attachments_.take_submissions(now);
  if (taken.ending) {  // a reply that was given just before its socket was closed leaves first
    dispatch_events(now);
    transmit(now);
    attachments_.end(now);
  }
  if (taken.opening) {
    attachments_.open();
    begin_start(now);
  }
  return taken.count;
}

void Engine::begin_start(Time now) {
  if (start_ends_ == kNever && attachments_.has_ports()) start_ends_ = now + kStartGrace;
}

void Engine::end_start() {
  starting_ = false;
  endpoint_.set_starting(false);
}

std::size_t Engine::dispatch_events(Time now) {
  std::size_t count = 0;
  while (const auto event = endpoint_.poll_event()) {
    dispatch(now, *event);
    ++count;
  }
  return count;
}

void Engine::dispatch(Time now, const core::Event& event) {
  if (event.kind == core::Event::Kind::kTransmitDone) {
    return outgoing_.done(event.transmit_token, attachments_);
  }
  Attachment* const attached = attachments_.of_port(event.local_port);
  switch (event.kind) {
    case core::Event::Kind::kRequest:
      if (attached != nullptr) return attached->on_request(event);
      endpoint_.release(now, event.account, event.buffer, event.length);
      return;
    case core::Event::Kind::kHead:
      if (attached == nullptr || !attached->on_head(event)) {
        // Nobody is there, or there is no memory to remember it: it comes whole, or ends.
        if (!endpoint_.decide(now, event.rpc, ErrorCode::kOk)) {
          endpoint_.release(now, event.account, event.buffer, event.length);
        }
      }
      return;
    case core::Event::Kind::kResponse:
      if (attached != nullptr) return attached->on_response(event);
      endpoint_.release(now, event.account, event.buffer, event.length);
      return;
    case core::Event::Kind::kFailed:
      if (!is_served(event.rpc)) {
        const SocketAddress peer{event.peer, raw(event.peer_port)};
        if (published_->failed(event.error, event.executed, peer)) {
          log_.rpc_failed(published_->measured().clock(), event.error, event.executed, peer);
        }
      }
      if (attached != nullptr) attached->on_failed(event);
      return;
    case core::Event::Kind::kTransmitDone: return;
  }
}

std::size_t Engine::transmit(Time now) {
  return outgoing_.send(now, endpoint_, *io_, attachments_, same_host_);
}

void Engine::sample(Time clock) {
  if (!sampler_.step(clock, time_.paused(), endpoint_, *published_)) return;
  trace::Gauges& gauges = published_->gauges();
  const auto set = [](std::atomic<std::uint64_t>& gauge, std::uint64_t value) {
    gauge.store(value, std::memory_order_relaxed);
  };
  set(gauges.rpcs_in_progress, endpoint_.rpcs_in_progress());
  set(gauges.peers_known, endpoint_.peers());
  set(gauges.sockets_open, attachments_.size());
  set(gauges.programs_attached, attachments_.programs());
  set(gauges.receive_memory_bytes, receive_memory().bytes().size());
  set(gauges.receive_memory_used_bytes, endpoint_.receive_region_used());
  set(gauges.granted_not_received_bytes, endpoint_.granted_not_received());
  set(gauges.packets_waiting, outgoing_.packets_waiting());
  set(gauges.link_bits_per_second, endpoint_.config().link_bits_per_second);
  set(gauges.paused_microseconds,
      static_cast<std::uint64_t>(time_.paused() / std::chrono::microseconds(1)));
  if (serves_programs_) {
    published_->set_programs(clock, [this](std::span<trace::ProgramEntry> entries) {
      return attachments_.describe_programs(entries);
    });
  }
  published_->set_io(io_->statistics());
  published_->sampled(clock);
}

Time Engine::next_deadline() const {
  if (out_of_memory_) return kNever;
  return time_.by_clock(std::min(endpoint_.next_deadline(), outgoing_.retry()));
}

void Engine::sleep(Time now, Time until, std::unique_lock<std::mutex>* owner) {
  if (io_ == nullptr || until <= now) return;
  if (rhythm_.exists()) {
    const trace::Counters& all = recorder_.counters;
    const std::uint64_t on_no_link = all.bytes_same_host.load(std::memory_order_relaxed);
    load_.update(now, all.bytes_received.load(std::memory_order_relaxed) - on_no_link,
                 all.bytes_sent.load(std::memory_order_relaxed) - on_no_link);
  }
  if ((load_.busy() ? next_look() : next_deadline()) <= now) return;
  if (!load_.busy() && !out_of_memory_) {
    const std::uint64_t received =
        recorder_.counters.bytes_received.load(std::memory_order_relaxed);
    const Time due = idle_memory_.due(received);
    if (due <= now) return idle_memory_.step(now, received, endpoint_, receive_memory());
    until = std::min(until, due);
    if (sampler_.due() <= now) return;
    until = std::min(until, sampler_.due());
  }
  const bool idle = attachments_.announce_sleep(endpoint_.receive_memory_is_short());
  // The descriptor is cleared only when it was seen readable. A thread that found the engine asleep
  // may write it later, when the engine is awake for another reason; the next sleep clears that.
  const bool rung =
      idle && !interrupted_.exchange(false, std::memory_order_seq_cst) && wait(now, until, owner);
  if (rung) channel::clear_descriptor(wake_fd_);
  attachments_.announce_awake(rung);
}

bool Engine::wait(Time now, Time until, std::unique_lock<std::mutex>* owner) {
  // Nothing is to be received before a port is open, see kStartGrace.
  const bool looks_away = load_.busy() || start_ends_ == kNever || out_of_memory_;
  until = std::min(until, load_.busy() ? next_look() : next_deadline());
  const std::span<const int> of_io = looks_away ? std::span<const int>() : io_->descriptors();
  if (!looks_away && (owner == nullptr || of_io.empty() || of_io.size() > kIoDescriptorsMax)) {
    const bool hears = owner == nullptr || requests_descriptor() < 0;
    return io_->wait(longest_sleep(now, until, hears ? kLongestSleep : kLongestDeafSleep),
                     wake_fd_);
  }
  std::array<pollfd, 2 + kIoDescriptorsMax> all{
      {{wake_fd_, POLLIN, 0}, {requests_descriptor(), POLLIN, 0}}};
  const auto descriptors = std::span(all).first(2 + of_io.size());
  for (std::size_t i = 0; i < of_io.size(); ++i) descriptors[i + 2] = {of_io[i], POLLIN, 0};
  if (owner != nullptr) owner->unlock();
  const bool ready = io::sleep_on(descriptors, longest_sleep(now, until, kLongestSleep));
  if (owner != nullptr) owner->lock();
  if (!ready) return false;
  if (descriptors[1].revents != 0) requests_due_ = Time::min();
  // The back end takes note of errors and of what changed.
  bool news = false;
  for (std::size_t i = 2; i < descriptors.size(); ++i) {
    news = news || (descriptors[i].revents & (i == 2 ? POLLERR : POLLIN | POLLERR)) != 0;
  }
  if (news && !out_of_memory_) io_->wait(Duration::zero(), -1);
  return descriptors[0].revents != 0;
}

void Engine::answer_requests() {
  guarded([&] {
    published_->requests().answer(endpoint_, [this](const ParameterChange& change) {
      log_.parameter_changed(change);
      deadline_ = Time::min();  // what is due may have changed
    });
    return std::size_t{0};
  });
}

void Engine::close(Duration at_most) {
  if (io_ == nullptr) return;
  const Time until = clock_now() + at_most;
  send_all(until);  // a reply that was just given leaves before its RPC ends
  guarded([&] {
    attachments_.close_all(forward(clock_now()));
    return std::size_t{1};
  });
  deadline_ = Time::min();  // there is something to do
  send_all(until);
  attachments_.clear();
  outgoing_.clear();
  statistics_ = io_->statistics();
  io_.reset();
}

// Takes no packets: nobody would receive what still arrives.
void Engine::send_all(Time until) {
  Time now = clock_now();
  while (now < until && (flush(now) > 0 || outgoing_.waiting())) now = clock_now();
}

void Engine::interrupt() {
  interrupted_.store(true, std::memory_order_seq_cst);
  wake();
}

void Engine::wake() { attachments_.wake(); }

}  // namespace homa::engine
