#include "client/process_mark.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace homa::client {
namespace {

TEST(ProcessMark, ChildrenAndTheirChildrenInherit) {
  const auto mark = ProcessMark::create();
  ASSERT_TRUE(mark) << mark.error().text;
  EXPECT_FALSE(mark->inherited());
  const pid_t child = ::fork();
  if (child == 0) {
    if (!mark->inherited()) ::_exit(1);
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::_exit(mark->inherited() ? 0 : 1);
    int status = 1;
    ::waitpid(grandchild, &status, 0);
    ::_exit(status == 0 ? 0 : 2);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(mark->inherited());
}

}  // namespace
}  // namespace homa::client
