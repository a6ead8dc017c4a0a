// The memory of all accounts together runs short: who gives way, and in which order
// (docs/protocol.md#pressure).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

constexpr std::uint32_t kBlock = 4'096;

// Nine blocks in all, of which one is guaranteed to the account. Pressure is moderate when it uses
// seven, and high when it uses eight.
ScenarioOptions nine_blocks() {
  ScenarioOptions options;
  options.config.message_bytes_max = kBlock;
  options.config.resend_ticks = 90;
  options.hold_buffers = true;
  options.memory_total = 9 * kBlock;
  options.account.receive_bytes = 64 * kBlock;
  options.account.memory_guaranteed = kBlock;
  return options;
}

constexpr const char* kSixRequests = R"(
    0    in     DATA a length=4000 bytes=0-4000
    0    event  request a
    0    in     DATA b length=4000 bytes=0-4000
    0    event  request b
    0    in     DATA c length=4000 bytes=0-4000
    0    event  request c
    0    in     DATA d length=4000 bytes=0-4000
    0    event  request d
    0    in     DATA e length=4000 bytes=0-4000
    0    event  request e
    0    in     DATA f length=4000 bytes=0-4000
    0    event  request f
)";

// Moderate pressure: a new message gets no buffer, so it is granted nothing, and its sender hears
// BUSY at once. It gets one when pressure is over, which is not where it began.
TEST(ScenarioPressure, NewMessagesWaitAndTheirSendersHearBusy) {
  run_scenario(std::string(kSixRequests) + R"(
    0    in     DATA g length=4000 bytes=0-4000
    0    event  request g
    1    in     DATA h length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    1    out    BUSY h
    2    app    release a
    2    app    release b
    3    app    release c
    3    out    RESEND h offset=0 length=4000
    4    in     DATA h length=4000 bytes=0-4000 again
    4    event  request h
  )",
               nine_blocks());
}

// High pressure: after 20 ms the incoming message that is idle longest goes, then the next one,
// until pressure is not high any more.
TEST(ScenarioPressure, TheIncomingMessageThatIsIdleLongestIsDroppedFirst) {
  ScenarioOptions options = nine_blocks();
  options.config.unscheduled_bytes = 1'424;
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=0-4000
    0    event  request a
    0    in     DATA b length=4000 bytes=0-4000
    0    event  request b
    0    in     DATA c length=4000 bytes=0-4000
    0    event  request c
    1    in     DATA p length=4000 bytes=0-1424 incoming=4000
    2    in     DATA q length=4000 bytes=0-1424 incoming=4000
    3    in     DATA r length=4000 bytes=0-1424 incoming=4000
    4    in     DATA p length=4000 bytes=1424-2848
    5    app    start x length=4096
    5    out    DATA x bytes=0-1424
    5    app    start y length=4096
    5    out    DATA y bytes=0-1424
    25   out    ERROR q error=overloaded
    27   out    ERROR r error=overloaded
    40   check  rpcs=6
    41   in     DATA p length=4000 bytes=2848-4000
    41   event  request p
  )",
               options);
}

// When nothing arrives that could go, messages go that wait for grants, the longest idle first.
TEST(ScenarioPressure, OutgoingMessagesThatNobodyGrantsAreDroppedNext) {
  ScenarioOptions options = nine_blocks();
  options.config.unscheduled_bytes = 1'424;
  run_scenario(std::string(kSixRequests) + R"(
    1    app    start x length=4096
    1    out    DATA x bytes=0-1424
    2    app    start y length=4096
    2    out    DATA y bytes=0-1424
    22   out    ERROR x error=cancelled
    22   event  done x
    22   event  failed x error=no-memory
    24   out    ERROR y error=cancelled
    24   event  done y
    24   event  failed y error=no-memory
    30   check  rpcs=6
  )",
               options);
}

// When there is nothing to drop, an account beyond its guarantee may not send.
TEST(ScenarioPressure, SendsAreRefusedWhenNothingCanBeDropped) {
  run_scenario(std::string(kSixRequests) + R"(
    1    app    start x length=4096
    1    out    DATA x bytes=0-4096
    2    app    start y length=4096
    2    out    DATA y bytes=0-4096
    10   app    start z length=100
    10   out    DATA z bytes=0-100
    23   app    start v length=100 as=no-memory
    24   app    reply a length=100 as=no-memory
    24   out    ERROR a error=overloaded
    24   event  failed a error=no-memory
    25   app    release a
    25   app    release b
    25   app    release c
    26   app    start w length=100
    26   out    DATA w bytes=0-100
  )",
               nine_blocks());
}

}  // namespace
}  // namespace homa::test
