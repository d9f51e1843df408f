#include "base/reserved_path.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace canary;

TEST_CASE("the gateway's own paths are reserved in every spelling that a server may normalise") {
  for (const std::string path : {
           "/internal",
           "/internal/",
           "/internal/status",
           "/internal:x",
           "/ofrep/v1/evaluate",
           // case, empty and dot segments
           "/Internal/flags",
           "/INTERNAL",
           "/OFREP",
           "//internal/status",
           "///internal",
           "/./internal",
           "/a/../internal",
           "/a/b/../../internal/x",
           "/../internal",
           "/internal/../v1",
           "/a//../internal",
           "/.//internal",
           // percent-encoding, also several times over
           "/%69nternal/status",
           "/%49nternal",
           "/interna%6C",
           "/%2e/internal",
           "/a/%2e%2E/internal",
           "/%2569nternal",
           "/%252569nternal",
           "/%25%36%39nternal",
           "/a/%252e%252e/internal",
           // slashes in disguise, and beside what is a slash to some servers alone
           "/%2finternal",
           "/a/..%2finternal",
           "/a%2f..%2finternal",
           "/%5cinternal",
           "/\\internal",
           "\\internal",
           "/a\\..\\internal",
           "/internal%2fstatus",
           "/internal\\status",
           "/a%2fb/../internal",
           "/a\\b/../internal",
           "/x\\y/..%2finternal",
           "/x%5cy/..%2finternal/status",
           "/x%2fy\\..\\..\\internal",
           "/x%2fy/..\\internal",
           "/%252finternal",
           // parameters, and what some servers cut off
           "/internal;v=1",
           "/internal;v=1/status",
           "/;x/internal",
           "/a/..;/internal",
           "/a/..;x=1/internal",
           "/internal%3bx",
           "/internal.",
           "/internal...",
           "/internal%20",
           "/internal%2e",
           "/internal%00",
           "/internal%00.txt",
           "/internal%09/x",
           "/internal%3fx",
           "/internal%23x",
       }) {
    INFO(path);
    CHECK(base::is_reserved_path(path));
  }
}

TEST_CASE("other paths are not reserved") {
  for (const std::string path : {"/",
                                 "",
                                 "*",
                                 "/v1/models/internal:predict",
                                 "/internals",
                                 "/internal-x",
                                 "/x/internal",
                                 "/intern/al",
                                 "/ofreps",
                                 "/of/rep",
                                 "/i",
                                 "/o",
                                 "/infer",
                                 "/openai/v1",
                                 "/v1.0/predict",
                                 "/a/./internal",
                                 "/a/b/../internal",
                                 "/a%2finternal",
                                 "/%",
                                 "/%6",
                                 "/%zzinternal",
                                 "/100%25",
                                 "/v2/models/org%2Fname/infer",
                                 "/a;internal",
                                 "/x//internal",
                                 "/...//internal"}) {
    INFO(path);
    CHECK_FALSE(base::is_reserved_path(path));
  }
}
