#include "base/mapping.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace homa::base {
namespace {

constexpr std::uint64_t kBytes = 1 << 16;

TEST(Mapping, PrivateMemoryIsZeroedAndHasNoDescriptor) {
  const auto mapping = Mapping::create(kBytes);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->bytes().size(), kBytes);
  EXPECT_EQ(mapping->bytes()[kBytes - 1], std::byte{0});
  EXPECT_EQ(mapping->descriptor(), -1);
}

TEST(Mapping, MoreThanTheAddressSpaceIsRefusedWithACure) {
  const auto mapping = Mapping::create(std::uint64_t{1} << 60);
  ASSERT_FALSE(mapping);
  EXPECT_EQ(mapping.error().code, ErrorCode::kNoMemory);
  EXPECT_NE(mapping.error().text.find("configure less"), std::string::npos);
}

TEST(Mapping, SharedMemoryIsSeenThroughItsDescriptor) {
  const auto made = Mapping::create_shared(kBytes);
  ASSERT_TRUE(made);
  const auto opened = Mapping::open(::dup(made->descriptor()), kBytes);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->bytes().size(), kBytes);
  made->bytes()[77] = std::byte{5};
  EXPECT_EQ(opened->bytes()[77], std::byte{5});
}

// Whole pages go back to the system; the bytes around them stay.
TEST(Mapping, DiscardedPagesCostNothingAndReadAsZero) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const bool shared : {false, true}) {
    const auto mapping = shared ? Mapping::create_shared(16 * page) : Mapping::create(16 * page);
    ASSERT_TRUE(mapping);
    std::fill(mapping->bytes().begin(), mapping->bytes().end(), std::byte{1});
    mapping->discard(page - 1, 4 * page);
    EXPECT_EQ(std::count(mapping->bytes().begin(), mapping->bytes().end(), std::byte{0}),
              static_cast<std::ptrdiff_t>(3 * page))
        << shared;
    EXPECT_EQ(mapping->bytes()[page - 1], std::byte{1});
    EXPECT_EQ(mapping->bytes()[4 * page], std::byte{1});
    mapping->discard(1, page - 1);  // no whole page
    EXPECT_EQ(mapping->bytes()[1], std::byte{1});
  }
  const auto memory = Mapping::create_shared(16 * page);
  std::fill(memory->bytes().begin(), memory->bytes().end(), std::byte{1});
  memory->discard(0, 16 * page);
  struct stat status {};
  ASSERT_EQ(::fstat(memory->descriptor(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0);
}

TEST(Mapping, SharedMemoryCannotBeResized) {
  const auto made = Mapping::create_shared(kBytes);
  ASSERT_TRUE(made);
  EXPECT_NE(::ftruncate(made->descriptor(), 0), 0);
  EXPECT_NE(::ftruncate(made->descriptor(), 2 * kBytes), 0);
}

TEST(Mapping, ADescriptorThatCouldBeTruncatedIsRefused) {
  const int unsealed = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(unsealed, kBytes), 0);
  EXPECT_EQ(Mapping::open(unsealed, kBytes).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(::fcntl(unsealed, F_GETFD), -1) << "it was owned all the same";
  EXPECT_FALSE(Mapping::open(::open("/dev/zero", O_RDWR | O_CLOEXEC), kBytes));
  EXPECT_FALSE(Mapping::open(-1, kBytes));
}

TEST(Mapping, SizesBeyondTheLimitAreRefused) {
  const auto made = Mapping::create_shared(kBytes);
  ASSERT_TRUE(made);
  EXPECT_FALSE(Mapping::open(::dup(made->descriptor()), kBytes - 1));
}

TEST(Mapping, MovingTakesTheMemoryAlong) {
  auto made = Mapping::create_shared(kBytes).value();
  Mapping other(std::move(made));
  EXPECT_TRUE(made.bytes().empty());  // NOLINT: what a move leaves is defined
  EXPECT_EQ(made.descriptor(), -1);
  made = std::move(other);
  EXPECT_EQ(made.bytes().size(), kBytes);
}

TEST(Mapping, MemoryOfHugePagesIsRefused) {
  const int huge = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
  if (huge < 0) GTEST_SKIP() << "this kernel has no huge pages";
  ASSERT_EQ(::ftruncate(huge, 2 << 20), 0);
  ASSERT_EQ(::fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  const auto mapping = Mapping::open(huge, 4 << 20);
  ASSERT_FALSE(mapping);
  EXPECT_EQ(mapping.error().code, ErrorCode::kInvalidArgument);
}

TEST(Mapping, ItsOwnerSaysWhetherAllPagesAreThere) {
  EXPECT_TRUE(Mapping::create_populated(1 << 20).value().populated());
  EXPECT_FALSE(Mapping::create_shared(1 << 20).value().populated());
}

TEST(Mapping, CanBeForReadingOnly) {
  Mapping mapping = Mapping::create_shared(4096).value();
  mapping.bytes()[0] = std::byte{1};
  ASSERT_TRUE(mapping.forbid_others_to_write());
  EXPECT_FALSE(Mapping::open(::dup(mapping.descriptor()), 4096));
  const auto reader = Mapping::open_to_read(::dup(mapping.descriptor()), 4096);
  ASSERT_TRUE(reader) << reader.error().text;
  mapping.bytes()[0] = std::byte{2};
  EXPECT_EQ(reader->bytes()[0], std::byte{2});
}

}  // namespace
}  // namespace homa::base
