#include "channel/region.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

namespace homa::channel {
namespace {

ChannelConfig small() {
  ChannelConfig config;
  config.submission_entries = 16;
  config.completion_entries = 32;
  config.transmit_bytes = 64 << 10;
  return config;
}

TEST(Region, ConfigurationIsChecked) {
  EXPECT_TRUE(ChannelConfig{}.validate());
  for (const std::uint32_t entries : {0U, 1U, 1'000U, 1U << 21}) {
    ChannelConfig config;
    config.submission_entries = entries;
    EXPECT_EQ(config.validate().error().code, ErrorCode::kInvalidArgument) << entries;
    config = {};
    config.completion_entries = entries;
    EXPECT_FALSE(Region::create(config)) << entries;
  }
  ChannelConfig config;
  config.transmit_bytes = 1;
  EXPECT_NE(Region::create(config).error().text.find("transmit"), std::string::npos);
}

TEST(Region, PartsLieBehindEachOther) {
  const auto region = Region::create(small()).value();
  const auto* const begin = reinterpret_cast<const std::byte*>(&region->header());
  const auto at = [&](const void* part) { return static_cast<const std::byte*>(part) - begin; };
  EXPECT_GE(at(region->wake_words().data()), std::ptrdiff_t{sizeof(Header)});
  EXPECT_GE(at(region->submissions().data()),
            at(region->wake_words().data() + region->wake_words().size()));
  EXPECT_GE(at(region->completions().data()),
            at(region->submissions().data() + region->submissions().size()));
  EXPECT_GE(at(region->transmit().data()),
            at(region->completions().data() + region->completions().size()));
  EXPECT_EQ(at(region->transmit().data() + region->transmit().size()),
            static_cast<std::ptrdiff_t>(region->memory().bytes().size()));
}

base::Mapping mapped_again(const Region& region) {
  return base::Mapping::open(::dup(region.memory().descriptor()), 1 << 30).value();
}

TEST(Region, AnotherProcessSeesTheSame) {
  const auto made = Region::create_shared(small()).value();
  const auto opened = Region::open(mapped_again(*made));
  ASSERT_TRUE(opened) << opened.error().text;
  made->submissions()[15].handle = 4711;
  made->transmit()[100] = std::byte{9};
  EXPECT_EQ((*opened)->submissions().size(), 16U);
  EXPECT_EQ((*opened)->completions().size(), 32U);
  EXPECT_EQ((*opened)->submissions()[15].handle, 4711U);
  EXPECT_EQ((*opened)->transmit()[100], std::byte{9});
}

// Every byte of the layout counts: none can be changed without being noticed.
TEST(Region, EveryFieldOfTheLayoutIsChecked) {
  const auto made = Region::create_shared(small()).value();
  auto* const bytes = reinterpret_cast<unsigned char*>(&made->header().layout);
  for (std::size_t i = 0; i < sizeof(Layout); ++i) {
    for (const unsigned flipped : {0x01U, 0x80U}) {
      bytes[i] = static_cast<unsigned char>(bytes[i] ^ flipped);
      const auto opened = Region::open(mapped_again(*made));
      ASSERT_FALSE(opened) << "byte " << i;
      EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
      EXPECT_FALSE(opened.error().text.empty());
      bytes[i] = static_cast<unsigned char>(bytes[i] ^ flipped);
    }
  }
  EXPECT_TRUE(Region::open(mapped_again(*made)));
}

TEST(Region, ErrorsNameTheField) {
  const auto made = Region::create_shared(small()).value();
  Layout& layout = made->header().layout;
  const auto error = [&] { return Region::open(mapped_again(*made)).error().text; };
  layout.version = 1;
  EXPECT_NE(error().find("version"), std::string::npos);
  layout.version = kVersion;
  layout.transmit += 4'096;
  EXPECT_NE(error().find("transmit memory's offset"), std::string::npos);
}

TEST(Region, MemoryOfAnotherSizeIsRefused) {
  const auto made = Region::create_shared(small()).value();
  auto larger = base::Mapping::create(made->memory().bytes().size() + 4'096).value();
  std::memcpy(larger.bytes().data(), &made->header().layout, sizeof(Layout));
  EXPECT_NE(Region::open(std::move(larger)).error().text.find("size"), std::string::npos);
  EXPECT_FALSE(Region::open(base::Mapping::create(64).value()));
  EXPECT_FALSE(Region::open(base::Mapping()));
}

}  // namespace
}  // namespace homa::channel
