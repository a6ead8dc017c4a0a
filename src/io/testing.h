// Helpers of the io tests: packets with recognisable bytes, and patient sending and receiving.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "io/open.h"
#include "io/packet_io.h"

namespace homa::io::testing {

using Bytes = std::vector<std::byte>;

// A received packet, copied out.
struct Received {
  Address source;
  Bytes bytes;
};

// A packet of `length` bytes that `seed` determines.
inline Bytes make_packet(std::size_t length, std::uint32_t seed) {
  Bytes bytes(length);
  std::uint32_t state = seed * 2'654'435'761U + 1;
  for (std::byte& b : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    b = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

// The packet as a frame whose header is its first 28 bytes. The frame points into `packet`.
inline TxFrame frame_of(const Bytes& packet, const Address& to, std::uint8_t priority = 0) {
  const std::span<const std::byte> all(packet);
  const std::size_t header = std::min<std::size_t>(28, all.size());
  return {to, priority, all.first(header), all.subspan(header)};
}

// False if not all frames were taken within a second.
inline bool send_all(PacketIo& io, std::span<const TxFrame> frames) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!frames.empty() && std::chrono::steady_clock::now() < end) {
    frames = frames.subspan(io.send(frames));
  }
  return frames.empty();
}

inline bool send_one(PacketIo& io, const Bytes& packet, const Address& to,
                     std::uint8_t priority = 0) {
  const TxFrame frame = frame_of(packet, to, priority);
  return send_all(io, {&frame, 1});
}

// `count` packets, or those that came within a second.
inline std::vector<Received> receive_n(
    PacketIo& io, std::size_t count,
    std::chrono::milliseconds patience = std::chrono::milliseconds(1000)) {
  std::vector<Received> all;
  std::vector<RxFrame> frames(64);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (all.size() < count && std::chrono::steady_clock::now() < end) {
    io.wait(std::chrono::milliseconds(10), -1);
    const std::size_t n = io.receive(frames);
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back({frames[i].source, Bytes(frames[i].bytes.begin(), frames[i].bytes.end())});
    }
    io.release(std::span(frames).first(n));
  }
  return all;
}

// Errors about packets that came within half a second, at least one unless none came. That routes
// changed is none: setting up a network and attaching an XDP program cause it.
inline std::vector<IoError> receive_errors(PacketIo& io) {
  std::vector<IoError> errors(8);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < end) {
    std::vector<RxFrame> frames(8);
    io.release(std::span(frames).first(io.receive(frames)));
    const auto end_of_errors = std::remove_if(
        errors.begin(), errors.begin() + static_cast<long>(io.errors(errors)),
        [](const IoError& error) { return error.kind == IoError::Kind::kRoutesChanged; });
    if (end_of_errors != errors.begin()) {
      errors.erase(end_of_errors, errors.end());
      return errors;
    }
    io.wait(std::chrono::milliseconds(10), -1);
  }
  return {};
}

}  // namespace homa::io::testing
