#include "preload/failure.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace homa::preload {
namespace {

TEST(Failure, ErrorsOfRpcsAreThoseThatTheInterfaceNames) {
  EXPECT_EQ(errno_of(ErrorCode::kNoSuchSocket), ENOTCONN);
  EXPECT_EQ(errno_of(ErrorCode::kPeerUnreachable), EHOSTUNREACH);
  EXPECT_EQ(errno_of(ErrorCode::kPeerSilent), ETIMEDOUT);
  EXPECT_EQ(errno_of(ErrorCode::kOverloaded), ENOMEM);
  EXPECT_EQ(errno_of(ErrorCode::kClosed), ESHUTDOWN);
  EXPECT_EQ(errno_of(ErrorCode::kWouldBlock), EAGAIN);
}

TEST(Failure, EveryCodeHasAnErrno) {
  for (int code = 1; code <= static_cast<int>(ErrorCode::kDraining); ++code) {
    EXPECT_GT(errno_of(static_cast<ErrorCode>(code)), 0) << code;
  }
  EXPECT_EQ(errno_of(static_cast<ErrorCode>(200)), EIO);
}

}  // namespace
}  // namespace homa::preload
