#include "tools/dump/capture_file.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace homa::tools {
namespace {

namespace fs = std::filesystem;

class CaptureFileTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  // One frame per size, a second and a nanosecond apart.
  void write(int link_type, const std::vector<std::uint32_t>& sizes) {
    pcap_t* dead =
        pcap_open_dead_with_tstamp_precision(link_type, 65535, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t* dumper = pcap_dump_open(dead, path_.c_str());
    ASSERT_NE(dumper, nullptr) << pcap_geterr(dead);
    pcap_pkthdr header{};
    for (const auto size : sizes) {
      const std::vector<u_char> bytes(size, 0x45);
      ++header.ts.tv_sec;
      ++header.ts.tv_usec;
      header.caplen = size;
      header.len = size + 1;
      pcap_dump(reinterpret_cast<u_char*>(dumper), &header, bytes.data());
    }
    pcap_dump_close(dumper);
    pcap_close(dead);
  }

  const std::string path_ =
      (fs::temp_directory_path() /
       ("homa_capture_" + std::to_string(getpid()) + "_" +
        testing::UnitTest::GetInstance()->current_test_info()->name() + ".pcap"))
          .string();
};

TEST_F(CaptureFileTest, GivesFramesInOrderThenTheEnd) {
  write(DLT_RAW, {28, 1500});
  auto file = CaptureFile::open(path_);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->link(), io::LinkLayer::kRawIp);
  for (const std::size_t size : {28U, 1500U}) {
    const auto frame = file->next();
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->bytes.size(), size);
    EXPECT_EQ((*frame)->original_length, size + 1);
    EXPECT_EQ((*frame)->bytes.front(), std::byte{0x45});
    EXPECT_EQ((*frame)->time, size == 28 ? std::chrono::nanoseconds(1'000'000'001)
                                         : std::chrono::nanoseconds(2'000'000'002));
  }
  for (int again = 0; again < 2; ++again) {
    const auto end = file->next();
    ASSERT_TRUE(end);
    EXPECT_FALSE(*end);
  }
}

TEST_F(CaptureFileTest, LinkTypes) {
  const struct {
    int type;
    io::LinkLayer link;
  } cases[] = {{DLT_EN10MB, io::LinkLayer::kEthernet},
               {DLT_LINUX_SLL, io::LinkLayer::kLinuxCooked},
               {DLT_LINUX_SLL2, io::LinkLayer::kLinuxCooked2},
               {DLT_NULL, io::LinkLayer::kLoopback}};
  for (const auto& [type, link] : cases) {
    write(type, {});
    const auto file = CaptureFile::open(path_);
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_EQ(file->link(), link);
  }
}

TEST_F(CaptureFileTest, UnknownLinkTypeIsNamed) {
  write(DLT_IEEE802_11, {});
  const auto file = CaptureFile::open(path_);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().text.find("IEEE802_11"), std::string::npos) << file.error().text;
  EXPECT_NE(file.error().text.find(path_), std::string::npos) << file.error().text;
}

TEST_F(CaptureFileTest, CutFileGivesItsWholeFramesThenAnError) {
  write(DLT_RAW, {100, 100});
  fs::resize_file(path_, fs::file_size(path_) - 1);
  auto file = CaptureFile::open(path_);
  ASSERT_TRUE(file) << file.error().text;
  const auto first = file->next();
  ASSERT_TRUE(first && *first);
  const auto second = file->next();
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find(path_), std::string::npos) << second.error().text;
}

TEST(CaptureFile, MissingFileIsNamed) {
  const auto file = CaptureFile::open("/nowhere/x.pcap");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text,
            "cannot read /nowhere/x.pcap as a capture: No such file or directory");
}

}  // namespace
}  // namespace homa::tools
