// Strong types for the protocol's small numbers. Ids are compared and hashed, never computed with.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace homa {

enum class Port : std::uint16_t {};
inline constexpr std::uint16_t kFirstClientPort = 32768;  // docs/protocol.md#rpc
constexpr bool is_client_port(Port port) {
  return static_cast<std::uint16_t>(port) >= kFirstClientPort;
}

// Network priority, 0 lowest .. 7 highest.
using Priority = std::uint8_t;
inline constexpr Priority kPriorities = 8;
inline constexpr Priority kHighestPriority = 7;

// The local end of a packet's way, as the back end names it: which of our addresses, by which
// device. kAnyPath: whichever the kernel chooses by itself.
enum class PathId : std::uint16_t {};
inline constexpr PathId kAnyPath{0};

// Which engine sent a packet: 64 random bits, which it shows to one peer only. Kernels have none
// (docs/protocol.md#identity). The first 24 bits of an identity are not all 0.
enum class Identity : std::uint64_t {};
inline constexpr Identity kNoIdentity{0};

// An RPC as the wire names it: even at its client, odd at its server (docs/protocol.md#packets).
enum class WireId : std::uint64_t {};
constexpr WireId other_side(WireId id) {
  return static_cast<WireId>(static_cast<std::uint64_t>(id) ^ 1U);
}
constexpr bool is_client_id(WireId id) { return (static_cast<std::uint64_t>(id) & 1U) == 0; }

// An RPC as its application names it: opaque, non-zero, unique in its host while it lives and for
// long after; even for an RPC of ours, odd for one that we serve.
enum class RpcId : std::uint64_t {};
inline constexpr RpcId kNoRpc{0};
constexpr bool is_served(RpcId id) { return (static_cast<std::uint64_t>(id) & 1U) != 0; }

template <typename T>
constexpr auto raw(T value) {
  return static_cast<std::underlying_type_t<T>>(value);
}

}  // namespace homa
