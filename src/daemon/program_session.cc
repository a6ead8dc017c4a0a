#include "daemon/program_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/failure.h"
#include "base/types.h"

namespace homa::daemon {
namespace {

using channel::ControlHead;
using channel::ControlKind;
using channel::ControlMessage;

// What a channel has beside transmit memory: its header and rings, at most.
constexpr std::uint64_t kChannelOverheadMax = 1 << 20;
constexpr std::uint64_t kDoorbellBytesMax = 1 << 16;

constexpr Duration kReportInterval{1'000'000'000};

Unexpected<Error> invalid(std::string text) {
  return failure(ErrorCode::kInvalidArgument, std::move(text));
}

core::AccountLimits account_limits(const Limits& limits, std::uint64_t memory_max,
                                   bool waits_for_memory) {
  core::AccountLimits account;
  account.memory_guaranteed = limits.memory_guaranteed;
  account.memory_max = memory_max;
  account.rpcs_guaranteed = limits.rpcs_guaranteed;
  account.served_max = limits.requests;
  account.waits_for_memory = waits_for_memory;
  return account;
}

}  // namespace

ProgramSession::ProgramSession(const SessionContext& context, base::Descriptor socket,
                               Credentials who, const Limits& limits, base::Descriptor wake)
    : context_(context),
      socket_(std::move(socket)),
      wake_(std::move(wake)),
      who_(std::move(who)),
      limits_(limits) {}

ProgramSession::~ProgramSession() {
  if (program_ != nullptr) context_.engine.remove_program(*program_);
}

void ProgramSession::note_end(const char* how) {
  if (has_news()) log_news();
  context_.log.write(
      program_ != nullptr ? LogLevel::kInfo : LogLevel::kDebug, "left",
      {{"pid", std::to_string(who_.pid)}, {"user", std::to_string(who_.user)}, {"how", how}});
}

bool ProgramSession::report(Time now) {
  if (!has_news()) return true;
  if (now < next_report_) return false;
  next_report_ = now + kReportInterval;
  log_news();
  return true;
}

bool ProgramSession::has_news() const {
  return program_ != nullptr &&
         (program_->incidents != incidents_ ||
          context_.engine.endpoint().memory_use(program_->account).remedies != remedies_);
}

void ProgramSession::log_news() {
  if (program_->incidents != incidents_) log_incidents(program_->incidents);
  const core::MemoryUse use = context_.engine.endpoint().memory_use(program_->account);
  if (use.remedies != remedies_) log_remedies(use);
}

void ProgramSession::log_incidents(const engine::Incidents& incidents) {
  const auto write = [&](std::string_view event, std::uint64_t times) {
    if (times == 0) return;
    context_.log.write(LogLevel::kWarning, event,
                       {{"pid", std::to_string(who_.pid)},
                        {"user", std::to_string(who_.user)},
                        {"times", std::to_string(times)}});
  };
  write("broke a channel", incidents.channels_broken - incidents_.channels_broken);
  write("reached the limit \"rpcs\"", incidents.rpcs_refused - incidents_.rpcs_refused);
  write("submitted nonsense", incidents.submissions_refused - incidents_.submissions_refused);
  incidents_ = incidents;
}

void ProgramSession::log_remedies(const core::MemoryUse& use) {
  const core::Remedies& now = use.remedies;
  context_.log.write(
      LogLevel::kWarning, "gave way",
      {{"pid", std::to_string(who_.pid)},
       {"user", std::to_string(who_.user)},
       {"messages_held", std::to_string(now.messages_held - remedies_.messages_held)},
       {"incoming_dropped", std::to_string(now.incoming_dropped - remedies_.incoming_dropped)},
       {"outgoing_dropped", std::to_string(now.outgoing_dropped - remedies_.outgoing_dropped)},
       {"sends_refused", std::to_string(now.sends_refused - remedies_.sends_refused)},
       {"requests_refused", std::to_string(now.requests_refused - remedies_.requests_refused)},
       {"memory_used", std::to_string(use.share.used)},
       {"memory_guaranteed", std::to_string(use.share.guaranteed)}});
  remedies_ = now;
}

bool ProgramSession::on_readable(const Policy& policy) {
  auto received = channel::receive_control(socket_.get());
  if (!received) {
    if (received.error().code == ErrorCode::kClosed) {
      note_end("it closed its connection");
    } else {
      refuse(received.error());
    }
    return false;
  }
  return !*received || take(std::move(**received), policy);
}

bool ProgramSession::take(ControlMessage message, const Policy& policy) {
  switch (message.head.kind) {
    case ControlKind::kHello: return welcome(message.head);
    case ControlKind::kMemory: {
      const auto shared = share_memory(message);
      if (!shared) {
        refuse(shared.error());
        return false;
      }
      context_.log.write(LogLevel::kInfo, "attached",
                         {{"pid", std::to_string(who_.pid)},
                          {"user", std::to_string(who_.user)},
                          {"receive_bytes", std::to_string(receive_bytes_)},
                          {"memory_max", std::to_string(memory_max_)}});
      return done();
    }
    case ControlKind::kOpen:
    case ControlKind::kReopen: {
      const auto opened = open_channel(message, policy);
      return opened ? done({}, *opened) : refuse(opened.error());
    }
    case ControlKind::kPort: {
      const auto permitted = permit_port(message.head, policy);
      return permitted ? done() : refuse(permitted.error());
    }
    case ControlKind::kSignal: {
      const auto set = set_signal(message);
      return set ? done() : refuse(set.error());
    }
    case ControlKind::kReplace: {
      const auto begun = context_.replace(socket_.get(), who_);
      return begun || refuse(begun.error());
    }
    case ControlKind::kCounters: return done(context_.counters());
    default: break;
  }
  refuse(Error{ErrorCode::kInvalidArgument, "programs do not send this kind of message"});
  return false;
}

bool ProgramSession::welcome(const ControlHead& hello) {
  if (std::exchange(welcomed_, true)) {
    return refuse(Error{ErrorCode::kInvalidArgument, "said hello twice"});
  }
  const core::CoreConfig& core = context_.engine.endpoint().config();
  receive_bytes_ = std::min(hello.receive_bytes, limits_.receive_bytes);
  memory_max_ =
      limits_.memory_of(receive_bytes_ + std::min(hello.transmit_bytes, limits_.transmit_bytes));
  waits_for_memory_ = hello.wait_for_memory != 0;
  ControlHead head;
  head.kind = ControlKind::kWelcome;
  head.receive_bytes = receive_bytes_;
  head.transmit_bytes = limits_.transmit_bytes;
  head.rpcs_max = std::min(limits_.rpcs, core.rpcs_max);
  head.message_bytes_max = core.message_bytes_max;
  head.engine = channel::PeerRecord::of({context_.address, 0});
  const std::array<int, 2> descriptors{context_.engine_state, wake_.get()};
  return answer(head, context_.description, descriptors);
}

Result<void, Error> ProgramSession::share_memory(ControlMessage& message) {
  if (!welcomed_ || program_ != nullptr || message.descriptors.size() != 2) {
    return invalid("shared memory at the wrong time, or not two pieces of it");
  }
  auto bells = base::Mapping::open(message.descriptors[0].release(), kDoorbellBytesMax);
  if (!bells) return Unexpected(bells.error());
  auto receive = base::Mapping::open(message.descriptors[1].release(), receive_bytes_);
  if (!receive) return Unexpected(receive.error());
  if (bells->bytes().size() < sizeof(channel::Doorbell)) return invalid("no room for a doorbell");
  const std::uint32_t longest = context_.engine.endpoint().config().message_bytes_max;
  if (receive->bytes().size() < longest) {
    return invalid("receive memory of " + std::to_string(receive->bytes().size()) +
                   " bytes holds no message of message_bytes_max (" + std::to_string(longest) +
                   ")");
  }
  // Pages that are not there yet would be charged to us.
  if (!bells->populated() || !receive->populated()) {
    return invalid("shared memory has to be populated by the program");
  }
  bells->close_descriptor();
  receive->close_descriptor();
  auto region = engine::ReceiveRegion::over(std::move(receive).value());
  if (!region) return Unexpected(region.error());
  const auto owner = std::make_shared<base::Mapping>(std::move(bells).value());
  auto* const doorbell = reinterpret_cast<channel::Doorbell*>(owner->bytes().data());
  const auto added = context_.engine.add_program(
      std::move(region).value(), std::shared_ptr<channel::Doorbell>(owner, doorbell),
      {limits_.sockets, limits_.rpcs, account_limits(limits_, memory_max_, waits_for_memory_)});
  if (!added) return Unexpected(added.error());
  program_ = *added;
  program_->owner = engine::ProgramOwner{static_cast<std::uint32_t>(who_.pid), who_.user};
  return {};
}

Result<engine::Attachments::Opened, Error> ProgramSession::open_channel(ControlMessage& message,
                                                                        const Policy& policy) {
  if (program_ == nullptr || message.descriptors.size() != 1) {
    return invalid("a channel at the wrong time, or without its memory");
  }
  const std::uint16_t port = message.head.engine.port;
  if (port != 0) {
    if (auto may = may_serve(port, policy); !may) return Unexpected(may.error());
  }
  auto memory = base::Mapping::open(message.descriptors[0].release(),
                                    limits_.transmit_bytes + kChannelOverheadMax);
  if (!memory) return Unexpected(memory.error());
  auto region = channel::Region::open(std::move(memory).value());
  if (!region) return Unexpected(region.error());
  (*region)->close_descriptor();
  auto opened = attach(message.head.kind, *region, port);
  if (!opened) return Unexpected(opened.error());
  channels_[opened->number] = *region;
  if (port != 0) log_service(port);
  return opened;
}

Result<engine::Attachments::Opened, Error> ProgramSession::attach(
    ControlKind kind, const std::shared_ptr<channel::Region>& region, std::uint16_t port) {
  if (kind == ControlKind::kReopen) {
    return context_.engine.attach_and_open(*program_, region, port);
  }
  const auto number = context_.engine.attach(*program_, region, port);
  if (!number) return Unexpected(number.error());
  return engine::Attachments::Opened{*number, 0};
}

Result<void, Error> ProgramSession::may_serve(std::uint16_t port, const Policy& policy) {
  if (port == 0 || port >= kFirstClientPort) return invalid("servers have ports 1 to 32767");
  if (auto why = policy.refuses(who_, port)) {
    return failure(ErrorCode::kNotPermitted, *std::move(why));
  }
  return {};
}

Result<void, Error> ProgramSession::permit_port(const ControlHead& request, const Policy& policy) {
  const std::uint16_t port = request.engine.port;
  if (auto may = may_serve(port, policy); !may) return may;
  if (program_ == nullptr || !context_.engine.permit_port(*program_, request.channel, port)) {
    return invalid("a port for no channel");
  }
  log_service(port);
  return {};
}

void ProgramSession::log_service(std::uint16_t port) {
  context_.log.write(LogLevel::kInfo, "serves",
                     {{"pid", std::to_string(who_.pid)},
                      {"user", std::to_string(who_.user)},
                      {"port", std::to_string(port)}});
}

Result<void, Error> ProgramSession::set_signal(ControlMessage& message) {
  const auto found = channels_.find(message.head.channel);
  const auto region = found != channels_.end() ? found->second.lock() : nullptr;
  if (!region || message.descriptors.size() != 1) return invalid("a signal for no channel");
  auto signal = channel::Signal::of_writer(std::move(message.descriptors[0]));
  if (!signal) return Unexpected(signal.error());
  region->set_signal(std::move(signal).value());
  return {};
}

// Who does not read what it asked for is gone for us.
bool ProgramSession::answer(const ControlHead& head, std::string_view text,
                            std::span<const int> descriptors) {
  if (channel::send_control(socket_.get(), head, text, descriptors)) return true;
  note_end("it does not read answers");
  return false;
}

bool ProgramSession::done(std::string_view text, engine::Attachments::Opened opened) {
  ControlHead head;
  head.kind = ControlKind::kDone;
  head.channel = opened.number;
  head.engine.port = opened.port;
  return answer(head, text);
}

bool ProgramSession::refuse(const Error& error) {
  context_.log.write(LogLevel::kWarning, "refused",
                     {{"pid", std::to_string(who_.pid)},
                      {"user", std::to_string(who_.user)},
                      {"why", error.text}});
  ControlHead head;
  head.kind = ControlKind::kRefused;
  head.code = static_cast<std::uint32_t>(error.code);
  return answer(head, error.text);
}

}  // namespace homa::daemon
