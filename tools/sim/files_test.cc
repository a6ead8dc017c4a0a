#include "tools/sim/files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace homa::tools {
namespace {

namespace fs = std::filesystem;

TEST(SimFiles, WhatIsWrittenIsReadBack) {
  const std::string path = ::testing::TempDir() + "sim_files_test.json";
  ASSERT_TRUE(write_json(path, {{"b", 1}, {"a", "two"}}));
  const auto json = read_json(path);
  ASSERT_TRUE(json) << json.error().text;
  EXPECT_EQ(json->begin().key(), "b");
  EXPECT_EQ((*json)["a"], "two");
  EXPECT_FALSE(fs::exists(path + ".part"));
  fs::remove(path);
}

TEST(SimFiles, CommentsAreAllowed) {
  const std::string path = ::testing::TempDir() + "sim_files_comment.json";
  std::ofstream(path) << "// why\n{\"seed\": 3}\n";
  EXPECT_EQ((*read_json(path))["seed"], 3);
  fs::remove(path);
}

TEST(SimFiles, SaysWhetherAFileIsMissingOrWrong) {
  const auto missing = read_json("/no/such/file");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kSystem);
  EXPECT_NE(missing.error().text.find("/no/such/file: No such file"), std::string::npos);
  EXPECT_FALSE(read_json("/"));
  const std::string path = ::testing::TempDir() + "sim_files_wrong.json";
  std::ofstream(path) << "seed = 3\n";
  EXPECT_EQ(read_json(path).error().code, ErrorCode::kInvalidArgument);
  fs::remove(path);
}

TEST(SimFiles, AFailedWriteLeavesNothing) {
  EXPECT_FALSE(write_json("/no/such/folder/x.json", {{"a", 1}}));
}

}  // namespace
}  // namespace homa::tools
