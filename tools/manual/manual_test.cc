// Man pages and completions of a small command line. tests/manual does it for the real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/manual/completion.h"
#include "tools/manual/describe.h"
#include "tools/manual/man_page.h"

namespace homa::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Manual : public ::testing::Test {
 protected:
  Manual() {
    app_.require_subcommand(1);
    CLI::App* send = app_.add_subcommand("send", "it's .good: [see]");
    send->add_option("-c,--count", count_, "how many")
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
    send->add_flag("--quiet", quiet_, "say nothing")->group("Talk");
    send->add_option("--secret", file_, "nobody's business")->group("");
    send->add_option("file", file_, "what to send")->required()->envname("SEND_FILE");
    send->footer("About sending.\n  tool send -c 3 FILE\n.it's over");
    CLI::App* deep = app_.add_subcommand("deep", "nested");
    deep->add_subcommand("down", "deeper")->add_flag("--far", far_, "further");
    app_.add_subcommand("hidden", "not shown")->group("");
  }

  CLI::App app_{"A tool", "tool"};
  int count_ = 2;
  std::string file_;
  bool quiet_ = false;
  bool far_ = false;
};

TEST_F(Manual, DescribesWhatTheCommandLineUnderstands) {
  const CommandText root = describe(app_);
  EXPECT_TRUE(root.needs_command);
  ASSERT_EQ(root.commands.size(), 2U);
  const CommandText& send = root.commands[0];
  EXPECT_EQ(send.words, "tool send");
  ASSERT_EQ(send.options.size(), 3U);  // with --help
  const OptionText& count = send.options[1];
  EXPECT_EQ(count.names, (std::vector<std::string>{"-c", "--count"}));
  EXPECT_EQ(count.value, "INT");
  EXPECT_EQ(count.limits, "1 to 9");
  EXPECT_EQ(count.preset, "2");
  EXPECT_EQ(send.options[2].value, "");
  EXPECT_EQ(send.options[2].group, "Talk");
  ASSERT_EQ(send.positionals.size(), 1U);
  EXPECT_EQ(send.positionals[0].names, (std::vector<std::string>{"file"}));
  EXPECT_EQ(send.positionals[0].environment, "SEND_FILE");
  EXPECT_TRUE(send.positionals[0].required);
  EXPECT_EQ(root.commands[1].commands[0].words, "tool deep down");
}

TEST_F(Manual, APageHasEverythingThatHelpHas) {
  const CommandText root = describe(app_);
  const std::string page = man_page(root.commands[0], root, {"1.2", "2026-11-27"});
  EXPECT_THAT(page, HasSubstr(".TH TOOL\\-SEND 1 \"2026-11-27\" \"homa 1.2\" \"Homa\"\n"));
  EXPECT_THAT(page, HasSubstr("tool\\-send \\- it\\(aqs .good: [see]\n"));
  EXPECT_THAT(page, HasSubstr("\\fBtool send\\fR [\\fIOPTIONS\\fR] \\fIfile\\fR\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n\\fB\\-c\\fR, \\fB\\-\\-count\\fR \\fIINT\\fR\n"
                              "How many. 1 to 9. Default: 2.\n"));
  EXPECT_THAT(page, HasSubstr(".SS Talk\n.TP\n\\fB\\-\\-quiet\\fR\nSay nothing.\n"));
  EXPECT_THAT(page, HasSubstr("What to send. Environment: SEND_FILE.\n"));
  EXPECT_THAT(page, HasSubstr("About sending.\n.PP\n.nf\n  tool send \\-c 3 FILE\n.fi\n.PP\n"
                              "\\&.it\\(aqs over\n"));
  EXPECT_THAT(page, HasSubstr(".BR tool\\-deep (1),\n"));
  EXPECT_THAT(page, Not(HasSubstr("secret")));
  EXPECT_THAT(man_page(root.commands[1], root, {}), HasSubstr("\\fB\\-\\-far\\fR\nFurther.\n"));
  EXPECT_THAT(man_page(root, root, {}), Not(HasSubstr("hidden")));
}

TEST(Troff, ShowsTextUnchanged) {
  EXPECT_EQ(troff("a-b"), "a\\-b");
  EXPECT_EQ(troff("\\n"), "\\en");
  EXPECT_EQ(troff(".x\n'y\nz.'"), "\\&.x\n\\&\\(aqy\nz.\\(aq");
}

TEST_F(Manual, BashKnowsCommandsAndOptions) {
  const std::string text = bash_completion(describe(app_));
  EXPECT_THAT(text, HasSubstr("\"tool send\" | \\\n        \"tool deep\" | \\\n"));
  EXPECT_THAT(text, HasSubstr("\"tool send\")\n      commands=''\n"
                              "      options='-h --help -c --count --quiet'\n"
                              "      valued='-c --count' ;;\n"));
  EXPECT_THAT(text, HasSubstr("\"tool deep\")\n      commands='down'\n"));
}

TEST_F(Manual, ZshQuotesWhatItShows) {
  const std::string text = zsh_completion(describe(app_));
  EXPECT_THAT(text, HasSubstr("send\\:'\\''it'\\''\\'\\'''\\''s .good\\: \\[see\\]'\\''"));
  EXPECT_THAT(text, HasSubstr("'(-c --count)--count[how many]:INT:_files'"));
  EXPECT_THAT(text, HasSubstr("_tool_deep_down() {\n  _arguments -s"));
}

}  // namespace
}  // namespace homa::tools
