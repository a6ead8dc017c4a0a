#include "engine/published.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/state_file.h"
#include "trace/state_owner.h"

namespace homa::engine {
namespace {

namespace fs = std::filesystem;

class PublishedTest : public ::testing::Test {
 protected:
  PublishedTest() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~PublishedTest() override { fs::remove_all(folder_); }

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  // A process publishes and dies without closing its engine.
  void crash() const {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto published = Published::in_folder(folder_, "crashes");
      published.value()->sampled(Time(std::chrono::steady_clock::now().time_since_epoch()));
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  }

  std::string folder_ = ::testing::TempDir() + "homa-published-XXXXXX";
};

TEST_F(PublishedTest, ItsFileIsThereAsLongAsTheEngine) {
  {
    const auto published = Published::in_folder(folder_, "udp 10.0.0.1");
    ASSERT_TRUE(published.has_value());
    ASSERT_EQ(files(), 1U);
    const fs::path path = fs::directory_iterator(folder_)->path();
    EXPECT_EQ(trace::pid_in_name(path.filename().string()), static_cast<unsigned>(::getpid()));
    EXPECT_EQ(fs::status(path).permissions(), static_cast<fs::perms>(0644));
    EXPECT_LE(fs::file_size(path), trace::kStateBytesMax);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(PublishedTest, WhatACrashedProcessLeftStaysForAWhile) {
  crash();
  EXPECT_EQ(files(), 1U);
  const auto published = Published::in_folder(folder_, "lives");
  EXPECT_EQ(files(), 2U);
}

TEST_F(PublishedTest, OfManyCrashesTheLatestStay) {
  for (std::size_t i = 0; i < kKeptFiles + 3; ++i) crash();
  const auto published = Published::in_folder(folder_, "lives");
  EXPECT_EQ(files(), kKeptFiles + 1);
}

TEST_F(PublishedTest, ADayAfterACrashNothingIsLeft) {
  crash();
  remove_old_state_files(folder_,
                         Time(std::chrono::steady_clock::now().time_since_epoch()) + kKeptFor);
  EXPECT_EQ(files(), 0U);
}

TEST_F(PublishedTest, OfACrashedProcessTheSocketGoesWithTheFile) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto published = Published::in_folder(folder_, "crashes");
    const bool good = published.value()->take_requests().has_value();
    ::_exit(good ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(files(), 2U);
  remove_old_state_files(folder_,
                         Time(std::chrono::steady_clock::now().time_since_epoch()) + kKeptFor);
  EXPECT_EQ(files(), 0U);
}

TEST_F(PublishedTest, WhatIsNoStateFileStays) {
  std::ofstream(folder_ + "/homa-999999999-AAAAAA") << "something else";
  std::ofstream(folder_ + "/other") << "something else";
  remove_old_state_files(folder_, Time::max());
  EXPECT_EQ(files(), 2U);
}

TEST_F(PublishedTest, WithoutTheFolderTheErrorNamesIt) {
  const auto published = Published::in_folder(folder_ + "/none", "");
  ASSERT_FALSE(published.has_value());
  EXPECT_NE(published.error().text.find("/none"), std::string::npos);
}

}  // namespace
}  // namespace homa::engine
