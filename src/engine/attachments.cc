#include "engine/attachments.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"

namespace homa::engine {
namespace {

// A quiet channel is looked at this much longer, if few are: whoever talks now and then need not
// ring each time.
constexpr std::uint16_t kQuietStepsMax = 1'000;
constexpr std::size_t kQuietChannelsMax = 16;
// In one step, so that neither many channels nor busy ones keep packets waiting.
constexpr std::size_t kDoorbellsPerStep = 16;
constexpr std::size_t kBellsPerStep = 64;
// Submissions and buffers of channels that end.
constexpr std::size_t kTakenBackInAll = 512;

// It goes, and no channel of it is left.
bool has_left(const Program* program) {
  return program != nullptr && program->leaving && program->channels == 0;
}

trace::ProgramEntry entry_of(const Program& program, const core::MemoryUse& use) {
  trace::ProgramEntry entry;
  entry.pid = program.owner->pid;
  entry.user = program.owner->user;
  entry.sockets = static_cast<std::uint32_t>(program.channels);
  entry.rpcs = program.rpcs;
  entry.memory_used = use.share.used;
  entry.memory_guaranteed = use.share.guaranteed;
  entry.receive_used = use.receive_bytes;
  entry.receive_bytes = use.receive_capacity;
  entry.messages_held = use.remedies.messages_held;
  entry.incoming_dropped = use.remedies.incoming_dropped;
  entry.outgoing_dropped = use.remedies.outgoing_dropped;
  entry.sends_refused = use.remedies.sends_refused;
  entry.requests_refused = use.remedies.requests_refused;
  entry.rpcs_refused = program.incidents.rpcs_refused;
  entry.submissions_refused = program.incidents.submissions_refused;
  entry.channels_broken = program.incidents.channels_broken;
  return entry;
}

}  // namespace

Attachments::Attachments(core::Endpoint& endpoint, ReceiveRegion receive, Published& published,
                         int wake_fd, std::shared_ptr<channel::EngineState> state,
                         std::uint32_t scope)
    : endpoint_(endpoint),
      published_(published),
      wake_fd_(wake_fd),
      scope_(scope),
      state_(std::move(state)) {
  const ProgramLimits limits{kChannelsMax, endpoint.config().rpcs_max, {}};
  programs_.push_back(std::make_shared<Program>(core::kDefaultAccount, std::move(receive), limits));
  add_group(*programs_.front(), own_doorbell_);
}

void Attachments::add_group(Program& program, std::shared_ptr<channel::Doorbell> doorbell) {
  groups_.reserve(groups_.size() + 1);
  program.bells.push_back(std::make_unique<BellGroup>(std::move(doorbell)));
  BellGroup& group = *program.bells.back();
  groups_.push_back({&group.doorbell()->rung, &group});
}

Result<channel::Bell, Error> Attachments::attach(std::shared_ptr<channel::Region> region) {
  const auto index = add(*programs_.front(), std::move(region), std::nullopt);
  if (!index) return Unexpected(index.error());
  const Place& place = places_[*index];
  return channel::Bell(state_, place.group->doorbell(), place.number, wake_fd_);
}

Result<std::uint32_t, Error> Attachments::attach(Program& program,
                                                 std::shared_ptr<channel::Region> region,
                                                 std::uint16_t port) {
  const auto index = add(program, std::move(region), port);
  if (!index) return Unexpected(index.error());
  return places_[*index].number;
}

bool Attachments::permit_port(Program& program, std::uint32_t number, std::uint16_t port) {
  const auto index = program.bells.front()->index(number);
  if (!index) return false;
  places_[*index].attachment->permit_port(port);
  return true;
}

Result<Attachments::Opened, Error> Attachments::attach_and_open(
    Program& program, std::shared_ptr<channel::Region> region, std::uint16_t port) {
  const auto index = add(program, std::move(region), port);
  if (!index) return Unexpected(index.error());
  const Place& place = places_[*index];
  const auto opened = place.attachment->open_at_once();
  if (opened) return Opened{place.number, raw(*opened)};
  place.attachment->abandon();
  activate(*index);
  return failure(opened.error(),
                 "port " + std::to_string(port) + ": " + std::string(to_string(opened.error())));
}

Result<std::uint16_t, Error> Attachments::add(Program& program,
                                              std::shared_ptr<channel::Region> region,
                                              std::optional<std::uint16_t> port) try {
  const std::size_t most = std::min<std::size_t>(kChannelsMax, program.limits.channels_max);
  if (size_ >= kChannelsMax || program.channels >= most) {
    return failure(ErrorCode::kNoMemory, "an engine serves at most " +
                                             std::to_string(kChannelsMax) + " sockets, " +
                                             std::to_string(most) + " of one program");
  }
  if (free_.empty()) {
    reserve(places_.size() + 1);
    places_.emplace_back();  // may throw; the next line has its room
    free_.push_back(static_cast<std::uint16_t>(places_.size() - 1));
  }
  const std::uint16_t index = free_.back();
  auto attachment = std::make_unique<Attachment>(
      AttachmentContext{endpoint_, program, published_, port_owners_, scope_, port, &incidents_},
      std::move(region), index);
  Program& rings = program.bells.empty() ? *programs_.front() : program;
  auto number = rings.bells.back()->add(index);
  if (!number) {
    // Another process has one doorbell; its limit of channels is lower.
    add_group(rings, std::make_shared<channel::Doorbell>());
    number = rings.bells.back()->add(index);
  }
  places_[index] = Place{std::move(attachment), rings.bells.back().get(), *number, 0, false};
  free_.pop_back();
  ++size_;
  ++program.channels;
  return index;
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "no memory for a further socket");
}

