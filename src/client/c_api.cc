// The C interface: each function is one of the C++ API's.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "client/guard.h"
#include "homa/homa.h"
#include "homa/host.h"

struct homa_host {
  homa::Host host;
};

struct homa_socket_s {
  homa::Socket socket;
};

namespace {

using homa::Error;
using homa::ErrorCode;

static_assert(HOMA_EENGINE == static_cast<int>(ErrorCode::kEngineLost), "homa_error is it");
static_assert(HOMA_EDRAINING == static_cast<int>(ErrorCode::kDraining), "homa_error is it");
static_assert(HOMA_ESTALE == static_cast<int>(ErrorCode::kStale));
static_assert(HOMA_EXECUTED == static_cast<int>(homa::Executed::kYes));
static_assert(HOMA_EWOULDBLOCK == static_cast<int>(ErrorCode::kWouldBlock));
static_assert(HOMA_ENGINE_OWN == static_cast<int>(homa::EngineChoice::kOwn));
static_assert(HOMA_ENGINE_DAEMON == static_cast<int>(homa::EngineChoice::kDaemon));
static_assert(HOMA_HEAD == static_cast<int>(homa::Message::Kind::kHead));

thread_local Error last_error;

// Throws nothing: without memory the code has no sentence of its own.
int fail(const Error& error) {
  try {
    last_error = error;
  } catch (const std::bad_alloc&) {
    last_error.text = "out of memory";  // short enough to need none
  }
  return -static_cast<int>(error.code);
}

// Runs `work`, which returns 0 or a negative code. Throws nothing.
template <typename Work>
int guarded(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail(homa::client::out_of_memory().error());
  } catch (const std::length_error&) {
    return fail(homa::client::out_of_memory().error());
  }
}

int invalid(const char* text) {
  return guarded([&] { return fail({ErrorCode::kInvalidArgument, text}); });
}

homa::SocketAddress address_of(const homa_address& from) {
  homa::SocketAddress address;
  std::copy(std::begin(from.ip), std::end(from.ip), address.host.ip.begin());
  address.host.udp_port = from.udp_port;
  address.host.scope = from.scope;
  address.port = from.port;
  return address;
}

homa_address address_of(const homa::SocketAddress& from) {
  homa_address address{};
  std::copy(from.host.ip.begin(), from.host.ip.end(), address.ip);
  address.udp_port = from.host.udp_port;
  address.scope = from.host.scope;
  address.port = from.port;
  return address;
}

int write_text(const std::string& text, char* to, size_t size) {
  if (to == nullptr || size <= text.size()) return invalid("the buffer is too small");
  std::memcpy(to, text.c_str(), text.size() + 1);
  return static_cast<int>(text.size());
}

std::span<const std::byte> bytes_of(const void* data, size_t length) {
  return {static_cast<const std::byte*>(data), length};
}

