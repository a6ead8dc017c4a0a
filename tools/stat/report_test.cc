#include "tools/stat/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/buckets.h"

namespace homa::tools {
namespace {

using observe::EngineState;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Time kNow{std::chrono::seconds(100)};

observe::Distribution rpc_times(std::uint64_t nanoseconds, std::uint64_t count) {
  observe::Distribution times{"rpc_time", "", "nanoseconds", 0, 256, 5, nanoseconds * count, {}};
  times.counts.resize(base::bucket_of(nanoseconds, 5) + 1);
  times.counts.back() = count;
  return times;
}

EngineState engine() {
  EngineState state;
  state.path = "/dev/shm/homa-7-abcdef";
  state.pid = 7;
  state.program = "homad";
  state.description = "udp 10.0.0.1";
  state.owner = trace::Owner::kLives;
  state.metrics = {{"grants_sent", "GRANT packets sent", true, 40},
                   {"errors_sent", "ERROR packets sent", true, 0},
                   {"peers_known", "peers in the table", false, 3}};
  state.distributions = {rpc_times(20'000, 100)};
  return state;
}

observe::RpcSeen rpc(std::uint64_t id, int began) {
  observe::RpcSeen seen;
  seen.wire_id = id;
  seen.began = Time(std::chrono::seconds(began));
  seen.peer = {Address::v4(10, 0, 0, 2), 4000};
  seen.state = "waiting";
  seen.is_ours = true;
  seen.send_length = 1'000;
  seen.sent = 900;
  return seen;
}

TEST(StatReport, ShowsLatenciesGaugesAndWhatWasCounted) {
  const std::string text = stat_text(engine(), false);
  EXPECT_THAT(text, HasSubstr("homad, pid 7, user 0: udp 10.0.0.1\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("<= 256 B +100 +20.[0-9] us"));
  EXPECT_THAT(text, ::testing::ContainsRegex("grants_sent +40  GRANT packets sent"));
  EXPECT_THAT(text, ::testing::ContainsRegex("peers_known +3  peers"));
  EXPECT_THAT(text, Not(HasSubstr("errors_sent")));
  EXPECT_THAT(stat_text(engine(), true), HasSubstr("errors_sent"));
}

TEST(StatReport, SaysWhatHappenedToTheProcess) {
  EngineState state = engine();
  state.owner = trace::Owner::kGone;
  EXPECT_THAT(engine_line(state), HasSubstr("its process is gone"));
  EXPECT_EQ(stat_json(state)["running"], false);
}

TEST(StatReport, JsonHasEveryValueByItsName) {
  const auto json = stat_json(engine());
  EXPECT_EQ(json["counters"]["grants_sent"], 40);
  EXPECT_EQ(json["counters"]["errors_sent"], 0);
  EXPECT_EQ(json["gauges"]["peers_known"], 3);
  EXPECT_EQ(json["histograms"]["rpc_time"][0]["bytes_up_to"], 256);
  EXPECT_EQ(json["histograms"]["rpc_time"][0]["count"], 100);
  EXPECT_NEAR(json["histograms"]["rpc_time"][0]["p99"].get<double>(), 20'000, 20'000 / 32);
}

TEST(StatReport, AChangeIsARateAndTheLatenciesOfItsTime) {
  EngineState now = engine();
  now.metrics[0].value = 140;
  now.distributions[0] = rpc_times(20'000, 150);
  const auto json = change_json(engine(), now, 2.0);
  EXPECT_EQ(json["per_second"]["grants_sent"], 50.0);
  EXPECT_EQ(json["gauges"]["peers_known"], 3);
  EXPECT_EQ(json["histograms"]["rpc_time"][0]["count"], 50);
  const std::string text = change_text(engine(), now, 2.0);
  EXPECT_THAT(text, ::testing::ContainsRegex("grants_sent +50/s"));
  EXPECT_THAT(text, Not(HasSubstr("errors_sent")));
}

TEST(RpcsReport, TheLongestAreFirstOverAllEngines) {
  std::vector<EngineState> engines{engine(), engine()};
  engines[0].rpcs = {rpc(2, 90), rpc(4, 99)};
  engines[1].rpcs = {rpc(6, 95)};
  const auto json = rpcs_json(engines, kNow);
  ASSERT_EQ(json.size(), 3U);
  EXPECT_EQ(json[0]["id"], 2);
  EXPECT_EQ(json[1]["id"], 6);
  EXPECT_EQ(json[0]["age_us"], 10e6);
  EXPECT_EQ(json[0]["side"], "client");
  const std::string text = rpcs_text(engines, kNow);
  EXPECT_THAT(text, HasSubstr("10.0.0.2:4000"));
  EXPECT_THAT(text, HasSubstr("900/1000"));
  EXPECT_LT(text.find(" 10 s"), text.find(" 5 s"));
}

TEST(ErrorsReport, TheLatestIsFirstAndNamesItsPeer) {
  EngineState state = engine();
  observe::ErrorSeen error;
  error.count = 5;
  error.first = error.last = 1'700'000'000'000'000'000;
  error.has_peer = true;
  error.peer = {Address::v4(10, 0, 0, 9), 80};
  error.code = ErrorCode::kPeerSilent;
  error.executed = Executed::kPerhaps;
  error.text = "peer silent";
  state.errors = {error};
  error.last += 1'000'000'000;
  error.has_peer = false;
  error.text = "later";
  state.errors.push_back(error);
  const std::string text = errors_text({&state, 1});
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20Z"));
  EXPECT_THAT(text, HasSubstr("peer silent (10.0.0.9:80; perhaps executed)"));
  EXPECT_LT(text.find("later"), text.find("peer silent"));
  const auto json = errors_json({&state, 1});
  EXPECT_EQ(json[1]["count"], 5);
  EXPECT_EQ(json[1]["peer"], "10.0.0.9:80");
  EXPECT_FALSE(json[0].contains("peer"));
}

}  // namespace
}  // namespace homa::tools
