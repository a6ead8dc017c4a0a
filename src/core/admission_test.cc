#include "core/admission.h"

#include <gtest/gtest.h>

namespace homa::core {
namespace {

constexpr Port kServer{80};

CoreConfig small_config() {
  CoreConfig config;
  config.rpcs_max = 8;
  config.served_rpcs_per_port_max = 4;
  config.message_bytes_max = 10'000;
  config.finished_ids_max = 2;
  return config;
}

struct AdmissionTest : testing::Test {
  AdmissionTest() {
    peer.incarnation = 1;
    data.common.sender_id = WireId{100};
    data.message_length = 1'000;
  }
  ~AdmissionTest() override { account.ports.clear(); }

  CoreConfig config = small_config();
  Accounts accounts{0, 10'000};
  Account& account = *accounts.find(kDefaultAccount);
  std::mt19937_64 random{1};
  Admission admission{config};
  Peer peer;
  wire::DataHeader data;
};

TEST_F(AdmissionTest, ARequestToAnOpenPortMayStart) {
  const auto port = admission.open(kServer, account, random);
  ASSERT_TRUE(port);
  EXPECT_EQ(admission.find(kServer), *port);
  EXPECT_FALSE(admission.refusal(**port, peer, data));
}

TEST_F(AdmissionTest, APortIsOpenedOnceAndAgainAfterItWasClosed) {
  LocalPort* port = *admission.open(kServer, account, random);
  EXPECT_EQ(admission.open(kServer, account, random).error(), ErrorCode::kInUse);
  admission.close(*port);
  EXPECT_EQ(admission.find(kServer), nullptr);
  EXPECT_EQ(admission.closing(), port);
  EXPECT_TRUE(admission.open(kServer, account, random));
  admission.remove_closing();
  EXPECT_EQ(admission.closing(), nullptr);
  EXPECT_EQ(account.ports.size(), 1U);
}

TEST_F(AdmissionTest, PortZeroIsAFreeClientPort) {
  const auto port = admission.open(Port{0}, account, random);
  ASSERT_TRUE(port);
  EXPECT_TRUE(is_client_port((*port)->number));
  const auto refusal = admission.refusal(**port, peer, data);
  ASSERT_TRUE(refusal) << "it takes no requests";
  EXPECT_EQ(refusal->answer, ErrorCode::kNotAServer);
}

TEST_F(AdmissionTest, ARequestThatIsTooLongIsRefused) {
  LocalPort& port = **admission.open(kServer, account, random);
  data.message_length = 10'001;
  EXPECT_EQ(admission.refusal(port, peer, data)->answer, ErrorCode::kTooLong);
}

TEST_F(AdmissionTest, APortServesSoManyAtOnce) {
  LocalPort& port = **admission.open(kServer, account, random);
  for (int i = 0; i < 4; ++i) admission.request_started(port);
  EXPECT_EQ(admission.refusal(port, peer, data)->answer, ErrorCode::kOverloaded);
  admission.request_ended(port, peer, WireId{2}, false);
  EXPECT_FALSE(admission.refusal(port, peer, data));
}

TEST_F(AdmissionTest, AllPortsTogetherLeaveRoomForCallsOfOurOwn) {
  LocalPort& port = **admission.open(kServer, account, random);
  LocalPort& other = **admission.open(Port{81}, account, random);
  for (int i = 0; i < 3; ++i) admission.request_started(port);
  for (int i = 0; i < 3; ++i) admission.request_started(other);
  EXPECT_EQ(admission.refusal(port, peer, data)->reason, DropReason::kOverloaded);
}

// A copy that the network made needs no answer. A sender that tries again gets one.
TEST_F(AdmissionTest, ARequestThatRanDoesNotRunAgain) {
  LocalPort& port = **admission.open(kServer, account, random);
  admission.request_started(port);
  admission.request_ended(port, peer, data.common.sender_id, true);
  EXPECT_EQ(admission.refusal(port, peer, data)->reason, DropReason::kFinished);
  EXPECT_EQ(admission.refusal(port, peer, data)->answer, ErrorCode::kOk);
  data.retransmit = 1;
  EXPECT_EQ(admission.refusal(port, peer, data)->answer, ErrorCode::kStale);
}

}  // namespace
}  // namespace homa::core
