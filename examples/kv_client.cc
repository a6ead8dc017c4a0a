// Asks kv_server. Usage: kv_client ADDRESS:4000 put KEY VALUE | get KEY | delete KEY
#include <homa/host.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace {

int fail(const homa::Error& error) {
  std::fprintf(stderr, "kv_client: %s\n", error.text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: kv_client ADDRESS:4000 put KEY VALUE | get KEY | delete KEY\n");
    return 2;
  }
  const auto server = homa::SocketAddress::parse(argv[1]);
  if (!server) return fail(server.error());
  std::string request = argv[2];
  for (int i = 3; i < argc; ++i) request += std::string(" ") + argv[i];

  homa::HostConfig config;
  config.udp_port = 0;  // any: only servers need to be found
  auto host = homa::Host::open(config);
  if (!host) return fail(host.error());
  auto socket = host->client();
  if (!socket) return fail(socket.error());
  const auto response =
      socket->call(*server, std::as_bytes(std::span(request)), std::chrono::seconds(5));
  if (!response) return fail(response.error());
  std::fwrite(response->bytes().data(), 1, response->size(), stdout);
  std::putchar('\n');
  return 0;
}
