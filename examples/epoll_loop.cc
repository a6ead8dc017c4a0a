// Homa in an event loop: one thread, epoll, a Homa socket beside a timer. Sends requests to itself
// every 10 ms, answers them, and prints what came back. Usage: epoll_loop [ROUNDS]
#include <homa/host.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr int kTickMs = 10;

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// Receives until nothing is left: the descriptor stays readable until receive() gives kWouldBlock.
int take_all(homa::Socket& socket) {
  int responses = 0;
  while (const auto message = socket.receive(std::chrono::nanoseconds(0))) {
    if (message->is_request()) {
      (void)socket.reply(message->rpc(), message->bytes()).has_value();
    } else if (message->kind() == homa::Message::Kind::kResponse) {
      std::printf("response %llu\n", static_cast<unsigned long long>(message->cookie()));
      ++responses;
    }
  }
  return responses;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  homa::HostConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  auto host = homa::Host::open(config);
  if (!host) {
    std::fprintf(stderr, "epoll_loop: %s\n", host.error().text.c_str());
    return 1;
  }
  homa::Socket server = host->serve(4000).value();
  homa::Socket client = host->client().value();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const itimerspec every{{0, kTickMs * 1'000'000}, {0, kTickMs * 1'000'000}};
  ::timerfd_settime(timer, 0, &every, nullptr);
  for (const int fd : {timer, server.descriptor(), client.descriptor()}) watch(epoll, fd);

  int sent = 0, received = 0;
  while (received < rounds) {
    epoll_event events[4];
    const int count = ::epoll_wait(epoll, events, 4, 5'000);
    if (count == 0) return 1;  // nothing for five seconds
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == server.descriptor()) take_all(server);
      if (events[i].data.fd == client.descriptor()) received += take_all(client);
      if (events[i].data.fd != timer) continue;
      unsigned long long ticks = 0;
      if (::read(timer, &ticks, sizeof(ticks)) != sizeof(ticks) || sent == rounds) continue;
      homa::SendOptions options;
      options.cookie = static_cast<std::uint64_t>(++sent);
      const std::string text = "tick";
      const homa::SocketAddress self{host->address(), 4000};
      if (!client.send(self, std::as_bytes(std::span(text)), options)) return 1;
    }
  }
  ::close(timer);
  ::close(epoll);
  return 0;
}