homa::Timeout timeout_of(int64_t microseconds) {
  if (microseconds < 0) return std::nullopt;
  constexpr int64_t kMost = std::chrono::nanoseconds::max().count() / 1'000;
  return std::chrono::microseconds(std::min(microseconds, kMost));
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// Calls a C function, which wants texts that end.
homa::LogFunction log_of(homa_log_function to, void* context) {
  if (to == nullptr) return {};
  return [to, context](const homa::LogLine& line) {
    std::vector<std::string> texts;
    for (const homa::LogField& field : line.fields) {
      texts.emplace_back(field.name);
      texts.emplace_back(field.value);
    }
    std::vector<homa_log_field> fields;
    for (std::size_t i = 0; i < texts.size(); i += 2) {
      fields.push_back({texts[i].c_str(), texts[i + 1].c_str()});
    }
    to(context, static_cast<int>(line.level), std::string(line.component).c_str(),
       std::string(line.text).c_str(), fields.data(), fields.size());
  };
}

homa::Result<homa::HostConfig, Error> config_of(const homa_host_config& from) {
  homa::HostConfig config;
  if (from.engine < HOMA_ENGINE_AUTO || from.engine > HOMA_ENGINE_DAEMON) {
    return homa::Unexpected(
        Error{ErrorCode::kInvalidArgument, "engine is one of enum homa_engine"});
  }
  config.engine = static_cast<homa::EngineChoice>(from.engine);
  config.daemon_socket = text_or_empty(from.daemon_socket);
  if (from.backend != nullptr) config.backend = from.backend;
  config.address = text_or_empty(from.address);
  config.interface = text_or_empty(from.interface);
  if (from.udp_port < -1 || from.udp_port > 0xffff) {
    return homa::Unexpected(Error{ErrorCode::kInvalidArgument, "udp_port is -1 to 65535"});
  }
  if (from.udp_port != 0) {
    config.udp_port = static_cast<std::uint16_t>(std::max(from.udp_port, 0));
  }
  config.mtu = from.mtu;
  config.run_in_callers = from.library_thread_only == 0;
  if (from.poll_us != 0) config.poll = std::chrono::microseconds(std::max(from.poll_us, 0));
  if (from.receive_bytes != 0) config.receive_bytes = from.receive_bytes;
  if (from.transmit_bytes != 0) config.transmit_bytes = from.transmit_bytes;
  config.log = log_of(from.log, from.log_context);
  std::istringstream words(text_or_empty(from.parameters));
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      return homa::Unexpected(
          Error{ErrorCode::kInvalidArgument, "parameters are name=value, not " + word});
    }
    config.parameters[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return config;
}

// The code that a C program gives, with or without its sign; nullopt: there is no such code.
std::optional<ErrorCode> code_of(int error) {
  // Of the smallest int there is no positive counterpart.
  if (error < -HOMA_EDRAINING || error > HOMA_EDRAINING) return std::nullopt;
  return static_cast<ErrorCode>(error < 0 ? -error : error);
}

homa::Result<homa::SendOptions, Error> options_of(uint64_t cookie, unsigned flags) {
  if ((flags & ~HOMA_PRIVATE) != 0) {
    return homa::Unexpected(Error{ErrorCode::kInvalidArgument, "unknown flags"});
  }
  homa::SendOptions options;
  options.cookie = cookie;
  options.is_private = (flags & HOMA_PRIVATE) != 0;
  return options;
}

std::vector<std::span<const std::byte>> pieces_of(const iovec* pieces, int count) {
  std::vector<std::span<const std::byte>> spans;
  for (int i = 0; i < count; ++i) spans.push_back(bytes_of(pieces[i].iov_base, pieces[i].iov_len));
  return spans;
}

// Sends by `send(options)`.
template <typename Send>
int send_as(uint64_t* id, uint64_t cookie, unsigned flags, Send send) {
  return guarded([&] {
    const auto options = options_of(cookie, flags);
    if (!options) return fail(options.error());
    const auto rpc = send(*options);
    if (!rpc) return fail(rpc.error());
    if (id != nullptr) *id = *rpc;
    return 0;
  });
}

int done(const homa::Result<void, Error>& result) { return result ? 0 : fail(result.error()); }

// Gives the message with the length that the caller wants to `take`, which returns 0 or a negative
// code.
template <typename Take>
int hand_over(homa_prepared* message, Take take) {
  if (message->internal == nullptr) return invalid("the message was not prepared, or was sent");
  auto& prepared = *static_cast<homa::PreparedMessage*>(message->internal);
  if (message->length > prepared.size()) return invalid("the message is longer than was prepared");
  prepared.shrink(message->length);
  const int result = take(prepared);
  if (result == 0) homa_discard(message);
  return result;
}

// Decides about a head by `how`, which takes it or leaves it as it is.
template <typename How>
int decide(homa_message* head, How how) {
  if (head->kind != HOMA_HEAD || head->internal == nullptr) return invalid("this is no head");
  auto& message = *static_cast<homa::Message*>(head->internal);
  const homa::Result<void, Error> decided = how(message);
  if (message.size() == 0) homa_release(head);
  return done(decided);
}

// `place`: where the message stays until homa_release(), if it has bytes.
void fill(homa_message* to, homa::Message message, std::unique_ptr<homa::Message> place) {
  if (message.bytes().empty()) place.reset();
  *to = homa_message{};
  to->data = message.bytes().data();
  to->length = message.size();
  to->total = message.total();
  to->id = message.rpc();
  to->cookie = message.cookie();
  to->kind = static_cast<int32_t>(message.kind());
  to->error = static_cast<int32_t>(message.error());
  to->executed = static_cast<int32_t>(message.executed());
  to->peer = address_of(message.peer());
  if (place != nullptr) *place = std::move(message);
  to->internal = place.release();
}

}  // namespace

const char* homa_strerror(int error) {
  const auto code = code_of(error);
  // The words are literals, so they end in a zero.
  return code ? homa::to_string(*code).data() : "unknown error";
}

const char* homa_last_error(void) { return last_error.text.c_str(); }

int homa_last_executed(void) { return static_cast<int>(last_error.executed); }

