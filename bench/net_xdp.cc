// Bare AF_XDP: what the rings and the kernel cost without any protocol. Requests and answers are
// single UDP packets to Homa's port, so that the same XDP program takes them.
#include <net/if.h>

#include <array>
#include <cstring>
#include <vector>

#include "io/next_hops.h"
#include "io/xdp_frame.h"
#include "io/xdp_program.h"
#include "io/xdp_rings.h"
#include "net_transport.h"

namespace homa::bench {
namespace {

constexpr const char* kDevice = "eth0";
constexpr std::size_t kBatch = 64;

class XdpEnd {
 public:
  static Result<std::unique_ptr<XdpEnd>, Error> open(int host) {
    auto end = std::make_unique<XdpEnd>();
    io::XdpRingsConfig config;
    config.interface = kDevice;
    auto rings = io::XdpRings::open(config);
    if (!rings) return Unexpected<Error>(rings.error());
    end->rings_ = std::move(*rings);
    end->local_ = *Address::parse(host_address(host));
    auto program = io::XdpProgram::attach(kDevice, end->local_, io::XdpMode::kAuto,
                                          end->rings_->descriptors());
    if (!program) return Unexpected<Error>(program.error());
    end->program_ = std::move(*program);
    return end;
  }

  // The receiver recognises nothing but its address, so ours need not be the device's.
  Result<void, Error> aim(int host) {
    const Address peer = *Address::parse(host_address(host));
    auto hops = io::NextHops::open(::if_nametoindex(kDevice));
    if (!hops) return Unexpected<Error>(hops.error());
    const io::NextHop hop = (*hops)->find(peer);
    headers_ = io::FrameHeaders(io::Carrier::kUdp, {2, 0, 0, 0, 0, 1}, hop.mac, local_, peer);
    return {};
  }

  void send(std::uint32_t count, std::uint32_t bytes) {
    while (count > 0) {
      std::array<std::uint64_t, kBatch> empty;
      std::array<io::XdpFrame, kBatch> filled;
      const std::size_t taken =
          rings_->take(std::span(empty).first(std::min<std::size_t>(count, kBatch)));
      if (taken == 0) continue;
      for (std::size_t i = 0; i < taken; ++i) {
        headers_.write(rings_->data(empty[i]), bytes, 0);
        filled[i] = {empty[i], static_cast<std::uint32_t>(headers_.size() + bytes), 0};
      }
      rings_->transmit(std::span(filled).first(taken));
      rings_->kick();
      count -= static_cast<std::uint32_t>(taken);
    }
  }

  std::uint32_t receive() {
    std::array<io::XdpFrame, kBatch> frames;
    const std::size_t got = rings_->receive(frames);
    for (std::size_t i = 0; i < got; ++i) rings_->release(frames[i].address, frames[i].queue);
    if (got > 0) rings_->refill();
    return static_cast<std::uint32_t>(got);
  }

 private:
  std::unique_ptr<io::XdpRings> rings_;
  std::unique_ptr<io::XdpProgram> program_;
  Address local_;
  io::FrameHeaders headers_;
};

class XdpServer final : public Server {
 public:
  XdpServer(const NetCase& what, std::unique_ptr<XdpEnd> end) : what_(what), end_(std::move(end)) {}
  void serve(const std::atomic<bool>& stop) override {
    while (!stop) {
      const std::uint32_t got = end_->receive();
      if (got > 0) end_->send(got, what_.response);
    }
  }

 private:
  NetCase what_;
  std::unique_ptr<XdpEnd> end_;
};

class XdpClient final : public Client {
 public:
  XdpClient(const NetCase& what, std::unique_ptr<XdpEnd> end) : what_(what), end_(std::move(end)) {}
  void start(std::uint32_t count) override { end_->send(count, what_.request); }
  std::uint32_t poll() override { return end_->receive(); }

 private:
  NetCase what_;
  std::unique_ptr<XdpEnd> end_;
};

Result<std::unique_ptr<XdpEnd>, Error> open_end(int own, int other) {
  auto end = XdpEnd::open(own);
  if (!end) return end;
  if (auto aimed = (*end)->aim(other); !aimed) return Unexpected<Error>(aimed.error());
  return end;
}

Result<std::unique_ptr<Server>, Error> make_xdp_server(const NetCase& what) {
  auto end = open_end(kServerHost, kClientHost);
  if (!end) return Unexpected<Error>(end.error());
  return std::unique_ptr<Server>(std::make_unique<XdpServer>(what, std::move(*end)));
}

Result<std::unique_ptr<Client>, Error> make_xdp_client(const NetCase& what) {
  auto end = open_end(kClientHost, kServerHost);
  if (!end) return Unexpected<Error>(end.error());
  return std::unique_ptr<Client>(std::make_unique<XdpClient>(what, std::move(*end)));
}

const Transport xdp("xdp", make_xdp_server, make_xdp_client);

}  // namespace
}  // namespace homa::bench
