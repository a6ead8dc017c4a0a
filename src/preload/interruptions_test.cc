#include "preload/interruptions.h"

#include <gtest/gtest.h>

#include <csignal>

namespace homa::preload {
namespace {

int plain_calls = 0, full_calls = 0;
void plain(int) { ++plain_calls; }
void full(int number, siginfo_t* info, void*) {
  if (info != nullptr && info->si_signo == number) ++full_calls;
}

int install(int number, const struct sigaction* action, struct sigaction* before) {
  return install_handler(number, action, before, ::sigaction);
}

struct sigaction with(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  return action;
}

class Interruptions : public ::testing::Test {
 protected:
  void TearDown() override { ::signal(SIGUSR2, SIG_DFL); }
};

TEST_F(Interruptions, HandlersWithoutRestartAreCounted) {
  const struct sigaction action = with(plain, 0);
  ASSERT_EQ(install(SIGUSR2, &action, nullptr), 0);
  EXPECT_TRUE(interruptions_possible());
  const auto before = interruptions();
  ::raise(SIGUSR2);
  EXPECT_EQ(plain_calls, 1);
  EXPECT_EQ(interruptions(), before + 1);
}

TEST_F(Interruptions, HandlersWithRestartAreLeftAlone) {
  const struct sigaction action = with(plain, SA_RESTART);
  ASSERT_EQ(install(SIGUSR2, &action, nullptr), 0);
  const auto before = interruptions();
  ::raise(SIGUSR2);
  EXPECT_EQ(interruptions(), before);
}

TEST_F(Interruptions, TheProgramSeesItsOwnHandler) {
  const struct sigaction first = with(plain, 0);
  ASSERT_EQ(install(SIGUSR2, &first, nullptr), 0);
  struct sigaction second {};
  second.sa_sigaction = full;
  second.sa_flags = SA_SIGINFO;
  struct sigaction seen {};
  ASSERT_EQ(install(SIGUSR2, &second, &seen), 0);
  EXPECT_EQ(seen.sa_handler, plain);
  EXPECT_EQ(seen.sa_flags & SA_SIGINFO, 0);
  ::raise(SIGUSR2);
  EXPECT_EQ(full_calls, 1);
  ASSERT_EQ(install(SIGUSR2, &seen, &seen), 0);
  EXPECT_EQ(seen.sa_sigaction, full);
  EXPECT_NE(seen.sa_flags & SA_SIGINFO, 0);
}

TEST_F(Interruptions, WhatTheKernelRefusesChangesNothing) {
  const struct sigaction action = with(plain, 0);
  EXPECT_EQ(install(SIGKILL, &action, nullptr), -1);
  EXPECT_EQ(install(-1, &action, nullptr), -1);
  EXPECT_EQ(install(10'000, &action, nullptr), -1);
}

}  // namespace
}  // namespace homa::preload
