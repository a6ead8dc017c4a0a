#include "tools/options/parse.h"

#include <gtest/gtest.h>

namespace homa::tools {
namespace {

// What is said about `homa WORDS...`; empty: it was accepted.
std::string said(std::vector<std::string> words) {
  CLI::App app{"A command", "homa"};
  app.require_subcommand(1);
  CLI::App* ping = app.add_subcommand("ping", "");
  std::string server;
  ping->add_option("server", server)->required();
  app.add_subcommand("serve", "");
  CLI::App* lab = app.add_subcommand("lab", "");
  lab->require_subcommand(1);
  lab->add_subcommand("up", "");
  lab->add_subcommand("down", "");
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
    return "";
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
}

TEST(UsageError, NamesASubcommandThatDoesNotExistAndTheOneThatWasMeant) {
  const std::string text = said({"pong"});
  EXPECT_EQ(text.find("homa: there is no subcommand 'pong'; did you mean ping?"), 0U) << text;
  EXPECT_NE(text.find("There are: ping, serve, lab"), std::string::npos) << text;
  EXPECT_EQ(said({"frobnicate"}).find("did you mean"), std::string::npos);
}

TEST(UsageError, SaysThatASubcommandIsMissing) {
  EXPECT_EQ(said({}).find("homa: say which subcommand"), 0U);
  EXPECT_EQ(said({"lab"}).find("homa lab: say which subcommand. There are: up, down"), 0U);
}

TEST(UsageError, BelongsToTheInnermostSubcommand) {
  EXPECT_EQ(said({"lab", "upp"}).find("homa lab: there is no subcommand 'upp'; did you mean up?"),
            0U);
  EXPECT_EQ(said({"ping"}).find("homa ping: server is required"), 0U);
  EXPECT_NE(said({"ping", "a:1", "--nonsense"}).find("--nonsense"), std::string::npos);
}

TEST(UsageError, TellsWhereHelpIs) {
  EXPECT_NE(said({"lab", "x"}).find("`homa lab --help`"), std::string::npos);
}

TEST(CommandLine, ARightOneIsAccepted) { EXPECT_EQ(said({"ping", "a:1"}), ""); }

}  // namespace
}  // namespace homa::tools
