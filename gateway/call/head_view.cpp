#include "call/head_view.hpp"

#include "base/text.hpp"

namespace canary::call {

std::string_view HeadView::next_header(std::string_view name, std::size_t& at) const {
  const auto fields = head_.fields();
  while (at < fields.size()) {
    const http::Field& field = fields[at++];
    // Most clients spell it as the file does.
    if (field.name == name || base::iequals(field.name, name)) return field.value;
  }
  return {};
}

std::string_view HeadView::client_address() const {
  traffic::ClientWalk walk(trusted_, bytes_);
  if (walk.done()) return peer_;
  const auto fields = head_.fields();
  for (std::size_t i = fields.size(); i-- > 0 && !walk.done();)
    if (fields[i].kind == http::FieldKind::forwarded_for) walk.take(fields[i].value);
  return config::write_ip(walk.client(), text_);
}

}  // namespace canary::call
