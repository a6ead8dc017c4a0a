// Those beside the attacks: a server that counts how often it executed each request, and a
// well-behaved client that counts its calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hostile/stage.h"

namespace homa::hostile {

using namespace std::chrono_literals;

// Answers each request `delay` after it came with its own bytes, or with `response_length` bytes.
class Server {
 public:
  struct Options {
    std::chrono::milliseconds delay{0};
    std::size_t response_length = 0;  // 0: an echo
    int threads = 1;                  // requests that are worked on at once
  };
  explicit Server(Host& host) : Server(host, Options{}) {}
  Server(Host& host, const Options& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Requests with this serial number (their first 8 bytes) that the application got.
  std::size_t executions(std::uint64_t serial) const;

 private:
  void run(const Options& options);

  Socket socket_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::size_t> executions_;
  std::vector<std::thread> threads_;
};

struct Score {
  std::size_t answered = 0;
  std::map<std::string, std::size_t> failed;  // by error
  std::chrono::duration<double> time{0};

  void add(const Score& other);
  double per_second() const {
    return time.count() == 0 ? 0 : static_cast<double>(answered) / time.count();
  }
  std::size_t failures() const;
  std::string text() const;
};

// Calls one after the other, each with a serial number, and checks each answer.
class Client {
 public:
  // `lengths`: of the requests, by turns.
  explicit Client(Host& host, std::vector<std::size_t> lengths = {100},
                  const Address& server = kServer);

  // Calls for so long; the last call ends later. `patience`: for each.
  Score call_for(std::chrono::milliseconds time, std::chrono::milliseconds patience = 3s);
  // One call. True: it was answered, with its own bytes.
  bool call(Score& score, std::chrono::milliseconds patience = 3s);
  std::uint64_t last_serial() const { return serial_; }
  const std::vector<std::size_t>& lengths() const { return lengths_; }

 private:
  Socket socket_;
  SocketAddress server_;
  std::vector<std::size_t> lengths_;
  std::uint64_t serial_ = 0;
};

// A client's score, and that of another client of another server on the same machine at the same
// time: the machine may be busy, and an attacker's own work takes time too.
struct Scores {
  Score mine, calm;
};

// A server that nobody attacks, with its client, in the same namespaces as the others.
class Calm {
 public:
  Calm(const Stage& stage, const std::vector<std::size_t>& lengths);
  Client& client() { return client_; }

 private:
  Host server_host_, client_host_;
  Server server_;
  Client client_;
};

// Whether a client keeps half of its calls per second. Sanitizers make every packet dear, those of
// the attacker too, so there the answer is yes.
bool keeps_half(const Scores& before, const Scores& during);

// A well-behaved client keeps at least half of its calls per second beside an attack, compared with
// those before or with those of the calm client, and loses none. Prints the scores in one line.
void expect_unharmed(const std::string& attack, const Scores& before, const Scores& during);

// How long scores are taken: before an attack, and during it.
std::chrono::milliseconds time_before();
std::chrono::milliseconds time_during();

}  // namespace homa::hostile
