// Receive memory: who gets some, who waits, who gives way (docs/protocol.md#memory).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

// One zone of 8 blocks of 4 kB. Requests may take six of them, and those of one port four.
ScenarioOptions small_memory() {
  ScenarioOptions options;
  options.config.message_bytes_max = 4'096;
  options.config.receive_region_bytes = 8 * 4'096;
  options.hold_buffers = true;
  return options;
}

constexpr const char* kFourRequests = R"(
    0    in     DATA a length=4000 bytes=0-4000
    0    event  request a
    0    in     DATA b length=4000 bytes=0-4000
    0    event  request b
    0    in     DATA c length=4000 bytes=0-4000
    0    event  request c
    0    in     DATA d length=4000 bytes=0-4000
    0    event  request d
)";

// A message that finds no room waits, and its data is dropped. When it gets a buffer, its bytes are
// asked for.
TEST(ScenarioMemory, AMessageWaitsForABufferAndIsAskedForThen) {
  run_scenario(std::string(kFourRequests) + R"(
    1    check  region=16384
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    5    in     RESEND e offset=0 length=all
    5    out    BUSY e
    6    app    release a
    6    out    RESEND e offset=0 length=4000
    7    in     DATA e length=4000 bytes=0-4000 again
    7    event  request e
    7    check  region=16384
  )",
               small_memory());
}

// A handler that makes a call gets the response, however many requests fill the memory.
TEST(ScenarioMemory, ResponsesHaveAReserve) {
  run_scenario(std::string(kFourRequests) + R"(
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    1    app    start x length=10
    1    out    DATA x bytes=0-10
    2    in     DATA x length=4000 bytes=0-4000
    2    event  response x
    3    in     ERROR e error=cancelled
  )",
               small_memory());
}

// Of those that wait, the shortest comes first, whenever it came.
TEST(ScenarioMemory, TheShortestWaitsLeast) {
  run_scenario(std::string(kFourRequests) + R"(
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    1    in     DATA f length=2000 bytes=0-1424 incoming=2000 drop=no-buffer
    2    app    release a
    2    out    RESEND f offset=0 length=2000
    2.1  in     DATA f length=2000 bytes=0-2000 again
    2.1  event  request f
    2.1  out    RESEND e offset=0 length=4000
    2.1  in     DATA e length=4000 bytes=0-4000 again
    2.1  event  request e
  )",
               small_memory());
}

TEST(ScenarioMemory, WhoWaitsLongLearnsThatTheServerIsOverloaded) {
  ScenarioOptions options = small_memory();
  options.config.buffer_wait_max = std::chrono::milliseconds(300);
  run_scenario(std::string(kFourRequests) + R"(
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    301  out    ERROR e error=overloaded executed=no
    302  check  rpcs=4
  )",
               options);
}

// With wait_for_memory a message waits as long as its sender shows that it lives.
ScenarioOptions with_time() {
  ScenarioOptions options = small_memory();
  options.config.buffer_wait_max = std::chrono::milliseconds(300);
  options.config.need_ack_give_up = std::chrono::milliseconds(1'000);
  options.config.wait_for_memory = true;
  return options;
}

TEST(ScenarioMemory, AMessageMayWaitAsLongAsItsSenderLives) {
  run_scenario(std::string(kFourRequests) + R"(
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    900  in     RESEND e offset=0 length=all
    900  out    BUSY e
    1800 check  rpcs=5
    1800 app    release a
    1800 out    RESEND e offset=0 length=4000
    1801 in     DATA e length=4000 bytes=0-4000 again
    1801 event  request e
  )",
               with_time());
}

TEST(ScenarioMemory, AMessageDoesNotWaitForASenderThatIsGone) {
  run_scenario(std::string(kFourRequests) + R"(
    1    in     DATA e length=4000 bytes=0-1424 incoming=4000 drop=no-buffer
    1000 check  rpcs=5
    1201 out    ERROR e error=overloaded executed=no
    1202 check  rpcs=4
  )",
               with_time());
}

// A half-sent message keeps its buffer as long as nobody wants it, and it is asked for.
ScenarioOptions patient() {
  ScenarioOptions options = small_memory();
  options.config.timeout_ticks = 10'000;
  options.config.resend_ticks = options.config.resend_interval = 400;
  options.config.receive_rate_min = 2'000;
  return options;
}

TEST(ScenarioMemory, AMessageThatComesTooSlowlyGivesWayToThoseThatWait) {
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=0-4000
    0    event  request a
    0    in     DATA b length=4000 bytes=0-4000
    0    event  request b
    0    in     DATA c length=4000 bytes=0-4000
    0    event  request c
    0    in     DATA d length=4000 bytes=0-100 incoming=4000    # and then 2,000 bytes a second
    0    in     DATA e length=4000 bytes=0-100 incoming=4000 drop=no-buffer
    300  in     DATA d length=4000 bytes=100-200
    700  out    ERROR d error=too-slow executed=no
    700  out    RESEND e offset=0 length=4000
    700  check  rpcs=4
  )",
               patient());
}

// Its sender's link is busy with others of its messages, which it sends first.
TEST(ScenarioMemory, AMessageThatItsSenderPutsBehindOthersKeepsItsBuffer) {
  run_scenario(R"(
    0    in     DATA a length=4000 bytes=0-4000
    0    event  request a
    0    in     DATA b length=4000 bytes=0-4000
    0    event  request b
    0    in     DATA c length=4000 bytes=0-4000
    0    event  request c
    0    in     DATA d length=4000 bytes=0-100 incoming=4000
    0    in     DATA e length=4000 bytes=0-100 incoming=4000 drop=no-buffer
    300  in     DATA f length=4000 bytes=0-4000 drop=no-buffer
    400  out    RESEND d offset=100 length=3900
    500  in     DATA f length=4000 bytes=0-4000 drop=no-buffer
    800  out    RESEND d offset=100 length=3900
    801  in     DATA d length=4000 bytes=100-4000
    801  event  request d
    802  check  rpcs=6
  )",
               patient());
}

}  // namespace
}  // namespace homa::test
