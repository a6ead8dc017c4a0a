// Networks as they are: narrow legs, several addresses, devices that come, go and change,
// link-local addresses. Hosts of the library talk between network namespaces.
#include <gtest/gtest.h>

#include "endtoend/hosts.h"
#include "namespace.h"

namespace homa {
namespace {

using namespace std::chrono_literals;
using testing::EchoServer;
using testing::Namespace;
using testing::TwoHosts;

constexpr std::uint16_t kPort = 4000;

struct BackEnd {
  std::string backend;
  bool ipv6 = false;
};

std::string name_of(const ::testing::TestParamInfo<BackEnd>& info) {
  return info.param.backend + (info.param.ipv6 ? "_v6" : "_v4");
}

const BackEnd kAll[] = {{"udp", false}, {"udp", true},  {"raw", false},
                        {"raw", true},  {"xdp", false}, {"xdp", true}};
const BackEnd kUdp[] = {{"udp", false}, {"udp", true}};

HostConfig config_for(const std::string& backend, const std::string& address) {
  HostConfig config;
  config.backend = backend;
  config.address = address;
  config.parameters["timeout_ticks"] = "1000";
  return config;
}

std::optional<Host> open_in(const Namespace& where, const HostConfig& config) {
  auto host = where.inside([&] { return Host::open(config); });
  EXPECT_TRUE(host) << host.error().text;
  if (!host) return std::nullopt;
  return std::move(*host);
}

// Calls of every size class, each echoed whole.
void call_with_every_length(Host& client_host, const std::string& server) {
  auto client = client_host.client();
  ASSERT_TRUE(client) << client.error().text;
  const auto to = SocketAddress::parse(server + ":" + std::to_string(kPort));
  ASSERT_TRUE(to) << to.error().text;
  std::uint64_t seed = 0;
  for (const std::size_t length : {100U, 1'300U, 1'399U, 1'400U, 5'000U, 100'000U, 500'000U}) {
    const auto request = testing::pattern(length, ++seed);
    const auto response = client->call(*to, request, 5s);
    ASSERT_TRUE(response) << length << " bytes to " << server << ": " << response.error().text
                          << "\n"
                          << testing::nonzero_counters(client_host);
    EXPECT_TRUE(std::equal(request.begin(), request.end(), response->bytes().begin(),
                           response->bytes().end()))
        << length;
  }
}

std::string host_text(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

// A device that was just switched on loses packets until the kernel has noticed.
std::string until_up(const std::string& device = "net0") {
  return "for i in $(seq 300); do if ip link show " + device +
         " | grep -q 'state UP'; then exit 0; fi; sleep 0.01; done; exit 1";
}

// Client, router, server: the leg between router and server is narrower than the client's.
class NarrowLeg : public ::testing::TestWithParam<BackEnd> {
 protected:
  void SetUp() override {
    std::string reason;
    a_ = Namespace::create(reason);
    router_ = a_ ? Namespace::create(reason) : nullptr;
    b_ = router_ ? Namespace::create(reason) : nullptr;
    if (!b_) GTEST_SKIP() << reason;
    for (const Namespace* host : {a_.get(), router_.get(), b_.get()}) {
      ASSERT_TRUE(
          host->run("sysctl -qw net.ipv6.conf.all.accept_dad=0 "
                    "net.ipv6.conf.default.accept_dad=0"));
    }
    ASSERT_TRUE(router_->run(
        "ip link add left type veth peer name net0 netns " + a_->path() +
        "; ip link add right type veth peer name net0 netns " + b_->path() +
        "; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
        "; ip link set left up; ip link set right up mtu 1400"
        "; ip addr add 10.71.0.254/24 dev left; ip addr add fd71::ff/64 dev left nodad"
        "; ip addr add 10.72.0.254/24 dev right; ip addr add fd72::ff/64 dev right nodad"));
    ASSERT_TRUE(
        a_->run("ip link set net0 up; ip addr add 10.71.0.1/24 dev net0;"
                "ip addr add fd71::1/64 dev net0 nodad; ip route add default via "
                "10.71.0.254; ip -6 route add default via fd71::ff"));
    ASSERT_TRUE(
        b_->run("ip link set net0 up mtu 1500; ip addr add 10.72.0.1/24 dev net0;"
                "ip addr add fd72::1/64 dev net0 nodad; ip route add default via "
                "10.72.0.254; ip -6 route add default via fd72::ff"));
    ASSERT_TRUE(a_->run(until_up()) && b_->run(until_up()));
  }
  std::string address(int end) const {
    const std::string net = end == 1 ? "71" : "72";
    return GetParam().ipv6 ? "fd" + net + "::1" : "10." + net + ".0.1";
  }

  std::unique_ptr<Namespace> a_, router_, b_;
};

TEST_P(NarrowLeg, LongMessagesPassBothWays) {
  auto server = open_in(*b_, config_for(GetParam().backend, address(2)));
  auto client = open_in(*a_, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(server && client);
  const EchoServer echo(*server, kPort);
  call_with_every_length(*client, host_text(address(2)));
  if (HasFailure()) ADD_FAILURE() << testing::nonzero_counters(*server);
}
INSTANTIATE_TEST_SUITE_P(All, NarrowLeg, ::testing::ValuesIn(kAll), name_of);

// Two hosts whose network the test changes.
class ChangingNetwork : public ::testing::TestWithParam<BackEnd> {
 protected:
  void SetUp() override {
    std::string reason;
    hosts_ = TwoHosts::create(reason);
    if (!hosts_) GTEST_SKIP() << reason;
  }
  std::string address(int end) const {
    return (GetParam().ipv6 ? "fd77::" : "10.77.0.") + std::to_string(end);
  }
  // How many DATA packets a call with 400,000 bytes takes.
  static std::uint64_t packets_of_a_long_call(Host& host, const std::string& server) {
    const auto data_packets = [&] {
      std::uint64_t others = 0;
      for (const char* name : {"grants_sent", "acks_sent", "resends_sent", "busy_sent",
                               "cutoffs_sent", "retransmitted_packets"}) {
        others += testing::counter(host, name);
      }
      return testing::counter(host, "packets_sent") - others;
    };
    const std::uint64_t before = data_packets();
    auto client = host.client();
    const auto request = testing::pattern(400'000, 1);
    const auto response =
        client->call(*SocketAddress::parse(server + ":" + std::to_string(kPort)), request, 5s);
    EXPECT_TRUE(response) << response.error().text << testing::nonzero_counters(host);
    return data_packets() - before;
  }
  std::unique_ptr<TwoHosts> hosts_;
};

// A server for every address is called at each of them, also through a device of its own.
TEST_P(ChangingNetwork, AnAnswerComesFromTheAddressThatWasCalled) {
  ASSERT_TRUE(
      hosts_->b->run("ip addr add 10.77.0.22/24 dev net0; ip addr add fd77::22/64 dev net0 nodad;"
                     "ip addr add 10.99.0.1/32 dev lo; ip addr add fd99::1/128 dev lo"));
  ASSERT_TRUE(
      hosts_->a->run("ip route add 10.99.0.1 via 10.77.0.2; "
                     "ip route add fd99::1 via fd77::2"));
  auto server = open_in(*hosts_->b, config_for(GetParam().backend, ""));
  auto client = open_in(*hosts_->a, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(server && client);
  const EchoServer echo(*server, kPort);
  const bool v6 = GetParam().ipv6;
  for (const std::string called : {v6 ? "[fd77::2]" : "10.77.0.2", v6 ? "[fd77::22]" : "10.77.0.22",
                                   v6 ? "[fd99::1]" : "10.99.0.1"}) {
    call_with_every_length(*client, called);
  }
  EXPECT_EQ(testing::counter(*client, "rpcs_failed"), 0U);
  EXPECT_EQ(testing::counter(*server, "requests_received"), 3 * 7U);
}

// Two devices on one network: the answer leaves by the one that was called, although the route to
// the client is by the other.
TEST_P(ChangingNetwork, AnAnswerLeavesByTheDeviceThatWasCalled) {
  const auto neighbour = [](const std::string& ip, int end) {
    return "; ip neigh replace " + ip + " lladdr 02:00:00:00:78:0" + std::to_string(end) +
           " dev net1 nud permanent";
  };
  ASSERT_TRUE(hosts_->a->run(
      "ip link add net1 address 02:00:00:00:78:01 type veth peer name net1 netns " +
      hosts_->b->path() + "; ip link set net1 up; ip route add 10.77.0.22/32 dev net1" +
      "; ip -6 route add fd77::22/128 dev net1" + neighbour("10.77.0.22", 2) +
      neighbour("fd77::22", 2)));
  ASSERT_TRUE(hosts_->b->run(
      "ip link set net1 address 02:00:00:00:78:02 up; ip addr add 10.77.0.22/24 dev net1;"
      "ip addr add fd77::22/64 dev net1 nodad" +
      neighbour("10.77.0.1", 1) + neighbour("fd77::1", 1)));
  ASSERT_TRUE(hosts_->a->run(until_up("net1")) && hosts_->b->run(until_up("net1")));
  auto server = open_in(*hosts_->b, config_for(GetParam().backend, ""));
  auto client = open_in(*hosts_->a, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(server && client);
  const EchoServer echo(*server, kPort);
  call_with_every_length(*client, GetParam().ipv6 ? "[fd77::22]" : "10.77.0.22");
  EXPECT_TRUE(
      hosts_->b->run("test $(ip -s link show net0 | awk '/TX:/{getline; print $1}') "
                     "-lt 100000"))
      << "answers left by net0";
}

TEST_P(ChangingNetwork, AServerMayBeThereBeforeItsDevice) {
  ASSERT_TRUE(hosts_->b->run("ip link set net0 down; ip addr flush dev net0"));
  auto server = open_in(*hosts_->b, config_for(GetParam().backend, ""));
  ASSERT_TRUE(server);
  const EchoServer echo(*server, kPort);
  ASSERT_TRUE(hosts_->b->run(
      "ip addr add 10.77.0.2/24 dev net0; ip link set net0 up; ip addr add fd77::2/64 dev net0 "
      "nodad; ip neigh replace 10.77.0.1 lladdr 02:00:00:00:77:01 dev net0 nud permanent;"
      "ip neigh replace fd77::1 lladdr 02:00:00:00:77:01 dev net0 nud permanent"));
  ASSERT_TRUE(hosts_->b->run(until_up()) && hosts_->a->run(until_up()));
  auto client = open_in(*hosts_->a, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(client);
  call_with_every_length(*client, host_text(address(2)));
}

INSTANTIATE_TEST_SUITE_P(Udp, ChangingNetwork, ::testing::ValuesIn(kUdp), name_of);

// Changes that every back end follows.
class FollowedNetwork : public ChangingNetwork {};

TEST_P(FollowedNetwork, PacketsFollowTheMtuBothWays) {
  auto server = open_in(*hosts_->b, config_for(GetParam().backend, address(2)));
  auto client = open_in(*hosts_->a, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(server && client);
  const EchoServer echo(*server, kPort);
  const std::string to = host_text(address(2));
  const std::uint64_t at_1500 = packets_of_a_long_call(*client, to);
  const auto set_mtu = [&](int mtu) {
    const std::string command = "ip link set net0 mtu " + std::to_string(mtu);
    ASSERT_TRUE(hosts_->a->run(command) && hosts_->b->run(command));
  };
  set_mtu(1300);
  call_with_every_length(*client, to);
  EXPECT_GT(packets_of_a_long_call(*client, to), at_1500 * 11 / 10);
  set_mtu(1500);
  call_with_every_length(*client, to);
  EXPECT_LT(packets_of_a_long_call(*client, to), at_1500 * 11 / 10);
}

TEST_P(FollowedNetwork, DevicesRoutesAndAddressesComeAndGo) {
  auto server = open_in(*hosts_->b, config_for(GetParam().backend, address(2)));
  auto client = open_in(*hosts_->a, config_for(GetParam().backend, address(1)));
  ASSERT_TRUE(server && client);
  const EchoServer echo(*server, kPort);
  const std::string to = host_text(address(2));
  call_with_every_length(*client, to);
  const std::string back =
      "ip addr replace 10.77.0.1/24 dev net0; ip addr replace fd77::1/64 dev net0 nodad;"
      "ip neigh replace 10.77.0.2 lladdr 02:00:00:00:77:02 dev net0 nud permanent;"
      "ip neigh replace fd77::2 lladdr 02:00:00:00:77:02 dev net0 nud permanent;";
  for (const std::string gone :
       {"ip link set net0 down", "ip addr flush dev net0",
        GetParam().ipv6 ? "ip -6 route del fd77::/64 dev net0" : "ip route del 10.77.0.0/24"}) {
    ASSERT_TRUE(hosts_->a->run(gone)) << gone;
    auto socket = client->client();
    const auto lost = socket->call(*SocketAddress::parse(to + ":" + std::to_string(kPort)),
                                   testing::pattern(100, 1), 200ms);
    if (gone == "ip link set net0 down") {
      EXPECT_FALSE(lost);
    }
    ASSERT_TRUE(hosts_->a->run("ip link set net0 up; " + back +
                               (GetParam().ipv6 ? "ip -6 route replace fd77::/64 dev net0"
                                                : "ip route replace 10.77.0.0/24 dev net0")));
    ASSERT_TRUE(hosts_->a->run(until_up()));
    call_with_every_length(*client, to);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FollowedNetwork, ::testing::ValuesIn(kAll), name_of);

TEST(LinkLocal, TheSameAddressOnTwoLinksIsTwoHosts) {
  std::string reason;
  auto hosts = TwoHosts::create(reason);
  auto third = hosts ? Namespace::create(reason) : nullptr;
  if (!third) GTEST_SKIP() << reason;
  ASSERT_TRUE(hosts->a->run("ip link add net1 type veth peer name net0 netns " + third->path() +
                            "; ip link set net1 up; ip addr add fe80::1/64 dev net1 nodad;"
                            "ip addr add fe80::1/64 dev net0 nodad"));
  ASSERT_TRUE(hosts->b->run("ip addr add fe80::2/64 dev net0 nodad"));
  ASSERT_TRUE(third->run("ip link set net0 up; ip addr add fe80::2/64 dev net0 nodad"));
  auto client = open_in(*hosts->a, config_for("udp", ""));
  auto first = open_in(*hosts->b, config_for("udp", ""));
  auto second = open_in(*third, config_for("udp", "fe80::2"));
  ASSERT_TRUE(client && first && second);
  const EchoServer echo_first(*first, kPort);
  const EchoServer echo_second(*second, kPort);
  const auto inside = hosts->a->enter();  // where net0 and net1 have their numbers
  call_with_every_length(*client, "[fe80::2%net0]");
  EXPECT_EQ(testing::counter(*first, "requests_received"), 7U);
  EXPECT_EQ(testing::counter(*second, "requests_received"), 0U);
  call_with_every_length(*client, "[fe80::2%net1]");
  EXPECT_EQ(testing::counter(*second, "requests_received"), 7U);
}

// The host's address is on a device of 1 Gbit/s. Long messages leave by one of 100 Mbit/s as well,
// whose queue is short: at the pace of the other device it would overflow.
TEST(DeviceRates, ASlowDeviceBesideAFastOneDropsNothing) {
  std::string reason;
  const auto host = Namespace::create(reason);
  const auto near = host ? Namespace::create(reason) : nullptr;
  const auto far = near ? Namespace::create(reason) : nullptr;
  if (!far) GTEST_SKIP() << reason;
  ASSERT_TRUE(
      host->run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0;"
                "ip link add fast type veth peer name net0 netns " +
                near->path() + "; ip link add slow type veth peer name net0 netns " + far->path() +
                "; ip link set fast up; ip link set slow up"
                "; ip addr add 10.81.0.1/24 dev fast; ip addr add 10.82.0.1/24 dev slow"
                "; tc qdisc add dev fast root handle 1: htb default 1"
                "; tc class add dev fast parent 1: classid 1:1 htb rate 1gbit"
                "; tc qdisc add dev slow root handle 1: htb default 1"
                "; tc class add dev slow parent 1: classid 1:1 htb rate 100mbit"
                "; tc qdisc add dev slow parent 1:1 bfifo limit 80000"));
  ASSERT_TRUE(near->run("ip link set net0 up; ip addr add 10.81.0.2/24 dev net0"));
  ASSERT_TRUE(
      far->run("ip link set net0 up; ip addr add 10.82.0.2/24 dev net0;"
               "ip route add 10.81.0.0/24 via 10.82.0.1"));
  ASSERT_TRUE(host->run(until_up("fast")));
  ASSERT_TRUE(host->run(until_up("slow")));
  auto client = open_in(*host, config_for("udp", "10.81.0.1"));
  auto server = open_in(*far, config_for("udp", "10.82.0.2"));
  ASSERT_TRUE(client && server);
  const EchoServer echo(*server, kPort);
  auto socket = client->client();
  ASSERT_TRUE(socket);
  const auto request = testing::pattern(900'000, 1);
  for (int call = 0; call < 3; ++call) {
    const auto response = socket->call(*SocketAddress::parse("10.82.0.2:4000"), request, 20s);
    ASSERT_TRUE(response) << response.error().text;
  }
  EXPECT_TRUE(host->run("tc -s qdisc show dev slow | grep -A1 bfifo | grep -q 'dropped 0,'"))
      << host->inside([] { return std::system("tc -s qdisc show dev slow"); });
}

}  // namespace
}  // namespace homa
