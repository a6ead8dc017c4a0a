// Writes what a back end sends and receives to a capture file, with the Ethernet, IP and UDP
// headers that it would have on a wire.
// docs/dependencies.md says why libpcap does not write the file.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "homa/error.h"
#include "homa/result.h"
#include "io/decorator.h"

namespace homa::io {

class PcapWriterIo final : public Decorator {
 public:
  // Replaces the file `path`.
  static Result<std::unique_ptr<PacketIo>, Error> create(std::unique_ptr<PacketIo> inner,
                                                         const std::string& path);

  std::size_t receive(std::span<RxFrame> frames) override;
  std::size_t send(std::span<const TxFrame> frames) override;
  // Also brings the file up to date.
  bool wait(std::chrono::nanoseconds at_most, int wake_fd) override;
  std::span<const int> descriptors() const override { return {}; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  struct Packet {
    Address source;
    Address destination;
    std::uint8_t priority = 0;
    std::span<const std::byte> header;
    std::span<const std::byte> payload;
  };

  PcapWriterIo(std::unique_ptr<PacketIo> inner, File file);
  void write(const Packet& packet, std::chrono::nanoseconds time);
  Address local_of(const Address& peer) const;

  File file_;
  std::vector<std::byte> record_;  // the packet being written
};

}  // namespace homa::io
