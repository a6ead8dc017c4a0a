#include "preload/kernel_socket.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "preload/socket_addresses.h"

namespace homa::preload {
namespace {

constexpr std::uint64_t kSystemPage = 4096;
// As the module wants it, for one processor. Offsets of bpages have 32 bits.
constexpr std::uint64_t kMemoryLeast = HOMA_BPAGE_SIZE + 2 * HOMA_MAX_MESSAGE_LENGTH;
constexpr std::uint64_t kMemoryMost = std::uint64_t{1} << 32;

constexpr std::chrono::milliseconds kPortFreeAfter{500}, kPortLook{2};

// Copies a structure that the program points to.
template <typename T>
Result<T, Failure> read_from(const void* from, const char* what) {
  if (from == nullptr) return refuse(EFAULT, std::string("no address of ") + what);
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

}  // namespace

Result<std::shared_ptr<KernelSocket>, Failure> KernelSocket::open(std::shared_ptr<Engine> engine,
                                                                  int family) {
  auto client = engine->client();
  if (!client) return Unexpected(client.error());
  return std::make_shared<KernelSocket>(std::move(engine), std::move(client).value(), family);
}

KernelSocket::KernelSocket(std::shared_ptr<Engine> engine, Engine::Client client, int family)
    : engine_(std::move(engine)),
      socket_(std::move(client.socket)),
      places_messages_(client.places_messages),
      family_(family) {}

KernelSocket::KernelSocket(const SocketNote& note)
    : places_messages_(false),
      family_(note.family),
      before_(note),
      nonblocking_(note.nonblocking),
      inherited_(true),
      takes_requests_(note.takes_requests) {}

KernelSocket::~KernelSocket() = default;

SocketNote KernelSocket::note() const {
  const std::uint16_t port = before_ ? before_->port : socket_.port();
  return {family_, port < HOMA_MIN_DEFAULT_PORT ? port : std::uint16_t{0}, nonblocking(),
          takes_requests_.load(std::memory_order_relaxed)};
}

// Once: somebody else may have it for long.
bool KernelSocket::waits_for_port() {
  const Lock lock(mutex_);
  return before_ && !not_succeeded_;
}

void KernelSocket::note_no_successor(const Failure& why) {
  const Lock lock(mutex_);
  not_succeeded_ = why;
}

void KernelSocket::keep_note() const {
  if (!inherited()) write_note(descriptor(), note());
}

Unexpected<Failure> KernelSocket::refuse_child() {
  const Lock lock(mutex_);
  if (not_succeeded_) return Unexpected(*not_succeeded_);
  return refuse(ESHUTDOWN,
                "the socket belongs to the process that opened it, of which this one is a fork");
}

Result<std::shared_ptr<KernelSocket>, Failure> KernelSocket::succeed(
    std::shared_ptr<Engine> engine) {
  auto made = open(std::move(engine), family_);
  if (made) {
    if (auto taken = (*made)->take_over(*this); !taken) made = Unexpected(taken.error());
  }
  const Lock lock(mutex_);
  not_succeeded_ = made ? std::nullopt : std::optional(made.error());
  return made;
}

// The bpages that the program has stay its own.
Result<void, Failure> KernelSocket::take_over(KernelSocket& before) {
  const SocketNote note = before.note();
  if (note.port != 0) {
    auto served = serve(note.port);
    // homad learns only now that the program before has gone.
    for (auto left = kPortFreeAfter; before.waits_for_port() && !served && left.count() > 0;
         left -= kPortLook) {
      std::this_thread::sleep_for(kPortLook);
      served = serve(note.port);
    }
    if (!served) return served;
  }
  nonblocking_ = note.nonblocking;
  takes_requests_ = note.takes_requests;
  keep_note();
  memory_begin_ = before.memory_begin_.load();
  memory_end_ = before.memory_end_.load();
  const Lock lock(before.mutex_);
  memory_ = std::move(before.memory_);
  return {};
}

void KernelSocket::remember(const std::string& error) {
  if (error.empty() || inherited()) return;
  const Lock lock(mutex_);
  last_error_ = error;
}

void KernelSocket::expect_poll() {
  if (inherited() || polled_.exchange(true, std::memory_order_relaxed)) return;
  static_cast<void>(socket_.descriptor());
}

void KernelSocket::drop_descriptor() {
  if (descriptors_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !inherited()) {
    socket_.shutdown();
  }
}

KernelSocket::Done KernelSocket::bind(const sockaddr* name, socklen_t length) {
  if (inherited()) return refuse_child();
  const auto address = read_address(name, length, family_, engine_->peer_udp_port());
  if (!address) return Unexpected(address.error());
  if (address->port >= HOMA_MIN_DEFAULT_PORT) {
    return refuse(EINVAL, "servers have ports below 0x8000; those above are clients'");
  }
  if (!socket_.is_open()) return refuse(ESHUTDOWN, "the socket was shut down");
  if (address->port == 0) return 0;
  if (auto served = serve(address->port); !served) return Unexpected(served.error());
  takes_requests_.store(true, std::memory_order_relaxed);
  keep_note();
  return 0;
}

Result<void, Failure> KernelSocket::serve(std::uint16_t port) {
  if (const char* why = engine_->cannot_serve()) return refuse(EADDRINUSE, why);
  if (auto bound = socket_.bind(port); !bound) return refuse(bound.error());
  return {};
}

// Sends have a destination of their own all the same.
KernelSocket::Done KernelSocket::connect(const sockaddr* name, socklen_t length) {
  if (inherited()) return refuse_child();
  const bool undoes =
      name != nullptr && length >= sizeof(name->sa_family) && name->sa_family == AF_UNSPEC;
  if (undoes) return 0;
  const auto address = read_address(name, length, family_, engine_->peer_udp_port());
  if (!address) return Unexpected(address.error());
  return 0;
}

KernelSocket::Done KernelSocket::name(sockaddr* name, socklen_t* length) {
  if (name == nullptr || length == nullptr) return refuse(EFAULT, "no address for the name");
  SocketAddress own;
  if (family_ == AF_INET) own.host = Address::v4(0, 0, 0, 0);
  own.port = before_ ? before_->port : socket_.port();
  write_address(own, family_, name, length);
  return 0;
}

KernelSocket::Done KernelSocket::set_option(int option, const void* value, socklen_t length) {
  if (inherited()) return refuse_child();
  if (option == SO_HOMA_RCVBUF) return set_memory(value, length);
  if (option == SO_HOMA_SERVER) return set_server(value, length);
  return refuse(ENOPROTOOPT, "Homa has no such socket option");
}

KernelSocket::Done KernelSocket::set_memory(const void* value, socklen_t length) {
  if (length != sizeof(homa_rcvbuf_args)) {
    return refuse(EINVAL, "SO_HOMA_RCVBUF takes a homa_rcvbuf_args");
  }
  const auto args = read_from<homa_rcvbuf_args>(value, "homa_rcvbuf_args");
  if (!args) return Unexpected(args.error());
  if (args->start % kSystemPage != 0) return refuse(EINVAL, "receive memory begins at a page");
  if (args->length < kMemoryLeast || args->length > kMemoryMost) {
    return refuse(EINVAL, "receive memory has 2065536 bytes to 4 GiB");
  }
  // Writes as the first message would, but fails where that would end the program.
  if (::getrandom(reinterpret_cast<void*>(args->start), 1, GRND_NONBLOCK) < 0 && errno == EFAULT) {
    return refuse(EFAULT, "the receive memory cannot be written to");
  }
  return use_memory({args->start, args->length / HOMA_BPAGE_SIZE * HOMA_BPAGE_SIZE});
}

KernelSocket::Done KernelSocket::use_memory(const homa_rcvbuf_args& args) {
  const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(args.start), args.length);
  const Lock one_at_a_time(memory_mutex_);
  if (memory_begin_ != 0) return refuse(EINVAL, "the socket has receive memory already");
  std::unique_ptr<ReceiveMemory> memory;
  if (places_messages_) {
    auto made = PlacedMemory::create(bytes);
    if (!made) return Unexpected(made.error());
    memory = std::move(made).value();
    if (auto given = socket_.give_memory(bytes); !given) return refuse(given.error());
  } else {
    memory = std::make_unique<CopiedMemory>(bytes);
  }
  memory_begin_ = args.start;
  memory_end_ = args.start + args.length;
  const Lock lock(mutex_);
  memory_ = std::move(memory);
  return 0;
}

void KernelSocket::lose_memory() {
  memory_end_ = memory_begin_.load();
  if (inherited()) return;
  remember("the program unmapped the socket's receive memory");
  socket_.shutdown();
}

KernelSocket::Done KernelSocket::set_server(const void* value, socklen_t length) {
  if (length != sizeof(int)) return refuse(EINVAL, "SO_HOMA_SERVER takes an int");
  const auto on = read_from<int>(value, "SO_HOMA_SERVER's value");
  if (!on) return Unexpected(on.error());
  if (*on != 0 && socket_.port() >= HOMA_MIN_DEFAULT_PORT) {
    return refuse(EINVAL,
                  "bind the socket to a port below 0x8000 first: a client's port takes no "
                  "requests");
  }
  takes_requests_.store(*on != 0, std::memory_order_relaxed);
  keep_note();
  return 0;
}

KernelSocket::Done KernelSocket::get_option(int option, void* value, socklen_t* length) {
  if (inherited()) return refuse_child();
  if (value == nullptr || length == nullptr) return refuse(EFAULT, "no address for the option");
  const auto give = [&](const auto& answer) -> Done {
    if (*length < sizeof(answer)) return refuse(EINVAL, "there is no room for the option's value");
    std::memcpy(value, &answer, sizeof(answer));
    *length = sizeof(answer);
    return 0;
  };
  if (option == SO_HOMA_RCVBUF) {
    return give(homa_rcvbuf_args{memory_begin_, memory_end_ - memory_begin_});
  }
  if (option == SO_HOMA_SERVER) {
    return give(takes_requests_.load(std::memory_order_relaxed) ? 1 : 0);
  }
  return refuse(ENOPROTOOPT, "Homa has no such socket option");
}

KernelSocket::Done KernelSocket::shutdown() {
  if (inherited()) return refuse_child();
  socket_.shutdown();
  return 0;
}

KernelSocket::Done KernelSocket::control(unsigned long request, void* argument) {
  if (request == HOMAIOCABORT) {
    if (inherited()) return refuse_child();
    const auto args = read_from<homa_abort_args>(argument, "homa_abort_args");
    return args ? abort(*args) : Done(Unexpected(args.error()));
  }
  if (request == HOMAIOCINFO) {
    auto args = read_from<homa_info>(argument, "homa_info");
    if (!args) return Unexpected(args.error());
    auto done = info(*args);
    if (done) std::memcpy(argument, &*args, sizeof(*args));
    return done;
  }
  // As the module answers where nothing is traced.
  if (request == HOMAIOCFREEZE) return inherited() ? Done(refuse_child()) : Done(0);
  return refuse(EINVAL, "Homa has no such ioctl");
}

KernelSocket::Done KernelSocket::abort(const homa_abort_args& args) {
  if (args._pad1 != 0 || args._pad2[0] != 0 || args._pad2[1] != 0) {
    return refuse(EINVAL, "reserved fields of homa_abort_args must be 0");
  }
  const auto number = static_cast<int>(args.error);
  const ErrorCode code = number == 0 ? ErrorCode::kOk : ErrorCode::kCancelled;
  if (args.id % 2 != 0) return refuse(EINVAL, "only a client can abort an RPC by its id");
  if (args.id == 0 && number == 0) {
    const auto done = socket_.abort_all();
    if (!done) return refuse(done.error());
    const Lock lock(mutex_);
    private_.clear();
    aborted_.clear();
    std::erase_if(kept_, [](const Message& kept) { return !kept.is_request(); });
    return 0;
  }
  const auto abort_one = [&](std::uint64_t id) -> Result<void, Error> {
    const Lock lock(mutex_);  // a thread that receives the failure waits for what is noted here
    auto done = socket_.abort(id, code);
    if (done && number != 0) aborted_[id] = number;
    if (done && number == 0) private_.erase(id);
    return done;
  };
  if (args.id != 0) {
    const auto done = abort_one(args.id);
    if (!done) return refuse(done.error());
    return 0;
  }
  const auto status = socket_.status();
  if (!status) return refuse(status.error());
  for (const RpcStatus& rpc : status->rpcs) {
    if (rpc.rpc != 0 && rpc.rpc % 2 == 0) static_cast<void>(abort_one(rpc.rpc).has_value());
  }
  return 0;
}

KernelSocket::Done KernelSocket::info(homa_info& info) {
  const auto say = [&](const std::string& text) {
    std::memset(info.error_msg, 0, sizeof(info.error_msg));
    std::memcpy(info.error_msg, text.data(), std::min(text.size(), sizeof(info.error_msg) - 1));
  };
  info.port = socket_.port();
  info.num_rpcs = 0;
  if (inherited()) {
    say(refuse_child().error().text);
    return 0;
  }
  const auto status = socket_.status();
  if (!status) return refuse(status.error());
  info.num_rpcs = static_cast<std::uint32_t>(status->rpcs.size());
  const std::uint64_t room = info.rpc_info_length / sizeof(homa_rpc_info);
  auto* at = reinterpret_cast<std::byte*>(info.rpc_info);
  const Lock lock(mutex_);
  for (std::size_t i = 0; at != nullptr && i < status->rpcs.size() && i < room; ++i) {
    const homa_rpc_info record = record_of(status->rpcs[i]);
    std::memcpy(at + i * sizeof(record), &record, sizeof(record));
  }
  info.bpool_avail_bytes = memory_ ? memory_->free_bytes() : 0;
  say(last_error_);
  return 0;
}

homa_rpc_info KernelSocket::record_of(const RpcStatus& rpc) const {
  homa_rpc_info record{};
  record.id = rpc.rpc;
  socklen_t length = sizeof(record.peer);
  write_address(rpc.peer, family_, &record.peer, &length);
  record.completion_cookie = rpc.cookie;
  const bool no_response_yet = rpc.rpc % 2 != 0 && rpc.send_length == 0;
  record.tx_length = no_response_yet ? -1 : static_cast<std::int32_t>(rpc.send_length);
  record.tx_sent = rpc.sent;
  record.tx_granted = rpc.send_granted;
  record.rx_length = rpc.receive_length == 0 ? -1 : static_cast<std::int32_t>(rpc.receive_length);
  record.rx_remaining = rpc.receive_length - std::min(rpc.receive_length, rpc.received);
  record.rx_gaps = rpc.gaps;
  record.rx_granted = rpc.receive_granted;
  if (rpc.is_private) record.flags |= HOMA_RPC_PRIVATE;
  const bool is_whole = rpc.receive_length > 0 && rpc.received >= rpc.receive_length;
  if (is_whole && rpc.rpc % 2 != 0 && no_response_yet && served_.count(rpc.rpc) == 0) {
    record.flags |= HOMA_RPC_RX_READY;
  }
  return record;
}

}  // namespace homa::preload
