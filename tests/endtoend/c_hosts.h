// A host of the C interface on loopback, with a server's and a client's socket.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "homa/homa.h"

namespace homa::testing {

class CHosts {
 public:
  // `parameters`: beside those that every test has.
  explicit CHosts(const std::string& parameters = "") {
    const std::string all = "timeout_ticks=5000 " + parameters;
    homa_host_config config{};
    config.size = sizeof config;
    config.address = "127.0.0.1";
    config.udp_port = -1;
    config.parameters = all.c_str();
    host_ = homa_host_open(&config, nullptr);
    EXPECT_NE(host_, nullptr) << homa_last_error();
    server = homa_socket(host_, 4000, nullptr);
    client = homa_socket(host_, 0, nullptr);
    char text[80];
    EXPECT_GT(homa_host_address(host_, text, sizeof text), 0);
    EXPECT_EQ(homa_parse_address((std::string(text) + ":4000").c_str(), &to), 0);
  }
  ~CHosts() { close(); }
  CHosts(const CHosts&) = delete;
  CHosts& operator=(const CHosts&) = delete;

  void close() {
    if (host_ == nullptr) return;
    homa_close(client);
    homa_close(server);
    homa_host_close(host_);
    host_ = nullptr;
  }

 private:
  homa_host* host_ = nullptr;

 public:
  homa_socket_t *server = nullptr, *client = nullptr;
  homa_address to{};  // the server's
};

}  // namespace homa::testing
