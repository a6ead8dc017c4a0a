// The `homa` command as people meet it: wrong command lines, exit codes, interruption, a server and
// its client.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace homa::tools {
namespace {

using namespace std::chrono_literals;

// The command, running. Its output and errors are read together.
class Command {
 public:
  explicit Command(const std::vector<std::string>& words) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      std::vector<char*> argv{const_cast<char*>("homa")};
      for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      ::unsetenv("HOMA_LAB");
      ::execv(HOMA_COMMAND, argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_fd_ = ends[0];
  }
  ~Command() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_fd_);
  }

  // Until `text` was printed; false: it ended before, or took too long.
  bool prints(const std::string& text) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (output_.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until || !read_some()) return false;
    }
    return true;
  }
  void interrupt() const { ::kill(pid_, SIGINT); }
  // To its end: the exit code, or -1 when a signal ended it.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& output() const { return output_; }

 private:
  bool read_some() {
    pollfd waiting{output_fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) != 1) return false;
    char buffer[4096];
    const ssize_t count = ::read(output_fd_, buffer, sizeof buffer);
    if (count > 0) output_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }

  pid_t pid_ = -1;
  int output_fd_ = -1;
  bool ended_ = false;
  std::string output_;
};

// A port that other runs of this test do not use at the same time.
std::string udp_port(int offset) { return std::to_string(20'000 + ::getpid() % 20'000 + offset); }

struct WrongLine {
  std::vector<std::string> words;
  int code;
  std::string says;
};

class WrongCommandLines : public ::testing::TestWithParam<WrongLine> {};

TEST_P(WrongCommandLines, NameTheCauseAndEndWithTheirCode) {
  Command command(GetParam().words);
  EXPECT_EQ(command.wait(), GetParam().code) << command.output();
  EXPECT_NE(command.output().find(GetParam().says), std::string::npos) << command.output();
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongCommandLines,
    ::testing::Values(
        WrongLine{{}, 2, "say which subcommand"},
        WrongLine{{"pong"}, 2, "there is no subcommand 'pong'; did you mean ping?"},
        WrongLine{{"lab", "dwn"}, 2, "did you mean down?"},
        WrongLine{{"ping"}, 2, "server is required"},
        WrongLine{{"ping", "127.0.0.1:0"}, 2, "servers have ports 1 to 32767, not 0"},
        WrongLine{{"ping", "127.0.0.1:40000"}, 2, "servers have ports 1 to 32767, not 40000"},
        WrongLine{{"ping", "127.0.0.1:99999"}, 2, "\"99999\" is not a port"},
        WrongLine{{"ping", "127.0.0.1:http"}, 2, "\"http\" is not a port"},
        WrongLine{{"ping", ":4000"}, 2, "has no host"},
        WrongLine{{"ping", "no-such-host.invalid"}, 2, "no-such-host.invalid"},
        WrongLine{{"ping", "127.0.0.1", "-c", "-1"}, 2, "\"-1\" is not a whole number"},
        WrongLine{{"ping", "127.0.0.1", "-i", "soon"}, 2, "\"soon\" is not a duration"},
        WrongLine{{"ping", "127.0.0.1", "--io", "tcp"}, 2, "there are: auto, udp, raw"},
        WrongLine{{"ping", "127.0.0.1", "--set", "nonsense=1"}, 2, "no parameter named nonsense"},
        WrongLine{
            {"ping", "127.0.0.1", "--udp-port", "70000"}, 2, "70000 is not within 0 to 65535"},
        WrongLine{{"ping", "127.0.0.1", "--pcap", "/no/such/folder/x", "-c", "1"}, 1, "/no/such/"},
        WrongLine{{"ping", "127.0.0.1", "--nonsense"}, 2, "--nonsense"},
        WrongLine{{"serve", "0"}, 2, "0 is not within 1 to 32767"},
        WrongLine{{"serve", "http"}, 2, "\"http\" is not a whole number"},
        WrongLine{{"serve", "--threads", "0"}, 2, "0 is not within 1 to 256"},
        WrongLine{{"serve", "--service-time", "slow"}, 2, "exponential:MEAN"},
        WrongLine{{"serve", "--interface", "nonsense0"}, 2, "nonsense0"},
        WrongLine{{"serve", "--address", "192.0.2.77"}, 2, "192.0.2.77"},
        WrongLine{{"dump"}, 2, "file is required"},
        WrongLine{{"dump", "/no/such/file"}, 1, "/no/such/file"},
        WrongLine{{"dump", HOMA_COMMAND}, 1, "as a capture"},
        WrongLine{{"bench", "--protocol", "sctp"}, 2, "no such protocol: 'sctp'"},
        WrongLine{{"bench", "--loopback", "--workload", "w9"}, 2, "w1..w5"},
        WrongLine{{"bench", "--loopback", "--duration", "long"}, 2, "\"long\" is not a duration"},
        WrongLine{{"bench", "--loopback", "--hosts", "1"}, 2, "1 is not within 2 to 250"},
        WrongLine{{"bench", "--server", "127.0.0.1:0"}, 2, "servers have ports"},
        WrongLine{{"bench", "--server", "127.0.0.1", "--protocol", "tcp"}, 2, "no other protocol"},
        WrongLine{{"bench", "--loopback", "--service-time", "fixed:1s", "--server-threads", "1"},
                  2,
                  "use more --server-threads"},
        WrongLine{{"sim", "--load", "5"}, 2, "at most 2"},
        WrongLine{{"sim", "--load", "much"}, 2, "\"much\""},
        WrongLine{{"sim", "--set", "nonsense=1"}, 2, "nonsense"},
        WrongLine{{"sim", "--config", "/no/such/file"}, 1, "/no/such/file"},
        WrongLine{{"sim", "sweep", "/no/such/file"}, 1, "/no/such/file"}));