Result<Program*, Error> Attachments::add_program(ReceiveRegion receive,
                                                 std::shared_ptr<channel::Doorbell> doorbell,
                                                 const ProgramLimits& limits) try {
  const std::uint32_t most = channel::Doorbell::kChannels;
  ProgramLimits bounded = limits;
  bounded.channels_max = std::min(limits.channels_max, most);
  bounded.account.receive_bytes = receive.size();
  const auto account = endpoint_.open_account(bounded.account);
  if (!account) {
    return failure(ErrorCode::kNoMemory, "no more memory can be guaranteed to a further program");
  }
  auto program = std::make_shared<Program>(*account, std::move(receive), bounded);
  add_group(*program, std::move(doorbell));
  add_program(program);
  return program.get();
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "no memory for a further program");
}

std::size_t Attachments::describe_programs(std::span<trace::ProgramEntry> to) const {
  const auto uses_more = [](const trace::ProgramEntry& a, const trace::ProgramEntry& b) {
    return a.memory_used > b.memory_used;
  };
  std::size_t count = 0;
  for (const auto& program : programs_) {
    if (program == nullptr || !program->owner) continue;
    const trace::ProgramEntry entry = entry_of(*program, endpoint_.memory_use(program->account));
    if (count < to.size()) {
      to[count++] = entry;
      if (count == to.size()) std::make_heap(to.begin(), to.end(), uses_more);
    } else if (uses_more(entry, to.front())) {  // the heap's front uses least
      std::pop_heap(to.begin(), to.end(), uses_more);
      to.back() = entry;
      std::push_heap(to.begin(), to.end(), uses_more);
    }
  }
  return count;
}

void Attachments::add_program(std::shared_ptr<Program> program) {
  const std::size_t at = raw(program->account);
  if (at >= programs_.size()) programs_.resize(at + 1);
  programs_[at] = std::move(program);
  ++programs_size_;
}

Result<Attachments::Apart, Error> Attachments::attach_apart(
    std::shared_ptr<channel::Region> region) try {
  const ProgramLimits limits{1, endpoint_.config().rpcs_max, {}};
  const auto account = endpoint_.open_account_without_memory();
  if (!account) return failure(ErrorCode::kNoMemory, "no memory for a further socket");
  auto program = std::make_shared<Program>(*account, ReceiveRegion(), limits);
  add_program(program);
  const auto index = add(*program, std::move(region), std::nullopt);
  if (!index) {
    remove_program(*program);
    return Unexpected(index.error());
  }
  const Place& place = places_[*index];
  return Apart{channel::Bell(state_, place.group->doorbell(), place.number, wake_fd_), program};
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "no memory for a further socket");
}

