#include "async/socket_core.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/failure.h"

namespace homa::async {
namespace {

// Messages that are taken before the executor has its turn.
constexpr int kMessagesAtOnce = 256;
constexpr std::chrono::milliseconds kTimerStep{1};

// Our cookies are operations, which are linked as long as their RPCs are in progress.
std::uint64_t cookie_of(Operation& operation) {
  return reinterpret_cast<std::uintptr_t>(&operation);
}

SocketCore::Clock::time_point deadline_of(Timeout timeout) {
  const auto now = SocketCore::Clock::now();
  if (!timeout || *timeout > SocketCore::Clock::time_point::max() - now) {
    return SocketCore::Clock::time_point::max();
  }
  return now + std::max(*timeout, std::chrono::nanoseconds::zero());
}

}  // namespace

Operation* OperationList::next(const Operation& operation) { return operation.next_; }

void OperationList::add(Operation& operation) {
  operation.previous_ = last_;
  operation.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &operation;
  last_ = &operation;
}

void OperationList::remove(Operation& operation) {
  (operation.previous_ == nullptr ? first_ : operation.previous_->next_) = operation.next_;
  (operation.next_ == nullptr ? last_ : operation.next_->previous_) = operation.previous_;
}

void StopOperation::operator()() const { core->request_stop(id, rpc); }

void Operation::forget() { core_->forget(*this); }

SocketCore::SocketCore(Socket socket, Executor& executor, base::Descriptor timer)
    : socket_(std::move(socket)), executor_(executor), timer_(std::move(timer)) {}

SocketCore::~SocketCore() = default;

Result<void, Error> SocketCore::watch() {
  if (!socket_.is_open()) return failure(ErrorCode::kClosed, "the socket is not open");
  const int descriptor = socket_.descriptor();
  if (descriptor < 0) return Unexpected(socket_.status()->last_error);
  const auto weak = weak_from_this();
  auto socket_watch = executor_.watch(descriptor, [weak] {
    if (const auto self = weak.lock()) self->ready();
  });
  if (!socket_watch) return Unexpected(socket_watch.error());
  auto timer_watch = executor_.watch(timer_.get(), [weak] {
    if (const auto self = weak.lock()) self->expired();
  });
  if (!timer_watch) return Unexpected(timer_watch.error());
  socket_watch_ = std::move(socket_watch).value();
  timer_watch_ = std::move(timer_watch).value();
  return {};
}

// Links an operation. Under the lock, so that it cannot complete before all is in place.
void SocketCore::begin(Operation& operation, const std::stop_token& stop) {
  operation.core_ = shared_from_this();
  (operation.rpc_ == 0 ? receives_ : calls_).add(operation);
  if (stop.stop_possible()) {
    operation.stop_.emplace(stop, StopOperation{this, operation.id_, operation.rpc_});
  }
}

Result<void, Error> SocketCore::start_call(Operation& operation, const SocketAddress& server,
                                           const Request& request, const CallOptions& options) {
  const Lock lock(mutex_);
  if (ended_) return failure(ErrorCode::kClosed, "the socket was closed");
  SendOptions send_options;
  send_options.cookie = cookie_of(operation);
  auto rpc =
      std::holds_alternative<PreparedMessage*>(request)
          ? socket_.send(server, std::move(*std::get<PreparedMessage*>(request)), send_options)
          : socket_.send(server, std::get<std::span<const std::byte>>(request), send_options);
  if (!rpc) return Unexpected(rpc.error());
  operation.id_ = next_id_++;
  operation.rpc_ = *rpc;
  operation.deadline_ = deadline_of(options.timeout);
  arm_timer(operation.deadline_);
  begin(operation, options.stop);
  return {};
}

Result<void, Error> SocketCore::start_receive(Operation& operation, const std::stop_token& stop) {
  const Lock lock(mutex_);
  if (ended_) return failure(ErrorCode::kClosed, "the socket was closed");
  operation.id_ = next_id_++;
  operation.rpc_ = 0;
  begin(operation, stop);
  if (!requests_.empty()) {
    executor_.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->hand_out_requests();
    });
  }
  return {};
}

void SocketCore::request_stop(std::uint64_t id, RpcHandle rpc) {
  if (rpc != 0) {
    static_cast<void>(socket_.abort(rpc, ErrorCode::kCancelled).has_value());
    return;
  }
  executor_.post([weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->cancel_receive(id);
  });
}

