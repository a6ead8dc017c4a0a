#include "base/failure.h"

#include <gtest/gtest.h>

namespace homa {
namespace {

Error error_of(const Result<void, Error>& result) { return result.error(); }

TEST(SystemFailure, SaysWhatFailedAndWhy) {
  const Error error = error_of(system_failure("opening the door", EACCES));
  EXPECT_EQ(error.code, ErrorCode::kSystem);
  EXPECT_EQ(error.text, "opening the door: Permission denied");
}

TEST(SystemFailure, NamesTheLimitThatIsReached) {
  EXPECT_NE(error_of(system_failure("x", EMFILE)).text.find("ulimit -n"), std::string::npos);
  EXPECT_NE(error_of(system_failure("x", ENFILE)).text.find("fs.file-max"), std::string::npos);
}

TEST(SystemFailure, WantOfMemoryHasItsCode) {
  EXPECT_EQ(error_of(system_failure("x", ENOMEM)).code, ErrorCode::kNoMemory);
  EXPECT_NE(error_of(system_failure("x", ENOMEM)).text.find("memory"), std::string::npos);
}

}  // namespace
}  // namespace homa
