// Reads the configuration file again: parse -> validate -> what a reload may not change -> what is
// remembered -> adopt. Any problem keeps the old configuration and says so. One at a time: requests
// that come meanwhile share the next one. Control thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/adopter.hpp"

namespace canary::control {

/// The file's text; an error when it cannot be read or is larger than 1 MiB.
base::Result<std::string> read_config(const std::string& path);

class Reloader {
 public:
  Reloader(Core& core, Adopter& adopter) : core_(core), adopter_(adopter) {}

  /// Reads and takes up the file, also when it was refused before.
  void request(std::string actor, Done done);
  /// The same when the text is neither the one in force nor the one last refused.
  void look();

 private:
  struct Waiting {
    std::string actor;
    Done done;
  };
  static constexpr std::size_t capacity = 1024;

  void run();
  void refuse(int status, const std::vector<std::string>& problems);
  void finish(const Outcome& outcome);

  Core& core_;
  Adopter& adopter_;
  bool running_ = false;
  std::vector<Waiting> waiting_, served_;
  std::string present_;                 // the text of the reload that runs
  std::optional<std::string> refused_;  // the text last refused
  bool look_again_ = false;             // a look came while a reload ran
  std::string unread_;                  // why the file could not be read at the last look
};

}  // namespace canary::control
