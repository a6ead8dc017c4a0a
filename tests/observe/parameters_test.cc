// Parameters of hosts at work: asked for and changed from outside, whatever the engine is doing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "homa/homa.h"
#include "homa/host.h"
#include "observe/engine_state.h"
#include "observe/parameters.h"

namespace homa {
namespace {

namespace fs = std::filesystem;
using observe::EngineState;
using observe::Parameter;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class ParametersTest : public ::testing::Test {
 protected:
  ParametersTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    ::setenv("HOMA_STATE", folder_.c_str(), 1);
    ::setenv("HOMA_DAEMON", "off", 1);
  }
  ~ParametersTest() override {
    ::unsetenv("HOMA_STATE");
    fs::remove_all(folder_);
  }

  HostConfig config() {
    HostConfig config;
    config.address = "127.0.0.1";
    config.udp_port = 0;
    config.log = [this](const LogLine& line) {
      std::string text(line.text);
      for (const LogField& field : line.fields) {
        text += " " + std::string(field.name) + "=" + std::string(field.value);
      }
      const std::lock_guard lock(mutex_);
      said_.push_back(text);
    };
    return config;
  }
  EngineState engine() const {
    auto states = observe::read_states(folder_, false);
    EXPECT_EQ(states.size(), 1U);
    return states.front();
  }
  std::string value(std::string_view name) const {
    const auto all = observe::parameters_of(engine());
    if (!all) return all.error().text;
    for (const Parameter& each : *all) {
      if (each.name == name) return each.value;
    }
    return "none";
  }

  std::string folder_ = ::testing::TempDir() + "homa-parameters-XXXXXX";
  std::mutex mutex_;
  std::vector<std::string> said_;
};

TEST_F(ParametersTest, AnEngineThatSleepsAnswersAndLogsWhoChangedWhat) {
  const Host host = Host::open(config()).value();
  for (int i = 0; i < 3; ++i) {  // it sleeps again after each
    const std::string now = std::to_string(20'000 + i);
    const auto before = observe::set_parameter(engine(), "unscheduled_bytes", now);
    ASSERT_TRUE(before) << before.error().text;
    EXPECT_EQ(value("unscheduled_bytes"), now);
  }
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(said_.size(), 3U);
  EXPECT_THAT(said_[2], HasSubstr("parameter changed name=unscheduled_bytes before=20001 "
                                  "now=20002 pid=" +
                                  std::to_string(::getpid())));
}

TEST_F(ParametersTest, AnEngineAnswersWhateverThreadRunsIt) {
  HostConfig wish = config();
  wish.poll = seconds(100);  // it never sleeps
  Host host = Host::open(wish).value();
  Socket server = host.serve(4000).value();
  EXPECT_EQ(value("window"), "0");  // the library's thread
  std::thread receiver([&] { EXPECT_FALSE(server.receive()); });
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(observe::set_parameter(engine(), "window", "5k"));  // the receiver
  EXPECT_EQ(value("window"), "5000");
  server.shutdown();
  receiver.join();
}

TEST_F(ParametersTest, AThreadThatSleepsInAReceiveAnswers) {
  HostConfig wish = config();
  wish.poll = milliseconds(0);
  Host host = Host::open(wish).value();
  Socket server = host.serve(4000).value();
  std::thread receiver([&] { EXPECT_FALSE(server.receive()); });
  std::this_thread::sleep_for(milliseconds(20));
  for (int i = 1; i < 20; ++i) {
    ASSERT_TRUE(observe::set_parameter(engine(), "window", std::to_string(i)));
    EXPECT_EQ(value("window"), std::to_string(i));
  }
  server.shutdown();
  receiver.join();
}

TEST_F(ParametersTest, AChangeHoldsForTheNextMessage) {
  Host host = Host::open(config()).value();
  Socket server = host.serve(4000).value();
  Socket client = host.client().value();
  ASSERT_TRUE(observe::set_parameter(engine(), "unscheduled_bytes", "2k"));
  const std::vector<std::byte> request(9'000, std::byte{1});
  ASSERT_TRUE(client.send({host.address(), 4000}, request));
  const auto received = server.receive(seconds(10));
  ASSERT_TRUE(received);
  std::uint64_t grants = 0;
  for (const Counter& counter : host.counters()) {
    if (counter.name == "grants_sent") grants = counter.value;
  }
  EXPECT_GT(grants, 0U);  // by default, 9,000 bytes need none
}

TEST_F(ParametersTest, RefusalsNameTheParameter) {
  const Host host = Host::open(config()).value();
  for (const auto& [name, value, words] :
       std::vector<std::array<const char*, 3>>{{"rpcs_max", "7", "counts from the start"},
                                               {"window", "much", "is not a number of bytes"},
                                               {"resend_ticks", "0", "must be 1.."},
                                               {"nonsense", "7", "no parameter named"}}) {
    const auto refused = observe::set_parameter(engine(), name, value);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().text, HasSubstr(name));
    EXPECT_THAT(refused.error().text, HasSubstr(words));
  }
}

TEST_F(ParametersTest, ProgramsInCHaveTheLogAndTheCounters) {
  homa_host_config wish{};
  wish.size = sizeof(wish);
  wish.address = "127.0.0.1";
  wish.udp_port = -1;
  std::vector<std::string> said;
  wish.log_context = &said;
  wish.log = [](void* context, int level, const char* component, const char* text,
                const homa_log_field* fields, std::size_t count) {
    auto& to = *static_cast<std::vector<std::string>*>(context);
    to.push_back(std::to_string(level) + " " + component + ": " + text);
    for (std::size_t i = 0; i < count; ++i) {
      to.back() += std::string(" ") + fields[i].name + "=" + fields[i].value;
    }
  };
  homa_host* const host = homa_host_open(&wish, nullptr);
  ASSERT_NE(host, nullptr) << homa_last_error();
  ASSERT_TRUE(observe::set_parameter(engine(), "window", "5k"));
  std::vector<std::string> counters;
  const auto add = [](void* context, const char* name, const char* meaning, std::uint64_t) {
    EXPECT_NE(std::string(meaning), "");
    static_cast<std::vector<std::string>*>(context)->push_back(name);
  };
  EXPECT_EQ(homa_host_counters(host, add, &counters), 0);
  EXPECT_EQ(homa_host_counters(host, nullptr, nullptr), -HOMA_EINVALID);
  homa_host_close(host);
  EXPECT_THAT(counters, ::testing::Contains("rpcs_failed"));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("2 engine: parameter changed name=window before=0 now=5000"));
}

TEST_F(ParametersTest, OneThatHasEndedSaysSo) {
  auto host = std::make_unique<Host>(Host::open(config()).value());
  const EngineState state = engine();
  host.reset();
  const auto gone = observe::parameters_of(state);
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().text, HasSubstr("it has ended"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace homa
