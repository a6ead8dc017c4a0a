// Who lives, who is known, and who is given up (docs/protocol.md#waiting, #who-is-given-up).
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace homa::test {
namespace {

using std::chrono::milliseconds;

// Two and a half seconds of waiting cost a kernel peer nine questions.
TEST(ScenarioLiveness, ARpcThatItsServerKnowsIsAskedAboutAtGrowingIntervals) {
  run_scenario(R"(
    0     app    start a length=100
    0     out    DATA a bytes=0-100
    5     out    RESEND a offset=0 length=all
    6     in     BUSY a
    20    out    RESEND a offset=0 length=all
    21    in     BUSY a
    41    out    RESEND a
    42    in     BUSY a
    82    out    RESEND a
    83    in     BUSY a
    163   out    RESEND a
    164   in     BUSY a
    324   out    RESEND a
    325   in     BUSY a
    645   out    RESEND a
    646   in     BUSY a
    1286  out    RESEND a
    1287  in     BUSY a
    2567  out    RESEND a
    2568  in     BUSY a
    4568  out    RESEND a
    4569  in     BUSY a
    6569  out    RESEND a
    6570  in     BUSY a
    7000  in     DATA a length=100 bytes=0-100
    7000  event  response a
    60000 end
  )");
}

TEST(ScenarioLiveness, RpcsAtOneHostOfOursShareAQuestion) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    0    app    start c length=100
    0    out    DATA c bytes=0-100
    5    out    RESEND a
    5    out    RESEND b
    5    out    RESEND c
    5.2  in     BUSY a life=3
    5.2  in     BUSY b life=3
    5.2  in     BUSY c life=3
    20   out    QUERY a rpcs=b,c prio=7
    20.2 in     STATUS a rpcs=b,c known=111 life=3
    41   out    QUERY a rpcs=b,c
    41.2 in     STATUS a rpcs=b,c known=111 life=3
    50   in     DATA b length=100 bytes=0-100 life=3
    50   event  response b
    90   out    QUERY a rpcs=c
    90.2 in     STATUS a rpcs=c known=11 life=3
    91   end
  )");
}

// They take turns: nobody is asked about twice before everybody was asked about once.
TEST(ScenarioLiveness, MoreRpcsThanFitInOneQuestionTakeTurns) {
  ScenarioOptions options;
  options.config.question_interval_max = milliseconds(100);
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    0    app    start c length=100
    0    out    DATA c bytes=0-100
    0    app    start d length=100
    0    out    DATA d bytes=0-100
    0    app    start e length=100
    0    out    DATA e bytes=0-100
    0    app    start f length=100
    0    out    DATA f bytes=0-100
    0    app    start g length=100
    0    out    DATA g bytes=0-100
    0    app    start h length=100
    0    out    DATA h bytes=0-100
    1    in     BUSY a life=3
    1    in     BUSY b life=3
    1    in     BUSY c life=3
    1    in     BUSY d life=3
    1    in     BUSY e life=3
    1    in     BUSY f life=3
    1    in     BUSY g life=3
    1    in     BUSY h life=3
    16   out    QUERY a rpcs=b,c,d,e,f
    16.2 in     STATUS a rpcs=b,c,d,e,f known=111111 life=3
    37   out    QUERY g rpcs=h,a,b,c,d
    37.2 in     STATUS g rpcs=h,a,b,c,d known=111111 life=3
    78   out    QUERY e rpcs=f,g,h,a,b
    78.2 in     STATUS e rpcs=f,g,h,a,b known=111111 life=3
    79   end
  )",
               options);
}

TEST(ScenarioLiveness, OneAnswerOfAServerThatRestartedEndsAllThatTheOneBeforeHad) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    5    out    RESEND a
    5    out    RESEND b
    5.2  in     BUSY a life=3
    5.2  in     BUSY b life=3
    20   out    QUERY a rpcs=b
    20.2 in     STATUS a rpcs=b known=11 life=3
    41   out    QUERY a rpcs=b
    41.2 in     STATUS a known=0 life=4 drop=other-identity
    41.2 out    CHALLENGE a
    41.4 in     ANSWER a life=4
    41.4 event  failed a error=peer-restarted
    41.4 event  failed b error=peer-restarted        # it was known to the one before
    900  end
  )");
}

