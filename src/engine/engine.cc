#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "channel/wake.h"
#include "io/sleep.h"

namespace homa::engine {
namespace {

// A device that is full says nothing when it has room again: ask after this long.
constexpr Duration kDeviceRetry{20'000};
// Longer pauses of the engine itself are not counted as its peers' silence.
constexpr Duration kStallCounted{2'000'000};
// Steps in a row that find packets before timers have their turn all the same.
constexpr std::uint32_t kTimersPostponedMax = 32;
constexpr std::size_t kChannelsMax = 0xffff;
constexpr std::size_t kPorts = 1 << 16;

core::Unreachable::Kind kind_of(io::IoError::Kind kind) {
  switch (kind) {
    case io::IoError::Kind::kPortUnreachable: return core::Unreachable::Kind::kPort;
    case io::IoError::Kind::kProtocolUnreachable: return core::Unreachable::Kind::kProtocol;
    case io::IoError::Kind::kHostUnreachable: break;
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
                                                      Duration coalesce) {
  HOMA_CHECK(config.receive_region_bytes > 0);
  auto memory = channel::Mapping::create(config.receive_region_bytes);
  if (!memory) return Unexpected(memory.error());
  auto holders =
      channel::Mapping::create(ReceiveRegion::holders_bytes(config.receive_region_bytes));
  if (!holders) return Unexpected(holders.error());
  return std::unique_ptr<Engine>(
      new Engine(config, std::move(io), seed, wake_fd, coalesce,
                 ReceiveRegion(std::move(memory).value(), std::move(holders).value())));
}

Engine::Engine(const core::CoreConfig& config, std::unique_ptr<io::PacketIo> io, std::uint64_t seed,
               int wake_fd, Duration coalesce, ReceiveRegion receive)
    : endpoint_(config, seed, recorder_),
      io_(std::move(io)),
      wake_fd_(wake_fd),
      coalesce_(coalesce),
      load_(config.link_bits_per_second),
      receive_(std::move(receive)),
      channel_by_port_(kPorts, 0),
      feedback_(io_->capabilities().queue_feedback) {}

Engine::~Engine() = default;

void Engine::attach(std::shared_ptr<channel::Region> region) {
  std::size_t index = 0;
  while (index < attachments_.size() && attachments_[index]) ++index;
  if (index >= kChannelsMax) {
    const channel::EngineEnd refused(std::move(region));  // says that no engine is there
    return;
  }
  if (index == attachments_.size()) attachments_.emplace_back();
  attachments_[index] = std::make_unique<Attachment>(
      AttachmentContext{endpoint_, receive_, recorder_.counters}, std::move(region),
      static_cast<std::uint16_t>(index), channel_by_port_);
  ++live_;
}

std::size_t Engine::step(Time now) {
  if (io_ == nullptr) return 0;
  now = forward(now);
  std::size_t done = receive(now);
  done += take_errors(now);
  fire_timers(now, done);
  return work(now, done);
}

std::size_t Engine::flush(Time now) { return io_ == nullptr ? 0 : work(forward(now), 0); }

// The endpoint's time. Threads that take turns may have read the clock before they got theirs; and
// time in which this engine had something to do and was not run does not count: the packets that
// came meanwhile were not looked at, so it would be mistaken for its peers' silence.
Time Engine::forward(Time now) {
  const Time last = std::exchange(last_now_, std::max(last_now_, now));
  if (last_now_ - last <= kStallCounted) return last_now_ - stalled_;
  const Time due = std::max(last, next_deadline());
  if (due != kNever && last_now_ - due > kStallCounted) stalled_ += last_now_ - due - kStallCounted;
  return last_now_ - stalled_;
}

// Timers judge who is silent: first everything that has arrived is heard, within reason.
void Engine::fire_timers(Time now, std::size_t received) {
  if (now < deadline_) return;
  if (received > 0 && ++timers_postponed_ < kTimersPostponedMax) return;
  timers_postponed_ = 0;
  endpoint_.on_time(now);
}

std::size_t Engine::work(Time now, std::size_t done) {
  if (posted_flag_.load(std::memory_order_acquire)) done += run_posted();
  done += take_submissions(now);
  if (done == 0 && now < deadline_ && first_frame_ == frames_count_) {
    publish();  // nothing new: an idle look costs little
    return 0;
  }
  done += dispatch_events(now);
  const std::size_t sent = transmit(now);
  if (sent > 0) done += sent + dispatch_events(now);
  publish();
  deadline_ = endpoint_.next_deadline();
  return done;
}

std::size_t Engine::receive(Time now) {
  const std::size_t count = io_->receive(received_);
  for (std::size_t i = 0; i < count; ++i) {
    const io::RxFrame& frame = received_[i];
    const core::RxOutcome outcome = endpoint_.on_packet(now, {frame.source, frame.bytes});
    if (outcome.kind == core::RxOutcome::Kind::kDeliver) {
      receive_.copy_in(raw(outcome.buffer),
                       frame.bytes.subspan(outcome.payload_offset, outcome.length));
    }
  }
  if (count > 0) io_->release(std::span(received_).first(count));
  return count;
}

std::size_t Engine::take_errors(Time now) {
  const std::size_t count = io_->errors(errors_);
  for (std::size_t i = 0; i < count; ++i) {
    const io::IoError& error = errors_[i];
    const std::size_t quoted = std::min(error.quoted_length, error.quoted.size());
    endpoint_.on_unreachable(
        now, {error.peer, kind_of(error.kind), std::span(error.quoted).first(quoted)});
  }
  return count;
}

std::size_t Engine::take_submissions(Time now) {
  std::size_t count = 0;
  bool ending = false, opening = false;
  for (std::size_t i = 0; i < attachments_.size(); ++i) {
    Attachment* const attached = attachments_[i].get();
    if (attached == nullptr) continue;
    count += attached->take_submissions(now, kSubmissionsPerStep);
    if (attached->gone()) ++count;
    ending = ending || attached->gone() || attached->closing();
    opening = opening || attached->opening();
  }
  if (ending) end_channels(now);
  if (opening) {  // a port that was closed just before is free now
    for (const auto& attached : attachments_) {
      if (attached && attached->opening()) attached->open();
    }
  }
  return count;
}

// A reply that was given just before its socket was closed leaves first.
void Engine::end_channels(Time now) {
  dispatch_events(now);
  transmit(now);
  for (std::size_t i = 0; i < attachments_.size(); ++i) {
    Attachment* const attached = attachments_[i].get();
    if (attached == nullptr) continue;
    if (attached->closing()) attached->close(now);
    if (attached->gone()) attached->drop(now);
  }
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
  if (event.kind == core::Event::Kind::kTransmitDone) return transmit_done(event.transmit_token);
  const std::uint16_t channel = channel_by_port_[raw(event.local_port)];
  Attachment* const attached = channel == 0 ? nullptr : attachments_[channel - 1U].get();
  switch (event.kind) {
    case core::Event::Kind::kRequest:
      if (attached != nullptr) return attached->on_request(event);
      endpoint_.release(now, event.buffer, event.length);
      return;
    case core::Event::Kind::kResponse:
      if (attached != nullptr) return attached->on_response(event);
      endpoint_.release(now, event.buffer, event.length);
      return;
    case core::Event::Kind::kFailed:
      if (attached != nullptr) attached->on_failed(event);
      return;
    case core::Event::Kind::kTransmitDone: return;
  }
}

// A block goes back to its application only when no frame that points into it waits.
void Engine::transmit_done(core::TransmitToken token) {
  if (frame_pending(token)) {
    done_tokens_.push_back(token);
    return;
  }
  Attachment* const attached = attachments_[channel_of(token)].get();
  HOMA_CHECK(attached != nullptr);
  attached->on_transmit_done(offset_of(token));
}

bool Engine::frame_pending(core::TransmitToken token) const {
  for (std::size_t i = first_frame_; i < frames_count_; ++i) {
    if (packets_[i].payload_length > 0 && packets_[i].transmit_token == token) return true;
  }
  return false;
}

void Engine::make_frames(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const core::TxPacket& packet = packets_[i];
    io::TxFrame& frame = frames_[i];
    frame.destination = packet.destination;
    frame.priority = packet.priority;
    frame.header = std::as_bytes(std::span(packet.header)).first(packet.header_length);
    frame.payload = {};
    if (packet.payload_length > 0) {
      const Attachment* const attached = attachments_[channel_of(packet.transmit_token)].get();
      HOMA_CHECK(attached != nullptr);
      frame.payload = attached->transmit(offset_of(packet.transmit_token) + packet.payload_offset,
                                         packet.payload_length);
    }
  }
  first_frame_ = 0;
  frames_count_ = count;
}

std::size_t Engine::transmit(Time now) {
  retry_ = kNever;
  if (first_frame_ == frames_count_ && !endpoint_.transmits()) return 0;
  std::size_t sent = 0;
  for (std::size_t batch = 0; batch < kBatchesPerStep; ++batch) {
    if (first_frame_ == frames_count_) {
      core::LinkFeedback feedback;
      if (feedback_) feedback.device_queue_bytes = io_->device_queue_bytes();
      const std::size_t count = endpoint_.poll_transmit(now, feedback, packets_);
      if (count == 0) break;
      make_frames(count);
    }
    const std::size_t taken =
        io_->send(std::span(frames_).subspan(first_frame_, frames_count_ - first_frame_));
    sent += taken;
    first_frame_ += taken;
    if (first_frame_ != frames_count_) {
      retry_ = now + kDeviceRetry;
      break;
    }
    if (!done_tokens_.empty()) give_done_tokens();
    if (frames_count_ < kBatch) break;  // the endpoint had no more
  }
  return sent;
}

void Engine::give_done_tokens() {
  for (const core::TransmitToken token : done_tokens_) transmit_done(token);
  done_tokens_.clear();
}

void Engine::publish() {
  for (std::size_t i = 0; i < attachments_.size(); ++i) {
    if (!attachments_[i]) continue;
    attachments_[i]->end().publish();
    if (attachments_[i]->finished()) {
      attachments_[i].reset();
      --live_;
    }
  }
}

Time Engine::next_deadline() const {
  const Time next = std::min(endpoint_.next_deadline(), retry_);
  return next == kNever ? kNever : next + stalled_;
}

bool Engine::anything_to_do() {
  if (posted_flag_.load(std::memory_order_seq_cst)) return true;
  return std::any_of(attachments_.begin(), attachments_.end(), [](const auto& attached) {
    return attached && !attached->dropped() &&
           (attached->end().has_submissions() || attached->end().application_gone());
  });
}

void Engine::sleep(Time now, Time until) {
  if (io_ == nullptr || until <= now) return;
  if (coalesce_ > Duration::zero()) {
    load_.update(now, recorder_.counters.bytes_received.load(std::memory_order_relaxed),
                 recorder_.counters.bytes_sent.load(std::memory_order_relaxed));
  }
  if (!load_.busy() && next_deadline() <= now) return;
  const bool release_wanted =
      endpoint_.receive_region_used() > endpoint_.config().receive_region_bytes / 2;
  sleeping_.store(true, std::memory_order_seq_cst);
  for (const auto& attached : attachments_) {
    if (attached) attached->end().announce_sleep(release_wanted);
  }
  // Cleared when it is seen readable and only then: who found us asleep may write it later, when we
  // are awake for another reason, and what nobody cleared would let us sleep never again.
  if (!anything_to_do() && wait(now, until)) channel::clear_descriptor(wake_fd_);
  sleeping_.store(false, std::memory_order_relaxed);
  for (const auto& attached : attachments_) {
    if (attached) attached->end().announce_awake();
  }
}

bool Engine::wait(Time now, Time until) {
  if (load_.busy()) {
    pollfd waker{wake_fd_, POLLIN, 0};
    return io::sleep_on({&waker, 1}, std::min(until - now, coalesce_));
  }
  until = std::min(until, next_deadline());
  const Duration at_most = until == kNever ? kLongestSleep : until - now;
  return io_->wait(std::min(at_most, kLongestSleep), wake_fd_);
}

void Engine::close(Duration at_most) {
  if (io_ == nullptr) return;
  const Time until = clock_now() + at_most;
  send_all(until);  // a reply that was just given leaves before its RPC ends
  const Time now = forward(clock_now());
  for (const auto& attached : attachments_) {
    if (attached) attached->close(now);
  }
  deadline_ = Time::min();  // there is something to do
  send_all(until);
  attachments_.clear();
  first_frame_ = frames_count_ = 0;
  live_ = 0;
  statistics_ = io_->statistics();
  io_.reset();
}

// Takes no packets: what still arrives is nobody's.
void Engine::send_all(Time until) {
  Time now = clock_now();
  while (now < until && (flush(now) > 0 || first_frame_ != frames_count_)) now = clock_now();
}

void Engine::post(std::function<void()> task) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(task));
  }
  posted_flag_.store(true, std::memory_order_seq_cst);
  wake();
}

void Engine::wake() {
  if (sleeping_.exchange(false, std::memory_order_seq_cst)) channel::signal_descriptor(wake_fd_);
}

std::size_t Engine::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
    posted_flag_.store(false, std::memory_order_relaxed);
  }
  for (const auto& task : tasks) task();
  return tasks.size();
}

}  // namespace homa::engine
