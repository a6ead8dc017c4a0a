#include "engine/engine_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

namespace homa::engine {
namespace {

using ::testing::ElementsAre;

class EngineLogTest : public ::testing::Test {
 protected:
  EngineLogTest() {
    log_.set([this](const LogLine& line) {
      std::string text(line.text);
      for (const LogField& field : line.fields) {
        text += " " + std::string(field.name) + "=" + std::string(field.value);
      }
      lines_.push_back(text);
    });
  }

  EngineLog log_;
  std::vector<std::string> lines_;
};

TEST_F(EngineLogTest, AChangedParameterNamesWhoChangedIt) {
  log_.parameter_changed({"window", "0", "20000", 7, 1000});
  EXPECT_THAT(lines_,
              ElementsAre("parameter changed name=window before=0 now=20000 pid=7 user=1000"));
}

TEST_F(EngineLogTest, ManyFailuresAtOnceAreOneLineThatCountsThem) {
  const SocketAddress peer{*Address::parse("10.0.0.1"), 4000};
  const Time began{std::chrono::seconds(5)};
  for (int i = 0; i < 4; ++i) log_.rpc_failed(began, ErrorCode::kPeerSilent, Executed::kNo, peer);
  EXPECT_EQ(lines_.size(), 1U);
  log_.rpc_failed(began + EngineLog::kBetweenFailures, ErrorCode::kCancelled, Executed::kPerhaps,
                  peer);
  const std::string address = peer.to_string();
  EXPECT_THAT(lines_,
              ElementsAre("RPC failed error=" + std::string(to_string(ErrorCode::kPeerSilent)) +
                              " executed=not executed peer=" + address + " others=0",
                          "RPC failed error=cancelled executed=perhaps executed peer=" + address +
                              " others=3"));
}

TEST(EngineLog, AListenerThatThrowsDoesNotHurtTheEngine) {
  EngineLog log;
  log.set([](const LogLine&) { throw std::bad_alloc(); });
  log.out_of_memory();
  log.parameter_changed({});
  log.rpc_failed({}, ErrorCode::kTimeout, Executed::kNo, {});
}

TEST(EngineLog, SaysNothingWhereNobodyListens) {
  EngineLog log;
  log.out_of_memory();
  log.parameter_changed({});
  log.rpc_failed({}, ErrorCode::kTimeout, Executed::kNo, {});
}

}  // namespace
}  // namespace homa::engine
