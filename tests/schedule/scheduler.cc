#include "schedule/scheduler.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace homa::schedule {
namespace {

thread_local Scheduler* this_scheduler = nullptr;
thread_local int this_task = -1;

}  // namespace

Scheduler::Scheduler(std::uint64_t seed, std::uint32_t one_in)
    : random_(seed), seed_(seed), one_in_(one_in) {}

Scheduler::~Scheduler() {
  for (const auto& task : tasks_) {
    if (task->thread.joinable()) task->thread.join();
  }
}

Scheduler* Scheduler::current() { return this_scheduler; }

int Scheduler::spawn(std::function<void()> body) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<int>(tasks_.size());
  tasks_.push_back(std::make_unique<Task>());
  tasks_.back()->body = std::move(body);
  tasks_.back()->thread = std::thread([this, index] { main_of(index); });
  return index;
}

void Scheduler::main_of(int index) {
  this_scheduler = this;
  this_task = index;
  Task* task = nullptr;
  {
    std::unique_lock lock(mutex_);
    task = tasks_[static_cast<std::size_t>(index)].get();
    task->turn.wait(lock, [&] { return task->running; });
  }
  task->body();
  task->ended = true;
  wake(task);
  this_scheduler = nullptr;
  std::unique_lock lock(mutex_);
  task->running = false;
  pass_to(choose());
}

void Scheduler::run() {
  std::unique_lock lock(mutex_);
  pass_to(choose());
  finished_.wait(lock, [this] { return all_ended_; });
}

// Under mutex_. Time passes when nobody can go on otherwise.
int Scheduler::choose() {
  for (;;) {
    std::vector<int> ready;
    Time next = kNever;
    bool all_ended = true;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const Task& task = *tasks_[i];
      if (task.ended) continue;
      all_ended = false;
      if (task.blocked_on == nullptr || task.until <= now_) {
        ready.push_back(static_cast<int>(i));
      } else {
        next = std::min(next, task.until);
      }
    }
    if (!ready.empty()) return ready[random_() % ready.size()];
    if (all_ended) return -1;
    if (next == kNever) {
      std::fprintf(stderr, "schedule %llu: every thread waits for ever\n",
                   static_cast<unsigned long long>(seed_));
      ::_exit(kStuck);
    }
    now_ = next;
  }
}

// Under mutex_.
void Scheduler::pass_to(int next) {
  if (next < 0) {
    all_ended_ = true;
    finished_.notify_all();
    return;
  }
  Task& task = *tasks_[static_cast<std::size_t>(next)];
  task.blocked_on = nullptr;
  task.running = true;
  task.turn.notify_one();
}

void Scheduler::switch_from(int index) {
  std::unique_lock lock(mutex_);
  const int next = choose();
  if (next == index) {
    tasks_[static_cast<std::size_t>(index)]->blocked_on = nullptr;
    return;
  }
  Task& task = *tasks_[static_cast<std::size_t>(index)];
  task.running = false;
  pass_to(next);
  task.turn.wait(lock, [&] { return task.running; });
}

void Scheduler::point() {
  if (random_() % one_in_ == 0) switch_from(this_task);
}

void Scheduler::yield() {
  now_ += Duration(1'000);  // who spins for a time gets there
  switch_from(this_task);
}

void Scheduler::block(const void* on, Time until) {
  Task& task = *tasks_[static_cast<std::size_t>(this_task)];
  task.blocked_on = on;
  task.until = until;
  switch_from(this_task);
}

void Scheduler::wake(const void* on) {
  for (const auto& task : tasks_) {
    if (task->blocked_on == on) task->blocked_on = nullptr;
  }
}

void Scheduler::join(int thread) {
  Task* const task = tasks_[static_cast<std::size_t>(thread)].get();
  while (!task->ended) block(task);
}

}  // namespace homa::schedule