TEST(Command, HelpIsThereForEverySubcommand) {
  for (const char* name : {"serve", "ping", "bench", "demo", "dump", "lab", "sim"}) {
    Command command({name, "--help"});
    EXPECT_EQ(command.wait(), 0);
    EXPECT_NE(command.output().find("Usage:"), std::string::npos) << name;
  }
}

TEST(Command, NobodyThereIsAnAnswerOfItsOwn) {
  Command ping({"ping", "127.0.0.1%" + udp_port(0) + ":4000", "-c", "2", "-i", "0", "--json"});
  EXPECT_EQ(ping.wait(), 1);
  const auto json = nlohmann::json::parse(ping.output(), nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << ping.output();
  EXPECT_EQ(json["sent"], 2);
  EXPECT_EQ(json["answered"], 0);
}

TEST(Command, ServesAndIsPinged) {
  Command serve({"serve", "--json", "--udp-port", udp_port(1), "--threads", "2", "--service-time",
                 "fixed:1ms"});
  ASSERT_TRUE(serve.prints("\"event\":\"ready\"")) << serve.output();
  Command ping({"ping", "127.0.0.1%" + udp_port(1), "-c", "20", "-i", "0", "--json"});
  EXPECT_EQ(ping.wait(), 0) << ping.output();
  const auto json = nlohmann::json::parse(ping.output(), nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << ping.output();
  EXPECT_EQ(json["answered"], 20);
  EXPECT_GE(json["min_us"], 1'000.0) << "the handler takes 1 ms";
  serve.interrupt();
  EXPECT_EQ(serve.wait(), 0);
  EXPECT_NE(serve.output().find("\"requests\":20"), std::string::npos) << serve.output();
}

TEST(Command, LoadsAServerThatIsNotPartOfTheBenchmark) {
  // Its responses are not what the benchmark's own servers answer.
  Command serve({"serve", "--udp-port", udp_port(2), "--response", "33"});
  ASSERT_TRUE(serve.prints("serving")) << serve.output();
  Command bench({"bench", "--server", "127.0.0.1%" + udp_port(2), "--prefix", "0102", "--workload",
                 "100", "--concurrency", "4", "--rpcs", "200", "--clients", "2", "--response", "33",
                 "--json", "-"});
  EXPECT_EQ(bench.wait(), 0) << bench.output();
  const auto json = nlohmann::json::parse(bench.output(), nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << bench.output();
  EXPECT_EQ(json["results"][0]["rpcs_finished"], 200);
  EXPECT_EQ(json["results"][0]["errors"], 0);
}

TEST(Command, HandlersThatTakeTimeAreServedInThreadsForEveryProtocol) {
  Command bench({"bench", "--loopback", "--hosts", "2", "--protocol", "homa,tcp", "--workload",
                 "100", "--concurrency", "8", "--rpcs", "400", "--service-time", "fixed:2ms",
                 "--server-threads", "8", "--json", "-"});
  EXPECT_EQ(bench.wait(), 0) << bench.output();
  const auto json = nlohmann::json::parse(bench.output(), nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << bench.output();
  ASSERT_EQ(json["results"].size(), 2U);
  for (const auto& result : json["results"]) {
    EXPECT_EQ(result["rpcs_finished"], 400) << result["protocol"];
    EXPECT_EQ(result["errors"], 0) << result["protocol"];
    EXPECT_GE(result["all"]["p50_us"], 2'000.0) << result["protocol"];
  }
}

TEST(Command, CtrlCEndsAPingThatWaits) {
  // A UDP socket that takes everything and answers nothing.
  Command serve({"serve", "--udp-port", udp_port(3), "--service-time", "fixed:1h"});
  ASSERT_TRUE(serve.prints("serving")) << serve.output();
  Command ping({"ping", "127.0.0.1%" + udp_port(3), "-W", "1h"});
  std::this_thread::sleep_for(300ms);
  const auto start = std::chrono::steady_clock::now();
  ping.interrupt();
  EXPECT_EQ(ping.wait(), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  EXPECT_NE(ping.output().find("0 requests"), std::string::npos) << ping.output();
}

TEST(Command, CtrlCEndsABenchmarkAsTheShellExpects) {
  Command bench({"bench", "--loopback", "--hosts", "2", "--duration", "1min"});
  ASSERT_TRUE(bench.prints("hosts on loopback")) << bench.output();
  bench.interrupt();
  EXPECT_EQ(bench.wait(), 130) << bench.output();
}

}  // namespace
}  // namespace homa::tools
