// A network of PacketIos in memory for tests of the engine: packets arrive in order, devices can be
// made full, and what hosts sleep for can be looked at. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "io/packet_io.h"
#include "io/sleep.h"

namespace homa::engine {

class FakeIo;

struct FakeNetwork {
  std::map<Address, FakeIo*> hosts;
};

class FakeIo : public io::PacketIo {
 public:
  FakeIo(FakeNetwork& network, const Address& local) : network_(network) {
    capabilities_.name = "fake";
    capabilities_.local = local;
    capabilities_.packet_bytes_max = 1480;
    capabilities_.overhead_bytes = 58;
    network_.hosts[local] = this;
  }
  ~FakeIo() override { network_.hosts.erase(capabilities_.local); }

  std::size_t receive(std::span<io::RxFrame> frames) override {
    std::size_t count = 0;
    for (; count < frames.size() && !arrived_.empty(); ++count) {
      lent_.push_back(std::move(arrived_.front()));
      arrived_.pop_front();
      frames[count] = {lent_.back().first, lent_.back().second, 0};
    }
    return count;
  }
  void release(std::span<const io::RxFrame>) override { lent_.clear(); }
  std::size_t send(std::span<const io::TxFrame> frames) override {
    std::size_t taken = 0;
    for (const io::TxFrame& frame : frames) {
      if (room == 0) break;
      --room;
      ++taken;
      std::copy_n(frame.header.begin(), last_header.size(), last_header.begin());
      std::vector<std::byte> packet(frame.header.begin(), frame.header.end());
      packet.insert(packet.end(), frame.payload.begin(), frame.payload.end());
      const auto to = network_.hosts.find(frame.destination);
      if (to != network_.hosts.end()) {
        to->second->arrived_.emplace_back(capabilities_.local, std::move(packet));
      }
    }
    return taken;
  }
  std::size_t errors(std::span<io::IoError> out) override {
    if (pending_errors.empty() || out.empty()) return 0;
    out[0] = pending_errors.front();
    pending_errors.pop_front();
    return 1;
  }
  io::Route route(const Address& peer) override {
    return {.own_address = knows_itself && peer == capabilities_.local};
  }
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override {
    ++waits;
    last_wait = at_most;
    pollfd waker{wake_fd, POLLIN, 0};
    return io::sleep_on({&waker, 1}, std::chrono::nanoseconds::zero());
  }
  const io::IoCapabilities& capabilities() const override { return capabilities_; }
  io::IoStatistics statistics() const override { return {}; }

  std::size_t room = ~std::size_t{0};  // frames that the device still takes
  std::deque<io::IoError> pending_errors;
  std::array<std::byte, 28> last_header{};  // of the last packet that it took, as ICMP quotes it
  bool knows_itself = false;                // route() says which address is its own
  int waits = 0;
  std::chrono::nanoseconds last_wait{0};

 private:
  FakeNetwork& network_;
  io::IoCapabilities capabilities_;
  std::deque<std::pair<Address, std::vector<std::byte>>> arrived_;
  std::deque<std::pair<Address, std::vector<std::byte>>> lent_;
};

}  // namespace homa::engine
