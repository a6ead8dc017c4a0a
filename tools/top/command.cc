#include "tools/top/command.h"

#define NCURSES_NOMACROS  // its macros have the names of functions
#include <curses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "observe/engine_state.h"
#include "tools/options/quantity_option.h"
#include "tools/process/process.h"
#include "tools/top/screen.h"

namespace homa::tools {
namespace {

using std::chrono_literals::operator""ms;
using observe::EngineState;

constexpr const char* kName = "homa top";
constexpr int kKeyCheck = 50;  // milliseconds: how soon a key or Ctrl-C is noticed
constexpr int kColumnsLeast = 80;

Time clock_now() { return Time(std::chrono::steady_clock::now().time_since_epoch()); }

// A terminal in full-screen mode, as long as it exists.
class Terminal {
 public:
  Terminal() : screen_(::newterm(nullptr, stdout, stdin)) {
    if (!works()) return;
    ::cbreak();
    ::noecho();
    ::curs_set(0);
    ::keypad(stdscr, true);
    if (::has_colors()) {
      ::start_color();
      ::use_default_colors();
      ::init_pair(1, COLOR_RED, -1);
    }
  }
  ~Terminal() {
    if (!works()) return;
    ::endwin();
    ::delscreen(screen_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool works() const { return screen_ != nullptr; }
  static void show(const Looks& looks) {
    ::erase();
    const int columns = std::max(COLS, kColumnsLeast);  // what is too long is cut off
    const auto lines = screen(looks, static_cast<std::size_t>(columns),
                              static_cast<std::size_t>(std::max(LINES, 1)));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const attr_t look = lines[i].look == ScreenLine::Look::kTitle ? A_REVERSE
                          : lines[i].look == ScreenLine::Look::kBad
                              ? static_cast<attr_t>(COLOR_PAIR(1))
                              : A_NORMAL;
      ::attron(static_cast<int>(look));
      ::mvaddnstr(static_cast<int>(i), 0, lines[i].text.c_str(), COLS);
      ::attroff(static_cast<int>(look));
    }
    ::refresh();
  }
  // Until `until`, or a key that ends or changes something. False: it is to end.
  static bool wait(Time until) {
    while (!StopGuard::stop_requested() && !hung_up()) {
      ::timeout(kKeyCheck);
      const int key = ::getch();
      if (key == 'q' || key == 'Q') return false;
      if (key == KEY_RESIZE || key == ' ' || clock_now() >= until) return true;
    }
    return false;
  }

 private:
  // Nobody looks at it any more. The signal that says so may be ignored, as under nohup.
  static bool hung_up() {
    pollfd terminal{STDIN_FILENO, 0, 0};
    return ::poll(&terminal, 1, 0) > 0;
  }

  SCREEN* screen_;
};

int top(Duration interval) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return report_error(
        kName, {ErrorCode::kSystem, "it needs a terminal; `homa stat --watch` does without"});
  }
  const StopGuard guard;
  const Terminal terminal;
  if (!terminal.works()) {
    const char* const type = std::getenv("TERM");
    return report_error(
        kName, {ErrorCode::kSystem, std::string("cannot use a terminal of type ") +
                                        (type == nullptr ? "(none)" : type) + "; set TERM"});
  }
  const std::string folder = trace::state_folder();
  std::vector<EngineState> before = observe::read_states(folder, false);
  Time seen = clock_now();
  // The first look is soon, so that there is something to see.
  for (Time next = seen + std::min<Duration>(interval, 200ms); Terminal::wait(next);
       next = seen + interval) {
    std::vector<EngineState> now = observe::read_states(folder, false);
    const Time clock = clock_now();
    const double seconds = std::max(std::chrono::duration<double>(clock - seen).count(), 1e-3);
    Terminal::show({before, now, seconds, clock});
    before = std::move(now);
    seen = clock;
  }
  return kSuccess;
}

}  // namespace

void add_top_command(CLI::App& app, Run& run) {
  const auto interval = std::make_shared<Duration>(std::chrono::seconds(1));
  CLI::App* command = app.add_subcommand("top", "Live view of all engines of this host");
  add_duration(*command, "--interval,-i", *interval, {100ms, std::chrono::hours(1)},
               "between two looks; a bare number is seconds");
  command->footer(
      "  homa top\n"
      "Engines by RPCs per second, latencies by size, the latest errors, the slowest RPCs. Space\n"
      "looks at once, q ends. Red: packets were sent again or dropped, or RPCs failed.");
  command->callback([interval, &run] { run = [interval] { return top(*interval); }; });
}

}  // namespace homa::tools
