// Files that nobody's engine wrote: whatever they hold, reading them ends with a state or an error.
#include "observe/engine_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "observe/state_bytes.h"

namespace homa::observe {
namespace {

using trace::SectionKind;

// Two counters, a histogram, an error, two RPCs and two programs.
struct File {
  trace::StateHeader header;
  std::array<trace::MetricText, 2> texts{};
  std::array<trace::Cell, 2> values{};
  std::array<trace::HistogramText, 1> histograms{};
  std::array<trace::Cell, 65> cells{};
  std::array<trace::ErrorEntry, 2> errors{};
  trace::TableHead head;
  std::array<trace::RpcEntry, 2> rpcs{};
  trace::TableHead programs_head;
  std::array<trace::ProgramEntry, 2> programs{};

  File() {
    header.version = trace::kStateVersion;
    header.sections_count = 5;
    header.owner.pid = 17;
    trace::set_text(header.program, "a\x1b[2Jprogram");
    add(0, SectionKind::kCounters, texts, &values);
    add(1, SectionKind::kHistograms, histograms, nullptr);
    add(2, SectionKind::kErrors, errors, nullptr);
    add(3, SectionKind::kRpcs, rpcs, &head);
    add(4, SectionKind::kPrograms, programs, &programs_head);
    programs_head.count = 2;
    programs[0].pid = 5;
    programs[1].pid = 6;
    programs[1].memory_used = 7;
    programs[1].sends_refused = programs[1].channels_broken = 1;
    trace::set_text(texts[1].name, "second");
    values[1] = 22;
    trace::set_text(histograms[0].name, "sizes");
    histograms[0].precision = 2;
    histograms[0].buckets = 64;
    histograms[0].cells = offset(&cells);
    cells[0] = 9;
    cells[1 + 9] = 1;
    errors[1].count = 3;
    errors[1].code = static_cast<std::uint32_t>(ErrorCode::kTimeout);
    head.count = 1;
    rpcs[0].state = 3;
    header.magic = trace::kStateMagic;
  }
  std::uint64_t offset(const void* part) const {
    return static_cast<std::uint64_t>(static_cast<const char*>(part) -
                                      reinterpret_cast<const char*>(this));
  }
  template <typename Entries>
  void add(std::size_t i, SectionKind kind, const Entries& entries, const void* part) {
    header.sections[i] = {kind,
                          static_cast<std::uint32_t>(entries.size()),
                          sizeof(typename Entries::value_type),
                          0,
                          offset(&entries),
                          part == nullptr ? 0 : offset(part)};
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> copy(sizeof(*this));
    std::memcpy(copy.data(), static_cast<const void*>(this), copy.size());
    return copy;
  }
};

TEST(EngineState, IsReadByItsSections) {
  const auto state = parse_state(File().bytes());
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->pid, 17U);
  EXPECT_EQ(state->value("second"), 22U);
  EXPECT_EQ(state->value("none"), 0U);
  ASSERT_EQ(state->distributions.size(), 1U);
  EXPECT_EQ(state->distributions[0].sum, 9U);
  EXPECT_EQ(state->distributions[0].percentile(1), 11U);
  ASSERT_EQ(state->errors.size(), 1U);
  EXPECT_EQ(state->errors[0].count, 3U);
  EXPECT_FALSE(state->errors[0].has_peer);
  ASSERT_EQ(state->rpcs.size(), 1U);
  EXPECT_EQ(state->rpcs[0].state, "serving");
  ASSERT_EQ(state->programs.size(), 2U);
  EXPECT_EQ(state->programs[0].pid, 6U);  // it has most memory
  EXPECT_EQ(state->programs[0].troubles(), 2U);
  EXPECT_EQ(state->programs[1].pid, 5U);
}

TEST(EngineState, TextsHoldNoCommandsForTheTerminal) {
  EXPECT_EQ(parse_state(File().bytes())->program, "a?[2Jprogram");
}

TEST(EngineState, AnotherVersionIsRefusedByItsNumber) {
  File file;
  file.header.version = 77;
  const auto state = parse_state(file.bytes());
  ASSERT_FALSE(state.has_value());
  EXPECT_NE(state.error().text.find("77"), std::string::npos);
}

TEST(EngineState, ABeginningOfAFileIsHarmless) {
  const auto all = File().bytes();
  for (std::size_t size = 0; size < all.size(); size += 3) {
    const std::vector<std::byte> part(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
    const auto state = parse_state(part);
    EXPECT_EQ(state.has_value(), size >= sizeof(trace::StateHeader));
  }
}

TEST(EngineState, ThousandsOfDamagedFilesAreHarmless) {
  std::mt19937_64 random(16);
  const auto good = File().bytes();
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (int j = 0; j < 4; ++j) {
      // The header and the texts decide where everything is.
      const std::size_t at = 8 + random() % (sizeof(trace::StateHeader) + 700);
      bytes[at] = static_cast<std::byte>(random() % 3 == 0 ? 0xff : random());
    }
    const auto state = parse_state(bytes);
    if (!state) continue;
    for (const Distribution& values : state->distributions) {
      static_cast<void>(values.percentile(0.99));
      EXPECT_LE(values.counts.size(), std::size_t{1} << 14);
    }
    EXPECT_LE(state->metrics.size(), good.size());
  }
}

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~FolderTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_ = ::testing::TempDir() + "homa-states-XXXXXX";
};

TEST_F(FolderTest, WhatIsNoStateFileIsLeftOut) {
  std::ofstream(folder_ + "/homa-12-aaaaaa") << "no state";
  ::mkfifo((folder_ + "/homa-12-bbbbbb").c_str(), 0600);  // reading it would block
  std::filesystem::create_symlink("/etc/passwd", folder_ + "/homa-12-cccccc");
  std::filesystem::create_directory(folder_ + "/homa-12-dddddd");
  std::ofstream(folder_ + "/homa-12-eeeeee");
  EXPECT_TRUE(read_states(folder_, true).empty());
}

TEST_F(FolderTest, OfADeadProcessOnlyOnRequest) {
  File file;
  file.header.owner.pid = 0x7fffffff;  // no process has it
  file.header.owner.process_started = 1;
  file.header.owner.pid_namespace = trace::pid_namespace();
  const auto bytes = file.bytes();
  std::ofstream(folder_ + "/homa-2147483647-aaaaaa", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(read_states(folder_, false).empty());
  const auto states = read_states(folder_, true);
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].user, ::geteuid());
  EXPECT_EQ(select(states, "2147483647").size(), 1U);
  EXPECT_EQ(select(states, "a?[2Jprogram").size(), 1U);
  EXPECT_EQ(select(states, "program").size(), 0U);
  EXPECT_EQ(select(states, "").size(), 1U);
}

}  // namespace
}  // namespace homa::observe
