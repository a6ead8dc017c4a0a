#include "trace/state_owner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace homa::trace {
namespace {

StateOwner of_process(pid_t process) {
  const auto pid = static_cast<std::uint32_t>(process);
  return {pid, 0, process_started(pid), pid_namespace()};
}

TEST(StateOwner, ThisProcessLives) { EXPECT_EQ(look_for(state_owner()), Owner::kLives); }

TEST(StateOwner, AProcessThatHasEndedIsGone) {
  const pid_t child = ::fork();
  if (child == 0) ::pause();
  const StateOwner owner = of_process(child);
  EXPECT_EQ(look_for(owner), Owner::kLives);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(look_for(owner), Owner::kGone);
}

TEST(StateOwner, AnotherProcessWithTheSamePidIsNotTheOwner) {
  StateOwner owner = state_owner();
  --owner.process_started;
  EXPECT_EQ(look_for(owner), Owner::kGone);
}

TEST(StateOwner, PidsOfAnotherNamespaceSayNothing) {
  StateOwner owner = state_owner();
  ++owner.pid_namespace;
  EXPECT_EQ(look_for(owner), Owner::kUnknown);
}

TEST(StateOwner, NamesOfFilesHoldThePid) {
  EXPECT_EQ(pid_in_name("homa-123-aBcDeF"), 123U);
  for (const char* other : {"homa-", "homa-12", "homa-x-1", "homad-1-x", "", "homa--1-x"}) {
    EXPECT_EQ(pid_in_name(other), 0U) << other;
  }
}

}  // namespace
}  // namespace homa::trace
