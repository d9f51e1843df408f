#include "analysis/verdict.hpp"

namespace canary::analysis {

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::success:
      return "success";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::failure:
      return "failure";
    case Verdict::error:
      return "error";
  }
  return "error";
}

}  // namespace canary::analysis
