// Scripted exchanges with one endpoint, written as a table of time, packet in, packet out.
//
//     ms   who    what
//     0    app    start a length=100
//     0    out    DATA a length=100 incoming=100 bytes=0-100
//     5    out    RESEND a offset=0 length=all
//     5.4  in     BUSY a
//     7    in     DATA a length=100 incoming=100 bytes=0-100
//     7    event  response a length=100
//     40   end
//
// `in` is a packet that the endpoint gets, `out` one that it must send, `event` one that the
// application must get, `app` what the application does. Lines are in order of time. A packet or
// event that no line expects fails the scenario, as does one that does not come. An `out` or
// `event` at the time of an `in` or `app` line comes at once; others may differ by one tick (1 ms)
// from their line, because ticks have a phase.
//
// RPCs are named by a word. One that `app start` began is ours; one that an `in DATA` began is
// served by us. Fields are name=value; those that a line leaves out are not compared (out, event)
// or have the usual value (in). What the lines can say:
//
//   app    start RPC length=N [peer=N] [as=error]    reply RPC length=N [as=error]
//          abort RPC error=WORD [report] [as=error]  close server|client
//          release RPC                               (with hold_buffers)
//   in     DATA RPC length=N bytes=A-B [incoming=N] [again] [ack=RPC] [cutoffs=VERSION] [limit=N]
//               [implicit]: the offset is in `sequence` only, as a kernel's first transmissions
//          GRANT RPC offset=N [priority=N]           RESEND RPC offset=N length=N|all [priority=N]
//          UNKNOWN|BUSY|NEED_ACK RPC                 ACK RPC [acks=RPC,RPC]
//          QUERY RPC [rpcs=RPC,RPC]                  STATUS RPC [rpcs=RPC,RPC] known=101
//          (known: a digit for each RPC)
//          CHALLENGE RPC nonce=N                     ANSWER RPC [nonce=N]
//          (nonce: that of the last CHALLENGE, unless the line says another)
//          CUTOFFS version=N values=A,B,..(8)        ERROR RPC error=WORD [executed=WORD]
//                                                    [limit=N]
//          any of them with peer=N; life=N: the sender's identity (0: a kernel's);
//          drop=REASON: the endpoint must drop it and say so
//   out    the same; prio=N is the packet's network priority, to=N the peer that it goes to;
//          one `out DATA` line with bytes=A-B stands for all the packets
//          of that range; size=N: each has N bytes of payload, the last one the rest
//   icmp   port|protocol|host [RPC]
//   path   known [packet=N] [device=N megabits=N] [peer=N]: the way to the peer takes Homa packets
//          of N bytes, and leaves by that device of that rate
//          too-big RPC offset=N packet=N: and ICMP quotes the packet that began at that offset
//   event  request|response RPC [length=N], failed RPC [error=WORD] [executed=no|perhaps|yes], done
//   RPC check  rpcs=N region=N peers=N granted=N (any of them) end    nothing more happens until
//   then
//
// Peer N is 10.0.0.N. The first `known_peers` have had an RPC with us when the table begins: they
// told us their cutoffs (the defaults, version 1), and no ack is owed to them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"

namespace homa::test {

struct ScenarioOptions {
  core::CoreConfig config = defaults();
  std::uint64_t known_peers = 1;
  bool hold_buffers = false;         // the application keeps the buffers of what it received
  std::uint16_t cutoff_version = 1;  // that `in DATA` names unless it says another
  // Bytes of messages of all accounts; not 0: the ports belong to an account with these limits.
  std::uint64_t memory_total = 0;
  core::AccountLimits account;

  // The protocol's defaults on an unpaced link.
  static core::CoreConfig defaults() {
    core::CoreConfig config;
    config.link_bits_per_second = 0;
    return config;
  }
};

// Runs the table; GoogleTest failures name the line. Use inside a test.
void run_scenario(std::string_view table, const ScenarioOptions& options = {});

}  // namespace homa::test
