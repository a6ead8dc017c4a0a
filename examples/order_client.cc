// Calls order_server. Usage: order_client TARGET place ITEM COUNT | find NUMBER
// A target is ADDRESS:4000, or list:ADDRESS:4000,ADDRESS:4000, ... (docs/rpc.md#several-servers).
#include <homa/host.h>
#include <homa/rpc/channel.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "order.homa.h"

namespace {

int fail(const std::string& text) {
  std::fprintf(stderr, "order_client: %s\n", text.c_str());
  return 1;
}

int fail(const homa::rpc::Status& status) {
  return fail(std::string(to_string(status.code())) + ": " + status.message());
}

int place(shop::Orders::Stub& orders, homa::rpc::ClientContext& context, const char* item,
          const char* count) {
  shop::Order order;
  order.set_item(item);
  order.set_count(static_cast<std::uint32_t>(std::atoi(count)));
  shop::Receipt receipt;
  const auto status = orders.Place(context, order, &receipt);
  if (!status.ok()) return fail(status);
  std::printf("order %llu: %u cents\n", static_cast<unsigned long long>(receipt.number()),
              receipt.cents());
  return 0;
}

int find(shop::Orders::Stub& orders, homa::rpc::ClientContext& context, const char* number) {
  shop::Question question;
  question.set_number(std::strtoull(number, nullptr, 10));
  shop::Answer answer;
  const auto status = orders.Find(context, question, &answer);
  if (!status.ok()) return fail(status);
  std::printf("%u %s\n", answer.order().count(), answer.order().item().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 2 ? argv[2] : "";
  if (!(verb == "place" && argc == 5) && !(verb == "find" && argc == 4)) {
    std::fprintf(stderr, "usage: order_client TARGET place ITEM COUNT | find NUMBER\n");
    return 2;
  }
  auto host = homa::Host::open({.udp_port = 0});
  if (!host) return fail(host.error().text);
  auto channel = homa::rpc::Channel::open(*host, argv[1]);
  if (!channel) return fail(channel.error().text);
  shop::Orders::Stub orders(*channel);
  homa::rpc::ClientContext context;
  context.set_timeout(std::chrono::seconds(5));
  return verb == "place" ? place(orders, context, argv[3], argv[4])
                         : find(orders, context, argv[3]);
}
