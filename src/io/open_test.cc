// Opening: which back end comes of a configuration, and errors that name what was tried.
#include "io/open.h"

#include <gmock/gmock.h>

namespace homa::io {
namespace {

using ::testing::HasSubstr;

IoConfig on_loopback() {
  IoConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  return config;
}

Error error_of(const IoConfig& config) {
  const auto io = open(config);
  EXPECT_FALSE(io);
  return io ? Error{} : io.error();
}

TEST(Open, APortInUseIsNamed) {
  const auto first = open(on_loopback());
  ASSERT_TRUE(first) << first.error().text;
  IoConfig config = on_loopback();
  config.udp_port = (*first)->capabilities().local.udp_port;
  const Error error = error_of(config);
  EXPECT_EQ(error.code, ErrorCode::kInUse);
  EXPECT_THAT(error.text, HasSubstr(std::to_string(config.udp_port)));
}

TEST(Open, AnAddressThatNoDeviceHasIsNamedWithThoseThatThereAre) {
  IoConfig config = on_loopback();
  config.address = "203.0.113.7";
  const Error error = error_of(config);
  EXPECT_THAT(error.text, HasSubstr("203.0.113.7"));
  EXPECT_THAT(error.text, HasSubstr("lo 127.0.0.1"));
}

TEST(Open, ADeviceThatDoesNotExistIsNamed) {
  IoConfig config = on_loopback();
  config.address.clear();
  config.interface = "nonesuch0";
  EXPECT_THAT(error_of(config).text, HasSubstr("nonesuch0"));
}

TEST(Open, AnUnknownBackEndIsNamed) {
  IoConfig config = on_loopback();
  config.backend = "carrier-pigeon";
  EXPECT_THAT(error_of(config).text, HasSubstr("carrier-pigeon"));
}

TEST(Open, ATooSmallMtuIsNamed) {
  IoConfig config = on_loopback();
  config.mtu = 60;
  EXPECT_THAT(error_of(config).text, HasSubstr("MTU 60"));
}

TEST(Open, AFaultThatIsNoFractionIsNamed) {
  IoConfig config = on_loopback();
  config.faults.loss = 2;
  EXPECT_THAT(error_of(config).text, HasSubstr("loss"));
}

TEST(Open, UdpIsTheDefault) {
  const auto io = open(on_loopback());
  ASSERT_TRUE(io);
  EXPECT_EQ((*io)->capabilities().name, "udp");
}

}  // namespace
}  // namespace homa::io
