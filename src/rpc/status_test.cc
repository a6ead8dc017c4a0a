#include "homa/rpc/status.h"

#include <gtest/gtest.h>

#include <set>

#include "homa/rpc/method.h"

namespace homa::rpc {
namespace {

TEST(Status, CodesAreGrpcs) {
  std::set<std::string_view> words;
  for (unsigned code = 0; code <= 16; ++code) {
    EXPECT_TRUE(words.insert(to_string(static_cast<StatusCode>(code))).second) << code;
  }
  EXPECT_EQ(to_string(static_cast<StatusCode>(5)), "NOT_FOUND");
  EXPECT_EQ(to_string(static_cast<StatusCode>(14)), "UNAVAILABLE");
  EXPECT_EQ(to_string(static_cast<StatusCode>(200)), "UNKNOWN");
}

TEST(Status, OfTheTransportSaysWhetherTheHandlerRan) {
  const Status refused = Status::of({ErrorCode::kDraining, "draining", Executed::kNo});
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_EQ(refused.executed(), Executed::kNo);
  EXPECT_EQ(refused.message(), "draining");
  const Status late = Status::of({ErrorCode::kTimeout, "late", Executed::kPerhaps});
  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late.executed(), Executed::kPerhaps);
  EXPECT_EQ(Status::of({ErrorCode::kOverloaded, "", Executed::kNo}).code(),
            StatusCode::kResourceExhausted);
  EXPECT_TRUE(Status().ok());
}

TEST(Method, IdsAreFixed) {
  EXPECT_EQ(method_id(""), 0xcbf29ce484222325U);
  EXPECT_EQ(method_id("a"), 0xaf63dc4c8601ec8cU);
  static_assert(Method("shop.Orders/Place", false).id == method_id("shop.Orders/Place"));
}

}  // namespace
}  // namespace homa::rpc
