// ioctl: what it tells of RPCs, and aborts.
#include <poll.h>

#include <thread>

#include "interface.h"

namespace homa::testing {
namespace {

constexpr Outcome kOk{0, 0};

class Control : public Interface {
 protected:
  Outcome abort(const HomaSocket& socket, homa_abort_args args) {
    return Outcome::of(::ioctl(socket.fd(), HOMAIOCABORT, &args));
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Control, both_families(), family_name);

TEST_P(Control, InfoTellsOfTheSocket) {
  const homa_info info = server_.info();
  EXPECT_EQ(info.port, kPort);
  EXPECT_EQ(info.num_rpcs, 0U);
  EXPECT_GT(info.bpool_avail_bytes, HomaSocket::kMemory / 2);
  EXPECT_LE(info.bpool_avail_bytes, HomaSocket::kMemory);
}

TEST_P(Control, InfoTellsOfEachRpc) {
  const std::string text = pattern(3'000, 1);
  const std::uint64_t id = client_.request(kPort, text, 42, HOMA_SENDMSG_PRIVATE);
  const auto request = server_.receive();
  homa_rpc_info record{};
  homa_info info{};
  info.rpc_info = reinterpret_cast<std::uint64_t>(&record);
  info.rpc_info_length = sizeof(record);
  ASSERT_EQ(::ioctl(client_.fd(), HOMAIOCINFO, &info), 0);
  EXPECT_EQ(info.num_rpcs, 1U);
  EXPECT_EQ(record.id, id);
  EXPECT_EQ(record.completion_cookie, 42U);
  EXPECT_EQ(record.tx_length, 3'000);
  EXPECT_EQ(record.tx_sent, 3'000U);
  EXPECT_EQ(record.rx_length, -1) << "no response came yet";
  EXPECT_EQ(record.flags, HOMA_RPC_PRIVATE);
  EXPECT_EQ(record.peer.storage.ss_family, GetParam());
  ASSERT_EQ(::ioctl(server_.fd(), HOMAIOCINFO, &info), 0);
  EXPECT_EQ(info.num_rpcs, 1U);
  EXPECT_EQ(record.id, request.args.id);
  EXPECT_EQ(record.rx_length, 3'000);
  EXPECT_EQ(record.rx_remaining, 0U);
  EXPECT_EQ(record.tx_length, -1) << "no response was given yet";
  info.rpc_info_length = 0;
  ASSERT_EQ(::ioctl(server_.fd(), HOMAIOCINFO, &info), 0);
  EXPECT_EQ(info.num_rpcs, 1U) << "also without room for its record";
}

TEST_P(Control, InfoTellsWhetherARequestWaitsToBeReceived) {
  client_.request(kPort, "x");
  pollfd waiting{server_.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  const auto flags = [&] {
    homa_rpc_info record{};
    homa_info info{};
    info.rpc_info = reinterpret_cast<std::uint64_t>(&record);
    info.rpc_info_length = sizeof(record);
    EXPECT_EQ(::ioctl(server_.fd(), HOMAIOCINFO, &info), 0);
    EXPECT_EQ(info.num_rpcs, 1U);
    return record.flags;
  };
  EXPECT_EQ(flags(), HOMA_RPC_RX_READY);
  EXPECT_EQ(server_.receive().text, "x");
  EXPECT_EQ(flags(), 0);
}

TEST_P(Control, TheLastErrorHasASentence) {
  homa_sendmsg_args args{};
  EXPECT_EQ(client_.send(server_place(), "", args), failed(EINVAL));
  const homa_info info = client_.info();
  EXPECT_GT(std::strlen(info.error_msg), 10U);
  EXPECT_EQ(info.error_msg[HOMA_ERROR_MSG_SIZE - 1], '\0');
}

TEST_P(Control, AnAbortedRpcFailsAsItsAborterSays) {
  const std::uint64_t id = client_.request(kPort, "x", 3);
  EXPECT_EQ(abort(client_, {id, ECONNRESET, 0, {0, 0}}), kOk);
  const auto failure = client_.receive();
  EXPECT_EQ(failure.outcome, failed(ECONNRESET));
  EXPECT_EQ(failure.args.id, id);
  EXPECT_EQ(failure.args.completion_cookie, 3U);
}

TEST_P(Control, AnAbortWithoutAnErrorIsSilent) {
  const std::uint64_t id = client_.request(kPort, "x");
  EXPECT_EQ(abort(client_, {id, 0, 0, {0, 0}}), kOk);
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
  EXPECT_EQ(abort(client_, {id, 0, 0, {0, 0}}), failed(EINVAL)) << "it is there no more";
}

TEST_P(Control, AllRpcsAreAbortedAtOnce) {
  for (int i = 0; i < 5; ++i) client_.request(kPort, "x", 1);
  EXPECT_EQ(abort(client_, {0, EIO, 0, {0, 0}}), kOk);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client_.receive().outcome, failed(EIO));
  for (int i = 0; i < 5; ++i) client_.request(kPort, "x", 1);
  EXPECT_EQ(abort(client_, {0, 0, 0, {0, 0}}), kOk);
  EXPECT_EQ(client_.receive(0, MSG_DONTWAIT).outcome, failed(EAGAIN));
}

TEST_P(Control, AnAbortWakesWhoWaitsForThatRpc) {
  const std::uint64_t id = client_.request(kPort, "x", 0, HOMA_SENDMSG_PRIVATE);
  std::thread waiter([&] { EXPECT_EQ(client_.receive_keeping(id).outcome, failed(ECANCELED)); });
  ::usleep(20'000);
  EXPECT_EQ(abort(client_, {id, ECANCELED, 0, {0, 0}}), kOk);
  waiter.join();
}

TEST_P(Control, WrongAbortsAreRefused) {
  client_.request(kPort, "x");
  const auto request = server_.receive();
  EXPECT_EQ(abort(server_, {request.args.id, EIO, 0, {0, 0}}), failed(EINVAL)) << "a server's";
  EXPECT_EQ(abort(client_, {99'998, EIO, 0, {0, 0}}), failed(EINVAL));
  EXPECT_EQ(abort(client_, {0, 0, 1, {0, 0}}), failed(EINVAL));
  EXPECT_EQ(abort(client_, {0, 0, 0, {0, 1}}), failed(EINVAL));
  EXPECT_EQ(Outcome::of(::ioctl(client_.fd(), HOMAIOCABORT, nullptr)), failed(EFAULT));
  EXPECT_EQ(Outcome::of(::ioctl(client_.fd(), HOMAIOCINFO, nullptr)), failed(EFAULT));
}

TEST_P(Control, FreezeIsKnown) {
  EXPECT_EQ(Outcome::of(::ioctl(client_.fd(), HOMAIOCFREEZE)), kOk);
  EXPECT_EQ(Outcome::of(::ioctl(client_.fd(), _IO('h', 0x7f))), failed(EINVAL));
}

}  // namespace
}  // namespace homa::testing
