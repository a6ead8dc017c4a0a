// A chat room of streams. What a guest writes to standard input goes to everybody in the room.
// Usage: chat serve [ADDRESS] | chat join ADDRESS:4000 NAME
#include <homa/host.h>
#include <homa/rpc/channel.h>
#include <homa/rpc/server.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "chat.homa.h"

namespace {

using Stream = homa::rpc::ServerStream<chat::Line, chat::Line>;

class Room : public chat::Room::Service {
  homa::rpc::Status Join(homa::rpc::ServerContext& /*context*/, Stream& stream) override {
    const auto place = enter(stream);
    chat::Line line;
    while (stream.read(&line)) tell(line);
    leave(place);
    return {};
  }

  std::list<Stream*>::iterator enter(Stream& stream) {
    const std::lock_guard lock(mutex_);
    return guests_.insert(guests_.end(), &stream);
  }
  void leave(std::list<Stream*>::iterator place) {
    const std::lock_guard lock(mutex_);
    guests_.erase(place);
  }
  // A guest that does not read holds the others up; a room for strangers would have a queue each.
  void tell(const chat::Line& line) {
    const std::lock_guard lock(mutex_);
    for (Stream* guest : guests_) guest->write(line);
  }

  std::mutex mutex_;
  std::list<Stream*> guests_;
};

int fail(const std::string& text) {
  std::fprintf(stderr, "chat: %s\n", text.c_str());
  return 1;
}

int serve(const char* address) {
  sigset_t end;  // before the library starts a thread
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  ::sigprocmask(SIG_BLOCK, &end, nullptr);
  homa::HostConfig config;
  if (address != nullptr) config.address = address;
  auto host = homa::Host::open(config);
  if (!host) return fail(host.error().text);
  Room room;
  auto server = homa::rpc::Server::open(*host, 4000);
  if (!server) return fail(server.error().text);
  if (const auto added = server->add(room); !added) return fail(added.error().text);
  if (const auto started = server->start(); !started) return fail(started.error().text);
  std::printf("serving %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&end, &signal);
  return 0;
}

int join(const char* target, const char* name) {
  auto host = homa::Host::open({.udp_port = 0});
  if (!host) return fail(host.error().text);
  auto channel = homa::rpc::Channel::open(*host, target);
  if (!channel) return fail(channel.error().text);
  homa::rpc::ClientContext context;
  auto stream = chat::Room::Stub(*channel).Join(context);
  std::thread listener([&] {
    chat::Line heard;
    while (stream.read(&heard)) {
      std::printf("%s: %s\n", heard.who().c_str(), heard.text().c_str());
      std::fflush(stdout);
    }
  });
  chat::Line line;
  line.set_who(name);
  for (std::string text; std::getline(std::cin, text);) {
    line.set_text(text);
    if (!stream.write(line)) break;
  }
  stream.writes_done();
  listener.join();
  const auto status = stream.finish();
  return status.ok() ? 0 : fail(status.message());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "serve" && argc <= 3) return serve(argc > 2 ? argv[2] : nullptr);
  if (verb == "join" && argc == 4) return join(argv[2], argv[3]);
  std::fprintf(stderr, "usage: chat serve [ADDRESS] | chat join ADDRESS:4000 NAME\n");
  return 2;
}