homa_host* homa_host_open(const homa_host_config* config, int* error) {
  homa_host* opened = nullptr;
  const int code = guarded([&] {
    homa_host_config given{};
    if (config != nullptr) {
      std::memcpy(&given, config, std::min(config->size, sizeof(given)));
    }
    const auto parsed = config_of(given);
    if (!parsed) return fail(parsed.error());
    auto host = homa::Host::open(*parsed);
    if (!host) return fail(host.error());
    opened = new homa_host{std::move(host).value()};
    return 0;
  });
  if (error != nullptr && code < 0) *error = code;
  return opened;
}

void homa_host_close(homa_host* host) { delete host; }

int homa_host_address(const homa_host* host, char* text, size_t size) {
  return guarded([&] { return write_text(host->host.address().to_string(), text, size); });
}

int homa_host_description(const homa_host* host, char* text, size_t size) {
  return guarded([&] { return write_text(host->host.description(), text, size); });
}

int homa_host_counters(const homa_host* host, homa_counter_function each, void* context) {
  if (each == nullptr) return invalid("there is no function to call");
  return guarded([&] {
    for (const homa::Counter& counter : host->host.counters()) {
      each(context, counter.name.c_str(), counter.meaning.c_str(), counter.value);
    }
    return 0;
  });
}

size_t homa_host_poll(homa_host* host) { return host->host.poll(); }

int homa_parse_address(const char* text, homa_address* address) {
  return guarded([&] {
    const auto parsed = homa::SocketAddress::parse(text);
    if (!parsed) return fail(parsed.error());
    *address = address_of(*parsed);
    return 0;
  });
}

int homa_format_address(const homa_address* address, char* text, size_t size) {
  return guarded([&] { return write_text(address_of(*address).to_string(), text, size); });
}

homa_socket_t* homa_socket(homa_host* host, uint16_t port, int* error) {
  homa_socket_t* opened = nullptr;
  const int code = guarded([&] {
    auto socket = port == 0 ? host->host.client() : host->host.serve(port);
    if (!socket) return fail(socket.error());
    opened = new homa_socket_s{std::move(socket).value()};
    return 0;
  });
  if (error != nullptr && code < 0) *error = code;
  return opened;
}

uint16_t homa_port(const homa_socket_t* socket) { return socket->socket.port(); }

void homa_shutdown(homa_socket_t* socket) { socket->socket.shutdown(); }

void homa_close(homa_socket_t* socket) { delete socket; }

int homa_poll_fd(homa_socket_t* socket) { return socket->socket.descriptor(); }

int homa_send(homa_socket_t* socket, const void* request, size_t length, const homa_address* server,
              uint64_t* id, uint64_t cookie, unsigned flags) {
  return send_as(id, cookie, flags, [&](const homa::SendOptions& options) {
    return socket->socket.send(address_of(*server), bytes_of(request, length), options);
  });
}

int homa_sendv(homa_socket_t* socket, const iovec* pieces, int count, const homa_address* server,
               uint64_t* id, uint64_t cookie, unsigned flags) {
  return send_as(id, cookie, flags, [&](const homa::SendOptions& options) {
    return socket->socket.send(address_of(*server), homa::Pieces(pieces_of(pieces, count)),
                               options);
  });
}

int homa_prepare(homa_socket_t* socket, size_t length, homa_prepared* message) {
  *message = homa_prepared{};
  return guarded([&] {
    auto place = std::make_unique<homa::PreparedMessage>();
    auto prepared = socket->socket.prepare(length);
    if (!prepared) return fail(prepared.error());
    *place = std::move(prepared).value();
    message->data = place->bytes().data();
    message->length = length;
    message->internal = place.release();
    return 0;
  });
}

int homa_send_prepared(homa_socket_t* socket, homa_prepared* message, const homa_address* server,
                       uint64_t* id, uint64_t cookie, unsigned flags) {
  return hand_over(message, [&](homa::PreparedMessage& prepared) {
    return send_as(id, cookie, flags, [&](const homa::SendOptions& options) {
      return socket->socket.send(address_of(*server), std::move(prepared), options);
    });
  });
}

int homa_reply_prepared(homa_socket_t* socket, homa_prepared* message, uint64_t id) {
  return hand_over(message, [&](homa::PreparedMessage& prepared) {
    return done(socket->socket.reply(id, std::move(prepared)));
  });
}

void homa_discard(homa_prepared* message) {
  delete static_cast<homa::PreparedMessage*>(message->internal);
  *message = homa_prepared{};
}

