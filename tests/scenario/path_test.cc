// How long packets may be, and what goes again when they were too long (docs/protocol.md#path-mtu).
// A limit of 1,228 bytes leaves 1,172 for the payload, one of 1,480 the usual 1,424.
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

TEST(ScenarioPath, PacketsKeepToTheLimitThatIsKnownBeforeTheFirst) {
  run_scenario(R"(
    0      path   known packet=1228
    0      app    start a length=5000
    0      out    DATA a bytes=0-5000 size=1172
    1      end
  )");
}

TEST(ScenarioPath, AMessageInProgressIsCutByIcmpAndDividedWithinItsOldPackets) {
  run_scenario(R"(
    0      app    start a length=60000
    0      out    DATA a bytes=0-39872 size=1424
    0      out    DATA a bytes=39872-40000
    1      path   too-big a offset=37024 packet=1228
    1      out    DATA a bytes=37024-38196 again
    1      out    DATA a bytes=38196-38448 again
    1      out    DATA a bytes=38448-39620 again
    1      out    DATA a bytes=39620-39872 again
    1      out    DATA a bytes=39872-40000 again
    2      in     GRANT a offset=60000
    2      out    DATA a bytes=40000-60000 size=1172
    3      end
  )");
}

// The second message for the same burst finds the message cut already.
TEST(ScenarioPath, OneBurstIsCutOnce) {
  run_scenario(R"(
    0      app    start a length=5000
    0      out    DATA a bytes=0-4272 size=1424
    0      out    DATA a bytes=4272-5000
    1      path   too-big a offset=0 packet=1228
    1      out    DATA a bytes=0-1172 again
    1      out    DATA a bytes=1172-1424 again
    1      out    DATA a bytes=1424-2596 again
    1      out    DATA a bytes=2596-2848 again
    1      out    DATA a bytes=2848-4020 again
    1      out    DATA a bytes=4020-4272 again
    1      out    DATA a bytes=4272-5000 again
    1      path   too-big a offset=1424 packet=1228
    1.1    end
  )");
}

TEST(ScenarioPath, AQuotationOfWhatWasNotSentChangesNothing) {
  run_scenario(R"(
    0      app    start a length=100000
    0      out    DATA a bytes=0-39872 size=1424
    0      out    DATA a bytes=39872-40000
    1      path   too-big a offset=50000 packet=1228
    2      in     GRANT a offset=42848
    2      out    DATA a bytes=40000-42848 size=1424
    3      end
  )");
}

// Asked for together with what goes again already, the parts still end where packets ended before.
TEST(ScenarioPath, AResendAcrossACutKeepsTheOldBoundaries) {
  run_scenario(R"(
    0      app    start a length=5000
    0      out    DATA a bytes=0-4272 size=1424
    0      out    DATA a bytes=4272-5000
    1      path   too-big a offset=2848 packet=1228
    1      out    DATA a bytes=2848-4020 again
    1      out    DATA a bytes=4020-4272 again
    1      out    DATA a bytes=4272-5000 again
    3      in     RESEND a offset=0 length=4272
    3      out    DATA a bytes=0-1172 again
    3      out    DATA a bytes=1172-1424 again
    3      out    DATA a bytes=1424-2596 again
    3      out    DATA a bytes=2596-2848 again
    3      out    DATA a bytes=2848-4020 again
    3      out    DATA a bytes=4020-4272 again
    4      end
  )");
}

TEST(ScenarioPath, AWiderPathIsForTheNextMessage) {
  run_scenario(R"(
    0      path   known packet=1228
    0      app    start a length=100000
    0      out    DATA a bytes=0-39848 size=1172
    0      out    DATA a bytes=39848-40000
    1      path   known packet=1480
    1      in     GRANT a offset=42344
    1      out    DATA a bytes=40000-42344 size=1172
    2      app    start b length=5000
    2      out    DATA b bytes=0-5000 size=1424
    3      end
  )");
}

// Nobody says that 1,424 bytes do not fit. Three rounds of the same question do.
TEST(ScenarioPath, ANarrowPathThatSaysNothingIsFoundByRepeatedQuestions) {
  run_scenario(R"(
    0      app    start a length=4000
    0      out    DATA a bytes=0-4000 size=1424
    2      in     RESEND a offset=0 length=1424
    2      out    DATA a bytes=0-1424 again size=1424
    4      in     RESEND a offset=0 length=1424          # the same round
    4      out    DATA a bytes=0-1424 again size=1424
    7.5    in     RESEND a offset=0 length=1424
    7.5    out    DATA a bytes=0-1424 again size=1424
    12.4   in     BUSY a
    13     in     RESEND a offset=0 length=1424
    13     out    BUSY a                                   # its peer's patience begins anew
    13     out    DATA a bytes=0-1424 again size=1172
    14     app    start b length=4000
    14     out    DATA b bytes=0-4000 size=1172
    15     end
  )");
}

// At 100 Mbit/s a packet takes 0.125 ms, at 1,000 Mbit/s a tenth of that.
ScenarioOptions two_devices() {
  ScenarioOptions options;
  options.config.link_bits_per_second = 1'000'000'000;
  options.config.pacer_fifo_per_mille = 0;
  options.known_peers = 2;
  return options;
}

TEST(ScenarioPath, EachDeviceIsPacedByItsOwnRateAndHoldsNoOtherBack) {
  run_scenario(R"(
    0      path   known device=2 megabits=100 peer=1
    0      path   known device=3 megabits=1000 peer=2
    0      app    start slow length=5696 peer=1
    0      out    DATA slow bytes=0-1424
    0.01   app    start fast length=9968 peer=2     # longer, and not behind the shorter one
    0.01   out    DATA fast bytes=0-1424
    0.015  check  rpcs=2
    0.021  out    DATA fast bytes=1424-9968
    0.13   out    DATA slow bytes=1424-2848
    0.25   out    DATA slow bytes=2848-4272
    0.38   out    DATA slow bytes=4272-5696
    4      end
  )",
               two_devices());
}

// Its messages wait for the usual link until the way is known.
TEST(ScenarioPath, AMessageMovesToTheLinkOfItsPeerBeforeItsFirstPacket) {
  run_scenario(R"(
    0      app    start first length=9968 peer=2
    0      out    DATA first bytes=0-1424
    0      app    start slow length=2848 peer=1
    0.001  path   known device=2 megabits=100 peer=1
    0.008  out    DATA first bytes=1424-2848
    0.008  out    DATA slow bytes=0-1424
    0.02   out    DATA first bytes=2848-9968
    0.13   out    DATA slow bytes=1424-2848
    4      end
  )",
               two_devices());
}

}  // namespace
}  // namespace homa::test
