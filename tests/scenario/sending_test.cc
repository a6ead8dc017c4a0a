// Which message goes next, and when (docs/protocol.md#pacing). On a link of 100 Mbit/s a full
// packet takes 0.125 ms by the link model: (1424 + 56 + 58 bytes) * 8 / 99 Mbit/s.
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

ScenarioOptions slow_link() {
  ScenarioOptions options;
  options.config.link_bits_per_second = 100'000'000;
  options.config.pacer_fifo_per_mille = 0;
  return options;
}

TEST(ScenarioSending, APacketBoundaryIsForcedAtTheEndOfTheUnscheduledBytes) {
  run_scenario(R"(
    0    app    start a length=100000
    0    out    DATA a incoming=40000 bytes=0-39872
    0    out    DATA a incoming=40000 bytes=39872-40000    # capture 04: the 29th carries 128 bytes
    1    in     GRANT a offset=100000 priority=0
    1    out    DATA a incoming=100000 bytes=40000-100000
    2    end
  )");
}

TEST(ScenarioSending, PacketsArePacedAtTheLinksRate) {
  run_scenario(R"(
    0      app    start a length=5000
    0      out    DATA a bytes=0-1424
    0.05   check  rpcs=1
    0.10   check  rpcs=1
    0.115  check  rpcs=1                      # nothing yet: 5 us may wait in the device, not more
    0.13   out    DATA a bytes=1424-2848
    0.20   check  rpcs=1
    0.235  check  rpcs=1
    0.25   out    DATA a bytes=2848-4272
    0.38   out    DATA a bytes=4272-5000
    4      end
  )",
               slow_link());
}

TEST(ScenarioSending, FewestBytesLeftGoesFirst) {
  run_scenario(R"(
    0      app    start a length=30000
    0      out    DATA a bytes=0-1424
    0.01   app    start b length=10000
    0.02   app    start c length=2848
    0.13   out    DATA c bytes=0-1424
    0.25   out    DATA c bytes=1424-2848
    0.38   out    DATA b bytes=0-10000
    1.3    out    DATA a bytes=1424-2848
    1.35   app    abort a error=cancelled
    1.35   out    ERROR a error=cancelled
    1.4    end
  )",
               slow_link());
}

TEST(ScenarioSending, ShortMessagesAndControlPacketsDoNotWait) {
  run_scenario(R"(
    0      app    start a length=30000
    0      out    DATA a bytes=0-1424
    0.01   app    start b length=999
    0.01   out    DATA b bytes=0-999
    0.02   in     RESEND c offset=0 length=all
    0.02   out    UNKNOWN c
    0.10   app    abort a error=cancelled
    0.10   out    ERROR a error=cancelled
    0.2    end
  )",
               slow_link());
}

// Half of the bytes to the oldest message: a and b take turns although b is always shorter.
TEST(ScenarioSending, TheOldestMessageGetsItsShare) {
  ScenarioOptions options = slow_link();
  options.config.pacer_fifo_per_mille = 500;
  run_scenario(R"(
    0      app    start a length=30000
    0      out    DATA a bytes=0-1424
    0.01   app    start b length=10000
    0.12   out    DATA a bytes=1424-2848     # its share of what went before b came
    0.25   out    DATA b bytes=0-1424
    0.37   out    DATA a bytes=2848-4272
    0.49   out    DATA b bytes=1424-2848
    0.62   out    DATA a bytes=4272-5696
    0.68   app    abort a error=cancelled
    0.68   out    ERROR a
    0.68   app    abort b error=cancelled
    0.68   out    ERROR b
    1      end
  )",
               options);
}

// A message waits for grants; another one that can go does not wait for it.
TEST(ScenarioSending, OnlyBytesThatMayGoCompete) {
  ScenarioOptions options = slow_link();
  options.config.unscheduled_bytes = 1'424;
  run_scenario(R"(
    0      app    start a length=4272
    0      out    DATA a incoming=1424 bytes=0-1424
    0.01   app    start b length=30000
    0.13   out    DATA b incoming=1424 bytes=0-1424
    0.30   in     GRANT b offset=2848 priority=0
    0.30   out    DATA b bytes=1424-2848
    0.31   in     GRANT a offset=4272 priority=1
    0.43   out    DATA a bytes=1424-4272
    1      end
  )",
               options);
}

}  // namespace
}  // namespace homa::test