TEST(ScenarioLiveness, AServerSaysWhichRpcsItKnows) {
  run_scenario(R"(
    0    in     DATA a length=5000 bytes=0-1424      # arrives
    0    in     DATA b length=100 bytes=0-100
    0    event  request b                            # at work
    0    in     DATA c length=100 bytes=0-100
    0    event  request c
    0    app    reply c length=100
    0    out    DATA c bytes=0-100                   # waits for its ack
    0    in     DATA d length=100 bytes=0-100
    0    event  request d
    0    app    reply d length=100
    0    out    DATA d bytes=0-100
    0.1  in     ACK d                                # over
    1    in     QUERY a rpcs=b,c,d
    1    out    STATUS a rpcs=b,c,d known=1110 prio=7
    1.5  in     QUERY d
    1.5  out    STATUS d known=0
    1.6  in     ACK c
    1.7  in     ERROR a error=cancelled
    900  end
  )");
}

// While others are heard of a host, it need not be asked whether it lives.
TEST(ScenarioLiveness, AnyPacketShowsThatItsHostLives) {
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     BUSY a life=3
    5    in     DATA b length=10 bytes=0-10 life=3
    5    event  request b
    14   in     DATA c length=10 bytes=0-10 life=3
    14   event  request c
    23   in     DATA d length=10 bytes=0-10 life=3
    23   event  request d
    32   in     DATA e length=10 bytes=0-10 life=3
    32   event  request e
    42   out    QUERY a
    42.1 in     STATUS a known=1 life=3
    43   end
  )");
}

// All of them, by one exchange, and only them. Nothing is sent to the dead.
TEST(ScenarioLiveness, AHostThatAnswersNoQuestionLosesItsRpcs) {
  ScenarioOptions options;
  options.known_peers = 2;
  options.config.timeout_ticks = 20;
  options.config.timeout_questions = 3;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    0    app    start b length=100
    0    out    DATA b bytes=0-100
    0    app    start x length=100 peer=2
    0    out    DATA x bytes=0-100 to=2
    1    in     BUSY a life=3
    1    in     BUSY b life=3
    1    in     BUSY x life=5 peer=2
    2    in     DATA c length=5000 bytes=0-1424 life=3   # half a request from there
    7    out    RESEND c offset=1424 length=3576
    12   out    RESEND c offset=1424 length=3576
    16   out    QUERY x to=2
    16.1 in     STATUS x known=1 life=5 peer=2
    17   out    RESEND c offset=1424 length=3576           # one exchange is enough
    22   event  failed a error=peer-silent
    22   event  failed b error=peer-silent
    22   check  rpcs=1
    37   out    QUERY x to=2
    37.1 in     STATUS x known=1 life=5 peer=2
    38   end
  )",
               options);
}

TEST(ScenarioLiveness, ALatePacketOfAFormerLifeAnswersNoQuestion) {
  ScenarioOptions options;
  options.config.timeout_ticks = 20;
  options.config.timeout_questions = 3;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    1    in     UNKNOWN a life=3                # the request was lost
    1    out    DATA a bytes=0-100 again
    2    in     DATA b length=10 bytes=0-10 life=4
    2    event  request b
    2    out    CHALLENGE b                     # who is there?
    2.2  in     ANSWER b life=4                 # it restarted; a is on its way to this life
    2.2  out    RESEND a
    6    in     UNKNOWN b life=3                # late, and not about a
    6    out    CHALLENGE b
    6.2  in     ANSWER b life=4
    10   out    RESEND a
    15   out    RESEND a
    20   out    ERROR a error=cancelled
    20   event  failed a error=peer-silent
    900  end
  )",
               options);
}

// A host may live and have lost all that belongs to one RPC.
TEST(ScenarioLiveness, AnRpcAboutWhichALivingHostSaysNothingIsGivenUp) {
  ScenarioOptions options;
  options.config.timeout_ticks = 20;
  options.config.timeout_questions = 3;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a
    6    in     DATA b length=10 bytes=0-10
    6    event  request b
    10   out    RESEND a
    11   in     DATA c length=10 bytes=0-10
    11   event  request c
    15   out    RESEND a
    16   in     DATA d length=10 bytes=0-10
    16   event  request d
    20   out    ERROR a error=cancelled
    20   event  failed a error=peer-silent
    900  end
  )",
               options);
}

// The time alone is no reason: a host that was asked once may have been busy once.
TEST(ScenarioLiveness, ATimeoutNeedsSeveralQuestions) {
  ScenarioOptions options;
  options.config.timeout_ticks = 8;
  options.config.timeout_questions = 4;
  run_scenario(R"(
    0    app    start a length=100
    0    out    DATA a bytes=0-100
    5    out    RESEND a
    10   out    RESEND a
    15   out    RESEND a
    20   out    RESEND a
    25   event  failed a error=peer-silent
    900  end
  )",
               options);
}

