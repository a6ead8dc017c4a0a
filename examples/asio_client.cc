// A client of Boost.Asio: calls a server several times at once, from coroutines, with a deadline.
// Usage: asio_client HOST:PORT TEXT...
#include <homa/asio.h>
#include <homa/host.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <string>

namespace asio = boost::asio;

namespace {

struct Client {
  homa::AsioExecutor& executor;
  homa::AsyncSocket& socket;
  homa::SocketAddress server;
  int left = 0;  // calls in progress
  int failed = 0;
};

asio::awaitable<void> ask(Client& client, std::string text) {
  homa::CallOptions options;
  options.timeout = std::chrono::seconds(5);
  const auto response =
      co_await homa::async_call(client.socket, client.executor, client.server,
                                std::as_bytes(std::span(text)), options, asio::use_awaitable);
  if (response) {
    std::printf("%.*s\n", static_cast<int>(response->size()),
                reinterpret_cast<const char*>(response->bytes().data()));
  } else {
    std::fprintf(stderr, "asio_client: %s\n", response.error().text.c_str());
    ++client.failed;
  }
  if (--client.left == 0) client.socket.close();  // so that io_context::run() returns
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: asio_client HOST:PORT TEXT...\n");
    return 2;
  }
  const auto server = homa::SocketAddress::parse(argv[1]);
  auto host = homa::Host::open({.udp_port = 0});
  if (!server || !host) {
    const homa::Error& error = server ? host.error() : server.error();
    std::fprintf(stderr, "asio_client: %s\n", error.text.c_str());
    return 1;
  }
  asio::io_context context;
  homa::AsioExecutor executor(context);
  auto socket = homa::AsyncSocket::create(host->client().value(), executor).value();
  Client client{executor, socket, *server, argc - 2};
  for (int i = 2; i < argc; ++i) asio::co_spawn(context, ask(client, argv[i]), asio::detached);
  context.run();
  return client.failed == 0 ? 0 : 1;
}
