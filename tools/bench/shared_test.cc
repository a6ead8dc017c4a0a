#include "tools/bench/shared.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace homa::tools {
namespace {

TEST(BenchShared, WhatAChildWritesItsParentReads) {
  const auto shared = BenchShared::create(2, 10);
  ASSERT_TRUE(shared) << shared.error().text;
  const pid_t child = ::fork();
  if (child == 0) {
    shared->host(1).rpcs_started = 7;
    shared->samples(1)[9] = {1'000, 100, 0};
    shared->host(1).fail("the reason");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(shared->host(1).rpcs_started, 7U);
  EXPECT_EQ(shared->samples(1)[9].round_trip_ns, 1'000U);
  EXPECT_STREQ(shared->host(1).error.data(), "the reason");
  EXPECT_EQ(shared->host(0).rpcs_started, 0U);
  EXPECT_EQ(shared->samples(0).size(), 10U);
}

TEST(BenchShared, ALongReasonIsCutOff) {
  const auto shared = BenchShared::create(1, 1);
  ASSERT_TRUE(shared);
  shared->host(0).fail(std::string(1'000, 'x'));
  EXPECT_EQ(std::string(shared->host(0).error.data()), std::string(255, 'x'));
}

}  // namespace
}  // namespace homa::tools
