// Which endpoint of a version a request goes to: of two that are drawn the one with fewer requests
// in flight from this worker (Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing", 2001). One after another until one can be connected to, each at most once. Tells the
// worker's book how its tries ended. One per request and version, on the worker's stack.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "traffic/routing_table.hpp"
#include "upstream/ejection.hpp"
#include "upstream/endpoint_book.hpp"

namespace canary::upstream {

class EndpointChoice {
 public:
  struct Rules {
    std::uint32_t eject_after = 0;  // failed connects in a row; 0: no ejection
    /// Another version can answer when this one cannot: then nobody is tried against the evidence.
    bool has_stand_in = false;
  };
  /// What a worker has.
  struct Means {
    EndpointBook& book;
    base::Random& random;
    std::size_t worker = 0;
  };
  EndpointChoice(const traffic::Version& version, Rules rules, Means means)
      : version_(version), rules_(rules), means_(means) {}

  /// The next to try; nullptr: there is none left. Every one is followed by ended() or by an idle
  /// connection that is used, which only in_use() ones may.
  const traffic::Endpoint* next(MonoTime now) {
    if (tried_ != 0) return next_of_several(now);
    current_ = only(version_, means_.book);
    if (!current_) return next_of_several(now);
    tried_ = 1;
    return current_;
  }
  /// The usual case, which must cost next to nothing: the version has one endpoint, and nothing is
  /// against it. Else nullptr.
  static const traffic::Endpoint* only(const traffic::Version& version, EndpointBook& book) {
    if (version.endpoints.size() != 1) return nullptr;
    const traffic::Endpoint& only = version.endpoints.front();
    return sound(only, book) ? &only : nullptr;
  }
  bool in_use() const { return how_ == Try::in_use; }
  /// Whether stable can answer for a canary that is out: one of its endpoints is neither ejected
  /// nor fails its probes, and has answered one that was sent after the canary's began to fail. Or
  /// whose probes happen to come first would decide in an outage of both.
  static bool stands_in(const traffic::Version& stable, const traffic::Version& canary,
                        EndpointBook& book);
  /// How connecting to it ended: 0, ECANCELED when it was not our business to wait for it, or
  /// errno.
  void ended(int error, MonoTime now);
  /// One that was ejected takes connections again.
  bool brought_back() const { return brought_back_; }
  /// The last try failed for want of our own descriptors, ports or memory.
  bool out_of_resources() const { return out_of_resources_; }
  /// All were out from the beginning: a try, if there was one, was the last resort.
  bool all_out() const { return all_out_; }

 private:
  const traffic::Endpoint* next_of_several(MonoTime now);
  // Whom a request may be sent to, from strict to lenient.
  enum class Level : std::uint8_t { healthy, probes_ignored, last_resort };
  static bool probed_healthy(const traffic::Endpoint& endpoint) {
    return !endpoint.health || endpoint.health->healthy.load(std::memory_order_relaxed);
  }
  static bool sound(const traffic::Endpoint& endpoint, EndpointBook& book) {
    const EndpointBook::Entry* entry = book.find(endpoint.id);
    return entry && !entry->ejection.ejected() && probed_healthy(endpoint);
  }
  bool open(std::size_t index, MonoTime now) const;
  struct Two {
    std::size_t first, second;  // no_index: there is none
  };
  static constexpr std::size_t no_index = SIZE_MAX;
  Two draw(std::uint32_t count, MonoTime now);
  const traffic::Endpoint* pick(MonoTime now);
  const traffic::Endpoint* begin(std::size_t index);
  std::uint32_t load(std::size_t index) const;

  const traffic::Version& version_;
  Rules rules_;
  Means means_;
  // By index modulo 64: of a version with more endpoints some are left out once others have failed.
  std::uint64_t tried_ = 0;
  const traffic::Endpoint* current_ = nullptr;
  Level level_ = Level::healthy;
  Try how_ = Try::in_use;
  bool all_out_ = false, brought_back_ = false, out_of_resources_ = false;
  bool timed_out_ = false;  // it has waited for a connect: not also for those that are out
};

}  // namespace canary::upstream
