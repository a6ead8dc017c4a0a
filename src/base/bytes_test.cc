#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>

namespace homa::base {
namespace {

constexpr std::array<std::byte, 8> kBytes = {std::byte{1}, std::byte{2}, std::byte{3},
                                             std::byte{4}, std::byte{5}, std::byte{6},
                                             std::byte{7}, std::byte{8}};

TEST(Bytes, TheFirstByteIsTheMostSignificant) {
  EXPECT_EQ(load_big_endian<std::uint8_t>(kBytes.data()), 0x01);
  EXPECT_EQ(load_big_endian<std::uint16_t>(kBytes.data()), 0x0102);
  EXPECT_EQ(load_big_endian<std::uint32_t>(kBytes.data() + 1), 0x02030405U);
  EXPECT_EQ(load_big_endian<std::uint64_t>(kBytes.data()), 0x0102030405060708ULL);
}

TEST(Bytes, WhatIsStoredIsLoaded) {
  std::array<std::byte, 8> bytes{};
  store_big_endian(bytes.data(), std::uint32_t{0xa1b2c3d4});
  EXPECT_EQ(bytes[0], std::byte{0xa1});
  EXPECT_EQ(bytes[3], std::byte{0xd4});
  EXPECT_EQ(bytes[4], std::byte{0});
  EXPECT_EQ(load_big_endian<std::uint32_t>(bytes.data()), 0xa1b2c3d4U);
}

TEST(ByteReader, ReadsOneFieldAfterTheOther) {
  ByteReader reader(kBytes);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x0102);
  reader.skip(2);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x05060708U);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.position(), 8U);
}

TEST(ByteReader, AReadPastTheEndGivesZeroAndIsRemembered) {
  ByteReader reader(kBytes);
  reader.skip(7);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.position(), 8U);
  EXPECT_EQ(reader.read<std::uint8_t>(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ASkipPastTheEndIsRememberedToo) {
  ByteReader reader(kBytes);
  reader.skip(9);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.position(), 8U);
}

TEST(ByteReader, OfNothingHasNothing) {
  ByteReader reader({});
  reader.skip(0);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.read<std::uint8_t>(), 0);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace homa::base
