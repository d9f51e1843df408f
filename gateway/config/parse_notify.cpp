// notify: whom to tell, and of what.
#include <algorithm>

#include "config/address.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"

namespace canary::config {
namespace {

void read_kinds(const Field& field, std::vector<NoticeKind>& out) {
  field.list([&](const Field& element) {
    std::optional<NoticeKind> kind;
    element.choice<std::optional<NoticeKind>>(kind, {{"rollback", NoticeKind::rollback},
                                                     {"step", NoticeKind::step},
                                                     {"phase", NoticeKind::phase},
                                                     {"hold", NoticeKind::hold},
                                                     {"promoted", NoticeKind::promoted},
                                                     {"reminder", NoticeKind::reminder},
                                                     {"complaint", NoticeKind::complaint},
                                                     {"command", NoticeKind::command}});
    if (!kind) return;
    if (std::find(out.begin(), out.end(), *kind) != out.end()) element.problem("each word once");
    out.push_back(*kind);
  });
  if (field.is_empty_list()) field.problem("at least one word, or no key: then it is told all");
}

void read_receiver(Section& section, Notify& out) {
  using Kind = Notify::Kind;
  std::optional<Kind> kind;
  section.required("kind", "slack, webhook or log")
      .choice<std::optional<Kind>>(
          kind, {{"slack", Kind::slack}, {"webhook", Kind::webhook}, {"log", Kind::log}});
  out.kind = kind.value_or(Kind::log);
  const bool sends = kind && kind != Kind::log;
  const Field url_env = section["url_env"];
  const Field url = sends && !url_env.present()
                        ? section.required("url", "a URL, or url_env beside kind")
                        : section["url"];
  url.parsed(out.url, parse_web_url);
  url_env.text(out.url_env, is_variable, variable_rule);
  if (sends && url.present()) url_env.problem("url or url_env, not both");
  const Field channel = section["channel"];
  channel.text(out.channel, is_channel, channel_rule);
  const Field secret_env = section["secret_env"];
  secret_env.text(out.secret_env, is_variable, variable_rule);
  if (kind && kind != Kind::slack) channel.problem("no channel: only slack has them");
  if (kind && kind != Kind::webhook) secret_env.problem("no secret: only a webhook is signed");
  if (kind == Kind::log)
    for (const Field* field : {&url, &url_env}) field->problem("no URL: this is the gateway's log");
  read_kinds(section["on"], out.on);
}

}  // namespace

void read_notify(const Field& list, std::vector<Notify>& out) {
  list.list([&](const Field& element) {
    if (out.size() == max_receivers) element.problem("at most 16 receivers");
    if (out.size() >= max_receivers) return;
    element.section([&](Section& section) { read_receiver(section, out.emplace_back()); });
  });
}

}  // namespace canary::config