Result<void, Error> Attachments::give_memory(Time now, Program& program,
                                             std::span<std::byte> memory) try {
  if (programs_[raw(program.account)].get() != &program || program.leaving) {
    return failure(ErrorCode::kClosed, "the socket was closed");
  }
  auto receive = ReceiveRegion::over(memory);
  if (!receive) return Unexpected(receive.error());
  program.receive = std::move(receive).value();
  endpoint_.give_memory(now, program.account, memory.size());
  return {};
} catch (const std::bad_alloc&) {
  return failure(ErrorCode::kNoMemory, "no memory for the tables of a socket's receive memory");
}

void Attachments::remove_program(Program& program) {
  program.leaving = true;
  ++programs_leaving_;
  for (std::size_t i = 0; program.channels > 0 && i < places_.size(); ++i) {
    Attachment* const attachment = places_[i].attachment.get();
    if (attachment == nullptr || &attachment->program() != &program) continue;
    attachment->abandon();
    activate(static_cast<std::uint16_t>(i));
  }
}

// Those of which no channel is left.
std::size_t Attachments::close_left_programs(Time now) {
  std::size_t count = 0;
  for (auto& program : programs_) {
    if (!has_left(program.get())) continue;
    ++count;
    endpoint_.close_account(now, program->account);
    for (const auto& group : program->bells) {
      std::erase_if(groups_, [&](const Heard& heard) { return heard.group == group.get(); });
    }
    program.reset();
    --programs_size_;
    --programs_leaving_;
  }
  return count;
}

// Becoming active and being forgotten need no memory later.
void Attachments::reserve(std::size_t places) {
  if (places <= active_.capacity()) return;
  free_.reserve(2 * places);
  active_.reserve(2 * places);
}

void Attachments::activate(std::uint16_t index) {
  Place& place = places_[index];
  if (std::exchange(place.active, true)) return;
  place.quiet_steps = 0;
  active_.push_back(index);
}

// Some doorbells in each step, all by turns: a step costs the same however many programs there are.
// When a step has found nothing to do, the next one hears all, once: what follows on an answer is
// often another program's request.
void Attachments::hear() {
  const bool hears_all = steps_without_work_++ == 1;
  std::size_t left = hears_all ? groups_.size() : std::min(groups_.size(), kDoorbellsPerStep);
  while (left > 0) {
    if (next_group_ >= groups_.size()) next_group_ = 0;
    const std::size_t count = std::min(left, groups_.size() - next_group_);
    for (const Heard& heard : std::span<const Heard>(groups_).subspan(next_group_, count)) {
      if (heard.rung->load(std::memory_order_seq_cst) == 0) continue;
      heard.group->take(kBellsPerStep, [this](std::uint16_t index) { activate(index); });
    }
    next_group_ += count;
    left -= count;
  }
}

Attachments::Taken Attachments::take_submissions(Time now) {
  hear();
  Taken taken;
  if (programs_leaving_ > 0) taken.count += close_left_programs(now);
  const std::size_t channels = active_.size();
  if (channels == 0) return taken;
  budget_.begin(programs_size_ == 1, endpoint_.short_messages_waiting());
  const std::size_t first = turn_ < channels ? turn_ : 0;
  turn_ = first + 1;
  for (std::size_t i = 0; i < channels; ++i) {
    const std::size_t at = first + i < channels ? first + i : first + i - channels;
    Place& place = places_[active_[at]];
    Attachment& attachment = *place.attachment;
    StepShare& share = attachment.program().share;
    const std::size_t count =
        attachment.take_submissions(now, std::min(budget_.left(share), kSubmissionsPerStep));
    if (attachment.ending()) taken.ending = true;
    if (attachment.opening()) taken.opening = true;
    if (count == 0) continue;
    place.quiet_steps = 0;
    taken.count += count;
    budget_.take(share, count);
    if (budget_.used_up()) {
      turn_ = at + 1;
      break;
    }
  }
  if (taken.ending) ++taken.count;
  return taken;
}

