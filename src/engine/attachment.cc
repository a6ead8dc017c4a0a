#include "engine/attachment.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"

namespace homa::engine {

using channel::Completion;
using channel::CompletionKind;
using channel::PeerRecord;
using channel::Submission;
using channel::SubmissionKind;

namespace {

// Submissions and buffers of an application that is gone.
constexpr std::size_t kTakenBackPerStep = 256;
constexpr std::size_t kCloseCost = 64;        // of kTakenBackPerStep: its RPCs are looked through
constexpr std::uint32_t kStatusAtOnce = 512;  // places in the endpoint's table
constexpr std::size_t kStatusCost = 256;      // nothing else in this step

}  // namespace

Attachment::Attachment(const AttachmentContext& context, std::shared_ptr<channel::Region> region,
                       std::uint16_t index)
    : context_(context),
      channel_(std::move(region), &context.program.completions_held),
      index_(index) {}

std::size_t Attachment::take_submissions(Time now, std::size_t at_most) {
  return state_ < State::kLeaving ? take_some(now, at_most) : 0;
}

std::size_t Attachment::take_some(Time now, std::size_t at_most) {
  Submission submission;
  std::size_t count = 0;
  while (count < at_most) {
    if (status_) {
      continue_status();
      count += kStatusCost;
    } else if (channel_.next(&submission)) {
      take(now, submission);
      ++count;
    } else {
      break;
    }
  }
  return std::min(count, at_most);
}

bool Attachment::has_work() {
  if (opening() || ending() || status_) return true;
  return state_ < State::kLeaving && channel_.has_submissions();
}

void Attachment::take(Time now, const Submission& submission) {
  switch (submission.kind) {
    case SubmissionKind::kSend: return send(now, submission);
    case SubmissionKind::kReply: return reply(now, submission);
    case SubmissionKind::kAbort: return abort(now, submission);
    case SubmissionKind::kRelease: return release(now, submission);
    case SubmissionKind::kOpen: return ask_for_port(submission);
    case SubmissionKind::kClose: return ask_for_close();
    case SubmissionKind::kStatus: return begin_status(submission);
    case SubmissionKind::kSupply: return supply(now, submission);
    case SubmissionKind::kAnnounce: return announce(submission);
    case SubmissionKind::kDecide: return decide(now, submission);
    case SubmissionKind::kDrain:
      if (!port_) return answer_open(submission.tag, Unexpected(ErrorCode::kClosed));
      context_.endpoint.stop_accepting(*port_);
      return answer_open(submission.tag, *port_);
  }
  refuse();
}

void Attachment::note(std::uint64_t Incidents::*incident) {
  ++(context_.program.incidents.*incident);
  if (context_.incidents != nullptr) ++*context_.incidents;
}

void Attachment::refuse() {
  trace::add(context_.published.counters().submissions_refused);
  note(&Incidents::submissions_refused);
}

void Attachment::fail(const Submission& submission, ErrorCode code) {
  Completion completion;
  completion.kind = CompletionKind::kFailure;
  completion.code = static_cast<std::uint8_t>(code);
  completion.handle = submission.handle;
  completion.peer = submission.peer;
  channel_.complete(completion, true);
}

void Attachment::forget(Started& started) {
  started_.remove(started);
  --context_.program.rpcs;
}

// Requests leave from a client's port: the channel's own, or one that is opened beside a server's.
std::optional<Port> Attachment::source_port() {
  if (!port_) return std::nullopt;
  if (is_client_port(*port_)) return port_;
  if (!client_port_) {
    if (const auto opened = open_port(Port{0})) client_port_ = *opened;
  }
  return client_port_;
}

void Attachment::send(Time now, const Submission& submission) {
  const std::uint32_t slot = channel::slot_of(submission.handle);
  if (submission.handle == 0 || channel::is_request_handle(submission.handle) ||
      slot >= context_.endpoint.config().rpcs_max || started_.in_use(slot) ||
      !channel_.transmit(submission.memory, submission.length)) {
    return refuse();
  }
  const auto refused = [&](ErrorCode code) {
    fail(submission, code);
    ++transmits_;
    on_transmit_done(submission.memory);
  };
  if (context_.program.rpcs >= context_.program.limits.rpcs_max) {
    note(&Incidents::rpcs_refused);
    return refused(ErrorCode::kNoMemory);
  }
  if (!started_.reserve(slot)) return refused(ErrorCode::kNoMemory);
  const auto port = source_port();
  if (!port) return refused(port_ ? ErrorCode::kNoMemory : ErrorCode::kClosed);
  SocketAddress server = submission.peer.address();
  if (server.host.is_link_local() && server.host.scope == 0) server.host.scope = context_.scope;
  const auto rpc = context_.endpoint.start(
      now, core::Request{server.host, Port{server.port}, *port, submission.length,
                         make_token(index_, submission.memory), core::Cookie{submission.handle},
                         submission.pending});
  if (!rpc) return refused(rpc.error());
  ++transmits_;
  Measured& measured = context_.published.measured();
  started_.add({submission.handle, *rpc, measured.clock(), submission.length});
  measured.sent(submission.length);
  ++context_.program.rpcs;
}

// Whether `rpc` (any number) is a request to this channel's port.
bool Attachment::serves(RpcId rpc) const {
  if (!is_served(rpc) || !port_) return false;
  const auto info = context_.endpoint.rpc(rpc);
  return info && info->local_port == *port_;
}

void Attachment::reply(Time now, const Submission& submission) {
  const RpcId rpc{submission.handle};
  if (!channel_.transmit(submission.memory, submission.length)) return refuse();
  ++transmits_;
  // The request may have ended just now: then there is nobody to tell.
  if (!serves(rpc) ||
      !context_.endpoint.reply(now, rpc, submission.length, make_token(index_, submission.memory),
                               submission.pending)) {
    return on_transmit_done(submission.memory);
  }
  context_.published.measured().sent(submission.length);
}

void Attachment::supply(Time now, const Submission& submission) {
  RpcId rpc{submission.handle};
  if (channel::is_request_handle(submission.handle)) {
    if (!serves(rpc)) return;
  } else {
    const Started* const found = started_.find(submission.handle);
    if (found == nullptr) return;  // it ended meanwhile
    rpc = found->rpc;
  }
  if (!context_.endpoint.supply(now, rpc, submission.length)) refuse();
}

void Attachment::abort(Time now, const Submission& submission) {
  const auto code = static_cast<ErrorCode>(submission.code);
  const bool report = submission.report != 0;
  if (channel::is_request_handle(submission.handle)) {
    if (end_head(now, submission.handle, code)) return;
    const RpcId rpc{submission.handle};
    if (!serves(rpc)) return;
    // kNoSuchRpc: it ended by itself, and its end is on its way to the application.
    static_cast<void>(context_.endpoint.abort(now, rpc, code, false).has_value());
    return;
  }
  Started* const found = started_.find(submission.handle);
  if (found == nullptr) return;  // its response or failure is on its way
  const RpcId rpc = found->rpc;
  if (!report) forget(*found);
  static_cast<void>(context_.endpoint.abort(now, rpc, code, report).has_value());
}

void Attachment::release(Time now, const Submission& submission) {
  const auto length = context_.program.receive.take(submission.memory, index_, buffers_);
  if (!length) return refuse();
  context_.endpoint.release(now, context_.program.account, core::BufferOffset{submission.memory},
                            *length);
}

void Attachment::announce(const Submission& submission) {
  if (!port_) return answer_open(submission.tag, Unexpected(ErrorCode::kClosed));
  context_.endpoint.announce_above(*port_, submission.length);
  answer_open(submission.tag, *port_);
}

bool Attachment::on_head(const core::Event& event) try {
  heads_.emplace(raw(event.rpc), ReceiveRegion::Buffer{raw(event.buffer), event.length});
  Completion& completion = channel_.place(true);
  completion = Completion{};
  completion.kind = CompletionKind::kHead;
  completion.handle = raw(event.rpc);
  completion.memory = raw(event.buffer);
  completion.length = event.length;
  completion.tag = event.received;
  completion.peer = PeerRecord::of({event.peer, raw(event.peer_port)});
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void Attachment::decide(Time now, const Submission& submission) {
  if (!end_head(now, submission.handle, static_cast<ErrorCode>(submission.code))) refuse();
}

bool Attachment::end_head(Time now, std::uint64_t handle, ErrorCode refusal) {
  const auto found = heads_.find(handle);
  if (found == heads_.end()) return false;
  const ReceiveRegion::Buffer buffer = found->second;
  heads_.erase(found);
  if (!context_.endpoint.decide(now, RpcId{handle}, refusal)) {
    context_.endpoint.release(now, context_.program.account, core::BufferOffset{buffer.offset},
                              buffer.length);
  }
  return true;
}

Result<Port, ErrorCode> Attachment::open_port(Port port) {
  const auto opened = context_.endpoint.open_port(port, context_.program.account);
  if (opened) context_.ports.set(*opened, index_);
  return opened;
}

void Attachment::answer_open(std::uint64_t tag, Result<Port, ErrorCode> opened) {
  Completion completion;
  completion.kind = CompletionKind::kOpened;
  completion.tag = tag;
  if (opened) {
    completion.port = raw(*opened);
  } else {
    completion.code = static_cast<std::uint8_t>(opened.error());
  }
  channel_.complete(completion, true);
}

// The first port, or a server's beside the client's that was opened first.
void Attachment::ask_for_port(const Submission& submission) {
  const bool is_first = state_ == State::kUnbound;
  const bool is_bind = state_ == State::kOpen && is_client_port(*port_) && submission.port != 0;
  if (!(is_first || is_bind) || submission.port >= kFirstClientPort) {
    return answer_open(submission.tag, Unexpected(ErrorCode::kInvalidArgument));
  }
  if (context_.port && *context_.port != submission.port) {
    return answer_open(submission.tag, Unexpected(ErrorCode::kNotPermitted));
  }
  state_ = State::kOpening;
  port_asked_ = submission.port;
  open_tag_ = submission.tag;
}

Result<Port, ErrorCode> Attachment::open_at_once() {
  const auto opened = open_port(Port{context_.port.value_or(0)});
  if (!opened) return opened;
  state_ = State::kOpen;
  port_ = *opened;
  return opened;
}

void Attachment::open() {
  const auto opened = open_port(Port{port_asked_});
  if (opened) {
    if (port_) client_port_ = port_;
    port_ = *opened;
  }
  state_ = port_ ? State::kOpen : State::kUnbound;
  answer_open(open_tag_, opened);
}

void Attachment::ask_for_close() {
  if (opening()) answer_open(open_tag_, Unexpected(ErrorCode::kClosed));
  if (state_ < State::kClosing) state_ = State::kClosing;
}

channel::StatusRecord Attachment::record_of(const core::RpcInfo& info) {
  channel::StatusRecord record;
  if (is_served(info.id)) {
    record.handle = raw(info.id);
  } else if (const Started* own = started_.find(raw(info.cookie)); own && own->rpc == info.id) {
    record.handle = own->handle;
  }
  record.wire_id = raw(info.wire_id);
  record.peer = PeerRecord::of({info.peer, raw(info.peer_port)});
  record.state = static_cast<std::uint32_t>(info.state);
  record.send_length = info.send_length;
  record.sent = info.sent;
  record.send_granted = info.send_granted;
  record.receive_length = info.receive_length;
  record.received = info.received;
  record.receive_granted = info.receive_granted;
  record.gaps = info.gaps;
  record.silent_ticks = info.silent_ticks;
  return record;
}

// For tools: as many RPCs as fit into the memory that the application gave. It may take several
// steps, and later submissions wait for its end.
void Attachment::begin_status(const Submission& submission) {
  if (!channel_.transmit(submission.memory, submission.length)) return refuse();
  status_ = Status{submission, 0, 0};
}

void Attachment::continue_status() {
  constexpr std::size_t kRecord = sizeof(channel::StatusRecord);
  const std::span<std::byte> memory =
      *channel_.transmit(status_->request.memory, status_->request.length);
  Completion completion;
  std::vector<core::RpcInfo> infos;
  try {
    status_->next = context_.endpoint.rpcs(status_->next, kStatusAtOnce, infos);
  } catch (const std::bad_alloc&) {
    infos.clear();
    status_->next = 0;
    completion.code = static_cast<std::uint8_t>(ErrorCode::kNoMemory);
  }
  for (const core::RpcInfo& info : infos) {
    if (info.local_port != port_ && info.local_port != client_port_) continue;
    if (memory.size() - status_->bytes < kRecord) {
      status_->next = 0;
      break;
    }
    const channel::StatusRecord record = record_of(info);
    std::memcpy(memory.data() + status_->bytes, &record, kRecord);
    status_->bytes += kRecord;
  }
  if (status_->next != 0) return;
  completion.kind = CompletionKind::kStatus;
  completion.tag = status_->request.tag;
  completion.length = static_cast<std::uint32_t>(status_->bytes);
  channel_.complete(completion, true);
  status_.reset();
}

void Attachment::deliver(CompletionKind kind, std::uint64_t handle, const core::Event& event) {
  context_.published.measured().received(event.length);
  context_.program.receive.give({raw(event.buffer), event.length}, index_, buffers_);
  Completion& completion = channel_.place(true);
  completion = Completion{};
  completion.kind = kind;
  completion.handle = handle;
  completion.memory = raw(event.buffer);
  completion.length = event.length;
  completion.peer = PeerRecord::of({event.peer, raw(event.peer_port)});
}

void Attachment::on_request(const core::Event& event) {
  deliver(CompletionKind::kRequest, raw(event.rpc), event);
}

void Attachment::on_response(const core::Event& event) {
  if (Started* found = started_.find(raw(event.cookie))) {
    context_.published.measured().completed(found->began, std::max(found->length, event.length));
    forget(*found);
  }
  deliver(CompletionKind::kResponse, raw(event.cookie), event);
}

void Attachment::on_failed(const core::Event& event) {
  Completion completion;
  completion.code = static_cast<std::uint8_t>(event.error);
  completion.executed = static_cast<std::uint8_t>(event.executed);
  completion.peer = PeerRecord::of({event.peer, raw(event.peer_port)});
  if (is_served(event.rpc)) {
    completion.kind = CompletionKind::kServedEnded;
    completion.handle = raw(event.rpc);
    return channel_.complete(completion, false);
  }
  if (Started* found = started_.find(raw(event.cookie))) forget(*found);
  completion.kind = CompletionKind::kFailure;
  completion.handle = raw(event.cookie);
  channel_.complete(completion, true);
}

void Attachment::on_transmit_done(std::uint64_t offset) {
  HOMA_CHECK(transmits_ > 0);
  --transmits_;
  if (state_ >= State::kLeaving) return;
  channel_.give_back(offset);
}

void Attachment::close(Time now) {
  if (state_ < State::kClosed) state_ = State::kClosed;
  for (std::optional<Port>* port : {&port_, &client_port_}) {
    if (!*port) continue;
    context_.endpoint.close_port(now, **port);
    context_.ports.clear(**port);
    port->reset();
  }
  context_.program.rpcs -= started_.clear();
}

std::size_t Attachment::end(Time now, std::size_t at_most) {
  if (left()) {
    if (channel_.broken()) note(&Incidents::channels_broken);
    state_ = State::kLeaving;
    last_submissions_ = channel_.submission_entries();
  }
  if (state_ == State::kLeaving) return leave(now, std::min(at_most, kTakenBackPerStep));
  close(now);
  return std::min(at_most, kCloseCost);
}

// What the application submitted last is done, and sent, before its RPCs end.
std::size_t Attachment::leave(Time now, std::size_t at_most) {
  const std::size_t taken = take_some(now, std::min(last_submissions_, at_most));
  last_submissions_ -= taken;
  if (taken > 0) return taken;
  for (std::size_t i = 0; !heads_.empty(); ++i) {
    if (i == at_most) return at_most;
    end_head(now, heads_.begin()->first, ErrorCode::kCancelled);
  }
  close(now);
  for (std::size_t i = 0; i < at_most; ++i) {
    const auto buffer = context_.program.receive.take_any(index_, buffers_);
    if (!buffer) {
      state_ = State::kLeft;
      return std::min(at_most, i + kCloseCost);
    }
    context_.endpoint.release(now, context_.program.account, core::BufferOffset{buffer->offset},
                              buffer->length);
  }
  return at_most;
}

std::span<const std::byte> Attachment::transmit(std::uint64_t offset, std::uint32_t length) const {
  const auto bytes = channel_.transmit(offset, length);
  HOMA_CHECK(bytes.has_value());  // checked when it was submitted
  return *bytes;
}

}  // namespace homa::engine
