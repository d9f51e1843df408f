// Takes up the configuration file: parse -> validate -> what a reload may not change -> what is
// remembered -> adopt. Any problem keeps the old configuration and says so. One at a time: requests
// that come meanwhile share the next one. A file that may be unfinished is held back, unless
// somebody asks for it. Control thread; the file is read on another one (control/config_file).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/adopter.hpp"
#include "control/config_file.hpp"

namespace canary::control {

class Reloader {
 public:
  Reloader(Core& core, Adopter& adopter, ConfigFile& file)
      : core_(core), adopter_(adopter), file_(file) {}

  /// Reads and takes up the file as it is, also when it was refused or held before. 503 when the
  /// file system does not answer.
  void request(std::string actor, Done done);
  /// What the file's thread saw: taken up when it is news and may be believed.
  void seen(const Look& look);
  /// The file system does not answer.
  void stuck();

 private:
  struct Waiting {
    std::string actor;
    Done done;
  };
  static constexpr std::size_t capacity = 1024;

  void read();
  void consider(const Look& look);
  std::string reason_to_hold(const Look& look);
  void hold(const std::string& reason);
  void take_by_itself(const base::Result<base::FileText>& file);
  void take(const base::Result<base::FileText>& file);
  void refuse(int status, const std::vector<std::string>& problems);
  void finish(const Outcome& outcome);
  std::string stuck_text() const;

  Core& core_;
  Adopter& adopter_;
  ConfigFile& file_;
  bool running_ = false;
  bool reading_ = false;  // it waits for the file
  std::vector<Waiting> waiting_, served_;
  std::string present_;                 // the text of the reload that runs
  std::optional<std::string> refused_;  // the text last refused
  std::optional<Look> later_;           // what was seen while a reload ran
  std::string unread_;                  // why the file could not be read at the last look
  // The text that ends early and is held, and since when.
  std::string cut_;
  base::MonoTime cut_since_{};
  bool lowers_by_cut_ = false;  // the reload that runs takes up such a text after all
};

}  // namespace canary::control
