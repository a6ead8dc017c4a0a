// A key-value store over Homa: "put KEY VALUE", "get KEY", "delete KEY". Usage: kv_server [ADDRESS]
#include <homa/host.h>

#include <cstdio>
#include <sstream>
#include <string>
#include <unordered_map>

namespace {

std::string answer(std::unordered_map<std::string, std::string>& store,
                   const std::string& request) {
  std::istringstream words(request);
  std::string verb, key, value;
  words >> verb >> key >> std::ws;
  std::getline(words, value, '\0');
  if (verb == "put") return store.insert_or_assign(key, value).second ? "created" : "replaced";
  if (verb == "delete") return store.erase(key) == 1 ? "deleted" : "no such key";
  if (verb != "get") return "what? put KEY VALUE, get KEY or delete KEY";
  const auto found = store.find(key);
  return found == store.end() ? "no such key" : found->second;
}

}  // namespace

int main(int argc, char** argv) {
  homa::HostConfig config;
  if (argc > 1) config.address = argv[1];
  auto host = homa::Host::open(config);
  if (!host) {
    std::fprintf(stderr, "kv_server: %s\n", host.error().text.c_str());
    return 1;
  }
  auto socket = host->serve(4000);
  if (!socket) {
    std::fprintf(stderr, "kv_server: %s\n", socket.error().text.c_str());
    return 1;
  }
  std::printf("serving %s:4000\n", host->address().to_string().c_str());
  std::fflush(stdout);
  std::unordered_map<std::string, std::string> store;
  while (true) {
    const auto request = socket->receive();
    if (!request) return 0;  // shut down
    const auto text = reinterpret_cast<const char*>(request->bytes().data());
    const std::string response = answer(store, std::string(text, request->size()));
    // If it fails, the client gave up, and there is no one to tell.
    (void)socket->reply(request->rpc(), std::as_bytes(std::span(response))).has_value();
  }
}
