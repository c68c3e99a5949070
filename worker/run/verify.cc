// SPDX-License-Identifier: MIT
#include "worker/run/verify.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>

#include "worker/run/long_wait.h"
#include "worker/state/host_name.h"
#include "worker/verify/messages.h"

namespace certlatch {
namespace {

// A server that reloads goes on serving the old certificate for a moment.
constexpr std::chrono::seconds kPatience{5};
// The last place is asked about by then, and has answered, or is given up, so much later: a name that is
// looked up, a connection and a handshake may each take their time.
constexpr std::chrono::seconds kAsking{20}, kAnswering{35};
// Each is a thread of the verify process.
constexpr std::size_t kMostAtOnce = 64;

/// What to ask the server for: the host where that is a name of the certificate, or else its first name.
std::string server_name(const CertificateConfig& config, const Endpoint& endpoint) {
  if (!is_address(endpoint.host) && std::ranges::find(config.names, endpoint.host) != config.names.end())
    return endpoint.host;
  const auto first = std::ranges::find_if(
      config.names, [](const std::string& name) { return !is_address(name) && !name.starts_with('*'); });
  if (first != config.names.end()) return *first;
  return is_address(endpoint.host) ? "" : endpoint.host;
}

/// One place, until it has an answer.
struct Question {
  Served* of = nullptr;
  const Endpoint* endpoint = nullptr;
  std::optional<std::string> trouble = {};  // the answer; empty when all is well
  bool is_asked = false;
};

class Look {
 public:
  Look(Peers& peers, const StopSignal& stop, Report& report, std::chrono::milliseconds patience,
       std::vector<Served>& all)
      : peers_(peers),
        stop_(stop),
        patience_ends_(in(patience)),
        wait_(report, "verify", "waits for servers to show what is installed", all_ends_) {
    for (Served& served : all)
      for (const Endpoint& endpoint : served.config->verify) questions_.push_back({&served, &endpoint});
  }

  void carry_out() {
    while (ask_on() && under_way() > 0 && !stop_.is_requested()) take_answer();
    for (const Question& question : questions_)
      if (question.trouble) question.of->places.push_back({question.endpoint->text, *question.trouble});
    // All of them or none: what is known of a part says nothing of the certificate.
    for (const Question& question : questions_)
      if (!question.trouble) question.of->places.clear();
  }

