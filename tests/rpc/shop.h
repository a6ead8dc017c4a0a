// The shop in its three forms, and a host for it.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "../endtoend/hosts.h"
#include "homa/event_loop.h"
#include "shop.homa.h"

namespace homa::rpc::testing {

using shop::eu::Order;
using shop::eu::Orders;
using shop::eu::Receipt;

inline Status place(ServerContext& context, const Order& order, Receipt* receipt,
                    std::uint64_t number) {
  if (order.items().empty()) {
    return {StatusCode::kInvalidArgument, "an order has items", "details"};
  }
  for (const Order::Item& item : order.items()) {
    receipt->set_pieces(receipt->pieces() + item.count());
  }
  receipt->set_number(number);
  receipt->set_note(order.note());
  const Metadata metadata = context.metadata();
  if (const std::string* user = metadata.find("user")) {
    context.response_metadata().add("greeting", "hello " + *user);
  }
  return {};
}

class Shop : public Orders::Service {
 public:
  Status Place(ServerContext& context, const Order& order, Receipt* receipt) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(order.hold_ms()));
    return place(context, order, receipt, ++orders);
  }
  Status Count(ServerContext& context, const Order::Item& item, Receipt* receipt) override {
    if (item.name() == "deadline") {
      receipt->set_number(context.deadline() ? 1 : 0);
      return {};
    }
    while (!context.is_cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++cancelled;
    return {StatusCode::kCancelled, "nobody waits"};
  }
  // `hold_ms` times the items of the order.
  Status Unpack(ServerContext& /*context*/, const Order& order,
                ServerStream<Order, Order::Item>& stream) override {
    for (std::uint32_t round = 0; round <= order.hold_ms(); ++round) {
      for (const Order::Item& item : order.items()) {
        if (!stream.write(item)) return gone();
        ++written;
      }
    }
    return {};
  }
  Status Collect(ServerContext& context, ServerStream<Order::Item, Receipt>& stream,
                 Receipt* receipt) override {
    Order::Item item;
    while (stream.read(&item)) receipt->set_pieces(receipt->pieces() + item.count());
    if (context.is_cancelled()) return gone();
    context.response_metadata().add("end", "of stream");
    return receipt->pieces() == 0 ? Status(StatusCode::kInvalidArgument, "nothing") : Status();
  }
  // Answers each item with a receipt of its count; ends with ABORTED at "stop".
  Status Talk(ServerContext& /*context*/, ServerStream<Order::Item, Receipt>& stream) override {
    Order::Item item;
    while (stream.read(&item)) {
      if (item.name() == "stop") return {StatusCode::kAborted, "as you wish"};
      Receipt receipt;
      receipt.set_pieces(item.count());
      if (!stream.write(receipt)) return gone();
    }
    return {};
  }
  Status gone() {
    ++cancelled;
    return {StatusCode::kCancelled, "nobody waits"};
  }
  std::atomic<std::uint64_t> orders{0};
  std::atomic<int> written{0};
  std::atomic<int> cancelled{0};
};

inline Order order_of(std::uint32_t count, std::string note = {}) {
  Order order;
  Order::Item* item = order.add_items();
  item->set_name("apple");
  item->set_count(count);
  order.set_note(std::move(note));
  return order;
}

}  // namespace homa::rpc::testing
