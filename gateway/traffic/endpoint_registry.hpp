// Gives every endpoint what must outlive a table: its name in the workers' pools, its cells, and
// what probes say of it. Kept while consecutive tables have the endpoint, then given away: however
// often addresses change, there is never more than two tables' worth. Control thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "traffic/routing_table.hpp"

namespace canary::traffic {

class EndpointRegistry {
 public:
  /// Between the two: what a new table has. What it does not have is forgotten at its end.
  void begin_table(std::size_t workers);
  /// The number of slots that are taken, or free below one that is.
  std::uint32_t end_table();

  /// Its address, authority, id and cells.
  Endpoint endpoint(const SocketAddress& address, const std::string& authority);
  std::shared_ptr<EndpointHealth> health(const std::string& model, const std::string& version,
                                         EndpointId id);

 private:
  template <class T>
  struct Kept {
    T value{};
    std::uint64_t round = 0;  // of the last table that has it
  };
  struct Named {
    EndpointId id;
    std::shared_ptr<stats::EndpointCells> cells;
  };
  std::uint32_t free_slot();

  std::map<std::pair<std::string, std::string>, Kept<Named>> named_;  // by address and authority
  std::map<std::tuple<std::string, std::string, std::uint32_t>,
           Kept<std::shared_ptr<EndpointHealth>>>
      health_;  // by model, version, serial
  std::vector<bool> taken_;
  std::uint32_t last_serial_ = 0;
  std::uint64_t round_ = 0;
  std::size_t workers_ = 1;
};

}  // namespace canary::traffic