int homa_send_many(homa_socket_t* socket, homa_outgoing* requests, int count) {
  return guarded([&] {
    std::vector<homa::OutgoingRequest> all;
    for (homa_outgoing& one : std::span(requests, static_cast<size_t>(std::max(count, 0)))) {
      const auto options = options_of(one.cookie, one.flags);
      if (!options) return fail(options.error());
      all.push_back({address_of(one.server), bytes_of(one.data, one.length), *options});
    }
    const size_t sent = socket->socket.send_many(all);
    for (size_t i = 0; i < all.size(); ++i) {
      requests[i].id = all[i].rpc;
      requests[i].error = -static_cast<int32_t>(all[i].error);
    }
    return static_cast<int>(sent);
  });
}

int homa_reply_many(homa_socket_t* socket, homa_outgoing* responses, int count) {
  return guarded([&] {
    std::vector<homa::OutgoingResponse> all;
    for (homa_outgoing& one : std::span(responses, static_cast<size_t>(std::max(count, 0)))) {
      all.push_back({one.id, bytes_of(one.data, one.length)});
    }
    const size_t given = socket->socket.reply_many(all);
    for (size_t i = 0; i < all.size(); ++i) {
      responses[i].error = -static_cast<int32_t>(all[i].error);
    }
    return static_cast<int>(given);
  });
}

int homa_recv_many(homa_socket_t* socket, homa_message* messages, int count, int64_t timeout_us) {
  return guarded([&] {
    std::vector<homa::Message> all(static_cast<size_t>(std::max(count, 0)));
    std::vector<std::unique_ptr<homa::Message>> places(all.size());
    for (auto& place : places) place = std::make_unique<homa::Message>();
    const auto came = socket->socket.receive_many(all, timeout_of(timeout_us));
    if (!came) return fail(came.error());
    for (size_t i = 0; i < *came; ++i) fill(&messages[i], std::move(all[i]), std::move(places[i]));
    return static_cast<int>(*came);
  });
}

int homa_announce(homa_socket_t* socket, uint32_t bytes) {
  return done(socket->socket.announce_longer_than(bytes));
}

int homa_accept(homa_socket_t* socket, homa_message* head, void* place, size_t size) {
  return decide(head, [&](homa::Message& message) {
    const std::span<std::byte> to(static_cast<std::byte*>(place), place == nullptr ? 0 : size);
    return socket->socket.accept(std::move(message), to);
  });
}

int homa_refuse(homa_socket_t* socket, homa_message* head, int error) {
  const auto code = code_of(error);
  if (!code) return invalid("unknown error code");
  return decide(head, [&](homa::Message& message) {
    return socket->socket.refuse(std::move(message), *code);
  });
}

int homa_stop_accepting(homa_socket_t* socket) { return done(socket->socket.stop_accepting()); }

int homa_drain(homa_socket_t* socket, int64_t timeout_us) {
  return done(socket->socket.drain(timeout_of(timeout_us)));
}

int homa_client_waits(homa_socket_t* socket, uint64_t id) {
  return socket->socket.client_waits(id) ? 1 : 0;
}

int homa_recv(homa_socket_t* socket, uint64_t id, int64_t timeout_us, homa_message* message) {
  *message = homa_message{};
  return guarded([&] {
    auto place = std::make_unique<homa::Message>();
    auto received = id == 0 ? socket->socket.receive(timeout_of(timeout_us))
                            : socket->socket.receive_response(id, timeout_of(timeout_us));
    if (!received) return fail(received.error());
    fill(message, std::move(received).value(), std::move(place));
    return 0;
  });
}

void homa_release(homa_message* message) {
  delete static_cast<homa::Message*>(message->internal);
  message->internal = nullptr;
  message->data = nullptr;
  message->length = 0;
}

int homa_reply(homa_socket_t* socket, const void* response, size_t length, uint64_t id) {
  return done(socket->socket.reply(id, bytes_of(response, length)));
}

int homa_replyv(homa_socket_t* socket, const iovec* pieces, int count, uint64_t id) {
  return guarded(
      [&] { return done(socket->socket.reply(id, homa::Pieces(pieces_of(pieces, count)))); });
}

int homa_invoke(homa_socket_t* socket, const void* request, size_t length,
                const homa_address* server, int64_t timeout_us, homa_message* response) {
  *response = homa_message{};
  return guarded([&] {
    auto place = std::make_unique<homa::Message>();
    auto received =
        socket->socket.call(address_of(*server), bytes_of(request, length), timeout_of(timeout_us));
    if (!received) return fail(received.error());
    fill(response, std::move(received).value(), std::move(place));
    return 0;
  });
}

int homa_abort(homa_socket_t* socket, uint64_t id, int error) {
  const auto code = code_of(error);
  if (!code) return invalid("unknown error code");
  const auto aborted = id == 0 ? socket->socket.abort_all(*code) : socket->socket.abort(id, *code);
  return aborted ? 0 : fail(aborted.error());
}