 private:
  [[nodiscard]] std::size_t under_way() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        questions_, [](const Question& question) { return question.is_asked && !question.trouble; }));
  }

  /// Asks as many as may be asked at once; false when nobody can be asked.
  bool ask_on() {
    auto count = under_way();
    for (std::size_t i = 0; i < questions_.size() && count < most_; ++i) {
      Question& question = questions_[i];
      if (question.is_asked || question.trouble || std::chrono::steady_clock::now() >= asking_ends_) continue;
      if (!process_) {
        auto started = peers_.start_verify();
        if (!started) return answer_all(started.error().message);
        process_.emplace(std::move(*started));
      }
      question.is_asked = true;
      ++count;
      if (auto sent = process_->channel().send(VerifyOrder(order_for(question, i)), all_ends_); !sent) {
        lose(sent.error());
        count = 0;
      }
    }
    return true;
  }

  [[nodiscard]] CompareServed order_for(const Question& question, std::size_t place) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience_ends_ -
                                                                            std::chrono::steady_clock::now());
    const Endpoint& endpoint = *question.endpoint;
    return {static_cast<std::uint32_t>(place),
            endpoint.host,
            endpoint.port,
            endpoint.greeting,
            server_name(*question.of->config, endpoint),
            question.of->chain,
            static_cast<std::uint32_t>(std::max<std::int64_t>(left.count(), 0))};
  }

  void take_answer() {
    std::array<pollfd, 2> ready{pollfd{process_->channel().fd(), POLLIN, 0}, pollfd{stop_.fd(), POLLIN, 0}};
    const int n = ::poll(ready.data(), ready.size(), poll_time(wait_.or_sooner(all_ends_)));
    wait_.tell();
    if (n < 0 && errno == EINTR) return;
    if (n == 0 && std::chrono::steady_clock::now() < all_ends_) return;
    if (n == 0) return lose(Error::timed_out("no answer in time"));
    if (ready[0].revents == 0) return;
    const auto whole = process_->channel().fill();
    if (!whole) return lose(whole.error());
    if (!*whole) return;
    const auto answer = process_->channel().take<VerifyAnswer>();
    if (!answer) return lose(answer.error());
    const auto* compared = std::get_if<Compared>(&*answer);
    if (compared == nullptr || compared->id >= questions_.size() || !questions_[compared->id].is_asked)
      return lose(Error::invalid("an answer to another order"));
    questions_[compared->id].trouble = compared->is_same            ? ""
                                       : compared->sentence.empty() ? "another certificate is served"
                                                                    : compared->sentence;
  }

  /// The process is of no more use. Whose fault that is shows when they are asked about one by one.
  void lose(const Error& error) {
    const auto sentence = process_->explain(error).message;
    process_.reset();
    for (Question& question : questions_) {
      if (!question.is_asked || question.trouble) continue;
      question.is_asked = false;
      if (most_ == 1 || std::chrono::steady_clock::now() >= asking_ends_) question.trouble = sentence;
    }
    most_ = 1;
  }

  bool answer_all(const std::string& sentence) {
    for (Question& question : questions_)
      if (!question.trouble) question.trouble = sentence;
    return false;
  }

  Peers& peers_;
  const StopSignal& stop_;
  const Deadline patience_ends_, asking_ends_ = in(kAsking), all_ends_ = in(kAsking + kAnswering);
  std::size_t most_ = kMostAtOnce;
  std::vector<Question> questions_;
  std::optional<HelperProcess> process_;
  LongWait wait_;
};

void take(Run& run, Work& work, const Served& served) {
  const auto& name = work.config->name;
  run.report.step(name, "");
  if (served.places.empty())
    return run.report.detail(fmt::format("{}: there was no time to compare what is served", name));
  std::string troubles;
  for (const ServedPlace& place : served.places) {
    if (place.trouble.empty())
      run.report.detail(fmt::format("{}: served at {}", name, place.place));
    else
      troubles += fmt::format("{}{}: {}", troubles.empty() ? "" : "; ", place.place, place.trouble);
  }
  work.state.issued->verify_pending = !troubles.empty();
  if (troubles.empty()) {
    work.state.succeed(&CertificateState::verification);
    return run.save(work);
  }
  const auto sentence = "it is installed, but not served: " + troubles;
  work.state.verification = {work.state.verification.count + 1, run.now(), sentence};
  run.fail(work, Trouble::deployment, sentence);
}

}  // namespace

void look_at_served(Peers& peers, const StopSignal& stop, Report& report, std::chrono::milliseconds patience,
                    std::vector<Served>& all) {
  Look(peers, stop, report, patience, all).carry_out();
}

void verify_deployed(Run& run) {
  std::vector<Work*> due;
  for (Work& work : run.work) {
    // What this run has deployed is due by now as well.
    const Plan plan = plan_for(*work.config, work.state, run.now(), run.force);
    if (plan.verify.is_due(run.now()) && !run.stop.is_requested()) due.push_back(&work);
  }
  // Should the time not suffice for all, the next run begins with the others.
  std::ranges::stable_sort(due, {}, [](const Work* work) { return work->state.verification.last; });
  std::vector<Served> all;
  std::erase_if(due, [&](Work* work) {
    auto chain = run.store.load_chain(work->config->name);
    if (chain) all.push_back({work->config, std::move(*chain)});
    if (!chain) run.fail(*work, Trouble::other, chain.error().message);
    return !chain;
  });
  for (const Work* work : due) run.report.step(work->config->name, "is compared with what is served");
  look_at_served(run.peers, run.stop, run.report, kPatience, all);
  for (std::size_t i = 0; i < due.size(); ++i) take(run, *due[i], all[i]);
}

}  // namespace certlatch
