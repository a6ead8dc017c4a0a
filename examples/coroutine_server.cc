// A server of coroutines in one thread: "sleep MS" answers after so many milliseconds, anything
// else at once, and many at a time. SIGTERM drains it: what it has is answered, new requests are
// refused. Usage: coroutine_server [ADDRESS]
#include <homa/async.h>
#include <homa/event_loop.h>
#include <homa/host.h>
#include <homa/task.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

// co_await pause(loop, ms): this coroutine goes on later; others run meanwhile.
class Pause {
 public:
  Pause(homa::EventLoop& loop, int milliseconds)
      : loop_(loop), timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    const itimerspec when{{}, {milliseconds / 1000, (milliseconds % 1000) * 1'000'000L + 1}};
    ::timerfd_settime(timer_, 0, &when, nullptr);
  }
  ~Pause() {
    watch_.reset();
    ::close(timer_);
  }
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    watch_ = loop_.watch(timer_, [waiting] { waiting.resume(); }).value();
  }
  void await_resume() const {}

 private:
  homa::EventLoop& loop_;
  int timer_;
  std::unique_ptr<homa::Executor::Watch> watch_;
};

homa::Task<> answer(homa::AsyncSocket& socket, homa::EventLoop& loop, homa::Message request) {
  const std::string text(reinterpret_cast<const char*>(request.bytes().data()), request.size());
  if (text.starts_with("sleep ")) {
    co_await Pause(loop, std::clamp(std::atoi(text.c_str() + 6), 0, 60'000));
  }
  // If it fails, the client gave up, and there is no one to tell.
  (void)socket.reply(request.rpc(), request.bytes()).has_value();
}

homa::Task<> serve(homa::AsyncSocket& socket, homa::EventLoop& loop) {
  while (auto request = co_await socket.receive()) {
    homa::spawn(answer(socket, loop, std::move(request).value()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t end;  // before the library starts a thread
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  ::sigprocmask(SIG_BLOCK, &end, nullptr);

  homa::HostConfig config;
  if (argc > 1) config.address = argv[1];
  auto host = homa::Host::open(config);
  if (!host) {
    std::fprintf(stderr, "coroutine_server: %s\n", host.error().text.c_str());
    return 1;
  }
  auto loop = homa::EventLoop::create().value();
  auto served = host->serve(4000);
  if (!served) {
    std::fprintf(stderr, "coroutine_server: %s\n", served.error().text.c_str());
    return 1;
  }
  auto socket = homa::AsyncSocket::create(std::move(served).value(), *loop).value();
  bool ending = false;
  const int signals = ::signalfd(-1, &end, SFD_CLOEXEC);
  const auto watch = loop->watch(signals, [&] {
    signalfd_siginfo which;
    ending = ::read(signals, &which, sizeof(which)) == sizeof(which);
    (void)socket.socket().stop_accepting().has_value();
  });
  std::printf("serving %s:4000\n", host->address().to_string().c_str());
  std::fflush(stdout);
  homa::spawn(serve(socket, *loop));
  while (!ending || !socket.socket().status()->rpcs.empty()) {
    loop->run_once(ending ? homa::Timeout(std::chrono::milliseconds(5)) : std::nullopt);
  }
  socket.close();
  ::close(signals);
  return 0;
}
