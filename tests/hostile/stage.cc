#include "hostile/stage.h"

#include <fstream>
#include <sstream>

#include "endtoend/hosts.h"
#include "support/long_tests.h"

namespace homa::hostile {
namespace {

std::string number_of(const Address& address) { return std::to_string(address.ip[15]); }

// The visitor's device has the client's Ethernet address: the switch learns where it is from the
// packets that come from it, so an address that moves needs no ARP.
std::string ethernet_of(const Address& address) {
  return "02:00:00:00:78:0" + number_of(address == kVisitor ? kClient : address);
}

std::string configure(const Address& me) {
  std::string commands = "sysctl -qw net.ipv4.ip_forward=0; ip link set net0 address " +
                         ethernet_of(me) + " up; ip addr add 10.78.0." + number_of(me) +
                         "/24 dev net0; ";
  for (const Address& other : {kServer, kClient, kAttacker, kVisitor}) {
    if (other == me) continue;
    commands += "ip neigh replace 10.78.0." + number_of(other) + " lladdr " + ethernet_of(other) +
                " dev net0 nud permanent; ";
  }
  if (me != kAttacker) commands += "ip route add 10.79.0.0/16 via 10.78.0.3; ";
  // A device that was just switched on drops packets silently until the kernel has noticed.
  return commands +
         "for i in $(seq 300); do "
         "if ip link show net0 | grep -q 'state UP'; then exit 0; fi; sleep 0.01; done; exit 1";
}

std::string plug(const Namespace& host, const std::string& name) {
  return "ip link add " + name + " type veth peer name net0 netns " + host.path() +
         "; ip link set " + name + " master switch up; ";
}

}  // namespace

std::unique_ptr<Stage> Stage::create(std::string& reason) {
  auto stage = std::make_unique<Stage>();
  for (std::unique_ptr<Namespace>* place :
       {&stage->network, &stage->server, &stage->client, &stage->attacker, &stage->visitor}) {
    *place = Namespace::create(reason);
    if (!*place) return nullptr;
  }
  const bool up =
      stage->network->run("ip link add switch type bridge; ip link set switch up; " +
                          plug(*stage->server, "server") + plug(*stage->client, "client") +
                          plug(*stage->attacker, "attacker") + plug(*stage->visitor, "visitor")) &&
      stage->server->run(configure(kServer)) && stage->client->run(configure(kClient)) &&
      stage->attacker->run(configure(kAttacker)) && stage->visitor->run(configure(kVisitor));
  if (!up) {
    reason = "this kernel has no bridges or no veth devices";
    return nullptr;
  }
  return stage;
}

Host Stage::open_in(const Namespace& where, const Address& address, HostConfig config) {
  config.address = "10.78.0." + number_of(address);
  if (!test::long_tests() && !config.parameters.contains("timeout_ticks")) {
    config.parameters["timeout_ticks"] = "400";
  }
  return where.inside([&] { return testing::open_host(config); });
}

Host Stage::open_server(HostConfig config) const {
  return open_in(*server, kServer, std::move(config));
}

Host Stage::open_client(HostConfig config) const {
  return open_in(*client, kClient, std::move(config));
}

bool Stage::move_client_address(bool to_visitor) const {
  const Namespace& from = to_visitor ? *client : *visitor;
  const Namespace& to = to_visitor ? *visitor : *client;
  const std::string neighbour =
      "; ip neigh replace 10.78.0.1 lladdr " + ethernet_of(kServer) + " dev net0 nud permanent";
  return from.run("ip addr del 10.78.0.2/24 dev net0") &&
         to.run("ip addr add 10.78.0.2/24 dev net0" + neighbour);
}

Stage::Bytes Stage::attacker_bytes() const {
  return attacker->inside([] {
    Bytes bytes;
    std::ifstream table("/proc/thread-self/net/dev");
    for (std::string line; std::getline(table, line);) {
      const std::size_t colon = line.find("net0:");
      if (colon == std::string::npos) continue;
      std::istringstream fields(line.substr(colon + 5));
      std::uint64_t skipped = 0;
      fields >> bytes.received;
      for (int i = 0; i < 7; ++i) fields >> skipped;
      fields >> bytes.sent;
    }
    return bytes;
  });
}

}  // namespace homa::hostile
