// Calls a server in the same process, with nothing but the installed headers and library.
#include <homa/host.h>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

int main() {
  homa::HostConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  auto host = homa::Host::open(config);
  if (!host) {
    std::fprintf(stderr, "%s\n", host.error().text.c_str());
    return 1;
  }
  homa::Socket server = host->serve(4000).value();
  homa::Socket client = host->client().value();
  std::thread answer([&] {
    const auto request = server.receive();
    if (request) (void)server.reply(request->rpc(), request->bytes()).has_value();
  });
  const std::string_view text = "from another project";
  const auto response =
      client.call({host->address(), 4000}, std::as_bytes(std::span(text)), std::chrono::seconds(5));
  answer.join();
  return response && response->size() == text.size() ? 0 : 1;
}