void SocketCore::cancel_receive(std::uint64_t id) {
  Lock lock(mutex_);
  Operation* found = receives_.first();
  while (found != nullptr && found->id_ != id) found = OperationList::next(*found);
  if (found == nullptr) return;
  receives_.remove(*found);
  lock.unlock();
  complete(*found, failure(ErrorCode::kCancelled, "a stop was requested"));
}

void SocketCore::forget(Operation& operation) {
  {
    const Lock lock(mutex_);
    (operation.rpc_ == 0 ? receives_ : calls_).remove(operation);
  }
  operation.stop_.reset();
  if (operation.rpc_ != 0) static_cast<void>(socket_.abort(operation.rpc_).has_value());
}

void SocketCore::complete(Operation& operation, Result<Message, Error> result) {
  operation.stop_.reset();
  operation.core_.reset();
  operation.complete(std::move(result));
}

void SocketCore::ready() {
  for (int i = 0; i < kMessagesAtOnce; ++i) {
    auto message = socket_.receive(std::chrono::nanoseconds::zero());
    if (!message) {
      if (message.error().code == ErrorCode::kClosed) end(message.error());
      return;
    }
    if (message->is_request()) {
      {
        const Lock lock(mutex_);
        requests_.push_back(std::move(message).value());
      }
      hand_out_requests();
      continue;
    }
    if (message->cookie() == 0) continue;  // of an RPC that was started past the AsyncSocket
    auto& operation = *reinterpret_cast<Operation*>(static_cast<std::uintptr_t>(message->cookie()));
    {
      const Lock lock(mutex_);  // whoever starts it has done so
      calls_.remove(operation);
    }
    if (message->kind() == Message::Kind::kFailure) {
      complete(operation, Unexpected(message->failure()));
    } else {
      complete(operation, std::move(message));
    }
  }
}

void SocketCore::hand_out_requests() {
  for (;;) {
    Lock lock(mutex_);
    while (!requests_.empty() && !socket_.client_waits(requests_.front().rpc())) {
      requests_.pop_front();
    }
    if (receives_.empty() || requests_.empty()) return;
    Operation& operation = *receives_.first();
    receives_.remove(operation);
    Message request = std::move(requests_.front());
    requests_.pop_front();
    lock.unlock();
    complete(operation, std::move(request));
  }
}

void SocketCore::arm_timer(Clock::time_point time) {
  if (time >= timer_time_) return;
  timer_time_ = time;
  const auto since =
      std::max<Clock::duration>(time.time_since_epoch(), std::chrono::nanoseconds(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
  // Of a timer that is open, with a valid time, the kernel refuses nothing.
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

// Looks at all calls, at most once in a millisecond.
void SocketCore::expired() {
  std::uint64_t times = 0;
  static_cast<void>(::read(timer_.get(), &times, sizeof(times)) > 0);
  const Lock lock(mutex_);
  timer_time_ = Clock::time_point::max();
  const auto now = Clock::now();
  auto next = Clock::time_point::max();
  for (Operation* call = calls_.first(); call != nullptr; call = OperationList::next(*call)) {
    if (call->deadline_ <= now) {
      call->deadline_ = Clock::time_point::max();
      static_cast<void>(socket_.abort(call->rpc_, ErrorCode::kTimeout).has_value());
    }
    next = std::min(next, call->deadline_);
  }
  if (next != Clock::time_point::max()) arm_timer(std::max(next, now + kTimerStep));
}

void SocketCore::close() { end({ErrorCode::kClosed, "the socket was closed"}); }

void SocketCore::end(const Error& error) {
  const auto self = shared_from_this();
  socket_watch_.reset();
  timer_watch_.reset();
  socket_.shutdown();
  Lock lock(mutex_);
  ended_ = true;
  requests_.clear();
  for (OperationList* list : {&calls_, &receives_}) {
    while (Operation* operation = list->first()) {
      list->remove(*operation);
      Error its_error = error;
      if (list == &calls_) its_error.executed = Executed::kPerhaps;
      lock.unlock();
      complete(*operation, Unexpected(std::move(its_error)));
      lock.lock();
    }
  }
}

}  // namespace homa::async
