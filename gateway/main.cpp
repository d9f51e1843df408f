#include <cstdio>

#include "base/version.hpp"

int main() {
  std::printf("canary-gateway %s (%s)\n", canary::base::version().data(),
              canary::base::commit().data());
}
