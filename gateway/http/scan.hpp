// The scanner under both heads: runs of bytes of one class, found without asking where the head
// ends. A whole head ends in CRLF CRLF, and CR is in no class: every run ends inside the head.
#pragma once

#include <string_view>

#include "http/syntax.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace canary::http {

/// Whether the scanner may run over it: one whole head, or a head and something behind it.
inline bool ends_as_head(std::string_view head) { return head.ends_with("\r\n\r\n"); }

inline bool at_crlf(const char* p) { return p[0] == '\r' && p[1] == '\n'; }

/// Behind the token at `p`.
inline const char* skip_token(const char* p) {
  while (is_tchar(*p)) ++p;
  return p;
}

/// Behind the bytes at `p` that a request target may have: visible ASCII, no fragment.
inline const char* skip_target(const char* p) {
  while (is_target_char(*p)) ++p;
  return p;
}

inline const char* skip_blanks(const char* p) {
  while (*p == ' ' || *p == '\t') ++p;
  return p;
}

/// Behind the bytes at `p` that a field's value may have. `end`: the head's.
inline const char* skip_value(const char* p, const char* end) {
#ifdef __SSE2__
  const __m128i controls = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, controls), bytes);
    const __m128i ends = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                      _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(ends);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (p != end && is_field_char(*p)) ++p;
  return p;
}

}  // namespace canary::http
