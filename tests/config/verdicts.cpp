// What the parser thinks. Without arguments: reads documents from the standard input, each ended by
// a NUL, and answers each with its errors, one per line, and a line `.`. With --keys: every key of
// the file, a `-` before those that are refused whatever their value.
#include <iostream>
#include <string>

#include "config/load.hpp"

int main(int argc, char** argv) {
  using namespace canary::config;
  if (argc > 1 && std::string(argv[1]) == "--keys") {
    for (const auto& key : known_keys())
      std::cout << (key.supported ? "" : "-") << key.path << "\n";
    return 0;
  }
  std::string text;
  while (std::getline(std::cin, text, '\0')) {
    for (const auto& problem : load(text).errors) std::cout << problem.to_string("doc") << "\n";
    std::cout << ".\n";
  }
}
