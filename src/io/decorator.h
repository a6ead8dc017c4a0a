// A PacketIo around another: passes everything on. Decorators override what they change.
#pragma once

#include <memory>
#include <utility>

#include "io/packet_io.h"

namespace homa::io {

class Decorator : public PacketIo {
 public:
  explicit Decorator(std::unique_ptr<PacketIo> inner) : inner_(std::move(inner)) {}

  std::size_t receive(std::span<RxFrame> frames) override { return inner_->receive(frames); }
  void release(std::span<const RxFrame> frames) override { inner_->release(frames); }
  std::size_t send(std::span<const TxFrame> frames) override { return inner_->send(frames); }
  std::size_t errors(std::span<IoError> errors) override { return inner_->errors(errors); }
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override {
    return inner_->wait(at_most, wake_fd);
  }
  void refuse(const RxFrame& frame) override { inner_->refuse(frame); }
  // Packets to ourselves pass here, too.
  Route route(const Address& peer) override {
    Route route = inner_->route(peer);
    route.own_address = false;
    return route;
  }
  std::optional<std::uint64_t> device_queue_bytes() override {
    return inner_->device_queue_bytes();
  }
  int transferable_socket() const override { return inner_->transferable_socket(); }
  std::span<const int> descriptors() const override { return inner_->descriptors(); }
  const IoCapabilities& capabilities() const override { return inner_->capabilities(); }
  IoStatistics statistics() const override { return inner_->statistics(); }

 protected:
  PacketIo& inner() { return *inner_; }

 private:
  std::unique_ptr<PacketIo> inner_;
};

}  // namespace homa::io
