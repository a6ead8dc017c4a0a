// What a program and an engine in another process tell each other over a socket
// (docs/decisions/0014-homad.md): who they are, which memory they share. Messages never go this
// way.
//
//   program                                    engine
//   kHello     receive_bytes and          ->
//              transmit_bytes, as wanted;
//              wait_for_memory
//                                         <-   kWelcome  what is granted; the engine's state and
//                                                        the eventfd that ends its sleep
//   kMemory    doorbell, receive memory   ->
//                                         <-   kDone
//   kOpen      port; the channel's memory ->
//                                         <-   kDone     channel
//   kReopen    the same, and the port is  ->
//              opened at once
//                                         <-   kDone     channel; the port
//   kPort      channel; a further port    ->
//                                         <-   kDone
//   kSignal    channel; a socket          ->
//                                         <-   kDone
//   kCounters                             ->
//                                         <-   kDone     text
//
// And another homad:
//
//   kReplace                              ->
//                                         <-   kHandOver the listening socket, its lock, and the
//                                                        packets' socket if it can be passed on
//
// Any request may be answered by kRefused with a code and a sentence. Who closes the socket, or
// dies, ends everything that was opened over it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/descriptor.h"
#include "channel/layout.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::channel {

inline constexpr std::uint64_t kControlMagic = 0x6c74636c616d6f68;  // "homalctl"
inline constexpr std::uint32_t kControlVersion = 2;
inline constexpr const char* kDefaultDaemonSocket = "/run/homa/homad.sock";

enum class ControlKind : std::uint32_t {
  kHello = 1,
  kMemory = 2,
  kOpen = 3,
  kSignal = 4,
  kCounters = 5,
  kPort = 6,
  kReopen = 7,
  kReplace = 8,
  kWelcome = 16,
  kDone = 17,
  kRefused = 18,
  kHandOver = 19,
};

// Fields of fixed width; each kind uses some.
struct ControlHead {
  std::uint64_t magic = kControlMagic;
  std::uint32_t version = kControlVersion;
  ControlKind kind{};
  std::uint32_t code = 0;  // kRefused: ErrorCode
  std::uint32_t channel = 0;
  std::uint64_t receive_bytes = 0;   // of the program
  std::uint64_t transmit_bytes = 0;  // of a channel, at most
  std::uint32_t rpcs_max = 0;        // that the program has in progress
  std::uint32_t message_bytes_max = 0;
  PeerRecord engine{};                // its address; the port that the program asks for, or has got
  std::uint32_t wait_for_memory = 0;  // kHello: messages wait for room as long as their peers live
  std::uint32_t reserved = 0;
};
static_assert(sizeof(ControlHead) == 80 && std::is_trivially_copyable_v<ControlHead>);

struct ControlMessage {
  ControlHead head;
  std::string text;
  std::vector<base::Descriptor> descriptors;
};

inline constexpr std::size_t kControlTextMax = 60'000;
inline constexpr std::size_t kControlDescriptorsMax = 3;

// A connection to who listens at `path`. Invalid, without an error: nobody does. Waits at most
// kConnectAtMost where too many connect at once. kInvalidArgument, kSystem.
inline constexpr std::chrono::seconds kConnectAtMost{10};
Result<base::Descriptor, Error> connect_control(const std::string& path);

// Neither of these blocks, whatever the other side does. `socket`: SOCK_SEQPACKET.
// kWouldBlock: the other side does not read. kClosed: there is no other side. kSystem.
Result<void, Error> send_control(int socket, const ControlHead& head, std::string_view text = {},
                                 std::span<const int> descriptors = {});
// nullopt: nothing is there. kClosed: the other side is gone. kInvalidArgument: what came is no
// message of this version; the text says why.
Result<std::optional<ControlMessage>, Error> receive_control(int socket);

}  // namespace homa::channel