void Attachments::end(Time now) {
  std::size_t left = kTakenBackInAll;
  for (const std::uint16_t index : active_) {
    if (left == 0) return;  // those that are still ending come in the next step
    if (places_[index].attachment->ending()) left -= places_[index].attachment->end(now, left);
  }
}

void Attachments::open() {
  for (const std::uint16_t index : active_) {
    if (places_[index].attachment->opening()) places_[index].attachment->open();
  }
}

void Attachments::publish() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::uint16_t index = active_[i];
    Place& place = places_[index];
    place.attachment->channel().publish();
    if (place.attachment->ended()) {
      forget(place, index);
    } else if (stays_active(place, index, kept)) {
      active_[kept++] = index;
    } else {
      place.active = false;
    }
  }
  if (kept != active_.size()) active_.resize(kept);
}

void Attachments::forget(Place& place, std::uint16_t index) {
  place.group->remove(place.number);
  Program& program = place.attachment->program();
  const bool alone = program.bells.empty();
  if (--program.channels == 0 && alone && !program.leaving) remove_program(program);
  place = Place{};
  free_.push_back(index);
  --size_;
}

bool Attachments::stays_active(Place& place, std::uint16_t index, std::size_t others) {
  if (others < kQuietChannelsMax && ++place.quiet_steps < kQuietStepsMax) return true;
  return place.attachment->has_work() || !rest(index);
}

// Watches the channel no more; false: there is something to do after all.
bool Attachments::rest(std::uint16_t index) {
  places_[index].group->stop(places_[index].number);
  return !places_[index].attachment->has_work();
}

Attachment* Attachments::of_port(Port port) {
  const auto index = port_owners_.owner(port);
  if (!index) return nullptr;
  activate(*index);
  return places_[*index].attachment.get();
}

std::span<const std::byte> Attachments::transmit(core::TransmitToken token, std::uint32_t offset,
                                                 std::uint32_t length) const {
  const Attachment* const attachment = places_[channel_of(token)].attachment.get();
  HOMA_CHECK(attachment != nullptr);
  return attachment->transmit(offset_of(token) + offset, length);
}

void Attachments::transmit_done(core::TransmitToken token) {
  Attachment* const attachment = places_[channel_of(token)].attachment.get();
  HOMA_CHECK(attachment != nullptr);
  activate(channel_of(token));
  attachment->on_transmit_done(offset_of(token));
}

bool Attachments::announce_sleep(bool release_wanted) {
  bool work = programs_leaving_ > 0 &&
              std::ranges::any_of(programs_, [](const auto& one) { return has_left(one.get()); });
  std::size_t kept = 0;
  for (const std::uint16_t index : active_) {
    if (rest(index)) {
      places_[index].active = false;
    } else {
      active_[kept++] = index;
      work = true;
    }
  }
  active_.resize(kept);
  state_->release_wanted.store(release_wanted ? 1 : 0, std::memory_order_relaxed);
  state_->sleep.fetch_add(1, std::memory_order_seq_cst);
  return !find_ringing() && !work;
}

void Attachments::announce_awake(bool rung) {
  state_->sleep.fetch_add(1, std::memory_order_relaxed);
  if (rung) find_ringing();
}

// Whether any doorbell rang. If so, the next step hears it first.
bool Attachments::find_ringing() {
  const auto ringing = std::find_if(groups_.begin(), groups_.end(), [](const Heard& heard) {
    return heard.rung->load(std::memory_order_seq_cst) != 0;
  });
  if (ringing == groups_.end()) return false;
  next_group_ = static_cast<std::size_t>(ringing - groups_.begin());
  return true;
}

void Attachments::wake() { channel::wake_engine(*state_, *own_doorbell_, wake_fd_); }

void Attachments::close_all(Time now) {
  for (Place& place : places_) {
    if (place.attachment) place.attachment->close(now);
  }
}

void Attachments::clear() {
  active_.clear();
  places_.clear();
  free_.clear();
  size_ = 0;
}

}  // namespace homa::engine
