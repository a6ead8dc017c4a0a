// A service from order.proto. SIGTERM drains it. Usage: order_server [ADDRESS [PORT]]
#include <homa/host.h>
#include <homa/rpc/server.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "order.homa.h"

namespace {

using homa::rpc::ServerContext;
using homa::rpc::Status;
using homa::rpc::StatusCode;

constexpr unsigned kCentsEach = 25;

class Shop : public shop::Orders::Service {
 public:
  Status Place(ServerContext& /*context*/, const shop::Order& order,
               shop::Receipt* receipt) override {
    if (order.count() == 0) return {StatusCode::kInvalidArgument, "an order of nothing"};
    receipt->set_cents(order.count() * kCentsEach);
    const std::lock_guard lock(mutex_);
    receipt->set_number(orders_.size() + 1);
    shop::Answer& kept = orders_[receipt->number()];
    *kept.mutable_order() = order;
    *kept.mutable_receipt() = *receipt;
    return {};
  }

  Status Find(ServerContext& /*context*/, const shop::Question& question,
              shop::Answer* answer) override {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(question.number());
    if (found == orders_.end()) {
      return {StatusCode::kNotFound, "no order " + std::to_string(question.number())};
    }
    *answer = found->second;
    return {};
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, shop::Answer> orders_;
};

int fail(const homa::Error& error) {
  std::fprintf(stderr, "order_server: %s\n", error.text.c_str());
  return 1;
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
  const auto port = static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 4000);
  auto host = homa::Host::open(config);
  if (!host) return fail(host.error());
  Shop shop;
  auto server = homa::rpc::Server::open(*host, port);
  if (!server) return fail(server.error());
  if (const auto added = server->add(shop); !added) return fail(added.error());
  if (const auto started = server->start(); !started) return fail(started.error());
  std::printf("serving %s\n", server->address().to_string().c_str());
  std::fflush(stdout);

  int signal = 0;
  ::sigwait(&end, &signal);
  const auto drained = server->shutdown(std::chrono::seconds(10));
  for (const auto& method : server->statistics()) {
    std::printf("%s: %llu calls, %llu failed\n", method.method.c_str(),
                static_cast<unsigned long long>(method.calls),
                static_cast<unsigned long long>(method.failed));
  }
  return drained ? 0 : fail(drained.error());
}