// A kernel grants to eight messages and says nothing to the others. Its NEED_ACK is answered with
// what it lacks, or not at all.
TEST(ScenarioLiveness, AResponseThatIsSentInPartIsKeptWhileItsClientLives) {
  ScenarioOptions options;
  options.config.need_ack_give_up = milliseconds(2'000);
  options.config.need_ack_backoff_max = milliseconds(64);
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    reply a length=100000
    0    out    DATA a bytes=0-40000
    100  out    NEED_ACK a
    101  in     RESEND a offset=1424 length=1424
    101  out    DATA a bytes=1424-2848 again
    201  out    NEED_ACK a
    301  out    NEED_ACK a
    350  in     GRANT a offset=100000 priority=2
    350  out    DATA a bytes=40000-100000
    351  in     ACK a
    900  end
  )",
               options);
}

TEST(ScenarioLiveness, AResponseWhoseClientIsGoneIsForgotten) {
  ScenarioOptions options;
  options.config.need_ack_give_up = milliseconds(500);
  run_scenario(R"(
    0    in     DATA a length=100 bytes=0-100
    0    event  request a
    0    app    reply a length=100000
    0    out    DATA a bytes=0-40000
    100  out    NEED_ACK a
    200  out    NEED_ACK a
    300  out    NEED_ACK a
    400  out    NEED_ACK a
    500  out    NEED_ACK a
    601  check  rpcs=0
    601  event  done a
    900  end
  )",
               options);
}

TEST(ScenarioLiveness, AClientThatGetsAllThatWasGrantedSaysThatItLives) {
  ScenarioOptions options;
  options.config.overcommit = 1;
  options.config.window = 10'000;
  options.config.grant_fifo_per_mille = 0;
  run_scenario(R"(
    0    app    start a length=10
    0    out    DATA a bytes=0-10
    0    app    start b length=10
    0    out    DATA b bytes=0-10
    1    in     DATA a length=50000 incoming=1424 bytes=0-1424
    1    out    GRANT a offset=11424
    1    in     DATA b length=90000 incoming=1424 bytes=0-1424    # must wait for a
    4    in     NEED_ACK b
    4    out    BUSY b
    5    end
  )",
               options);
}

TEST(ScenarioLiveness, AResendBeyondTheMessageGrantsNothing) {
  run_scenario(R"(
    0    app    start a length=100000
    0    out    DATA a incoming=40000 bytes=0-40000
    2    in     RESEND a offset=100000 length=1000
    2    out    BUSY a
    2.1  in     RESEND a offset=4000000000 length=1000000000
    2.1  out    BUSY a
    2.2  in     RESEND a offset=90000 length=20000
    2.2  out    BUSY a
    3    in     GRANT a offset=41424
    3    out    DATA a bytes=40000-41424
    4    end
  )");
}

// A kernel repeats its whole request for each UNKNOWN, through a queue that may be long.
TEST(ScenarioLiveness, AKernelIsNotToldAgainThatARequestIsUnknownWhileItRepeats) {
  run_scenario(R"(
    0    in     RESEND a offset=0 length=all       # we restarted
    0    out    UNKNOWN a
    0    in     RESEND b offset=0 length=all
    0    out    UNKNOWN b
    1    in     DATA a length=3000 bytes=0-1424 again
    2    in     RESEND b offset=0 length=all       # it may be behind a
    2    out    BUSY b
    3    in     DATA a length=3000 bytes=1424-3000 again
    3    event  request a
    9    in     RESEND b offset=0 length=all       # nothing came for five ticks
    9    out    UNKNOWN b
    10   end
  )");
}

// The sender has a long queue: what it repeats keeps coming, and less of it than was asked for.
TEST(ScenarioLiveness, BytesThatWereAskedForAreNotAskedForAgainWhileTheyCome) {
  run_scenario(R"(
    0    in     DATA a length=20000 bytes=0-1424
    0    in     DATA b length=20000 bytes=0-1424
    5    out    RESEND a offset=1424 length=18576
    5    out    RESEND b offset=1424 length=18576
    8    in     DATA a length=20000 bytes=1424-10000 again
    11   in     DATA a length=20000 bytes=10000-20000 again
    11   event  request a
    14   in     DATA b length=20000 bytes=1424-2848 again   # b's turn comes only now
    18   in     DATA b length=20000 bytes=2848-4272 again
    24   out    RESEND b offset=4272 length=15728           # nothing came for five ticks
    25   in     DATA b length=20000 bytes=4272-20000 again
    25   event  request b
    900  end
  )");
}

}  // namespace
}  // namespace homa::test
