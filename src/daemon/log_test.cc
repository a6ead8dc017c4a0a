#include "daemon/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

namespace homa::daemon {
namespace {

constexpr std::int64_t kTime = 1'764'259'445'123;  // 2025-11-27 16:04:05.123

std::string line_of(LogFormat format, LogLevel level, std::string_view text,
                    std::initializer_list<LogField> fields) {
  return log_line(format, kTime, {level, {}, text, std::span(fields.begin(), fields.size())});
}

TEST(LogLine, IsReadable) {
  EXPECT_EQ(
      line_of(LogFormat::kText, LogLevel::kInfo, "attached", {{"pid", "12"}, {"why", "two words"}}),
      "2025-11-27T16:04:05.123Z info attached: pid=12 why=\"two words\"\n");
}

TEST(LogLine, IsOneJsonObject) {
  const auto line = nlohmann::json::parse(
      line_of(LogFormat::kJson, LogLevel::kWarning, "refused", {{"user", "1000"}}));
  EXPECT_EQ(line["time"], "2025-11-27T16:04:05.123Z");
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["event"], "refused");
  EXPECT_EQ(line["user"], "1000");
}

TEST(LogLine, NothingInAValueBeginsAnotherLineOrBreaksIt) {
  const std::string evil = "a\nb\xff\"=";
  const std::string text = line_of(LogFormat::kText, LogLevel::kInfo, "x", {{"v", evil}});
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_TRUE(
      nlohmann::json::accept(line_of(LogFormat::kJson, LogLevel::kInfo, "x", {{"v", evil}})));
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  void TearDown() override {
    for (const int end : ends_) ::close(end);
  }
  std::string read_all() const {
    std::string text(1 << 20, '\0');
    const ssize_t bytes = ::read(ends_[0], text.data(), text.size());
    text.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return text;
  }
  std::array<int, 2> ends_{};
};

TEST_F(LogTest, WritesWhatIsImportantEnough) {
  {
    Log log(ends_[1], LogFormat::kText, LogLevel::kWarning);
    log.write(LogLevel::kInfo, "unheard");
    log.write(LogLevel::kError, "heard");
    log.set_least(LogLevel::kInfo);
    log.write(LogLevel::kInfo, "now heard");
  }
  const std::string text = read_all();
  EXPECT_EQ(text.find("unheard"), std::string::npos);
  EXPECT_NE(text.find("error heard\n"), std::string::npos);
  EXPECT_NE(text.find("info now heard\n"), std::string::npos);
}

// A reader that has stopped must stop nobody: the test would hang.
TEST_F(LogTest, NobodyWaitsForItsReader) {
  ASSERT_EQ(::fcntl(ends_[1], F_SETFL, 0), 0) << "a write blocks when the pipe is full";
  Log log(ends_[1], LogFormat::kText, LogLevel::kInfo);
  for (int i = 0; i < 20'000; ++i) log.write(LogLevel::kInfo, "a line that nobody reads");
}

TEST_F(LogTest, SaysHowManyLinesWereDropped) {
  std::string text;
  {
    Log log(ends_[1], LogFormat::kText, LogLevel::kInfo);
    for (int i = 0; i < 20'000; ++i) log.write(LogLevel::kInfo, "a line");
    for (int i = 0; i < 1'000 && text.find("lines were dropped: count=") == std::string::npos;
         ++i) {
      text += read_all();
      ::usleep(1'000);
    }
  }
  EXPECT_NE(text.find("lines were dropped: count="), std::string::npos);
}

}  // namespace
}  // namespace homa::daemon
