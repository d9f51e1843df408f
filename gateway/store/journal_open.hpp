// Opening the journal's database: sound, migrated, or moved aside and begun anew.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/journal.hpp"
#include "store/latch_record.hpp"
#include "store/sqlite.hpp"

namespace canary::store {

struct OpenedDatabase {
  Database database;
  std::vector<rollout::State> states;
  std::vector<FigureRow> figures;
  std::vector<OutboxRow> outbox;
  std::vector<CommandRow> commands;
  LatchRecord latch;
  bool first_start = false;
  bool lost = false;
  std::string kept_aside;
};

/// `existed`: a gateway ran here before, so that no database means a lost one.
base::Result<OpenedDatabase> open_database(const std::filesystem::path& state_dir,
                                           bool existed = false);

}  // namespace canary::store
