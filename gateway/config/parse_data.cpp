// data, admin, observe, access_log: where the gateway listens and what it writes down.
#include "base/text.hpp"
#include "config/address.hpp"
#include "config/host.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

constexpr std::uint64_t KiB = 1 << 10;
constexpr std::uint64_t MiB = 1 << 20;
constexpr std::uint64_t TiB = 1ull << 40;

void read_path(const Field& field, std::filesystem::path& out) {
  std::string text = out.string();
  field.text(text, is_file_path, file_path_rule);
  out = text;
}

void read_listen(const Field& field, std::vector<ListenAddress>& out) {
  if (!field.present()) return;
  out.clear();
  field.one_or_more([&](const Field& element) {
    ListenAddress address;
    element.parsed(address, parse_listen_address);
    if (address.host.empty()) return;
    const bool again = std::find(out.begin(), out.end(), address) != out.end();
    if (again && address.port != 0) element.problem("each address once");
    out.push_back(std::move(address));
  });
  if (field.is_empty_list()) field.problem("at least one address");
}

void read_workers(const Field& field, std::uint32_t& out) {
  const std::string* word = field.scalar("auto or a whole number 1..256");
  if (!word || *word == "auto") return;
  field.number(out, {1, 256}, "auto or ");
}

}  // namespace

void read_data(Section& data, DataPlane& out) {
  read_listen(data["listen"], out.listen);
  read_workers(data["workers"], out.workers);
  data["timeouts"].section([&](Section& timeouts) {
    timeouts["header"].duration(out.timeouts.header, positive);
    timeouts["body_idle"].duration(out.timeouts.body_idle, positive);
    timeouts["keepalive_idle"].duration(out.timeouts.keepalive_idle, positive);
  });
  data["limits"].section([&](Section& limits) {
    // A request line of 8000 octets must fit (RFC 9112, 3).
    limits["header_bytes"].size(out.limits.header_bytes, {8 * KiB, 1 * MiB});
    limits["header_count"].number(out.limits.header_count, {1, 256});
    limits["request_body"].size(out.limits.request_body, {0, 1 * TiB});
    limits["connections"].number(out.limits.connections, {1, 1'000'000});
    limits["min_rate"].size(out.limits.min_rate, {0, 1 * MiB});
  });
  data["trusted_proxies"].list([&](const Field& element) {
    element.parsed(out.trusted_proxies.emplace_back(), parse_address_block);
  });
  data["dns_refresh"].duration(out.dns_refresh, {1s, 24h});
}

void read_admin(Section& admin, Admin& out) {
  admin["listen"].parsed(out.listen, parse_listen_address);
  admin["url"].parsed(out.url, parse_base_url);
  read_path(admin["token_file"], out.token_file);
  admin["allowed_hosts"].list([&](const Field& element) {
    element.parsed(out.allowed_hosts.emplace_back(), parse_authority);
    out.allowed_hosts.back() = base::lower(out.allowed_hosts.back());
  });
}

void read_observe(Section& observe, Observe& out) {
  observe.required("listen", "a numeric address and a port")
      .parsed(out.listen, parse_listen_address);
}

void read_access_log(Section& log, AccessLog& out) {
  read_path(log.required("path", file_path_rule), out.path);
  log["format"].only("json");
  log["sample"].weight(out.sample);
}

}  // namespace canary::config
